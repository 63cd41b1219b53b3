//! Decisions on items: adding, editing under the freeze rule, correcting, closing.

use super::super::{
    Actor, Change, Correction, DeviationState, Disposition, EvidenceOf, ItemFacts, ItemNumber,
    MilestoneState, Rating, Role, RootCause, Status, policy,
};
use super::{Draft, Refusal};

/// Facts of an item that are to change; none stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemEdit {
    /// One person's name.
    pub owner: Option<String>,
    /// How it is to be fixed.
    pub plan: Option<String>,
    /// Risk statement.
    pub risk_statement: Option<String>,
    /// Resources required.
    pub resources: Option<String>,
    /// Root cause.
    pub root_cause: Option<RootCause>,
    /// Affected assets.
    pub components: Option<Vec<String>>,
    /// Control ids.
    pub controls: Option<Vec<String>>,
    /// Comments.
    pub comments: Option<String>,
    /// Frozen from open on: one line.
    pub title: Option<String>,
    /// Frozen from open on: original detection date.
    pub detected: Option<chrono::NaiveDate>,
    /// Frozen from open on: original rating.
    pub rating: Option<Rating>,
    /// Frozen from open on: scheduled completion.
    pub scheduled: Option<chrono::NaiveDate>,
}

const PLANNERS: &[Role] = &[Role::Grc, Role::Isso, Role::Owner, Role::SystemOwner];

