//! A ticket's log through REST: timeline, comments, and what closed it. For sites without GraphQL.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use connector_api::{
    Account, Closer, Error, ErrorKind, Fetched, HistoryEntry, HistoryKind, LogRequest, Result, Status,
    StatusCategory, TicketLog, TicketRef,
};
use serde::de::DeserializeOwned;
use url::Url;

use crate::GitHub;
use crate::request::Call;
use crate::wire::{
    CheckRun, CheckRuns, Commit, Event, IssueComment, Pull, SourceIssue, User, repository_of_url, shown,
    status,
};

/// How far a merge and the closing that it causes may be apart.
const CLOSING: TimeDelta = TimeDelta::seconds(60);

/// The kinds of timeline entry that are read; others may have any shape.
const KNOWN: [&str; 9] = [
    "closed",
    "reopened",
    "renamed",
    "labeled",
    "unlabeled",
    "assigned",
    "unassigned",
    "transferred",
    "cross-referenced",
];

pub(crate) async fn read(github: &GitHub, request: &LogRequest) -> Result<TicketLog> {
    let ticket = &request.ticket;
    let events = timeline(github, ticket).await?;
    let mut entries = Vec::new();
    for event in &events {
        if request.since.is_some_and(|since| event.created_at < since) {
            continue;
        }
        let Some(mut kind) = kind_of(event, ticket) else { continue };
        if let HistoryKind::Status { closer, .. } = &mut kind
            && event.name == "closed"
        {
            *closer = find_closer(github, ticket, event, &events).await?;
        }
        let id = id_of(event);
        let by = event.actor.as_ref().map(User::account);
        entries.push(HistoryEntry { act: id.clone(), id, at: event.created_at, by, kind });
    }
    entries.sort_by_key(|entry| entry.at);
    fill_reason(github, ticket, &mut entries).await?;
    let comments = comments(github, ticket, request.since).await?;
    Ok(TicketLog {
        ticket: ticket.id.clone(),
        entries,
        comments: comments.iter().map(IssueComment::comment).collect(),
        attachments: Vec::new(),
    })
}

/// The last change of the status, where it is a closing that does not say why. Older servers, and some closings, leave
/// it out; without it "not planned" would pass for done, so the ticket itself is asked, which knows it for its last.
pub(crate) fn without_reason(entries: &mut [HistoryEntry]) -> Option<&mut Status> {
    let last = entries.iter_mut().rev().find_map(|entry| match &mut entry.kind {
        HistoryKind::Status { to, .. } => Some(to),
        HistoryKind::Due { .. }
        | HistoryKind::Title { .. }
        | HistoryKind::Text { .. }
        | HistoryKind::Assignee { .. }
        | HistoryKind::Project { .. }
        | HistoryKind::Label { .. } => None,
    });
    last.filter(|to| to.category == StatusCategory::Done && to.resolution.is_none())
}

/// Gives a closing the reason that the ticket has now, if it is closed.
pub(crate) fn give_reason(last: &mut Status, now: &Status) {
    if now.category == StatusCategory::Done {
        last.resolution.clone_from(&now.resolution);
    }
}

async fn fill_reason(github: &GitHub, ticket: &TicketRef, entries: &mut [HistoryEntry]) -> Result<()> {
    if let Some(last) = without_reason(entries)
        && let Fetched::Found(now) = github.fetch_one(ticket).await?
    {
        give_reason(last, &now.status);
    }
    Ok(())
}

/// A closing.
pub(crate) fn closed(reason: Option<String>, closer: Option<Closer>) -> HistoryKind {
    HistoryKind::Status { from: Some(status("open", None)), to: status("closed", reason), closer }
}

/// A reopening.
pub(crate) fn reopened(reason: Option<String>) -> HistoryKind {
    let reason = reason.or_else(|| Some("reopened".to_owned()));
    HistoryKind::Status { from: Some(status("closed", None)), to: status("open", reason), closer: None }
}

fn listing(github: &GitHub, ticket: &TicketRef, of: &str) -> Result<(String, Url)> {
    let mut url = github.site.repo_url(&ticket.project, &["issues", &ticket.key, of])?;
    url.query_pairs_mut().append_pair("per_page", "100");
    Ok((format!("read the {of} of {}#{}", ticket.project, ticket.key), url))
}

