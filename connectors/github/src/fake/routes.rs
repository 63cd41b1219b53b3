//! What each address does.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::model::{Edit, Issue, Model, NewIssue, Permission, Place, Refusal};
use super::pages::{page, window, with_links};
use super::view;

const DOCS: &str = "https://docs.github.com/rest";

/// What goes back, before headers that every answer has.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body, headers: Vec::new() }
    }

    fn created(body: Value) -> Self {
        Self { status: 201, body, headers: Vec::new() }
    }

    pub(super) fn problem(status: u16, message: &str) -> Self {
        let body = json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() });
        Self { status, body, headers: Vec::new() }
    }

    pub(super) fn not_found() -> Self {
        Self::problem(404, "Not Found")
    }

    pub(super) fn moved(to: &str, method: &Method) -> Self {
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
            Refusal::Forbidden | Refusal::Locked | Refusal::Archived => {
                Self::problem(403, &refusal.to_string())
            }
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

pub(super) type Answer = Result<Reply, Reply>;

/// A request taken apart.
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: &'a [u8],
    pub(super) login: &'a str,
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

pub(super) fn in_repository(model: &mut Model, request: &Request<'_>, repo: u64, rest: &[&str]) -> Answer {
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
        ["hooks", rest @ ..] => hooks(model, request, repo, rest),
        ["milestones"] if get => {
            let found = model.repos.get(&repo).ok_or_else(Reply::not_found)?;
            let all = found.milestones.iter().map(|of| view::milestone(model, found, of)).collect();
            Ok(page(model, request, repo, all))
        }
        ["milestones"] if post => new_milestone(model, request, repo),
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
        ["issue-field-values"] if request.method == Method::POST => {
            #[derive(Deserialize)]
            struct New {
                issue_field_values: Vec<FieldValue>,
            }
            let new: New = request.json()?;
            for FieldValue { field_id, value } in new.issue_field_values {
                model.set_field(place, request.login, field_id, Some(value))?;
            }
            Ok(Reply::ok(view::field_values(model, model.issue(place).map_err(|_| Reply::not_found())?)))
        }
        ["issue-field-values", id] if request.method == Method::DELETE => {
            let id = id.parse().map_err(|_| Reply::not_found())?;
            model.set_field(place, request.login, id, None)?;
            Ok(Reply { status: 204, body: Value::Null, headers: Vec::new() })
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

/// A repository's hooks, for those who administer it.
fn hooks(model: &mut Model, request: &Request<'_>, repo: u64, rest: &[&str]) -> Answer {
    if !model.may(repo, request.login, Permission::Admin) {
        return Err(Reply::not_found());
    }
    let number = |id: &str| id.parse::<u64>().map_err(|_| Reply::not_found());
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let all = model.hooks.all.iter().filter(|(_, of, _)| *of == repo);
            let all = all.map(|(id, _, url)| view::hook(model, repo, *id, url)).collect();
            Ok(page(model, request, repo, all))
        }
        ("GET", [id, "deliveries"]) => {
            let all = model.attempts_of(Some(number(id)?));
            Ok(page(model, request, repo, all))
        }
        ("POST", [id, "deliveries", delivery, "attempts"]) => {
            let id = number(id)?;
            model.deliver_again(Some(id), delivery)
        }
        _ => Err(Reply::not_found()),
    }
}

fn new_milestone(model: &mut Model, request: &Request<'_>, repo: u64) -> Answer {
    #[derive(Deserialize)]
    struct New {
        title: String,
        due_on: Option<DateTime<Utc>>,
    }
    let new: New = request.json()?;
    // By the calendar of the Pacific coast, roughly.
    let due = new.due_on.map(|at| (at - TimeDelta::hours(8)).date_naive());
    let number = model.add_milestone(repo, request.login, &new.title, due)?;
    let found = model.repos.get(&repo).ok_or_else(Reply::not_found)?;
    let made = found.milestones.iter().find(|of| of.number == number).ok_or_else(Reply::not_found)?;
    Ok(Reply::created(view::milestone(model, found, made)))
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

/// A date for a field of the organization.
#[derive(Deserialize)]
struct FieldValue {
    field_id: u64,
    value: String,
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
        #[serde(default)]
        issue_field_values: Vec<FieldValue>,
    }
    let new: New = request.json()?;
    let issue = NewIssue {
        title: new.title.unwrap_or_default(),
        body: new.body,
        labels: names(new.labels),
        assignees: new.assignees,
        milestone: new.milestone,
        fields: new.issue_field_values.into_iter().map(|value| (value.field_id, value.value)).collect(),
    };
    let place = model.open(repo, request.login, issue)?;
    Ok(Reply::created(view::issue(model, place)))
}

#[derive(Deserialize)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
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
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
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
