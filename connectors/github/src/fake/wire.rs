//! Requests in, answers out: access, paging, tags, limits, moved and deleted things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::model::{Edit, Issue, Model, NewIssue, Permission, Place, Refusal};
use super::view;
use crate::lock;

const DOCS: &str = "https://docs.github.com/rest";
/// What a personal token may ask in an hour.
const HOURLY: u32 = 5_000;

pub(super) fn router(model: Arc<Mutex<Model>>) -> Router {
    Router::new().fallback(answer).with_state(model)
}

/// What goes back, before headers that every answer has.
struct Reply {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Reply {
    fn ok(body: Value) -> Self {
        Self { status: 200, body, headers: Vec::new() }
    }

    fn created(body: Value) -> Self {
        Self { status: 201, body, headers: Vec::new() }
    }

    fn problem(status: u16, message: &str) -> Self {
        let body = json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() });
        Self { status, body, headers: Vec::new() }
    }

    fn not_found() -> Self {
        Self::problem(404, "Not Found")
    }

    fn moved(to: &str, method: &Method) -> Self {
        let status = if method == Method::GET { 301 } else { 307 };
        let message = if status == 301 { "Moved Permanently" } else { "Temporary Redirect" };
        let mut reply = Self::problem(status, message);
        if let Some(body) = reply.body.as_object_mut() {
            body.insert("url".to_owned(), json!(to));
        }
        reply.headers.push(("location", to.to_owned()));
        reply
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::Forbidden | Refusal::Archived => Self::problem(403, &refusal.to_string()),
            Refusal::Disabled => Self::problem(410, &refusal.to_string()),
            Refusal::Invalid { resource, field, code, message } => {
                let mut error = json!({ "resource": resource, "field": field, "code": code });
                if let (Some(error), Some(message)) = (error.as_object_mut(), message) {
                    error.insert("message".to_owned(), json!(message));
                }
                let mut reply = Self::problem(422, "Validation Failed");
                if let Some(body) = reply.body.as_object_mut() {
                    body.insert("errors".to_owned(), json!([error]));
                }
                reply
            }
        }
    }
}

type Answer = Result<Reply, Reply>;

/// A request taken apart.
struct Request<'a> {
    method: &'a Method,
    path: &'a str,
    query: BTreeMap<String, String>,
    body: &'a [u8],
    login: &'a str,
}

impl Request<'_> {
    fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Reply> {
        serde_json::from_slice(self.body).map_err(|_| Reply::problem(400, "Problems parsing JSON"))
    }

    fn time(&self, name: &str) -> Result<Option<DateTime<Utc>>, Reply> {
        let Some(text) = self.query.get(name) else { return Ok(None) };
        let at = DateTime::parse_from_rfc3339(text)
            .map_err(|_| Reply::problem(422, "Validation Failed: since must be a time"))?;
        Ok(Some(at.to_utc()))
    }
}

async fn answer(
    State(model): State<Arc<Mutex<Model>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut model = lock(&model);
    let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path()).to_owned();
    let reply = enter(&mut model, &method, &path, &uri, &headers, &body).unwrap_or_else(|refused| refused);
    finish(&mut model, &method, &path, &headers, reply)
}

/// Who asks, and whether they may ask now.
fn enter(
    model: &mut Model,
    method: &Method,
    path: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::USER_AGENT).is_none_or(str::is_empty) {
        return Err(Reply::problem(
            403,
            "Request forbidden by administrative rules. A User-Agent is required.",
        ));
    }
    let Some(token) = text(header::AUTHORIZATION) else {
        return Err(Reply::problem(401, "Requires authentication"));
    };
    let token = token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("token ")).unwrap_or(token);
    let Some(login) = model.tokens.get(token).cloned() else {
        return Err(Reply::problem(401, "Bad credentials"));
    };
    if model.budget == Some(0) {
        return Err(Reply::problem(403, "API rate limit exceeded for this user."));
    }
    if let (Some(after), false) = (model.secondary, method == Method::GET) {
        let mut reply =
            Reply::problem(403, "You have exceeded a secondary rate limit. Please wait a few minutes.");
        reply.headers.extend(after.map(|seconds| ("retry-after", seconds.to_string())));
        return Err(reply);
    }
    let query =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let request = Request { method, path, query, body, login: &login };
    match segments.as_slice() {
        ["user"] if method == Method::GET => Ok(Reply::ok(view::me(model, &login))),
        ["repos", owner, name, rest @ ..] => {
            let Some((repo, current)) = model.named(&format!("{owner}/{name}")) else {
                return Err(Reply::not_found());
            };
            if !model.may(repo, &login, Permission::Read) {
                return Err(Reply::not_found());
            }
            if !current {
                let rest: String = rest.iter().flat_map(|part| ["/", part]).collect();
                let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
                let to = format!("{}/repositories/{repo}{rest}{query}", model.base);
                return Ok(Reply::moved(&to, method));
            }
            in_repository(model, &request, repo, rest)
        }
        ["repositories", id, rest @ ..] => match id.parse() {
            Ok(repo) if model.may(repo, &login, Permission::Read) => {
                in_repository(model, &request, repo, rest)
            }
            _ => Err(Reply::not_found()),
        },
        _ => Err(Reply::not_found()),
    }
}

