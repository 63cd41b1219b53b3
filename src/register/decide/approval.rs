//! Decisions on moves: why, approved, rejected.

use chrono::{DateTime, NaiveDate, Utc};

use super::super::policy::too_short;
use super::super::{
    Actor, Change, Decision, Milestone, MilestoneNumber, Move, MoveState, Rationale, Role, Roles,
};
use super::{DECIDERS, Draft, EXPLAINERS, Refusal, gather};

/// Whether roles allow to say why a date moved.
pub fn may_explain(roles: &Roles) -> bool {
    roles.iter().any(|role| *role == Role::Admin || EXPLAINERS.contains(role))
}

impl Draft<'_> {
    pub(super) fn explain(
        &mut self,
        number: MilestoneNumber,
        which: Option<u32>,
        text: &str,
    ) -> Result<(), Refusal> {
        let what = "record a rationale";
        self.needs(what, EXPLAINERS)?;
        let by = self.by.actor.clone();
        if self.said_already(number, which, text.trim(), &by) {
            return Ok(());
        }
        let moved = self.waiting_move(what, number, which)?;
        if let Some(why) = too_short(text, self.by.policy.moves.rationale_words) {
            return Err(Refusal::new(what, why));
        }
        self.give_rationale(number, moved.number, text, &by, self.by.now)
    }

    /// The same reason by the same person once more records nothing.
    fn said_already(&self, number: MilestoneNumber, which: Option<u32>, text: &str, by: &Actor) -> bool {
        let Some(milestone) = self.register.milestones.get(&number) else { return false };
        let moved = match which {
            Some(which) => milestone.moves.iter().find(|m| m.number == which),
            None => milestone.open_move(),
        };
        moved.and_then(|m| m.rationale.as_ref()).is_some_and(|why| why.text == text && why.by == *by)
    }

    pub(super) fn approve(&mut self, number: MilestoneNumber, which: Option<u32>) -> Result<(), Refusal> {
        let what = "approve a move";
        let moved = self.waiting_move(what, number, which)?;
        let mut because = Vec::new();
        gather(&mut because, self.needs(what, DECIDERS));
        because.extend(self.asked_for_it(&moved));
        if moved.to.is_none() {
            because.push("a cleared date can be explained, never approved".to_owned());
        }
        if moved.rationale.is_none() {
            because.push("nobody has said why yet".to_owned());
        }
        Refusal::unless_none(what, because)?;
        let decision = Decision { by: self.by.actor.clone(), at: self.by.now, reason: None };
        self.push(Change::MoveApproved {
            milestone: number,
            number: moved.number,
            decision,
            roles: self.by.roles.clone(),
        })?;
        self.follow_milestone(number)
    }

    /// Why whoever decides may not approve this move: an approver is a person who did not ask. Who moved the date
    /// asked; where the tracker does not say who that was, whoever explained it counts as having asked.
    fn asked_for_it(&self, moved: &Move) -> Option<String> {
        let approver = &self.by.actor;
        match approver {
            Actor::Person(_) | Actor::Local(_) => {}
            Actor::Account(..) | Actor::Unknown(_) | Actor::Token(_) | Actor::Rule(_) | Actor::Poam => {
                return Some(format!("{} is no person, and an approver is one", approver.shown()));
            }
        }
        let explained = moved.rationale.as_ref().map(|rationale| &rationale.by);
        if self.by.same(&moved.by, approver) {
            Some(format!("{} moved the date, and an approver is another", approver.shown()))
        } else if matches!(moved.by, Actor::Unknown(_))
            && explained.is_some_and(|by| self.by.same(by, approver))
        {
            Some(format!(
                "it is unknown who moved the date, {} said why, and an approver is another",
                approver.shown()
            ))
        } else {
            None
        }
    }

    pub(super) fn reject(
        &mut self,
        number: MilestoneNumber,
        which: Option<u32>,
        reason: &str,
    ) -> Result<(), Refusal> {
        let what = "reject a move";
        let moved = self.waiting_move(what, number, which)?;
        let mut because = Vec::new();
        gather(&mut because, self.needs(what, DECIDERS));
        if reason.trim().is_empty() {
            because.push("a rejection says why".to_owned());
        }
        Refusal::unless_none(what, because)?;
        let decision =
            Decision { by: self.by.actor.clone(), at: self.by.now, reason: Some(reason.trim().to_owned()) };
        self.push(Change::MoveEnded {
            milestone: number,
            number: moved.number,
            to: MoveState::Rejected,
            decision,
            roles: self.by.roles.clone(),
        })
    }

    /// A move that waits, by number or the open one.
    fn waiting_move(&self, what: &str, number: MilestoneNumber, which: Option<u32>) -> Result<Move, Refusal> {
        let milestone = self.milestone(what, number)?;
        let Some(which) = which else {
            return milestone
                .open_move()
                .cloned()
                .ok_or_else(|| Refusal::new(what, format!("no date move of {number} waits for anything")));
        };
        let moved = milestone
            .moves
            .iter()
            .find(|m| m.number == which)
            .ok_or_else(|| Refusal::new(what, format!("{number} has no move {which}")))?;
        if moved.state.is_open() {
            Ok(moved.clone())
        } else {
            Err(Refusal::new(what, format!("move {which} of {number} is {} already", moved.state.name())))
        }
    }

    /// Records why, and lets the rule approve what policy allows.
    pub(super) fn give_rationale(
        &mut self,
        milestone: MilestoneNumber,
        number: u32,
        text: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let rationale = Rationale { text: text.trim().to_owned(), by: by.clone(), at };
        self.push(Change::MoveExplained { milestone, number, rationale })?;
        self.let_rules_approve(milestone, number)
    }

    /// Lets the rules approve what policy allows of an open move. A date that is past already nobody can meet, so no
    /// rule says that it is fine.
    pub(super) fn let_rules_approve(
        &mut self,
        milestone: MilestoneNumber,
        number: u32,
    ) -> Result<(), Refusal> {
        let milestone = self.milestone("approve by rule", milestone)?;
        let Some(moved) = milestone.moves.iter().find(|m| m.number == number) else { return Ok(()) };
        let Some(to) = moved.to.filter(|to| *to >= self.by.today()) else { return Ok(()) };
        let settings = &self.by.policy.moves;
        let (rule, reason) = if self.comes_earlier(milestone, Some(to)) {
            ("moves/earlier-date", "an earlier date needs no approver".to_owned())
        } else if !settings.approve_by_rule || !self.is_within_deadline(milestone, to) {
            return Ok(());
        } else if milestone.original_due.is_none() {
            let why = "a first date within the deadline moves nothing that was recorded";
            ("moves/first-date", why.to_owned())
        } else if moved.rationale.is_some()
            && days_in_total(milestone, to).is_some_and(|days| days <= i64::from(settings.total_days))
        {
            let why = format!("explained, within the deadline and {} days in total", settings.total_days);
            ("moves/within-limits", why)
        } else {
            return Ok(());
        };
        let milestone = milestone.number;
        self.approve_by_rule(milestone, number, rule, &reason)
    }

    /// Whether a date is earlier than the one in force, and not past.
    pub(super) fn comes_earlier(&self, milestone: &Milestone, to: Option<NaiveDate>) -> bool {
        to.is_some_and(|to| milestone.due.is_some_and(|due| to < due) && to >= self.by.today())
    }

    /// Whether a date is no later than the deadline of what the milestone serves, if there is one.
    pub(super) fn is_within_deadline(&self, milestone: &Milestone, to: NaiveDate) -> bool {
        self.register.deadline_of(milestone).is_none_or(|deadline| to <= deadline.date)
    }
}

/// Days that the due date would be later than the last one a person approved, else than the original. Days of moves
/// that rules approved count cumulatively, so that no chain of small moves goes past an approver.
fn days_in_total(milestone: &Milestone, to: NaiveDate) -> Option<i64> {
    let approved_by_person = milestone.moves.iter().rev().find(|m| {
        m.state == MoveState::Approved && m.decision.as_ref().is_some_and(|d| !matches!(d.by, Actor::Rule(_)))
    });
    let since = approved_by_person.map_or(milestone.original_due, |m| m.to)?;
    Some((to - since).num_days())
}
