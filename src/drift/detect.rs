//! What detection reads and gives, and which kinds it owns.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::{item, milestone};
use crate::register::policy::{Calendar, Policy, RuleSet};
use crate::register::{
    Change, Conflict, DriftKind, EvidenceOf, Item, ItemNumber, Link, Milestone, MilestoneNumber, Person,
    Register, Subject,
};

/// What the configuration knows of trackers and of people's accounts there.
pub trait Wiring {
    /// The tracker, by its id, that a route gives `milestone`; none where no route matches.
    fn tracker_for<'a>(&'a self, register: &Register, milestone: &Milestone) -> Option<&'a str>;

    /// Whether `person` has an account where `tracker` is.
    fn has_account(&self, tracker: &str, person: &Person) -> bool;
}

/// What detection reads beside the register.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Now.
    pub now: DateTime<Utc>,
    /// The system's zone and holidays.
    pub calendar: &'a Calendar,
    /// When each kind opens.
    pub policy: &'a Policy,
    /// The rule set in force; none where the system has none, and no date is compared with a rule.
    pub rules: Option<&'a RuleSet>,
    /// People, from the reserved chain.
    pub people: &'a BTreeMap<String, Person>,
    /// Links, as last observed.
    pub links: &'a BTreeMap<MilestoneNumber, Link>,
    /// Halted trackers with the reason, from the reserved chain.
    pub halted: &'a BTreeMap<String, String>,
    /// Routes and accounts.
    pub wiring: &'a (dyn Wiring + Sync),
}

impl Context<'_> {
    /// Today, in the system's zone.
    pub(super) fn today(&self) -> NaiveDate {
        self.calendar.day(self.now)
    }
}

/// A drift that should be open now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Its kind.
    pub kind: DriftKind,
    /// What it is about.
    pub subject: Subject,
    /// What tells two of a kind on one subject apart; often empty.
    pub key: String,
    /// In words, with the values that are apart. It changes only when they do, never with the mere passing of time.
    pub detail: String,
}

/// Whether detection opens and settles a kind. The others belong to the feature that has their facts, and are left
/// alone here.
pub fn is_detected_here(kind: DriftKind) -> bool {
    match kind {
        DriftKind::SlipUnexplained
        | DriftKind::SlipUnapproved
        | DriftKind::DueDiffers
        | DriftKind::DueDiffersFromRule
        | DriftKind::DeadlineAtRisk
        | DriftKind::PastDeadline
        | DriftKind::Overdue
        | DriftKind::ScheduledAfterDue
        | DriftKind::DoneWithoutEvidence
        | DriftKind::ClosedWithoutFix
        | DriftKind::Reopened
        | DriftKind::ReopenedAfterClosure
        | DriftKind::Blocked
        | DriftKind::TicketMissing
        | DriftKind::TicketMovedAway
        | DriftKind::DuplicateMarker
        | DriftKind::Unlinked
        | DriftKind::Unowned
        | DriftKind::OwnerUnmapped
        | DriftKind::Incomplete
        | DriftKind::Stale
        | DriftKind::Unreviewed
        | DriftKind::VendorCheckinLate
        | DriftKind::ValidationWaiting
        | DriftKind::Conflict
        | DriftKind::TrackerSilent
        | DriftKind::TrackerHalted
        | DriftKind::TokenExpiring => true,
        // The import knows what its file lacks; the evaluation, acceptance and rescan features know theirs; sending
        // and submitting know what bounced and what is late.
        DriftKind::AbsentFromImport
        | DriftKind::EvaluationLate
        | DriftKind::AcceptanceExpiring
        | DriftKind::AcceptanceExpired
        | DriftKind::Recurred
        | DriftKind::SubmissionLate
        | DriftKind::NoticeBounced => false,
    }
}

