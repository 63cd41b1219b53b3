//! What follows from a change: an item opens, begins, waits for validation or goes back; the milestones of closed
//! items are over.

use std::collections::BTreeSet;

use super::super::{
    Change, Disposition, Evidence, Item, ItemNumber, Milestone, MilestoneNumber, MilestoneState, Register,
    Status, completeness,
};
use super::{Draft, Refusal};

impl Draft<'_> {
    /// What follows for the items that a milestone serves.
    pub(super) fn follow_milestone(&mut self, number: MilestoneNumber) -> Result<(), Refusal> {
        let serves = match self.register.milestones.get(&number) {
            Some(milestone) => milestone.serves.clone(),
            None => return Ok(()),
        };
        for item in &serves {
            self.follow_item(item)?;
        }
        Ok(())
    }

    /// An item's status, as its plan and milestones make it; never back from closed, never back to draft or open.
    pub(super) fn follow_item(&mut self, number: &ItemNumber) -> Result<(), Refusal> {
        loop {
            let Some(item) = self.register.items.get(number) else { return Ok(()) };
            let Some(to) = next_status(&self.register, item) else { return Ok(()) };
            self.push(Change::ItemStatus { item: number.clone(), to })?;
        }
    }

    /// What follows for milestones when an item was closed: those whose items are all closed are over. A done one is
    /// verified. One that was not done is not to be done any more, unless an import says that its item is completed.
    pub(super) fn follow_closure(&mut self, item: &ItemNumber, how: &Disposition) -> Result<(), Refusal> {
        let over: Vec<Milestone> = self
            .register
            .milestones_of(item)
            .filter(|milestone| serves_only_closed(&self.register, milestone))
            .cloned()
            .collect();
        for milestone in over {
            let to = match (milestone.state, how) {
                (MilestoneState::Verified | MilestoneState::Dropped, _) => continue,
                (MilestoneState::Done, _) | (_, Disposition::ImportedClosed) => MilestoneState::Verified,
                (MilestoneState::Planned | MilestoneState::InProgress | MilestoneState::Blocked, _) => {
                    MilestoneState::Dropped
                }
            };
            self.push(Change::MilestoneStateChanged {
                milestone: milestone.number,
                from: milestone.state,
                to,
                at: self.by.now,
                reason: Some(format!("every item it serves is closed, {item} last, as {}", how.name())),
                roles: BTreeSet::new(),
            })?;
            if milestone.closed_without_fix.is_some() {
                self.push(Change::MilestoneClosedWithoutFix { milestone: milestone.number, closed: None })?;
            }
        }
        Ok(())
    }

    /// Whether the plan of a milestone is not frozen yet: everything it serves is a draft.
    pub(super) fn is_plan(&self, milestone: &Milestone) -> bool {
        milestone
            .serves
            .iter()
            .all(|item| self.register.items.get(item).is_some_and(|item| item.status == Status::Draft))
    }
}

/// Whether every item that it serves is closed; one that is not loaded counts as open.
pub(super) fn serves_only_closed(register: &Register, milestone: &Milestone) -> bool {
    milestone.serves.iter().all(|item| register.items.get(item).is_some_and(|item| !item.is_open()))
}

/// The status that an item has next by what its plan and milestones are; none where it stays.
pub(super) fn next_status(register: &Register, item: &Item) -> Option<Status> {
    match item.status {
        Status::Draft => completeness::missing(register, item).is_empty().then_some(Status::Open),
        Status::Open => begun(register, item).then_some(Status::InProgress),
        Status::InProgress => ready(register, item).then_some(Status::PendingValidation),
        Status::PendingValidation => (!ready(register, item)).then_some(Status::InProgress),
        Status::Closed => None,
    }
}

/// The milestones of an item that were not dropped.
fn kept<'a>(register: &'a Register, item: &'a Item) -> impl Iterator<Item = &'a Milestone> {
    register.milestones_of(&item.number).filter(|m| m.state != MilestoneState::Dropped)
}

/// Whether a milestone has started.
fn begun(register: &Register, item: &Item) -> bool {
    kept(register, item).any(|m| m.state != MilestoneState::Planned)
}

/// Whether there is something to validate: all is done, and proven.
fn ready(register: &Register, item: &Item) -> bool {
    all_done(register, item) && proven(register, item)
}

/// Whether it has a milestone, and all are done, none with a ticket that was closed without a fix since: whether that
/// is done is GRC's to decide before anybody validates it.
fn all_done(register: &Register, item: &Item) -> bool {
    let mut kept = kept(register, item).peekable();
    let done = |m: &Milestone| {
        m.state == MilestoneState::Verified
            || m.state == MilestoneState::Done && m.closed_without_fix.is_none()
    };
    kept.peek().is_some() && kept.all(done)
}

/// Whether there is remediation evidence. A reference is none.
fn proven(register: &Register, item: &Item) -> bool {
    kept(register, item)
        .flat_map(|milestone| &milestone.evidence)
        .filter_map(|number| register.evidence.get(number))
        .any(Evidence::is_held)
}
