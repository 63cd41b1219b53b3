//! Tickets' logs through GraphQL: a hundred in one request, with what REST does not tell: every edit of the due line,
//! who changed a comment last, and what exactly closed a ticket.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use connector_api::due::{DueLine, due_line};
use connector_api::{
    Account, Closer, Comment, HistoryEntry, HistoryKind, LogRequest, Result, TicketLog, TicketRef,
};
use serde::Deserialize;
use serde_json::json;

use crate::graphql::{LOGS, Node};
use crate::tickets::{Actor, Known, List, Place, by_owner, learn};
use crate::wire::{account_or_ghost, shown, status};
use crate::{GitHub, log, text};

/// Logs, one for each ticket that is there; none at all where the site has no GraphQL.
pub(crate) async fn read(github: &GitHub, requests: &[LogRequest]) -> Result<Option<Vec<TicketLog>>> {
    if github.lacks_graphql() {
        return Ok(None);
    }
    let wanted: Vec<&TicketRef> = requests.iter().map(|request| &request.ticket).collect();
    learn(github, &wanted).await?;
    let mut read = std::collections::BTreeMap::new();
    for (owner, of) in by_owner(github, &wanted) {
        let (tickets, ids): (Vec<&TicketRef>, Vec<String>) = of.into_iter().unzip();
        // One time for all of a request: the earliest that any of them asks for.
        let asked = requests.iter().filter(|request| tickets.contains(&&request.ticket));
        let since = asked.map(|request| request.since).min().flatten();
        let first = Wanted::first(since);
        let Some(nodes) = github.nodes::<LogNode>("read tickets' logs", &owner, &LOGS, &ids, || first.variables()).await?
        else {
            return Ok(None);
        };
        for ((ticket, id), node) in tickets.into_iter().zip(ids).zip(nodes) {
            match node {
                Node::Shown(mut node) if node.id() == ticket.id => {
                    read_rest(github, &owner, &id, since, &mut node).await?;
                    read.insert(ticket.id.clone(), node.log(ticket));
                }
                Node::Shown(_) | Node::Absent | Node::Unreadable => {}
            }
        }
    }
    Ok(Some(requests.iter().filter_map(|request| read.remove(&request.ticket.id)).collect()))
}

/// The pages of one log beyond the first, as far back as is asked for.
async fn read_rest(
    github: &GitHub,
    owner: &str,
    id: &str,
    since: Option<DateTime<Utc>>,
    node: &mut LogNode,
) -> Result<()> {
    while let Some(more) = node.wants(since) {
        let what = "read more of a ticket's log";
        let ids = [id.to_owned()];
        let nodes = github.nodes::<LogNode>(what, owner, &LOGS, &ids, || more.variables()).await?;
        match nodes.and_then(|mut nodes| nodes.pop()) {
            Some(Node::Shown(page)) => node.add(page),
            // It went away meanwhile, or the site fails: nothing may be concluded from half of a log.
            Some(Node::Absent | Node::Unreadable) | None => {
                let said = "a page of a ticket's log is missing".to_owned();
                return Err(connector_api::Error::new(what, connector_api::ErrorKind::Unavailable(said)));
            }
        }
    }
    Ok(())
}

/// Which lists to read, and after which place of each.
struct Wanted {
    since: Option<DateTime<Utc>>,
    events: Option<Option<String>>,
    closings: Option<Option<String>>,
    comments: Option<Option<String>>,
    edits: Option<Option<String>>,
}

impl Wanted {
    fn first(since: Option<DateTime<Utc>>) -> Self {
        Self { since, events: Some(None), closings: Some(None), comments: Some(None), edits: Some(None) }
    }

