//! The register as it was at a time: the fold of the journal, stopped early.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::item::ItemRow;
use super::milestone::ServesRow;
use super::table::fetch_in;
use super::{StoreError, Tx};
use crate::register::apply::apply;
use crate::register::journal::Entry;
use crate::register::{Change, EvidenceOf, ItemNumber, MilestoneNumber, Register, Subject, SystemId};

/// What is wanted of an earlier day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AsOf {
    /// Everything: all rows of the journal up to then are read.
    All,
    /// These items and every milestone that serves or once served them: only their own rows are read.
    Items(BTreeSet<ItemNumber>),
    /// These milestones and every item that they serve or once served.
    Milestones(BTreeSet<MilestoneNumber>),
}

impl Tx {
    /// A system as it was after the last row of its journal that is not later than `until`. For parts, the system's
    /// own counters are not filled, and other items and milestones are missing.
    pub async fn as_of(
        &mut self,
        system: &SystemId,
        what: &AsOf,
        until: DateTime<Utc>,
    ) -> Result<Register, StoreError> {
        let mut part = Part::default();
        match what {
            AsOf::All => return self.all_as_of(system, until).await,
            AsOf::Items(items) => {
                let keys = items.iter().map(ItemNumber::as_str).collect();
                let serving = fetch_in!(self, ServesRow, system, "item" in Some(keys), "")?;
                part.items.clone_from(items);
                part.milestones = serving.iter().map(ServesRow::milestone).collect::<Result<_, _>>()?;
            }
            AsOf::Milestones(milestones) => {
                let keys = milestones.iter().map(|number| i64::from(number.0)).collect();
                let serving = fetch_in!(self, ServesRow, system, "milestone" in Some(keys), "")?;
                part.milestones.clone_from(milestones);
                part.items = serving.iter().map(ServesRow::item).collect::<Result<_, _>>()?;
            }
        }
        self.part_as_of(system, &part, until).await
    }

    async fn all_as_of(&mut self, system: &SystemId, until: DateTime<Utc>) -> Result<Register, StoreError> {
        const PAGE: u32 = 1_000;
        let mut register = Register::new(system.clone());
        let mut from = 1;
        loop {
            let entries = self.entries(system, from, PAGE).await?;
            let whole = entries.len() < PAGE as usize;
            for entry in entries {
                if entry.at > until {
                    return Ok(register);
                }
                from = entry.number + 1;
                apply(&mut register, entry.at, &entry.change()?)?;
            }
            if whole {
                return Ok(register);
            }
        }
    }

    async fn part_as_of(
        &mut self,
        system: &SystemId,
        part: &Part,
        until: DateTime<Utc>,
    ) -> Result<Register, StoreError> {
        let mut subjects = BTreeSet::from(["system".to_owned()]);
        subjects.extend(part.items.iter().map(ToString::to_string));
        subjects.extend(part.milestones.iter().map(ToString::to_string));
        // A question that covers moves of several milestones is about one of them.
        for notice in self.shared_notices(system).await? {
            if notice.covers.iter().any(|(milestone, _)| part.milestones.contains(milestone)) {
                subjects.insert(notice.milestone.to_string());
            }
        }
        let subjects: Vec<_> = subjects.into_iter().collect();
        let mut rows = changes(self.entries_of(system, &subjects).await?, until)?;
        // What became of drifts, conflicts and evidence is told by number or digest.
        let later: BTreeSet<_> = rows.iter().filter_map(|(_, change)| followed_up(change)).collect();
        let later: Vec<_> = later.into_iter().collect();
        rows.extend(changes(self.entries_of(system, &later).await?, until)?);
        rows.sort_by_key(|(entry, _)| entry.number);
        rows.dedup_by_key(|(entry, _)| entry.number);
        let mut register = Register::new(system.clone());
        for (entry, change) in &rows {
            part.apply(&mut register, entry.at, change)?;
        }
        // An item's place follows from every item before it, and never changes.
        let keys = register.items.keys().map(ItemNumber::as_str).collect();
        for row in fetch_in!(self, ItemRow, system, "number" in Some(keys), "")? {
            let now = row.item()?;
            if let Some(item) = register.items.get_mut(&now.number) {
                item.place = now.place;
            }
        }
        Ok(register)
    }
}

