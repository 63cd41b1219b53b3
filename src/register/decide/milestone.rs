//! Decisions on milestones, their states and their evidence.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::super::policy::vague;
use super::super::{
    Actor, Change, ClosedWithoutFix, Digest, Evidence, EvidenceKind, EvidenceOf, ItemNumber, Milestone,
    MilestoneNumber, MilestoneState, Role, Status,
};
use super::{Draft, Refusal};

/// A milestone to be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewMilestone {
    /// What is to be done.
    pub text: String,
    /// Items it serves: at least one.
    pub serves: BTreeSet<ItemNumber>,
    /// A person's name.
    pub owner: Option<String>,
    /// Expected evidence: at least one kind.
    pub expects: BTreeSet<EvidenceKind>,
    /// Milestones to be done before.
    pub depends_on: BTreeSet<MilestoneNumber>,
    /// Due date.
    pub due: Option<NaiveDate>,
    /// Why vague wording is to be let pass (GRC).
    pub allow_wording: Option<String>,
}

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

/// A proof to be recorded; its bytes are in the evidence store already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvidence {
    /// What it proves.
    pub of: EvidenceOf,
    /// Kind.
    pub kind: EvidenceKind,
    /// One line.
    pub title: String,
    /// Of its bytes.
    pub digest: Option<Digest>,
    /// How many.
    pub size: u64,
    /// Media type.
    pub media_type: String,
    /// Evidence authors.
    pub authors: Vec<Actor>,
    /// When what it shows was so.
    pub observed: DateTime<Utc>,
    /// Where it came by; the same source of the same milestone is taken once.
    pub source: String,
    /// More about it.
    pub details: BTreeMap<String, String>,
}

const PLANNERS: &[Role] = &[Role::Grc, Role::Isso, Role::Owner, Role::SystemOwner];
const WORKERS: &[Role] = &[Role::Engineer, Role::Owner, Role::Supporting, Role::Grc, Role::Isso];

