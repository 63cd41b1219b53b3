//! The merge: what a ticket is to become, from both sides and the base, field by field. Pure.
//!
//! A field's base is what both sides were when it was last reconciled; a side changed when it differs from its own
//! half. The outcome is data: what to send, what to keep as the base, which losers to keep.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use connector_api::{Account, TicketState};

use crate::register::{Base, Pair};

/// Both sides of a link, as one moment shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// Our whole title, `[ACME M-17] text`.
    pub our_title: String,
    /// Our prefix in it.
    pub prefix: String,
    /// The ticket's title.
    pub their_title: String,
    /// The ticket's title with our prefix before its text.
    pub their_title_prefixed: String,
    /// Our block.
    pub our_block: String,
    /// The ticket's block.
    pub their_block: Option<String>,
    /// Our state.
    pub our_state: TicketState,
    /// The ticket's state.
    pub their_state: TicketState,
    /// Validation was rejected: that the ticket is done does not count without newer evidence, and is answered there.
    pub wants_evidence: bool,
    /// Our due date.
    pub our_due: Option<NaiveDate>,
    /// The ticket's due date.
    pub their_due: Option<NaiveDate>,
    /// Whether the ticket's due date can be read at all.
    pub due_readable: bool,
    /// Whether the due date lives in a field that we write, and not in the block.
    pub due_in_field: bool,
    /// Dates that are apart with a move or drift that names them: they are not sent.
    pub due_apart: bool,
    /// The owner's account, where there is one.
    pub our_assignee: Option<Account>,
    /// The ticket's assignee.
    pub their_assignee: Option<Account>,
    /// Labels that the ticket must carry.
    pub managed_labels: BTreeSet<String>,
    /// Labels that it carries.
    pub their_labels: BTreeSet<String>,
}

/// What a merge decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// Title to send.
    pub title: Option<String>,
    /// Block to send.
    pub block: Option<String>,
    /// State to send.
    pub state: Option<TicketState>,
    /// Due date to send.
    pub due: Option<Option<NaiveDate>>,
    /// Assignee to send.
    pub assignee: Option<Option<Account>>,
    /// Labels to put back.
    pub labels: BTreeSet<String>,
    /// The title's text is theirs now, and stays.
    pub title_noted: bool,
    /// The ticket's assignee is to become the owner, through the identity map.
    pub take_assignee: bool,
    /// Fields that both sides changed, with the loser's value: field, base, ours, theirs, winner.
    pub conflicts: Vec<Clash>,
    /// The base as it is once nothing but what is sent is apart.
    pub base: Base,
}

/// A field that both sides changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// Field.
    pub field: &'static str,
    /// What both had been.
    pub base: String,
    /// Ours.
    pub ours: String,
    /// Theirs.
    pub theirs: String,
    /// `register` or `tracker`.
    pub winner: &'static str,
}

/// How a side stands to its base.
fn changed<T: PartialEq>(base: Option<&Pair<T>>, ours: &T, theirs: &T) -> (bool, bool) {
    match base {
        Some(pair) => (pair.ours != *ours, pair.theirs != *theirs),
        // Never reconciled: ours is what the ticket was made with or adopted for.
        None => (ours != theirs, false),
    }
}

/// Merges every field.
pub fn merge(sides: &Sides, base: &Base) -> Merged {
    let mut merged = Merged { base: base.clone(), ..Merged::default() };
    title(sides, base, &mut merged);
    block(sides, base, &mut merged);
    state(sides, base, &mut merged);
    due(sides, &mut merged);
    assignee(sides, base, &mut merged);
    labels(sides, &mut merged);
    merged
}

/// Title: our edit goes out; theirs stays, with our prefix before it; both changed: ours, and theirs is kept.
fn title(sides: &Sides, base: &Base, merged: &mut Merged) {
    let (ours, theirs) = changed(base.title.as_ref(), &sides.our_title, &sides.their_title);
    let settled = if sides.our_title == sides.their_title {
        sides.their_title.clone()
    } else if ours {
        if theirs {
            merged.conflicts.push(Clash {
                field: "title",
                base: base.title.as_ref().map(|pair| pair.theirs.clone()).unwrap_or_default(),
                ours: sides.our_title.clone(),
                theirs: sides.their_title.clone(),
                winner: "register",
            });
            // The loser is kept: it is no news any more, however often the write has to be tried.
            if let Some(base) = &mut merged.base.title {
                base.theirs.clone_from(&sides.their_title);
            }
        }
        merged.title = Some(sides.our_title.clone());
        return;
    } else {
        merged.title_noted = true;
        if sides.their_title != sides.their_title_prefixed {
            merged.title = Some(sides.their_title_prefixed.clone());
        }
        sides.their_title_prefixed.clone()
    };
    if merged.title.is_none() {
        merged.base.title = Some(Pair { ours: sides.our_title.clone(), theirs: settled });
    }
}

/// Description: the block is ours alone. Sites rewrite what they are given, so theirs is compared with what was read
/// back after our last write where it does not equal ours.
fn block(sides: &Sides, base: &Base, merged: &mut Merged) {
    let as_left = base.block.as_ref().is_some_and(|pair| {
        pair.ours.as_deref() == Some(&sides.our_block) && pair.theirs == sides.their_block
    });
    if as_left || sides.their_block.as_deref() == Some(&sides.our_block) {
        merged.base.block =
            Some(Pair { ours: Some(sides.our_block.clone()), theirs: sides.their_block.clone() });
    } else {
        merged.block = Some(sides.our_block.clone());
    }
}

