//! Notices: messages that go out. Written with what causes them; delivery is an observation beside the journal.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::MilestoneNumber;

/// What a notice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Asks why a date moved.
    Question,
    /// Answers an act: a command, a decision, a Done that lacks something.
    Answer,
    /// A sign that a command was obeyed: a reaction where the site has one, else one line.
    Acknowledgement,
    /// Tells of a decision made elsewhere.
    Decision,
    /// Unasked: at most one per ticket and day.
    Reminder,
}

/// One message to a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Numbered per system; with the system's id the stable id that the message carries.
    pub number: u32,
    /// Why it goes out.
    pub kind: NoticeKind,
    /// The milestone whose ticket it goes to.
    pub milestone: MilestoneNumber,
    /// What it answers: the id of a comment or history entry. Empty where it answers none.
    pub answers: String,
    /// A question about several moves names them all: milestone and move number.
    pub covers: Vec<(MilestoneNumber, u32)>,
    /// Its text, Markdown.
    pub body: String,
    /// When it was written.
    pub queued: DateTime<Utc>,
}
