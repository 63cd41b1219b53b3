//! What was taken from tickets' histories, and what we wrote to tickets.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::column::micros;
use super::table::{BINDS, fetch, table};
use super::tx::on;
use super::{StoreError, Tx};

table! {
    /// An entry that was taken.
    LogEntryRow in "log_entry" key "link, entry" {
        link: String,
        entry: String,
        taken_at: DateTime<Utc>,
    }
}

table! {
    /// A write of ours.
    OwnWriteRow in "own_write" key "link, field" {
        link: String,
        field: String,
        value: String,
        at: DateTime<Utc>,
    }
}

/// A write of ours to a ticket: an entry of its history is ours when it matches one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnWrite {
    /// Which field, by the connector's name.
    pub field: String,
    /// What was written, as the history will show it.
    pub value: String,
    /// When it was sent, by our clock.
    pub at: DateTime<Utc>,
}

impl Tx {
    /// Takes entries of a ticket's history: gives those that were not taken before, each once.
    pub async fn take_entries(
        &mut self,
        link: &str,
        entries: &[String],
        at: DateTime<Utc>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let at = micros(at);
        let mut taken = BTreeSet::new();
        for entries in entries.chunks(BINDS / 3) {
            let new: Vec<String> = on!(self, c => {
                let mut query = sqlx::QueryBuilder::new("INSERT INTO log_entry (link, entry, taken_at) ");
                query.push_values(entries, |mut values, entry| {
                    values.push_bind(link).push_bind(entry).push_bind(at);
                });
                query.push(" ON CONFLICT (link, entry) DO NOTHING RETURNING entry");
                query.build_query_scalar().persistent(entries.len() == 1).fetch_all(c).await
            })?;
            taken.extend(new);
        }
        Ok(taken)
    }

    /// Every entry that was taken from a ticket's history.
    pub async fn entries_taken(&mut self, link: &str) -> Result<BTreeSet<String>, StoreError> {
        let rows = fetch!(self, LogEntryRow, "SELECT * FROM log_entry WHERE link = $1", link)?;
        Ok(rows.into_iter().map(|row| row.entry).collect())
    }

    /// Records a write before it is sent.
    pub async fn record_own_write(
        &mut self,
        link: &str,
        field: &str,
        value: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = OwnWriteRow {
            link: link.to_owned(),
            field: field.to_owned(),
            value: value.to_owned(),
            at: micros(at),
        };
        OwnWriteRow::insert(self, &[row]).await
    }

    /// Our writes to a ticket, oldest first.
    pub async fn own_writes(&mut self, link: &str) -> Result<Vec<OwnWrite>, StoreError> {
        let rows = fetch!(self, OwnWriteRow, "SELECT * FROM own_write WHERE link = $1 ORDER BY at", link)?;
        Ok(rows.into_iter().map(|row| OwnWrite { field: row.field, value: row.value, at: row.at }).collect())
    }

    /// Forgets our writes from before a time, where the ticket's log was read past them: their entries were taken, or
    /// never came to be. Gives how many.
    pub async fn prune_own_writes(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM own_write WHERE at < $1 AND EXISTS \
             (SELECT 1 FROM link WHERE link.id = own_write.link AND link.log_read > own_write.at)";
        let done = on!(self, c => {
            let done = sqlx::query(SQL).bind(micros(before)).execute(c).await;
            done.map(|done| done.rows_affected())
        })?;
        Ok(done)
    }
}

impl Tx {
    /// Takes one entry: false where it was taken before.
    pub async fn take_entry(
        &mut self,
        link: &str,
        entry: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(!self.take_entries(link, &[entry.to_owned()], at).await?.is_empty())
    }

    /// Whether an entry was taken.
    pub async fn has_entry(&mut self, link: &str, entry: &str) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT * FROM log_entry WHERE link = $1 AND entry = $2";
        Ok(!fetch!(self, LogEntryRow, SQL, link, entry)?.is_empty())
    }

    /// Whether a write of ours explains an entry with this value; the write explains no other then.
    pub async fn match_own_write(
        &mut self,
        link: &str,
        field: &str,
        value: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM own_write WHERE link = $1 AND field = $2 AND value = $3";
        let done = on!(self, c => {
            let query = sqlx::query(SQL).bind(link).bind(field).bind(value);
            query.execute(c).await.map(|done| done.rows_affected())
        })?;
        Ok(done > 0)
    }
}
