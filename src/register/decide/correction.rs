//! Corrections: a typing error in a frozen value, put right with an approver and a reason. Both values are kept.

use chrono::NaiveDate;

use super::super::{
    Actor, Change, Correction, Item, ItemFacts, ItemNumber, Milestone, MilestoneNumber, MoveState, Status,
};
use super::{DECIDERS, Draft, KEEPERS, Refusal, gather, rating};

impl Draft<'_> {
    pub(super) fn correct_item(
        &mut self,
        number: &ItemNumber,
        field: &str,
        to: &str,
        reason: &str,
        approved_by: &str,
    ) -> Result<(), Refusal> {
        let what = format!("correct {number}");
        let item = self.item(&what, number)?.clone();
        let mut because = self.missing_for_correction(&what, reason, approved_by);
        if item.status == Status::Draft {
            because.push("nothing of a draft is frozen: edit it".to_owned());
        }
        let mut facts = item.facts.clone();
        let from = match correct_fact(&item, &mut facts, field, to.trim()) {
            Ok(from) => from,
            Err(why) => {
                because.push(why);
                String::new()
            }
        };
        if facts.detected.is_some_and(|detected| detected > self.by.today()) {
            because.push("its detection date would be in the future".to_owned());
        }
        Refusal::unless_none(&what, because)?;
        let correction = self.correction(field, from, to, reason, approved_by);
        self.push(Change::ItemCorrected { item: number.clone(), correction, facts: Box::new(facts) })?;
        self.derive_deadline(number)?;
        self.follow_item(number)
    }

    pub(super) fn correct_milestone(
        &mut self,
        number: MilestoneNumber,
        field: &str,
        to: &str,
        reason: &str,
        approved_by: &str,
    ) -> Result<(), Refusal> {
        let what = format!("correct {number}");
        let milestone = self.milestone(&what, number)?.clone();
        let mut because = self.missing_for_correction(&what, reason, approved_by);
        if self.is_plan(&milestone) {
            because.push("it serves drafts alone, and nothing of it is frozen: set it anew".to_owned());
        }
        let (mut text, mut due, mut from) = (None, None, String::new());
        match (field, to.trim()) {
            ("text", "") => because.push("it would have no text".to_owned()),
            ("text", wanted) => {
                from.clone_from(&milestone.original_text);
                text = Some(wanted.to_owned());
            }
            ("due", wanted) => match (date(wanted), milestone.original_due) {
                (Err(why), _) => because.push(why),
                (Ok(_), None) => because.push("it never had a due date: set it".to_owned()),
                (Ok(date), Some(original)) => {
                    from = original.to_string();
                    due = Some(date);
                }
            },
            (other, _) => because.push(format!("{other:?} is no frozen field: text, due")),
        }
        if because.is_empty() && from == to.trim() {
            because.push("it stands so already".to_owned());
        }
        Refusal::unless_none(&what, because)?;
        let correction = self.correction(field, from, to, reason, approved_by);
        self.push(Change::MilestoneCorrected { milestone: number, correction, text, due })?;
        self.withdraw_if_met(number)
    }

    /// A move to what is now the date in force moves nothing any more.
    fn withdraw_if_met(&mut self, number: MilestoneNumber) -> Result<(), Refusal> {
        let milestone: Milestone = self.milestone("correct it", number)?.clone();
        match milestone.open_move() {
            Some(open) if open.to == milestone.due => {
                let by = self.by.actor.clone();
                self.end_move(number, open.number, MoveState::Withdrawn, &by, "a correction made it our date")
            }
            Some(_) | None => Ok(()),
        }
    }

    fn missing_for_correction(&self, what: &str, reason: &str, approved_by: &str) -> Vec<String> {
        let mut because = Vec::new();
        gather(&mut because, self.needs(what, KEEPERS));
        match self.by.people.get(approved_by) {
            None => because.push(format!("{approved_by:?} is no person of the register")),
            Some(person) => {
                let roles = person.roles_in(self.register.system.id.as_str());
                if !roles.iter().any(|role| DECIDERS.contains(role)) {
                    because.push(format!(
                        "{approved_by} has none of the roles approver, isso, authorizing_official"
                    ));
                }
            }
        }
        if self.by.same(&self.by.actor, &Actor::Person(approved_by.to_owned())) {
            because.push("whoever corrects does not approve".to_owned());
        }
        if reason.trim().is_empty() {
            because.push("a correction says why".to_owned());
        }
        because
    }

    fn correction(&self, field: &str, from: String, to: &str, reason: &str, approved_by: &str) -> Correction {
        Correction {
            field: field.to_owned(),
            from,
            to: to.trim().to_owned(),
            reason: reason.trim().to_owned(),
            by: self.by.actor.clone(),
            approved_by: Actor::Person(approved_by.to_owned()),
            at: self.by.now,
        }
    }
}

/// Puts `to` into a frozen field; gives what stood there, or why it cannot.
fn correct_fact(item: &Item, facts: &mut ItemFacts, field: &str, to: &str) -> Result<String, String> {
    let from = match field {
        "title" if to.is_empty() => return Err("it would have no title".to_owned()),
        "title" => std::mem::replace(&mut facts.title, to.to_owned()),
        "description" => std::mem::replace(&mut facts.description, to.to_owned()),
        "detected" => shown(facts.detected.replace(date(to)?)),
        "scheduled" => shown(facts.scheduled.replace(date(to)?)),
        "rating" => facts.rating.replace(rating(to)?).map(|old| old.name().to_owned()).unwrap_or_default(),
        other => {
            return Err(format!(
                "{other:?} is no frozen field: title, description, detected, scheduled, rating"
            ));
        }
    };
    if *facts == item.facts {
        return Err("it stands so already".to_owned());
    }
    Ok(from)
}

fn shown(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| format!("{text:?} is no date such as 2026-11-30"))
}
