//! Records changes: the journal's rows and the tables that are its fold, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::column::micros;
use super::counter::Counts;
use super::drift::{ConflictRow, DriftRow};
use super::item::ItemRow;
use super::journal::JournalRow;
use super::milestone::{MilestoneRow, MoveRow, ServesRow};
use super::notice::NoticeRow;
use super::person::{HaltedRow, PersonRow, TokenRow};
use super::proof::EvidenceRow;
use super::system::{ImportRow, SystemRow};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::apply::apply;
use crate::register::journal::{Entry, Head};
use crate::register::{Actor, Change, Digest, EvidenceOf, ItemNumber, MilestoneNumber, Register, SystemId};

impl Tx {
    /// Applies changes to what was loaded, appends them to the journal, and saves every row they touched, with the
    /// chain's head and the counts. `at` is the time of the journal's rows; a clock that went back is held at the row
    /// before. `cause` is `command`, `ticket CONNECTION ID ENTRY`, `import DIGEST` or `schedule`.
    ///
    /// A few statements in all, however many changes: give it as many as belong together, but at most about 500.
    ///
    /// # Errors
    /// [`StoreError::Misfit`] where a change does not fit what was loaded; then nothing is written, and `register` is
    /// to be dropped, since earlier changes were applied to it.
    pub async fn record(
        &mut self,
        register: &mut Register,
        at: DateTime<Utc>,
        actor: &Actor,
        cause: &str,
        changes: &[Change],
    ) -> Result<Vec<Entry>, StoreError> {
        let id = register.system.id.clone();
        if !self.holds(&id) {
            return Err(StoreError::Unlocked { system: id });
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut head = self.head(&id).await?;
        let system = register.system.clone();
        let mut touched = Touched::default();
        let mut entries = Vec::with_capacity(changes.len());
        for change in changes {
            let entry = Entry::after(&head, &id, micros(at), actor, cause, change)?;
            if holds_nul(&entry.body) {
                return Err(StoreError::Unstorable { subject: entry.subject });
            }
            touched.touch(register, change);
            apply(register, entry.at, change)?;
            head = entry.head();
            entries.push(entry);
        }
        let rows: Vec<_> = entries.iter().map(JournalRow::of).collect();
        JournalRow::insert(self, &rows).await?;
        if register.system != system {
            SystemRow::upsert(self, &[SystemRow::of(&register.system)]).await?;
        }
        self.save(&id, register, &touched).await?;
        self.save_head(&id, &head).await?;
        self.count(&id, touched.counted(register)).await?;
        Ok(entries)
    }

    async fn save(
        &mut self,
        id: &SystemId,
        register: &Register,
        touched: &Touched,
    ) -> Result<(), StoreError> {
        let rows = rows(&touched.items, |n| register.items.get(n).map(|item| ItemRow::of(id, item)));
        ItemRow::upsert(self, &rows).await?;
        let rows =
            self::rows(&touched.milestones, |n| register.milestones.get(n).map(|m| MilestoneRow::of(id, m)));
        MilestoneRow::upsert(self, &rows).await?;
        ServesRow::upsert(self, &touched.serves(id, register)).await?;
        let rows = self::rows(&touched.moves, |(milestone, number)| {
            let moved = register.milestones.get(milestone)?.moves.iter().find(|m| m.number == *number)?;
            Some(MoveRow::of(id, *milestone, moved))
        });
        MoveRow::upsert(self, &rows).await?;
        let rows =
            self::rows(&touched.evidence, |n| register.evidence.get(n).map(|e| EvidenceRow::of(id, e)));
        EvidenceRow::upsert(self, &rows).await?;
        let rows = self::rows(&touched.drifts, |n| register.drifts.get(n).map(|d| DriftRow::of(id, d)));
        DriftRow::upsert(self, &rows).await?;
        let rows =
            self::rows(&touched.conflicts, |n| register.conflicts.get(n).map(|c| ConflictRow::of(id, c)));
        ConflictRow::upsert(self, &rows).await?;
        let rows = self::rows(&touched.notices, |n| register.notices.get(n).map(|n| NoticeRow::of(id, n)));
        NoticeRow::upsert(self, &rows).await?;
        let rows = self::rows(&touched.imports, |d| register.imports.get(d).map(|i| ImportRow::of(id, d, i)));
        ImportRow::upsert(self, &rows).await?;
        self.save_reserved(register, touched).await
    }

    /// Persons, tokens and halted trackers: what is no longer in the register leaves its table.
    async fn save_reserved(&mut self, register: &Register, touched: &Touched) -> Result<(), StoreError> {
        let kept = rows(&touched.people, |name| register.people.get(name).map(PersonRow::of));
        PersonRow::upsert(self, &kept).await?;
        for name in touched.people.iter().filter(|name| !register.people.contains_key(*name)) {
            on!(self, c => sqlx::query("DELETE FROM person WHERE name = $1").bind(name).execute(c).await.map(drop))?;
        }
        let kept = rows(&touched.tokens, |name| register.tokens.get(name).map(TokenRow::of));
        TokenRow::upsert(self, &kept).await?;
        let kept = rows(&touched.halted, |tracker| {
            let reason = register.halted.get(tracker)?.clone();
            Some(HaltedRow { tracker: tracker.clone(), reason })
        });
        HaltedRow::upsert(self, &kept).await?;
        for tracker in touched.halted.iter().filter(|tracker| !register.halted.contains_key(*tracker)) {
            on!(self, c => sqlx::query("DELETE FROM halted WHERE tracker = $1").bind(tracker).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    async fn save_head(&mut self, id: &SystemId, head: &Head) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE chain SET number = $2, hash = $3, at = $4 WHERE system = $1";
        let number = i64::try_from(head.number).unwrap_or(i64::MAX);
        on!(self, c => {
            sqlx::query(SQL).bind(id.as_str()).bind(number).bind(&head.hash).bind(head.at).execute(c).await.map(drop)
        })?;
        Ok(())
    }
}

fn rows<K, R>(keys: &BTreeSet<K>, row: impl FnMut(&K) -> Option<R>) -> Vec<R> {
    keys.iter().filter_map(row).collect()
}

/// Whether JSON text holds a NUL: PostgreSQL keeps none. It stands there as `\u0000` after an even number of
/// backslashes.
fn holds_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let before = json.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        before % 2 == 0
    })
}

