//! The journal's rows.

use chrono::{DateTime, Utc};

use super::column::Reading;
use super::table::{fetch, fetch_in, table};
use super::{StoreError, Tx};
use crate::register::journal::{Entry, Head};
use crate::register::{Change, MilestoneNumber, MilestoneState, SystemId};

table! {
    /// A row of the journal.
    JournalRow in "journal" key "system, number" {
        system: String,
        number: i64,
        at: DateTime<Utc>,
        actor: String,
        cause: String,
        subject: String,
        body: String,
        previous: String,
        hash: String,
    }
}

table! {
    /// The head of a chain.
    ChainRow in "chain" key "system" {
        system: String,
        number: i64,
        hash: String,
        at: Option<DateTime<Utc>>,
        lock: i64,
    }
}

impl JournalRow {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            system: entry.system.to_string(),
            number: i64::try_from(entry.number).unwrap_or(i64::MAX),
            at: entry.at,
            actor: entry.actor.clone(),
            cause: entry.cause.clone(),
            subject: entry.subject.clone(),
            body: entry.body.clone(),
            previous: entry.previous.clone(),
            hash: entry.hash.clone(),
        }
    }

    pub(super) fn entry(self) -> Result<Entry, StoreError> {
        let key = self.number;
        let read = Reading { table: "journal", row: &key };
        Ok(Entry {
            system: read.checked("system", SystemId::new(&self.system))?,
            number: read.number("number", self.number)?,
            at: self.at,
            actor: self.actor,
            cause: self.cause,
            subject: self.subject,
            body: self.body,
            previous: self.previous,
            hash: self.hash,
        })
    }
}

impl Tx {
    /// Where a chain ends.
    pub async fn head(&mut self, system: &SystemId) -> Result<Head, StoreError> {
        let row = fetch!(self, ChainRow, "SELECT * FROM chain WHERE system = $1", system.as_str())?.pop();
        let Some(row) = row else { return Ok(Head::empty()) };
        let read = Reading { table: "chain", row: &row.system };
        Ok(Head { number: read.number("number", row.number)?, hash: row.hash, at: row.at })
    }

    /// Every chain that was ever begun, in order of its id; the reserved one too.
    pub async fn chains(&mut self) -> Result<Vec<SystemId>, StoreError> {
        let rows = fetch!(self, ChainRow, "SELECT * FROM chain ORDER BY system")?;
        rows.iter()
            .map(|row| {
                Reading { table: "chain", row: &row.system }.checked("system", SystemId::new(&row.system))
            })
            .collect()
    }

    /// At most `limit` rows of a chain from number `from` on, in order.
    pub async fn entries(
        &mut self,
        system: &SystemId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        self.journal_rows(system, from, limit).await?.into_iter().map(JournalRow::entry).collect()
    }

    /// Rows about any of these subjects (as `V-12`, `M-17`, `drift 3`), in order.
    pub async fn entries_of(
        &mut self,
        system: &SystemId,
        subjects: &[String],
    ) -> Result<Vec<Entry>, StoreError> {
        let mut rows = fetch_in!(self, JournalRow, system, "subject" in Some(subjects.to_vec()), "")?;
        rows.sort_by_key(|row| row.number);
        rows.into_iter().map(JournalRow::entry).collect()
    }

    /// Whether a milestone had begun when it was last blocked.
    pub async fn had_begun(
        &mut self,
        system: &SystemId,
        milestone: MilestoneNumber,
    ) -> Result<bool, StoreError> {
        for entry in self.entries_of(system, &[milestone.to_string()]).await?.into_iter().rev() {
            if let Change::MilestoneStateChanged { from, to: MilestoneState::Blocked, .. } = entry.change()? {
                return Ok(from != MilestoneState::Planned);
            }
        }
        Ok(true)
    }

    /// Whether any row of a chain has this cause.
    pub async fn has_cause(&mut self, system: &SystemId, cause: &str) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT * FROM journal WHERE system = $1 AND cause = $2 LIMIT 1";
        Ok(!fetch!(self, JournalRow, SQL, system.as_str(), cause)?.is_empty())
    }

    pub(super) async fn journal_rows(
        &mut self,
        system: &SystemId,
        from: i64,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError> {
        const SQL: &str = "SELECT * FROM journal WHERE system = $1 AND number >= $2 ORDER BY number LIMIT $3";
        fetch!(self, JournalRow, SQL, system.as_str(), from, i64::from(limit))
    }
}
