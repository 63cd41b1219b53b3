//! Counts that pages show, kept in the transaction that changes what they count.
//!
//! `item.STATUS`, `item.open.RATING` (or `unrated`), `milestone.STATE`, `move.unexplained`, `move.explained`,
//! `drift.KIND` and `conflict.open`; drifts and conflicts count while they are open.

use std::collections::BTreeMap;

use super::table::{fetch, table};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::{Conflict, Drift, Item, Milestone, Register, SystemId};

table! {
    /// A count.
    CounterRow in "counter" key "system, name" {
        system: String,
        name: String,
        value: i64,
    }
}

/// Counts by name, or differences of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<String, i64>);

impl Counts {
    fn add(&mut self, name: String, by: i64) {
        *self.0.entry(name).or_default() += by;
    }

    pub(super) fn item(&mut self, item: &Item, by: i64) {
        self.add(format!("item.{}", item.status.name()), by);
        if item.is_open() {
            let rating = item.facts.effective_rating().map_or("unrated", |rating| rating.name());
            self.add(format!("item.open.{rating}"), by);
        }
    }

    /// A milestone with its moves.
    pub(super) fn milestone(&mut self, milestone: &Milestone, by: i64) {
        self.add(format!("milestone.{}", milestone.state.name()), by);
        for moved in milestone.moves.iter().filter(|moved| moved.state.is_open()) {
            self.add(format!("move.{}", moved.state.name()), by);
        }
    }

    pub(super) fn drift(&mut self, drift: &Drift, by: i64) {
        if drift.settled.is_none() {
            self.add(format!("drift.{}", drift.kind.name()), by);
        }
    }

    pub(super) fn conflict(&mut self, conflict: &Conflict, by: i64) {
        if conflict.resolved.is_none() {
            self.add("conflict.open".to_owned(), by);
        }
    }

    /// What a whole register counts to.
    pub(super) fn of(register: &Register) -> BTreeMap<String, i64> {
        let mut counts = Self::default();
        register.items.values().for_each(|item| counts.item(item, 1));
        register.milestones.values().for_each(|milestone| counts.milestone(milestone, 1));
        register.drifts.values().for_each(|drift| counts.drift(drift, 1));
        register.conflicts.values().for_each(|conflict| counts.conflict(conflict, 1));
        counts.0
    }
}

impl Tx {
    /// The counts of a system by name; what is not there is 0.
    pub async fn counts(&mut self, system: &SystemId) -> Result<BTreeMap<String, i64>, StoreError> {
        const SQL: &str = "SELECT * FROM counter WHERE system = $1 AND value <> 0";
        let rows = fetch!(self, CounterRow, SQL, system.as_str())?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    /// Adds differences to the counts.
    pub(super) async fn count(&mut self, system: &SystemId, counts: Counts) -> Result<(), StoreError> {
        let changed: Vec<_> = counts.0.into_iter().filter(|(_, by)| *by != 0).collect();
        if changed.is_empty() {
            return Ok(());
        }
        on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("INSERT INTO counter (system, name, value) ");
            query.push_values(&changed, |mut values, (name, by)| {
                values.push_bind(system.as_str()).push_bind(name).push_bind(by);
            });
            query.push(" ON CONFLICT (system, name) DO UPDATE SET value = counter.value + excluded.value");
            query.build().execute(c).await.map(drop)
        })?;
        Ok(())
    }
}
