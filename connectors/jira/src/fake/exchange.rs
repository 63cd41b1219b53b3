//! One exchange with the fake: who asks, whether a limit stands in the way, and what goes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use base64::Engine as _;
use bytes::Bytes;
use connector_api::Account;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::json::problem;
use super::site::{Login, Site};
use crate::{Flavor, limits};

pub(super) type Shared = Arc<Mutex<Site>>;

pub(super) fn lock(site: &Shared) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn router(site: Shared) -> Router {
    Router::new()
        .route("/rest/{*path}", any(answer))
        .route("/ex/jira/{cloud}/rest/{*path}", any(answer))
        .route("/secure/attachment/{*path}", any(answer))
        .route("/media/{*path}", any(answer))
        .with_state(site)
}

/// What was asked of a fake, and what it answered.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub uri: http::Uri,
    /// Body of the request.
    pub request: Bytes,
    /// Status.
    pub status: u16,
    /// Body of the answer.
    pub answer: Bytes,
}

/// Looks at every exchange.
pub type Watch = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// What is sent back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: Bytes::from(body.to_string()), headers: Vec::new() }
    }

    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn done() -> Self {
        Self { status: 204, body: Bytes::new(), headers: Vec::new() }
    }

    pub(super) fn bad(message: &str) -> Self {
        Self::json(400, &problem(message))
    }

    pub(super) fn no_issue() -> Self {
        Self::json(404, &problem("Issue does not exist or you do not have permission to see it."))
    }

    pub(super) fn lacking(what: &str) -> Self {
        Self::json(501, &problem(&format!("This site does not implement {what}.")))
    }

    fn stranger() -> Self {
        let text = "Client must be authenticated to access this resource.";
        Self::json(401, &json!({"message": text, "status-code": 401}))
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

    pub(super) fn number(&self, name: &str, default: usize) -> usize {
        let body = self.body[name].as_u64().and_then(|n| usize::try_from(n).ok());
        body.or_else(|| self.query(name)?.parse().ok()).unwrap_or(default)
    }

    /// A list, from the body or, separated by commas, from the query.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
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
    let mut site = lock(&site);
    let reply = match site.refusal(&parts.method, parts.uri.path()) {
        Some(reply) => reply,
        None => site.handle(&parts, &body),
    };
    let path = parts.uri.path();
    let mount = path.len() - limits::below_api(path).len();
    let line = format!("{} {}{} {}", parts.method, &path[..mount], limits::template(path), reply.status);
    site.requests.push(line);
    let watch = site.watch.clone();
    let mut response = http::Response::builder()
        .status(reply.status)
        .header(header::DATE, site.time().format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if !reply.body.is_empty() {
        response = response.header(header::CONTENT_TYPE, "application/json;charset=UTF-8");
    }
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    if site.cloud() && reply.headers.is_empty() {
        response = response.header("x-ratelimit-limit", "100").header("x-ratelimit-remaining", "99");
    }
    let account = site.login(&parts).map(|login| login.account.id.clone());
    match (account, site.cloud()) {
        (Some(id), true) => response = response.header("x-aaccountid", id.replace(':', "%3A")),
        (Some(id), false) => response = response.header("x-ausername", id.replace(':', "%3A")),
        (None, true) => {}
        (None, false) => response = response.header("x-ausername", "anonymous"),
    }
    drop(site);
    if let Some(watch) = watch {
        watch(&Exchange {
            method: parts.method,
            uri: parts.uri,
            request: body,
            status: reply.status,
            answer: reply.body.clone(),
        });
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

impl Site {
    /// Whose request it is. A scoped token is good only at the gateway, another one only at the site itself.
    fn login(&self, parts: &Parts) -> Option<&Login> {
        let mount = parts.uri.path().strip_prefix("/ex/jira/").and_then(|rest| rest.split('/').next());
        let here = |login: &&Login| login.cloud_id.as_deref() == mount;
        let text = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        if let Some(token) = text.strip_prefix("Bearer ") {
            return self.logins.iter().find(|login| login.token == token).filter(here);
        }
        let pair = base64::engine::general_purpose::STANDARD.decode(text.strip_prefix("Basic ")?).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (email, token) = pair.split_once(':')?;
        self.logins.iter().find(|login| login.email == email && login.token == token).filter(here)
    }

    fn handle(&mut self, parts: &Parts, body: &[u8]) -> Reply {
        let path = parts.uri.path();
        if let Some(id) = path.strip_prefix("/media/") {
            return self.media(id, &parts.headers);
        }
        let public = path.split_once("/project/").and_then(|(_, key)| self.project(key)).filter(|p| p.public);
        if let (None, Some(project)) = (self.login(parts), public) {
            return Reply::ok(&self.project_json(project));
        }
        let Some(login) = self.login(parts) else { return self.to_nobody(path) };
        let by = login.account.clone();
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
        let Ok(body) = body else {
            return Reply::bad("There was an error parsing JSON. Check that your request body is valid.");
        };
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let asked = Asked { by, query, body };
        if let Some(rest) = path.strip_prefix("/secure/attachment/") {
            return self.content(rest.split('/').next().unwrap_or_default());
        }
        let below = limits::below_api(path);
        let version = path[..path.len() - below.len()].rsplit('/').next().unwrap_or_default();
        match (self.flavor, version) {
            (Flavor::Cloud, "2" | "3") | (Flavor::DataCenter, "2" | "latest") => {}
            _ => return Reply::json(404, &problem("No such API version.")),
        }
        let words: Vec<String> = below.trim_start_matches('/').split('/').map(unescape).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.route(parts.method.as_str(), &words, &asked)
    }

    /// A media host, which knows nothing of our credentials.
    fn media(&self, id: &str, headers: &HeaderMap) -> Reply {
        if headers.contains_key(header::AUTHORIZATION) {
            Reply::bad("credentials do not belong here")
        } else {
            self.content(id)
        }
    }

    /// What somebody hears whose credentials are good for nothing. A Data Center that lets anyone browse answers as
    /// to anyone, who sees nothing here.
    fn to_nobody(&self, path: &str) -> Reply {
        match limits::template(path).as_str() {
            "/search" if self.open_to_anyone => {
                Reply::ok(&json!({"startAt": 0, "maxResults": 50, "total": 0, "issues": []}))
            }
            "/issue/{issueIdOrKey}" if self.open_to_anyone => Reply::no_issue(),
            _ => Reply::stranger(),
        }
    }
}

fn unescape(part: &str) -> String {
    let part = part.replace('+', "%2B");
    url::form_urlencoded::parse(part.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}
