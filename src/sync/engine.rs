//! One pass over the links of a connection that are dirty: observe both sides, take the log, plan, carry out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Account, ErrorKind, Fetched, LogRequest, Ticket, TicketLog, TicketRef};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};

use super::batch::{self, Answers};
use super::failure::{backoff, chain, is_refusal, retry_at};
use super::mapping::Tracker;
use super::reconcile::{self, Look, Plan};
use super::take::prepare;
use super::{SyncError, World, brakes, create, lease, talk};
use crate::register::{Link, LinkPhase};
use crate::store::StoreError;

/// How many links one pass takes.
const PASS: u32 = 500;

/// The engine: the world, and nothing else that outlives a pass.
#[derive(Clone)]
pub struct Engine {
    /// Everything it reaches.
    pub world: World,
    /// The one tracker that it works on; none for all of a connection's.
    pub only: Option<String>,
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// Links looked at.
    pub links: u32,
    /// Tickets made.
    pub created: u32,
    /// Tickets written.
    pub written: u32,
    /// Comments written.
    pub said: u32,
    /// Links that failed, each with its error.
    pub failed: Vec<String>,
    /// Whether more tickets wait to be made than one pass makes.
    pub more: bool,
    /// Until when the tracker wants nothing to be sent at all: what was left of the pass is for later.
    pub paused: Option<DateTime<Utc>>,
}

/// What was done for one link.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    written: u32,
    said: u32,
    /// It is to be written, by what a poll brought: to be looked at once more, where it is still of this time.
    again: Option<DateTime<Utc>>,
}

/// The work on one link.
type Work<'a> = (Link, BoxFuture<'a, Result<Done, SyncError>>);

/// Tickets that a poll just brought, by immutable id: the observation of this pass.
pub type Hot = BTreeMap<String, Ticket>;

impl Engine {
    /// The same for one tracker alone, where one is named.
    #[must_use]
    pub fn of_tracker(&self, only: Option<&str>) -> Self {
        Self { world: self.world.clone(), only: only.map(str::to_owned) }
    }