/// Whether work in this state is over.
fn over(state: TicketState) -> bool {
    match state {
        TicketState::Done | TicketState::Dropped => true,
        TicketState::Open | TicketState::InProgress | TicketState::Blocked => false,
    }
}

/// State: theirs came by the log, in its order with what people decided in comments; ours goes out when GRC reopens,
/// drops or has it done. Both changed: the tracker's stands, which the log has taken already. What still differs then
/// was decided after it: what GRC dropped stays dropped, and work that goes on has no closed ticket.
fn state(sides: &Sides, base: &Base, merged: &mut Merged) {
    let now = Pair { ours: name(sides.our_state), theirs: name(sides.their_state) };
    let (ours, theirs) = changed(base.state.as_ref(), &now.ours, &now.theirs);
    let apart = match (over(sides.our_state), over(sides.their_state)) {
        (true, true) => sides.our_state != sides.their_state,
        (false, false) => false,
        (true, false) | (false, true) => true,
    };
    let decided = match sides.our_state {
        TicketState::Dropped => ours,
        TicketState::Open | TicketState::InProgress | TicketState::Blocked => {
            !(sides.wants_evidence && sides.their_state == TicketState::Done)
        }
        TicketState::Done => false,
    };
    let stands = if theirs { decided } else { ours };
    if stands && apart && base.state.is_some() {
        merged.state = Some(match sides.our_state {
            // That it is held up is for the ticket's people to show in their own way.
            TicketState::Blocked => TicketState::InProgress,
            TicketState::Open | TicketState::InProgress | TicketState::Done | TicketState::Dropped => {
                sides.our_state
            }
        });
        return;
    }
    merged.base.state = Some(now);
}

/// Whether the work was over when it was last reconciled.
fn was_over(base: &Base) -> bool {
    let closed = [name(TicketState::Done), name(TicketState::Dropped)];
    base.state.as_ref().is_some_and(|pair| closed.contains(&pair.ours))
}

fn name(state: TicketState) -> String {
    super::mapping::state_name(state).to_owned()
}

/// Due: an approved move goes out; theirs is a proposed move, taken before; while a move or drift names the
/// difference, both stay, and what nothing names is put right.
fn due(sides: &Sides, merged: &mut Merged) {
    if !sides.due_in_field {
        // The block carries it, and with it what is shown; its base only tells whether they changed it.
        if sides.due_readable {
            merged.base.due = Some(Pair { ours: sides.our_due, theirs: sides.their_due });
        }
        return;
    }
    if sides.our_due != sides.their_due && !sides.due_apart {
        merged.due = Some(sides.our_due);
        return;
    }
    merged.base.due = Some(Pair { ours: sides.our_due, theirs: sides.their_due });
}

/// Assignee: ours goes out where only we changed it; theirs is taken through the identity map, and wins.
fn assignee(sides: &Sides, base: &Base, merged: &mut Merged) {
    let id = |account: &Option<Account>| account.as_ref().map(|account| account.id.clone());
    let now = Pair { ours: id(&sides.our_assignee), theirs: id(&sides.their_assignee) };
    let (ours, theirs) = match &base.assignee {
        Some(pair) => (pair.ours != now.ours, pair.theirs != now.theirs),
        None => (now.ours.is_some() && now.theirs.is_none(), now.theirs.is_some()),
    };
    if now.ours == now.theirs {
        merged.base.assignee = Some(now);
        return;
    }
    if now.theirs.is_none() && over(sides.our_state) {
        // Workflows take the assignee away when they close: whoever owned it stays named, and is assigned again where
        // work goes on.
        merged.base.assignee = Some(Pair { ours: None, theirs: None });
        return;
    }
    if theirs {
        // Of what was taken away with the closing, the owner's name was kept: that is no change of ours.
        let kept =
            |pair: &Pair<Option<String>>| pair.ours.is_none() && pair.theirs.is_none() && was_over(base);
        if ours && base.assignee.as_ref().is_some_and(|pair| !kept(pair)) {
            merged.conflicts.push(Clash {
                field: "assignee",
                base: base.assignee.as_ref().and_then(|pair| pair.theirs.clone()).unwrap_or_default(),
                ours: now.ours.clone().unwrap_or_default(),
                theirs: now.theirs.clone().unwrap_or_default(),
                winner: "tracker",
            });
        }
        merged.take_assignee = true;
        merged.base.assignee = Some(now);
    } else if ours && sides.our_assignee.is_some() {
        merged.assignee = Some(sides.our_assignee.clone());
    } else {
        merged.base.assignee = Some(now);
    }
}

/// Labels: the managed ones are put back; others are theirs.
fn labels(sides: &Sides, merged: &mut Merged) {
    merged.labels = sides.managed_labels.difference(&sides.their_labels).cloned().collect();
    let held: BTreeSet<String> = sides.managed_labels.intersection(&sides.their_labels).cloned().collect();
    merged.base.labels = Some(Pair { ours: sides.managed_labels.clone(), theirs: held });
}

impl Merged {
    /// Whether the ticket needs no write.
    pub fn is_settled(&self) -> bool {
        self.title.is_none()
            && self.block.is_none()
            && self.state.is_none()
            && self.due.is_none()
            && self.assignee.is_none()
            && self.labels.is_empty()
    }
}
