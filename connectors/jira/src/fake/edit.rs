//! What the API lets a caller write into an issue, checked as Jira checks it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use connector_api::Account;
use serde_json::{Map, Value, json};

use super::site::{Issue, Project, Site};

/// Changes that were checked and are ready to be made.
pub(super) type Edits = Vec<Edit>;

/// One of them.
type Edit = Box<dyn FnOnce(&mut Issue)>;

/// What is wrong, by field.
pub(super) type Errors = BTreeMap<String, String>;

pub(super) fn refused(errors: &Errors) -> Value {
    json!({"errorMessages": [], "errors": errors})
}

fn off_screen(field: &str) -> String {
    format!("Field '{field}' cannot be set. It is not on the appropriate screen, or unknown.")
}

impl Site {
    /// Reads `fields` and `update` of a request.
    pub(super) fn edits(&self, project: &Project, body: &Value) -> Result<Edits, Errors> {
        let mut edits = Edits::new();
        let mut errors = Errors::new();
        let none = Map::new();
        for (field, value) in body["fields"].as_object().unwrap_or(&none) {
            match self.field(project, field, value) {
                Ok(edit) => edits.extend(edit),
                Err(why) => {
                    errors.insert(field.clone(), why);
                }
            }
        }
        for (field, operations) in body["update"].as_object().unwrap_or(&none) {
            for operation in operations.as_array().into_iter().flatten() {
                match update(field, operation) {
                    Ok(edit) => edits.extend(edit),
                    Err(why) => {
                        errors.insert(field.clone(), why);
                    }
                }
            }
        }
        if errors.is_empty() { Ok(edits) } else { Err(errors) }
    }

    fn field(&self, project: &Project, field: &str, value: &Value) -> Result<Option<Edit>, String> {
        let edit: Edit = match field {
            "project" | "issuetype" | "resolution" | "priority" | "reporter" | "components" => {
                return Ok(None);
            }
            "summary" => {
                let text = value.as_str().unwrap_or_default().to_owned();
                if text.trim().is_empty() {
                    return Err("You must specify a summary of the issue.".to_owned());
                }
                if text.contains(['\n', '\r']) {
                    return Err("The summary is invalid because it contains newline characters.".to_owned());
                }
                if text.chars().count() > 255 {
                    return Err("Summary must be less than 255 characters.".to_owned());
                }
                Box::new(move |issue| issue.summary = text)
            }
            "description" => {
                let text = self.rich_text(value)?;
                Box::new(move |issue| issue.description = text)
            }
            "labels" => {
                let mut labels = std::collections::BTreeSet::new();
                for value in value.as_array().into_iter().flatten() {
                    labels.insert(label(value)?);
                }
                Box::new(move |issue| issue.labels = labels)
            }
            "assignee" => {
                let assignee = self.assignee(project, value)?;
                Box::new(move |issue| issue.assignee = assignee)
            }
            "duedate" if project.due_field.as_deref() == Some("duedate") => {
                let due = day(value)?;
                Box::new(move |issue| issue.due = due)
            }
            "fixVersions" => {
                let names = value.as_array().into_iter().flatten();
                let names: Vec<String> =
                    names.filter_map(|v| v["name"].as_str()).map(str::to_owned).collect();
                if let Some(unknown) = names.iter().find(|name| !project.versions.contains_key(*name)) {
                    return Err(format!("Version name '{unknown}' is not valid"));
                }
                Box::new(move |issue| issue.versions = names.into_iter().collect())
            }
            field if project.due_field.as_deref() == Some(field) => {
                let due = day(value)?;
                let field = field.to_owned();
                Box::new(move |issue| {
                    issue.custom.insert(field, json!(due.map(|day| day.to_string())));
                })
            }
            field if project.fields.contains_key(field) => {
                let (field, value) = (field.to_owned(), value.clone());
                Box::new(move |issue| {
                    issue.custom.insert(field, value);
                })
            }
            field => return Err(off_screen(field)),
        };
        Ok(Some(edit))
    }

    /// Rich text in the form of this flavour.
    pub(super) fn rich_text(&self, value: &Value) -> Result<Value, String> {
        let document = value["type"] == "doc" && value["version"] == 1 && value["content"].is_array();
        if value.is_null() || value == "" && !self.cloud() {
            return Ok(Value::Null);
        }
        match (self.cloud(), document, value.is_string()) {
            (true, true, _) | (false, _, true) => Ok(value.clone()),
            (true, ..) => {
                Err("Operation value must be an Atlassian Document (see the Atlassian Document Format)"
                    .to_owned())
            }
            (false, ..) => Err("Operation value must be a string".to_owned()),
        }
    }

    fn assignee(&self, project: &Project, value: &Value) -> Result<Option<Account>, String> {
        if value.is_null() {
            return Ok(None);
        }
        let id = value[if self.cloud() { "accountId" } else { "name" }].as_str();
        let id = id.ok_or("Specify a valid value for assignee")?;
        if project.unassignable.contains(id) {
            return Err(format!("User '{id}' cannot be assigned issues."));
        }
        Ok(Some(self.person(id)))
    }
}

fn label(value: &Value) -> Result<String, String> {
    let label = value.as_str().unwrap_or_default();
    if label.is_empty() || label.contains(char::is_whitespace) {
        return Err(format!("The label '{label}' contains spaces which is invalid."));
    }
    Ok(label.to_owned())
}

fn day(value: &Value) -> Result<Option<NaiveDate>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let read = value.as_str().filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
    read.map(Some).ok_or_else(|| format!("Error parsing date string: {value}"))
}

fn update(field: &str, operation: &Value) -> Result<Option<Edit>, String> {
    match field {
        "labels" => {
            if let Some(value) = operation.get("add") {
                let label = label(value)?;
                return Ok(Some(Box::new(move |issue| {
                    issue.labels.insert(label);
                })));
            }
            if let Some(value) = operation.get("remove") {
                let label = label(value)?;
                return Ok(Some(Box::new(move |issue| {
                    issue.labels.remove(&label);
                })));
            }
            Err("Operation is not supported".to_owned())
        }
        // A comment is made beside the edit.
        "comment" => Ok(None),
        other => Err(off_screen(other)),
    }
}
