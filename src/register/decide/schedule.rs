//! Decisions on moves: the freeze rule at work.

use chrono::{DateTime, NaiveDate, Utc};

use super::super::policy::says_why;
use super::super::{
    Actor, Change, Decision, Milestone, MilestoneNumber, Move, MoveState, Rationale, Role, Roles,
};
use super::{Draft, Refusal};

/// A date that somebody moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedMove {
    /// Of which milestone.
    pub milestone: MilestoneNumber,
    /// To which date; none is a cleared one.
    pub to: Option<NaiveDate>,
    /// Who moved it.
    pub by: Actor,
    /// When, by the clock of where it was moved.
    pub at: DateTime<Utc>,
    /// Whence: the ticket's history id, a command, a file.
    pub whence: String,
    /// Why, where it was said in the same act.
    pub rationale: Option<String>,
}

/// Who may decide moves.
const DECIDERS: &[Role] = &[Role::Approver, Role::Isso, Role::AuthorizingOfficial];

impl Draft<'_> {
    pub(super) fn propose(&mut self, proposed: &ProposedMove) -> Result<(), Refusal> {
        let what = "move a due date";
        let milestone = self.milestone(what, proposed.milestone)?.clone();
        let open = milestone.open_move().cloned();
        if open.as_ref().is_some_and(|open| open.to == proposed.to) {
            return Ok(());
        }
        // A return to our date withdraws what was open, and is no move of its own.
        if proposed.to == milestone.due {
            if let Some(open) = open {
                self.end_move(
                    &milestone,
                    open.number,
                    MoveState::Withdrawn,
                    &proposed.by,
                    "the date went back",
                )?;
            }
            return Ok(());
        }
        if let Some(open) = open {
            self.end_move(&milestone, open.number, MoveState::Superseded, &proposed.by, "moved again")?;
        }
        let refused = milestone.moves.iter().any(|m| m.state == MoveState::Rejected && m.to == proposed.to);
        let number = u32::try_from(milestone.moves.len()).unwrap_or(u32::MAX).saturating_add(1);
        let state = if milestone.state.is_over() { MoveState::Noted } else { MoveState::Unexplained };
        let moved = Move {
            number,
            from: milestone.due,
            to: proposed.to,
            by: proposed.by.clone(),
            at: proposed.at,
            whence: proposed.whence.clone(),
            rationale: None,
            state,
            decision: None,
            asked: None,
        };
        self.push(Change::MoveProposed { milestone: milestone.number, moved })?;
        if state == MoveState::Noted {
            return Ok(());
        }
        if refused {
            // A refused value is not proposed again: it is recorded, and refused as before.
            let rule = Actor::Rule("moves/refused-before".to_owned());
            return self.end_move(
                &milestone,
                number,
                MoveState::Rejected,
                &rule,
                "this date was rejected before",
            );
        }
        let earlier = matches!((milestone.due, proposed.to), (Some(due), Some(to)) if to < due);
        if earlier {
            return self.approve_by_rule(
                milestone.number,
                number,
                "moves/earlier-date",
                "an earlier date needs no approver",
            );
        }
        if let Some(text) = &proposed.rationale
            && says_why(text, self.by.policy.moves.rationale_words)
        {
            self.give_rationale(milestone.number, number, text, &proposed.by, proposed.at)?;
        }
        Ok(())
    }

    pub(super) fn explain(
        &mut self,
        number: MilestoneNumber,
        which: Option<u32>,
        text: &str,
    ) -> Result<(), Refusal> {
        let what = "record a rationale";
        self.needs(
            what,
            &[Role::Engineer, Role::Owner, Role::Supporting, Role::Grc, Role::Isso, Role::SystemOwner],
        )?;
        let moved = self.waiting_move(what, number, which)?;
        let words = self.by.policy.moves.rationale_words;
        if !says_why(text, words) {
            return Err(Refusal::new(
                what,
                format!("a rationale has at least {words} words; this has fewer: {text:?}"),
            ));
        }
        self.give_rationale(number, moved.number, text, &self.by.actor.clone(), self.by.now)
    }

    pub(super) fn approve(&mut self, number: MilestoneNumber, which: Option<u32>) -> Result<(), Refusal> {
        let what = "approve a move";
        let moved = self.waiting_move(what, number, which)?;
        let mut because = Vec::new();
        if let Err(refusal) = self.needs(what, DECIDERS) {
            because.extend(refusal.because);
        }
        if moved.by == self.by.actor {
            because.push(format!("{} moved the date, and an approver is another", self.by.actor.shown()));
        }
        if moved.to.is_none() {
            because.push("a cleared date can be explained, never approved".to_owned());
        }
        if moved.rationale.is_none() {
            because.push("nobody has said why yet".to_owned());
        }
        if !because.is_empty() {
            return Err(Refusal { what: what.to_owned(), because });
        }
        let decision = Decision { by: self.by.actor.clone(), at: self.by.now, reason: None };
        self.push(Change::MoveApproved {
            milestone: number,
            number: moved.number,
            decision,
            roles: self.by.roles.clone(),
        })
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
        if let Err(refusal) = self.needs(what, DECIDERS) {
            because.extend(refusal.because);
        }
        if reason.trim().is_empty() {
            because.push("a rejection says why".to_owned());
        }
        if !because.is_empty() {
            return Err(Refusal { what: what.to_owned(), because });
        }
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
    fn give_rationale(
        &mut self,
        milestone: MilestoneNumber,
        number: u32,
        text: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let rationale = Rationale { text: text.trim().to_owned(), by: by.clone(), at };
        self.push(Change::MoveExplained { milestone, number, rationale })?;
        let milestone = self.milestone("approve by rule", milestone)?;
        let Some(moved) = milestone.moves.iter().find(|m| m.number == number) else { return Ok(()) };
        let Some(to) = moved.to else { return Ok(()) };
        let settings = &self.by.policy.moves;
        let within_deadline = self.register.deadline_of(milestone).is_none_or(|deadline| to <= deadline.date);
        let within_days =
            days_in_total(milestone, to).is_some_and(|days| days <= i64::from(settings.total_days));
        if settings.approve_by_rule && within_deadline && within_days {
            let reason = format!("explained, within the deadline and {} days in total", settings.total_days);
            let number_of = milestone.number;
            return self.approve_by_rule(number_of, number, "moves/within-limits", &reason);
        }
        Ok(())
    }

    fn approve_by_rule(
        &mut self,
        milestone: MilestoneNumber,
        number: u32,
        rule: &str,
        reason: &str,
    ) -> Result<(), Refusal> {
        let decision =
            Decision { by: Actor::Rule(rule.to_owned()), at: self.by.now, reason: Some(reason.to_owned()) };
        self.push(Change::MoveApproved { milestone, number, decision, roles: Roles::new() })
    }

    fn end_move(
        &mut self,
        milestone: &Milestone,
        number: u32,
        to: MoveState,
        by: &Actor,
        reason: &str,
    ) -> Result<(), Refusal> {
        let decision = Decision { by: by.clone(), at: self.by.now, reason: Some(reason.to_owned()) };
        self.push(Change::MoveEnded {
            milestone: milestone.number,
            number,
            to,
            decision,
            roles: Roles::new(),
        })
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
