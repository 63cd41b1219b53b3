//! Where a milestone and its ticket are apart, and why. Pure: from what is recorded and what was last seen.

use chrono::NaiveDate;
use serde::Serialize;

use super::mapping::{our_title, prefix, state_name, title_text};
use super::reconcile::our_state;
use crate::register::{DriftKind, Link, Milestone, MoveState, Register, Subject};

/// A field in which both sides differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Apart {
    /// `title`, `state`, `due` or `assignee`.
    pub field: &'static str,
    /// The register's.
    pub ours: String,
    /// The ticket's, as last seen.
    pub theirs: String,
    /// What names the difference: a move, a drift, work still to be done.
    pub why: String,
}

/// Each field: its name, the register's side as far as the tracker may be told, and the ticket's as last seen.
pub fn sides(register: &Register, milestone: &Milestone, link: &Link) -> [(&'static str, String, String); 4] {
    let seen = &link.observed;
    let day = |day: Option<NaiveDate>| day.map_or_else(|| "none".to_owned(), |day| day.to_string());
    let nobody = || "nobody".to_owned();
    [
        ("title", our_title(register, milestone), seen.title.clone()),
        ("state", state_name(our_state(milestone)).to_owned(), seen.state.clone()),
        ("due", day(milestone.due), seen.due_unreadable.clone().unwrap_or_else(|| day(seen.due))),
        (
            "assignee",
            milestone.owner.clone().unwrap_or_else(nobody),
            seen.assignee_person.clone().or_else(|| seen.assignee.clone()).unwrap_or_else(nobody),
        ),
    ]
}

/// Every field in which the ticket, as last seen, is not what the register says. None before it was seen.
pub fn apart(register: &Register, milestone: &Milestone, link: &Link) -> Vec<Apart> {
    if link.observed.at.is_none() {
        return Vec::new();
    }
    let why = |field| match field {
        "title" => why_title(register, milestone, link),
        "state" => why_state(register, milestone),
        "due" => why_due(register, milestone, link),
        _ => drift(register, milestone, &[DriftKind::OwnerUnmapped, DriftKind::Unowned]),
    };
    sides(register, milestone, link)
        .into_iter()
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(field, ours, theirs)| {
            let why = why(field).or_else(|| unfinished(link));
            Apart { field, ours, theirs, why: why.unwrap_or_else(|| "nothing names it".to_owned()) }
        })
        .collect()
}

fn why_title(register: &Register, milestone: &Milestone, link: &Link) -> Option<String> {
    let prefix = prefix(&register.system.id, milestone);
    let kept = milestone.ticket_title.as_deref() == Some(title_text(&prefix, &link.observed.title));
    kept.then(|| "engineers gave the ticket another title, which stays there".to_owned())
}

fn why_state(register: &Register, milestone: &Milestone) -> Option<String> {
    let kinds = [
        DriftKind::ClosedWithoutFix,
        DriftKind::Reopened,
        DriftKind::ReopenedAfterClosure,
        DriftKind::DoneWithoutEvidence,
    ];
    if let Some(after) = milestone.evidence_after {
        return Some(format!("a validation was rejected: only evidence after {} counts", after.date_naive()));
    }
    drift(register, milestone, &kinds)
}

fn why_due(register: &Register, milestone: &Milestone, link: &Link) -> Option<String> {
    let moved = milestone.moves.iter().rev().find(|moved| {
        moved.to == link.observed.due && (moved.state.is_open() || moved.state == MoveState::Rejected)
    });
    moved
        .map(|moved| format!("move {} to that date is {}", moved.number, moved.state.name()))
        .or_else(|| {
            milestone.state.is_over().then(|| "the milestone is over: no date is asked of it".to_owned())
        })
        .or_else(|| drift(register, milestone, &[DriftKind::DueDiffers]))
}

/// The first open drift of these kinds.
fn drift(register: &Register, milestone: &Milestone, kinds: &[DriftKind]) -> Option<String> {
    let about = Subject::Milestone(milestone.number);
    register
        .drifts
        .values()
        .find(|drift| drift.settled.is_none() && drift.subject == about && kinds.contains(&drift.kind))
        .map(|drift| format!("drift {}, {}: {}", drift.number, drift.kind.name(), drift.detail))
}

/// What holds the next reconciling up, or that it is still to come.
fn unfinished(link: &Link) -> Option<String> {
    match (&link.error, link.dirty.or(link.due_at)) {
        (Some(error), _) => Some(format!("the last attempt failed: {error}")),
        (None, Some(_)) => Some("it waits to be reconciled".to_owned()),
        (None, None) => None,
    }
}
