//! Which call of the API does what: Cloud's REST v3, and of v2 what Data Center's callers need.

use bytes::Bytes;
use serde_json::{Value, json};

use super::exchange::{Asked, Reply};
use super::json::{Selection, problem};
use super::project::no_project;
use super::site::Site;

impl Site {
    pub(super) fn route(&mut self, method: &str, parts: &[&str], asked: &Asked) -> Reply {
        let cloud = self.cloud();
        match (method, parts) {
            ("GET", ["myself"]) => Reply::ok(&self.user_json(&asked.by)),
            ("GET", ["serverInfo"]) => self.server_info(),
            ("GET", ["status"]) => Reply::ok(&self.statuses_json()),
            ("GET", ["resolution"]) => Reply::ok(&self.resolutions_json()),
            ("GET", ["field"]) => Reply::ok(&self.fields_list()),
            ("GET", ["mypermissions"]) => self.permissions(asked),
            ("GET", ["project", key]) => match self.project(key) {
                Some(project) => Reply::ok(&self.project_json(project)),
                None => no_project(key),
            },
            ("GET", ["issue", "createmeta", key, "issuetypes"]) => self.issue_types(key),
            ("GET", ["issue", "createmeta", key, "issuetypes", kind]) => self.create_screen(key, kind),
            ("GET" | "POST", ["search"]) if cloud => Reply::json(
                410,
                &problem(
                    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.",
                ),
            ),
            ("GET" | "POST", ["search"]) => self.old_search(asked),
            ("GET" | "POST", ["search", "jql"]) if cloud => self.search(asked),
            ("POST", ["issue", "bulkfetch"]) if cloud && !self.lacks.bulk => self.bulk_fetch(asked),
            ("POST", ["changelog", "bulkfetch"]) if cloud && !self.lacks.bulk => self.bulk_logs(asked),
            ("POST", ["issue", "bulk"]) if !self.lacks.bulk => self.create_many(asked),
            ("POST", ["issue" | "changelog", "bulkfetch" | "bulk"]) if cloud => Reply::lacking("bulk calls"),
            ("POST", ["issue", "bulkfetch"]) => Reply::json(405, &problem("Method Not Allowed")),
            ("POST", ["issue"]) => match self.create_one(&asked.by, &asked.body) {
                Ok(created) => Reply::json(201, &created),
                Err((status, error)) => Reply::json(status, &error),
            },
            (_, ["issue", id, rest @ ..]) => match self.find(id) {
                Some(id) => self.route_issue(method, id, rest, asked),
                None => Reply::no_issue(),
            },
            ("GET", ["attachment", "content", id]) if cloud => {
                if asked.query("redirect") == Some("false") {
                    return self.content(id);
                }
                let headers = vec![("location", format!("{}/media/{id}", self.base))];
                Reply { status: 303, body: Bytes::new(), headers }
            }
            _ => Reply::json(404, &json!({"message": "null for uri", "status-code": 404})),
        }
    }