/// Changes of rows that are not later than a time.
fn changes(entries: Vec<Entry>, until: DateTime<Utc>) -> Result<Vec<(Entry, Change)>, StoreError> {
    let early = entries.into_iter().filter(|entry| entry.at <= until);
    early
        .map(|entry| {
            let change = entry.change()?;
            Ok((entry, change))
        })
        .collect()
}

/// The subject under which a change is followed up.
fn followed_up(change: &Change) -> Option<String> {
    if let Change::DriftOpened { drift } = change {
        return Some(format!("drift {}", drift.number));
    }
    if let Change::ConflictFound { conflict } = change {
        return Some(format!("conflict {}", conflict.number));
    }
    let Change::EvidenceAdded { evidence } = change else { return None };
    let digest = evidence.digest.clone()?;
    Some(Change::EvidenceRedacted { digest, numbers: Vec::new(), reason: String::new() }.subject())
}

/// Which items and milestones are replayed.
#[derive(Debug, Default)]
struct Part {
    items: BTreeSet<ItemNumber>,
    milestones: BTreeSet<MilestoneNumber>,
}

impl Part {
    /// Applies a change as far as it is about this part.
    fn apply(&self, register: &mut Register, at: DateTime<Utc>, change: &Change) -> Result<(), StoreError> {
        if let Change::NoticeQueued { notice } = change {
            let mut ours = notice.clone();
            ours.covers.retain(|(milestone, _)| register.milestones.contains_key(milestone));
            if self.milestones.contains(&notice.milestone) || !ours.covers.is_empty() {
                apply(register, at, &Change::NoticeQueued { notice: ours })?;
                register.notices.insert(notice.number, notice.clone());
            }
        } else if let Change::EvidenceRedacted { digest, numbers, reason } = change {
            let mut numbers = numbers.clone();
            numbers.retain(|number| register.evidence.contains_key(number));
            let (digest, reason) = (digest.clone(), reason.clone());
            apply(register, at, &Change::EvidenceRedacted { digest, numbers, reason })?;
        } else if self.has(register, change) {
            apply(register, at, change)?;
        }
        Ok(())
    }

    /// Whether a change is about this part; notices and redactions are looked at apart.
    fn has(&self, register: &Register, change: &Change) -> bool {
        match change {
            Change::SystemRecorded { .. } => true,
            Change::ItemAdded { item, .. }
            | Change::ItemFactsChanged { item, .. }
            | Change::ItemDeadline { item, .. }
            | Change::ItemStatus { item, .. }
            | Change::ItemClosed { item, .. }
            | Change::ItemCorrected { item, .. } => self.items.contains(item),
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
            | Change::MoveEnded { milestone, .. } => self.milestones.contains(milestone),
            Change::EvidenceAdded { evidence } => match &evidence.of {
                EvidenceOf::Milestone(milestone) => self.milestones.contains(milestone),
                EvidenceOf::Item(item) => self.items.contains(item),
                EvidenceOf::Source(_) => false,
            },
            Change::DriftOpened { drift } => match &drift.subject {
                Subject::Milestone(milestone) => self.milestones.contains(milestone),
                Subject::Item(item) => self.items.contains(item),
                Subject::Tracker(_) | Subject::Connection(_) | Subject::System => false,
            },
            Change::DriftDetail { number, .. } | Change::DriftSettled { number, .. } => {
                register.drifts.contains_key(number)
            }
            Change::ConflictFound { conflict } => match &conflict.subject {
                Subject::Milestone(milestone) => self.milestones.contains(milestone),
                Subject::Item(item) => self.items.contains(item),
                Subject::Tracker(_) | Subject::Connection(_) | Subject::System => false,
            },
            Change::ConflictResolved { number, .. } => register.conflicts.contains_key(number),
            Change::EvidenceRedacted { .. }
            | Change::NoticeQueued { .. }
            | Change::RulesApplied { .. }
            | Change::ImportStarted { .. }
            | Change::ImportFinished { .. }
            | Change::JournalSealed { .. }
            | Change::PersonRecorded { .. }
            | Change::PersonRemoved { .. }
            | Change::TokenAdded { .. }
            | Change::TokenRevoked { .. }
            | Change::TrackerHalted { .. }
            | Change::TrackerResumed { .. } => false,
        }
    }
}
