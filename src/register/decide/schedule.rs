//! Due dates: the freeze rule at work. A date is set while its plan is a draft; from then on it moves, beside the
//! original.

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};

use super::super::policy::{answer_by, says_why};
use super::super::{Actor, Change, Decision, Milestone, MilestoneNumber, Move, MoveState, Rationale, Roles};
use super::{Draft, PLANNERS, Refusal, gather};

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
    /// Whence: the ticket's history id, a command, a file. The same place, time and date is the same act, and taken
    /// once. Two acts are ordered by their times where all but the last word is the same, as in
    /// `ticket CONNECTION ID ENTRY`.
    pub whence: String,
    /// Why, where it was said in the same act.
    pub rationale: Option<String>,
    /// Whether it is an edit that its author may still put right: then rules approve it only once it has settled. What
    /// is said as a command needs no time.
    pub settles: bool,
}

impl Draft<'_> {
    pub(super) fn set_due(&mut self, number: MilestoneNumber, due: Option<NaiveDate>) -> Result<(), Refusal> {
        let what = format!("set the due date of {number}");
        let milestone = self.milestone(&what, number)?;
        if milestone.due == due {
            return Ok(());
        }
        let mut because = Vec::new();
        gather(&mut because, self.needs(&what, PLANNERS));
        if milestone.state.is_over() {
            because.push(format!("it is {}", milestone.state.name()));
        }
        if milestone.moves.iter().any(|m| m.state == MoveState::Rejected && m.to == due) {
            because.push("that date was rejected".to_owned());
        }
        if let Some(open) = milestone.open_move() {
            because.push(format!("move {} of it waits: approve or reject that", open.number));
        } else if !self.is_plan(milestone) {
            if milestone.original_due.is_some() {
                because.push("it is frozen since what it serves opened: move it, with a reason".to_owned());
            } else if due.is_none() {
                because.push("it needs a date".to_owned());
            }
        }
        Refusal::unless_none(what, because)?;
        self.push(Change::MilestoneDue { milestone: number, due })?;
        self.follow_milestone(number)
    }

    pub(super) fn propose(&mut self, proposed: &ProposedMove) -> Result<(), Refusal> {
        let mut proposed = proposed.clone();
        proposed.at = proposed.at.trunc_subsecs(6);
        let milestone = self.milestone("move a due date", proposed.milestone)?.clone();
        let number = milestone.number;
        if milestone
            .moves
            .iter()
            .any(|m| m.whence == proposed.whence && m.at == proposed.at && m.to == proposed.to)
        {
            return Ok(());
        }
        if milestone.moves.iter().any(|m| comes_after(m, &proposed)) {
            return self.record_late(&milestone, &proposed);
        }
        let open = milestone.open_move();
        if let Some(open) = open
            && open.to == proposed.to
        {
            // The same date once more asks nothing anew, and may bring the reason.
            return match self.reason_in(&proposed) {
                Some(text) if open.rationale.is_none() => {
                    self.give_rationale(number, open.number, &text, &proposed.by, proposed.at)
                }
                Some(_) | None => Ok(()),
            };
        }
        let back = proposed.to == milestone.due;
        if let Some(open) = open {
            // A return to our date withdraws what was open, and is no move of its own.
            let (to, reason) = if back {
                (MoveState::Withdrawn, "the date went back")
            } else {
                (MoveState::Superseded, "moved again")
            };
            self.end_move(number, open.number, to, &proposed.by, reason)?;
        }
        if back { Ok(()) } else { self.record_move(&milestone, &proposed) }
    }

    /// Records a move with its reason, and what follows for it by rule.
    fn record_move(&mut self, milestone: &Milestone, proposed: &ProposedMove) -> Result<(), Refusal> {
        let over = milestone.state.is_over();
        let plan = self.is_plan(milestone);
        let state = if over || plan { MoveState::Noted } else { MoveState::Unexplained };
        let mut moved = next_move(milestone, proposed, state);
        let number = moved.number;
        let why = self.reason_in(proposed).map(|text| Rationale {
            text: text.trim().to_owned(),
            by: proposed.by.clone(),
            at: proposed.at,
        });
        if over || plan {
            moved.rationale = why;
            self.push(Change::MoveProposed { milestone: milestone.number, moved })?;
            if over {
                return Ok(());
            }
            // Nothing of a draft is frozen: the plan says so now.
            self.push(Change::MilestoneDue { milestone: milestone.number, due: proposed.to })?;
            return self.follow_milestone(milestone.number);
        }
        self.push(Change::MoveProposed { milestone: milestone.number, moved })?;
        if let Some(rationale) = why {
            self.push(Change::MoveExplained { milestone: milestone.number, number, rationale })?;
        }
        let rejected = |moved: &Move| {
            moved.state == MoveState::Rejected && moved.to.is_some() && moved.to == proposed.to
        };
        if milestone.moves.iter().any(rejected) && !self.comes_earlier(milestone, proposed.to) {
            // A refused value is not proposed again: it is recorded, and refused as before.
            let rule = Actor::Rule("moves/refused-before".to_owned());
            let why = "this date was rejected before";
            return self.end_move(milestone.number, number, MoveState::Rejected, &rule, why);
        }
        if proposed.settles && self.settled_at(proposed.at) > self.by.now {
            return Ok(());
        }
        self.let_rules_approve(milestone.number, number)
    }

    /// When an edit made then has settled.
    fn settled_at(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + TimeDelta::seconds(self.by.policy.moves.settle_seconds.into())
    }

    /// An edit found in a ticket has settled: what waited for that is approved where a rule approves it.
    pub(super) fn settle_move(&mut self, number: MilestoneNumber) -> Result<(), Refusal> {
        let milestone = self.milestone("settle a move", number)?;
        let Some(open) = milestone.open_move().filter(|_| !milestone.state.is_over()) else { return Ok(()) };
        // A reason that came later was judged by the rules when it came.
        let judged = open.rationale.as_ref().is_some_and(|why| why.at != open.at);
        if judged || self.settled_at(open.at) > self.by.now {
            return Ok(());
        }
        let open = open.number;
        self.let_rules_approve(number, open)
    }

    fn reason_in(&self, proposed: &ProposedMove) -> Option<String> {
        let words = self.by.policy.moves.rationale_words;
        proposed.rationale.clone().filter(|text| says_why(text, words))
    }

    /// A move that came to us after a later one of the same place: recorded, and superseded by that.
    fn record_late(&mut self, milestone: &Milestone, proposed: &ProposedMove) -> Result<(), Refusal> {
        let mut moved = next_move(milestone, proposed, MoveState::Superseded);
        moved.rationale = self.reason_in(proposed).map(|text| Rationale {
            text: text.trim().to_owned(),
            by: proposed.by.clone(),
            at: proposed.at,
        });
        moved.decision = Some(Decision {
            by: Actor::Rule("moves/told-late".to_owned()),
            at: self.by.now,
            reason: Some("a later move was told before it".to_owned()),
        });
        self.push(Change::MoveProposed { milestone: milestone.number, moved })
    }

    /// Takes back a move that nobody has explained in the time of grace. A later move to the same date is asked about
    /// anew: silence is no refusal.
    pub(super) fn set_back(
        &mut self,
        number: MilestoneNumber,
        which: u32,
        asked: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let what = format!("set back the due date of {number}");
        let milestone = self.milestone(&what, number)?;
        let waits = |m: &Move| m.number == which && m.state == MoveState::Unexplained;
        if !milestone.open_move().is_some_and(waits) {
            return Ok(());
        }
        let by = answer_by(self.by.calendar, self.by.policy, asked);
        let mut because = Vec::new();
        if !self.by.policy.moves.set_back {
            because.push("`[moves] set_back` is not set".to_owned());
        }
        if self.by.today() <= by {
            because.push(format!("a reason is expected by {by}"));
        }
        Refusal::unless_none(what, because)?;
        let rule = Actor::Rule("moves/unanswered".to_owned());
        self.end_move(number, which, MoveState::Withdrawn, &rule, &format!("no reason was given by {by}"))
    }

    /// A milestone that was over is worked on again: a date that was moved meanwhile, and only noted, is proposed now.
    pub(super) fn propose_noted(&mut self, number: MilestoneNumber) -> Result<(), Refusal> {
        let milestone = self.milestone("move a due date", number)?.clone();
        match milestone.moves.last() {
            Some(last)
                if last.state == MoveState::Noted
                    && last.from == milestone.due
                    && last.to != milestone.due =>
            {
                let proposed = ProposedMove {
                    milestone: number,
                    to: last.to,
                    by: last.by.clone(),
                    at: last.at,
                    whence: last.whence.clone(),
                    rationale: last.rationale.as_ref().map(|why| why.text.clone()),
                    settles: false,
                };
                self.record_move(&milestone, &proposed)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The move as it is recorded, numbered after the last.
fn next_move(milestone: &Milestone, proposed: &ProposedMove, state: MoveState) -> Move {
    Move {
        number: u32::try_from(milestone.moves.len()).unwrap_or(u32::MAX).saturating_add(1),
        from: milestone.due,
        to: proposed.to,
        by: proposed.by.clone(),
        at: proposed.at,
        whence: proposed.whence.clone(),
        rationale: None,
        state,
        decision: None,
        asked: None,
    }
}

/// Whether a recorded move was made after a proposed one, by the same clock: that of the place both come from.
fn comes_after(recorded: &Move, proposed: &ProposedMove) -> bool {
    let place = |whence: &str| whence.rsplit_once(' ').map(|(place, _)| place.to_owned());
    let here = place(&proposed.whence);
    here.is_some() && recorded.at > proposed.at && place(&recorded.whence) == here
}

/// The rules by which moves are ended and approved without a person, and what they record.
impl Draft<'_> {
    pub(super) fn approve_by_rule(
        &mut self,
        milestone: MilestoneNumber,
        number: u32,
        rule: &str,
        reason: &str,
    ) -> Result<(), Refusal> {
        let decision =
            Decision { by: Actor::Rule(rule.to_owned()), at: self.by.now, reason: Some(reason.to_owned()) };
        self.push(Change::MoveApproved { milestone, number, decision, roles: Roles::new() })?;
        // A first date may be what a draft waited for.
        self.follow_milestone(milestone)
    }

    pub(super) fn end_move(
        &mut self,
        milestone: MilestoneNumber,
        number: u32,
        to: MoveState,
        by: &Actor,
        reason: &str,
    ) -> Result<(), Refusal> {
        let decision = Decision { by: by.clone(), at: self.by.now, reason: Some(reason.to_owned()) };
        self.push(Change::MoveEnded { milestone, number, to, decision, roles: Roles::new() })
    }
}
