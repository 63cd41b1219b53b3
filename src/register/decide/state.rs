//! Decisions on a milestone's state: by GRC, by who works on it, and by what its ticket says.

use chrono::{DateTime, SubsecRound, Utc};

use super::super::{Actor, Change, ClosedWithoutFix, Milestone, MilestoneNumber, MilestoneState};
use super::follow::serves_only_closed;
use super::{Draft, KEEPERS, NewEvidence, Refusal, WORKERS, gather};

/// A ticket's state changed, as its history tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketTransition {
    /// Of which milestone.
    pub milestone: MilestoneNumber,
    /// What it reads as now.
    pub to: TicketReads,
    /// The tracker's word for it: `Done`, `Won't Do`, `not_planned`.
    pub status: String,
    /// Who did it.
    pub by: Actor,
    /// When, by the tracker's clock.
    pub at: DateTime<Utc>,
    /// The proofs that come with it, the transition's own first; taken where it completes the milestone.
    pub evidence: Vec<NewEvidence>,
}

/// How a ticket's state reads to the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketReads {
    /// Waiting to be begun.
    Open,
    /// Being worked on.
    InProgress,
    /// Held up.
    Blocked,
    /// Finished.
    Done,
    /// Closed without a fix.
    Dropped,
}

impl Draft<'_> {
    pub(super) fn set_state(
        &mut self,
        number: MilestoneNumber,
        to: MilestoneState,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let what = format!("set {number} to {}", to.name());
        let milestone = self.milestone(&what, number)?.clone();
        let over = milestone.state.is_over();
        // GRC may decide that it stays as it is, work to go on or done, though the ticket was closed without a fix.
        let goes_on = milestone.closed_without_fix.is_some() && to == milestone.state;
        let mut because = Vec::new();
        let roles = match to {
            MilestoneState::Blocked | MilestoneState::InProgress if !over && !goes_on => WORKERS,
            MilestoneState::Planned
            | MilestoneState::InProgress
            | MilestoneState::Blocked
            | MilestoneState::Done
            | MilestoneState::Verified
            | MilestoneState::Dropped => KEEPERS,
        };
        gather(&mut because, self.needs(&what, roles));
        if to == milestone.state && !goes_on {
            because.push(format!("it is {} already", to.name()));
        }
        match to {
            MilestoneState::Verified => because.push(
                "verified follows from validations of every item it serves, and is never set".to_owned(),
            ),
            MilestoneState::Planned if !goes_on => {
                because.push("what was begun does not become unbegun".to_owned());
            }
            MilestoneState::Blocked if over => {
                because.push(format!("it is {}: reopen it first", milestone.state.name()));
            }
            MilestoneState::Done if !self.is_proven(&milestone) => because.push(
                "it has no evidence whose bytes are kept, newer than a rejected validation: attach some first"
                    .to_owned(),
            ),
            MilestoneState::Planned
            | MilestoneState::InProgress
            | MilestoneState::Blocked
            | MilestoneState::Done
            | MilestoneState::Dropped => {}
        }
        if serves_only_closed(&self.register, &milestone) {
            because.push("every item it serves is closed, and a recurrence is a new item".to_owned());
        }
        // Whoever only works on it decides nothing about its closed ticket.
        let decides = milestone.closed_without_fix.is_some() && self.has(KEEPERS);
        let needs_reason = matches!(to, MilestoneState::Dropped | MilestoneState::Blocked) || over || decides;
        if needs_reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
            because.push("it needs a reason".to_owned());
        }
        Refusal::unless_none(what, because)?;
        if !goes_on {
            self.change_state(&milestone, to, self.by.now, reason)?;
        }
        if decides {
            self.push(Change::MilestoneClosedWithoutFix { milestone: number, closed: None })?;
        }
        self.follow_milestone(number)
    }

    pub(super) fn unblock(&mut self, number: MilestoneNumber, begun: bool) -> Result<(), Refusal> {
        let what = format!("unblock {number}");
        let milestone = self.milestone(&what, number)?.clone();
        let mut because = Vec::new();
        gather(&mut because, self.needs(&what, WORKERS));
        if milestone.state != MilestoneState::Blocked {
            because.push(format!("it is {}, not blocked", milestone.state.name()));
        }
        if serves_only_closed(&self.register, &milestone) {
            because.push("every item it serves is closed, and a recurrence is a new item".to_owned());
        }
        Refusal::unless_none(what, because)?;
        let to = if begun { MilestoneState::InProgress } else { MilestoneState::Planned };
        self.change_state(&milestone, to, self.by.now, Some("unblocked"))?;
        self.follow_milestone(number)
    }

    pub(super) fn transition(&mut self, transition: &TicketTransition) -> Result<(), Refusal> {
        let milestone = self.milestone("take a transition", transition.milestone)?.clone();
        let number = milestone.number;
        let at = transition.at.trunc_subsecs(6);
        if transition.to != TicketReads::Dropped && milestone.closed_without_fix.is_some() {
            self.push(Change::MilestoneClosedWithoutFix { milestone: number, closed: None })?;
        }
        let by = transition.by.shown();
        let said = format!("{by} set the ticket to {}", transition.status);
        let to = match (transition.to, milestone.state) {
            // Closed without a fix completes nothing: the milestone keeps its state until GRC decides.
            (
                TicketReads::Dropped,
                MilestoneState::Planned
                | MilestoneState::InProgress
                | MilestoneState::Blocked
                | MilestoneState::Done,
            ) => {
                let closed = Some(ClosedWithoutFix { resolution: transition.status.clone(), by, at });
                if milestone.closed_without_fix != closed {
                    self.push(Change::MilestoneClosedWithoutFix { milestone: number, closed })?;
                }
                None
            }
            (TicketReads::Done, _) => {
                for evidence in &transition.evidence {
                    self.add_evidence(evidence)?;
                }
                (!milestone.state.is_over() && self.newly_proven(number)?).then_some(MilestoneState::Done)
            }
            // Verified is past what a ticket can say: drift tells GRC. Dropped is GRC's own decision.
            (_, MilestoneState::Verified | MilestoneState::Dropped)
            | (TicketReads::Open, MilestoneState::Planned | MilestoneState::InProgress)
            | (TicketReads::InProgress, MilestoneState::InProgress)
            | (TicketReads::Blocked, MilestoneState::Blocked) => None,
            (
                TicketReads::Blocked,
                MilestoneState::Planned | MilestoneState::InProgress | MilestoneState::Done,
            ) => Some(MilestoneState::Blocked),
            (TicketReads::Open, MilestoneState::Blocked | MilestoneState::Done)
            | (
                TicketReads::InProgress,
                MilestoneState::Planned | MilestoneState::Blocked | MilestoneState::Done,
            ) => Some(MilestoneState::InProgress),
        };
        if let Some(to) = to {
            self.change_state(&milestone, to, at, Some(&said))?;
        }
        self.follow_milestone(number)
    }

    /// After a rejected validation, Done counts only with evidence newer than it, beside the transition's own.
    fn newly_proven(&self, number: MilestoneNumber) -> Result<bool, Refusal> {
        let milestone = self.milestone("take a transition", number)?;
        Ok(milestone.evidence_after.is_none() || self.is_proven(milestone))
    }

    fn change_state(
        &mut self,
        milestone: &Milestone,
        to: MilestoneState,
        at: DateTime<Utc>,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        self.push(Change::MilestoneStateChanged {
            milestone: milestone.number,
            from: milestone.state,
            to,
            at,
            reason: reason.map(|reason| reason.trim().to_owned()),
            roles: self.by.roles.clone(),
        })?;
        if milestone.state.is_over() && !to.is_over() {
            self.propose_noted(milestone.number)?;
        }
        Ok(())
    }
}
