//! Loads a system's state, or the part of it that a command needs.

use std::collections::BTreeSet;

use super::drift::{ConflictRow, DriftRow};
use super::item::ItemRow;
use super::milestone::ServesRow;
use super::notice::NoticeRow;
use super::person::{HaltedRow, PersonRow, TokenRow};
use super::proof::EvidenceRow;
use super::system::{ImportRow, SystemRow};
use super::table::{fetch, fetch_in};
use super::{StoreError, Tx};
use crate::register::{EvidenceOf, ItemNumber, MilestoneNumber, Register, SystemId};

/// Which part of a system is loaded. Every part has the system itself with its counters, the imports that are not
/// finished, and open drifts of trackers, connections and the system as a whole. The reserved chain is always whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// No item and no milestone.
    System,
    /// These items, every milestone that serves one, and the other items of those milestones; with evidence, open
    /// drifts and open conflicts of all of them.
    Items(BTreeSet<ItemNumber>),
    /// These milestones, the items they serve, every milestone that serves one of those, and their items; with
    /// evidence, open drifts and open conflicts of all of them.
    Milestones(BTreeSet<MilestoneNumber>),
    /// Everything: what is settled, resolved, closed, and every notice and import.
    All,
}

impl Scope {
    /// One item and what belongs to it.
    pub fn item(number: ItemNumber) -> Self {
        Self::Items(BTreeSet::from([number]))
    }

    /// One milestone and what belongs to it.
    pub fn milestone(number: MilestoneNumber) -> Self {
        Self::Milestones(BTreeSet::from([number]))
    }
}

/// Keys of items and milestones to load; none for every one.
type Wanted = Option<(BTreeSet<ItemNumber>, BTreeSet<MilestoneNumber>)>;

impl Tx {
    /// Loads part of a system. In a writing transaction the chain is locked first, so that what was loaded is still
    /// so when [`Tx::record`] writes; a command that writes several systems calls [`Tx::lock`] with all of them before.
    /// A system of which nothing is recorded is empty.
    pub async fn load(&mut self, id: &SystemId, scope: Scope) -> Result<Register, StoreError> {
        if self.writes() {
            self.lock(std::slice::from_ref(id)).await?;
        }
        let mut register = Register::new(id.clone());
        if let Some(row) = fetch!(self, SystemRow, "SELECT * FROM system WHERE id = $1", id.as_str())?.pop() {
            register.system = row.system()?;
        }
        if id.as_str() == SystemId::RESERVED {
            self.load_reserved(&mut register).await?;
        }
        let wanted = match scope {
            Scope::System => Some((BTreeSet::new(), BTreeSet::new())),
            Scope::Items(items) => Some(self.around_items(id, items).await?),
            Scope::Milestones(milestones) => {
                let items = self.items_served(id, &milestones).await?;
                let (items, serving) = self.around_items(id, items).await?;
                Some((items, &milestones | &serving))
            }
            Scope::All => None,
        };
        self.load_wanted(&mut register, &wanted).await?;
        self.load_findings(&mut register, &wanted).await?;
        Ok(register)
    }

    /// Items, the milestones that serve them, and those milestones' items.
    async fn around_items(
        &mut self,
        id: &SystemId,
        items: BTreeSet<ItemNumber>,
    ) -> Result<(BTreeSet<ItemNumber>, BTreeSet<MilestoneNumber>), StoreError> {
        let keys = items.iter().map(ItemNumber::as_str).collect();
        let serving = fetch_in!(self, ServesRow, id, "item" in Some(keys), " AND NOT former")?;
        let milestones = serving.iter().map(ServesRow::milestone).collect::<Result<BTreeSet<_>, _>>()?;
        let theirs = self.items_served(id, &milestones).await?;
        Ok((&items | &theirs, milestones))
    }

    async fn items_served(
        &mut self,
        id: &SystemId,
        milestones: &BTreeSet<MilestoneNumber>,
    ) -> Result<BTreeSet<ItemNumber>, StoreError> {
        let keys = Some(numbers(milestones));
        let serving = fetch_in!(self, ServesRow, id, "milestone" in keys, " AND NOT former")?;
        serving.iter().map(ServesRow::item).collect()
    }

