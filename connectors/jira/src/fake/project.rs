//! What the fake tells of itself, its projects, their types, screens and permissions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::exchange::{Asked, Reply};
use super::json::{problem, time};
use super::site::{Project, Site};

/// The field that holds an issue's sprints, where a project has it on its screens.
pub const SPRINT_FIELD: &str = "customfield_10020";

impl Site {
    /// Every field that some issue may have.
    pub(super) fn fields_list(&self) -> Value {
        let field = |id: &str, name: &str, schema: Value| {
            json!({
                "id": id, "key": id, "name": name, "custom": id.starts_with("customfield_"), "schema": schema,
                "orderable": true, "navigable": true, "searchable": true, "clauseNames": [id],
            })
        };
        let mut fields = vec![
            field("summary", "Summary", json!({"type": "string", "system": "summary"})),
            field("duedate", "Due date", json!({"type": "date", "system": "duedate"})),
        ];
        let named =
            self.projects.values().flat_map(|project| project.fields.keys().chain(&project.due_field));
        let custom: BTreeSet<&String> = named.filter(|id| id.starts_with("customfield_")).collect();
        for id in custom {
            let kind = if id == SPRINT_FIELD {
                json!({"type": "array", "items": "json", "custom": "com.pyxis.greenhopper.jira:gh-sprint"})
            } else {
                json!({"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"})
            };
            fields.push(field(id, id, kind));
        }
        Value::Array(fields)
    }

    pub(super) fn project(&self, key_or_id: &str) -> Option<&Project> {
        let is = |project: &&Project| {
            project.key.eq_ignore_ascii_case(key_or_id) || project.id.to_string() == key_or_id
        };
        let seen = |project: &&Project| !project.denied.contains("BROWSE_PROJECTS");
        self.projects.values().find(is).filter(seen)
    }

    pub(super) fn server_info(&self) -> Reply {
        Reply::ok(&json!({
            "baseUrl": self.base, "version": if self.cloud() { "1001.0.0-SNAPSHOT" } else { "9.17.0" },
            "versionNumbers": if self.cloud() { [1001, 0, 0] } else { [9, 17, 0] },
            "deploymentType": if self.cloud() { "Cloud" } else { "Server" }, "buildNumber": 100_287,
            "serverTitle": "Jira", "serverTime": time(self.time()),
        }))
    }

    pub(super) fn permissions(&self, asked: &Asked) -> Reply {
        let key = asked.query("projectKey").unwrap_or_default();
        let Some(project) = self.project(key) else { return no_project(key) };
        let mut held = serde_json::Map::new();
        for name in asked.list("permissions") {
            let value = json!({
                "id": name, "key": name, "name": name, "type": "PROJECT", "description": "",
                "havePermission": !project.denied.contains(&name),
            });
            held.insert(name, value);
        }
        Reply::ok(&json!({"permissions": held}))
    }

    pub(super) fn issue_types(&self, key: &str) -> Reply {
        let Some(project) = self.project(key) else { return no_project(key) };
        let types: Vec<Value> = project.types.iter().map(|name| self.type_json(project, name)).collect();
        let list = if self.cloud() { "issueTypes" } else { "values" };
        Reply::ok(&json!({"startAt": 0, "maxResults": 50, "total": types.len(), list: types}))
    }

    pub(super) fn create_screen(&self, key: &str, kind: &str) -> Reply {
        let Some(project) = self.project(key) else { return no_project(key) };
        if !project.types.iter().any(|name| project.type_id(name).is_some_and(|id| id.to_string() == kind)) {
            return Reply::json(404, &problem("Issue type is not found."));
        }
        let field = |id: &str, required: bool| {
            json!({
                "fieldId": id, "key": id, "name": id, "required": required, "hasDefaultValue": false,
                "operations": ["set"], "schema": {"type": "string", "system": id},
            })
        };
        let fixed = ["project", "issuetype", "summary"].map(|id| field(id, true));
        let plain = ["description", "labels", "assignee", "fixVersions"].map(|id| field(id, false));
        let mut fields: Vec<Value> = fixed.into_iter().chain(plain).collect();
        fields.extend(project.due_field.iter().map(|id| field(id, false)));
        fields.extend(project.fields.iter().map(|(id, required)| field(id, *required)));
        let list = if self.cloud() { "fields" } else { "values" };
        Reply::ok(&json!({"startAt": 0, "maxResults": 50, "total": fields.len(), list: fields}))
    }
}

pub(super) fn no_project(key: &str) -> Reply {
    Reply::json(404, &problem(&format!("No project could be found with key '{key}'.")))
}
