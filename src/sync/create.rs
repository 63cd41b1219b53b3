//! A ticket is made exactly once. The intent is recorded before the call; after an unknown outcome the marker is
//! looked for past the consistency window before any new attempt. Between created there and recorded here nothing may
//! fail retryably.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use connector_api::{Account, Connector, Made, Marker, NewTicket, Outcome, Ticket, TicketState};

use super::mapping::{self, Shown, Tracker};
use super::{SyncError, World};
use crate::register::decide::{Command, decide};
use crate::register::{Actor, Base, Link, LinkPhase, Milestone, Pair, TicketName};
use crate::store::Scope;

/// Makes the ticket of a link, or finds the one that an earlier attempt made. Gives whether there is one now.
pub async fn create(world: &World, link: &Link, us: &Account) -> Result<bool, SyncError> {
    let tracker = world.settings.tracker(&link.tracker)?;
    let connector = world.connector(&tracker.connection)?;
    let marker = Marker { installation: world.settings.installation.clone(), link: link.id.clone() };
    if let Some(sent) = link.create_sent {
        let (ours, others) = look(&**connector, tracker, &marker, us).await?;
        if let Some(ticket) = ours {
            let made = Made { reference: ticket.reference, assignee: ticket.assignee };
            bind(world, link, &made, &others, false).await?;
            return Ok(true);
        }
        let window = TimeDelta::seconds(connector.capabilities().consistency_window_s.into());
        if world.clock.now() < sent + window {
            wait(world, link, sent + window).await?;
            return Ok(false);
        }
    }
    let Some(new) = intent(world, link, tracker, marker).await? else { return Ok(false) };
    match connector.create(&new).await {
        Ok(made) => {
            bind(world, link, &made, &[], true).await?;
            Ok(true)
        }
        Err(error) => {
            if error.outcome == Outcome::NotDone {
                forget(world, link).await?;
            }
            Err(error.into())
        }
    }
}

/// Tickets that carry the marker: the oldest that our account made, and the keys of all others.
async fn look(
    connector: &dyn Connector,
    tracker: &Tracker,
    marker: &Marker,
    us: &Account,
) -> Result<(Option<Ticket>, Vec<String>), SyncError> {
    let mut ours = None;
    let mut others = Vec::new();
    for ticket in connector.find_marker(&tracker.project, marker).await? {
        if ours.is_none() && ticket.author.as_ref().is_some_and(|author| author.id == us.id) {
            ours = Some(ticket);
        } else {
            others.push(ticket.reference.key);
        }
    }
    Ok((ours, others))
}

/// Records the intent, and gives what is to be made. None where the milestone needs no ticket any more.
async fn intent(
    world: &World,
    link: &Link,
    tracker: &Tracker,
    marker: Marker,
) -> Result<Option<NewTicket>, SyncError> {
    let (id, world, tracker) = (link.id.clone(), world.clone(), tracker.clone());
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move {
                let now = world.clock.now();
                let Some(mut link) = tx.link(&id).await? else { return Ok::<_, SyncError>(None) };
                let register =
                    tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
                let Some(milestone) = register.milestones.get(&link.milestone) else { return Ok(None) };
                if milestone.state.is_over() || link.phase != LinkPhase::Creating {
                    link.phase =
                        if link.phase == LinkPhase::Creating { LinkPhase::Waiting } else { link.phase };
                    link.dirty = None;
                    tx.save_link(&mut link).await?;
                    return Ok(None);
                }
                let in_field =
                    tracker.due_in_field(world.connector(&tracker.connection)?.capabilities().due_field);
                let shown = Shown { due: milestone.due, in_field };
                let new = NewTicket {
                    project: tracker.project.clone(),
                    title: mapping::our_title(&register, milestone),
                    block: mapping::block(&register, milestone, tracker.disclosure, shown),
                    due: milestone.due,
                    assignee: milestone
                        .owner
                        .as_ref()
                        .and_then(|owner| world.settings.account_of(&tracker.connection, owner)),
                    labels: BTreeSet::new(),
                    marker,
                };
                link.create_sent = Some(now);
                link.due_at = None;
                link.base = made_with(&new, milestone);
                tx.save_link(&mut link).await?;
                Ok(Some(new))
            })
        })
        .await
}

/// Records the ticket. The next pass reads its log and says the rest. `fresh` is one that this very call made.
async fn bind(
    world: &World,
    link: &Link,
    made: &Made,
    others: &[String],
    fresh: bool,
) -> Result<(), SyncError> {
    let (id, made, others, world) = (link.id.clone(), made.clone(), others.to_vec(), world.clone());
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move {
                let now = world.clock.now();
                let Some(mut link) = tx.link(&id).await? else { return Ok(()) };
                tx.lock(std::slice::from_ref(&link.system)).await?;
                let mut register =
                    tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
                let named = TicketName {
                    tracker: link.tracker.clone(),
                    id: made.reference.id.clone(),
                    key: made.reference.key.clone(),
                    url: made.reference.url.clone(),
                };
                let command = Command::Ticket { milestone: link.milestone, ticket: Some(named) };
                let cause = format!("ticket {} created", made.reference.id);
                let changes = {
                    let by = world.settings.deciding(&link.system, Actor::Poam, now)?;
                    decide(&register, &by, &command).unwrap_or_default()
                };
                tx.record(&mut register, now, &Actor::Poam, &cause, &changes).await?;
                // A site may leave the assignee out without a word: that is nobody's edit.
                if fresh && let Some(base) = &mut link.base.assignee {
                    base.theirs = made.assignee.map(|account| account.id);
                }
                link.phase = LinkPhase::Linked;
                link.ticket = Some(made.reference.id);
                link.key = Some(made.reference.key);
                link.project = Some(made.reference.project);
                link.url = Some(made.reference.url);
                link.observed.duplicates = others;
                link.dirty = Some(now);
                link.due_at = None;
                link.attempts = 0;
                link.error = None;
                tx.save_link(&mut link).await?;
                Ok::<_, SyncError>(())
            })
        })
        .await
}

/// A ticket that we make has on both sides what it is made with. That is recorded with the intent: whatever changes on
/// either side until the ticket is bound, perhaps after a crash, shows as a change of that side.
fn made_with(new: &NewTicket, milestone: &Milestone) -> Base {
    let assignee = new.assignee.as_ref().map(|account| account.id.clone());
    let both = |text: &String| Pair { ours: text.clone(), theirs: text.clone() };
    Base {
        title: Some(both(&new.title)),
        block: None,
        state: Some(Pair {
            ours: mapping::state_name(mapping::ticket_state(milestone.state)).to_owned(),
            theirs: mapping::state_name(TicketState::Open).to_owned(),
        }),
        due: Some(Pair { ours: new.due, theirs: new.due }),
        assignee: Some(Pair { ours: assignee.clone(), theirs: assignee }),
        labels: None,
    }
}

/// Nothing was made there: the next attempt need not wait.
async fn forget(world: &World, link: &Link) -> Result<(), SyncError> {
    let id = link.id.clone();
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let Some(mut link) = tx.link(&id).await? else { return Ok(()) };
                link.create_sent = None;
                tx.save_link(&mut link).await?;
                Ok::<_, SyncError>(())
            })
        })
        .await
}

async fn wait(world: &World, link: &Link, until: chrono::DateTime<chrono::Utc>) -> Result<(), SyncError> {
    let id = link.id.clone();
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let Some(mut link) = tx.link(&id).await? else { return Ok(()) };
                link.due_at = Some(until);
                tx.save_link(&mut link).await?;
                Ok::<_, SyncError>(())
            })
        })
        .await
}