    /// The trackers of a connection that it works on.
    pub fn trackers_on<'a>(&'a self, connection: &'a str) -> impl Iterator<Item = &'a Tracker> + 'a {
        let wanted = |tracker: &&Tracker| self.only.as_ref().is_none_or(|only| *only == tracker.id);
        self.world.settings.trackers_on(connection).filter(wanted)
    }

    /// Reconciles what is dirty on a connection. `hot` saves fetching what a poll just brought.
    pub async fn pass(&self, connection: &str, hot: Hot) -> Result<Pass, SyncError> {
        let mut pass = Pass::default();
        lease::hold(&self.world, connection).await?;
        let dirty = self.dirty(connection).await?;
        if dirty.is_empty() {
            return Ok(pass);
        }
        let us = self.world.connector(connection)?.account().await?;
        let (making, linked): (Vec<Link>, Vec<Link>) = dirty
            .into_iter()
            .partition(|link| matches!(link.phase, LinkPhase::Creating | LinkPhase::Waiting));
        // What people wait for goes before what is made in bulk.
        let outage = self.reconcile_all(connection, linked, hot, &us, &mut pass).await?;
        let mut making: Vec<Link> =
            making.into_iter().filter(|link| link.phase == LinkPhase::Creating).collect();
        pass.more = making.len() > create::TOGETHER;
        making.truncate(create::TOGETHER);
        if !making.is_empty() && pass.paused.is_none() {
            pass.links += u32::try_from(making.len()).unwrap_or(u32::MAX);
            let creation = create::create(&self.world, connection, making, &us).await?;
            pass.created += creation.created;
            for (link, error) in creation.failed {
                self.failed(&mut pass, &link, &error).await?;
            }
        }
        if outage { Err(SyncError::Outage(connection.to_owned())) } else { Ok(pass) }
    }

    /// The links that have a ticket. Gives whether the site gave nothing at all.
    async fn reconcile_all(
        &self,
        connection: &str,
        linked: Vec<Link>,
        mut hot: Hot,
        us: &Account,
        pass: &mut Pass,
    ) -> Result<bool, SyncError> {
        let polled = take_hot(&linked, &mut hot);
        let fetched = self.fetch(connection, &linked, &polled).await?;
        let outage = fetched.is_outage();
        let Answers { had: mut found, mut broken } = fetched;
        let taken: BTreeSet<String> = polled.keys().cloned().collect();
        found.extend(polled.into_iter().map(|(id, ticket)| (id, Fetched::Found(Box::new(ticket)))));
        let logs = self.logs(connection, &linked, &found).await?;
        let outage = outage || logs.is_outage();
        broken.extend(logs.broken);
        let mut logs = logs.had;
        let halt = brakes::judge(&self.world, connection, &linked, &found, &logs).await?;
        let mut work: Vec<Work<'_>> = Vec::new();
        for link in linked.into_iter().filter(|link| !halt.contains(&link.tracker)) {
            let id = link.ticket.clone().unwrap_or_default();
            if let Some(error) = broken.remove(&id) {
                pass.links += 1;
                self.failed(pass, &link, &error.into()).await?;
                continue;
            }
            // Not asked for: the next pass does.
            let Some(seen) = found.remove(&id) else { continue };
            pass.links += 1;
            let (log, writes) = (logs.remove(&id), !taken.contains(&id));
            let of = link.clone();
            work.push((link, Box::pin(async move { self.one(&of, seen, log, writes, us).await })));
        }
        let again = self.carry_out(work, pass).await?;
        self.write_afresh(connection, again, us, pass).await?;
        Ok(outage)
    }

    /// Works on several links at once, in one task. Gives those that are to be looked at once more.
    async fn carry_out(
        &self,
        work: Vec<Work<'_>>,
        pass: &mut Pass,
    ) -> Result<Vec<(String, DateTime<Utc>)>, SyncError> {
        let mut again = Vec::new();
        // Once the tracker wants a rest nothing more is begun; what is under way is never dropped.
        let resting = AtomicBool::new(false);
        let mut gated: Vec<BoxFuture<'_, (Link, Result<Done, SyncError>)>> = Vec::with_capacity(work.len());
        for (link, work) in work {
            let resting = &resting;
            gated.push(Box::pin(async move {
                let result = if resting.load(Ordering::Relaxed) { Ok(Done::default()) } else { work.await };
                (link, result)
            }));
        }
        let mut done = stream::iter(gated).buffer_unordered(self.world.settings.in_flight.max(1));
        while let Some((link, result)) = done.next().await {
            match result {
                Ok(done) => {
                    pass.written += done.written;
                    pass.said += done.said;
                    again.extend(done.again.map(|before| (link.id.clone(), before)));
                }
                Err(error) => {
                    self.failed(pass, &link, &error).await?;
                    resting.store(pass.paused.is_some(), Ordering::Relaxed);
                }
            }
        }
        Ok(again)
    }

    /// One link, by what was found of its ticket.
    async fn one(
        &self,
        link: &Link,
        seen: Fetched,
        log: Option<TicketLog>,
        writes: bool,
        us: &Account,
    ) -> Result<Done, SyncError> {
        match seen {
            // It went away between the two readings, which the next look shows; or its history is not to be seen.
            Fetched::Found(ticket) if needs_log(link, &ticket) && log.is_none() => {
                let what = format!("read the history of {}", ticket.reference.key);
                Err(connector_api::Error::new(what, ErrorKind::NotFound).into())
            }
            Fetched::Found(ticket) => self.reconcile(link, Look { ticket: &ticket, log, writes }, us).await,
            Fetched::Missing(_) | Fetched::Gone(_) => self.missing(link, us).await.map(|()| Done::default()),
        }
    }

    /// Trackers that a brake halted, with the reason.
    pub async fn halted(&self) -> Result<BTreeMap<String, String>, SyncError> {
        let mut read = self.world.db.read().await?;
        Ok(read.halted().await?)
    }

    /// What is to be reconciled: links that are marked, and those to whose tickets something is still to be said.
    pub(super) async fn dirty(&self, connection: &str) -> Result<Vec<Link>, SyncError> {
        let now = self.world.clock.now();
        let halted = self.halted().await?;
        let trackers: Vec<String> = self
            .trackers_on(connection)
            .filter(|tracker| !halted.contains_key(&tracker.id))
            .map(|tracker| tracker.id.clone())
            .collect();
        let mut read = self.world.db.read().await?;
        let mut dirty = read.dirty_links(&trackers, now, PASS).await?;
        let mut known: BTreeSet<String> = dirty.iter().map(|link| link.id.clone()).collect();
        for sending in read.sendings_due(&trackers, now, PASS).await? {
            if known.insert(sending.link.clone())
                && let Some(link) = read.link(&sending.link).await?
                && link.phase == LinkPhase::Linked
                && link.due_at.is_none_or(|due| due <= now || link.attempts == 0)
            {
                dirty.push(link);
            }
        }
        Ok(dirty)
    }

    /// The tickets of links, but those that a poll brought.
    pub(super) async fn fetch(
        &self,
        connection: &str,
        links: &[Link],
        polled: &Hot,
    ) -> Result<Answers<Fetched>, SyncError> {
        let asked: Vec<TicketRef> = links
            .iter()
            .filter_map(reference)
            .filter(|reference| !polled.contains_key(&reference.id))
            .collect();
        let connector = self.world.connector(connection)?;
        let answers = batch::each(
            &asked,
            |asked| asked.id.clone(),
            |asked| {
                Box::pin(async move {
                    let answers = connector.fetch(asked).await?;
                    Ok(asked.iter().map(|reference| reference.id.clone()).zip(answers).collect())
                })
            },
        );
        Ok(answers.await?)
    }

    /// The logs of those tickets that changed since theirs was read.
    async fn logs(
        &self,
        connection: &str,
        links: &[Link],
        found: &BTreeMap<String, Fetched>,
    ) -> Result<Answers<TicketLog>, SyncError> {
        let mut requests = Vec::new();
        for link in links {
            let Some(Fetched::Found(ticket)) = link.ticket.as_ref().and_then(|id| found.get(id)) else {
                continue;
            };
            if needs_log(link, ticket) {
                // Entries are taken once by their ids, so an overlap costs nothing.
                let since = link.log_read.map(|read| read - TimeDelta::seconds(60));
                requests.push(LogRequest { ticket: ticket.reference.clone(), since });
            }
        }
        let connector = self.world.connector(connection)?;
        let answers = batch::each(
            &requests,
            |request| request.ticket.id.clone(),
            |requests| {
                Box::pin(async move {
                    let logs = connector.read_log(requests).await?;
                    Ok(logs.into_iter().map(|log| (log.ticket.clone(), log)).collect())
                })
            },
        );
        Ok(answers.await?)
    }

    /// One link with its ticket at hand. What a poll brought may be older than the ticket is by now, so nothing is
    /// written by it: it is to be looked at again.
    async fn reconcile(&self, link: &Link, look: Look<'_>, us: &Account) -> Result<Done, SyncError> {
        let world = &self.world;
        let tracker = world.settings.tracker(&link.tracker)?;
        let ticket = look.ticket;
        let prepared = match look.log {
            Some(log) => {
                let mut read = world.db.read().await?;
                let taken = read.entries_taken(&link.id).await?;
                drop(read);
                Some(prepare(world, link, tracker, ticket, log, &taken, us).await?)
            }
            None => None,
        };
        let mut done = Done::default();
        let plan = reconcile::register_side(world, link, ticket, prepared, look.writes, us).await?;
        let Some(plan) = plan else { return Ok(done) };
        if !plan.patch.is_empty() && !look.writes {
            done.again = Some(ticket.updated);
            return Ok(done);
        }
        let written = self.write(&plan, ticket, &tracker.connection).await;
        match &written {
            // A field that the site refuses does not make us silent.
            Err(SyncError::Tracker(error)) if !is_refusal(&error.kind) => {}
            Ok(_) | Err(_) => {
                let said = talk::send(world, &tracker.connection, link, &ticket.reference).await?;
                done.said = u32::from(said);
            }
        }
        done.written = u32::from(written?);
        Ok(done)
    }

    /// Gives whether the ticket was written.
    async fn write(&self, plan: &Plan, ticket: &Ticket, connection: &str) -> Result<bool, SyncError> {
        if plan.patch.is_empty() {
            return Ok(false);
        }
        let connector = self.world.connector(connection)?;
        // No history would tell of an edit that this overwrites: the ticket is looked at once more. What changed is for
        // the next pass; the link stays marked.
        if plan.patch.block.is_some() && !connector.capabilities().text_history() {
            let now = connector.fetch(std::slice::from_ref(&ticket.reference)).await?;
            if !matches!(now.as_slice(), [Fetched::Found(now)] if **now == *ticket) {
                return Ok(false);
            }
        }
        lease::hold(&self.world, connection).await?;
        let mut upon = ticket.clone();
        if let Some(text) = &plan.restore {
            upon.description.raw = text.clone().into();
        }
        let after = connector.apply(&upon, &plan.patch).await?;
        reconcile::written(&self.world, plan, &after).await?;
        Ok(true)
    }

    /// The second look at tickets that a poll brought and that are to be written: fetched now, all at once.
    async fn write_afresh(
        &self,
        connection: &str,
        again: Vec<(String, DateTime<Utc>)>,
        us: &Account,
        pass: &mut Pass,
    ) -> Result<(), SyncError> {
        let mut links = Vec::new();
        let mut read = self.world.db.read().await?;
        for (id, polled) in again {
            links.extend(read.link(&id).await?.map(|link| (link, polled)));
        }
        drop(read);
        if links.is_empty() {
            return Ok(());
        }
        let bound: Vec<Link> = links.iter().map(|(link, _)| link.clone()).collect();
        let mut found = self.fetch(connection, &bound, &Hot::new()).await?;
        let mut work: Vec<Work<'_>> = Vec::new();
        for (link, polled) in links {
            match link.ticket.as_ref().and_then(|id| found.had.remove(id)) {
                // What changed meanwhile is for the next pass, with its log: the link stays marked.
                Some(Fetched::Found(ticket)) if ticket.updated == polled => {
                    let of = link.clone();
                    let working = async move {
                        let look = Look { ticket: &ticket, log: None, writes: true };
                        self.reconcile(&of, look, us).await
                    };
                    work.push((link, Box::pin(working)));
                }
                Some(_) | None => {}
            }
        }
        // Fetched just now: none is left to be looked at once more.
        self.carry_out(work, pass).await.map(drop)
    }

    /// The ticket is not found: never proof of deletion. A human decides.
    async fn missing(&self, link: &Link, us: &Account) -> Result<(), SyncError> {
        let (world, id, us) = (self.world.clone(), link.id.clone(), us.clone());
        world
            .writer
            .clone()
            .submit(move |tx| {
                Box::pin(async move {
                    let now = world.clock.now();
                    let Some(mut link) = tx.link(&id).await? else { return Ok(()) };
                    link.phase = LinkPhase::Missing;
                    link.missing_since = link.missing_since.or(Some(now));
                    link.dirty = None;
                    link.due_at = None;
                    link.attempts = 0;
                    link.error = None;
                    tx.save_link(&mut link).await?;
                    reconcile::redetect(tx, &world, link, &us).await
                })
            })
            .await
    }

    /// A link that failed holds back nothing but itself: it waits as the error's kind says.
    async fn failed(&self, pass: &mut Pass, link: &Link, error: &SyncError) -> Result<(), SyncError> {
        let text = chain(error);
        tracing::warn!(system = %link.system, milestone = %link.milestone, error = %text, "a link could not be reconciled");
        pass.failed.push(format!("{}/{}: {text}", link.system, link.milestone));
        let now = self.world.clock.now();
        if let Ok(tracker) = self.world.settings.tracker(&link.tracker)
            && let Some(until) = self.limited(&tracker.connection, error).await?
        {
            pass.paused = pass.paused.max(Some(until));
        }
        let until = match error {
            SyncError::Tracker(error) => retry_at(now, error, link.attempts),
            SyncError::Store(_)
            | SyncError::Evidence(_)
            | SyncError::Unknown(_)
            | SyncError::Outage(_)
            | SyncError::NotCleared(_) => now + backoff(link.attempts),
            SyncError::Held { free, .. } => *free,
        };
        let id = link.id.clone();
        self.world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    let Some(mut link) = tx.link(&id).await? else { return Ok(()) };
                    link.attempts += 1;
                    link.error = Some(text);
                    link.dirty = link.dirty.or(Some(now));
                    link.due_at = Some(until);
                    tx.save_link(&mut link).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }
}

/// Of what a poll brought, the tickets of these links; not those that were seen newer since: a search lags.
fn take_hot(links: &[Link], hot: &mut Hot) -> Hot {
    links
        .iter()
        .filter_map(|link| {
            let id = link.ticket.as_ref()?;
            let ticket = hot.remove(id)?;
            link.is_news(ticket.updated).then(|| (id.clone(), ticket))
        })
        .collect()
}

/// Whether something changed since the log was read.
pub(super) fn needs_log(link: &Link, ticket: &Ticket) -> bool {
    link.log_read.is_none_or(|read| ticket.updated > read)
}

/// The ticket of a link as a connector wants it.
pub fn reference(link: &Link) -> Option<TicketRef> {
    Some(TicketRef {
        id: link.ticket.clone()?,
        key: link.key.clone().unwrap_or_default(),
        project: link.project.clone().unwrap_or_default(),
        url: link.url.clone().unwrap_or_default(),
    })
}