/// What stands now for each milestone and item among `subjects`.
///
/// `register` holds them with the items a milestone serves, the milestones that serve an item, their evidence, and the
/// unresolved conflicts; one that is not loaded gives nothing. Reads each loaded milestone and conflict once, so a full
/// pass is one call. Trackers and connections are asked of [`super::detect_tracker`] and [`super::detect_connection`].
pub fn detect(register: &Register, subjects: &BTreeSet<Subject>, ctx: &Context<'_>) -> Vec<Wanted> {
    let mut serving: BTreeMap<&ItemNumber, Vec<&Milestone>> = BTreeMap::new();
    for milestone in register.milestones.values() {
        for number in &milestone.serves {
            serving.entry(number).or_default().push(milestone);
        }
    }
    let mut conflicts: BTreeMap<&Subject, Vec<&Conflict>> = BTreeMap::new();
    for conflict in register.conflicts.values().filter(|conflict| conflict.resolved.is_none()) {
        conflicts.entry(&conflict.subject).or_default().push(conflict);
    }

    let mut out = Vec::new();
    for subject in subjects {
        let conflicts = conflicts.get(subject).map_or(&[][..], Vec::as_slice);
        out.extend(conflicts.iter().map(|conflict| conflicting(conflict)));
        match subject {
            Subject::Milestone(number) => {
                if let Some(found) = register.milestones.get(number) {
                    milestone::detect(register, found, ctx, &mut out);
                }
            }
            Subject::Item(number) => {
                if let Some(found) = register.items.get(number) {
                    item::detect(
                        register,
                        found,
                        serving.get(number).map_or(&[][..], Vec::as_slice),
                        ctx,
                        &mut out,
                    );
                }
            }
            Subject::Tracker(_) | Subject::Connection(_) | Subject::System => {}
        }
    }
    out
}

/// What stands now for one milestone. Reads every loaded conflict.
pub fn detect_milestone(register: &Register, milestone: &Milestone, ctx: &Context<'_>) -> Vec<Wanted> {
    let mut out = conflicts_of(register, &Subject::Milestone(milestone.number));
    milestone::detect(register, milestone, ctx, &mut out);
    out
}

/// What stands now for one item. Reads every loaded milestone.
pub fn detect_item(register: &Register, item: &Item, ctx: &Context<'_>) -> Vec<Wanted> {
    let milestones: Vec<&Milestone> = register.milestones_of(&item.number).collect();
    let mut out = conflicts_of(register, &Subject::Item(item.number.clone()));
    item::detect(register, item, &milestones, ctx, &mut out);
    out
}

/// What must be detected anew after `changes`: an item with the milestones that serve it, a milestone with the items
/// it serves.
///
/// Asked of the state before the changes and of the state after, the union covers an item that is served no longer. A
/// change of the profile, the rules or the people touches everything, which is for the full pass.
pub fn touched<'a>(register: &Register, changes: impl IntoIterator<Item = &'a Change>) -> BTreeSet<Subject> {
    let mut items = BTreeSet::new();
    let mut subjects = BTreeSet::new();
    for change in changes {
        match change {
            Change::ItemAdded { item, .. }
            | Change::ItemFactsChanged { item, .. }
            | Change::ItemDeadline { item, .. }
            | Change::ItemStatus { item, .. }
            | Change::ItemClosed { item, .. }
            | Change::ItemCorrected { item, .. } => {
                items.insert(item);
            }
            Change::MilestoneAdded { milestone, .. }
            | Change::MilestoneServes { milestone, .. }
            | Change::MilestoneText { milestone, .. }
            | Change::MilestoneDue { milestone, .. }
            | Change::MilestoneExpects { milestone, .. }
            | Change::MilestoneOwner { milestone, .. }
            | Change::MilestoneStateChanged { milestone, .. }
            | Change::MilestoneClosedWithoutFix { milestone, .. }
            | Change::MilestoneEvidenceAfter { milestone, .. }
            | Change::MilestoneTicket { milestone, .. }
            | Change::MilestoneCorrected { milestone, .. }
            | Change::MilestoneTicketTitle { milestone, .. }
            | Change::MoveProposed { milestone, .. }
            | Change::MoveExplained { milestone, .. }
            | Change::MoveApproved { milestone, .. }
            | Change::MoveEnded { milestone, .. } => touch_milestone(register, *milestone, &mut subjects),
            Change::EvidenceAdded { evidence } => match &evidence.of {
                EvidenceOf::Milestone(number) => touch_milestone(register, *number, &mut subjects),
                EvidenceOf::Item(item) => {
                    items.insert(item);
                }
                EvidenceOf::Source(_) => {}
            },
            Change::ConflictFound { conflict } => {
                touch(register, &conflict.subject, &mut subjects);
            }
            Change::ConflictResolved { number, .. } => {
                if let Some(conflict) = register.conflicts.get(number) {
                    touch(register, &conflict.subject, &mut subjects);
                }
            }
            Change::TrackerHalted { tracker, .. } | Change::TrackerResumed { tracker, .. } => {
                subjects.insert(Subject::Tracker(tracker.clone()));
            }
            // A proof whose bytes were removed was still given.
            Change::EvidenceRedacted { .. }
            | Change::SystemRecorded { .. }
            | Change::RulesApplied { .. }
            | Change::ImportStarted { .. }
            | Change::ImportFinished { .. }
            | Change::JournalSealed { .. }
            | Change::DriftOpened { .. }
            | Change::DriftDetail { .. }
            | Change::DriftSettled { .. }
            | Change::NoticeQueued { .. }
            | Change::PersonRecorded { .. }
            | Change::PersonRemoved { .. }
            | Change::TokenAdded { .. }
            | Change::TokenRevoked { .. } => {}
        }
    }
    // One scan, however many items changed.
    if !items.is_empty() {
        let serving =
            register.milestones.values().filter(|m| m.serves.iter().any(|item| items.contains(item)));
        subjects.extend(serving.map(|milestone| Subject::Milestone(milestone.number)));
        subjects.extend(items.into_iter().cloned().map(Subject::Item));
    }
    subjects
}

