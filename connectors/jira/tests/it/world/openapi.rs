//! Holds every exchange with the fake to Atlassian's own description of the API, where that file is at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use connector_jira::fake::{Exchange, Watch};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Calls of ours that the description at hand leaves out.
const NOT_DESCRIBED: [&str; 1] = ["/rest/api/3/attachment/content/"];
/// Statuses that any call may answer: credentials, limits, and what a site lacks.
const ANYWHERE: [u16; 6] = [401, 403, 409, 429, 501, 503];

/// Panics at the first exchange that the description does not allow. None where the file is absent.
pub(crate) fn watch() -> Option<Watch> {
    static KNOWN: OnceLock<Option<Arc<Described>>> = OnceLock::new();
    let described = KNOWN.get_or_init(|| load().map(Arc::new)).clone()?;
    Some(Arc::new(move |exchange| described.hold(exchange)))
}

fn load() -> Option<Described> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("POAM_SHARED_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = root.join("trackers/jira-openapi-slim.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: no description of Jira's API at {}", file.display());
        return None;
    };
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    plain(&mut document);
    Some(Described { document, validators: Mutex::default() })
}

/// The words of OpenAPI 3.0 that JSON Schema lacks, in those that it has.
fn plain(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.remove("nullable") == Some(json!(true))
                && let Some(kind) = members.get("type").cloned()
            {
                members.insert("type".to_owned(), json!([kind, "null"]));
            }
            members.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Answers hold nulls wherever a value may be absent; the description says so in few places.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

struct Described {
    document: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Described {
    fn hold(&self, exchange: &Exchange) {
        let path = exchange.uri.path();
        if !path.contains("/rest/api/3/") || NOT_DESCRIBED.iter().any(|known| path.contains(known)) {
            return;
        }
        let name = format!("{} {path} {}", exchange.method, exchange.status);
        let (template, operation) = self.operation(exchange);
        let described: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for (key, _) in url::form_urlencoded::parse(exchange.uri.query().unwrap_or_default().as_bytes()) {
            assert!(described.contains(&*key), "{name}: the query parameter {key} is not described");
        }
        let key = format!("{} {template}", exchange.method);
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if body.is_null() {
            assert!(exchange.request.is_empty(), "{name}: a body where none is described");
        } else {
            let sent = serde_json::from_slice(&exchange.request).expect("a request of JSON");
            self.fits(&format!("{key} request"), body, &sent, &name);
        }
        let answer = &operation["responses"][exchange.status.to_string()];
        if answer.is_null() {
            assert!(ANYWHERE.contains(&exchange.status), "{name}: the status is not described");
            return;
        }
        let schema = &answer["content"]["application/json"]["schema"];
        if !schema.is_null() && !exchange.answer.is_empty() {
            let mut given = serde_json::from_slice(&exchange.answer).expect("an answer of JSON");
            without_nulls(&mut given);
            self.fits(&format!("{key} {}", exchange.status), schema, &given, &name);
        }
    }

    /// The operation that was called: of several that fit, the one with the fewest variable parts.
    fn operation(&self, exchange: &Exchange) -> (&str, &Value) {
        let path = exchange.uri.path();
        let path = path.find("/rest/").map_or(path, |at| &path[at..]);
        let method = exchange.method.as_str().to_lowercase();
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let named: Vec<&str> = template.split('/').collect();
            named.len() == parts.len()
                && named.iter().zip(&parts).all(|(name, part)| name.starts_with('{') || name == part)
        };
        let paths = self.document["paths"].as_object().expect("paths");
        let found = paths.iter().filter(|(template, calls)| fits(template) && calls.get(&method).is_some());
        let (template, calls) = found
            .min_by_key(|(template, _)| template.matches('{').count())
            .unwrap_or_else(|| panic!("{method} {path} is not described"));
        (template, &calls[&method])
    }

    fn fits(&self, key: &str, schema: &Value, instance: &Value, name: &str) {
        let validator = {
            let mut known = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            // Jira's times are ISO 8601, and not those of RFC 3339 that the word `date-time` means.
            let options = jsonschema::options().with_draft(jsonschema::Draft::Draft7);
            let options = options.should_validate_formats(false);
            let new = || Arc::new(options.build(&self.whole(schema)).expect("a schema"));
            Arc::clone(known.entry(key.to_owned()).or_insert_with(new))
        };
        let wrong: Vec<String> =
            validator.iter_errors(instance).map(|e| format!("{} at {}", e, e.instance_path())).collect();
        assert!(wrong.is_empty(), "{name} ({key}): {wrong:#?}\n{instance:#}");
    }

    /// A schema with all that it refers to.
    fn whole(&self, schema: &Value) -> Value {
        let mut schemas = Map::new();
        let mut waiting = vec![schema];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Object(members) => {
                    let name = members.get("$ref").and_then(Value::as_str);
                    let name = name.and_then(|name| name.strip_prefix("#/components/schemas/"));
                    if let Some(name) = name.filter(|name| !schemas.contains_key(*name)) {
                        let referred = &self.document["components"]["schemas"][name];
                        schemas.insert(name.to_owned(), referred.clone());
                        waiting.push(referred);
                    }
                    waiting.extend(members.values());
                }
                Value::Array(items) => waiting.extend(items),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        json!({"allOf": [schema], "components": {"schemas": schemas}})
    }
}
