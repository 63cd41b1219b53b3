//! Drifts and conflicts in their tables.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros, word};
use super::table::{fetch, table};
use super::{StoreError, Tx};
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
        about: String,
        subject: String,
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

/// The way back from [`subject_columns`].
fn subject_of(read: &Reading<'_>, about: &str, subject: String) -> Result<Subject, StoreError> {
    Ok(match about {
        "milestone" => {
            let number = subject.parse().map_err(|_| format!("{subject:?} is no number"));
            Subject::Milestone(MilestoneNumber(read.checked("subject", number)?))
        }
        "item" => Subject::Item(read.checked("subject", ItemNumber::new(&subject))?),
        "tracker" => Subject::Tracker(subject),
        "connection" => Subject::Connection(subject),
        "system" => Subject::System,
        other => return Err(read.bad("about", format_args!("{other:?} is nothing that can be apart"))),
    })
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
        let subject = subject_of(&read, &self.about, self.subject)?;
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
        let (about, subject) = subject_columns(&conflict.subject);
        Self {
            system: system.to_string(),
            number: conflict.number.into(),
            about: about.to_owned(),
            subject,
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
            subject: subject_of(&read, &self.about, self.subject)?,
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

impl Tx {
    /// Drifts in order of their number; where `open`, only those that are not settled.
    pub async fn drifts(&mut self, system: &SystemId, open: bool) -> Result<Vec<Drift>, StoreError> {
        const OPEN: &str = "SELECT * FROM drift WHERE system = $1 AND settled IS NULL ORDER BY number";
        const ALL: &str = "SELECT * FROM drift WHERE system = $1 ORDER BY number";
        let rows = fetch!(self, DriftRow, if open { OPEN } else { ALL }, system.as_str())?;
        rows.into_iter().map(DriftRow::drift).collect()
    }

    /// Drifts about one subject, in order of their number, settled ones too.
    pub async fn drifts_of(
        &mut self,
        system: &SystemId,
        subject: &Subject,
    ) -> Result<Vec<Drift>, StoreError> {
        const SQL: &str =
            "SELECT * FROM drift WHERE system = $1 AND about = $2 AND subject = $3 ORDER BY number";
        let (about, subject) = subject_columns(subject);
        let rows = fetch!(self, DriftRow, SQL, system.as_str(), about, subject.as_str())?;
        rows.into_iter().map(DriftRow::drift).collect()
    }

    /// Conflicts in order of their number; where `open`, only those that are not resolved.
    pub async fn conflicts(&mut self, system: &SystemId, open: bool) -> Result<Vec<Conflict>, StoreError> {
        const OPEN: &str = "SELECT * FROM conflict WHERE system = $1 AND resolved IS NULL ORDER BY number";
        const ALL: &str = "SELECT * FROM conflict WHERE system = $1 ORDER BY number";
        let rows = fetch!(self, ConflictRow, if open { OPEN } else { ALL }, system.as_str())?;
        rows.into_iter().map(ConflictRow::conflict).collect()
    }
}
