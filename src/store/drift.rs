//! Drifts and conflicts in their tables.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::StoreError;
use super::column::{Reading, micros, word};
use super::table::table;
use crate::register::{Conflict, Drift, ItemNumber, MilestoneNumber, Resolution, Subject, SystemId};

table! {
    /// A drift.
    DriftRow in "drift" key "system, number" {
        system: String,
        number: i64,
        kind: String,
        about: String,
        subject: String,
        key: String,
        detail: String,
        opened: DateTime<Utc>,
        settled: Option<DateTime<Utc>>,
        settled_by: Option<String>,
    }
}

table! {
    /// A conflict.
    ConflictRow in "conflict" key "system, number" {
        system: String,
        number: i64,
        milestone: i64,
        field: String,
        base: String,
        ours: String,
        theirs: String,
        winner: String,
        at: DateTime<Utc>,
        resolved: Option<Json<Resolution>>,
    }
}

/// What a drift is about, in two columns: the kind of thing and its key.
pub(super) fn subject_columns(subject: &Subject) -> (&'static str, String) {
    match subject {
        Subject::Milestone(number) => ("milestone", number.0.to_string()),
        Subject::Item(number) => ("item", number.to_string()),
        Subject::Tracker(id) => ("tracker", id.clone()),
        Subject::Connection(id) => ("connection", id.clone()),
        Subject::System => ("system", String::new()),
    }
}

impl DriftRow {
    pub(super) fn of(system: &SystemId, drift: &Drift) -> Self {
        let (about, subject) = subject_columns(&drift.subject);
        Self {
            system: system.to_string(),
            number: drift.number.into(),
            kind: word(&drift.kind),
            about: about.to_owned(),
            subject,
            key: drift.key.clone(),
            detail: drift.detail.clone(),
            opened: micros(drift.opened),
            settled: drift.settled.map(micros),
            settled_by: drift.settled_by.clone(),
        }
    }

    pub(super) fn drift(self) -> Result<Drift, StoreError> {
        let key = self.number;
        let read = Reading { table: "drift", row: &key };
        let subject = match self.about.as_str() {
            "milestone" => {
                let number = self.subject.parse().map_err(|_| format!("{:?} is no number", self.subject));
                Subject::Milestone(MilestoneNumber(read.checked("subject", number)?))
            }
            "item" => Subject::Item(read.checked("subject", ItemNumber::new(&self.subject))?),
            "tracker" => Subject::Tracker(self.subject),
            "connection" => Subject::Connection(self.subject),
            "system" => Subject::System,
            other => return Err(read.bad("about", format_args!("{other:?} is nothing a drift is about"))),
        };
        Ok(Drift {
            number: read.number("number", self.number)?,
            kind: read.word("kind", &self.kind)?,
            subject,
            key: self.key,
            detail: self.detail,
            opened: self.opened,
            settled: self.settled,
            settled_by: self.settled_by,
        })
    }
}

impl ConflictRow {
    pub(super) fn of(system: &SystemId, conflict: &Conflict) -> Self {
        Self {
            system: system.to_string(),
            number: conflict.number.into(),
            milestone: conflict.milestone.0.into(),
            field: conflict.field.clone(),
            base: conflict.base.clone(),
            ours: conflict.ours.clone(),
            theirs: conflict.theirs.clone(),
            winner: conflict.winner.clone(),
            at: micros(conflict.at),
            resolved: conflict.resolved.clone().map(Json),
        }
    }

    pub(super) fn conflict(self) -> Result<Conflict, StoreError> {
        let key = self.number;
        let read = Reading { table: "conflict", row: &key };
        Ok(Conflict {
            number: read.number("number", self.number)?,
            milestone: MilestoneNumber(read.number("milestone", self.milestone)?),
            field: self.field,
            base: self.base,
            ours: self.ours,
            theirs: self.theirs,
            winner: self.winner,
            at: self.at,
            resolved: self.resolved.map(|Json(resolution)| resolution),
        })
    }
}
