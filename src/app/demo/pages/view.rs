//! Tickets as the templates show them.

use chrono::{DateTime, Utc};
use connector_api::fake::{FakePull, FakeTicket};
use connector_api::{Account, Comment, TicketState};

use super::{Kind, Pages, markdown};
use crate::sync::mapping::{DueLine, due_line, state_name};

const STATES: [TicketState; 5] = [
    TicketState::Open,
    TicketState::InProgress,
    TicketState::Blocked,
    TicketState::Done,
    TicketState::Dropped,
];

/// The states to choose from: name and label.
pub(super) fn states(kind: Kind) -> [(&'static str, &'static str); 5] {
    STATES.map(|state| {
        let label = match (kind, state) {
            (Kind::GitHub, TicketState::Done) => "Close as completed",
            (Kind::GitHub, TicketState::Dropped) => "Close as not planned",
            (Kind::GitHub | Kind::Jira, state) => word(state),
        };
        (state_name(state), label)
    })
}

/// The state of a name in a form.
pub(super) fn state_of_name(name: &str) -> Option<TicketState> {
    STATES.into_iter().find(|state| state_name(*state) == name)
}

fn word(state: TicketState) -> &'static str {
    match state {
        TicketState::Open => "Open",
        TicketState::InProgress => "In progress",
        TicketState::Blocked => "Blocked",
        TicketState::Done => "Done",
        TicketState::Dropped => "Won’t do",
    }
}

/// A line of the list.
pub(super) struct Summary {
    pub(super) path: String,
    pub(super) key: String,
    pub(super) title: String,
    pub(super) word: &'static str,
    pub(super) state: &'static str,
    pub(super) due: String,
    pub(super) assignee: String,
}

impl Summary {
    pub(super) fn of(pages: &Pages, ticket: &FakeTicket) -> Self {
        Self {
            path: ticket.path.clone(),
            key: key(pages.kind, ticket),
            title: ticket.title.clone(),
            word: word(ticket.state),
            state: state_name(ticket.state),
            due: due(pages.kind, ticket),
            assignee: ticket.assignee.as_ref().map_or_else(|| "nobody".to_owned(), |who| pages.name(who)),
        }
    }
}

fn key(kind: Kind, ticket: &FakeTicket) -> String {
    match kind {
        Kind::GitHub => format!("#{}", ticket.key),
        Kind::Jira => ticket.key.clone(),
    }
}

/// The due date as the ticket has it, in its field or its text.
fn due(kind: Kind, ticket: &FakeTicket) -> String {
    let none = || "none".to_owned();
    match kind {
        Kind::Jira => ticket.due.map_or_else(none, |day| day.to_string()),
        Kind::GitHub => match due_line(ticket.block.as_deref()) {
            DueLine::Absent | DueLine::Cleared => none(),
            DueLine::Date(day) => day.to_string(),
            DueLine::Unreadable(text) => text,
            DueLine::Several(texts) => texts.join(", "),
        },
    }
}

/// What changes on a ticket's page by itself.
pub(super) struct Live {
    pub(super) summary: Summary,
    /// In the words of the site.
    pub(super) status: String,
    /// Where it is: `acme/portal #1`, `SEC-1`.
    pub(super) place: String,
    /// For the date field: empty where there is no readable date.
    pub(super) due_value: String,
    pub(super) assignee_id: String,
    pub(super) author: String,
    pub(super) labels: Vec<String>,
    pub(super) text: String,
    pub(super) comments: Vec<Said>,
    pub(super) updated: String,
}

impl Live {
    pub(super) fn of(pages: &Pages, ticket: &FakeTicket) -> Self {
        let summary = Summary::of(pages, ticket);
        let due_value =
            summary.due.parse::<chrono::NaiveDate>().map_or_else(|_| String::new(), |d| d.to_string());
        Self {
            status: ticket.status.clone(),
            place: match pages.kind {
                Kind::GitHub => format!("{} {}", ticket.project, summary.key),
                Kind::Jira => summary.key.clone(),
            },
            due_value,
            assignee_id: ticket.assignee.as_ref().map(|who| who.id.clone()).unwrap_or_default(),
            author: pages.name(&ticket.author),
            labels: ticket.labels.iter().cloned().collect(),
            text: markdown::render(&ticket.text),
            comments: ticket.comments.iter().map(|comment| Said::of(pages, comment)).collect(),
            updated: time(ticket.updated),
            summary,
        }
    }
}

/// A comment.
pub(super) struct Said {
    pub(super) author: String,
    pub(super) initials: String,
    /// Whether the bridge wrote it.
    pub(super) bridge: bool,
    pub(super) at: String,
    pub(super) edited: bool,
    pub(super) text: String,
    pub(super) reactions: Vec<String>,
}

impl Said {
    fn of(pages: &Pages, comment: &Comment) -> Self {
        let author = pages.name(&comment.author);
        Self {
            initials: initials(&author),
            author,
            bridge: comment.marker.is_some(),
            at: time(comment.created),
            edited: comment.updated != comment.created,
            text: markdown::render(&comment.body),
            reactions: pages.site.reactions(&comment.id),
        }
    }
}

/// The first letters of the first two words.
fn initials(name: &str) -> String {
    name.split([' ', '-'])
        .filter_map(|word| word.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .collect()
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Somebody to choose.
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) chosen: bool,
}

impl Choice {
    pub(super) fn of(account: &Account, chosen: bool) -> Self {
        Self { id: account.id.clone(), name: account.name.clone(), chosen }
    }

    pub(super) fn nobody(chosen: bool) -> Self {
        Self { id: String::new(), name: "nobody".to_owned(), chosen }
    }

    pub(super) fn all<'a>(
        people: &'a [Account],
        chosen: Option<&'a Account>,
    ) -> impl Iterator<Item = Self> + 'a {
        people.iter().map(move |person| Self::of(person, chosen.is_some_and(|who| who.id == person.id)))
    }
}

/// A pull request.
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) project: String,
    pub(super) title: String,
    pub(super) author: String,
    pub(super) text: String,
    /// When, by whom, and as which commit.
    pub(super) merged: Option<(String, String, String)>,
    pub(super) checks: Vec<(String, String)>,
}

impl Pull {
    pub(super) fn of(pages: &Pages, pull: &FakePull) -> Self {
        Self {
            number: pull.number,
            project: pull.project.clone(),
            title: pull.title.clone(),
            author: pages.name(&pull.author),
            text: markdown::render(&pull.text),
            merged: pull.merged.as_ref().map(|(at, by, commit)| (time(*at), pages.name(by), commit.clone())),
            checks: pull.checks.clone(),
        }
    }
}
