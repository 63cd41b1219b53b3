//! Compares the tables with what a replay of the journal gives, row by row.

use std::collections::{BTreeMap, HashSet};

use futures::TryStreamExt as _;
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow as _, Row as _};

use super::counter::{CounterRow, Counts};
use super::drift::{ConflictRow, DriftRow};
use super::item::ItemRow;
use super::milestone::{MilestoneRow, MoveRow, ServesRow};
use super::notice::NoticeRow;
use super::person::{HaltedRow, PersonRow, TokenRow};
use super::proof::EvidenceRow;
use super::system::{ImportRow, SystemRow};
use super::tx::on;
use super::verify::Former;
use super::{StoreError, Tx};
use crate::register::{Register, System, SystemId};

/// Differences of one table.
struct Differences {
    table: &'static str,
    first: Option<String>,
    more: usize,
    seen: HashSet<String>,
}

impl Differences {
    fn new(table: &'static str) -> Self {
        Self { table, first: None, more: 0, seen: HashSet::new() }
    }

    fn add(&mut self, difference: String) {
        if self.first.is_none() {
            self.first = Some(difference);
        } else {
            self.more += 1;
        }
    }

    /// Compares a row with the one that the journal gives.
    fn row<R: Serialize + PartialEq>(&mut self, key: String, found: &R, wanted: Option<R>) {
        match wanted {
            None => self.add(format!("table `{}`: row {key} is in no journal", self.table)),
            Some(wanted) if wanted != *found => self.add(self.describe(&key, found, &wanted)),
            Some(_) => {}
        }
        self.seen.insert(key);
    }

    /// Names the first column that differs.
    fn describe<R: Serialize>(&self, key: &str, found: &R, wanted: &R) -> String {
        let columns = |row: &R| serde_json::to_value(row).ok().and_then(|row| row.as_object().cloned());
        let (found, wanted) = (columns(found).unwrap_or_default(), columns(wanted).unwrap_or_default());
        let column = wanted.keys().find(|column| found.get(*column) != wanted.get(*column));
        let column = column.cloned().unwrap_or_default();
        format!(
            "table `{}`: row {key}, column `{column}`: it holds {}, the journal gives {}",
            self.table,
            shown(found.get(&column)),
            shown(wanted.get(&column))
        )
    }

    /// Names the first row that is not there.
    fn missing(&mut self, wanted: impl Iterator<Item = String>) {
        for key in wanted {
            if !self.seen.contains(&key) {
                self.add(format!("table `{}`: row {key} is missing", self.table));
            }
        }
    }

    fn into_fault(self) -> Option<String> {
        let first = self.first?;
        Some(if self.more == 0 { first } else { format!("{first} (and {} more rows differ)", self.more) })
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    if text.chars().count() <= 80 {
        text
    } else {
        format!("{}...", text.chars().take(77).collect::<String>())
    }
}

/// Streams a table's rows of one system past what the journal gives.
macro_rules! compare {
    ($tx:expr, $faults:expr, $Row:ty, $sql:literal $(, $value:expr)*; $key:expr; $wanted:expr; $keys:expr) => {{
        let mut differences = Differences::new(<$Row>::TABLE);
        on!($tx, c => {
            let mut rows = sqlx::query($sql)$(.bind($value))*.fetch(c);
            while let Some(raw) = rows.try_next().await? {
                match <$Row>::from_row(&raw) {
                    Ok(row) => {
                        let key = $key(&row);
                        let wanted = $wanted(&row);
                        differences.row(key, &row, wanted);
                    }
                    Err(error) => {
                        let column = <$Row>::KEY.rsplit(", ").next().unwrap_or_default();
                        let key = raw
                            .try_get::<String, _>(column)
                            .or_else(|_| raw.try_get::<i64, _>(column).map(|number| number.to_string()))
                            .unwrap_or_else(|_| "?".to_owned());
                        differences.add(format!("table `{}`: row {key} cannot be read: {error}", <$Row>::TABLE));
                        differences.seen.insert(key);
                    }
                }
            }
        });
        differences.missing($keys);
        $faults.extend(differences.into_fault());
    }};
}

impl Tx {
    /// What differs between the tables and a register that was replayed: the first row of each table, with the first
    /// column.
    pub(super) async fn compare(
        &mut self,
        register: &Register,
        former: &Former,
    ) -> Result<Vec<String>, StoreError> {
        let id = &register.system.id;
        let mut faults = Vec::new();
        self.compare_system(register, &mut faults).await?;
        compare!(self, faults, ItemRow, "SELECT * FROM item WHERE system = $1", id.as_str();
            |row: &ItemRow| row.number.clone();
            |row: &ItemRow| {
                let number = crate::register::ItemNumber::new(&row.number).ok()?;
                register.items.get(&number).map(|item| ItemRow::of(id, item))
            };
            register.items.keys().map(ToString::to_string));
        compare!(self, faults, MilestoneRow, "SELECT * FROM milestone WHERE system = $1", id.as_str();
            |row: &MilestoneRow| row.number.to_string();
            |row: &MilestoneRow| milestone_of(register, row.number).map(|m| MilestoneRow::of(id, m));
            register.milestones.keys().map(|number| number.0.to_string()));
        self.compare_serves(register, former, &mut faults).await?;
        compare!(self, faults, MoveRow, "SELECT * FROM move WHERE system = $1", id.as_str();
        |row: &MoveRow| format!("{} of M-{}", row.number, row.milestone);
        |row: &MoveRow| {
            let milestone = milestone_of(register, row.milestone)?;
            let moved = milestone.moves.iter().find(|moved| i64::from(moved.number) == row.number)?;
            Some(MoveRow::of(id, milestone.number, moved))
        };
        register.milestones.values().flat_map(|milestone| {
            milestone.moves.iter().map(|moved| format!("{} of {}", moved.number, milestone.number))
        }));
        compare!(self, faults, EvidenceRow, "SELECT * FROM evidence WHERE system = $1", id.as_str();
            |row: &EvidenceRow| row.number.to_string();
            |row: &EvidenceRow| of(&register.evidence, row.number).map(|evidence| EvidenceRow::of(id, evidence));
            register.evidence.keys().map(ToString::to_string));
        compare!(self, faults, DriftRow, "SELECT * FROM drift WHERE system = $1", id.as_str();
            |row: &DriftRow| row.number.to_string();
            |row: &DriftRow| of(&register.drifts, row.number).map(|drift| DriftRow::of(id, drift));
            register.drifts.keys().map(ToString::to_string));
        compare!(self, faults, ConflictRow, "SELECT * FROM conflict WHERE system = $1", id.as_str();
            |row: &ConflictRow| row.number.to_string();
            |row: &ConflictRow| of(&register.conflicts, row.number).map(|conflict| ConflictRow::of(id, conflict));
            register.conflicts.keys().map(ToString::to_string));
        compare!(self, faults, NoticeRow, "SELECT * FROM notice WHERE system = $1", id.as_str();
            |row: &NoticeRow| row.number.to_string();
            |row: &NoticeRow| of(&register.notices, row.number).map(|notice| NoticeRow::of(id, notice));
            register.notices.keys().map(ToString::to_string));
        if id.as_str() == SystemId::RESERVED {
            self.compare_reserved(register, &mut faults).await?;
        }
        Ok(faults)
    }

