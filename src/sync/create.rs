//! A ticket is made exactly once. The intent is recorded before the call; after an unknown outcome the marker is
//! looked for past the consistency window before any new attempt. Between created there and recorded here nothing may
//! fail retryably.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use connector_api::{Account, Connector, Made, Marker, NewTicket, Outcome, Ticket, TicketState};

use super::mapping::{self, Shown, Tracker};
use super::{SyncError, World, lease};
use crate::register::decide::{Command, decide};
use crate::register::{Actor, Base, Link, LinkPhase, Milestone, Pair, TicketName};
use crate::store::{Scope, Tx};

/// How many tickets are made at once. So many links at most have to be looked for by their markers after a crash; Jira
/// makes as many in one request.
pub const TOGETHER: usize = 50;

/// What became of some links that were to get a ticket.
#[derive(Debug, Default)]
pub struct Creation {
    /// Tickets that were made, or found where an earlier attempt had made them.
    pub created: u32,
    /// Links that failed, each with its error.
    pub failed: Vec<(Link, SyncError)>,
}

/// Makes the tickets of links, at most [`TOGETHER`] of one connection, or finds those that an earlier attempt made.
pub async fn create(
    world: &World,
    connection: &str,
    links: Vec<Link>,
    us: &Account,
) -> Result<Creation, SyncError> {
    let connector = world.connector(connection)?;
    let mut creation = Creation::default();
    let mut ready = Vec::new();
    for link in links {
        match found(world, &**connector, &link, us).await {
            Ok(Earlier::Found) => creation.created += 1,
            Ok(Earlier::Waits) => {}
            Ok(Earlier::Nothing) => ready.push(link),
            Err(error) => creation.failed.push((link, error)),
        }
    }
    let intents = intend(world, ready).await?;
    if intents.is_empty() {
        return Ok(creation);
    }
    lease::hold(world, connection).await?;
    let new: Vec<NewTicket> = intents.iter().map(|intent| intent.new.clone()).collect();
    let answers = connector.create_many(&new).await;
    let mut made = Vec::new();
    let mut undone = Vec::new();
    for (intent, answer) in intents.into_iter().zip(answers) {
        match answer {
            Ok(ticket) => {
                made.push(Bound { link: intent.link, made: ticket, others: Vec::new(), fresh: true });
            }
            Err(error) => {
                if error.outcome == Outcome::NotDone {
                    undone.push(intent.link.id.clone());
                }
                creation.failed.push((intent.link, error.into()));
            }
        }
    }
    creation.created += u32::try_from(made.len()).unwrap_or(u32::MAX);
    bind(world, made).await?;
    forget(world, undone).await?;
    Ok(creation)
}

/// What is known of an earlier attempt.
enum Earlier {
    /// It made the ticket, which is bound now.
    Found,
    /// A search may not show it yet.
    Waits,
    /// There was none, or it made nothing.
    Nothing,
}

async fn found(
    world: &World,
    connector: &dyn Connector,
    link: &Link,
    us: &Account,
) -> Result<Earlier, SyncError> {
    let Some(sent) = link.create_sent else { return Ok(Earlier::Nothing) };
    let tracker = world.settings.tracker(&link.tracker)?;
    let (ours, others) = look(connector, tracker, &marker(world, link), us).await?;
    if let Some(ticket) = ours {
        let made = Made { reference: ticket.reference, assignee: ticket.assignee };
        bind(world, vec![Bound { link: link.clone(), made, others, fresh: false }]).await?;
        return Ok(Earlier::Found);
    }
    let window = TimeDelta::seconds(connector.capabilities().consistency_window_s.into());
    if world.clock.now() < sent + window {
        wait(world, link, sent + window).await?;
        return Ok(Earlier::Waits);
    }
    Ok(Earlier::Nothing)
}

fn marker(world: &World, link: &Link) -> Marker {
    Marker { installation: world.settings.installation.clone(), link: link.id.clone() }
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

/// A ticket that is about to be made, and its link as it was saved with that.
struct Intent {
    link: Link,
    new: NewTicket,
}

/// Records the intents in one transaction, and gives what is to be made: not for milestones that need no ticket any
/// more.
async fn intend(world: &World, links: Vec<Link>) -> Result<Vec<Intent>, SyncError> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let world = world.clone();
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move {
                let mut intents = Vec::new();
                for link in links {
                    intents.extend(intent(tx, &world, &link.id).await?);
                }
                Ok::<_, SyncError>(intents)
            })
        })
        .await
}

async fn intent(tx: &mut Tx, world: &World, id: &str) -> Result<Option<Intent>, SyncError> {
    let now = world.clock.now();
    let Some(mut link) = tx.link(id).await? else { return Ok(None) };
    let tracker = world.settings.tracker(&link.tracker)?;
    let register = tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
    let Some(milestone) = register.milestones.get(&link.milestone) else { return Ok(None) };
    if milestone.state.is_over() || link.phase != LinkPhase::Creating {
        link.phase = if link.phase == LinkPhase::Creating { LinkPhase::Waiting } else { link.phase };
        link.dirty = None;
        tx.save_link(&mut link).await?;
        return Ok(None);
    }
    let in_field = tracker.due_in_field(world.connector(&tracker.connection)?.capabilities().due_field);
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
        marker: marker(world, &link),
    };
    link.create_sent = Some(now);
    link.due_at = None;
    link.base = made_with(&new, milestone);
    tx.save_link(&mut link).await?;
    Ok(Some(Intent { link, new }))
}

/// A link and the ticket that it gets.
#[derive(Clone)]
struct Bound {
    link: Link,
    made: Made,
    /// Keys of other tickets with the marker.
    others: Vec<String>,
    /// Whether this very call made it.
    fresh: bool,
}

/// Records the tickets. One that was just made holds what the register said when it was: it need not be looked at
/// before something changes, here or there.
async fn bind(world: &World, bound: Vec<Bound>) -> Result<(), SyncError> {
    if bound.is_empty() {
        return Ok(());
    }
    let world = world.clone();
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move {
                for bound in bound {
                    bind_in(tx, &world, bound).await?;
                }
                Ok::<_, SyncError>(())
            })
        })
        .await
}

async fn bind_in(tx: &mut Tx, world: &World, bound: Bound) -> Result<(), SyncError> {
    let now = world.clock.now();
    let Bound { link: intended, made, others, fresh } = bound;
    let Some(mut link) = tx.link(&intended.id).await? else { return Ok(()) };
    tx.lock(std::slice::from_ref(&link.system)).await?;
    let mut register = tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
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
    let account = made.assignee.map(|account| account.id);
    let mut as_made = fresh && link.version == intended.version;
    if fresh && let Some(base) = &mut link.base.assignee {
        as_made &= base.ours == account;
        base.theirs = account;
    }
    link.phase = LinkPhase::Linked;
    link.ticket = Some(made.reference.id);
    link.key = Some(made.reference.key);
    link.project = Some(made.reference.project);
    link.url = Some(made.reference.url);
    link.observed.duplicates = others;
    link.dirty = (!as_made).then_some(now);
    link.due_at = None;
    link.attempts = 0;
    link.error = None;
    link.written = Some(now);
    tx.save_link(&mut link).await?;
    Ok(())
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
async fn forget(world: &World, links: Vec<String>) -> Result<(), SyncError> {
    if links.is_empty() {
        return Ok(());
    }
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                for id in links {
                    let Some(mut link) = tx.link(&id).await? else { continue };
                    link.create_sent = None;
                    tx.save_link(&mut link).await?;
                }
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
