//! What marks links dirty as it comes: polls and webhooks. Neither carries data into the register.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Delivery, PollFrom, ProjectSpec, Stream, Ticket};

use super::engine::{Engine, Hot};
use super::failure::chain;
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

/// What a poll brought.
#[derive(Debug, Default)]
pub struct Polled {
    /// Tickets by immutable id.
    pub hot: Hot,
    /// Streams that failed while others answered.
    pub failed: Vec<(String, connector_api::Error)>,
}

impl Engine {
    /// Polls every stream of a connection. The cursor advances in the transaction that marks links dirty, and never
    /// on a partial run. Gives the tickets it brought, and which streams failed: of each it keeps how it is.
    ///
    /// # Errors
    /// Where nothing could be polled: the connection as a whole fails.
    pub async fn poll(&self, connection: &str) -> Result<Polled, SyncError> {
        let world = &self.world;
        let connector = world.connector(connection)?.clone();
        lease::hold(world, connection).await?;
        let halted = self.halted().await?;
        let projects: Vec<ProjectSpec> = self
            .trackers_on(connection)
            .filter(|tracker| !halted.contains_key(&tracker.id))
            .map(|tracker| tracker.project.clone())
            .collect();
        let mut polled = Polled::default();
        let mut health = Vec::new();
        for stream in connector.streams(&projects) {
            let begin = self.begin(connection, &stream.name).await?;
            let cursor = begin.cursor.as_deref();
            // One bad tracker is one error: the others go on.
            let changed = match connector.changed_since(&stream, &begin.from()).await {
                Ok(changed) => changed,
                Err(error) => {
                    tracing::warn!(connection, stream = stream.name, %error, "a poll failed");
                    health.push((stream.name.clone(), Some(chain(&error))));
                    polled.failed.push((stream.name, error));
                    continue;
                }
            };
            health.push((stream.name.clone(), None));
            if cursor == Some(changed.cursor.as_str()) && changed.tickets.is_empty() {
                continue;
            }
            // What was read of one tracker says nothing of the others that share the stream.
            let whole = self.only.is_none() || !self.is_shared(connection, &stream);
            let cursor = whole.then(|| changed.cursor.clone());
            self.mark(connection, &stream.name, &changed.tickets, cursor).await?;
            polled
                .hot
                .extend(changed.tickets.into_iter().map(|ticket| (ticket.reference.id.clone(), ticket)));
        }
        let answered = health.iter().any(|(_, failure)| failure.is_none());
        self.keep_streams(connection, health).await?;
        if !answered && !polled.failed.is_empty() {
            return Err(polled.failed.remove(0).1.into());
        }
        Ok(polled)
    }

    /// Whether a stream covers more than it was asked for here.
    fn is_shared(&self, connection: &str, stream: &Stream) -> bool {
        let all: Vec<ProjectSpec> =
            self.world.settings.trackers_on(connection).map(|tracker| tracker.project.clone()).collect();
        let Ok(connector) = self.world.connector(connection) else { return false };
        let whole = connector.streams(&all).into_iter().find(|known| known.name == stream.name);
        whole.is_some_and(|whole| whole.projects.len() > stream.projects.len())
    }

    async fn keep_streams(
        &self,
        connection: &str,
        health: Vec<(String, Option<String>)>,
    ) -> Result<(), StoreError> {
        let (connection, now) = (connection.to_owned(), self.world.clock.now());
        self.world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    for (stream, failure) in health {
                        tx.record_stream(&connection, &stream, failure.as_deref(), now).await?;
                    }
                    Ok(())
                })
            })
            .await
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
        cursor: Option<String>,
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
                    if let Some(cursor) = cursor {
                        tx.set_cursor(&connection, &stream, &cursor, now).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }

    pub(super) fn tracker_ids(&self, connection: &str) -> Vec<String> {
        self.trackers_on(connection).map(|tracker| tracker.id.clone()).collect()
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