    async fn load_reserved(&mut self, register: &mut Register) -> Result<(), StoreError> {
        for row in fetch!(self, PersonRow, "SELECT * FROM person")? {
            register.people.insert(row.name.clone(), row.person());
        }
        for row in fetch!(self, TokenRow, "SELECT * FROM token")? {
            register.tokens.insert(row.name.clone(), row.token()?);
        }
        for row in fetch!(self, HaltedRow, "SELECT * FROM halted")? {
            register.halted.insert(row.tracker, row.reason);
        }
        Ok(())
    }

    /// Items, milestones with what belongs to them, evidence.
    async fn load_wanted(&mut self, register: &mut Register, wanted: &Wanted) -> Result<(), StoreError> {
        let id = register.system.id.clone();
        let items = || wanted.as_ref().map(|(items, _)| items.iter().map(ItemNumber::as_str).collect());
        let milestones = || wanted.as_ref().map(|(_, milestones)| numbers(milestones));

        for row in fetch_in!(self, ItemRow, &id, "number" in items(), "")? {
            let item = row.item()?;
            register.items.insert(item.number.clone(), item);
        }
        register.milestones = self.milestones_by(&id, milestones()).await?;
        let mut evidence = fetch_in!(self, EvidenceRow, &id, "milestone" in milestones(), "")?;
        if wanted.is_some() {
            evidence.extend(fetch_in!(self, EvidenceRow, &id, "item" in items(), "")?);
        }
        for row in evidence {
            let evidence = row.evidence()?;
            register.evidence.insert(evidence.number, evidence);
        }
        for evidence in register.evidence.values() {
            if let EvidenceOf::Milestone(number) = &evidence.of
                && let Some(milestone) = register.milestones.get_mut(number)
            {
                milestone.evidence.push(evidence.number);
            }
        }
        Ok(())
    }

    /// Drifts, conflicts, imports, notices.
    async fn load_findings(&mut self, register: &mut Register, wanted: &Wanted) -> Result<(), StoreError> {
        const GENERAL: &str = "SELECT * FROM drift WHERE system = $1 AND settled IS NULL \
             AND about IN ('tracker', 'connection', 'system')";
        const UNFINISHED: &str = "SELECT * FROM import WHERE system = $1 AND finished IS NULL";
        let id = register.system.id.clone();
        let (drifts, conflicts, imports) = match wanted {
            None => {
                for row in fetch!(self, NoticeRow, "SELECT * FROM notice WHERE system = $1", id.as_str())? {
                    let notice = row.notice()?;
                    register.notices.insert(notice.number, notice);
                }
                (
                    fetch!(self, DriftRow, "SELECT * FROM drift WHERE system = $1", id.as_str())?,
                    fetch!(self, ConflictRow, "SELECT * FROM conflict WHERE system = $1", id.as_str())?,
                    fetch!(self, ImportRow, "SELECT * FROM import WHERE system = $1", id.as_str())?,
                )
            }
            Some((items, milestones)) => {
                let of_items: Vec<&str> = items.iter().map(ItemNumber::as_str).collect();
                let of_milestones: Vec<String> = milestones.iter().map(|n| n.0.to_string()).collect();
                let mut drifts = fetch!(self, DriftRow, GENERAL, id.as_str())?;
                drifts.extend(fetch_in!(
                    self, DriftRow, &id, "subject" in Some(of_items.clone()),
                    " AND about = 'item' AND settled IS NULL"
                )?);
                drifts.extend(fetch_in!(
                    self, DriftRow, &id, "subject" in Some(of_milestones.clone()),
                    " AND about = 'milestone' AND settled IS NULL"
                )?);
                let mut conflicts = fetch_in!(
                    self, ConflictRow, &id, "subject" in Some(of_items), " AND about = 'item' AND resolved IS NULL"
                )?;
                conflicts.extend(fetch_in!(
                    self, ConflictRow, &id, "subject" in Some(of_milestones),
                    " AND about = 'milestone' AND resolved IS NULL"
                )?);
                (drifts, conflicts, fetch!(self, ImportRow, UNFINISHED, id.as_str())?)
            }
        };
        for row in drifts {
            let drift = row.drift()?;
            register.drifts.insert(drift.number, drift);
        }
        for row in conflicts {
            let conflict = row.conflict()?;
            register.conflicts.insert(conflict.number, conflict);
        }
        for row in imports {
            let (digest, import) = row.import()?;
            register.imports.insert(digest, import);
        }
        Ok(())
    }
}

fn numbers(milestones: &BTreeSet<MilestoneNumber>) -> Vec<i64> {
    milestones.iter().map(|number| i64::from(number.0)).collect()
}
