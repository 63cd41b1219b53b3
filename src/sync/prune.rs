//! What was kept of the trackers for a while, and has served.

use chrono::TimeDelta;

use super::{SyncError, World};
use crate::store::StoreError;

/// How long a delivery is known as a repeat: no site sends one again later. GitHub lets deliveries of the last three
/// days be sent again (GitHub, "Redelivering webhooks"); Jira tries for less than a day.
const DELIVERIES: TimeDelta = TimeDelta::days(7);
/// How long after the ticket's log was read past it a write of ours is kept: logs are read with an overlap of minutes,
/// and a tracker's clock may be minutes off ours.
const OWN_WRITES: TimeDelta = TimeDelta::days(1);

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Deliveries of webhooks.
    pub deliveries: u64,
    /// Writes of ours.
    pub own_writes: u64,
    /// Pauses that ended.
    pub pauses: u64,
}

/// Forgets deliveries, writes of ours and pauses that nothing will ask for any more.
pub async fn prune(world: &World) -> Result<Pruned, SyncError> {
    let now = world.clock.now();
    let pruned = world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                Ok::<_, StoreError>(Pruned {
                    deliveries: tx.prune_deliveries(now - DELIVERIES).await?,
                    own_writes: tx.prune_own_writes(now - OWN_WRITES).await?,
                    pauses: tx.prune_pauses(now).await?,
                })
            })
        })
        .await?;
    tracing::debug!(?pruned, "forgot what has served");
    Ok(pruned)
}