async fn timeline(github: &GitHub, ticket: &TicketRef) -> Result<Vec<Event>> {
    let (what, url) = listing(github, ticket, "timeline")?;
    let values = github.site.list::<serde_json::Value>(Call::get(&*what, url)).await?.entries;
    let known = |value: &serde_json::Value| {
        value.get("event").and_then(serde_json::Value::as_str).is_some_and(|event| KNOWN.contains(&event))
    };
    values
        .into_iter()
        .filter(known)
        .map(|value| {
            serde_json::from_value(value).map_err(|error| {
                Error::new(&*what, ErrorKind::Unavailable(format!("an entry cannot be read: {error}")))
            })
        })
        .collect()
}

async fn comments(
    github: &GitHub,
    ticket: &TicketRef,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<IssueComment>> {
    let (what, mut url) = listing(github, ticket, "comments")?;
    if let Some(since) = since {
        url.query_pairs_mut().append_pair("since", &since.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    let mut comments = github.site.list::<IssueComment>(Call::get(what, url)).await?.entries;
    comments.sort_by_key(|comment| (comment.created_at, comment.id));
    comments.dedup_by_key(|comment| comment.id);
    Ok(comments)
}

/// An event's own id, the one that both interfaces know, else one made of what cannot change about it.
fn id_of(event: &Event) -> String {
    if let Some(id) = &event.node_id {
        return id.clone();
    }
    if let Some(id) = event.id {
        return id.to_string();
    }
    let at = event.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let by = event.actor.as_ref().map_or("ghost", |actor| &actor.login);
    format!("{}:{at}:{by}", event.name)
}

/// What an event says about the ticket itself.
fn kind_of(event: &Event, ticket: &TicketRef) -> Option<HistoryKind> {
    let label = |added| {
        let name = event.label.as_ref()?.name.clone()?;
        Some(HistoryKind::Label { name, added })
    };
    match event.name.as_str() {
        "closed" => Some(closed(event.state_reason.clone(), None)),
        "reopened" => Some(reopened(event.state_reason.clone())),
        "renamed" => {
            event.rename.clone().map(|rename| HistoryKind::Title { from: rename.from, to: rename.to })
        }
        "labeled" => label(true),
        "unlabeled" => label(false),
        "assigned" => event.assignee.as_ref().map(|to| HistoryKind::Assignee { to: Some(to.account()) }),
        "unassigned" => Some(HistoryKind::Assignee { to: None }),
        // The entry stands in the log of the ticket's new place and does not name it.
        "transferred" => Some(HistoryKind::Project { to: ticket.project.clone() }),
        _ => None,
    }
}

/// What closed the ticket: the commit that the event names, and the merged pull request that says it closes it. A
/// pull request that only mentions the ticket is never taken for evidence.
async fn find_closer(
    github: &GitHub,
    ticket: &TicketRef,
    closing: &Event,
    events: &[Event],
) -> Result<Option<Closer>> {
    let mut closer = Closer { commit: closing.commit_id.clone(), ..Closer::default() };
    let sources = events.iter().filter_map(|event| event.source.as_ref()?.issue.as_ref());
    for source in sources.filter(|source| merged_then(source, closing.created_at)) {
        let project = source.repository_url.as_deref().and_then(repository_of_url);
        let project = project.unwrap_or_else(|| ticket.project.clone());
        let number = source.number.to_string();
        let Some(pull) = optional::<Pull>(github, &project, &["pulls", &number]).await? else { continue };
        let by_commit = closing.commit_id.is_some() && closing.commit_id == pull.merge_commit_sha;
        if !pull.merged || !(by_commit || says_it_closes(source, ticket, &project)) {
            continue;
        }
        closer.authors =
            [pull.user.as_ref(), pull.merged_by.as_ref()].into_iter().flatten().map(User::account).collect();
        closer.checks = match &pull.merge_commit_sha {
            Some(sha) => checks(github, &project, sha).await?,
            None => Vec::new(),
        };
        // Where nothing runs on the merge itself, what ran on its branch is the proof.
        if let (true, Some(head)) = (closer.checks.is_empty(), &pull.head) {
            closer.checks = checks(github, &project, &head.sha).await?;
        }
        closer.pull_request = Some(pull.html_url);
        closer.merge_sha = pull.merge_commit_sha;
        // That of the merge, where there is one.
        closer.commit = None;
        break;
    }
    if let (Some(sha), None) = (&closer.commit, &closer.pull_request) {
        let project = closing.commit_url.as_deref().and_then(repository_of_url);
        let project = project.unwrap_or_else(|| ticket.project.clone());
        let commit = optional::<Commit>(github, &project, &["commits", sha]).await?;
        let people = commit.into_iter().flat_map(|commit| [commit.author, commit.committer]);
        let logins = people.flatten().filter_map(|person| person.login);
        closer.authors = logins.map(|login| Account { id: login.clone(), name: login }).collect();
        closer.checks = checks(github, &project, sha).await?;
    }
    closer.authors.dedup();
    Ok((closer != Closer::default()).then_some(closer))
}

fn merged_then(source: &SourceIssue, closed: DateTime<Utc>) -> bool {
    let merged = source.pull_request.as_ref().and_then(|pull| pull.merged_at);
    merged.is_some_and(|merged| (closed - merged).abs() <= CLOSING)
}

/// Whether a pull request closes the ticket by its words: `Fixes #17`, `closes owner/repository#17`, or the
/// ticket's address (GitHub Docs, "Linking a pull request to an issue").
fn says_it_closes(source: &SourceIssue, ticket: &TicketRef, project: &str) -> bool {
    let near = format!("#{}", ticket.key);
    let full = format!("{}#{}", ticket.project, ticket.key).to_lowercase();
    let text = format!("{}\n{}", source.title, source.body.as_deref().unwrap_or_default()).to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|pair| {
        let [verb, target] = pair else { return false };
        let verb = verb.trim_start_matches(|c: char| !c.is_alphanumeric()).trim_end_matches(':');
        let target = target.trim_end_matches(|c: char| !c.is_alphanumeric());
        let closes = matches!(
            verb,
            "close" | "closes" | "closed" | "fix" | "fixes" | "fixed" | "resolve" | "resolves" | "resolved"
        );
        let same = project.eq_ignore_ascii_case(&ticket.project);
        closes && ((same && target == near) || target == full || target == ticket.url.to_lowercase())
    })
}

async fn checks(github: &GitHub, project: &str, sha: &str) -> Result<Vec<String>> {
    let runs = optional::<CheckRuns>(github, project, &["commits", sha, "check-runs"]).await?;
    let told = |run: CheckRun| format!("{}: {}", shown(&run.name), run.conclusion.unwrap_or(run.status));
    Ok(runs.map(|runs| runs.check_runs.into_iter().map(told).collect()).unwrap_or_default())
}

/// Something that adds to the evidence and may be out of sight for us: then it is left out.
async fn optional<T: DeserializeOwned>(github: &GitHub, project: &str, path: &[&str]) -> Result<Option<T>> {
    let Ok(url) = github.site.repo_url(project, path) else { return Ok(None) };
    let call = Call::get(format!("read the {} that closed a ticket of {project}", path.join("/")), url);
    match github.site.send(&call).await {
        Ok(answer) => answer.json().map(Some),
        Err(error) => match error.kind {
            ErrorKind::NotFound | ErrorKind::Forbidden(_) | ErrorKind::Invalid(_) | ErrorKind::Conflict => {
                Ok(None)
            }
            ErrorKind::RateLimited { .. }
            | ErrorKind::Unavailable(_)
            | ErrorKind::Auth(_)
            | ErrorKind::Unsupported(_)
            | ErrorKind::TooLarge { .. } => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(body: &str) -> SourceIssue {
        SourceIssue {
            number: 5,
            title: "Upgrade".to_owned(),
            body: Some(body.to_owned()),
            repository_url: None,
            pull_request: None,
        }
    }

    #[test]
    fn only_closing_words_close() {
        let ticket = TicketRef {
            id: "1".to_owned(),
            key: "17".to_owned(),
            project: "Acme/api".to_owned(),
            url: "https://github.com/Acme/api/issues/17".to_owned(),
        };
        for body in [
            "Fixes #17",
            "this closes: #17.",
            "(resolves acme/API#17)",
            "Fix https://github.com/Acme/api/issues/17 now",
        ] {
            assert!(says_it_closes(&source(body), &ticket, "acme/api"), "{body}");
        }
        for body in ["see #17", "Fixes #170", "prefixes #17x", "Fixes other/api#17", "fixes", "unfixed #17"] {
            assert!(!says_it_closes(&source(body), &ticket, "acme/api"), "{body}");
        }
        assert!(
            !says_it_closes(&source("Fixes #17"), &ticket, "acme/web"),
            "a number is of its own repository"
        );
    }
}
