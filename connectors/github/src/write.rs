//! Creating and patching: one request each.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use connector_api::{
    Error, ErrorKind, Fetched, LABEL, Made, NewTicket, Patch, Result, StateChange, Ticket, TicketState,
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::due::Given;
use crate::request::{Answer, Call};
use crate::wire::{Issue, Problem};
use crate::{GitHub, LABEL_STATE, due, lock, text};

pub(crate) async fn create(github: &GitHub, new: &NewTicket) -> Result<Made> {
    let project = &new.project.project;
    let mut labels = new.labels.clone();
    labels.insert(LABEL.to_owned());
    labels.insert(new.marker.label());
    // Whoever may make a label may set them all. Without that right GitHub would leave them out without a word, and
    // nobody would find the ticket again.
    let all = github.labels_first.load(Ordering::Relaxed);
    let first = labels.iter().map(String::as_str).filter(|label| all || *label == LABEL);
    ensure_labels(github, project, first).await?;

    let assignees: Vec<&str> = new.assignee.iter().map(|account| account.id.as_str()).collect();
    let mut body = json!({
        "title": new.title,
        "body": text::render(&new.block, Some(&new.marker)),
        "labels": labels,
        "assignees": assignees,
    });
    if let Some(due) = new.due
        && let Some((key, value)) = due::at_creation(github, &new.project, due).await.map_err(not_done)?
        && let Some(body) = body.as_object_mut()
    {
        body.insert(key.to_owned(), value);
    }
    let what = format!("create a ticket in {project}");
    let url = github.site.repo_url(project, &["issues"])?;
    let call = Call::write(&*what, Method::POST, url, body).accept(&[410]);
    let answer = send_labels(github, project, call, labels.iter().map(String::as_str)).await?;
    if answer.status.as_u16() == 410 {
        return Err(Error::new(what, ErrorKind::Invalid(format!("issues are switched off in {project}"))));
    }
    let ticket = github.ticket(&answer.json::<Issue>()?, project, Some(&new.project));
    // GitHub drops what we may not set without a word. The ticket is there and says what it has.
    let has = |label: &String| ticket.labels.iter().any(|has| has.to_lowercase() == label.to_lowercase());
    if !labels.iter().all(has) || ticket.assignee.is_none() != assignees.is_empty() {
        tracing::warn!(
            ticket = ticket.reference.key,
            project,
            "GitHub left out labels or the assignee; the account needs write access to the repository"
        );
    }
    Ok(Made { reference: ticket.reference, assignee: ticket.assignee })
}

/// Sends a write that names labels. GitHub makes the labels that it does not have yet; a server that refuses them gets
/// them made first, from then on.
async fn send_labels(
    github: &GitHub,
    project: &str,
    call: Call,
    labels: impl Iterator<Item = &str>,
) -> Result<Answer> {
    let answer = github.site.send(&call.clone().accept(&[410, 422, 501])).await?;
    let lacks = match answer.status.as_u16() {
        501 => true,
        422 => answer.json::<Problem>().map_err(not_done)?.is_about("label"),
        _ => return github.site.judge(&call, answer),
    };
    if !lacks || github.labels_first.swap(true, Ordering::Relaxed) {
        return github.site.judge(&call, answer).map_err(not_done);
    }
    ensure_labels(github, project, labels).await?;
    github.site.send(&call).await
}

/// Makes the labels that are not known to be there.
async fn ensure_labels(github: &GitHub, project: &str, names: impl Iterator<Item = &str>) -> Result<()> {
    for name in names {
        let key = name.to_lowercase();
        let known = lock(&github.labels).get(project).is_some_and(|labels| labels.contains(&key));
        if known {
            continue;
        }
        let url = github.site.repo_url(project, &["labels"])?;
        let body = json!({ "name": name, "color": "1d4e89", "description": "Kept in step with the POA&M" });
        let call =
            Call::write(format!("make label {name} in {project}"), Method::POST, url, body).accept(&[422]);
        // A ticket is not being made yet, so nothing is lost with this answer.
        let answer = github.site.send(&call).await.map_err(not_done)?;
        if answer.status.as_u16() == 422 {
            let problem: Problem = answer.json().map_err(not_done)?;
            if !problem.already_exists() {
                let what = format!("make label {name} in {project}");
                return Err(Error::new(what, ErrorKind::Invalid(problem.sentence())));
            }
        }
        lock(&github.labels).entry(project.to_owned()).or_default().insert(key);
    }
    Ok(())
}

fn not_done(error: Error) -> Error {
    Error { outcome: connector_api::Outcome::NotDone, ..error }
}

