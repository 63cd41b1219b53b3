//! A link: milestone and ticket, one to one, with what was last reconciled. An observation, not part of the
//! journal; conflicts found in reconciling are.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{MilestoneNumber, Subject, SystemId};

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPhase {
    /// A ticket is wanted; waits for `link open --yes` where many are.
    Waiting,
    /// A create was or is about to be sent; the marker is looked for before any new attempt.
    Creating,
    /// Bound to a ticket.
    Linked,
    /// The ticket is not found; a human decides.
    Missing,
}

impl LinkPhase {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Creating => "creating",
            Self::Linked => "linked",
            Self::Missing => "missing",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        [Self::Waiting, Self::Creating, Self::Linked, Self::Missing]
            .into_iter()
            .find(|phase| phase.name() == name)
            .ok_or_else(|| format!("{name:?} is no phase of a link"))
    }
}

/// What both sides were when a field was last reconciled. A side changed when it differs from its own half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair<T> {
    /// The register's.
    pub ours: T,
    /// The ticket's.
    pub theirs: T,
}

/// The base of each field; none before it was first reconciled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Base {
    /// Whole title.
    #[serde(default)]
    pub title: Option<Pair<String>>,
    /// Managed block.
    #[serde(default)]
    pub block: Option<Pair<Option<String>>>,
    /// State, by the state table's names.
    #[serde(default)]
    pub state: Option<Pair<String>>,
    /// Due date as shown.
    #[serde(default)]
    pub due: Option<Pair<Option<NaiveDate>>>,
    /// Assignee: account id.
    #[serde(default)]
    pub assignee: Option<Pair<Option<String>>>,
    /// Managed labels.
    #[serde(default)]
    pub labels: Option<Pair<BTreeSet<String>>>,
}

/// The ticket as last observed, as far as drift detection and lists need it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// When we looked.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    /// What changed up to this time, by the tracker's clock, was seen. A second before the ticket's `updated` where it
    /// was looked at so soon that more could come in the same second.
    #[serde(default)]
    pub updated: Option<DateTime<Utc>>,
    /// Title.
    #[serde(default)]
    pub title: String,
    /// Status name.
    #[serde(default)]
    pub status: String,
    /// What the state table reads it as.
    #[serde(default)]
    pub state: String,
    /// Due date.
    #[serde(default)]
    pub due: Option<NaiveDate>,
    /// Why the due line cannot be read, if it cannot.
    #[serde(default)]
    pub due_unreadable: Option<String>,
    /// Assignee's account id.
    #[serde(default)]
    pub assignee: Option<String>,
    /// The person it is mapped to.
    #[serde(default)]
    pub assignee_person: Option<String>,
    /// The latest end of what the ticket is planned into, with its name.
    #[serde(default)]
    pub scheduled: Option<(String, NaiveDate)>,
    /// Other tickets that carry the marker: keys.
    #[serde(default)]
    pub duplicates: Vec<String>,
    /// The project it is in is covered by no tracker.
    #[serde(default)]
    pub moved_away: Option<String>,
    /// Managed labels that were restored so far.
    #[serde(default)]
    pub labels_restored: u32,
    /// The text that a write of ours replaced though nobody had seen it: it is to be written back.
    #[serde(default)]
    pub lost_text: Option<String>,
    /// A brake has halted the tracker because of what this ticket shows: once it may go on, that is believed.
    #[serde(default)]
    pub braked: bool,
    /// Somebody said that its ticket may be made, however many are: `link open --yes`.
    #[serde(default)]
    pub let_through: bool,
}

/// Milestone and ticket, one to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// 32 hexadecimal digits; the marker carries it.
    pub id: String,
    /// System.
    pub system: SystemId,
    /// Milestone.
    pub milestone: MilestoneNumber,
    /// Tracker id of the configuration.
    pub tracker: String,
    /// How far it is.
    pub phase: LinkPhase,
    /// Immutable id of the ticket.
    pub ticket: Option<String>,
    /// Its key or number.
    pub key: Option<String>,
    /// Its project or repository.
    pub project: Option<String>,
    /// Where a person opens it.
    pub url: Option<String>,
    /// When a create was last sent; set before it is sent.
    pub create_sent: Option<DateTime<Utc>>,
    /// What was last reconciled.
    pub base: Base,
    /// What was last seen.
    pub observed: Observed,
    /// The history is read up to this time, by the tracker's clock.
    pub log_read: Option<DateTime<Utc>>,
    /// Marked for reconciling since.
    pub dirty: Option<DateTime<Utc>>,
    /// Not before this time.
    pub due_at: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub attempts: u32,
    /// The last failure.
    pub error: Option<String>,
    /// A sweep found it missing since.
    pub missing_since: Option<DateTime<Utc>>,
    /// Raised at each save; a save of a stale one is refused.
    pub version: i64,
    /// When we last wrote the ticket, by our clock.
    pub written: Option<DateTime<Utc>>,
}

impl Link {
    /// A link whose ticket is wanted, and nothing more.
    pub fn new(id: String, system: &SystemId, milestone: MilestoneNumber, tracker: &str) -> Self {
        Self {
            id,
            system: system.clone(),
            milestone,
            tracker: tracker.to_owned(),
            phase: LinkPhase::Waiting,
            ticket: None,
            key: None,
            project: None,
            url: None,
            create_sent: None,
            base: Base::default(),
            observed: Observed::default(),
            log_read: None,
            dirty: None,
            due_at: None,
            attempts: 0,
            error: None,
            missing_since: None,
            version: 0,
            written: None,
        }
    }

    /// Whether a poll that brings the ticket, last changed at `updated`, brings anything new. A connector brings nothing
    /// twice that is as it was, so one with the same time changed within its second.
    pub fn is_news(&self, updated: DateTime<Utc>) -> bool {
        self.observed.updated.is_none_or(|seen| updated >= seen)
    }
}

/// Both sides changed a field: the loser is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Numbered per system.
    pub number: u32,
    /// A milestone whose link it is, or an item that a newer workbook changed.
    pub subject: Subject,
    /// Field.
    pub field: String,
    /// What both had been.
    pub base: String,
    /// Ours.
    pub ours: String,
    /// Theirs.
    pub theirs: String,
    /// Which won: `register`, `tracker`.
    pub winner: String,
    /// When it was found.
    pub at: DateTime<Utc>,
    /// How it was resolved: by whom, when, what was taken and why.
    pub resolved: Option<Resolution>,
}

/// How a conflict was resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// By whom, shown.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// `register` or `tracker`: which value stands.
    pub keep: String,
    /// Why.
    pub reason: String,
}