    fn route_issue(&mut self, method: &str, id: u64, rest: &[&str], asked: &Asked) -> Reply {
        let cloud = self.cloud();
        let Some(issue) = self.issues.get(&id) else { return Reply::no_issue() };
        match (method, rest) {
            ("GET", []) => {
                if self.lacks.properties && asked.query("properties").is_some() {
                    return Reply::lacking("the query parameter properties");
                }
                let fields = Selection::read(&asked.list("fields"), Selection::All);
                let mut out = self.issue_json(issue, &fields, &asked.list("properties"));
                if asked.list("expand").iter().any(|name| name == "changelog") {
                    let histories: Vec<Value> = issue.history.iter().map(|h| self.history_json(h)).collect();
                    out["changelog"] = json!({
                        "startAt": 0, "maxResults": histories.len(), "total": histories.len(),
                        "histories": histories,
                    });
                }
                Reply::ok(&out)
            }
            ("PUT" | "POST" | "DELETE", _) if issue.archived => Reply::bad("The issue is archived."),
            ("PUT", []) => self.edit(id, asked),
            ("DELETE", []) => {
                self.delete(id, &asked.by);
                Reply::done()
            }
            ("GET", ["transitions"]) => {
                let Some(project) = self.projects.get(&issue.project) else { return Reply::no_issue() };
                let ways = super::workflow::open(project, issue);
                let mut list: Vec<Value> =
                    ways.iter().map(|way| self.transition_json(project, way)).collect();
                if !asked.query("expand").unwrap_or_default().contains("transitions.fields") {
                    list.iter_mut().filter_map(Value::as_object_mut).for_each(|t| {
                        t.remove("fields");
                    });
                }
                Reply::ok(&json!({"expand": "transitions", "transitions": list}))
            }
            ("POST", ["transitions"]) => self.take_transition(id, asked),
            ("GET", ["changelog"]) if cloud => {
                let start = asked.number("startAt", 0);
                let size = asked.number("maxResults", 100).clamp(1, 100);
                let total = issue.history.len();
                let page: Vec<Value> =
                    issue.history.iter().skip(start).take(size).map(|h| self.history_json(h)).collect();
                Reply::ok(&json!({
                    "self": self.api(&format!("/issue/{id}/changelog")), "maxResults": size,
                    "startAt": start, "total": total, "isLast": start + page.len() >= total, "values": page,
                }))
            }
            ("GET", ["comment"]) => {
                let start = asked.number("startAt", 0);
                let size = asked.number("maxResults", 100).clamp(1, 100);
                let page: Vec<Value> = issue
                    .comments
                    .iter()
                    .skip(start)
                    .take(size)
                    .map(|c| self.comment_json(issue, c))
                    .collect();
                Reply::ok(&json!({
                    "startAt": start, "maxResults": size, "total": issue.comments.len(), "comments": page,
                }))
            }
            ("POST", ["comment"]) => match self.comment_body(&asked.body["body"]) {
                Ok(body) => match self.add_comment(id, &asked.by, body) {
                    Some(comment) => self.comment_reply(201, id, comment),
                    None => Reply::no_issue(),
                },
                Err(reply) => reply,
            },
            (_, ["comment", comment]) => self.route_comment(method, id, comment, asked),
            (_, ["properties", ..]) if self.lacks.properties => Reply::lacking("issue properties"),
            ("GET", ["properties", key]) => match issue.properties.get(*key) {
                Some(value) => Reply::ok(&json!({"key": key, "value": value})),
                None => Reply::json(404, &problem("The property was not found.")),
            },
            ("PUT", ["properties", key]) => {
                let (key, value) = ((*key).to_owned(), asked.body.clone());
                let old = self.issues.get_mut(&id).and_then(|issue| issue.properties.insert(key, value));
                Reply::json(if old.is_some() { 200 } else { 201 }, &json!({}))
            }
            _ => Reply::json(405, &problem("Method Not Allowed")),
        }
    }

    fn route_comment(&mut self, method: &str, id: u64, comment: &str, asked: &Asked) -> Reply {
        let number = comment.parse().unwrap_or(0);
        let none = || Reply::json(404, &problem(&format!("Can not find a comment for the id: {comment}.")));
        match method {
            "GET" => {}
            "PUT" => match self.comment_body(&asked.body["body"]) {
                Ok(body) => {
                    if self.edit_comment(id, number, &asked.by, body).is_none() {
                        return none();
                    }
                }
                Err(reply) => return reply,
            },
            "DELETE" => {
                return if self.delete_comment(id, number).is_some() { Reply::done() } else { none() };
            }
            _ => return Reply::json(405, &problem("Method Not Allowed")),
        }
        self.comment_reply(200, id, number)
    }

    fn comment_body(&self, body: &Value) -> Result<Value, Reply> {
        match self.rich_text(body) {
            Ok(Value::Null) | Err(_) => Err(Reply::json(
                400,
                &json!({"errorMessages": [], "errors": {"comment": "Comment body is not valid!"}}),
            )),
            Ok(body) => Ok(body),
        }
    }

    fn comment_reply(&self, status: u16, id: u64, comment: u64) -> Reply {
        let issue = self.issues.get(&id);
        let found = issue.and_then(|issue| Some((issue, issue.comments.iter().find(|c| c.id == comment)?)));
        match found {
            Some((issue, comment)) => Reply::json(status, &self.comment_json(issue, comment)),
            None => Reply::json(404, &problem(&format!("Can not find a comment for the id: {comment}."))),
        }
    }

    pub(super) fn content(&self, id: &str) -> Reply {
        let attachments = self.issues.values().flat_map(|issue| &issue.attachments);
        let mut found = attachments.filter(|a| a.id.to_string() == id);
        match found.next() {
            Some(attachment) => Reply { status: 200, body: attachment.bytes.clone(), headers: Vec::new() },
            None => Reply::json(404, &problem("The attachment was not found.")),
        }
    }
}
