//! Going live: tickets open by route when somebody says so, or for items that open later. Many at once wait for a
//! second word, however many acts ask for them.

use std::collections::{BTreeMap, BTreeSet};

use super::mapping::route;
use super::{SyncError, World};
use crate::register::{Change, Link, LinkPhase, Milestone, MilestoneNumber, Register, Status, SystemId};
use crate::store::{LinkFilter, Scope, StoreError, Tx};

/// What opening gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Opened {
    /// Milestones whose ticket will be made.
    pub opening: Vec<String>,
    /// Milestones that wait for `link open --yes`, because there are many.
    pub waiting: Vec<String>,
    /// Milestones that no route gives a tracker.
    pub unrouted: Vec<String>,
}

/// Opens tickets for milestones of a system that have none and are not over. None stands for all.
pub async fn open(
    world: &World,
    system: &SystemId,
    milestones: Option<BTreeSet<MilestoneNumber>>,
    yes: bool,
) -> Result<Opened, SyncError> {
    let (outer, system) = (world.clone(), system.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let scope = milestones.clone().map_or(Scope::All, Scope::Milestones);
                tx.lock(std::slice::from_ref(&system)).await?;
                let register = tx.load(&system, scope).await?;
                let wanted = milestones.unwrap_or_else(|| register.milestones.keys().copied().collect());
                open_in(tx, &outer, &register, &wanted, yes).await
            })
        })
        .await
}

/// The same in a transaction that is open, for milestones that are loaded.
pub async fn open_in(
    tx: &mut Tx,
    world: &World,
    register: &Register,
    wanted: &BTreeSet<MilestoneNumber>,
    yes: bool,
) -> Result<Opened, SyncError> {
    let system = &register.system.id;
    let now = world.clock.now();
    let mut held: BTreeMap<MilestoneNumber, Link> =
        tx.links_of(system, wanted).await?.into_iter().map(|link| (link.milestone, link)).collect();
    let mut by_tracker: BTreeMap<String, Vec<(Link, bool)>> = BTreeMap::new();
    let mut opened = Opened::default();
    for number in wanted {
        let Some(milestone) =
            register.milestones.get(number).filter(|milestone| wants_ticket(register, milestone))
        else {
            continue;
        };
        let (link, new) = match held.remove(number) {
            Some(link) if link.phase == LinkPhase::Waiting => (link, false),
            Some(_) => continue,
            None => match route(&world.settings.routes, register, milestone) {
                Some(tracker) => (Link::new((world.ids)(), system, *number, tracker), true),
                None => {
                    opened.unrouted.push(format!("{system}/{number}"));
                    continue;
                }
            },
        };
        by_tracker.entry(link.tracker.clone()).or_default().push((link, new));
    }
    for (tracker, links) in by_tracker {
        let many = !yes && links.len() + on_the_way(tx, &tracker).await? > world.settings.open_limit as usize;
        for (mut link, new) in links {
            let name = format!("{system}/{}", link.milestone);
            let (phase, list) = if many {
                (LinkPhase::Waiting, &mut opened.waiting)
            } else {
                (LinkPhase::Creating, &mut opened.opening)
            };
            list.push(name);
            link.phase = phase;
            link.observed.let_through = yes;
            link.dirty = (phase == LinkPhase::Creating).then_some(now);
            if new {
                tx.insert_link(&link).await?;
            } else {
                tx.save_link(&mut link).await?;
            }
        }
    }
    Ok(opened)
}

/// Opens tickets by route for what changes brought after a team went live: for items that opened, and for milestones
/// that came to serve an item that is live. An item is live once a milestone of it has a ticket or is about to; one that
/// was not imported is live from the time it opened, unless what serves it still waits for `link open --yes`.
pub async fn open_later(
    tx: &mut Tx,
    world: &World,
    register: &Register,
    changes: &[Change],
) -> Result<(), SyncError> {
    let mut wanted = BTreeSet::new();
    for change in changes {
        if let Change::ItemStatus { item, to: Status::Open } = change {
            wanted.extend(register.milestones_of(item).map(|milestone| milestone.number));
        }
    }
    for change in changes {
        let (Change::MilestoneAdded { milestone, .. } | Change::MilestoneServes { milestone, .. }) = change
        else {
            continue;
        };
        let Some(milestone) = register.milestones.get(milestone) else { continue };
        for item in register.items_of(milestone).filter(|item| item.is_open() && item.status != Status::Draft)
        {
            let others = register.milestones_of(&item.number).map(|other| other.number);
            let others: BTreeSet<_> = others.filter(|other| *other != milestone.number).collect();
            let links = tx.links_of(&register.system.id, &others).await?;
            let waits = |link: &Link| link.phase == LinkPhase::Waiting;
            if if links.is_empty() { item.imported.is_none() } else { !links.iter().all(waits) } {
                wanted.insert(milestone.number);
            }
        }
    }
    if !wanted.is_empty() {
        open_in(tx, world, register, &wanted, false).await?;
    }
    Ok(())
}

/// How many tickets are about to be made on a tracker without anybody's word: one after the other, they are many too.
async fn on_the_way(tx: &mut Tx, tracker: &str) -> Result<usize, StoreError> {
    let filter = LinkFilter {
        trackers: vec![tracker.to_owned()],
        phases: vec![LinkPhase::Creating],
        ..LinkFilter::default()
    };
    let creating = tx.links(&filter, None, i32::MAX.unsigned_abs()).await?;
    Ok(creating.iter().filter(|link| !link.observed.let_through).count())
}

/// Work is left, for an item that is open.
fn wants_ticket(register: &Register, milestone: &Milestone) -> bool {
    !milestone.state.is_over() && register.items_of(milestone).any(crate::register::Item::is_open)
}
