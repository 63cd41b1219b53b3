//! Decisions on milestones: adding, wording, what they serve, owner, expected evidence.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::super::policy::vague;
use super::super::{Change, EvidenceKind, ItemNumber, MilestoneNumber, MilestoneState, Status};
use super::{Draft, KEEPERS, PLANNERS, Refusal, WORKERS, gather};

/// A milestone to be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewMilestone {
    /// What is to be done.
    pub text: String,
    /// Items it serves: at least one.
    pub serves: BTreeSet<ItemNumber>,
    /// A person's name.
    pub owner: Option<String>,
    /// Expected evidence; where none is named, the ticket's transition to done.
    pub expects: BTreeSet<EvidenceKind>,
    /// Milestones to be done before.
    pub depends_on: BTreeSet<MilestoneNumber>,
    /// Due date.
    pub due: Option<NaiveDate>,
    /// Why vague wording is to be let pass (GRC).
    pub allow_wording: Option<String>,
}

impl Draft<'_> {
    pub(super) fn add_milestone(&mut self, new: &NewMilestone) -> Result<(), Refusal> {
        let what = "add a milestone";
        self.needs(what, PLANNERS)?;
        let text = new.text.trim();
        let mut because = self.wrong_with_text(text, new.allow_wording.as_deref());
        if new.serves.is_empty() {
            because.push("it serves no item".to_owned());
        }
        because.extend(self.not_open(&new.serves));
        if let Some(owner) = &new.owner {
            gather(&mut because, self.person(what, owner));
        }
        for needed in &new.depends_on {
            if !self.register.milestones.contains_key(needed) {
                because.push(format!("it depends on {needed}, which there is not"));
            }
        }
        Refusal::unless_none(what, because)?;
        let milestone = MilestoneNumber(self.register.system.last_milestone + 1);
        let expects = if new.expects.is_empty() {
            BTreeSet::from([EvidenceKind::Transition])
        } else {
            new.expects.clone()
        };
        self.push(Change::MilestoneAdded {
            milestone,
            text: text.to_owned(),
            serves: new.serves.clone(),
            owner: new.owner.clone(),
            expects,
            depends_on: new.depends_on.clone(),
            due: new.due,
            state: MilestoneState::Planned,
            imported_as: None,
            wording_allowed: new.allow_wording.as_deref().map(|reason| reason.trim().to_owned()),
        })?;
        self.follow_milestone(milestone)
    }

    /// What is wrong with a milestone's text. Vague wording passes only with a reason, by who keeps the POA&M.
    fn wrong_with_text(&self, text: &str, allowed: Option<&str>) -> Vec<String> {
        let mut wrong = Vec::new();
        match (vague(text), allowed) {
            _ if text.is_empty() => wrong.push("it has no text".to_owned()),
            (Some(why), None) => wrong.push(format!("{why}; or GRC lets it pass with a reason")),
            (Some(_), Some(reason)) if !self.has(KEEPERS) || reason.trim().is_empty() => {
                wrong.push("only grc or isso lets vague wording pass, and says why".to_owned());
            }
            (Some(_) | None, _) => {}
        }
        wrong
    }

    /// Each item that is not there or closed.
    fn not_open<'a>(&self, items: impl IntoIterator<Item = &'a ItemNumber>) -> Vec<String> {
        let mut wrong = Vec::new();
        for number in items {
            match self.register.items.get(number) {
                None => wrong.push(format!("there is no {number}")),
                Some(item) if !item.is_open() => wrong.push(format!("{number} is closed")),
                Some(_) => {}
            }
        }
        wrong
    }

    pub(super) fn retext(
        &mut self,
        number: MilestoneNumber,
        text: &str,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let what = format!("word {number} anew");
        let milestone = self.milestone(&what, number)?;
        let text = text.trim();
        if milestone.text == text {
            return Ok(());
        }
        let plan = self.is_plan(milestone);
        let mut because = self.wrong_with_text(text, reason);
        gather(&mut because, self.needs(&what, if plan { PLANNERS } else { KEEPERS }));
        if milestone.state.is_over() {
            because.push(format!("it is {}", milestone.state.name()));
        }
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if !plan && reason.is_none() {
            because.push(
                "its text is frozen since what it serves opened: other wording needs a reason".to_owned(),
            );
        }
        Refusal::unless_none(what, because)?;
        self.push(Change::MilestoneText {
            milestone: number,
            text: text.to_owned(),
            original: plan,
            reason: reason.map(str::to_owned),
        })
    }

    pub(super) fn set_serves(
        &mut self,
        number: MilestoneNumber,
        serves: &BTreeSet<ItemNumber>,
    ) -> Result<(), Refusal> {
        let what = "change what a milestone serves";
        self.needs(what, PLANNERS)?;
        let milestone = self.milestone(what, number)?;
        if milestone.serves == *serves {
            return Ok(());
        }
        let mut because = Vec::new();
        if serves.is_empty() {
            because.push("it would serve no item; drop it instead".to_owned());
        }
        because.extend(self.not_open(serves.difference(&milestone.serves)));
        let known = |number: &ItemNumber| self.register.items.get(number);
        if !serves.is_empty() && serves.iter().all(|item| known(item).is_some_and(|item| !item.is_open())) {
            because.push("it would serve closed items alone; drop it instead".to_owned());
        }
        if matches!(milestone.state, MilestoneState::Verified | MilestoneState::Dropped) {
            because.push(format!(
                "it is {}: what it would serve needs a milestone of its own",
                milestone.state.name()
            ));
        }
        for left in milestone.serves.difference(serves) {
            if self.register.items.get(left).is_some_and(|item| item.status != Status::Draft) {
                because.push(format!("{left} is past draft, and a milestone that serves it stays"));
            }
        }
        Refusal::unless_none(what, because)?;
        // A draft that it leaves may lack nothing without it.
        let left: Vec<ItemNumber> = milestone.serves.difference(serves).cloned().collect();
        self.push(Change::MilestoneServes { milestone: number, serves: serves.clone() })?;
        for item in &left {
            self.follow_item(item)?;
        }
        self.follow_milestone(number)
    }

    pub(super) fn set_expects(
        &mut self,
        number: MilestoneNumber,
        expects: &BTreeSet<EvidenceKind>,
    ) -> Result<(), Refusal> {
        let what = format!("change what evidence {number} expects");
        let milestone = self.milestone(&what, number)?;
        if milestone.expects == *expects {
            return Ok(());
        }
        let mut because = Vec::new();
        gather(&mut because, self.needs(&what, if self.is_plan(milestone) { PLANNERS } else { KEEPERS }));
        if expects.is_empty() {
            because.push("it expects at least one kind of evidence".to_owned());
        }
        Refusal::unless_none(what, because)?;
        self.push(Change::MilestoneExpects { milestone: number, expects: expects.clone() })
    }

    pub(super) fn set_owner(&mut self, number: MilestoneNumber, owner: Option<&str>) -> Result<(), Refusal> {
        let what = "set the owner";
        self.needs(what, WORKERS)?;
        if let Some(owner) = owner {
            self.person(what, owner)?;
        }
        if self.milestone(what, number)?.owner.as_deref() == owner {
            return Ok(());
        }
        self.push(Change::MilestoneOwner { milestone: number, owner: owner.map(str::to_owned) })?;
        self.follow_milestone(number)
    }
}
