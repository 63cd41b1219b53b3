//! Tickets' logs through GraphQL: a hundred in one request, with what REST does not tell: every edit of the due line,
//! who changed a comment last, and what exactly closed a ticket.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Closer, Comment, HistoryEntry, HistoryKind, LogRequest, Result, TicketLog, TicketRef};
use serde::Deserialize;
use serde_json::json;

use crate::closing::Closing;
use crate::edits::{Edit, due_edits};
use crate::graphql::{LOGS, Node};
use crate::tickets::{Actor, Known, Place, by_owner, learn};
use crate::wire::{account_or_ghost, status};
use crate::{GitHub, log, text};

/// Logs, one for each ticket that is there; none at all where the site has no GraphQL.
pub(crate) async fn read(github: &GitHub, requests: &[LogRequest]) -> Result<Option<Vec<TicketLog>>> {
    if github.lacks_graphql() {
        return Ok(None);
    }
    let wanted: Vec<&TicketRef> = requests.iter().map(|request| &request.ticket).collect();
    learn(github, &wanted).await?;
    // Whole histories apart from recent ones: a question has one time for all that it asks for.
    let (whole, recent): (Vec<&LogRequest>, Vec<&LogRequest>) =
        requests.iter().partition(|request| request.since.is_none());
    let mut read = BTreeMap::new();
    for of in [whole, recent] {
        if !read_all(github, &of, &mut read).await? {
            return Ok(None);
        }
    }
    Ok(Some(requests.iter().filter_map(|request| read.remove(&request.ticket.id)).collect()))
}

/// Reads logs, as many as there are; gives whether the site has GraphQL.
async fn read_all(
    github: &GitHub,
    requests: &[&LogRequest],
    read: &mut BTreeMap<String, TicketLog>,
) -> Result<bool> {
    let since = requests.iter().map(|request| request.since).min().flatten();
    let wanted: Vec<&TicketRef> = requests.iter().map(|request| &request.ticket).collect();
    for (owner, of) in by_owner(github, &wanted) {
        let (tickets, ids): (Vec<&TicketRef>, Vec<String>) = of.into_iter().unzip();
        let first = Wanted::first(since);
        let what = "read tickets' logs";
        let nodes = github.nodes::<LogNode>(what, &owner, &LOGS, &ids, || first.variables()).await?;
        let Some(nodes) = nodes else { return Ok(false) };
        for ((ticket, id), node) in tickets.into_iter().zip(ids).zip(nodes) {
            match node {
                Node::Shown(mut node) if node.number_there() == ticket.id => {
                    if read_rest(github, &owner, &id, since, &mut node).await? {
                        read.insert(ticket.id.clone(), node.log(ticket));
                    }
                }
                Node::Shown(_) | Node::Absent | Node::Unreadable => {}
            }
        }
    }
    Ok(true)
}

/// The pages of one log beyond the first, as far back as is asked for. False where one of them cannot be had: nothing
/// is concluded from half of a log, and the next pass reads it again.
async fn read_rest(
    github: &GitHub,
    owner: &str,
    id: &str,
    since: Option<DateTime<Utc>>,
    node: &mut LogNode,
) -> Result<bool> {
    while let Some(more) = node.wants(since) {
        let what = "read more of a ticket's log";
        let ids = [id.to_owned()];
        let nodes = github.nodes::<LogNode>(what, owner, &LOGS, &ids, || more.variables()).await?;
        match nodes.and_then(|mut nodes| nodes.pop()) {
            Some(Node::Shown(page)) => node.add(page),
            Some(Node::Absent | Node::Unreadable) | None => return Ok(false),
        }
    }
    Ok(true)
}

/// Where in a list: after this cursor, or from its beginning.
#[derive(Debug, Default)]
struct After(Option<String>);

/// Which lists to read, and from where in each.
struct Wanted {
    since: Option<DateTime<Utc>>,
    events: Option<After>,
    closings: Option<After>,
    comments: Option<After>,
    edits: Option<After>,
}

impl Wanted {
    fn first(since: Option<DateTime<Utc>>) -> Self {
        let all = || Some(After::default());
        Self { since, events: all(), closings: all(), comments: all(), edits: all() }
    }

    fn variables(&self) -> serde_json::Value {
        // Whether that very second counts is nowhere said.
        let since = self.since.map(|since| since - TimeDelta::seconds(1));
        json!({
            "since": since.map(|since| since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            "events": self.events.is_some(), "eventsAfter": self.events.as_ref().map(|after| &after.0),
            "closings": self.closings.is_some(), "closingsAfter": self.closings.as_ref().map(|after| &after.0),
            "comments": self.comments.is_some(), "commentsAfter": self.comments.as_ref().map(|after| &after.0),
            "edits": self.edits.is_some(), "editsAfter": self.edits.as_ref().map(|after| &after.0),
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
fn next<T>(page: Option<&Page<T>>, enough: impl Fn(&[Option<T>]) -> bool) -> Option<After> {
    let page = page.filter(|page| page.page_info.has_next_page && !enough(&page.nodes))?;
    Some(After(page.page_info.end_cursor.clone()))
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
    fn number_there(&self) -> &str {
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
        let mut comments: Vec<Comment> = self
            .comments
            .iter()
            .flat_map(|page| page.nodes.iter().flatten())
            .map(CommentNode::comment)
            .collect();
        comments.sort_by_key(|comment| (comment.created, comment.id.parse::<u64>().unwrap_or(u64::MAX)));
        comments.dedup_by(|a, b| a.id == b.id);
        TicketLog { ticket: ticket.id.clone(), entries, comments, attachments: Vec::new() }
    }

    fn kind_of(&self, event: &Event) -> Option<HistoryKind> {
        let reason = lower(event.state_reason.as_ref());
        let label =
            |added| event.label.as_ref().map(|label| HistoryKind::Label { name: label.name.clone(), added });
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
        closings.filter(|closing| closing.id == event).find_map(Closing::closer)
    }
}

fn lower(reason: Option<&String>) -> Option<String> {
    reason.map(|reason| reason.to_lowercase())
}