fn in_repository(model: &mut Model, request: &Request<'_>, repo: u64, rest: &[&str]) -> Answer {
    let get = request.method == Method::GET;
    let post = request.method == Method::POST;
    match rest {
        [] if get => Ok(Reply::ok(view::repository(model, repo, Some(request.login)))),
        ["labels"] if get => {
            let found = model.repos.get(&repo).ok_or_else(Reply::not_found)?;
            let all: Vec<Value> =
                found.labels.values().map(|(_, name)| view::label(model, found, name)).collect();
            Ok(page(model, request, repo, all))
        }
        ["labels"] if post => new_label(model, request, repo),
        ["issues"] if get => list_issues(model, request, repo),
        ["issues"] if post => new_issue(model, request, repo),
        ["issues", "comments", id] if get => {
            let (place, _) =
                model.comment_place(id).filter(|(p, _)| p.0 == repo).ok_or_else(Reply::not_found)?;
            let id = id.parse().unwrap_or_default();
            view::comment(model, place, id).map(Reply::ok).ok_or_else(Reply::not_found)
        }
        ["issues", "comments", id, "reactions"] if post => {
            #[derive(Deserialize)]
            struct New {
                content: String,
            }
            let new: New = request.json()?;
            let (reaction, fresh) = model.react(id, request.login, &new.content)?;
            let body = view::reaction(model, reaction, request.login, &new.content);
            Ok(if fresh { Reply::created(body) } else { Reply::ok(body) })
        }
        ["issues", number, rest @ ..] => {
            let number = number.parse().map_err(|_| Reply::not_found())?;
            let place = (repo, number);
            if let Some(to) = model.moved.get(&place) {
                if !model.may(to.0, request.login, Permission::Read) {
                    return Err(Reply::not_found());
                }
                let rest: String = rest.iter().flat_map(|part| ["/", part]).collect();
                let to = format!("{}/repositories/{}/issues/{}{rest}", model.base, to.0, to.1);
                return Ok(Reply::moved(&to, request.method));
            }
            if model.gone.contains(&place) {
                return Err(Reply::problem(410, "This issue was deleted"));
            }
            model.issue(place).map_err(|_| Reply::not_found())?;
            on_issue(model, request, place, rest)
        }
        ["pulls", number] if get => {
            let number = number.parse().map_err(|_| Reply::not_found())?;
            view::pull(model, (repo, number)).map(Reply::ok).ok_or_else(Reply::not_found)
        }
        ["commits", sha, rest @ ..] if get => {
            let found = model.repos.get(&repo).ok_or_else(Reply::not_found)?;
            match rest {
                [] => view::commit(model, found, sha).map(Reply::ok).ok_or_else(Reply::not_found),
                ["check-runs"] => Ok(Reply::ok(view::checks(model, found, sha))),
                _ => Err(Reply::not_found()),
            }
        }
        _ => Err(Reply::not_found()),
    }
}

fn on_issue(model: &mut Model, request: &Request<'_>, place: Place, rest: &[&str]) -> Answer {
    let get = request.method == Method::GET;
    match rest {
        [] if get => Ok(Reply::ok(view::issue(model, place))),
        [] if request.method == Method::PATCH => {
            let change: Change = request.json()?;
            model.edit(place, request.login, change.into_edit()?)?;
            Ok(Reply::ok(view::issue(model, place)))
        }
        ["timeline"] if get => {
            let all = view::timeline(model, place);
            Ok(page(model, request, place.0, all))
        }
        ["comments"] if get => {
            let since = request.time("since")?;
            let issue = model.issue(place).map_err(|_| Reply::not_found())?;
            let wanted = issue.comments.iter().filter(|c| since.is_none_or(|since| c.updated >= since));
            let all = wanted.filter_map(|comment| view::comment(model, place, comment.id)).collect();
            Ok(page(model, request, place.0, all))
        }
        ["comments"] if request.method == Method::POST => {
            #[derive(Deserialize)]
            struct New {
                body: String,
            }
            let new: New = request.json()?;
            let id = model.comment(place, request.login, &new.body)?;
            view::comment(model, place, id).map(Reply::created).ok_or_else(Reply::not_found)
        }
        _ => Err(Reply::not_found()),
    }
}