    fn variables(&self) -> serde_json::Value {
        // Whether that very second counts is nowhere said.
        let since = self.since.map(|since| since - TimeDelta::seconds(1));
        json!({
            "since": since.map(|since| since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            "events": self.events.is_some(), "eventsAfter": self.events.clone().flatten(),
            "closings": self.closings.is_some(), "closingsAfter": self.closings.clone().flatten(),
            "comments": self.comments.is_some(), "commentsAfter": self.comments.clone().flatten(),
            "edits": self.edits.is_some(), "editsAfter": self.edits.clone().flatten(),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    page_info: PageInfo,
    nodes: Vec<Option<T>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// Where a list goes on, if it does and more of it is wanted.
fn next<T>(page: Option<&Page<T>>, enough: impl Fn(&[Option<T>]) -> bool) -> Option<Option<String>> {
    let page = page.filter(|page| page.page_info.has_next_page && !enough(&page.nodes))?;
    Some(page.page_info.end_cursor.clone())
}

fn add<T>(all: &mut Option<Page<T>>, page: Option<Page<T>>) {
    let Some(page) = page else { return };
    match all {
        Some(all) => {
            all.nodes.extend(page.nodes);
            all.page_info = page.page_info;
        }
        None => *all = Some(page),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogNode {
    full_database_id: String,
    state: String,
    state_reason: Option<String>,
    includes_created_edit: bool,
    repository: Place,
    events: Option<Page<Event>>,
    closings: Option<Page<Closing>>,
    comments: Option<Page<CommentNode>>,
    edits: Option<Page<Edit>>,
}

impl Known for LogNode {
    fn id(&self) -> &str {
        &self.full_database_id
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "__typename")]
    kind: String,
    id: String,
    created_at: DateTime<Utc>,
    actor: Option<Actor>,
    state_reason: Option<String>,
    label: Option<Label>,
    assignee: Option<Actor>,
    previous_title: Option<String>,
    current_title: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Label {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Closing {
    id: String,
    closer: Option<CloserNode>,
}

/// A commit or a pull request; a project that closes tickets by itself has none of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloserNode {
    #[serde(rename = "__typename")]
    kind: String,
    oid: Option<String>,
    status_check_rollup: Option<Rollup>,
    author: Option<Author>,
    committer: Option<Author>,
    url: Option<String>,
    #[serde(default)]
    merged: bool,
    merged_by: Option<Actor>,
    merge_commit: Option<CommitNode>,
    commits: Option<List<PullCommit>>,
}

/// A pull request's author is an account, a commit's has one, perhaps.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Author {
    Account(Actor),
    Person { user: Option<Actor> },
}

impl Author {
    fn account(&self) -> Option<Account> {
        match self {
            Self::Account(actor) | Self::Person { user: Some(actor) } => Some(actor.user().account()),
            Self::Person { user: None } => None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitNode {
    oid: String,
    status_check_rollup: Option<Rollup>,
}

#[derive(Debug, Deserialize)]
struct PullCommit {
    commit: CommitNode,
}

#[derive(Debug, Deserialize)]
struct Rollup {
    contexts: Contexts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contexts {
    total_count: usize,
    nodes: Vec<Option<Check>>,
}

/// A check run, or a status of the older kind.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Check {
    Run { name: String, status: String, conclusion: Option<String> },
    Status { context: String, state: String },
}

fn checks(rollup: Option<&Rollup>) -> Vec<String> {
    let Some(Rollup { contexts }) = rollup else { return Vec::new() };
    let mut told: Vec<String> = contexts
        .nodes
        .iter()
        .flatten()
        .map(|check| match check {
            Check::Run { name, status, conclusion } => (name, conclusion.as_ref().unwrap_or(status)),
            Check::Status { context, state } => (context, state),
        })
        .map(|(name, result)| format!("{}: {}", shown(name), result.to_lowercase()))
        .collect();
    let left = contexts.total_count.saturating_sub(contexts.nodes.len());
    if left > 0 {
        told.push(format!("{left} more checks: not read"));
    }
    told
}

impl CloserNode {
    fn closer(&self) -> Option<Closer> {
        let mut closer = match self.kind.as_str() {
            "Commit" => Closer {
                commit: self.oid.clone(),
                checks: checks(self.status_check_rollup.as_ref()),
                ..Closer::default()
            },
            "PullRequest" if self.merged => {
                let merge = self.merge_commit.as_ref();
                let mut all = checks(merge.and_then(|commit| commit.status_check_rollup.as_ref()));
                // Where nothing runs on the merge itself, what ran on its branch is the proof.
                if all.is_empty() {
                    let heads = self.commits.iter().flat_map(|commits| commits.nodes.iter().flatten());
                    all = heads.flat_map(|head| checks(head.commit.status_check_rollup.as_ref())).collect();
                }
                let merge_sha = merge.map(|commit| commit.oid.clone());
                Closer { pull_request: self.url.clone(), merge_sha, checks: all, ..Closer::default() }
            }
            _ => return None,
        };
        let written = [self.author.as_ref(), self.committer.as_ref()].into_iter().flatten();
        let merged = self.merged_by.iter().map(|actor| actor.user().account());
        closer.authors = written.filter_map(Author::account).chain(merged).collect();
        closer.authors.dedup();
        Some(closer)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommentNode {
    full_database_id: String,
    body: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    last_edited_at: Option<DateTime<Utc>>,
    author: Option<Actor>,
    editor: Option<Actor>,
}

impl CommentNode {
    fn comment(&self) -> Comment {
        let author = account_or_ghost(self.author.as_ref().map(Actor::user).as_ref());
        let last_editor = match (&self.editor, self.last_edited_at) {
            (Some(editor), _) => Some(editor.user().account()),
            (None, None) => self.author.is_some().then(|| author.clone()),
            // Whoever it was has no account any more.
            (None, Some(_)) => None,
        };
        let (body, marker) = text::comment_marker(&self.body);
        Comment {
            id: self.full_database_id.clone(),
            author,
            last_editor,
            body,
            created: self.created_at,
            updated: self.updated_at,
            marker,
        }
    }
}

/// One edit of the text. `diff` is the whole text after it, whatever its name says; none where somebody deleted that
/// revision from the history.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edit {
    id: String,
    edited_at: DateTime<Utc>,
    editor: Option<Actor>,
    diff: Option<String>,
}

impl Edit {
    /// What the due line said after this edit, where it could be read; a date that was cleared is no date.
    fn due(&self) -> Option<Option<NaiveDate>> {
        let block = text::read(self.diff.as_deref()).block;
        match due_line(block.as_deref()) {
            DueLine::Date(date) => Some(Some(date)),
            DueLine::Cleared => Some(None),
            DueLine::Absent | DueLine::Unreadable(_) | DueLine::Several(_) => None,
        }
    }
}

/// The edits that changed what the due line says, oldest first. `edits` come newest first, as GitHub lists them. The
/// first text that can be read is what there was to change, if `from_start` says that the history holds it.
fn due_edits(edits: &[Edit], from_start: bool) -> Vec<HistoryEntry> {
    let mut entries = Vec::new();
    let mut before = (!from_start).then_some(None);
    for edit in edits.iter().rev() {
        let Some(to) = edit.due() else { continue };
        if let Some(from) = before
            && from != to
        {
            let id = edit.id.clone();
            let by = edit.editor.as_ref().map(|editor| editor.user().account());
            let kind = HistoryKind::Due { from, to };
            entries.push(HistoryEntry { act: id.clone(), id, at: edit.edited_at, by, kind });
        }
        before = Some(to);
    }
    entries
}

impl LogNode {
    /// What is still to be read of this log, if anything.
    fn wants(&self, since: Option<DateTime<Utc>>) -> Option<Wanted> {
        let before = |at: DateTime<Utc>| since.is_some_and(|since| at < since);
        let wanted = Wanted {
            since,
            events: next(self.events.as_ref(), |_| false),
            closings: next(self.closings.as_ref(), |_| false),
            // The last changed come first.
            comments: next(self.comments.as_ref(), |read| {
                read.iter().flatten().any(|comment| before(comment.updated_at))
            }),
            // Back to a text that was there before, to tell what the first edit changed.
            edits: next(self.edits.as_ref(), |read| {
                read.iter().flatten().any(|edit| before(edit.edited_at) && edit.due().is_some())
            }),
        };
        let Wanted { events, closings, comments, edits, .. } = &wanted;
        let open = [events, closings, comments, edits].iter().any(|list| list.is_some());
        open.then_some(wanted)
    }

    fn add(&mut self, page: Self) {
        add(&mut self.events, page.events);
        add(&mut self.closings, page.closings);
        add(&mut self.comments, page.comments);
        add(&mut self.edits, page.edits);
    }

    fn log(self, ticket: &TicketRef) -> TicketLog {
        let edits = self.edits.as_ref();
        let whole = edits.is_none_or(|edits| !edits.page_info.has_next_page);
        let all: Vec<Edit> = edits.iter().flat_map(|edits| edits.nodes.iter().flatten().cloned()).collect();
        let mut entries = due_edits(&all, !whole || self.includes_created_edit);
        for event in self.events.iter().flat_map(|events| events.nodes.iter().flatten()) {
            if let Some(kind) = self.kind_of(event) {
                let by = event.actor.as_ref().map(|actor| actor.user().account());
                let id = event.id.clone();
                entries.push(HistoryEntry { act: id.clone(), id, at: event.created_at, by, kind });
            }
        }
        entries.sort_by_key(|entry| entry.at);
        let now = status(&self.state.to_lowercase(), lower(self.state_reason.as_ref()));
        if let Some(last) = log::without_reason(&mut entries) {
            log::give_reason(last, &now);
        }
        let mut comments: Vec<Comment> =
            self.comments.iter().flat_map(|page| page.nodes.iter().flatten()).map(CommentNode::comment).collect();
        comments.sort_by_key(|comment| (comment.created, comment.id.parse::<u64>().unwrap_or(u64::MAX)));
        comments.dedup_by(|a, b| a.id == b.id);
        TicketLog { ticket: ticket.id.clone(), entries, comments, attachments: Vec::new() }
    }

    fn kind_of(&self, event: &Event) -> Option<HistoryKind> {
        let reason = lower(event.state_reason.as_ref());
        let label = |added| {
            event.label.as_ref().map(|label| HistoryKind::Label { name: label.name.clone(), added })
        };
        match event.kind.as_str() {
            "ClosedEvent" => Some(log::closed(reason, self.closer_of(&event.id))),
            "ReopenedEvent" => Some(log::reopened(reason)),
            "RenamedTitleEvent" => Some(HistoryKind::Title {
                from: event.previous_title.clone().unwrap_or_default(),
                to: event.current_title.clone().unwrap_or_default(),
            }),
            "LabeledEvent" => label(true),
            "UnlabeledEvent" => label(false),
            "AssignedEvent" => {
                let to = event.assignee.as_ref()?.user().account();
                Some(HistoryKind::Assignee { to: Some(to) })
            }
            "UnassignedEvent" => Some(HistoryKind::Assignee { to: None }),
            // The entry stands in the log of the ticket's new place and does not name it.
            "TransferredEvent" => Some(HistoryKind::Project { to: self.repository.name_with_owner.clone() }),
            _ => None,
        }
    }

    fn closer_of(&self, event: &str) -> Option<Closer> {
        let closings = self.closings.as_ref()?.nodes.iter().flatten();
        closings.filter(|closing| closing.id == event).find_map(|closing| closing.closer.as_ref()?.closer())
    }
}

fn lower(reason: Option<&String>) -> Option<String> {
    reason.map(|reason| reason.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(n: i64, block: Option<&str>) -> Edit {
        Edit {
            id: format!("UCE_{n}"),
            edited_at: DateTime::from_timestamp(1_800_000_000 + n, 0).unwrap_or_default(),
            editor: None,
            diff: block.map(|block| text::render(block, None)),
        }
    }

    /// Newest first, as GitHub lists them.
    fn edits(blocks: &[Option<&str>]) -> Vec<Edit> {
        let mut edits: Vec<Edit> = (0..).zip(blocks).map(|(n, block)| edit(n, *block)).collect();
        edits.reverse();
        edits
    }

    fn told(blocks: &[Option<&str>], from_start: bool) -> Vec<(String, String)> {
        let name = |date: Option<NaiveDate>| date.map_or_else(|| "none".to_owned(), |date| date.to_string());
        due_edits(&edits(blocks), from_start)
            .into_iter()
            .filter_map(|entry| match entry.kind {
                HistoryKind::Due { from, to } => Some((name(from), name(to))),
                HistoryKind::Status { .. }
                | HistoryKind::Title { .. }
                | HistoryKind::Text { .. }
                | HistoryKind::Assignee { .. }
                | HistoryKind::Project { .. }
                | HistoryKind::Label { .. } => None,
            })
            .collect()
    }

    #[test]
    fn each_edit_of_the_due_line_is_told_and_no_other() {
        let (a, b) = (Some("Due: 2026-12-15"), Some("Due: 2027-01-20"));
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let (day_a, day_b) = ("2026-12-15", "2027-01-20");
        for (blocks, wanted) in [
            (vec![a], vec![]),
            (vec![a, Some("Other words\n\nDue: 2026-12-15")], vec![]),
            (vec![a, b, a], vec![pair(day_a, day_b), pair(day_b, day_a)]),
            (vec![a, Some("Due: none"), b], vec![pair(day_a, "none"), pair("none", day_b)]),
            // What cannot be read proposes nothing, and neither does putting it right.
            (vec![a, Some("Due: soon"), a, Some("no line"), b], vec![pair(day_a, day_b)]),
            (vec![a, None, b], vec![pair(day_a, day_b)]),
            (vec![Some("no line"), a], vec![]),
        ] {
            assert_eq!(told(&blocks, true), wanted, "{blocks:?}");
        }
        assert_eq!(told(&[b], false), [pair("none", day_b)], "a first edit whose text before is not known");
    }

    #[test]
    fn more_checks_than_were_read_are_counted() {
        let check = || Some(Check::Status { context: "ci".to_owned(), state: "SUCCESS".to_owned() });
        let rollup = Rollup { contexts: Contexts { total_count: 3, nodes: vec![check()] } };
        assert_eq!(checks(Some(&rollup)), ["ci: success", "2 more checks: not read"]);
    }
}
