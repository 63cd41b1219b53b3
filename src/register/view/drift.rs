//! Drifts and conflicts.

use serde::Serialize;

use super::Time;
use crate::register::{Conflict, Drift, DriftKind, Register, Resolution, Subject};

/// What a drift or a conflict is about: the kind of thing, and its name.
fn subject(subject: &Subject) -> (&'static str, String) {
    match subject {
        Subject::Milestone(number) => ("milestone", number.to_string()),
        Subject::Item(number) => ("item", number.to_string()),
        Subject::Tracker(id) => ("tracker", id.clone()),
        Subject::Connection(id) => ("connection", id.clone()),
        Subject::System => ("system", String::new()),
    }
}

/// A drift.
#[derive(Debug, Serialize)]
pub struct DriftView<'a> {
    /// Numbered per system.
    pub number: u32,
    /// Its kind.
    pub kind: DriftKind,
    /// What that means.
    pub meaning: &'static str,
    /// `milestone`, `item`, `tracker`, `connection` or `system`.
    pub about: &'static str,
    /// Which: `M-17`, `V-12`, an id; empty for the system itself.
    pub subject: String,
    /// What tells two of a kind on one subject apart.
    pub key: &'a str,
    /// In words, with the values that are apart.
    pub detail: &'a str,
    /// Since when.
    pub opened: Time,
    /// Until when.
    pub settled: Option<Time>,
    /// What settled it.
    pub settled_by: Option<&'a str>,
}

impl<'a> DriftView<'a> {
    /// Of a drift.
    pub fn of(drift: &'a Drift) -> Self {
        let (about, subject) = subject(&drift.subject);
        Self {
            number: drift.number,
            kind: drift.kind,
            meaning: drift.kind.meaning(),
            about,
            subject,
            key: &drift.key,
            detail: &drift.detail,
            opened: Time(drift.opened),
            settled: drift.settled.map(Time),
            settled_by: drift.settled_by.as_deref(),
        }
    }
}

/// Both sides changed a field.
#[derive(Debug, Serialize)]
pub struct ConflictView<'a> {
    /// Numbered per system.
    pub number: u32,
    /// `milestone` or `item`.
    pub about: &'static str,
    /// Which.
    pub subject: String,
    /// Field.
    pub field: &'a str,
    /// What both had been.
    pub base: &'a str,
    /// Ours.
    pub ours: &'a str,
    /// Theirs.
    pub theirs: &'a str,
    /// Which won: `register`, `tracker`.
    pub winner: &'a str,
    /// When it was found.
    pub at: Time,
    /// How it was resolved.
    pub resolved: Option<ResolutionView<'a>>,
}

/// How a conflict was resolved.
#[derive(Debug, Serialize)]
pub struct ResolutionView<'a> {
    /// By whom, shown.
    pub by: &'a str,
    /// When.
    pub at: Time,
    /// `register` or `tracker`: which value stands.
    pub keep: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl<'a> ConflictView<'a> {
    /// Of a conflict.
    pub fn of(conflict: &'a Conflict) -> Self {
        let (about, subject) = subject(&conflict.subject);
        let resolution = |how: &'a Resolution| ResolutionView {
            by: &how.by,
            at: Time(how.at),
            keep: &how.keep,
            reason: &how.reason,
        };
        Self {
            number: conflict.number,
            about,
            subject,
            field: &conflict.field,
            base: &conflict.base,
            ours: &conflict.ours,
            theirs: &conflict.theirs,
            winner: &conflict.winner,
            at: Time(conflict.at),
            resolved: conflict.resolved.as_ref().map(resolution),
        }
    }
}

/// Those that are open and about something.
pub(super) fn open_drifts(register: &Register, about: impl Fn(&Subject) -> bool) -> Vec<DriftView<'_>> {
    let open = register.drifts.values().filter(|drift| drift.settled.is_none() && about(&drift.subject));
    open.map(DriftView::of).collect()
}

/// Those that are open and about something.
pub(super) fn open_conflicts(register: &Register, about: impl Fn(&Subject) -> bool) -> Vec<ConflictView<'_>> {
    let open = register.conflicts.values().filter(|found| found.resolved.is_none() && about(&found.subject));
    open.map(ConflictView::of).collect()
}
