//! A ticket as observed at one moment.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::Marker;

/// Which ticket. `id` never changes; the rest may, and is followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TicketRef {
    /// The site's immutable id: Jira's numeric issue id; GitHub's numeric issue id (not its number).
    pub id: String,
    /// What people call it: `ACME-12`, or `17` for GitHub's number.
    pub key: String,
    /// The project it was last seen in: `ACME`, `owner/repository`.
    pub project: String,
    /// Where a person opens it.
    pub url: String,
}

/// A person or program on the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// What does not change and identifies them: Jira's `accountId` (Data Center: user name), GitHub's login.
    pub id: String,
    /// The name to show.
    pub name: String,
}

/// A ticket, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Which one.
    pub reference: TicketRef,
    /// Its title, as it stands.
    pub title: String,
    /// Its text, with our block told apart.
    pub description: Description,
    /// Its state.
    pub status: Status,
    /// The date in its due field; none too where it has no such field.
    pub due: Option<NaiveDate>,
    /// Ends of what it is planned into: sprint, fix version, GitHub milestone.
    pub scheduled: Vec<ScheduledEnd>,
    /// Who works on it; the first, where a site allows several.
    pub assignee: Option<Account>,
    /// Its labels.
    pub labels: BTreeSet<String>,
    /// The marker it carries, if it does.
    pub marker: Option<Marker>,
    /// Who made it.
    pub author: Option<Account>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When anything about it last changed, by the site's clock.
    pub updated: DateTime<Utc>,
}

/// A ticket's text. What stands outside the managed block is the engineers' own and is never touched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The site's own form, as it came (GitHub: a string; Jira Cloud: an ADF document; Data Center: a string).
    pub raw: serde_json::Value,
    /// Our block's content as Markdown, without its delimiters; none where it was removed.
    pub block: Option<String>,
    /// The rest as plain text, for showing and comparing.
    pub outside: String,
}

/// The state of a ticket in the tracker's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `In Progress`; GitHub: `open` or `closed`.
    pub name: String,
    /// Jira's status category; GitHub: `Todo` when open, `Done` when closed.
    pub category: StatusCategory,
    /// Jira's resolution; GitHub's `state_reason`.
    pub resolution: Option<String>,
}

/// Jira's three categories, which every workflow's statuses fall into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCategory {
    /// Not begun (Jira: `new`).
    Todo,
    /// Begun (Jira: `indeterminate`).
    InProgress,
    /// Finished, whatever the outcome (Jira: `done`).
    Done,
}

/// The end of something that the ticket is planned into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEnd {
    /// `sprint`, `fix version`, `milestone`.
    pub kind: String,
    /// Its name there.
    pub name: String,
    /// Its last day, in the site's calendar.
    pub date: NaiveDate,
}

/// What asking for one ticket gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is there (perhaps under another key or project than asked: compare `reference`).
    Found(Box<Ticket>),
    /// Not found, or not to be seen by us: never proof of deletion.
    Missing(TicketRef),
    /// The site itself says that it was deleted (GitHub's 410).
    Gone(TicketRef),
}

/// Whether a ticket is still there, and how old our knowledge of it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// It is there.
    There {
        /// When anything about it last changed, where the site tells that without its content.
        updated: Option<DateTime<Utc>>,
    },
    /// Not found, or not to be seen by us: never proof of deletion.
    Missing,
    /// The site itself says that it was deleted (GitHub's 410).
    Gone,
}

impl From<Fetched> for Glance {
    fn from(fetched: Fetched) -> Self {
        match fetched {
            Fetched::Found(ticket) => Self::There { updated: Some(ticket.updated) },
            Fetched::Missing(_) => Self::Missing,
            Fetched::Gone(_) => Self::Gone,
        }
    }
}

/// A comment, with whoever changed it last: a command counts only from an author who is also its last editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The site's id of it, which an edit keeps.
    pub id: String,
    /// Who wrote it.
    pub author: Account,
    /// Who changed it last; the author where it was never changed; none where the site does not tell.
    pub last_editor: Option<Account>,
    /// Its text as Markdown.
    pub body: String,
    /// When it was written.
    pub created: DateTime<Utc>,
    /// When it was last changed.
    pub updated: DateTime<Utc>,
    /// The marker of a comment that we wrote.
    pub marker: Option<String>,
}

/// What is known of an attachment without fetching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The site's id of it.
    pub id: String,
    /// File name as given.
    pub name: String,
    /// Media type as given.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// Who attached it.
    pub author: Option<Account>,
    /// When.
    pub created: DateTime<Utc>,
    /// Where its bytes are.
    pub url: String,
}
