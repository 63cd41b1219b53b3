//! A notice.

use serde::Serialize;

use super::{Named, Time};
use crate::register::{MilestoneNumber, Notice, NoticeKind};

/// A message to a ticket.
#[derive(Debug, Serialize)]
pub struct NoticeView<'a> {
    /// Numbered per system.
    pub number: u32,
    /// Why it goes out.
    pub kind: NoticeKind,
    /// The milestone whose ticket it goes to.
    pub milestone: Named<MilestoneNumber>,
    /// The comment or history entry that it answers; empty where it answers none.
    pub answers: &'a str,
    /// The moves that a question is about.
    pub covers: Vec<CoveredView>,
    /// Its text, Markdown.
    pub body: &'a str,
    /// When it was written.
    pub queued: Time,
}

/// A move that a question is about.
#[derive(Debug, Serialize)]
pub struct CoveredView {
    /// Milestone.
    pub milestone: Named<MilestoneNumber>,
    /// Number of the move within it.
    #[serde(rename = "move")]
    pub moved: u32,
}

impl<'a> NoticeView<'a> {
    /// Of a notice.
    pub fn of(notice: &'a Notice) -> Self {
        let covered =
            |&(milestone, moved): &(MilestoneNumber, u32)| CoveredView { milestone: Named(milestone), moved };
        Self {
            number: notice.number,
            kind: notice.kind,
            milestone: Named(notice.milestone),
            answers: &notice.answers,
            covers: notice.covers.iter().map(covered).collect(),
            body: &notice.body,
            queued: Time(notice.queued),
        }
    }
}