impl Draft<'_> {
    pub(super) fn add_item(&mut self, number: Option<&ItemNumber>, facts: &ItemFacts) -> Result<(), Refusal> {
        let what = "add an item";
        self.needs(what, PLANNERS)?;
        let item = number.cloned().unwrap_or_else(|| ItemNumber::ours(self.register.system.last_item + 1));
        let mut because = Vec::new();
        if self.register.items.contains_key(&item) {
            because.push(format!("there is a {item} already"));
        }
        let mut facts = facts.clone();
        facts.title = facts.title.trim().to_owned();
        if facts.title.is_empty() {
            because.push("it has no title".to_owned());
        }
        if let Some(owner) = &facts.owner
            && let Err(refusal) = self.person(what, owner)
        {
            because.extend(refusal.because);
        }
        because.extend(normalise_controls(&mut facts.controls));
        if facts.detected.is_some_and(|detected| detected > self.by.today()) {
            because.push("its detection date is in the future".to_owned());
        }
        if !because.is_empty() {
            return Err(Refusal { what: what.to_owned(), because });
        }
        let deadline = policy::deadline(self.by.rules, &facts);
        // Scheduled completion is what the template's formula gives, unless the plan says otherwise.
        facts.scheduled = facts.scheduled.or(deadline.as_ref().map(|deadline| deadline.date));
        self.push(Change::ItemAdded {
            item: item.clone(),
            facts: Box::new(facts),
            status: Status::Draft,
            disposition: None,
            status_date: Some(self.by.today()),
            deadline,
            imported: None,
        })?;
        self.follow_item(&item)
    }

    pub(super) fn edit_item(&mut self, number: &ItemNumber, edit: &ItemEdit) -> Result<(), Refusal> {
        let what = format!("edit {number}");
        self.needs(&what, PLANNERS)?;
        let item = self.item(&what, number)?.clone();
        let mut because = Vec::new();
        if !item.is_open() {
            because.push("it is closed".to_owned());
        }
        let mut facts = item.facts.clone();
        if let Some(owner) = &edit.owner {
            if let Err(refusal) = self.person(&what, owner) {
                because.extend(refusal.because);
            }
            facts.owner = Some(owner.clone());
        }
        macro_rules! take {
            ($($field:ident),*) => { $(if let Some(value) = &edit.$field { facts.$field.clone_from(value); })* };
        }
        take!(plan, risk_statement, resources, components, controls, comments);
        facts.root_cause = edit.root_cause.or(facts.root_cause);
        let frozen = item.status != Status::Draft;
        macro_rules! freeze {
            ($($field:ident $label:literal),*) => { $(
                if let Some(value) = &edit.$field
                    && facts.$field.clone() != to_fact(value, &facts.$field)
                {
                    if frozen && has_value(&facts.$field) {
                        because.push(format!("{} is frozen since it opened: use `item correct` for a typing error", $label));
                    }
                    facts.$field = to_fact(value, &facts.$field);
                }
            )* };
        }
        freeze!(title "its title", detected "its detection date", rating "its original rating", scheduled "its scheduled completion");
        because.extend(normalise_controls(&mut facts.controls));
        if !because.is_empty() {
            return Err(Refusal { what, because });
        }
        if facts == item.facts {
            return Ok(());
        }
        let deadline = policy::deadline(self.by.rules, &facts);
        if facts.scheduled.is_none() {
            facts.scheduled = deadline.as_ref().map(|deadline| deadline.date);
        }
        self.push(Change::ItemFactsChanged {
            item: number.clone(),
            facts: Box::new(facts),
            status_date: Some(self.by.today()),
            imported: None,
        })?;
        if deadline != item.deadline {
            self.push(Change::ItemDeadline { item: number.clone(), deadline })?;
        }
        self.follow_item(number)
    }

    pub(super) fn correct_item(
        &mut self,
        number: &ItemNumber,
        field: &str,
        to: &str,
        reason: &str,
        approved_by: &str,
    ) -> Result<(), Refusal> {
        let what = format!("correct {number}");
        self.needs(&what, &[Role::Grc, Role::Isso])?;
        let item = self.item(&what, number)?.clone();
        let mut because = Vec::new();
        match self.by.people.get(approved_by) {
            None => because.push(format!("{approved_by:?} is no person of the register")),
            Some(person) => {
                let roles = person.roles_in(self.register.system.id.as_str());
                if !roles
                    .iter()
                    .any(|role| matches!(role, Role::Approver | Role::Isso | Role::AuthorizingOfficial))
                {
                    because.push(format!(
                        "{approved_by} has none of the roles approver, isso, authorizing_official"
                    ));
                }
                if self.by.actor == Actor::Person(approved_by.to_owned()) {
                    because.push("whoever corrects does not approve".to_owned());
                }
            }
        }
        if reason.trim().is_empty() {
            because.push("a correction says why".to_owned());
        }
        let mut facts = item.facts.clone();
        let from = match field {
            "title" => std::mem::replace(&mut facts.title, to.trim().to_owned()),
            "description" => std::mem::replace(&mut facts.description, to.trim().to_owned()),
            "detected" | "scheduled" => match to.parse() {
                Ok(date) => {
                    let place = if field == "detected" { &mut facts.detected } else { &mut facts.scheduled };
                    place.replace(date).map(|date| date.to_string()).unwrap_or_default()
                }
                Err(_) => {
                    because.push(format!("{to:?} is no date such as 2026-11-30"));
                    String::new()
                }
            },
            "rating" => match rating(to) {
                Ok(rating) => {
                    facts.rating.replace(rating).map(|old| old.name().to_owned()).unwrap_or_default()
                }
                Err(why) => {
                    because.push(why);
                    String::new()
                }
            },
            other => {
                because.push(format!(
                    "{other:?} is no frozen field: title, description, detected, scheduled, rating"
                ));
                String::new()
            }
        };
        if because.is_empty() && facts == item.facts {
            because.push("it stands so already".to_owned());
        }
        if !because.is_empty() {
            return Err(Refusal { what, because });
        }
        let correction = Correction {
            field: field.to_owned(),
            from,
            to: to.trim().to_owned(),
            reason: reason.trim().to_owned(),
            by: self.by.actor.clone(),
            approved_by: Actor::Person(approved_by.to_owned()),
            at: self.by.now,
        };
        let deadline = policy::deadline(self.by.rules, &facts);
        self.push(Change::ItemCorrected { item: number.clone(), correction, facts: Box::new(facts) })?;
        if deadline != item.deadline {
            self.push(Change::ItemDeadline { item: number.clone(), deadline })?;
        }
        self.follow_item(number)
    }

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
                &[Role::Grc, Role::Isso]
            }
            Disposition::FalsePositive => {
                if item.facts.false_positive != DeviationState::Yes {
                    because.push("no false positive deviation of it is approved".to_owned());
                }
                &[Role::Grc, Role::Isso]
            }
            Disposition::DuplicateOf(other) => {
                match self.register.items.get(other) {
                    None => because.push(format!("there is no {other}")),
                    Some(_) if other == number => because.push("it is no duplicate of itself".to_owned()),
                    Some(other) if matches!(other.disposition, Some(Disposition::DuplicateOf(_))) => {
                        because.push(format!(
                            "{} is itself a duplicate; name what it is a duplicate of",
                            other.number
                        ));
                    }
                    Some(_) => {}
                }
                &[Role::Grc, Role::Isso]
            }
            Disposition::NotInBoundary(why) => {
                if why.trim().is_empty() {
                    because.push("it needs a reason".to_owned());
                }
                &[Role::Approver, Role::Isso, Role::AuthorizingOfficial]
            }
            Disposition::ImportedClosed => {
                because.push("only an import closes so".to_owned());
                &[Role::Grc]
            }
        };
        if let Err(refusal) = self.needs(&what, roles) {
            because.extend(refusal.because);
        }
        if !because.is_empty() {
            return Err(Refusal { what, because });
        }
        if let Disposition::DuplicateOf(other) = disposition {
            self.serve_instead(number, other)?;
        }
        self.push(Change::ItemClosed {
            item: number.clone(),
            disposition: disposition.clone(),
            date: self.by.today(),
            reason: reason.map(str::to_owned),
            roles: self.by.roles.clone(),
        })?;
        self.verify_milestones(number)
    }

    /// What serves a duplicate serves the item it is a duplicate of as well, so that no work is lost.
    fn serve_instead(&mut self, duplicate: &ItemNumber, other: &ItemNumber) -> Result<(), Refusal> {
        let milestones: Vec<_> = self
            .register
            .milestones_of(duplicate)
            .filter(|milestone| {
                milestone.state != MilestoneState::Dropped && !milestone.serves.contains(other)
            })
            .map(|milestone| (milestone.number, milestone.serves.clone()))
            .collect();
        for (milestone, mut serves) in milestones {
            serves.insert(other.clone());
            self.push(Change::MilestoneServes { milestone, serves })?;
        }
        Ok(())
    }

    /// The guard of *remediated*: validation evidence that covers every affected component, observed after the last
    /// milestone was done, recorded by a person who neither owns the item nor authored the remediation evidence.
    fn missing_for_remediated(&self, item: &super::super::Item) -> Vec<String> {
        let mut missing = Vec::new();
        if item.status != Status::PendingValidation {
            missing.push(format!(
                "it is {}, and only pending_validation can be closed as remediated",
                item.status.name()
            ));
        }
        let last_done = self.register.milestones_of(&item.number).filter_map(|m| m.done).max();
        let authors: Vec<&Actor> = self
            .register
            .milestones_of(&item.number)
            .flat_map(|m| m.evidence.iter())
            .filter_map(|n| self.register.evidence.get(n))
            .flat_map(|evidence| evidence.authors.iter())
            .collect();
        let validations: Vec<_> = self
            .register
            .evidence
            .values()
            .filter(|evidence| evidence.of == EvidenceOf::Item(item.number.clone()))
            .filter(|evidence| evidence.details.get("validation").is_some_and(|v| v == "accepted"))
            .filter(|evidence| last_done.is_none_or(|done| evidence.observed > done))
            .filter(|evidence| {
                evidence.authors.iter().all(|author| {
                    !authors.contains(&author)
                        && !matches!(author, Actor::Person(name) if Some(name) == item.facts.owner.as_ref())
                })
            })
            .collect();
        if validations.is_empty() {
            missing.push(
                "no validation evidence was recorded after the last milestone was done, by a person who neither owns \
                 the item nor authored its remediation evidence"
                    .to_owned(),
            );
        }
        let covered: Vec<&str> = validations
            .iter()
            .filter_map(|e| e.details.get("components"))
            .flat_map(|list| list.lines())
            .collect();
        let uncovered: Vec<&str> =
            item.facts.components.iter().map(String::as_str).filter(|c| !covered.contains(c)).collect();
        if !uncovered.is_empty() {
            missing.push(format!("validation does not cover {}", uncovered.join(", ")));
        }
        missing
    }
}

