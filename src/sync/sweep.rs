//! The sweep: whether every ticket is still there, and what no poll and no webhook told.

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{ErrorKind, Glance, TicketRef};

use super::batch::{self, Answers};
use super::engine::{Engine, reference};
use super::{SyncError, brakes, lease};
use crate::register::{Link, MilestoneNumber, SystemId};
use crate::store::{LinkFilter, StoreError};

/// Links read from the store at a time.
const PAGE: u32 = 1_000;

/// How far back deliveries can be sent again: GitHub keeps them for three days (GitHub, "Redelivering webhooks").
const UNDELIVERED: TimeDelta = TimeDelta::days(3);

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Links looked at.
    pub links: u32,
    /// Changed tickets that only the sweep found.
    pub only_here: u32,
    /// Tickets that were not found.
    pub missing: u32,
    /// Tickets that could not be read.
    pub unread: u32,
}

/// What a sweep must know of a link.
struct Known {
    link: String,
    tracker: String,
    ticket: TicketRef,
    /// What changed up to then was seen.
    updated: Option<DateTime<Utc>>,
    missing: bool,
    braked: bool,
    marked: bool,
}

impl Known {
    fn of(link: &Link) -> Option<Self> {
        Some(Self {
            link: link.id.clone(),
            tracker: link.tracker.clone(),
            ticket: reference(link)?,
            updated: link.observed.updated,
            missing: link.missing_since.is_some(),
            braked: link.observed.braked,
            marked: link.dirty.is_some(),
        })
    }

    /// Whether the ticket changed since it was last seen, as far as the site tells. One that was made and never seen
    /// since has not been read at all.
    fn is_older(&self, updated: Option<DateTime<Utc>>) -> bool {
        match (self.updated, updated) {
            (None, _) => true,
            (Some(seen), Some(updated)) => updated > seen,
            (Some(_), None) => false,
        }
    }
}

impl Engine {
    /// Looks whether every ticket of a connection is there, and marks what polls missed. What only it found is counted.
    pub async fn sweep(&self, connection: &str) -> Result<Swept, SyncError> {
        let world = &self.world;
        lease::hold(world, connection).await?;
        let halted = self.halted().await?;
        let mut trackers = self.tracker_ids(connection);
        trackers.retain(|tracker| !halted.contains_key(tracker));
        let known = self.bound(&trackers).await?;
        let connector = world.connector(connection)?;
        let asked: Vec<TicketRef> = known.iter().map(|known| known.ticket.clone()).collect();
        let answers = batch::each(
            &asked,
            |asked| asked.id.clone(),
            |asked| {
                Box::pin(async move {
                    let glances = connector.survey(asked).await?;
                    Ok(asked.iter().map(|reference| reference.id.clone()).zip(glances).collect())
                })
            },
        );
        let answers = answers.await?;
        if answers.is_outage() {
            return Err(SyncError::Outage(connection.to_owned()));
        }
        let mut swept = Swept::default();
        for tracker in &trackers {
            let mine: Vec<&Known> = known.iter().filter(|known| known.tracker == *tracker).collect();
            self.sweep_tracker(tracker, &mine, &answers, &mut swept).await?;
        }
        if swept.only_here > 0 {
            tracing::warn!(
                connection,
                only_here = swept.only_here,
                "the sweep found changes that no poll had seen"
            );
        }
        Ok(swept)
    }

    async fn sweep_tracker(
        &self,
        tracker: &str,
        known: &[&Known],
        answers: &Answers<Glance>,
        swept: &mut Swept,
    ) -> Result<(), SyncError> {
        let world = &self.world;
        let lost = |known: &&Known| {
            matches!(answers.had.get(&known.ticket.id), Some(Glance::Missing | Glance::Gone))
                && !known.missing
        };
        let gone: Vec<String> = known
            .iter()
            .filter(|known| lost(known) && !known.braked)
            .map(|known| known.link.clone())
            .collect();
        if brakes::over(world, gone.len(), known.len() as u64) {
            let reason = format!("{} of {} tickets are suddenly not found", gone.len(), known.len());
            return brakes::halt(world, tracker, reason, gone).await;
        }
        let mut dirty = Vec::new();
        for known in known {
            match answers.had.get(&known.ticket.id) {
                Some(Glance::There { updated }) => {
                    let newer = known.is_older(*updated);
                    if newer || known.missing {
                        swept.only_here += u32::from(newer && !known.marked);
                        dirty.push(known.link.clone());
                    }
                }
                Some(Glance::Missing | Glance::Gone) => {
                    swept.missing += 1;
                    if !known.missing {
                        dirty.push(known.link.clone());
                    }
                }
                None => {
                    swept.unread += 1;
                    continue;
                }
            }
            swept.links += 1;
        }
        let now = world.clock.now();
        world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    tx.mark_dirty(&dirty, now).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }

    /// The links of some trackers that are bound to a ticket.
    async fn bound(&self, trackers: &[String]) -> Result<Vec<Known>, StoreError> {
        let mut known = Vec::new();
        if trackers.is_empty() {
            return Ok(known);
        }
        let filter = LinkFilter { trackers: trackers.to_vec(), ..LinkFilter::default() };
        let mut after: Option<(SystemId, MilestoneNumber)> = None;
        let mut read = self.world.db.read().await?;
        loop {
            let from = after.as_ref().map(|(system, milestone)| (system, *milestone));
            let page = read.links(&filter, from, PAGE).await?;
            known.extend(page.iter().filter_map(Known::of));
            match page.last() {
                Some(last) if page.len() == PAGE as usize => {
                    after = Some((last.system.clone(), last.milestone));
                }
                Some(_) | None => return Ok(known),
            }
        }
    }
}

impl Engine {
    /// Asks the site to send again what it could not deliver lately. Gives how many; none where a site cannot.
    pub async fn redeliver(&self, connection: &str) -> Result<u32, SyncError> {
        let since = self.world.clock.now() - UNDELIVERED;
        match self.world.connector(connection)?.redeliver(since).await {
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind, ErrorKind::Unsupported(_)) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
