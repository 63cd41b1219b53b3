//! What is recorded of evidence; its bytes are in the evidence store.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros, word};
use super::table::{fetch, fetch_in, table};
use super::{StoreError, Tx};
use crate::register::{
    Actor, Digest, Evidence, EvidenceOf, ItemNumber, Milestone, MilestoneNumber, SystemId,
};

table! {
    /// A proof.
    EvidenceRow in "evidence" key "system, number" {
        system: String,
        number: i64,
        milestone: Option<i64>,
        item: Option<String>,
        origin: Option<String>,
        kind: String,
        title: String,
        digest: Option<String>,
        size: i64,
        media_type: String,
        authors: Json<Vec<Actor>>,
        observed: DateTime<Utc>,
        recorded: DateTime<Utc>,
        source: String,
        details: Json<BTreeMap<String, String>>,
        redacted: Option<String>,
    }
}

impl EvidenceRow {
    pub(super) fn of(system: &SystemId, evidence: &Evidence) -> Self {
        let (milestone, item, origin) = match &evidence.of {
            EvidenceOf::Milestone(number) => (Some(number.0.into()), None, None),
            EvidenceOf::Item(number) => (None, Some(number.to_string()), None),
            EvidenceOf::Source(name) => (None, None, Some(name.clone())),
        };
        Self {
            system: system.to_string(),
            number: evidence.number.into(),
            milestone,
            item,
            origin,
            kind: word(&evidence.kind),
            title: evidence.title.clone(),
            digest: evidence.digest.as_ref().map(ToString::to_string),
            size: i64::try_from(evidence.size).unwrap_or(i64::MAX),
            media_type: evidence.media_type.clone(),
            authors: Json(evidence.authors.clone()),
            observed: micros(evidence.observed),
            recorded: micros(evidence.recorded),
            source: evidence.source.clone(),
            details: Json(evidence.details.clone()),
            redacted: evidence.redacted.clone(),
        }
    }

    pub(super) fn evidence(self) -> Result<Evidence, StoreError> {
        let key = self.number;
        let read = Reading { table: "evidence", row: &key };
        let of = match (self.milestone, self.item, self.origin) {
            (Some(number), None, None) => {
                EvidenceOf::Milestone(MilestoneNumber(read.number("milestone", number)?))
            }
            (None, Some(item), None) => EvidenceOf::Item(read.checked("item", ItemNumber::new(&item))?),
            (None, None, Some(name)) => EvidenceOf::Source(name),
            _ => return Err(read.bad("milestone", format_args!("a proof is of one thing"))),
        };
        let digest = self.digest.as_deref().map(|digest| read.checked("digest", Digest::new(digest)));
        Ok(Evidence {
            number: read.number("number", self.number)?,
            of,
            kind: read.word("kind", &self.kind)?,
            title: self.title,
            digest: digest.transpose()?,
            size: read.number("size", self.size)?,
            media_type: self.media_type,
            authors: self.authors.0,
            observed: self.observed,
            recorded: self.recorded,
            source: self.source,
            details: self.details.0,
            redacted: self.redacted,
        })
    }
}

impl Tx {
    /// Evidence of a system in order of its number: at most `limit` after this one, or from the start.
    pub async fn evidence(
        &mut self,
        system: &SystemId,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Evidence>, StoreError> {
        const SQL: &str = "SELECT * FROM evidence WHERE system = $1 AND number > $2 ORDER BY number LIMIT $3";
        let after = after.map_or(i64::MIN, i64::from);
        let rows = fetch!(self, EvidenceRow, SQL, system.as_str(), after, i64::from(limit))?;
        rows.into_iter().map(EvidenceRow::evidence).collect()
    }

    /// Evidence of milestones, by number; of several systems' milestones only those of this one.
    pub async fn evidence_of(
        &mut self,
        system: &SystemId,
        milestones: &[MilestoneNumber],
    ) -> Result<Vec<Evidence>, StoreError> {
        let keys = milestones.iter().map(|number| i64::from(number.0)).collect();
        let mut rows = fetch_in!(self, EvidenceRow, system, "milestone" in Some(keys), "")?;
        rows.sort_by_key(|row| row.number);
        rows.into_iter().map(EvidenceRow::evidence).collect()
    }

    /// Everything that names these bytes, in any system: before they are removed.
    pub async fn evidence_with(&mut self, digest: &Digest) -> Result<Vec<(SystemId, Evidence)>, StoreError> {
        const SQL: &str = "SELECT * FROM evidence WHERE digest = $1 ORDER BY system, number";
        let rows = fetch!(self, EvidenceRow, SQL, digest.as_str())?;
        rows.into_iter()
            .map(|row| {
                let read = Reading { table: "evidence", row: &row.number };
                let system = read.checked("system", SystemId::new(&row.system))?;
                Ok((system, row.evidence()?))
            })
            .collect()
    }

    /// Gives each milestone the numbers of its evidence.
    pub(super) async fn attach_evidence(
        &mut self,
        system: &SystemId,
        keys: Option<Vec<i64>>,
        milestones: &mut BTreeMap<MilestoneNumber, Milestone>,
    ) -> Result<(), StoreError> {
        let rows = fetch_in!(self, EvidenceRow, system, "milestone" in keys, " ORDER BY number")?;
        for row in rows {
            let evidence = row.evidence()?;
            if let EvidenceOf::Milestone(number) = &evidence.of
                && let Some(milestone) = milestones.get_mut(number)
            {
                milestone.evidence.push(evidence.number);
            }
        }
        Ok(())
    }
}