fn new_label(model: &mut Model, request: &Request<'_>, repo: u64) -> Answer {
    #[derive(Deserialize)]
    struct New {
        name: String,
    }
    if !model.may(repo, request.login, Permission::Write) {
        return Err(Refusal::Forbidden.into());
    }
    let new: New = request.json()?;
    let invalid = |code| Refusal::Invalid { resource: "Label", field: "name", code, message: None };
    if new.name.trim().is_empty() || new.name.chars().count() > 50 {
        return Err(invalid("invalid").into());
    }
    if model.add_label(repo, &new.name).is_none() {
        return Err(invalid("already_exists").into());
    }
    let found = model.repos.get(&repo).ok_or_else(Reply::not_found)?;
    Ok(Reply::created(view::label(model, found, &new.name)))
}

/// A label in a request: its name, or an object with it.
#[derive(Deserialize)]
#[serde(untagged)]
enum LabelName {
    Text(String),
    Object { name: String },
}

fn names(labels: Vec<LabelName>) -> BTreeSet<String> {
    let name = |label| match label {
        LabelName::Text(name) | LabelName::Object { name } => name,
    };
    labels.into_iter().map(name).collect()
}

fn new_issue(model: &mut Model, request: &Request<'_>, repo: u64) -> Answer {
    #[derive(Deserialize)]
    struct New {
        title: Option<String>,
        body: Option<String>,
        #[serde(default)]
        labels: Vec<LabelName>,
        #[serde(default)]
        assignees: Vec<String>,
        milestone: Option<u64>,
    }
    let new: New = request.json()?;
    let issue = NewIssue {
        title: new.title.unwrap_or_default(),
        body: new.body,
        labels: names(new.labels),
        assignees: new.assignees,
        milestone: new.milestone,
    };
    let place = model.open(repo, request.login, issue)?;
    Ok(Reply::created(view::issue(model, place)))
}

#[derive(Deserialize)]
struct Change {
    title: Option<String>,
    #[serde(default, deserialize_with = "present")]
    body: Option<Option<String>>,
    state: Option<String>,
    state_reason: Option<String>,
    labels: Option<Vec<LabelName>>,
    assignees: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    milestone: Option<Option<u64>>,
}

/// Tells a field that is null from one that is not there.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Change {
    fn into_edit(self) -> Result<Edit, Reply> {
        let invalid = |field| Refusal::Invalid { resource: "Issue", field, code: "invalid", message: None };
        let open = match self.state.as_deref() {
            None => None,
            Some("open") => Some(true),
            Some("closed") => Some(false),
            Some(_) => return Err(invalid("state").into()),
        };
        let reasons = ["completed", "not_planned", "duplicate", "reopened"];
        if self.state_reason.as_deref().is_some_and(|reason| !reasons.contains(&reason)) {
            return Err(invalid("state_reason").into());
        }
        Ok(Edit {
            title: self.title,
            body: self.body,
            open,
            reason: self.state_reason,
            labels: self.labels.map(names),
            assignees: self.assignees,
            milestone: self.milestone,
        })
    }
}

fn list_issues(model: &Model, request: &Request<'_>, repo: u64) -> Answer {
    let found = model.repos.get(&repo).ok_or_else(Reply::not_found)?;
    let value = |name: &str| request.query.get(name).map(String::as_str);
    let since = request.time("since")?;
    let labels: Vec<&str> = value("labels").into_iter().flat_map(|all| all.split(',')).collect();
    let state = value("state").unwrap_or("open");
    let wanted = |issue: &&Issue| {
        (state == "all" || issue.state() == state)
            && since.is_none_or(|since| issue.updated >= since)
            && labels.iter().all(|label| issue.labels.iter().any(|has| has.eq_ignore_ascii_case(label)))
    };
    let mut issues: Vec<&Issue> = found.issues.values().filter(wanted).collect();
    match value("sort") {
        Some("updated") => issues.sort_by_key(|issue| (issue.updated, issue.number)),
        Some("comments") => issues.sort_by_key(|issue| (issue.comments.len(), issue.number)),
        _ => issues.sort_by_key(|issue| (issue.created, issue.number)),
    }
    if value("direction") != Some("asc") {
        issues.reverse();
    }
    // Only the page that is asked for is put into words.
    let (from, per_page) = window(request);
    let total = issues.len();
    let shown = issues.into_iter().skip(from).take(per_page);
    let body = shown.map(|issue| view::whole_issue(model, found, issue)).collect();
    Ok(with_links(model, request, repo, body, total))
}

