//! The GraphQL interface, for the questions that the connector asks: known by their names, answered with all that
//! they select, in the real shapes.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::model::{EventKind, Issue, Model, Permission, Place, Repo};
use super::routes::{Answer, Reply};
use super::view::{self, time};

/// How GraphQL fails, where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphFault {
    /// There is no such interface.
    Absent,
    /// It lacks a field that is asked for, as an older server.
    UnknownField,
    /// The points of the hour are spent: 200, with an error that says so.
    RateLimited,
    /// It answers so many nodes at most, and fails on those after them.
    PartialAfter(usize),
    /// It gives up on more nodes than these, with a 502.
    TimesOutAbove(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    query: String,
    operation_name: String,
    variables: Variables,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Variables {
    ids: Vec<String>,
    since: Option<DateTime<Utc>>,
    events: bool,
    events_after: Option<String>,
    closings: bool,
    closings_after: Option<String>,
    comments: bool,
    comments_after: Option<String>,
    edits: bool,
    edits_after: Option<String>,
}

fn failure(kind: Option<&str>, code: Option<&str>, message: &str) -> Reply {
    let mut error = json!({ "message": message });
    if let Some(kind) = kind {
        put(&mut error, "type", json!(kind));
    }
    if let Some(code) = code {
        put(&mut error, "extensions", json!({ "code": code }));
    }
    Reply::ok(json!({ "data": null, "errors": [error] }))
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

pub(super) fn answer(model: &Model, login: &str, body: &[u8]) -> Answer {
    if model.graph_fault == Some(GraphFault::Absent) {
        return Err(Reply::not_found());
    }
    let asked: Question =
        serde_json::from_slice(body).map_err(|_| Reply::problem(400, "Problems parsing JSON"))?;
    if !asked.query.contains(&format!("query {}", asked.operation_name)) {
        return Ok(failure(None, None, "No operation of that name"));
    }
    let ids = &asked.variables.ids;
    if ids.len() > 100 {
        let said = "You may not provide more than 100 node ids";
        return Ok(failure(Some("ARGUMENT_LIMIT"), Some("argumentLimit"), said));
    }
    match model.graph_fault {
        Some(GraphFault::UnknownField) => {
            let said = "Field 'fullDatabaseId' doesn't exist on type 'Issue'";
            return Ok(failure(None, Some("undefinedField"), said));
        }
        Some(GraphFault::RateLimited) => {
            return Ok(failure(Some("RATE_LIMITED"), None, "API rate limit exceeded for this user."));
        }
        Some(GraphFault::TimesOutAbove(most)) if ids.len() > most => {
            return Err(Reply::problem(502, "Bad Gateway"));
        }
        Some(GraphFault::Absent | GraphFault::PartialAfter(_) | GraphFault::TimesOutAbove(_)) | None => {}
    }
    let (mut nodes, mut errors) = (Vec::new(), Vec::new());
    for (at, id) in ids.iter().enumerate() {
        let failing = matches!(model.graph_fault, Some(GraphFault::PartialAfter(most)) if at >= most);
        let node = if failing { None } else { node(model, login, id, &asked) };
        if node.is_none() {
            let (kind, said) = if failing {
                ("SERVICE_UNAVAILABLE", "Something went wrong while executing your query.".to_owned())
            } else {
                ("NOT_FOUND", format!("Could not resolve to a node with the global id of '{id}'"))
            };
            errors.push(json!({ "type": kind, "path": ["nodes", at], "message": said }));
        }
        nodes.push(node.unwrap_or_default());
    }
    let mut body = json!({ "data": { "nodes": nodes } });
    if !errors.is_empty() {
        put(&mut body, "errors", Value::from(errors));
    }
    Ok(Reply::ok(body))
}

fn node(model: &Model, login: &str, id: &str, asked: &Question) -> Option<Value> {
    let place = model.place(id.strip_prefix("I_")?).ok()?;
    let repo = model.repos.get(&place.0).filter(|repo| model.may(repo.id, login, Permission::Read))?;
    let issue = repo.issues.get(&place.1)?;
    let mut out = json!({ "__typename": "Issue", "id": id, "fullDatabaseId": issue.id.to_string(),
        "state": issue.state().to_uppercase(), "stateReason": upper(issue.reason.as_deref()),
        "repository": { "nameWithOwner": repo.full_name } });
    match asked.operation_name.as_str() {
        "Tickets" => tell_whole(model, repo, issue, &mut out),
        "Glances" => put(&mut out, "updatedAt", json!(time(issue.updated))),
        "Logs" => tell_log(model, repo, place, issue, &asked.variables, &mut out),
        _ => return None,
    }
    Some(out)
}

fn upper(reason: Option<&str>) -> Value {
    reason.map_or(Value::Null, |reason| json!(reason.to_uppercase()))
}

/// Whoever acts; an App's account is a bot, whose name here lacks what REST puts after it.
fn actor(model: &Model, login: &str) -> Value {
    if !model.people.contains_key(login) {
        return Value::Null;
    }
    match login.strip_suffix("[bot]") {
        Some(name) => json!({ "__typename": "Bot", "login": name }),
        None => json!({ "__typename": "User", "login": login }),
    }
}

fn tell_whole(model: &Model, repo: &Repo, issue: &Issue, out: &mut Value) {
    let names: Vec<Value> = issue.labels.iter().map(|name| json!({ "name": name })).collect();
    let assignees: Vec<Value> = issue.assignees.iter().map(|login| json!({ "login": login })).collect();
    let milestone = issue
        .milestone
        .and_then(|number| repo.milestones.iter().find(|of| of.number == number))
        .map(|of| json!({ "number": of.number, "title": of.title, "dueOn": of.due_on() }));
    for (key, value) in [
        ("number", json!(issue.number)),
        ("url", json!(format!("{}/{}/issues/{}", model.base, repo.full_name, issue.number))),
        ("title", json!(issue.title)),
        ("body", json!(issue.body.clone().unwrap_or_default())),
        ("createdAt", json!(time(issue.created))),
        ("updatedAt", json!(time(issue.updated))),
        ("author", actor(model, &issue.author)),
        ("assignees", json!({ "nodes": assignees })),
        ("labels", json!({ "nodes": names })),
        ("milestone", json!(milestone)),
    ] {
        put(out, key, value);
    }
}

/// One page of a list; its cursors are places in it.
fn page(all: Vec<Value>, after: Option<&str>, first: usize) -> Value {
    let from = after.and_then(|after| after.parse::<usize>().ok()).unwrap_or_default();
    let (total, end) = (all.len(), from + first);
    let shown: Vec<Value> = all.into_iter().skip(from).take(first).collect();
    let cursor = (!shown.is_empty()).then(|| (from + shown.len()).to_string());
    json!({ "pageInfo": { "hasNextPage": end < total, "endCursor": cursor }, "nodes": shown })
}

fn tell_log(model: &Model, repo: &Repo, place: Place, issue: &Issue, asked: &Variables, out: &mut Value) {
    put(out, "includesCreatedEdit", json!(!issue.edits.is_empty()));
    let recent = issue.events.iter().filter(|event| asked.since.is_none_or(|since| event.at >= since));
    let mut recent: Vec<_> = recent.collect();
    recent.sort_by_key(|event| (event.at, event.id));
    if asked.events {
        let told = recent.iter().filter_map(|event| {
            let mut node = kind_of(model, &event.kind)?;
            put(&mut node, "id", json!(view::event_node(event.id)));
            put(&mut node, "createdAt", json!(time(event.at)));
            put(&mut node, "actor", actor(model, &event.actor));
            Some(node)
        });
        put(out, "events", page(told.collect(), asked.events_after.as_deref(), 50));
    }
    if asked.closings {
        let told = recent.iter().filter_map(|event| {
            let EventKind::Closed { commit, .. } = &event.kind else { return None };
            let closer = commit.as_deref().map(|sha| closer(model, repo, place, sha));
            Some(json!({ "id": view::event_node(event.id), "closer": closer }))
        });
        put(out, "closings", page(told.collect(), asked.closings_after.as_deref(), 5));
    }
    if asked.comments {
        let mut comments: Vec<_> = issue.comments.iter().collect();
        comments.sort_by_key(|comment| (std::cmp::Reverse(comment.updated), comment.id));
        let told = comments.into_iter().map(|comment| {
            let edited = comment.edited.then(|| time(comment.updated));
            let editor = if comment.edited { actor(model, &comment.editor) } else { Value::Null };
            json!({ "fullDatabaseId": comment.id.to_string(), "body": comment.body,
                "createdAt": time(comment.created), "updatedAt": time(comment.updated),
                "lastEditedAt": edited, "author": actor(model, &comment.author), "editor": editor })
        });
        put(out, "comments", page(told.collect(), asked.comments_after.as_deref(), 50));
    }
    if asked.edits {
        let told = issue.edits.iter().rev().map(|edit| {
            json!({ "id": format!("UCE_{}", edit.id), "editedAt": time(edit.at),
                "editor": actor(model, &edit.editor), "diff": edit.body })
        });
        put(out, "edits", page(told.collect(), asked.edits_after.as_deref(), 10));
    }
}

/// An event as the timeline names it; none for those that are not asked for.
fn kind_of(model: &Model, kind: &EventKind) -> Option<Value> {
    Some(match kind {
        EventKind::Closed { reason, .. } => {
            json!({ "__typename": "ClosedEvent", "stateReason": upper(reason.as_deref()) })
        }
        EventKind::Reopened => json!({ "__typename": "ReopenedEvent", "stateReason": null }),
        EventKind::Renamed { from, to } => {
            json!({ "__typename": "RenamedTitleEvent", "previousTitle": from, "currentTitle": to })
        }
        EventKind::Label { name, added } => {
            let kind = if *added { "LabeledEvent" } else { "UnlabeledEvent" };
            json!({ "__typename": kind, "label": { "name": name } })
        }
        EventKind::Assignee { login, added } => {
            let kind = if *added { "AssignedEvent" } else { "UnassignedEvent" };
            json!({ "__typename": kind, "assignee": actor(model, login) })
        }
        EventKind::Transferred => json!({ "__typename": "TransferredEvent" }),
        EventKind::Milestone { .. } | EventKind::CrossReferenced(_) => return None,
    })
}

fn checks(repo: &Repo, sha: &str) -> Value {
    let Some(all) = repo.checks.get(sha) else { return Value::Null };
    let runs: Vec<Value> = all
        .iter()
        .map(|(_, name, conclusion)| {
            json!({ "__typename": "CheckRun", "name": name, "status": "COMPLETED",
                "conclusion": conclusion.to_uppercase() })
        })
        .collect();
    json!({ "contexts": { "totalCount": runs.len(), "nodes": runs } })
}

/// What closed an issue: the pull request that was merged as this commit, else the commit.
fn closer(model: &Model, repo: &Repo, place: Place, sha: &str) -> Value {
    let merged = |issue: &&Issue| {
        let pull = issue.pull.as_ref().and_then(|pull| pull.merged.as_ref());
        pull.is_some_and(|(_, merged, _)| merged == sha)
    };
    let Some(issue) = repo.issues.values().find(merged) else {
        let author = repo.commits.get(sha).map_or(Value::Null, |author| actor(model, author));
        return json!({ "__typename": "Commit", "oid": sha, "statusCheckRollup": checks(repo, sha),
            "author": { "user": author }, "committer": { "user": author } });
    };
    let pull = view::pull(model, (place.0, issue.number)).unwrap_or_default();
    let head = issue.pull.as_ref().map(|pull| pull.head.clone()).unwrap_or_default();
    let by = issue.pull.as_ref().and_then(|pull| pull.merged.as_ref()).map(|(.., by)| actor(model, by));
    json!({ "__typename": "PullRequest", "url": pull.get("html_url"), "merged": true,
        "author": actor(model, &issue.author), "mergedBy": by,
        "mergeCommit": { "oid": sha, "statusCheckRollup": checks(repo, sha) },
        "commits": { "nodes": [{ "commit": { "oid": head, "statusCheckRollup": checks(repo, &head) } }] } })
}
