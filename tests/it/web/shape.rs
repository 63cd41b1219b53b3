//! Holds answers against the schemas of the description, strictly: what is not described is a mistake too.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate};
use serde_json::Value;

/// What an answer shows of the description.
pub(super) struct Shapes {
    document: Value,
    /// `Item.title` for each member that was seen with a value.
    pub(super) seen: BTreeSet<String>,
}

impl Shapes {
    pub(super) fn of(document: Value) -> Self {
        Self { document, seen: BTreeSet::new() }
    }

    /// Members of described objects that were never seen with a value.
    pub(super) fn unseen(&self) -> Vec<String> {
        let schemas = self.document["components"]["schemas"].as_object().expect("schemas");
        let all = schemas.iter().filter(|(name, _)| *name != "Problem").flat_map(|(name, schema)| {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(move |(member, _)| format!("{name}.{member}"))
        });
        all.filter(|member| !self.seen.contains(member)).collect()
    }

    /// Checks the answer to a GET of a described path.
    pub(super) fn check_answer(&mut self, path: &str, answer: &Value) {
        let operation = &self.document["paths"][path]["get"];
        let schema = operation["responses"]["200"]["content"]["application/json"]["schema"].clone();
        assert!(schema.is_object(), "{path} is described");
        self.check(&schema, answer, path, None);
    }

    fn check(&mut self, schema: &Value, value: &Value, at: &str, object: Option<&str>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.strip_prefix("#/components/schemas/").expect("a schema");
            let schema = self.document["components"]["schemas"][name].clone();
            assert!(schema.is_object(), "{name} is described");
            return self.check(&schema, value, at, Some(name));
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let null = any.iter().any(|one| one["type"] == "null");
            assert!(null && any.len() == 2, "{at}: only null stands beside a type");
            if !value.is_null() {
                self.check(&any[0], value, at, None);
            }
            return;
        }
        if let Some(words) = schema["enum"].as_array() {
            assert!(words.contains(value), "{at}: {value} is none of {words:?}");
        }
        let text = value.as_str().unwrap_or_default();
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), None) => assert!(value.is_string(), "{at}: {value}"),
            (Some("string"), Some("date")) => {
                assert!(text.len() == 10 && text.parse::<NaiveDate>().is_ok(), "{at}: {value}");
            }
            (Some("string"), Some("date-time")) => {
                assert!(
                    text.len() == "2026-03-31T15:00:00.000000Z".len() && text.ends_with('Z'),
                    "{at}: {value}"
                );
                assert!(DateTime::parse_from_rfc3339(text).is_ok(), "{at}: {value}");
            }
            (Some("integer"), None) => assert!(value.is_u64(), "{at}: {value}"),
            (Some("boolean"), None) => assert!(value.is_boolean(), "{at}: {value}"),
            (Some("array"), None) => {
                for one in value.as_array().expect(at) {
                    self.check(&schema["items"], one, at, None);
                }
            }
            (Some("object"), None) => self.check_object(schema, value, at, object),
            // Only a page's `next`.
            (None, None) => assert!(value.is_string() || value.is_null(), "{at}: {value}"),
            other => panic!("{at}: {other:?} is described, and not understood here"),
        }
    }

    fn check_object(&mut self, schema: &Value, value: &Value, at: &str, object: Option<&str>) {
        let members = value.as_object().expect(at);
        if let Some(each) = schema["additionalProperties"].as_object() {
            for (name, one) in members {
                self.check(&Value::Object(each.clone()), one, &format!("{at}/{name}"), None);
            }
            return;
        }
        let described = schema["properties"].as_object().expect("members are described");
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let names: BTreeSet<&str> = members.keys().map(String::as_str).collect();
        assert_eq!(names, required.iter().copied().collect(), "{at}: every member is there and required");
        assert_eq!(names, described.keys().map(String::as_str).collect(), "{at}: every member is described");
        for (name, one) in members {
            self.check(&described[name], one, &format!("{at}/{name}"), None);
            let empty = one.is_null() || one.as_array().is_some_and(Vec::is_empty);
            if let Some(object) = object
                && !empty
            {
                self.seen.insert(format!("{object}.{name}"));
            }
        }
    }
}
