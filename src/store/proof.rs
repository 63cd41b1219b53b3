//! What is recorded of evidence; its bytes are in the evidence store.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::StoreError;
use super::column::{Reading, micros, word};
use super::table::table;
use crate::register::{Actor, Digest, Evidence, EvidenceOf, ItemNumber, MilestoneNumber, SystemId};

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
