//! The full pass of drift detection: what only the calendar changes, and how connections and trackers are.

use std::collections::{BTreeMap, BTreeSet};

use super::{SyncError, World, health};
use crate::drift::{
    self, ConnectionHealth, Context, Polls, TrackerHealth, detect_connection, detect_tracker, settle,
};
use crate::register::{Actor, ItemNumber, MilestoneNumber, Subject, SystemId};
use crate::store::{Scope, StoreError};

/// Subjects detected in one transaction.
const CHUNK: usize = 500;

/// Detects drift of a whole system again: items and milestones in transactions of bounded size, then the connections
/// and trackers that its routes lead to.
pub async fn full(world: &World, system: &SystemId) -> Result<(), SyncError> {
    let (milestones, items) = subjects(world, system).await?;
    for chunk in milestones.chunks(CHUNK) {
        let wanted: BTreeSet<MilestoneNumber> = chunk.iter().copied().collect();
        let about = wanted.iter().copied().map(Subject::Milestone).collect();
        detect(world, system, Scope::Milestones(wanted), about).await?;
    }
    for chunk in items.chunks(CHUNK) {
        let wanted: BTreeSet<ItemNumber> = chunk.iter().cloned().collect();
        let about = wanted.iter().cloned().map(Subject::Item).collect();
        detect(world, system, Scope::Items(wanted), about).await?;
    }
    connections(world, system).await
}

async fn subjects(
    world: &World,
    system: &SystemId,
) -> Result<(Vec<MilestoneNumber>, Vec<ItemNumber>), StoreError> {
    let mut read = world.db.read().await?;
    let open = read.open_subjects(system).await?;
    Ok(open)
}

async fn detect(
    world: &World,
    system: &SystemId,
    scope: Scope,
    about: BTreeSet<Subject>,
) -> Result<(), SyncError> {
    let (outer, system) = (world.clone(), system.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                tx.lock(std::slice::from_ref(&system)).await?;
                let mut register = tx.load(&system, scope).await?;
                let standing = outer.settings.standing(&system)?;
                drift::redetect(tx, &mut register, &about, None, &standing, outer.clock.now()).await?;
                Ok::<_, SyncError>(())
            })
        })
        .await
}

/// Detects how the connections and trackers are that a system's routes lead to: an unheard tracker is never taken for a
/// quiet one.
pub async fn connections(world: &World, system: &SystemId) -> Result<(), SyncError> {
    let (outer, system) = (world.clone(), system.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let now = outer.clock.now();
                let settings = &outer.settings;
                let standing = settings.standing(&system)?;
                tx.lock(std::slice::from_ref(&system)).await?;
                let mut register = tx.load(&system, Scope::System).await?;
                let halted = tx.halted().await?;
                let connections = tx.health().await?;
                let streams = tx.stream_health().await?;
                let links = BTreeMap::new();
                let context = Context {
                    now,
                    calendar: standing.calendar,
                    policy: standing.policy,
                    rules: Some(standing.rules),
                    people: standing.people,
                    links: &links,
                    halted: &halted,
                    wiring: standing.wiring,
                };
                let trackers: BTreeSet<&str> = settings
                    .routes
                    .iter()
                    .filter(|route| route.system == system.as_str())
                    .map(|route| route.tracker.as_str())
                    .collect();
                let mut wanted = Vec::new();
                let mut about = BTreeSet::new();
                let mut seen = BTreeSet::new();
                for tracker in trackers {
                    about.insert(Subject::Tracker(tracker.to_owned()));
                    let known = settings.tracker(tracker);
                    let own =
                        known.as_ref().ok().and_then(|tracker| health::of_tracker(&outer, tracker, &streams));
                    let polls = own.map_or_else(Polls::default, |of| Polls {
                        missed: of.failures,
                        succeeded: of.last_ok,
                    });
                    wanted.extend(detect_tracker(&TrackerHealth { id: tracker.to_owned(), polls }, &context));
                    let Ok(tracker) = known else { continue };
                    if !seen.insert(tracker.connection.clone()) {
                        continue;
                    }
                    about.insert(Subject::Connection(tracker.connection.clone()));
                    let known = connections.iter().find(|health| health.connection == tracker.connection);
                    let polls = Polls {
                        missed: known.map_or(0, |health| health.failures),
                        succeeded: known.and_then(|health| health.last_ok),
                    };
                    let told = known.and_then(|health| health.expires);
                    let token_expires = told.or_else(|| settings.expires.get(&tracker.connection).copied());
                    let id = tracker.connection.clone();
                    wanted
                        .extend(detect_connection(&ConnectionHealth { id, polls, token_expires }, &context));
                }
                let changes = settle(&register, &about, wanted, now);
                tx.record(&mut register, now, &Actor::Poam, "detection", &changes).await?;
                Ok::<_, SyncError>(())
            })
        })
        .await
}