/// What changes touch, by key.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) items: BTreeSet<ItemNumber>,
    pub(super) milestones: BTreeSet<MilestoneNumber>,
    pub(super) moves: BTreeSet<(MilestoneNumber, u32)>,
    pub(super) evidence: BTreeSet<u32>,
    pub(super) drifts: BTreeSet<u32>,
    pub(super) conflicts: BTreeSet<u32>,
    pub(super) notices: BTreeSet<u32>,
    imports: BTreeSet<Digest>,
    people: BTreeSet<String>,
    tokens: BTreeSet<String>,
    halted: BTreeSet<String>,
    /// What a milestone served before, and all that it was to serve in between.
    served: BTreeMap<MilestoneNumber, (BTreeSet<ItemNumber>, BTreeSet<ItemNumber>)>,
    /// What is counted before, taken off.
    counts: Counts,
}

impl Touched {
    /// Notes what a change is about to touch.
    fn touch(&mut self, register: &Register, change: &Change) {
        match change {
            Change::SystemRecorded { .. } | Change::RulesApplied { .. } | Change::JournalSealed { .. } => {}
            Change::ImportStarted { file, .. } | Change::ImportFinished { file } => {
                self.imports.insert(file.clone());
            }
            Change::ItemAdded { item, .. }
            | Change::ItemFactsChanged { item, .. }
            | Change::ItemDeadline { item, .. }
            | Change::ItemStatus { item, .. }
            | Change::ItemClosed { item, .. }
            | Change::ItemCorrected { item, .. } => self.item(register, item),
            Change::MilestoneAdded { milestone, serves, .. }
            | Change::MilestoneServes { milestone, serves } => {
                self.milestone(register, *milestone);
                let before =
                    || register.milestones.get(milestone).map(|m| m.serves.clone()).unwrap_or_default();
                let (_, between) =
                    self.served.entry(*milestone).or_insert_with(|| (before(), BTreeSet::new()));
                between.extend(serves.iter().cloned());
            }
            Change::MilestoneText { milestone, .. }
            | Change::MilestoneDue { milestone, .. }
            | Change::MilestoneExpects { milestone, .. }
            | Change::MilestoneOwner { milestone, .. }
            | Change::MilestoneStateChanged { milestone, .. }
            | Change::MilestoneClosedWithoutFix { milestone, .. }
            | Change::MilestoneEvidenceAfter { milestone, .. }
            | Change::MilestoneTicket { milestone, .. }
            | Change::MilestoneCorrected { milestone, .. }
            | Change::MilestoneTicketTitle { milestone, .. } => self.milestone(register, *milestone),
            Change::MoveProposed { milestone, moved } => {
                self.milestone(register, *milestone);
                self.moves.insert((*milestone, moved.number));
            }
            Change::MoveExplained { milestone, number, .. }
            | Change::MoveApproved { milestone, number, .. }
            | Change::MoveEnded { milestone, number, .. } => {
                self.milestone(register, *milestone);
                self.moves.insert((*milestone, *number));
            }
            Change::EvidenceAdded { evidence } => {
                self.evidence.insert(evidence.number);
                match &evidence.of {
                    EvidenceOf::Milestone(number) => self.milestone(register, *number),
                    EvidenceOf::Item(number) => self.item(register, number),
                    EvidenceOf::Source(_) => {}
                }
            }
            Change::EvidenceRedacted { numbers, .. } => self.evidence.extend(numbers),
            Change::DriftOpened { drift } => self.drift(register, drift.number),
            Change::DriftDetail { number, .. } | Change::DriftSettled { number, .. } => {
                self.drift(register, *number);
            }
            Change::ConflictFound { conflict } => self.conflict(register, conflict.number),
            Change::ConflictResolved { number, .. } => self.conflict(register, *number),
            Change::NoticeQueued { notice } => {
                self.notices.insert(notice.number);
                self.moves.extend(&notice.covers);
                // A milestone counts as changed where one of its moves is.
                for (milestone, _) in &notice.covers {
                    self.milestone(register, *milestone);
                }
            }
            Change::PersonRecorded { person } => {
                self.people.insert(person.name.clone());
            }
            Change::PersonRemoved { name } => {
                self.people.insert(name.clone());
            }
            Change::TokenAdded { name, .. } | Change::TokenRevoked { name } => {
                self.tokens.insert(name.clone());
            }
            Change::TrackerHalted { tracker, .. } | Change::TrackerResumed { tracker, .. } => {
                self.halted.insert(tracker.clone());
            }
        }
    }

