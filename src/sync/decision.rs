//! What people decided on a moved date is told in the milestone's ticket: with the day and the reason, once, in the
//! transaction of the decision.

use super::mapping::day;
use super::talk::{Message, queue};
use super::withhold::told;
use super::{SyncError, World};
use crate::register::{
    Actor, Change, Decision, Milestone, MilestoneNumber, Move, MoveState, NoticeKind, Register,
};
use crate::store::Tx;

/// Queues a message for each decision of a person among `changes`, which are recorded, where the milestone has a ticket.
/// `answers` is the comment that decided, else empty. Gives whether anything is told.
pub async fn announce(
    tx: &mut Tx,
    world: &World,
    register: &mut Register,
    changes: &[Change],
    cause: &str,
    answers: &str,
) -> Result<bool, SyncError> {
    let mut said = false;
    for change in changes {
        let Some((number, moved)) = decided(change) else { continue };
        let Some(link) = tx.link_of(&register.system.id, number).await?.filter(|link| link.ticket.is_some())
        else {
            continue;
        };
        let disclosure = world.settings.tracker(&link.tracker)?.disclosure;
        let Some(milestone) = register.milestones.get(&number) else { continue };
        let Some(moved) = milestone.moves.iter().find(|held| held.number == moved) else { continue };
        let free = |text: &str| told(text, register, milestone, disclosure);
        let body = words(register, milestone, moved, &free);
        let message =
            Message { kind: NoticeKind::Decision, answers: answers.to_owned(), covers: Vec::new(), body };
        queue(tx, world, register, &link, cause, message).await?;
        said = true;
    }
    Ok(said)
}

/// The milestone and the move that a person approved or rejected.
fn decided(change: &Change) -> Option<(MilestoneNumber, u32)> {
    let (milestone, number, decision) =
        if let Change::MoveApproved { milestone, number, decision, .. } = change {
            (milestone, number, decision)
        } else if let Change::MoveEnded { milestone, number, to, decision, .. } = change
            && *to == MoveState::Rejected
        {
            (milestone, number, decision)
        } else {
            return None;
        };
    by_person(decision).then_some((*milestone, *number))
}

fn by_person(decision: &Decision) -> bool {
    matches!(decision.by, Actor::Person(_) | Actor::Local(_))
}

/// What was decided, by whom, when and why; which date stands. `free` gives a text that people wrote as it may be told.
fn words(register: &Register, milestone: &Milestone, moved: &Move, free: &dyn Fn(&str) -> String) -> String {
    let mut text = format!(
        "The change of the due date of {} {} from {} to {} was {}",
        register.system.id,
        milestone.number,
        day(moved.from),
        day(moved.to),
        moved.state.name(),
    );
    if let Some(decision) = &moved.decision {
        text.push_str(&format!(" by {} on {}", decision.by.shown(), register.system.day(decision.at)));
        if let Some(reason) = &decision.reason {
            text.push_str(&format!(": {}", free(reason)));
        }
    }
    text.push('.');
    if let Some(rationale) = &moved.rationale {
        text.push_str(&format!(" The reason given was: {}.", free(&rationale.text)));
    }
    text.push_str(&format!(" The due date is {}.", day(milestone.due)));
    text
}
