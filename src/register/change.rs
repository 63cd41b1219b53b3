//! Changes: everything that ever happens to the register, typed and versioned.
//!
//! A change is written to the journal as canonical JSON with its `kind` and its version `v`, and read back through
//! an upcast, so that journals of old releases stay readable for ever.

mod body;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Actor, ClosedWithoutFix, Conflict, Correction, Deadline, Decision, Digest, Disposition, Drift, Evidence,
    EvidenceKind, ImportedRow, ItemFacts, ItemNumber, MilestoneNumber, MilestoneState, Move, MoveState,
    Notice, Person, Rationale, Resolution, Role, Status, SystemProfile, TicketName,
};

pub use body::UnknownChange;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Change {
    // --- system ---
    /// The system's profile was recorded.
    #[serde(rename = "system.recorded")]
    SystemRecorded {
        /// As configured.
        profile: SystemProfile,
    },
    /// The active text of a rule file.
    #[serde(rename = "rules.applied")]
    RulesApplied {
        /// File: `legacy-rev5.toml`.
        name: String,
        /// Of its text, which is in the store.
        digest: Digest,
    },
    /// A file was imported.
    #[serde(rename = "import.started")]
    ImportStarted {
        /// Of the file.
        file: Digest,
        /// Its name.
        name: String,
        /// How many rows it has.
        rows: u32,
    },
    /// All of its rows were taken.
    #[serde(rename = "import.finished")]
    ImportFinished {
        /// Of the file.
        file: Digest,
    },
    /// The chain was sealed up to a row.
    #[serde(rename = "journal.sealed")]
    JournalSealed {
        /// Number of the last row covered.
        upto: u64,
        /// Its hash.
        hash: Digest,
        /// Public key, hexadecimal.
        key: String,
        /// Signature, hexadecimal.
        signature: String,
    },

    // --- items ---
    /// An item came to be.
    #[serde(rename = "item.added")]
    ItemAdded {
        /// Its number.
        item: ItemNumber,
        /// What is known of it.
        facts: Box<ItemFacts>,
        /// Where it stands.
        status: Status,
        /// How it was closed, for one imported as closed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disposition: Option<Disposition>,
        /// Status Date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_date: Option<NaiveDate>,
        /// By when it must be fixed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Deadline>,
        /// Where it was imported from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        imported: Option<Box<ImportedRow>>,
    },
    /// Facts of an item changed, none of them frozen.
    #[serde(rename = "item.facts")]
    ItemFactsChanged {
        /// Which.
        item: ItemNumber,
        /// All facts as they are now.
        facts: Box<ItemFacts>,
        /// Status Date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status_date: Option<NaiveDate>,
        /// Where it was imported from, if an import changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        imported: Option<Box<ImportedRow>>,
    },
    /// A deadline was derived.
    #[serde(rename = "item.deadline")]
    ItemDeadline {
        /// Which.
        item: ItemNumber,
        /// None where no rule gives one.
        deadline: Option<Deadline>,
    },
    /// An item's status followed from something.
    #[serde(rename = "item.status")]
    ItemStatus {
        /// Which.
        item: ItemNumber,
        /// To.
        to: Status,
    },
    /// An item was closed.
    #[serde(rename = "item.closed")]
    ItemClosed {
        /// Which.
        item: ItemNumber,
        /// How.
        disposition: Disposition,
        /// On which day.
        date: NaiveDate,
        /// Why, where it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Roles in force of whoever decided.
        roles: BTreeSet<Role>,
    },
    /// A typing error in a frozen field was put right.
    #[serde(rename = "item.corrected")]
    ItemCorrected {
        /// Which.
        item: ItemNumber,
        /// The correction.
        correction: Correction,
        /// All facts as they are now.
        facts: Box<ItemFacts>,
    },

    // --- milestones ---
    /// A milestone came to be.
    #[serde(rename = "milestone.added")]
    MilestoneAdded {
        /// Its number.
        milestone: MilestoneNumber,
        /// Text.
        text: String,
        /// Items it serves.
        serves: BTreeSet<ItemNumber>,
        /// Owner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// Expected evidence.
        expects: BTreeSet<EvidenceKind>,
        /// Dependencies.
        #[serde(default)]
        depends_on: BTreeSet<MilestoneNumber>,
        /// Due date.
        due: Option<NaiveDate>,
        /// Where it stands.
        state: MilestoneState,
        /// Its number in the imported workbook, within its item.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        imported_as: Option<(ItemNumber, u32)>,
        /// Why vague wording was let pass, and by whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wording_allowed: Option<String>,
    },
    /// It serves other items now.
    #[serde(rename = "milestone.serves")]
    MilestoneServes {
        /// Which.
        milestone: MilestoneNumber,
        /// All that it serves now.
        serves: BTreeSet<ItemNumber>,
    },
    /// Its wording in force changed (the original stays).
    #[serde(rename = "milestone.text")]
    MilestoneText {
        /// Which.
        milestone: MilestoneNumber,
        /// Text now.
        text: String,
        /// Whether the original changes too: only while everything it serves is a draft.
        original: bool,
        /// Why, once the original is frozen; and why vague wording was let pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Its due date was set while everything it serves is a draft, or for the first time.
    #[serde(rename = "milestone.due")]
    MilestoneDue {
        /// Which.
        milestone: MilestoneNumber,
        /// Due.
        due: Option<NaiveDate>,
    },
    /// A typing error in its original text or due date was put right.
    #[serde(rename = "milestone.corrected")]
    MilestoneCorrected {
        /// Which.
        milestone: MilestoneNumber,
        /// The correction.
        correction: Correction,
        /// The original text now, if that was wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The original due date now, if that was wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<NaiveDate>,
    },
    /// Its expected evidence changed.
    #[serde(rename = "milestone.expects")]
    MilestoneExpects {
        /// Which.
        milestone: MilestoneNumber,
        /// Kinds.
        expects: BTreeSet<EvidenceKind>,
    },
    /// It has another owner.
    #[serde(rename = "milestone.owner")]
    MilestoneOwner {
        /// Which.
        milestone: MilestoneNumber,
        /// The person.
        owner: Option<String>,
    },
    /// Its state changed.
    #[serde(rename = "milestone.state")]
    MilestoneStateChanged {
        /// Which.
        milestone: MilestoneNumber,
        /// From.
        from: MilestoneState,
        /// To.
        to: MilestoneState,
        /// When it happened, by the clock of where it did.
        at: DateTime<Utc>,
        /// Why, where it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Roles in force of whoever decided.
        #[serde(default)]
        roles: BTreeSet<Role>,
    },
    /// Its ticket was closed without a fix, or is so no longer.
    #[serde(rename = "milestone.closed_without_fix")]
    MilestoneClosedWithoutFix {
        /// Which.
        milestone: MilestoneNumber,
        /// How; none when it was reopened or GRC decided.
        closed: Option<ClosedWithoutFix>,
    },
    /// From this time on only newer evidence completes it.
    #[serde(rename = "milestone.evidence_after")]
    MilestoneEvidenceAfter {
        /// Which.
        milestone: MilestoneNumber,
        /// After.
        after: DateTime<Utc>,
    },
    /// It has a ticket, or another one, or its name there changed.
    #[serde(rename = "milestone.ticket")]
    MilestoneTicket {
        /// Which.
        milestone: MilestoneNumber,
        /// The ticket.
        ticket: Option<TicketName>,
    },
    /// Engineers gave the ticket another title; it stays there.
    #[serde(rename = "milestone.ticket_title")]
    MilestoneTicketTitle {
        /// Which.
        milestone: MilestoneNumber,
        /// The text after our prefix; none when it is ours again.
        title: Option<String>,
    },

    // --- moves ---
    /// A date was moved.
    #[serde(rename = "move.proposed")]
    MoveProposed {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// The move.
        moved: Move,
    },
    /// Somebody said why.
    #[serde(rename = "move.explained")]
    MoveExplained {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move.
        number: u32,
        /// Why.
        rationale: Rationale,
    },
    /// A move was approved; the due date follows.
    #[serde(rename = "move.approved")]
    MoveApproved {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move.
        number: u32,
        /// By whom.
        decision: Decision,
        /// Roles in force.
        roles: BTreeSet<Role>,
    },
    /// A move was refused, superseded or withdrawn.
    #[serde(rename = "move.ended")]
    MoveEnded {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move.
        number: u32,
        /// `Rejected`, `Superseded` or `Withdrawn`.
        to: MoveState,
        /// By whom.
        decision: Decision,
        /// Roles in force.
        #[serde(default)]
        roles: BTreeSet<Role>,
    },

    // --- evidence, drift, conflicts, notices ---
    /// A proof was recorded.
    #[serde(rename = "evidence.added")]
    EvidenceAdded {
        /// The proof.
        evidence: Box<Evidence>,
    },
    /// The bytes of a proof were removed; its digest stays.
    #[serde(rename = "evidence.redacted")]
    EvidenceRedacted {
        /// Digest of the bytes.
        digest: Digest,
        /// Every proof that had them.
        numbers: Vec<u32>,
        /// Why.
        reason: String,
    },
    /// A drift opened.
    #[serde(rename = "drift.opened")]
    DriftOpened {
        /// The drift.
        drift: Drift,
    },
    /// A drift's words changed: it still stands.
    #[serde(rename = "drift.detail")]
    DriftDetail {
        /// Which.
        number: u32,
        /// In words.
        detail: String,
    },
    /// A drift settled.
    #[serde(rename = "drift.settled")]
    DriftSettled {
        /// Which.
        number: u32,
        /// What settled it.
        by: String,
    },
    /// Both sides changed a field.
    #[serde(rename = "conflict.found")]
    ConflictFound {
        /// The conflict.
        conflict: Conflict,
    },
    /// A conflict was resolved.
    #[serde(rename = "conflict.resolved")]
    ConflictResolved {
        /// Which.
        number: u32,
        /// How.
        resolution: Resolution,
    },
    /// A message is to go out.
    #[serde(rename = "notice.queued")]
    NoticeQueued {
        /// The message.
        notice: Notice,
    },

    // --- the reserved chain ---
    /// A person was recorded or changed.
    #[serde(rename = "person.recorded")]
    PersonRecorded {
        /// The person.
        person: Person,
    },
    /// A person is no longer configured.
    #[serde(rename = "person.removed")]
    PersonRemoved {
        /// By name.
        name: String,
    },
    /// An API token was made.
    #[serde(rename = "token.added")]
    TokenAdded {
        /// Its name.
        name: String,
        /// SHA-256 of the token.
        digest: Digest,
        /// Until when it is valid.
        expires: Option<DateTime<Utc>>,
        /// Systems it may read; `*` is every system.
        systems: Vec<String>,
    },
    /// An API token was revoked.
    #[serde(rename = "token.revoked")]
    TokenRevoked {
        /// Its name.
        name: String,
    },
    /// A tracker was halted by a brake.
    #[serde(rename = "tracker.halted")]
    TrackerHalted {
        /// Tracker id.
        tracker: String,
        /// Why.
        reason: String,
    },
    /// A halted tracker goes on.
    #[serde(rename = "tracker.resumed")]
    TrackerResumed {
        /// Tracker id.
        tracker: String,
        /// Why.
        reason: String,
        /// By whom.
        by: Actor,
    },
}
