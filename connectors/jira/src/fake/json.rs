//! The fake's JSON, in Jira's shapes.

use chrono::{DateTime, Utc};
use connector_api::Account;
use serde_json::{Map, Value, json};

use super::site::{Attachment, Comment, History, Issue, Project, Site};
use super::workflow::{RESOLUTIONS, STATUSES, Way, resolution_id, status_category, status_id};

/// Which fields of an issue are wanted.
pub(super) enum Selection {
    /// No field at all.
    Id,
    All,
    Named(Vec<String>),
}

impl Selection {
    pub(super) fn read(names: &[String], default: Self) -> Self {
        if names.is_empty() {
            default
        } else if names.iter().all(|name| name == "id" || name == "key") {
            Self::Id
        } else if names.iter().any(|name| name == "*all" || name == "*navigable") {
            Self::All
        } else {
            Self::Named(names.to_vec())
        }
    }

    fn wants(&self, name: &str) -> bool {
        match self {
            Self::Id => false,
            Self::All => true,
            Self::Named(names) => names.iter().any(|wanted| wanted == name),
        }
    }
}

/// Cloud gives only so many comments along with an issue, and the rest by pages.
const INLINE_COMMENTS: usize = 20;

/// As Jira writes it: milliseconds, and an offset without a colon.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

pub(super) fn problem(message: &str) -> Value {
    json!({"errorMessages": [message], "errors": {}})
}

impl Site {
    pub(super) fn api(&self, tail: &str) -> String {
        format!("{}/rest/api/{}{tail}", self.base, if self.cloud() { 3 } else { 2 })
    }

    pub(super) fn user_json(&self, account: &Account) -> Value {
        let id = &account.id;
        let mut user = json!({"displayName": account.name, "active": true, "timeZone": "Etc/UTC"});
        if self.cloud() {
            user["self"] = json!(self.api(&format!("/user?accountId={id}")));
            user["accountId"] = json!(id);
            user["accountType"] = json!("atlassian");
        } else {
            user["self"] = json!(self.api(&format!("/user?username={id}")));
            user["name"] = json!(id);
            user["key"] = json!(id);
        }
        user
    }

    pub(super) fn status_json(&self, name: &str) -> Value {
        let (id, key) = (status_id(name), status_category(name));
        let (number, color, title) = match key {
            "new" => (2, "blue-gray", "To Do"),
            "indeterminate" => (4, "yellow", "In Progress"),
            "done" => (3, "green", "Done"),
            _ => (1, "medium-gray", "No Category"),
        };
        json!({
            "self": self.api(&format!("/status/{id}")), "description": "", "name": name, "id": id,
            "iconUrl": format!("{}/images/icons/statuses/generic.png", self.base),
            "statusCategory": {
                "self": self.api(&format!("/statuscategory/{number}")), "id": number, "key": key,
                "colorName": color, "name": title,
            },
        })
    }

    pub(super) fn statuses_json(&self) -> Value {
        STATUSES.iter().map(|(_, name, _)| self.status_json(name)).collect()
    }

    pub(super) fn resolution_json(&self, name: &str) -> Value {
        let id = resolution_id(name);
        json!({"self": self.api(&format!("/resolution/{id}")), "id": id, "description": "", "name": name})
    }

    pub(super) fn resolutions_json(&self) -> Value {
        RESOLUTIONS.iter().map(|name| self.resolution_json(name)).collect()
    }

    pub(super) fn project_json(&self, project: &Project) -> Value {
        json!({
            "self": self.api(&format!("/project/{}", project.id)), "id": project.id.to_string(),
            "key": project.key, "name": project.key, "projectTypeKey": "software",
        })
    }

    pub(super) fn type_json(&self, project: &Project, name: &str) -> Value {
        let id = project.type_id(name).unwrap_or_default();
        json!({
            "self": self.api(&format!("/issuetype/{id}")), "id": id.to_string(), "name": name,
            "description": "", "subtask": false,
        })
    }

