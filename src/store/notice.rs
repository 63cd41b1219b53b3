//! Notices in their table.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::StoreError;
use super::column::{Reading, micros, word};
use super::table::table;
use crate::register::{MilestoneNumber, Notice, SystemId};

table! {
    /// A notice.
    NoticeRow in "notice" key "system, number" {
        system: String,
        number: i64,
        kind: String,
        milestone: i64,
        answers: String,
        covers: Json<Vec<(MilestoneNumber, u32)>>,
        body: String,
        queued: DateTime<Utc>,
    }
}

impl NoticeRow {
    pub(super) fn of(system: &SystemId, notice: &Notice) -> Self {
        Self {
            system: system.to_string(),
            number: notice.number.into(),
            kind: word(&notice.kind),
            milestone: notice.milestone.0.into(),
            answers: notice.answers.clone(),
            covers: Json(notice.covers.clone()),
            body: notice.body.clone(),
            queued: micros(notice.queued),
        }
    }

    pub(super) fn notice(self) -> Result<Notice, StoreError> {
        let key = self.number;
        let read = Reading { table: "notice", row: &key };
        Ok(Notice {
            number: read.number("number", self.number)?,
            kind: read.word("kind", &self.kind)?,
            milestone: MilestoneNumber(read.number("milestone", self.milestone)?),
            answers: self.answers,
            covers: self.covers.0,
            body: self.body,
            queued: self.queued,
        })
    }
}
