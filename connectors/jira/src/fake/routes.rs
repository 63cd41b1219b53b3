//! The fake's HTTP side: Cloud's REST v3, and of v2 what Data Center's callers need.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use base64::Engine as _;
use bytes::Bytes;
use connector_api::Account;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::json::{Selection, problem};
use super::site::{Login, Project, Site};
use crate::Flavor;

pub(super) type Shared = Arc<Mutex<Site>>;

pub(super) fn lock(site: &Shared) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn router(site: Shared) -> Router {
    Router::new()
        .route("/rest/{*path}", any(answer))
        .route("/secure/attachment/{*path}", any(answer))
        .route("/media/{*path}", any(answer))
        .with_state(site)
}

/// What is sent back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) location: Option<String>,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: Bytes::from(body.to_string()), location: None }
    }

    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn done() -> Self {
        Self { status: 204, body: Bytes::new(), location: None }
    }

    pub(super) fn bad(message: &str) -> Self {
        Self::json(400, &problem(message))
    }

    pub(super) fn no_issue() -> Self {
        Self::json(404, &problem("Issue does not exist or you do not have permission to see it."))
    }

    fn lacking(what: &str) -> Self {
        Self::json(501, &problem(&format!("This site does not implement {what}.")))
    }
}

/// A request, taken apart.
pub(super) struct Asked {
    pub(super) by: Account,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, default: usize) -> usize {
        let body = self.body[name].as_u64().and_then(|n| usize::try_from(n).ok());
        body.or_else(|| self.query(name)?.parse().ok()).unwrap_or(default)
    }

    /// A list, from the body or, separated by commas, from the query.
    fn list(&self, name: &str) -> Vec<String> {
        if let Some(list) = self.body[name].as_array() {
            return list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
        }
        let text = self.query(name).unwrap_or_default();
        text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

async fn answer(State(site): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 * 1024 * 1024).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut site = lock(&site);
    let reply = site.handle(&parts.method, &path, query, &parts.headers, &body);
    let line = format!("{} {} {}", parts.method, template(&path), reply.status);
    site.requests.push(line);
    let mut response = http::Response::builder()
        .status(reply.status)
        .header(header::DATE, site.time().format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .header("x-ratelimit-limit", "100")
        .header("x-ratelimit-remaining", "99");
    if !reply.body.is_empty() {
        response = response.header(header::CONTENT_TYPE, "application/json;charset=UTF-8");
    }
    if let Some(location) = &reply.location {
        response = response.header(header::LOCATION, location);
    }
    if let Some(login) = site.login(&parts.headers) {
        response = if site.cloud() {
            response.header("x-aaccountid", login.account.id.replace(':', "%3A"))
        } else {
            response.header("x-ausername", &login.account.id)
        };
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

/// The path with its variable parts named.
fn template(path: &str) -> String {
    let mut before = "";
    let mut parts = Vec::new();
    for part in path.split('/') {
        let fixed = matches!(part, "bulk" | "bulkfetch" | "createmeta");
        parts.push(match before {
            "issue" if !fixed => "{issueIdOrKey}",
            "comment" | "content" | "attachment" if part != "content" => "{id}",
            "project" | "createmeta" => "{projectIdOrKey}",
            "issuetypes" => "{issueTypeId}",
            "properties" => "{propertyKey}",
            _ => part,
        });
        before = part;
    }
    parts.join("/")
}

impl Site {
    fn login(&self, headers: &HeaderMap) -> Option<&Login> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        if let Some(token) = text.strip_prefix("Bearer ") {
            return self.logins.iter().find(|login| login.token == token);
        }
        let pair = base64::engine::general_purpose::STANDARD.decode(text.strip_prefix("Basic ")?).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (email, token) = pair.split_once(':')?;
        self.logins.iter().find(|login| login.email == email && login.token == token)
    }

    fn handle(
        &mut self,
        method: &Method,
        path: &str,
        query: Vec<(String, String)>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Reply {
        if let Some(id) = path.strip_prefix("/media/") {
            // A media host, which knows nothing of our credentials.
            return if headers.contains_key(header::AUTHORIZATION) {
                Reply::bad("credentials do not belong here")
            } else {
                self.content(id)
            };
        }
        let public = path.split_once("/project/").and_then(|(_, key)| self.project(key)).filter(|p| p.public);
        if let (None, Some(project)) = (self.login(headers), public) {
            return Reply::ok(&self.project_json(project));
        }
        let Some(login) = self.login(headers) else {
            let text = "Client must be authenticated to access this resource.";
            return Reply::json(401, &json!({"message": text, "status-code": 401}));
        };
        let by = login.account.clone();
        let body = if body.is_empty() {
            Value::Null
        } else {
            match serde_json::from_slice(body) {
                Ok(body) => body,
                Err(_) => {
                    return Reply::bad(
                        "There was an error parsing JSON. Check that your request body is valid.",
                    );
                }
            }
        };
        let asked = Asked { by, query, body };
        if let Some(rest) = path.strip_prefix("/secure/attachment/") {
            return self.content(rest.split('/').next().unwrap_or_default());
        }
        let mut parts = path.trim_start_matches("/rest/api/").split('/');
        let version = parts.next().unwrap_or_default();
        let parts: Vec<String> = parts.map(unescape).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (self.flavor, version) {
            (Flavor::Cloud, "2" | "3") | (Flavor::DataCenter, "2" | "latest") => {}
            _ => return Reply::json(404, &problem("No such API version.")),
        }
        self.route(method.as_str(), &parts, &asked)
    }

    fn route(&mut self, method: &str, parts: &[&str], asked: &Asked) -> Reply {
        let cloud = self.cloud();
        match (method, parts) {
            ("GET", ["myself"]) => Reply::ok(&self.user_json(&asked.by)),
            ("GET", ["serverInfo"]) => self.server_info(),
            ("GET", ["status"]) => Reply::ok(&self.statuses_json()),
            ("GET", ["resolution"]) => Reply::ok(&self.resolutions_json()),
            ("GET", ["field"]) => Reply::ok(&json!([
                {"id": "summary", "key": "summary", "name": "Summary", "custom": false,
                 "schema": {"type": "string", "system": "summary"}},
                {"id": "duedate", "key": "duedate", "name": "Due date", "custom": false,
                 "schema": {"type": "date", "system": "duedate"}},
            ])),
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
                let location = Some(format!("{}/media/{id}", self.base));
                Reply { status: 303, body: Bytes::new(), location }
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

    fn content(&self, id: &str) -> Reply {
        let attachments = self.issues.values().flat_map(|issue| &issue.attachments);
        let mut found = attachments.filter(|a| a.id.to_string() == id);
        match found.next() {
            Some(attachment) => Reply { status: 200, body: attachment.bytes.clone(), location: None },
            None => Reply::json(404, &problem("The attachment was not found.")),
        }
    }

    pub(super) fn project(&self, key_or_id: &str) -> Option<&Project> {
        let is = |project: &&Project| {
            project.key.eq_ignore_ascii_case(key_or_id) || project.id.to_string() == key_or_id
        };
        let seen = |project: &&Project| !project.denied.contains("BROWSE_PROJECTS");
        self.projects.values().find(is).filter(seen)
    }

    fn server_info(&self) -> Reply {
        Reply::ok(&json!({
            "baseUrl": self.base, "version": if self.cloud() { "1001.0.0-SNAPSHOT" } else { "9.17.0" },
            "versionNumbers": if self.cloud() { [1001, 0, 0] } else { [9, 17, 0] },
            "deploymentType": if self.cloud() { "Cloud" } else { "Server" }, "buildNumber": 100_287,
            "serverTitle": "Jira", "serverTime": super::json::time(self.time()),
        }))
    }

    fn permissions(&self, asked: &Asked) -> Reply {
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

    fn issue_types(&self, key: &str) -> Reply {
        let Some(project) = self.project(key) else { return no_project(key) };
        let types: Vec<Value> = project.types.iter().map(|name| self.type_json(project, name)).collect();
        let list = if self.cloud() { "issueTypes" } else { "values" };
        Reply::ok(&json!({"startAt": 0, "maxResults": 50, "total": types.len(), list: types}))
    }

    fn create_screen(&self, key: &str, kind: &str) -> Reply {
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

    fn old_search(&mut self, asked: &Asked) -> Reply {
        let jql = asked.body["jql"].as_str().or(asked.query("jql")).unwrap_or_default();
        // Data Center searches everything when it is asked for nothing.
        let jql = if jql.trim().is_empty() { "id is not EMPTY" } else { jql };
        let found = match super::jql::search(self, jql) {
            Ok(found) => found,
            Err(why) => return Reply::bad(&why),
        };
        let start = asked.number("startAt", 0);
        let size = asked.number("maxResults", 50).clamp(1, 1000);
        let fields = Selection::read(&asked.list("fields"), Selection::All);
        let index = self.index.as_ref().unwrap_or(&self.issues);
        let page: Vec<Value> = found
            .iter()
            .skip(start)
            .take(size)
            .filter_map(|id| index.get(id))
            .map(|issue| self.issue_json(issue, &fields, &[]))
            .collect();
        Reply::ok(&json!({"startAt": start, "maxResults": size, "total": found.len(), "issues": page}))
    }

    fn search(&mut self, asked: &Asked) -> Reply {
        let properties = asked.list("properties");
        if self.lacks.properties && !properties.is_empty() {
            return Reply::lacking("the 'properties' property of a search");
        }
        let jql = asked.body["jql"].as_str().or(asked.query("jql")).unwrap_or_default();
        let token = asked.body["nextPageToken"].as_str().or(asked.query("nextPageToken"));
        let ids = match token {
            Some(token) => match token.parse().ok().and_then(|token: u64| self.pages.get(&token)) {
                Some(ids) => ids.clone(),
                None => return Reply::bad("The provided next page token is invalid."),
            },
            None => match super::jql::search(self, jql) {
                Ok(found) => found,
                Err(why) => return Reply::bad(&why),
            },
        };
        let fields = Selection::read(&asked.list("fields"), Selection::Id);
        let most = if matches!(fields, Selection::Id) { 5000 } else { 100 };
        let size = asked.number("maxResults", 50).clamp(1, most);
        let (page, later) = ids.split_at(ids.len().min(size));
        let index = self.index.as_ref().unwrap_or(&self.issues);
        let issues: Vec<Value> = page
            .iter()
            .filter_map(|id| index.get(id))
            .map(|issue| self.issue_json(issue, &fields, &properties))
            .collect();
        let mut out = json!({"issues": issues, "isLast": later.is_empty()});
        if !later.is_empty() {
            let token = self.next_id();
            out["nextPageToken"] = json!(token.to_string());
            self.pages.insert(token, later.to_vec());
            while self.pages.len() > 64 {
                self.pages.pop_first();
            }
        }
        Reply::ok(&out)
    }

    fn bulk_fetch(&mut self, asked: &Asked) -> Reply {
        let wanted = asked.list("issueIdsOrKeys");
        if wanted.len() > 100 {
            return Reply::bad("The number of issues to fetch exceeds the limit of 100.");
        }
        let properties = asked.list("properties");
        if self.lacks.properties && !properties.is_empty() {
            return Reply::lacking("the 'properties' property of a bulk fetch");
        }
        let fields = Selection::read(&asked.list("fields"), Selection::All);
        let mut ids: Vec<u64> = wanted.iter().filter_map(|id| self.find(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let issues: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.issues.get(id))
            .map(|issue| self.issue_json(issue, &fields, &properties))
            .collect();
        Reply::ok(&json!({"issues": issues, "issueErrors": []}))
    }

    fn bulk_logs(&mut self, asked: &Asked) -> Reply {
        let wanted = asked.list("issueIdsOrKeys");
        if wanted.is_empty() || wanted.len() > 1000 {
            return Reply::bad("The number of issues must be between 1 and 1000.");
        }
        let start: usize = asked.body["nextPageToken"].as_str().and_then(|t| t.parse().ok()).unwrap_or(0);
        let size = asked.number("maxResults", 1000).clamp(1, 10_000);
        let issues = wanted.iter().filter_map(|id| self.issues.get(&self.find(id)?));
        let all: Vec<_> = issues.flat_map(|issue| issue.history.iter().map(move |h| (issue.id, h))).collect();
        let mut logs: Vec<(u64, Vec<Value>)> = Vec::new();
        for (id, history) in all.iter().skip(start).take(size) {
            match logs.last_mut() {
                Some((last, entries)) if last == id => entries.push(self.history_json(history)),
                _ => logs.push((*id, vec![self.history_json(history)])),
            }
        }
        let logs: Vec<Value> = logs
            .into_iter()
            .map(|(id, entries)| json!({"issueId": id.to_string(), "changeHistories": entries}))
            .collect();
        let mut out = json!({"issueChangeLogs": logs});
        if start + size < all.len() {
            out["nextPageToken"] = json!((start + size).to_string());
        }
        Reply::ok(&out)
    }
}

fn no_project(key: &str) -> Reply {
    Reply::json(404, &problem(&format!("No project could be found with key '{key}'.")))
}

fn unescape(part: &str) -> String {
    let part = part.replace('+', "%2B");
    url::form_urlencoded::parse(part.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}
