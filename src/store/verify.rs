//! Verifies a chain: every hash, the head, the seals; and replays it, to compare what it gives with the tables.

use std::collections::BTreeSet;

use super::journal::JournalRow;
use super::table::fetch;
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::apply::apply;
use crate::register::journal::{Entry, Head};
use crate::register::seal::Seal;
use crate::register::{Change, ItemNumber, MilestoneNumber, Register, SystemId};

/// Rows of the journal that are in memory at once.
const PAGE: u32 = 1_000;

/// What a chain is verified with, besides itself.
#[derive(Debug, Clone, Default)]
pub struct Seals {
    /// Seals from outside of the store: only they show that a chain's tail was cut.
    pub given: Vec<Seal>,
    /// Public keys (hexadecimal) whose seals count. Where none is given every seal with a fitting signature does.
    pub keys: BTreeSet<String>,
}

/// What verifying a chain gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Chain.
    pub system: SystemId,
    /// Rows that follow each other from the first on.
    pub rows: u64,
    /// Up to which row seals reach, those in the chain and those given.
    pub sealed_upto: Option<u64>,
    /// Keys of those seals.
    pub keys: BTreeSet<String>,
    /// The seals that rows of the chain record; the evidence store holds a file of each.
    pub seals: Vec<Seal>,
    /// What is wrong, the first of each sort: row, or table with entity and column. Empty where nothing is.
    pub faults: Vec<String>,
}

/// Which milestone once served which item.
pub(super) type Former = BTreeSet<(MilestoneNumber, ItemNumber)>;

impl Tx {
    /// Verifies every chain of the store, the reserved one too, and every system that has rows without a chain.
    pub async fn verify_all(&mut self, seals: &Seals) -> Result<Vec<Verification>, StoreError> {
        const SQL: &str = "SELECT system FROM chain UNION SELECT system FROM journal UNION SELECT id FROM system \
             UNION SELECT system FROM item UNION SELECT system FROM milestone ORDER BY 1";
        let found: Vec<String> = on!(self, c => sqlx::query_scalar(SQL).fetch_all(c).await)?;
        let mut systems = BTreeSet::from([SystemId::reserved()]);
        for id in found {
            systems.insert(SystemId::new(&id).map_err(|reason| StoreError::corrupt("chain", &id, reason))?);
        }
        systems.extend(seals.given.iter().map(|seal| seal.system.clone()));
        let mut all = Vec::new();
        for system in systems {
            all.push(self.verify(&system, seals).await?);
        }
        Ok(all)
    }

