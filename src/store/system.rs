//! Systems, and the files imported into them, in their tables.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros};
use super::table::{fetch, table};
use super::{StoreError, Tx};
use crate::register::{Digest, Import, System, SystemId, SystemProfile};

table! {
    /// A system with its counters.
    SystemRow in "system" key "id" {
        id: String,
        profile: Option<Json<SystemProfile>>,
        rules: Json<Vec<(String, Digest)>>,
        last_item: i64,
        items: i64,
        last_milestone: i64,
        last_evidence: i64,
        last_drift: i64,
        last_conflict: i64,
        last_notice: i64,
    }
}

table! {
    /// An imported file.
    ImportRow in "import" key "system, digest" {
        system: String,
        digest: String,
        name: String,
        row_count: i64,
        started: DateTime<Utc>,
        finished: Option<DateTime<Utc>>,
    }
}

impl SystemRow {
    pub(super) fn of(system: &System) -> Self {
        Self {
            id: system.id.to_string(),
            profile: system.profile.clone().map(Json),
            rules: Json(system.rules.clone()),
            last_item: system.last_item.into(),
            items: system.items.into(),
            last_milestone: system.last_milestone.into(),
            last_evidence: system.last_evidence.into(),
            last_drift: system.last_drift.into(),
            last_conflict: system.last_conflict.into(),
            last_notice: system.last_notice.into(),
        }
    }

    pub(super) fn system(self) -> Result<System, StoreError> {
        let key = self.id;
        let read = Reading { table: "system", row: &key };
        Ok(System {
            id: read.checked("id", SystemId::new(&key))?,
            profile: self.profile.map(|Json(profile)| profile),
            rules: self.rules.0,
            last_item: read.number("last_item", self.last_item)?,
            items: read.number("items", self.items)?,
            last_milestone: read.number("last_milestone", self.last_milestone)?,
            last_evidence: read.number("last_evidence", self.last_evidence)?,
            last_drift: read.number("last_drift", self.last_drift)?,
            last_conflict: read.number("last_conflict", self.last_conflict)?,
            last_notice: read.number("last_notice", self.last_notice)?,
        })
    }
}

impl ImportRow {
    pub(super) fn of(system: &SystemId, digest: &Digest, import: &Import) -> Self {
        Self {
            system: system.to_string(),
            digest: digest.to_string(),
            name: import.name.clone(),
            row_count: import.rows.into(),
            started: micros(import.started),
            finished: import.finished.map(micros),
        }
    }

    pub(super) fn import(self) -> Result<(Digest, Import), StoreError> {
        let key = self.digest;
        let read = Reading { table: "import", row: &key };
        let import = Import {
            name: self.name,
            rows: read.number("row_count", self.row_count)?,
            started: self.started,
            finished: self.finished,
        };
        Ok((read.checked("digest", Digest::new(&key))?, import))
    }
}

impl Tx {
    /// Systems whose profile is recorded, by id.
    pub async fn systems(&mut self) -> Result<Vec<System>, StoreError> {
        let rows = fetch!(self, SystemRow, "SELECT * FROM system WHERE profile IS NOT NULL ORDER BY id")?;
        rows.into_iter().map(SystemRow::system).collect()
    }

    /// An imported file, finished or not.
    pub async fn import(&mut self, system: &SystemId, file: &Digest) -> Result<Option<Import>, StoreError> {
        const SQL: &str = "SELECT * FROM import WHERE system = $1 AND digest = $2";
        let row = fetch!(self, ImportRow, SQL, system.as_str(), file.as_str())?.pop();
        Ok(row.map(ImportRow::import).transpose()?.map(|(_, import)| import))
    }

    /// Every imported file, oldest first.
    pub async fn imports(&mut self, system: &SystemId) -> Result<Vec<(Digest, Import)>, StoreError> {
        const SQL: &str = "SELECT * FROM import WHERE system = $1 ORDER BY started, digest";
        fetch!(self, ImportRow, SQL, system.as_str())?.into_iter().map(ImportRow::import).collect()
    }
}