fn touch_milestone(register: &Register, number: MilestoneNumber, subjects: &mut BTreeSet<Subject>) {
    subjects.insert(Subject::Milestone(number));
    if let Some(milestone) = register.milestones.get(&number) {
        subjects.extend(milestone.serves.iter().cloned().map(Subject::Item));
    }
}

/// Whether lateness against an item's deadline counts: it is open, and no approved deviation takes the deadline away
/// (false positive: to be closed; operational requirement: stays open, the risk accepted; POA&M Completion Guide, columns V
/// and W).
pub(super) fn deadline_counts(item: &Item) -> bool {
    use crate::register::DeviationState::Yes;
    item.is_open() && item.facts.false_positive != Yes && item.facts.operational_requirement != Yes
}

fn touch(register: &Register, subject: &Subject, subjects: &mut BTreeSet<Subject>) {
    if let Subject::Milestone(number) = subject {
        touch_milestone(register, *number, subjects);
    } else {
        subjects.insert(subject.clone());
    }
}

fn conflicts_of(register: &Register, subject: &Subject) -> Vec<Wanted> {
    let unresolved = register.conflicts.values().filter(|conflict| conflict.resolved.is_none());
    unresolved.filter(|conflict| conflict.subject == *subject).map(conflicting).collect()
}

fn conflicting(conflict: &Conflict) -> Wanted {
    let (ours, theirs) = match conflict.subject {
        Subject::Milestone(_) => ("plan", "ticket"),
        Subject::Item(_) | Subject::Tracker(_) | Subject::Connection(_) | Subject::System => {
            ("register", "workbook")
        }
    };
    let detail = format!(
        "both sides changed {}: {ours} {}, {theirs} {}; the {}'s stands",
        conflict.field,
        quoted(&conflict.ours),
        quoted(&conflict.theirs),
        conflict.winner
    );
    Wanted {
        kind: DriftKind::Conflict,
        subject: conflict.subject.clone(),
        key: conflict.number.to_string(),
        detail,
    }
}

/// A date, or `no date`.
pub(super) fn date(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| "no date".to_owned(), |date| date.to_string())
}

/// Somebody else's words: quoted, on one line, cut after 100 characters.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    if line.chars().count() > MOST {
        format!("\"{}…\"", line.chars().take(MOST).collect::<String>())
    } else {
        format!("\"{line}\"")
    }
}
