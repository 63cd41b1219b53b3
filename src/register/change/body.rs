//! A change as the journal's columns hold it.

use serde_json::Value;

use super::super::EvidenceOf;
use super::Change;

/// A change that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("this is no change that this release reads or writes: {0}")]
pub struct UnknownChange(String);

impl Change {
    /// The version that this release writes. A kind whose shape changes gets a line of its own, and one in [`upcast`].
    fn version(kind: &str) -> u64 {
        match kind {
            // 2: a deadline names the rule file by its digest.
            "item.added" | "item.deadline" => 2,
            _ => 1,
        }
    }

    /// As JSON, with `kind` and `v`.
    pub fn to_value(&self) -> Result<Value, UnknownChange> {
        let mut value = serde_json::to_value(self).map_err(|e| UnknownChange(e.to_string()))?;
        let version = Self::version(value.get("kind").and_then(Value::as_str).unwrap_or_default());
        if let Some(body) = value.as_object_mut() {
            body.insert("v".to_owned(), version.into());
        }
        exact(&value)?;
        Ok(value)
    }

    /// Reads what [`Self::to_value`] of this or an older release wrote.
    pub fn from_value(value: Value) -> Result<Self, UnknownChange> {
        let mut value = upcast(value)?;
        if let Some(body) = value.as_object_mut() {
            body.remove("v");
        }
        serde_json::from_value(value).map_err(|e| UnknownChange(e.to_string()))
    }

    /// Reads a journal row's body.
    pub fn from_body(body: &str) -> Result<Self, UnknownChange> {
        Self::from_value(serde_json::from_str(body).map_err(|e| UnknownChange(e.to_string()))?)
    }

    /// What it is about, for the journal's subject column.
    pub fn subject(&self) -> String {
        match self {
            Self::SystemRecorded { .. } => "system".to_owned(),
            Self::RulesApplied { name, .. } => format!("rules {name}"),
            Self::ImportStarted { file, .. } | Self::ImportFinished { file } => {
                format!("import {}", file.as_str().get(..12).unwrap_or_default())
            }
            Self::JournalSealed { .. } => "journal".to_owned(),
            Self::ItemAdded { item, .. }
            | Self::ItemFactsChanged { item, .. }
            | Self::ItemDeadline { item, .. }
            | Self::ItemStatus { item, .. }
            | Self::ItemClosed { item, .. }
            | Self::ItemCorrected { item, .. } => item.to_string(),
            Self::MilestoneAdded { milestone, .. }
            | Self::MilestoneServes { milestone, .. }
            | Self::MilestoneText { milestone, .. }
            | Self::MilestoneDue { milestone, .. }
            | Self::MilestoneCorrected { milestone, .. }
            | Self::MilestoneExpects { milestone, .. }
            | Self::MilestoneOwner { milestone, .. }
            | Self::MilestoneStateChanged { milestone, .. }
            | Self::MilestoneClosedWithoutFix { milestone, .. }
            | Self::MilestoneEvidenceAfter { milestone, .. }
            | Self::MilestoneTicket { milestone, .. }
            | Self::MilestoneTicketTitle { milestone, .. }
            | Self::MoveProposed { milestone, .. }
            | Self::MoveExplained { milestone, .. }
            | Self::MoveApproved { milestone, .. }
            | Self::MoveEnded { milestone, .. } => milestone.to_string(),
            Self::EvidenceAdded { evidence } => match &evidence.of {
                EvidenceOf::Milestone(milestone) => milestone.to_string(),
                EvidenceOf::Item(item) => item.to_string(),
                EvidenceOf::Source(name) => format!("source {}", one_line(name)),
            },
            Self::EvidenceRedacted { digest, .. } => {
                format!("evidence {}", digest.as_str().get(..12).unwrap_or_default())
            }
            Self::DriftOpened { drift } => drift.subject.to_string(),
            Self::DriftDetail { number, .. } | Self::DriftSettled { number, .. } => format!("drift {number}"),
            Self::ConflictFound { conflict } => conflict.subject.to_string(),
            Self::ConflictResolved { number, .. } => format!("conflict {number}"),
            Self::NoticeQueued { notice } => notice.milestone.to_string(),
            Self::PersonRecorded { person } => format!("person {}", one_line(&person.name)),
            Self::PersonRemoved { name } => format!("person {}", one_line(name)),
            Self::TokenAdded { name, .. } | Self::TokenRevoked { name } => {
                format!("token {}", one_line(name))
            }
            Self::TrackerHalted { tracker, .. } | Self::TrackerResumed { tracker, .. } => {
                format!("tracker {}", one_line(tracker))
            }
        }
    }
}

/// Only numbers that every reader of JSON reads alike may stand in a body: whole ones within 2^53 (RFC 8785, 3.2.2.3).
fn exact(value: &Value) -> Result<(), UnknownChange> {
    const LIMIT: u64 = 1 << 53;
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match whole {
                Some(whole) if whole < LIMIT => Ok(()),
                Some(_) | None => Err(UnknownChange(format!("{number} is no whole number below 2^53"))),
            }
        }
        Value::Array(items) => items.iter().try_for_each(exact),
        Value::Object(members) => members.values().try_for_each(exact),
    }
}

/// The journal's columns stand on one line each.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Brings the body of an older release to the shape of this one: a deadline of `item.added` or `item.deadline` 1 is
/// one whose rule file is not known, as a deadline of version 2 may say as well.
fn upcast(value: Value) -> Result<Value, UnknownChange> {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    let version = value.get("v").and_then(Value::as_u64).unwrap_or(0);
    if version == 0 || version > Change::version(kind) {
        return Err(UnknownChange(format!("{kind:?} of version {version}")));
    }
    Ok(value)
}