    /// The system's row, its imports and its counts.
    async fn compare_system(
        &mut self,
        register: &Register,
        faults: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let id = &register.system.id;
        // A system of which nothing is recorded has no row.
        let known = register.system != System::new(id.clone());
        compare!(self, faults, SystemRow, "SELECT * FROM system WHERE id = $1", id.as_str();
            |row: &SystemRow| row.id.clone();
            |_: &SystemRow| Some(SystemRow::of(&register.system));
            known.then(|| id.to_string()).into_iter());
        compare!(self, faults, ImportRow, "SELECT * FROM import WHERE system = $1", id.as_str();
            |row: &ImportRow| row.digest.clone();
            |row: &ImportRow| {
                let digest = crate::register::Digest::new(&row.digest).ok()?;
                register.imports.get(&digest).map(|import| ImportRow::of(id, &digest, import))
            };
            register.imports.keys().map(ToString::to_string));
        let counts = Counts::of(register);
        compare!(self, faults, CounterRow, "SELECT * FROM counter WHERE system = $1 AND value <> 0", id.as_str();
            |row: &CounterRow| row.name.clone();
            |row: &CounterRow| {
                let value = counts.get(&row.name).copied().unwrap_or(0);
                Some(CounterRow { system: id.to_string(), name: row.name.clone(), value })
            };
            counts.iter().filter(|(_, value)| **value != 0).map(|(name, _)| name.clone()));
        Ok(())
    }

    async fn compare_serves(
        &mut self,
        register: &Register,
        former: &Former,
        faults: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let id = &register.system.id;
        let serving = register.milestones.values().flat_map(|milestone| {
            milestone.serves.iter().map(|item| (milestone.number, item.clone(), false))
        });
        let served = former.iter().map(|(milestone, item)| (*milestone, item.clone(), true));
        let wanted: BTreeMap<String, ServesRow> = serving
            .chain(served)
            .map(|(milestone, item, former)| {
                let row = ServesRow::of(id, milestone, &item, former);
                (format!("{milestone} and {item}"), row)
            })
            .collect();
        let key = |row: &ServesRow| format!("M-{} and {}", row.milestone, row.item);
        compare!(self, faults, ServesRow, "SELECT * FROM serves WHERE system = $1", id.as_str();
            key;
            |row: &ServesRow| wanted.get(&key(row)).cloned();
            wanted.keys().cloned());
        Ok(())
    }

    async fn compare_reserved(
        &mut self,
        register: &Register,
        faults: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        compare!(self, faults, PersonRow, "SELECT * FROM person";
            |row: &PersonRow| row.name.clone();
            |row: &PersonRow| register.people.get(&row.name).map(PersonRow::of);
            register.people.keys().cloned());
        compare!(self, faults, TokenRow, "SELECT * FROM token";
            |row: &TokenRow| row.name.clone();
            |row: &TokenRow| register.tokens.get(&row.name).map(TokenRow::of);
            register.tokens.keys().cloned());
        compare!(self, faults, HaltedRow, "SELECT * FROM halted";
            |row: &HaltedRow| row.tracker.clone();
            |row: &HaltedRow| {
                let reason = register.halted.get(&row.tracker)?.clone();
                Some(HaltedRow { tracker: row.tracker.clone(), reason })
            };
            register.halted.keys().cloned());
        Ok(())
    }
}

fn milestone_of(register: &Register, number: i64) -> Option<&crate::register::Milestone> {
    register.milestones.get(&crate::register::MilestoneNumber(u32::try_from(number).ok()?))
}

fn of<T>(map: &BTreeMap<u32, T>, number: i64) -> Option<&T> {
    map.get(&u32::try_from(number).ok()?)
}