    /// Verifies one chain. Its rows are read in pages: what stays in memory is the state that they give. Where the
    /// chain is broken, the tables are not compared, since what they should be is not known.
    ///
    /// # Errors
    /// Only where the database fails: what is wrong with the chain is in [`Verification::faults`].
    pub async fn verify(&mut self, system: &SystemId, seals: &Seals) -> Result<Verification, StoreError> {
        let mut walk = Walk::new(system, seals);
        let mut from = i64::MIN;
        'chain: loop {
            let rows = match self.journal_rows(system, from, PAGE).await {
                Ok(rows) => rows,
                Err(error @ StoreError::Corrupt { .. }) => {
                    walk.broken(&error);
                    break;
                }
                Err(error) => return Err(error),
            };
            let Some(last) = rows.last() else { break };
            from = last.number.saturating_add(1);
            let whole = rows.len() < PAGE as usize;
            for row in rows {
                let entry = match JournalRow::entry(row) {
                    Ok(entry) => entry,
                    Err(error) => {
                        walk.broken(&error);
                        break 'chain;
                    }
                };
                if let Some(seal) = walk.step(&entry) {
                    let sealed = self.hash_of(system, seal.upto).await?;
                    walk.seal_of_chain(entry.number, &seal, sealed.as_deref());
                }
                if walk.broken {
                    break 'chain;
                }
            }
            if whole {
                break;
            }
        }
        walk.seals_given();
        self.verify_head(&mut walk).await?;
        if !walk.broken {
            let differences = self.compare(&walk.register, &walk.former).await?;
            walk.faults.extend(differences);
        }
        Ok(walk.done())
    }

    async fn hash_of(&mut self, system: &SystemId, number: u64) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT * FROM journal WHERE system = $1 AND number = $2";
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        Ok(fetch!(self, JournalRow, SQL, system.as_str(), number)?.pop().map(|row| row.hash))
    }

    async fn verify_head(&mut self, walk: &mut Walk<'_>) -> Result<(), StoreError> {
        if walk.broken {
            return Ok(());
        }
        let system = walk.register.system.id.clone();
        let found = match self.head(&system).await {
            Ok(found) => found,
            Err(error @ StoreError::Corrupt { .. }) => {
                walk.faults.push(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let head = &walk.head;
        if found.number != head.number {
            walk.broken = true;
            walk.faults.push(format!(
                "the journal of {system} ends at row {}, yet its head in `chain` is row {}: rows were removed or added \
                 at its end",
                head.number, found.number
            ));
        } else if found.hash != head.hash || found.at != head.at {
            walk.faults
                .push(format!("the head of {system} in `chain` is not row {} of its journal", head.number));
        }
        Ok(())
    }
}

/// A chain as far as it was walked.
struct Walk<'a> {
    seals: &'a Seals,
    register: Register,
    former: Former,
    head: Head,
    /// Seals given, by the row they cover, whose row was not reached yet.
    ahead: Vec<&'a Seal>,
    sealed_upto: Option<u64>,
    keys: BTreeSet<String>,
    recorded: Vec<Seal>,
    faults: Vec<String>,
    /// Nothing after this point can be judged.
    broken: bool,
}

impl<'a> Walk<'a> {
    fn new(system: &SystemId, seals: &'a Seals) -> Self {
        let mut ahead: Vec<_> = seals.given.iter().filter(|seal| seal.system == *system).collect();
        ahead.sort_by_key(|seal| std::cmp::Reverse(seal.upto));
        Self {
            seals,
            register: Register::new(system.clone()),
            former: Former::new(),
            head: Head::empty(),
            ahead,
            sealed_upto: None,
            keys: BTreeSet::new(),
            recorded: Vec::new(),
            faults: Vec::new(),
            broken: false,
        }
    }

    fn broken(&mut self, fault: &dyn std::fmt::Display) {
        self.faults.push(fault.to_string());
        self.broken = true;
    }

    /// Takes the next row. Gives the seal that it records, if it records one.
    fn step(&mut self, entry: &Entry) -> Option<Seal> {
        match entry.follow(&self.head) {
            Ok(head) => self.head = head,
            Err(fault) => {
                self.broken(&fault);
                return None;
            }
        }
        while let Some(seal) = self.ahead.pop_if(|seal| seal.upto <= entry.number) {
            if seal.upto == entry.number && seal.hash.as_str() == entry.hash {
                self.seal_holds(seal, "given");
            } else {
                let system = &entry.system;
                self.faults.push(format!(
                    "row {} of {system} is not the one that was sealed: the journal was rewritten",
                    seal.upto
                ));
            }
        }
        let change = match entry.change() {
            Ok(change) => change,
            Err(error) => {
                self.broken(&format_args!("row {} of {}: {error}", entry.number, entry.system));
                return None;
            }
        };
        note_former(&mut self.former, &self.register, &change);
        if let Err(misfit) = apply(&mut self.register, entry.at, &change) {
            self.broken(&format_args!("row {} of {}: {misfit}", entry.number, entry.system));
            return None;
        }
        let Change::JournalSealed { upto, hash, key, signature } = change else { return None };
        Some(Seal { system: entry.system.clone(), upto, hash, key, signature })
    }

    /// Checks a seal that a row records, given the hash of the row that it covers.
    fn seal_of_chain(&mut self, row: u64, seal: &Seal, covered: Option<&str>) {
        if seal.upto >= row || covered != Some(seal.hash.as_str()) {
            self.faults.push(format!(
                "row {row} of {}: it seals row {}, which is not the one that was sealed",
                seal.system, seal.upto
            ));
        } else {
            self.recorded.push(seal.clone());
            self.seal_holds(seal, "recorded");
        }
    }

    /// Counts a seal whose row is there, if its signature fits and its key counts.
    fn seal_holds(&mut self, seal: &Seal, whence: &str) {
        if let Err(fault) = seal.check() {
            self.faults.push(fault.to_string());
        } else if !self.seals.keys.is_empty() && !self.seals.keys.contains(&seal.key) {
            self.faults.push(format!(
                "the seal {whence} up to row {} of {} is by a key that is not trusted: {}",
                seal.upto, seal.system, seal.key
            ));
        } else {
            self.sealed_upto = self.sealed_upto.max(Some(seal.upto));
            self.keys.insert(seal.key.clone());
        }
    }

    /// Seals given for rows that the chain does not have.
    fn seals_given(&mut self) {
        let system = &self.register.system.id;
        if let Some(seal) = self.ahead.first()
            && !self.broken
        {
            self.faults.push(format!(
                "the journal of {system} ends at row {}, yet a seal covers row {}: its tail was cut",
                self.head.number, seal.upto
            ));
        }
    }

    fn done(self) -> Verification {
        Verification {
            system: self.register.system.id,
            rows: self.head.number,
            sealed_upto: self.sealed_upto,
            keys: self.keys,
            seals: self.recorded,
            faults: self.faults,
        }
    }
}

/// Notes which items a milestone will no longer serve, before the change is applied.
fn note_former(former: &mut Former, register: &Register, change: &Change) {
    if let Change::MilestoneServes { milestone, serves } = change
        && let Some(before) = register.milestones.get(milestone)
    {
        former.extend(before.serves.difference(serves).map(|item| (*milestone, item.clone())));
        for item in serves {
            former.remove(&(*milestone, item.clone()));
        }
    }
}
