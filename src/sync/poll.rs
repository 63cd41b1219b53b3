//! What marks links dirty as it comes: polls and webhooks. Neither carries data into the register.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Delivery, PollFrom, ProjectSpec, Ticket};

use super::engine::{Engine, Hot, chain};
use super::{SyncError, lease};
use crate::store::{StoreError, Tx};

/// How many tickets that we wrote lately a poll names: Jira takes no more (`reconcileIssues`).
const WRITTEN: u32 = 50;

/// Where a poll begins.
pub(super) struct Begin {
    cursor: Option<String>,
    since: DateTime<Utc>,
    written: Vec<String>,
}

impl Begin {
    pub(super) fn from(&self) -> PollFrom<'_> {
        PollFrom { cursor: self.cursor.as_deref(), since: self.since, written: &self.written }
    }
}

impl Engine {
    /// Polls every stream of a connection. The cursor advances in the transaction that marks links dirty, and never
    /// on a partial run. Gives the tickets it brought.
    pub async fn poll(&self, connection: &str) -> Result<Hot, SyncError> {
        let world = &self.world;
        let connector = world.connector(connection)?.clone();
        lease::hold(world, connection).await?;
        let halted = self.halted().await?;
        let projects: Vec<ProjectSpec> = world
            .settings
            .trackers_on(connection)
            .filter(|tracker| !halted.contains_key(&tracker.id))
            .map(|tracker| tracker.project.clone())
            .collect();
        let mut hot = Hot::new();
        let mut first_error = None;
        for stream in connector.streams(&projects) {
            let begin = self.begin(connection, &stream.name).await?;
            let cursor = begin.cursor.as_deref();
            // One bad tracker is one error: the others go on.
            let changed = match connector.changed_since(&stream, &begin.from()).await {
                Ok(changed) => changed,
                Err(error) => {
                    tracing::warn!(connection, stream = stream.name, %error, "a poll failed");
                    first_error = first_error.or(Some(error));
                    continue;
                }
            };
            if cursor == Some(changed.cursor.as_str()) && changed.tickets.is_empty() {
                continue;
            }
            self.mark(connection, &stream.name, &changed.tickets, changed.cursor.clone()).await?;
            hot.extend(changed.tickets.into_iter().map(|ticket| (ticket.reference.id.clone(), ticket)));
        }
        match first_error {
            Some(error) if hot.is_empty() => Err(error.into()),
            Some(_) | None => Ok(hot),
        }
    }

    /// Where a poll of a stream begins.
    pub(super) async fn begin(&self, connection: &str, stream: &str) -> Result<Begin, SyncError> {
        let world = &self.world;
        let now = world.clock.now();
        let window = world.connector(connection)?.capabilities().consistency_window_s;
        let trackers = self.tracker_ids(connection);
        let mut read = world.db.read().await?;
        Ok(Begin {
            cursor: read.cursor(connection, stream).await?.map(|cursor| cursor.value),
            since: now - TimeDelta::hours(1),
            written: read.written_since(&trackers, now - TimeDelta::seconds(window.into()), WRITTEN).await?,
        })
    }

    async fn mark(
        &self,
        connection: &str,
        stream: &str,
        tickets: &[Ticket],
        cursor: String,
    ) -> Result<(), SyncError> {
        let now = self.world.clock.now();
        let trackers = self.tracker_ids(connection);
        let seen: BTreeMap<String, DateTime<Utc>> =
            tickets.iter().map(|ticket| (ticket.reference.id.clone(), ticket.updated)).collect();
        let clones: Vec<(String, String, String)> = tickets
            .iter()
            .filter_map(|ticket| {
                let marker = ticket.marker.as_ref()?;
                (marker.installation == self.world.settings.installation)
                    .then(|| (marker.link.clone(), ticket.reference.id.clone(), ticket.reference.key.clone()))
            })
            .collect();
        let (connection, stream) = (connection.to_owned(), stream.to_owned());
        self.world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    mark_newer(tx, &trackers, &seen, now).await?;
                    for (link, ticket, key) in clones {
                        note_clone(tx, &link, &ticket, &key, now).await?;
                    }
                    tx.set_cursor(&connection, &stream, &cursor, now).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }

    pub(super) fn tracker_ids(&self, connection: &str) -> Vec<String> {
        self.world.settings.trackers_on(connection).map(|tracker| tracker.id.clone()).collect()
    }

    /// Keeps how a connection answered, for drift detection and lists.
    pub async fn keep_health(&self, connection: &str, failure: Option<&SyncError>) -> Result<(), StoreError> {
        if matches!(failure, Some(SyncError::Held { .. })) {
            // It is well, and another process asks it.
            return Ok(());
        }
        let world = &self.world;
        let (id, now) = (connection.to_owned(), world.clock.now());
        let expires = world.connectors.get(connection).and_then(|connector| connector.expires_at());
        let failure = failure.map(|error| chain(error));
        world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    match failure {
                        None => tx.record_success(&id, now, expires).await,
                        Some(error) => tx.record_failure(&id, now, &error).await,
                    }
                })
            })
            .await
    }

    /// Stores a verified webhook delivery and marks what it is about. A repeat does nothing. Gives whether it was new.
    pub async fn deliver(&self, connection: &str, delivery: Delivery) -> Result<bool, SyncError> {
        let now = self.world.clock.now();
        let trackers = self.tracker_ids(connection);
        let connection = connection.to_owned();
        let new = self
            .world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    if !tx.take_delivery(&connection, &delivery.id, &delivery.event, now).await? {
                        return Ok(false);
                    }
                    tx.mark_tickets(&trackers, &delivery.tickets, now).await?;
                    Ok::<_, StoreError>(true)
                })
            })
            .await?;
        Ok(new)
    }
}

/// Marks the links of tickets that changed since they were last seen.
async fn mark_newer(
    tx: &mut Tx,
    trackers: &[String],
    seen: &BTreeMap<String, DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tickets: Vec<String> = seen.keys().cloned().collect();
    let newer: Vec<String> = tx
        .links_of_tickets(trackers, &tickets)
        .await?
        .into_iter()
        .filter(|link| {
            let updated = link.ticket.as_ref().and_then(|ticket| seen.get(ticket));
            updated.is_some_and(|updated| link.is_news(*updated))
        })
        .map(|link| link.id)
        .collect();
    tx.mark_dirty(&newer, now).await?;
    Ok(())
}

/// Another ticket carries the marker of a link that is bound: a clone. It is shown, never taken.
async fn note_clone(
    tx: &mut Tx,
    link: &str,
    ticket: &str,
    key: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(mut link) = tx.link(link).await? else { return Ok(()) };
    let other = link.ticket.as_deref().is_some_and(|bound| bound != ticket);
    if other && !link.observed.duplicates.iter().any(|known| known == key) {
        link.observed.duplicates.push(key.to_owned());
        link.dirty = Some(now);
        tx.save_link(&mut link).await?;
    }
    Ok(())
}