pub(crate) async fn apply(github: &GitHub, seen: &Ticket, patch: &Patch) -> Result<Ticket> {
    let mut body = body_of(seen, patch);
    if let Some(due) = patch.due.filter(|due| *due != seen.due) {
        match due::give(github, &seen.reference, &patch.project, due).await? {
            Given::Sent(key, value) => {
                body.insert(key.to_owned(), value);
            }
            Given::Written if body.is_empty() => return read_back(github, seen).await,
            Given::Written | Given::Elsewhere => {}
        }
    }
    if body.is_empty() {
        return Ok(seen.clone());
    }
    let reference = &seen.reference;
    let labels = body.get("labels").and_then(Value::as_array).cloned().unwrap_or_default();
    let new: Vec<&str> =
        labels.iter().filter_map(Value::as_str).filter(|label| !seen.labels.contains(*label)).collect();
    if github.labels_first.load(Ordering::Relaxed) {
        ensure_labels(github, &reference.project, new.iter().copied()).await?;
    }
    let what = format!("change {}#{}", reference.project, reference.key);
    let url = github.site.repo_url(&reference.project, &["issues", &reference.key])?;
    let call = Call::write(&*what, Method::PATCH, url, Value::Object(body));
    let answer = send_labels(github, &reference.project, call, new.into_iter()).await?;
    let issue: Issue = answer.json()?;
    if !answer.moved && issue.id.to_string() != reference.id {
        // The number belongs to another ticket now. There is no way to ask for an id, so this is seen only after.
        return Err(Error::new(what, ErrorKind::Conflict).outcome_unknown());
    }
    Ok(github.ticket(&issue, &reference.project, Some(&patch.project)))
}

/// The ticket after a write that does not answer with it.
async fn read_back(github: &GitHub, seen: &Ticket) -> Result<Ticket> {
    match github.fetch_one(&seen.reference).await? {
        Fetched::Found(ticket) => Ok(*ticket),
        Fetched::Missing(_) | Fetched::Gone(_) => {
            let what = format!("read {}#{} back", seen.reference.project, seen.reference.key);
            Err(Error::new(what, ErrorKind::NotFound).outcome_unknown())
        }
    }
}

/// What is to be sent: only what differs from what was seen.
fn body_of(seen: &Ticket, patch: &Patch) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(title) = patch.title.as_ref().filter(|title| **title != seen.title) {
        body.insert("title".to_owned(), json!(title));
    }
    if let Some(block) = &patch.block {
        let text = seen.description.raw.as_str().unwrap_or_default();
        let spliced = text::splice(text, block, seen.marker.as_ref());
        if spliced != text {
            body.insert("body".to_owned(), json!(spliced));
        }
    }
    if let Some(assignee) = patch.assignee.as_ref().filter(|assignee| **assignee != seen.assignee) {
        let logins: Vec<&str> = assignee.iter().map(|account| account.id.as_str()).collect();
        body.insert("assignees".to_owned(), json!(logins));
    }
    let state_label =
        patch.state.iter().flat_map(|change| &change.names).find_map(|name| name.strip_prefix(LABEL_STATE));
    let labels = labels_after(&seen.labels, patch, state_label);
    if let Some((state, reason)) = patch.state.as_ref().and_then(|change| state_of(&seen.status, change)) {
        body.insert("state".to_owned(), json!(state));
        body.insert("state_reason".to_owned(), json!(reason));
    }
    if labels != seen.labels {
        body.insert("labels".to_owned(), json!(labels));
    }
    body
}

/// The whole set of labels to send. GitHub takes names that differ by case alone for the same.
fn labels_after(seen: &BTreeSet<String>, patch: &Patch, state: Option<&str>) -> BTreeSet<String> {
    let mut labels = seen.clone();
    let wanted = patch.add_labels.iter().map(String::as_str).chain(state);
    for name in wanted {
        if !labels.iter().any(|has| has.to_lowercase() == name.to_lowercase()) {
            labels.insert(name.to_owned());
        }
    }
    labels
        .retain(|label| !patch.remove_labels.iter().any(|gone| gone.to_lowercase() == label.to_lowercase()));
    labels
}

/// The state to send, none where the issue has it already.
fn state_of(now: &connector_api::Status, change: &StateChange) -> Option<(&'static str, String)> {
    // A resolution that is configured in another tracker's words means nothing here.
    let known = |reason: &&String| matches!(reason.as_str(), "completed" | "not_planned" | "duplicate");
    let reason = |default: &str| change.resolution.as_ref().filter(known).map_or(default, |r| r).to_owned();
    let (state, reason) = match change.to {
        TicketState::Open | TicketState::InProgress | TicketState::Blocked => ("open", "reopened".to_owned()),
        TicketState::Done => ("closed", reason("completed")),
        TicketState::Dropped => ("closed", reason("not_planned")),
    };
    if now.name == state {
        // GitHub ignores a reason without a change of state, so an open issue needs nothing; a closed one is
        // asked all the same, and the answer tells what came of it.
        let same = state == "open" || now.resolution.as_deref().unwrap_or("completed") == reason;
        if same {
            return None;
        }
    }
    Some((state, reason))
}
