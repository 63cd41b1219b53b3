//! The register: pure. What is recorded, how it may change, and the chain of those changes.
//!
//! Everything is a [`Change`]: a command is decided against the present state and gives changes or a refusal
//! ([`decide`]); [`apply`] is the only way in which state alters, and reads nothing but state and change.

mod actor;
pub mod apply;
pub mod change;
pub mod completeness;
pub mod controls;
pub mod decide;
mod drift;
mod evidence;
mod item;
pub mod journal;
mod link;
mod milestone;
mod notice;
pub mod policy;
mod schedule;
pub mod seal;
mod system;
pub mod view;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

pub use actor::{Actor, Grant, Person, Role, Roles};
pub use change::Change;
pub use drift::{Drift, DriftKind, Subject};
pub use evidence::{Digest, Evidence, EvidenceKind, EvidenceOf};
pub use item::{
    Correction, Deadline, DeviationState, Disposition, FindingKind, ImportedRow, Item, ItemFacts, ItemNumber,
    Rating, RootCause, Source, Status,
};
pub use link::{Base, Conflict, Link, LinkPhase, Observed, Pair, Resolution};
pub use milestone::{ClosedWithoutFix, Milestone, MilestoneNumber, MilestoneState, TicketName};
pub use notice::{Notice, NoticeKind};
pub use schedule::{Decision, Move, MoveState, Rationale};
pub use system::{Impact, RuleSetFrom, System, SystemId, SystemProfile};

/// The state of one chain, or the part of it that was loaded: enough for what is decided and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The system itself, with the counters.
    pub system: System,
    /// Items.
    pub items: BTreeMap<ItemNumber, Item>,
    /// Milestones.
    pub milestones: BTreeMap<MilestoneNumber, Milestone>,
    /// Evidence.
    pub evidence: BTreeMap<u32, Evidence>,
    /// Drifts, settled ones too.
    pub drifts: BTreeMap<u32, Drift>,
    /// Conflicts, resolved ones too.
    pub conflicts: BTreeMap<u32, Conflict>,
    /// Notices.
    pub notices: BTreeMap<u32, Notice>,
    /// Imported files by digest.
    pub imports: BTreeMap<Digest, Import>,
    /// People, in the reserved chain.
    pub people: BTreeMap<String, Person>,
    /// API tokens, in the reserved chain.
    pub tokens: BTreeMap<String, Token>,
    /// Trackers that a brake halted, with the reason, in the reserved chain.
    pub halted: BTreeMap<String, String>,
}

/// An imported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u32,
    /// When it was begun.
    pub started: DateTime<Utc>,
    /// When all of it was taken; none while unfinished.
    pub finished: Option<DateTime<Utc>>,
}

/// An API token; the token itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// SHA-256 of it.
    pub digest: Digest,
    /// When it was made.
    pub added: DateTime<Utc>,
    /// Until when it is valid.
    pub expires: Option<DateTime<Utc>>,
    /// Systems it may read.
    pub systems: Vec<String>,
    /// When it was revoked.
    pub revoked: Option<DateTime<Utc>>,
}

impl Register {
    /// The state before the first change.
    pub fn new(id: SystemId) -> Self {
        Self {
            system: System::new(id),
            items: BTreeMap::new(),
            milestones: BTreeMap::new(),
            evidence: BTreeMap::new(),
            drifts: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            notices: BTreeMap::new(),
            imports: BTreeMap::new(),
            people: BTreeMap::new(),
            tokens: BTreeMap::new(),
            halted: BTreeMap::new(),
        }
    }

    /// The milestones that serve an item, in order.
    pub fn milestones_of<'a>(&'a self, item: &'a ItemNumber) -> impl Iterator<Item = &'a Milestone> + 'a {
        self.milestones.values().filter(move |milestone| milestone.serves.contains(item))
    }

    /// The items that a milestone serves, as far as they are loaded.
    pub fn items_of<'a>(&'a self, milestone: &'a Milestone) -> impl Iterator<Item = &'a Item> + 'a {
        milestone.serves.iter().filter_map(|number| self.items.get(number))
    }

    /// A milestone's deadline: the earliest of its open items' deadlines.
    pub fn deadline_of<'a>(&'a self, milestone: &'a Milestone) -> Option<&'a Deadline> {
        self.items_of(milestone)
            .filter(|item| item.is_open())
            .filter_map(|item| item.deadline.as_ref())
            .min_by_key(|d| d.date)
    }
}
