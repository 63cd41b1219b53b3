//! Decisions on items: adding, and editing under the freeze rule.

use super::super::{
    Change, Deadline, DeviationState, FindingKind, ItemFacts, ItemNumber, Rating, RootCause, Source, Status,
    policy,
};
use super::{Draft, PLANNERS, Refusal, gather};

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
    /// What kind of weakness.
    pub kind: Option<FindingKind>,
    /// Where it came from.
    pub source: Option<Source>,
    /// Who or what detected it.
    pub detector: Option<String>,
    /// Its id there.
    pub source_id: Option<String>,
    /// CVE ids.
    pub cves: Option<Vec<String>>,
    /// Teams that help.
    pub supporting: Option<Vec<String>>,
    /// Supporting documents.
    pub documents: Option<String>,
    /// Frozen from open on: one line.
    pub title: Option<String>,
    /// Frozen from open on: full text.
    pub description: Option<String>,
    /// Frozen from open on: original detection date.
    pub detected: Option<chrono::NaiveDate>,
    /// Frozen from open on: original rating.
    pub rating: Option<Rating>,
    /// Frozen from open on: scheduled completion.
    pub scheduled: Option<chrono::NaiveDate>,
}

impl Draft<'_> {
    pub(super) fn add_item(&mut self, number: Option<&ItemNumber>, facts: &ItemFacts) -> Result<(), Refusal> {
        let what = "add an item";
        self.needs(what, PLANNERS)?;
        let item = number.cloned().unwrap_or_else(|| ItemNumber::ours(self.register.system.last_item + 1));
        let mut because = Vec::new();
        if self.register.items.contains_key(&item) {
            because.push(format!("there is a {item} already"));
        }
        let mut facts = ItemFacts { title: facts.title.trim().to_owned(), ..facts.clone() };
        if facts.title.is_empty() {
            because.push("it has no title".to_owned());
        }
        if let Some(owner) = &facts.owner {
            gather(&mut because, self.person(what, owner));
        }
        because.extend(name_controls(&mut facts.controls));
        because.extend(self.in_future(facts.detected));
        let deviations = [facts.risk_adjustment, facts.false_positive, facts.operational_requirement];
        if deviations.contains(&DeviationState::Yes) {
            because.push("a deviation is approved after the item is there, never with it".to_owned());
        }
        Refusal::unless_none(what, because)?;
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
        take_free(&mut facts, edit);
        if let Some(owner) = &edit.owner {
            gather(&mut because, self.person(&what, owner));
        }
        // What was imported is kept as written: only controls that this edit names are checked.
        if edit.controls.is_some() {
            because.extend(name_controls(&mut facts.controls));
        }
        because.extend(self.in_future(edit.detected));
        for frozen in take_frozen(&mut facts, edit, item.status != Status::Draft) {
            because
                .push(format!("{frozen} is frozen since it opened: use `item correct` for a typing error"));
        }
        if facts.title.is_empty() && !item.facts.title.is_empty() {
            because.push("it would have no title".to_owned());
        }
        Refusal::unless_none(&what, because)?;
        let deadline = policy::deadline(self.by.rules, &facts);
        let derives = edit.detected.is_some() || edit.rating.is_some();
        let date = |deadline: &Option<Deadline>| deadline.as_ref().map(|deadline| deadline.date);
        // A draft's scheduled completion goes with the deadline that it was derived from.
        let followed = item.status == Status::Draft && facts.scheduled == date(&item.deadline);
        if edit.scheduled.is_none() && derives && (facts.scheduled.is_none() || followed) {
            facts.scheduled = date(&deadline).or(facts.scheduled);
        }
        if facts == item.facts {
            return Ok(());
        }
        self.push(Change::ItemFactsChanged {
            item: number.clone(),
            facts: Box::new(facts),
            status_date: Some(self.by.today()),
            imported: None,
        })?;
        self.derive_deadline(number)?;
        self.follow_item(number)
    }

    /// Records the deadline that the rules give an item now, where it is another.
    pub(super) fn derive_deadline(&mut self, number: &ItemNumber) -> Result<(), Refusal> {
        let item = self.item("derive the deadline", number)?;
        let deadline = policy::deadline(self.by.rules, &item.facts);
        if !Deadline::differ(deadline.as_ref(), item.deadline.as_ref()) {
            return Ok(());
        }
        self.push(Change::ItemDeadline { item: number.clone(), deadline })
    }

    fn in_future(&self, detected: Option<chrono::NaiveDate>) -> Option<String> {
        detected
            .is_some_and(|detected| detected > self.by.today())
            .then(|| "its detection date is in the future".to_owned())
    }
}

/// Takes what an edit may change at any time.
fn take_free(facts: &mut ItemFacts, edit: &ItemEdit) {
    fn set<T: Clone>(held: &mut T, wanted: Option<&T>) {
        if let Some(wanted) = wanted {
            held.clone_from(wanted);
        }
    }
    set(&mut facts.plan, edit.plan.as_ref());
    set(&mut facts.risk_statement, edit.risk_statement.as_ref());
    set(&mut facts.resources, edit.resources.as_ref());
    set(&mut facts.components, edit.components.as_ref());
    set(&mut facts.controls, edit.controls.as_ref());
    set(&mut facts.comments, edit.comments.as_ref());
    set(&mut facts.kind, edit.kind.as_ref());
    set(&mut facts.source, edit.source.as_ref());
    set(&mut facts.detector, edit.detector.as_ref());
    set(&mut facts.cves, edit.cves.as_ref());
    set(&mut facts.supporting, edit.supporting.as_ref());
    set(&mut facts.documents, edit.documents.as_ref());
    facts.owner = edit.owner.clone().or_else(|| facts.owner.take());
    facts.root_cause = edit.root_cause.or(facts.root_cause);
    facts.source_id = edit.source_id.clone().or_else(|| facts.source_id.take());
}

/// Takes what is frozen from open on: then only what was never filled is. Gives the name of each that is refused.
fn take_frozen(facts: &mut ItemFacts, edit: &ItemEdit, frozen: bool) -> Vec<&'static str> {
    fn set<T: Default + PartialEq>(held: &mut T, wanted: Option<T>, frozen: bool) -> bool {
        match wanted {
            Some(wanted) if wanted != *held => {
                if frozen && *held != T::default() {
                    return false;
                }
                *held = wanted;
                true
            }
            Some(_) | None => true,
        }
    }
    let trimmed = |text: &Option<String>| text.as_ref().map(|text| text.trim().to_owned());
    let taken = [
        ("its title", set(&mut facts.title, trimmed(&edit.title), frozen)),
        ("its description", set(&mut facts.description, trimmed(&edit.description), frozen)),
        ("its detection date", set(&mut facts.detected, edit.detected.map(Some), frozen)),
        ("its original rating", set(&mut facts.rating, edit.rating.map(Some), frozen)),
        ("its scheduled completion", set(&mut facts.scheduled, edit.scheduled.map(Some), frozen)),
    ];
    taken.into_iter().filter(|(_, taken)| !taken).map(|(name, _)| name).collect()
}

/// Brings each control id to its form; gives what is wrong with those that have none.
fn name_controls(controls: &mut [String]) -> Vec<String> {
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