/// First entry and entries per page.
fn window(request: &Request<'_>) -> (usize, usize) {
    let number = |name: &str, default: usize| {
        request.query.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default).max(1)
    };
    let per_page = number("per_page", 30).min(100);
    ((number("page", 1) - 1) * per_page, per_page)
}

fn page(model: &Model, request: &Request<'_>, repo: u64, all: Vec<Value>) -> Reply {
    let (from, per_page) = window(request);
    let total = all.len();
    with_links(model, request, repo, all.into_iter().skip(from).take(per_page).collect(), total)
}

/// Pages link to each other by the repository's number, as GitHub's do.
fn with_links(model: &Model, request: &Request<'_>, repo: u64, body: Vec<Value>, total: usize) -> Reply {
    let (from, per_page) = window(request);
    let (at, last) = (from / per_page + 1, total.div_ceil(per_page).max(1));
    let tail = request.path.split('/').filter(|part| !part.is_empty());
    let skipped = if request.path.starts_with("/repositories/") { 2 } else { 3 };
    let tail: String = tail.skip(skipped).flat_map(|part| ["/", part]).collect();
    let link = |page: usize, rel: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| *name != "page"));
        let query = query.append_pair("page", &page.to_string()).finish();
        format!("<{}/repositories/{repo}{tail}?{query}>; rel=\"{rel}\"", model.base)
    };
    let mut links = Vec::new();
    if at > 1 {
        links.push(link(at - 1, "prev"));
    }
    if at < last {
        links.push(link(at + 1, "next"));
        links.push(link(last, "last"));
    }
    if at > 1 {
        links.push(link(1, "first"));
    }
    let mut reply = Reply::ok(Value::Array(body));
    if !links.is_empty() {
        reply.headers.push(("link", links.join(", ")));
    }
    reply
}

/// Adds the headers of every answer, tags what can be tagged, counts, and writes the request down.
fn finish(model: &mut Model, method: &Method, path: &str, asked: &HeaderMap, reply: Reply) -> Response<Body> {
    let mut body = reply.body.to_string();
    let mut status = reply.status;
    let mut headers = reply.headers;
    if *method == Method::GET && status == 200 {
        let tag = format!("W/\"{}\"", hex::encode(Sha256::digest(body.as_bytes())));
        let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        if known == Some(tag.as_str()) {
            status = 304;
            body.clear();
        }
        headers.push(("etag", tag));
    }
    if status != 304 {
        model.budget = model.budget.map(|left| left.saturating_sub(1));
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    }
    let left = model.budget.unwrap_or(HOURLY);
    headers.extend([
        ("date", model.time().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("x-ratelimit-limit", HOURLY.to_string()),
        ("x-ratelimit-remaining", left.to_string()),
        ("x-ratelimit-used", HOURLY.saturating_sub(left).to_string()),
        ("x-ratelimit-reset", model.budget_reset().timestamp().to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
        ("x-oauth-scopes", "repo".to_owned()),
        ("x-github-media-type", "github.v3; format=json".to_owned()),
    ]);
    model.requests.push(format!("{method} {} {status}", template(path)));
    let mut answer = Response::builder().status(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    answer.body(Body::from(body)).unwrap_or_default()
}

/// A path with names in the place of values, as in GitHub's documentation.
fn template(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (head, rest) = match segments.as_slice() {
        ["repos", _, _, rest @ ..] => ("/repos/{owner}/{repo}", rest),
        ["repositories", _, rest @ ..] => ("/repositories/{id}", rest),
        rest => ("", rest),
    };
    let mut out = head.to_owned();
    for (at, part) in rest.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| rest.get(at)).copied();
        let named = match (before, *part) {
            (_, "comments" | "timeline" | "reactions" | "check-runs" | "labels" | "issues") => part,
            (Some("issues"), _) => "{issue_number}",
            (Some("comments"), _) => "{comment_id}",
            (Some("pulls"), _) => "{pull_number}",
            (Some("commits"), _) => "{ref}",
            (Some("labels"), _) => "{name}",
            _ => part,
        };
        out.push('/');
        out.push_str(named);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn a_template_names_what_varies() {
        for (path, named) in [
            ("/user", "/user"),
            ("/repos/a/b/issues", "/repos/{owner}/{repo}/issues"),
            ("/repos/a/b/issues/7/timeline", "/repos/{owner}/{repo}/issues/{issue_number}/timeline"),
            (
                "/repos/a/b/issues/comments/9/reactions",
                "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
            ),
            ("/repositories/3/issues/7", "/repositories/{id}/issues/{issue_number}"),
            ("/repos/a/b/commits/abc/check-runs", "/repos/{owner}/{repo}/commits/{ref}/check-runs"),
        ] {
            assert_eq!(template(path), named);
        }
    }
}
