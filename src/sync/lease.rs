//! Leases: of several processes on one store, one alone polls, sweeps and writes a connection. All take webhooks.
//!
//! A lease runs out by itself, so that a process that died holds nothing up for long. What it sent last may still arrive
//! after that: whoever takes a lease over waits for the consistency window besides, and no write leaves with less of the
//! lease left than the longest exchange takes ([`Leases::covers`], which the transport asks).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::{SyncError, World};
use crate::store::StoreError;

/// How long a lease lasts.
pub const LEASE: TimeDelta = TimeDelta::seconds(120);
/// It is prolonged once less than this is left.
const RENEW: TimeDelta = TimeDelta::seconds(90);

/// The leases of this process.
#[derive(Clone)]
pub struct Leases {
    owner: Arc<str>,
    /// Tells of a holder whether it is known to have died.
    died: fn(&str) -> bool,
    held: Arc<Mutex<BTreeMap<String, DateTime<Utc>>>>,
}

impl Leases {
    /// Of a process that calls itself so. `died` tells of another's name whether that process is known to be no more: its
    /// leases are free at once, since nothing new will come of it.
    pub fn new(owner: &str, died: fn(&str) -> bool) -> Self {
        Self { owner: owner.into(), died, held: Arc::default() }
    }

    /// Whether a write on a connection that takes so long ends while the lease is ours.
    pub fn covers(&self, connection: &str, now: DateTime<Utc>, exchange: TimeDelta) -> bool {
        self.left(&name(connection), now) >= exchange
    }

    fn left(&self, name: &str, now: DateTime<Utc>) -> TimeDelta {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(name).map_or(TimeDelta::zero(), |until| *until - now)
    }

    fn keep(&self, name: &str, until: Option<DateTime<Utc>>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) => drop(held.insert(name.to_owned(), until)),
            None => drop(held.remove(name)),
        }
    }
}

fn name(connection: &str) -> String {
    format!("connection {connection}")
}

/// Takes the lease of a connection, or prolongs it where little of it is left.
///
/// # Errors
/// [`SyncError::Held`] while another process has it, or may have sent something that is still to arrive.
pub async fn hold(world: &World, connection: &str) -> Result<(), SyncError> {
    let window = world.connector(connection)?.capabilities().consistency_window_s;
    claim(world, &name(connection), TimeDelta::seconds(window.into())).await
}

/// The same for what is done once for the whole store: detection, seals.
pub async fn hold_store(world: &World) -> Result<(), SyncError> {
    claim(world, "store", TimeDelta::zero()).await
}

async fn claim(world: &World, name: &str, grace: TimeDelta) -> Result<(), SyncError> {
    let (now, leases) = (world.clock.now(), &world.leases);
    // A clock that went back must not make a lease longer than it is.
    let left = leases.left(name, now);
    if left >= RENEW && left <= LEASE {
        return Ok(());
    }
    let (lease, owner, died) = (name.to_owned(), leases.owner.clone(), leases.died);
    let until = now + LEASE;
    let claimed = world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                if let Some(claimed) = tx.claim_lease(&lease, &owner, now, until, grace).await? {
                    return Ok(Ok(claimed.until));
                }
                let Some(holder) = tx.lease(&lease).await? else { return Ok(Err(None)) };
                if died(&holder.owner) {
                    tracing::info!(lease, holder = holder.owner, "its holder has died; it is taken over");
                    tx.release_lease(&lease, &holder.owner).await?;
                    if let Some(claimed) = tx.claim_lease(&lease, &owner, now, until, grace).await? {
                        return Ok(Ok(claimed.until));
                    }
                }
                Ok::<_, StoreError>(Err(Some(holder)))
            })
        })
        .await?;
    match claimed {
        Ok(until) => {
            leases.keep(name, Some(until));
            Ok(())
        }
        Err(holder) => {
            leases.keep(name, None);
            let free = holder.as_ref().map_or(now, |holder| holder.until + grace);
            let by = holder.map_or_else(|| "another process".to_owned(), |holder| holder.owner);
            Err(SyncError::Held { what: name.to_owned(), by, free })
        }
    }
}

/// Gives up every lease: nothing of ours is under way any more.
pub async fn release(world: &World) -> Result<(), SyncError> {
    let leases = &world.leases;
    let held = std::mem::take(&mut *leases.held.lock().unwrap_or_else(PoisonError::into_inner));
    if held.is_empty() {
        return Ok(());
    }
    let owner = leases.owner.clone();
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                for name in held.keys() {
                    tx.release_lease(name, &owner).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}
