//! Brakes: an empty or suddenly short listing, or a mass of tickets closed with no history, halts that tracker until
//! a person lets it go on.

use std::collections::{BTreeMap, BTreeSet};

use connector_api::{Fetched, HistoryKind, TicketLog, TicketState};

use super::mapping::{read_state, state_name};
use super::{SyncError, World};
use crate::register::{Actor, Change, Link, SystemId};
use crate::store::Scope;

/// Judges a pass before anything of it is taken. Gives the trackers that were halted.
pub async fn judge(
    world: &World,
    connection: &str,
    links: &[Link],
    found: &BTreeMap<String, Fetched>,
    logs: &BTreeMap<String, TicketLog>,
) -> Result<BTreeSet<String>, SyncError> {
    let mut halted = BTreeSet::new();
    for tracker in world.settings.trackers_on(connection) {
        let mine: Vec<&Link> = links.iter().filter(|link| link.tracker == tracker.id).collect();
        let missing: Vec<&Link> = mine.iter().copied().filter(|link| is_missing(link, found)).collect();
        let closed: Vec<&Link> = mine
            .iter()
            .copied()
            .filter(|link| {
                let id = link.ticket.clone().unwrap_or_default();
                let Some(Fetched::Found(ticket)) = found.get(&id) else { return false };
                let state = read_state(&tracker.states, &ticket.status, &ticket.labels);
                let was = link.observed.state.as_str();
                matches!(state, TicketState::Done | TicketState::Dropped)
                    && !was.is_empty()
                    && was != state_name(state)
                    && !link.observed.braked
                    && !told(logs.get(&id))
            })
            .collect();
        // Of what this pass looks at: a share of all links is out of reach of one pass where there are thousands.
        let all = mine.iter().filter(|link| is_looked_at(link, found)).count() as u64;
        let (reason, because) = if over(world, missing.len(), all) {
            (format!("{} of {all} tickets are suddenly not found", missing.len()), missing)
        } else if over(world, closed.len(), all) {
            (format!("{} of {all} tickets are suddenly closed with no history", closed.len()), closed)
        } else {
            continue;
        };
        let because = because.iter().map(|link| link.id.clone()).collect();
        halt(world, &tracker.id, reason, because).await?;
        halted.insert(tracker.id.clone());
    }
    Ok(halted)
}

fn is_looked_at(link: &Link, found: &BTreeMap<String, Fetched>) -> bool {
    link.ticket.as_ref().is_some_and(|id| found.contains_key(id))
}

fn is_missing(link: &Link, found: &BTreeMap<String, Fetched>) -> bool {
    match link.ticket.as_ref().and_then(|id| found.get(id)) {
        Some(Fetched::Found(_)) | None => false,
        Some(Fetched::Missing(_) | Fetched::Gone(_)) => link.missing_since.is_none() && !link.observed.braked,
    }
}

/// Whether the history tells of any change of status.
fn told(log: Option<&TicketLog>) -> bool {
    log.is_some_and(|log| log.entries.iter().any(|entry| matches!(entry.kind, HistoryKind::Status { .. })))
}

/// Above both the number and the share of what was looked at.
pub fn over(world: &World, count: usize, all: u64) -> bool {
    let settings = &world.settings;
    count as u64 > u64::from(settings.brake_links)
        && count as u64 * 100 > all * u64::from(settings.brake_percent)
}

/// Halts a tracker because of what the tickets of some links, named by their ids, show. Once a person has let it go on, that does not halt it
/// again.
pub async fn halt(
    world: &World,
    tracker: &str,
    reason: String,
    because: Vec<String>,
) -> Result<(), SyncError> {
    tracing::error!(tracker, reason, "a brake halts the tracker; `poam tracker resume` lets it go on");
    let change = Change::TrackerHalted { tracker: tracker.to_owned(), reason };
    record(world, Actor::Poam, change, because).await
}

/// Lets a halted tracker go on.
pub async fn resume(world: &World, tracker: &str, reason: &str, by: Actor) -> Result<(), SyncError> {
    let change =
        Change::TrackerResumed { tracker: tracker.to_owned(), reason: reason.to_owned(), by: by.clone() };
    record(world, by, change, Vec::new()).await
}

/// Records a change of the reserved chain, and of which links the brake has seen what it must see.
async fn record(world: &World, actor: Actor, change: Change, seen: Vec<String>) -> Result<(), SyncError> {
    let world = world.clone();
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move {
                let reserved = SystemId::reserved();
                tx.lock(std::slice::from_ref(&reserved)).await?;
                let mut register = tx.load(&reserved, Scope::All).await?;
                tx.record(&mut register, world.clock.now(), &actor, "command", &[change]).await?;
                for id in seen {
                    let Some(mut link) = tx.link(&id).await? else { continue };
                    link.observed.braked = true;
                    tx.save_link(&mut link).await?;
                }
                Ok::<_, crate::store::StoreError>(())
            })
        })
        .await
        .map_err(SyncError::from)?;
    Ok(())
}
