//! A milestone: one evidenceable step that serves one or more items.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Correction, EvidenceKind, ItemNumber, Move};

/// A milestone's number, written `M-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MilestoneNumber(pub u32);

impl fmt::Display for MilestoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M-{}", self.0)
    }
}

impl std::str::FromStr for MilestoneNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("M-")
            .or_else(|| text.strip_prefix("m-"))
            .unwrap_or(text)
            .parse()
            .ok()
            .filter(|n| *n > 0)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no milestone number such as M-17"))
    }
}

/// Where a milestone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneState {
    /// Not begun.
    Planned,
    /// Begun.
    InProgress,
    /// Held up.
    Blocked,
    /// Done, as somebody says; waits for validation.
    Done,
    /// Every item it serves has an accepted validation or another disposition.
    Verified,
    /// Not to be done, as GRC decided.
    Dropped,
}

impl MilestoneState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Planned, Self::InProgress, Self::Blocked, Self::Done, Self::Verified, Self::Dropped];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::InProgress => "in_progress",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Verified => "verified",
            Self::Dropped => "dropped",
        }
    }

    /// Whether work on it is over: nothing is asked of it any more.
    pub fn is_over(self) -> bool {
        match self {
            Self::Done | Self::Verified | Self::Dropped => true,
            Self::Planned | Self::InProgress | Self::Blocked => false,
        }
    }
}

/// The ticket that a milestone is worked on in, as the journal names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketName {
    /// Tracker id of the configuration.
    pub tracker: String,
    /// Immutable id there.
    pub id: String,
    /// Key or number.
    pub key: String,
    /// Where a person opens it.
    pub url: String,
}

/// A ticket closed without a fix; the milestone keeps its state until GRC decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedWithoutFix {
    /// How the tracker calls it: `Won't Do`, `not_planned`.
    pub resolution: String,
    /// By whom, shown.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// One evidenceable step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// Its number in its system.
    pub number: MilestoneNumber,
    /// What is to be done, so that one can see whether it was.
    pub text: String,
    /// As first recorded: frozen once an item it serves is open.
    pub original_text: String,
    /// The items it serves.
    pub serves: BTreeSet<ItemNumber>,
    /// The one person who owns it.
    pub owner: Option<String>,
    /// Kinds of evidence that prove it.
    pub expects: BTreeSet<EvidenceKind>,
    /// Milestones that must be done before it.
    pub depends_on: BTreeSet<MilestoneNumber>,
    /// Due date as first recorded: frozen once an item it serves is open.
    pub original_due: Option<NaiveDate>,
    /// Due date in force: the last approved move's, else the original.
    pub due: Option<NaiveDate>,
    /// Changes of the due date, oldest first; numbered from 1.
    pub moves: Vec<Move>,
    /// Where it stands.
    pub state: MilestoneState,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// Why it is blocked.
    pub blocked: Option<String>,
    /// When it was done, by the tracker's or the register's clock.
    pub done: Option<DateTime<Utc>>,
    /// Evidence numbers.
    pub evidence: Vec<u32>,
    /// Its ticket.
    pub ticket: Option<TicketName>,
    /// What the ticket's title says after our prefix, where engineers changed it.
    pub ticket_title: Option<String>,
    /// Its ticket was closed without a fix.
    pub closed_without_fix: Option<ClosedWithoutFix>,
    /// After this time, only newer evidence completes it (a rejected validation).
    pub evidence_after: Option<DateTime<Utc>>,
    /// Corrections made to it.
    pub corrections: Vec<Correction>,
    /// The number that the imported workbook gives it within its item.
    pub imported_as: Option<(ItemNumber, u32)>,
    /// The last change to it.
    pub changed: DateTime<Utc>,
}

impl Milestone {
    /// The move that is neither decided, superseded nor withdrawn: at most one.
    pub fn open_move(&self) -> Option<&Move> {
        self.moves.iter().rev().find(|m| m.state.is_open())
    }
}