impl Draft<'_> {
    pub(super) fn add_milestone(&mut self, new: &NewMilestone) -> Result<(), Refusal> {
        let what = "add a milestone";
        self.needs(what, PLANNERS)?;
        let mut because = Vec::new();
        let text = new.text.trim();
        if text.is_empty() {
            because.push("it has no text".to_owned());
        } else if let (Some(why), None) = (vague(text), &new.allow_wording) {
            because.push(format!("{why}; or GRC lets it pass with a reason"));
        }
        if new.allow_wording.is_some() && self.needs(what, &[Role::Grc, Role::Isso]).is_err() {
            because.push("only grc or isso lets vague wording pass".to_owned());
        }
        if new.serves.is_empty() {
            because.push("it serves no item".to_owned());
        }
        for item in &new.serves {
            match self.register.items.get(item) {
                None => because.push(format!("there is no {item}")),
                Some(item) if !item.is_open() => because.push(format!("{} is closed", item.number)),
                Some(_) => {}
            }
        }
        if let Some(owner) = &new.owner
            && let Err(refusal) = self.person(what, owner)
        {
            because.extend(refusal.because);
        }
        for needed in &new.depends_on {
            if !self.register.milestones.contains_key(needed) {
                because.push(format!("it depends on {needed}, which there is not"));
            }
        }
        if !because.is_empty() {
            return Err(Refusal { what: what.to_owned(), because });
        }
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
            wording_allowed: new.allow_wording.clone(),
        })?;
        self.follow_milestone(milestone)
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
        for item in serves {
            if !self.register.items.contains_key(item) {
                because.push(format!("there is no {item}"));
            }
        }
        for left in milestone.serves.difference(serves) {
            if self.register.items.get(left).is_some_and(|item| item.status != Status::Draft) {
                because.push(format!("{left} is past draft, and a milestone that serves it stays"));
            }
        }
        if !because.is_empty() {
            return Err(Refusal { what: what.to_owned(), because });
        }
        self.push(Change::MilestoneServes { milestone: number, serves: serves.clone() })?;
        self.follow_milestone(number)
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

    pub(super) fn set_state(
        &mut self,
        number: MilestoneNumber,
        to: MilestoneState,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let what = format!("set {number} to {}", to.name());
        let milestone = self.milestone(&what, number)?.clone();
        let mut because = Vec::new();
        let roles = match to {
            MilestoneState::Blocked | MilestoneState::InProgress if !milestone.state.is_over() => WORKERS,
            MilestoneState::Planned
            | MilestoneState::InProgress
            | MilestoneState::Blocked
            | MilestoneState::Done
            | MilestoneState::Verified
            | MilestoneState::Dropped => &[Role::Grc, Role::Isso],
        };
        if let Err(refusal) = self.needs(&what, roles) {
            because.extend(refusal.because);
        }
        if to == milestone.state {
            because.push(format!("it is {} already", to.name()));
        }
        if to == MilestoneState::Verified {
            because.push(
                "verified follows from validations of every item it serves, and is never set".to_owned(),
            );
        }
        if to == MilestoneState::Planned {
            because.push("what was begun does not become unbegun".to_owned());
        }
        if milestone.state == MilestoneState::Verified {
            because.push(
                "it is verified: every item it serves is closed, and a recurrence is a new item".to_owned(),
            );
        }
        let needs_reason =
            matches!(to, MilestoneState::Dropped | MilestoneState::Blocked) || milestone.state.is_over();
        if needs_reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
            because.push("it needs a reason".to_owned());
        }
        if to == MilestoneState::Done && milestone.evidence.is_empty() {
            because.push(
                "it has no evidence: attach some first (milestone done --evidence FILE --kind KIND)"
                    .to_owned(),
            );
        }
        if !because.is_empty() {
            return Err(Refusal { what, because });
        }
        self.change_state(&milestone, to, self.by.now, reason)?;
        if to == MilestoneState::Dropped && milestone.closed_without_fix.is_some() {
            self.push(Change::MilestoneClosedWithoutFix { milestone: number, closed: None })?;
        }
        self.follow_milestone(number)
    }

    pub(super) fn transition(&mut self, transition: &TicketTransition) -> Result<(), Refusal> {
        let what = "take a transition";
        let milestone = self.milestone(what, transition.milestone)?.clone();
        let number = milestone.number;
        if transition.to != TicketReads::Dropped && milestone.closed_without_fix.is_some() {
            self.push(Change::MilestoneClosedWithoutFix { milestone: number, closed: None })?;
        }
        let by = transition.by.shown();
        let said = format!("{by} set the ticket to {}", transition.status);
        match (transition.to, milestone.state) {
            // Closed without a fix completes nothing: the milestone keeps its state until GRC decides.
            (TicketReads::Dropped, MilestoneState::Dropped) => {}
            (TicketReads::Dropped, _) => {
                let closed =
                    ClosedWithoutFix { resolution: transition.status.clone(), by, at: transition.at };
                self.push(Change::MilestoneClosedWithoutFix { milestone: number, closed: Some(closed) })?;
            }
            (TicketReads::Done, _) => {
                for evidence in &transition.evidence {
                    self.add_evidence(evidence)?;
                }
                if !milestone.state.is_over() && self.newly_proven(number)? {
                    self.change_state(&milestone, MilestoneState::Done, transition.at, Some(&said))?;
                }
            }
            // Verified is past what a ticket can say: drift tells GRC. Dropped is GRC's own decision.
            (_, MilestoneState::Verified | MilestoneState::Dropped)
            | (TicketReads::Open, MilestoneState::Planned) => {}
            (TicketReads::InProgress, MilestoneState::InProgress)
            | (TicketReads::Blocked, MilestoneState::Blocked) => {}
            (TicketReads::Open, MilestoneState::InProgress) => {}
            (TicketReads::Blocked, _) => {
                self.change_state(&milestone, MilestoneState::Blocked, transition.at, Some(&said))?;
            }
            (TicketReads::Open | TicketReads::InProgress, _) => {
                self.change_state(&milestone, MilestoneState::InProgress, transition.at, Some(&said))?;
            }
        }
        self.follow_milestone(number)
    }

    /// After a rejected validation, Done counts only with evidence newer than it, beside the transition's own.
    fn newly_proven(&self, number: MilestoneNumber) -> Result<bool, Refusal> {
        let milestone = self.milestone("take a transition", number)?;
        let Some(after) = milestone.evidence_after else { return Ok(true) };
        Ok(milestone
            .evidence
            .iter()
            .filter_map(|n| self.register.evidence.get(n))
            .any(|evidence| evidence.kind != EvidenceKind::Transition && evidence.observed > after))
    }

    /// Records a proof once per source; gives its number, or none where it was there.
    pub(super) fn add_evidence(&mut self, new: &NewEvidence) -> Result<Option<u32>, Refusal> {
        let what = "record evidence";
        match &new.of {
            EvidenceOf::Milestone(number) => {
                self.milestone(what, *number)?;
            }
            EvidenceOf::Item(number) => {
                self.item(what, number)?;
            }
            EvidenceOf::Source(_) => {}
        }
        if self.register.evidence.values().any(|held| held.of == new.of && held.source == new.source) {
            return Ok(None);
        }
        let number = self.register.system.last_evidence + 1;
        let evidence = Evidence {
            number,
            of: new.of.clone(),
            kind: new.kind,
            title: new.title.clone(),
            digest: new.digest.clone(),
            size: new.size,
            media_type: new.media_type.clone(),
            authors: new.authors.clone(),
            observed: new.observed,
            recorded: self.by.now,
            source: new.source.clone(),
            details: new.details.clone(),
            redacted: None,
        };
        self.push(Change::EvidenceAdded { evidence: Box::new(evidence) })?;
        if let EvidenceOf::Milestone(milestone) = &new.of {
            self.follow_milestone(*milestone)?;
        }
        Ok(Some(number))
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
        })
    }
}
