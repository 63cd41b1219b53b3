//! What an edit of a due date in a ticket leads to by itself: a rule decides it once it has settled, and what cannot be
//! read is answered before it is put right.

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::Ticket;

use super::mapping::{DueLine, due_line};
use super::take::Taking;
use super::{SyncError, talk};
use crate::register::decide::Command;
use crate::register::{Actor, Move, MoveState, NoticeKind};

/// Lets the rules decide an edit that has settled. Gives when to look again at one that has not, and has its reason:
/// one without is looked at again to ask for it.
pub(super) async fn settle(taking: &mut Taking<'_>) -> Result<Option<DateTime<Utc>>, SyncError> {
    let Some(open) = taking.milestone().and_then(|milestone| milestone.open_move()).cloned() else {
        return Ok(None);
    };
    let wait = TimeDelta::seconds(taking.world.settings.policy.moves.settle_seconds.into());
    let settled = open.at + wait;
    if settled > taking.now {
        return Ok(came_with_its_reason(&open).then_some(settled));
    }
    let cause = taking.cause("settled");
    taking.must(Actor::Poam, &cause, &Command::SettleMove { milestone: taking.link.milestone }).await?;
    Ok(None)
}

fn came_with_its_reason(open: &Move) -> bool {
    open.state == MoveState::Explained && open.rationale.as_ref().is_some_and(|why| why.at == open.at)
}

/// Says in the ticket, once for each edit, why its due line is put right: a date that cannot be read, several of them, or
/// a line that is gone.
pub(super) async fn answer_line(
    taking: &mut Taking<'_>,
    ticket: &Ticket,
    problem: Option<&str>,
) -> Result<(), SyncError> {
    // Before the block was ever written there is nothing to put right.
    let Some(block) = &taking.link.base.block else { return Ok(()) };
    let gone = problem.is_none() && due_line(block.theirs.as_deref()) != DueLine::Absent;
    let said = problem == taking.link.observed.due_unreadable.as_deref();
    if said && !gone {
        return Ok(());
    }
    let id = format!("due-line:{}", ticket.updated.timestamp_micros());
    if !taking.tx.take_entry(&taking.link.id, &id, taking.now).await? {
        return Ok(());
    }
    let due = taking.milestone().and_then(|milestone| milestone.due);
    let stands = due.map_or_else(|| "none".to_owned(), |due| due.to_string());
    let what = match problem {
        Some(problem) => problem.to_owned(),
        None => "the due line is gone".to_owned(),
    };
    let body = format!(
        "Not taken: {what}. The line is put back with {stands}. To propose another date, write it there as 2026-12-15, \
         or write `none` to clear it."
    );
    let message = talk::Message { kind: NoticeKind::Answer, answers: id, covers: vec![], body };
    talk::say(taking, message).await
}
