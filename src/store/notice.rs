//! Notices in their table.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros, word};
use super::table::{fetch, fetch_in, table};
use super::{StoreError, Tx};
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
        shared: bool,
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
            shared: notice.covers.iter().any(|(milestone, _)| *milestone != notice.milestone),
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

impl Tx {
    /// Notices of a system in order of their number: at most `limit` after this one, or from the start.
    pub async fn notices(
        &mut self,
        system: &SystemId,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        const SQL: &str = "SELECT * FROM notice WHERE system = $1 AND number > $2 ORDER BY number LIMIT $3";
        let after = after.map_or(i64::MIN, i64::from);
        let rows = fetch!(self, NoticeRow, SQL, system.as_str(), after, i64::from(limit))?;
        rows.into_iter().map(NoticeRow::notice).collect()
    }

    /// Notices to these milestones' tickets, in order of their number.
    pub async fn notices_of(
        &mut self,
        system: &SystemId,
        milestones: &[MilestoneNumber],
    ) -> Result<Vec<Notice>, StoreError> {
        let keys = milestones.iter().map(|number| i64::from(number.0)).collect();
        let mut rows = fetch_in!(self, NoticeRow, system, "milestone" in Some(keys), "")?;
        rows.sort_by_key(|row| row.number);
        rows.into_iter().map(NoticeRow::notice).collect()
    }

    /// Notices that cover moves of other milestones than their own.
    pub(super) async fn shared_notices(&mut self, system: &SystemId) -> Result<Vec<Notice>, StoreError> {
        const SQL: &str = "SELECT * FROM notice WHERE system = $1 AND shared ORDER BY number";
        fetch!(self, NoticeRow, SQL, system.as_str())?.into_iter().map(NoticeRow::notice).collect()
    }

    /// One notice.
    pub async fn notice(&mut self, system: &SystemId, number: u32) -> Result<Option<Notice>, StoreError> {
        const SQL: &str = "SELECT * FROM notice WHERE system = $1 AND number = $2";
        let row = fetch!(self, NoticeRow, SQL, system.as_str(), i64::from(number))?.pop();
        row.map(NoticeRow::notice).transpose()
    }
}