/// Brings each control id to its form; gives what is wrong with those that have none.
fn normalise_controls(controls: &mut [String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for text in controls.iter_mut() {
        match policy::control(text) {
            Ok(control) => *text = control,
            Err(why) => wrong.push(why),
        }
    }
    wrong
}

/// Reads a rating's name.
pub fn rating(text: &str) -> Result<Rating, String> {
    [Rating::Low, Rating::Moderate, Rating::High, Rating::Critical]
        .into_iter()
        .find(|rating| rating.name().eq_ignore_ascii_case(text.trim()))
        .ok_or_else(|| format!("{text:?} is no rating: low, moderate, high or critical"))
}

/// A value as a fact holds it: plain, or in an `Option`.
trait Fact<V> {
    fn of(value: &V) -> Self;
    fn has_value(&self) -> bool;
}

impl<V: Clone> Fact<V> for Option<V> {
    fn of(value: &V) -> Self {
        Some(value.clone())
    }

    fn has_value(&self) -> bool {
        self.is_some()
    }
}

impl Fact<String> for String {
    fn of(value: &String) -> Self {
        value.clone()
    }

    fn has_value(&self) -> bool {
        !self.is_empty()
    }
}

fn to_fact<V, F: Fact<V>>(value: &V, _like: &F) -> F {
    F::of(value)
}

fn has_value<V, F: Fact<V>>(fact: &F) -> bool {
    fact.has_value()
}