    pub(super) fn issue_json(&self, issue: &Issue, fields: &Selection, properties: &[String]) -> Value {
        let mut out = json!({
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": issue.id.to_string(),
            "self": self.api(&format!("/issue/{}", issue.id)),
            "key": issue.key,
        });
        if !matches!(fields, Selection::Id) {
            out["fields"] = Value::Object(self.fields_json(issue, fields));
        }
        if !properties.is_empty() {
            let held = issue.properties.iter().filter(|(key, _)| properties.contains(key));
            out["properties"] =
                Value::Object(held.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
        out
    }

    fn fields_json(&self, issue: &Issue, fields: &Selection) -> Map<String, Value> {
        let inline_comments = if self.cloud() { INLINE_COMMENTS } else { usize::MAX };
        let mut out = Map::new();
        let mut put = |name: &str, value: &dyn Fn() -> Value| {
            if fields.wants(name) {
                out.insert(name.to_owned(), value());
            }
        };
        put("summary", &|| json!(issue.summary));
        put("description", &|| issue.description.clone());
        put("status", &|| self.status_json(&issue.status));
        put("resolution", &|| issue.resolution.as_deref().map_or(Value::Null, |r| self.resolution_json(r)));
        put("labels", &|| json!(issue.labels));
        put("assignee", &|| issue.assignee.as_ref().map_or(Value::Null, |a| self.user_json(a)));
        put("reporter", &|| self.user_json(&issue.reporter));
        put("creator", &|| self.user_json(&issue.reporter));
        put("created", &|| json!(time(issue.created)));
        put("updated", &|| json!(time(issue.updated)));
        put("comment", &|| {
            let some = issue.comments.iter().take(inline_comments);
            let comments: Vec<Value> = some.map(|c| self.comment_json(issue, c)).collect();
            json!({
                "self": self.api(&format!("/issue/{}/comment", issue.id)), "total": issue.comments.len(),
                "maxResults": comments.len(), "startAt": 0, "comments": comments,
            })
        });
        put("attachment", &|| issue.attachments.iter().map(|a| self.attachment_json(a)).collect());
        if let Some(project) = self.projects.get(&issue.project) {
            put("project", &|| self.project_json(project));
            put("issuetype", &|| self.type_json(project, &issue.kind));
            put("fixVersions", &|| {
                let version = |name: &String| {
                    let date = project.versions.get(name).copied().flatten();
                    let mut version = json!({"id": name, "name": name, "archived": false, "released": false});
                    if let Some(date) = date {
                        version["releaseDate"] = json!(date.to_string());
                    }
                    version
                };
                issue.versions.iter().map(version).collect()
            });
            if project.due_field.as_deref() == Some("duedate") {
                put("duedate", &|| json!(issue.due.map(|day| day.to_string())));
            }
            let custom = project.fields.keys().chain(&project.due_field).filter(|f| *f != "duedate");
            for field in custom {
                put(field, &|| issue.custom.get(field).cloned().unwrap_or_default());
            }
        }
        out
    }

    pub(super) fn comment_json(&self, issue: &Issue, comment: &Comment) -> Value {
        let mut out = json!({
            "self": self.api(&format!("/issue/{}/comment/{}", issue.id, comment.id)),
            "id": comment.id.to_string(), "author": self.user_json(&comment.author), "body": comment.body,
            "updateAuthor": self.user_json(&comment.editor), "created": time(comment.created),
            "updated": time(comment.updated),
        });
        if self.cloud() {
            out["jsdPublic"] = json!(true);
        }
        out
    }

    fn attachment_json(&self, attachment: &Attachment) -> Value {
        let id = attachment.id;
        let content = if self.cloud() {
            self.api(&format!("/attachment/content/{id}"))
        } else {
            format!("{}/secure/attachment/{id}/{}", self.base, attachment.name)
        };
        json!({
            "self": self.api(&format!("/attachment/{id}")), "id": id.to_string(), "filename": attachment.name,
            "author": self.user_json(&attachment.author), "created": time(attachment.created),
            "size": attachment.bytes.len(), "mimeType": "application/octet-stream", "content": content,
        })
    }

    pub(super) fn history_json(&self, history: &History) -> Value {
        let items: Vec<Value> = history.items.iter().map(item_json).collect();
        json!({
            "id": history.id.to_string(), "author": self.user_json(&history.author),
            "created": time(history.created), "items": items,
        })
    }

    pub(super) fn transition_json(&self, project: &Project, way: &Way) -> Value {
        let mut fields = Map::new();
        if way.to == "Done" {
            fields.insert(
                "resolution".to_owned(),
                json!({
                    "required": project.resolution_required, "key": "resolution", "name": "Resolution",
                    "hasDefaultValue": false, "operations": ["set"],
                    "schema": {"type": "resolution", "system": "resolution"},
                    "allowedValues": self.resolutions_json(),
                }),
            );
            for field in &project.done_fields {
                fields.insert(
                    field.clone(),
                    json!({
                        "required": true, "key": field, "name": field, "hasDefaultValue": false,
                        "operations": ["set"], "schema": {"type": "string", "custom": "textfield"},
                    }),
                );
            }
        }
        json!({
            "id": way.id.to_string(), "name": way.name, "to": self.status_json(way.to),
            "hasScreen": way.to == "Done", "isGlobal": way.from.is_empty(), "isInitial": false,
            "isAvailable": true, "isConditional": false, "isLooped": false, "fields": fields,
        })
    }
}

pub(super) fn item_json(item: &super::site::Item) -> Value {
    let kind = if item.field_id.starts_with("customfield_") { "custom" } else { "jira" };
    json!({
        "field": item.field, "fieldtype": kind, "fieldId": item.field_id, "from": item.from,
        "fromString": item.from_text, "to": item.to, "toString": item.to_text,
    })
}
