//! Closing an item: each disposition with its own guard.

use std::collections::BTreeSet;

use super::super::{
    Actor, Change, DeviationState, Disposition, Evidence, EvidenceOf, Item, ItemNumber, MilestoneState, Role,
    Status,
};
use super::{DECIDERS, Draft, KEEPERS, Refusal, gather};

impl Draft<'_> {
    pub(super) fn close_item(
        &mut self,
        number: &ItemNumber,
        disposition: &Disposition,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let what = format!("close {number} as {}", disposition.name());
        let item = self.item(&what, number)?.clone();
        let mut because = Vec::new();
        if !item.is_open() {
            because.push("it is closed already".to_owned());
        }
        let roles: &[Role] = match disposition {
            Disposition::Remediated => {
                because.extend(self.missing_for_remediated(&item));
                KEEPERS
            }
            Disposition::FalsePositive => {
                if item.facts.false_positive != DeviationState::Yes {
                    because.push("no false positive deviation of it is approved".to_owned());
                }
                KEEPERS
            }
            Disposition::DuplicateOf(other) => {
                because.extend(self.missing_for_merge(&item, other));
                KEEPERS
            }
            Disposition::NotInBoundary(why) => {
                if why.trim().is_empty() {
                    because.push("it needs a reason".to_owned());
                }
                DECIDERS
            }
            Disposition::ImportedClosed => {
                because.push("only an import closes so".to_owned());
                KEEPERS
            }
        };
        gather(&mut because, self.needs(&what, roles));
        Refusal::unless_none(what, because)?;
        if let Disposition::DuplicateOf(other) = disposition {
            self.merge_into(&item, other)?;
        }
        self.push(Change::ItemClosed {
            item: number.clone(),
            disposition: disposition.clone(),
            date: self.by.today(),
            reason: reason.map(str::to_owned),
            roles: self.by.roles.clone(),
        })?;
        self.follow_closure(number, disposition)
    }

    /// The guard of a merge: the other item is open, and its deadline is no later, so that merging gains no time.
    fn missing_for_merge(&self, item: &Item, other: &ItemNumber) -> Vec<String> {
        if *other == item.number {
            return vec!["it is no duplicate of itself".to_owned()];
        }
        let Some(other) = self.register.items.get(other) else { return vec![format!("there is no {other}")] };
        let mut missing = Vec::new();
        match (&other.disposition, other.is_open()) {
            (Some(Disposition::DuplicateOf(_)), _) => missing
                .push(format!("{} is itself a duplicate; name what it is a duplicate of", other.number)),
            (_, false) => missing.push(format!(
                "{} is closed: what comes back after a closure is an item of its own",
                other.number
            )),
            (_, true) => {}
        }
        if let Some(deadline) = &item.deadline {
            match &other.deadline {
                Some(theirs) if theirs.date <= deadline.date => {}
                Some(theirs) => missing.push(format!(
                    "{}'s deadline {} is later than its own {}: merge the other way round",
                    other.number, theirs.date, deadline.date
                )),
                None => {
                    missing.push(format!(
                        "{} has no deadline, and its own is {}: merge the other way round",
                        other.number, deadline.date
                    ));
                }
            }
        }
        missing
    }

    /// What serves a duplicate serves the item it is a duplicate of as well, and that one takes over its assets, CVEs
    /// and controls, so that nothing is lost.
    fn merge_into(&mut self, duplicate: &Item, other: &ItemNumber) -> Result<(), Refusal> {
        let milestones: Vec<_> = self
            .register
            .milestones_of(&duplicate.number)
            .filter(|milestone| match milestone.state {
                MilestoneState::Dropped | MilestoneState::Verified => false,
                MilestoneState::Planned
                | MilestoneState::InProgress
                | MilestoneState::Blocked
                | MilestoneState::Done => !milestone.serves.contains(other),
            })
            .map(|milestone| (milestone.number, milestone.serves.clone()))
            .collect();
        for (milestone, mut serves) in milestones {
            serves.insert(other.clone());
            self.push(Change::MilestoneServes { milestone, serves })?;
        }
        let held = &self.item("merge", other)?.facts;
        let mut facts = held.clone();
        join(&mut facts.components, &duplicate.facts.components);
        join(&mut facts.cves, &duplicate.facts.cves);
        join(&mut facts.controls, &duplicate.facts.controls);
        if facts != *held {
            self.push(Change::ItemFactsChanged {
                item: other.clone(),
                facts: Box::new(facts),
                status_date: Some(self.by.today()),
                imported: None,
            })?;
        }
        self.follow_item(other)
    }

    /// The guard of *remediated*: validation evidence that covers every affected component, observed after the last
    /// milestone was done, recorded by a person who neither owns the item nor authored the remediation evidence; and
    /// residual risk stated.
    fn missing_for_remediated(&self, item: &Item) -> Vec<String> {
        let mut missing = Vec::new();
        if item.status != Status::PendingValidation {
            missing.push(format!(
                "it is {}, and only pending_validation can be closed as remediated",
                item.status.name()
            ));
        }
        let last_done = self
            .register
            .milestones_of(&item.number)
            .filter(|m| m.state != MilestoneState::Dropped)
            .filter_map(|m| m.done)
            .max();
        let validations: Vec<&Evidence> = self
            .register
            .evidence
            .values()
            .filter(|evidence| evidence.of == EvidenceOf::Item(item.number.clone()))
            .filter(|evidence| evidence.details.get("validation").is_some_and(|v| v == "accepted"))
            .filter(|evidence| last_done.is_none_or(|done| evidence.observed > done))
            .filter(|evidence| self.is_independent(item, evidence))
            .collect();
        if validations.is_empty() {
            missing.push(
                "no validation evidence was recorded after the last milestone was done, by a person who neither owns \
                 the item nor authored its remediation evidence"
                    .to_owned(),
            );
        }
        if !validations
            .iter()
            .any(|e| e.details.get("residual_risk").is_some_and(|risk| !risk.trim().is_empty()))
        {
            missing.push("residual risk is not stated".to_owned());
        }
        let covered: BTreeSet<&str> = validations
            .iter()
            .filter_map(|e| e.details.get("components"))
            .flat_map(|list| list.lines())
            .map(str::trim)
            .collect();
        let uncovered: Vec<&str> =
            item.facts.components.iter().map(|c| c.trim()).filter(|c| !covered.contains(c)).collect();
        if !uncovered.is_empty() {
            missing.push(format!("validation does not cover {}", uncovered.join(", ")));
        }
        missing
    }

    /// Whether persons made a validation, and none of them owns the item or authored its remediation evidence.
    fn is_independent(&self, item: &Item, validation: &Evidence) -> bool {
        let remediators: Vec<&Actor> = self
            .register
            .milestones_of(&item.number)
            .flat_map(|milestone| &milestone.evidence)
            .filter_map(|number| self.register.evidence.get(number))
            .flat_map(|evidence| &evidence.authors)
            .collect();
        let owner = item.facts.owner.clone().map(Actor::Person);
        !validation.authors.is_empty()
            && validation.authors.iter().all(|author| {
                matches!(author, Actor::Person(_))
                    && !remediators.iter().any(|remediator| self.by.same(author, remediator))
                    && !owner.as_ref().is_some_and(|owner| self.by.same(author, owner))
            })
    }
}

/// Adds what is new, in its order.
fn join(held: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !held.contains(one) {
            held.push(one.clone());
        }
    }
}