    fn item(&mut self, register: &Register, number: &ItemNumber) {
        if self.items.insert(number.clone())
            && let Some(item) = register.items.get(number)
        {
            self.counts.item(item, -1);
        }
    }

    fn milestone(&mut self, register: &Register, number: MilestoneNumber) {
        if self.milestones.insert(number)
            && let Some(milestone) = register.milestones.get(&number)
        {
            self.counts.milestone(milestone, -1);
        }
    }

    fn drift(&mut self, register: &Register, number: u32) {
        if self.drifts.insert(number)
            && let Some(drift) = register.drifts.get(&number)
        {
            self.counts.drift(drift, -1);
        }
    }

    fn conflict(&mut self, register: &Register, number: u32) {
        if self.conflicts.insert(number)
            && let Some(conflict) = register.conflicts.get(&number)
        {
            self.counts.conflict(conflict, -1);
        }
    }

    /// By how much the counts changed.
    fn counted(self, register: &Register) -> Counts {
        let mut counts = self.counts;
        let items = self.items.iter().filter_map(|n| register.items.get(n));
        items.for_each(|item| counts.item(item, 1));
        let milestones = self.milestones.iter().filter_map(|n| register.milestones.get(n));
        milestones.for_each(|milestone| counts.milestone(milestone, 1));
        let drifts = self.drifts.iter().filter_map(|n| register.drifts.get(n));
        drifts.for_each(|drift| counts.drift(drift, 1));
        let conflicts = self.conflicts.iter().filter_map(|n| register.conflicts.get(n));
        conflicts.for_each(|conflict| counts.conflict(conflict, 1));
        counts
    }

    /// Rows of what milestones serve, as far as they changed.
    fn serves(&self, id: &SystemId, register: &Register) -> Vec<ServesRow> {
        let mut rows = Vec::new();
        for (number, (before, between)) in &self.served {
            let Some(now) = register.milestones.get(number).map(|m| &m.serves) else { continue };
            for item in before | between {
                let serves = now.contains(&item);
                if !serves || !before.contains(&item) {
                    rows.push(ServesRow::of(id, *number, &item, !serves));
                }
            }
        }
        rows
    }
}
