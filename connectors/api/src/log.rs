//! A ticket's history as entries. Each has the site's own id, by which it is taken exactly once.

use chrono::{DateTime, NaiveDate, Utc};

use crate::{Account, Attachment, Comment, Status, TicketRef};

/// Which log to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRequest {
    /// Of which ticket.
    pub ticket: TicketRef,
    /// Entries at or after this time are wanted; earlier ones may come too. None means all.
    pub since: Option<DateTime<Utc>>,
}

/// What happened to one ticket, oldest first in each list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketLog {
    /// The ticket's immutable id.
    pub ticket: String,
    /// Edits and transitions.
    pub entries: Vec<HistoryEntry>,
    /// Comments, with their present text.
    pub comments: Vec<Comment>,
    /// Attachments.
    pub attachments: Vec<Attachment>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Unique within the ticket and stable: taken once by it. Where the site puts several fields into one
    /// changelog entry, each has its own id here (`10123:duedate`).
    pub id: String,
    /// What a site calls one edit of several fields: entries (and a comment) of one act share it.
    pub act: String,
    /// When, by the site's clock.
    pub at: DateTime<Utc>,
    /// Who; none where the site does not tell.
    pub by: Option<Account>,
    /// What.
    pub kind: HistoryKind,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryKind {
    /// The status changed.
    Status {
        /// What it was, as far as the site tells.
        from: Option<Status>,
        /// What it became. `resolution` as set by the same act.
        to: Status,
        /// What closed it, where the site tells.
        closer: Option<Closer>,
    },
    /// The due field changed.
    Due {
        /// From.
        from: Option<NaiveDate>,
        /// To.
        to: Option<NaiveDate>,
    },
    /// The title changed.
    Title {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// The text changed.
    Text {
        /// The whole text before, where the site tells.
        from: Option<String>,
        /// The whole text after, where the site tells.
        to: Option<String>,
    },
    /// The assignee changed.
    Assignee {
        /// To.
        to: Option<Account>,
    },
    /// It moved to another project or repository.
    Project {
        /// To.
        to: String,
    },
    /// A label came or went.
    Label {
        /// Its name.
        name: String,
        /// Whether it came.
        added: bool,
    },
}

/// What closed a ticket: remediation evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closer {
    /// The commit that named it.
    pub commit: Option<String>,
    /// The pull request that was merged.
    pub pull_request: Option<String>,
    /// The sha that the merge made.
    pub merge_sha: Option<String>,
    /// Who wrote or merged the change: evidence authors.
    pub authors: Vec<Account>,
    /// `name: conclusion` of each check on the closing commit.
    pub checks: Vec<String>,
}
