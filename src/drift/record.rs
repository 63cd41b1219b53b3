//! Detects again what was touched, in the transaction that touched it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::detect::{Context, Wiring, detect};
use super::settle;
use crate::register::policy::{Calendar, Policy, RuleSet};
use crate::register::{Actor, Link, MilestoneNumber, Person, Register, Subject};
use crate::store::{StoreError, Tx};

/// What detection reads of the configuration.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The system's calendar.
    pub calendar: &'a Calendar,
    /// Settings.
    pub policy: &'a Policy,
    /// The rule set in force.
    pub rules: &'a RuleSet,
    /// People by name.
    pub people: &'a BTreeMap<String, Person>,
    /// Routes and accounts.
    pub wiring: &'a (dyn Wiring + Sync),
}

/// Detects drift of `subjects` again, and records what opened, changed and settled. `seen` is a link that is newer than
/// the stored one.
pub async fn redetect(
    tx: &mut Tx,
    register: &mut Register,
    subjects: &BTreeSet<Subject>,
    seen: Option<&Link>,
    standing: &Standing<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let system = register.system.id.clone();
    let milestones = milestones_in(subjects);
    let mut links = BTreeMap::new();
    for link in tx.links_of(&system, &milestones).await? {
        links.insert(link.milestone, link);
    }
    if let Some(link) = seen {
        links.insert(link.milestone, link.clone());
    }
    let halted = tx.halted().await?;
    let context = Context {
        now,
        calendar: standing.calendar,
        policy: standing.policy,
        rules: Some(standing.rules),
        people: standing.people,
        links: &links,
        halted: &halted,
        wiring: standing.wiring,
    };
    let wanted = detect(register, subjects, &context);
    let changes = settle(register, subjects, wanted, now);
    tx.record(register, now, &Actor::Poam, "detection", &changes).await?;
    Ok(())
}

/// The milestones among subjects.
pub fn milestones_in(subjects: &BTreeSet<Subject>) -> BTreeSet<MilestoneNumber> {
    subjects
        .iter()
        .filter_map(|subject| match subject {
            Subject::Milestone(number) => Some(*number),
            Subject::Item(_) | Subject::Tracker(_) | Subject::Connection(_) | Subject::System => None,
        })
        .collect()
}
