//! A proof.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Time;
use crate::register::{Actor, Digest, Evidence, EvidenceKind, EvidenceOf};

/// A proof.
#[derive(Debug, Serialize)]
pub struct EvidenceView<'a> {
    /// Numbered per system.
    pub number: u32,
    /// `milestone`, `item`, or `source` for where data came from.
    pub about: &'static str,
    /// What it proves: `M-17`, `V-12`, a file.
    pub subject: String,
    /// Its kind.
    pub kind: EvidenceKind,
    /// One line that says what it is.
    pub title: &'a str,
    /// SHA-256 of its bytes.
    pub digest: Option<&'a Digest>,
    /// How many bytes.
    pub size: u64,
    /// Their media type.
    pub media_type: &'a str,
    /// Evidence authors.
    pub authors: &'a [Actor],
    /// When what it shows was so.
    pub observed: Time,
    /// When it was recorded.
    pub recorded: Time,
    /// Ticket history id, command or import it came by.
    pub source: &'a str,
    /// More about it, by name.
    pub details: &'a BTreeMap<String, String>,
    /// Why its bytes were removed.
    pub redacted: Option<&'a str>,
}

impl<'a> EvidenceView<'a> {
    /// Of a proof.
    pub fn of(evidence: &'a Evidence) -> Self {
        let (about, subject) = match &evidence.of {
            EvidenceOf::Milestone(number) => ("milestone", number.to_string()),
            EvidenceOf::Item(number) => ("item", number.to_string()),
            EvidenceOf::Source(source) => ("source", source.clone()),
        };
        Self {
            number: evidence.number,
            about,
            subject,
            kind: evidence.kind,
            title: &evidence.title,
            digest: evidence.digest.as_ref(),
            size: evidence.size,
            media_type: &evidence.media_type,
            authors: &evidence.authors,
            observed: Time(evidence.observed),
            recorded: Time(evidence.recorded),
            source: &evidence.source,
            details: &evidence.details,
            redacted: evidence.redacted.as_deref(),
        }
    }
}
