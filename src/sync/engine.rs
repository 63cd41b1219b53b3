//! One pass over the links of a connection that are dirty: observe both sides, take the log, plan, carry out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{
    Account, ErrorKind, Fetched, LogRequest, Outcome, Patch, StateChange, Ticket, TicketLog, TicketRef,
};

use super::mapping::{self, Shown, Tracker, read_state, state_name, ticket_due};
use super::merge::{Merged, Sides, merge};
use super::take::{Prepared, Taking, prepare};
use super::{SyncError, World, brakes, create, talk};
use crate::register::decide::Command;
use crate::register::{
    Actor, Change, Conflict, Link, LinkPhase, MoveState, Pair, Resolution, Subject, TicketName,
};
use crate::store::{Scope, StoreError, Tx};

/// How many links one pass takes.
const PASS: u32 = 500;

/// The engine: the world, and nothing else that outlives a pass.
#[derive(Clone)]
pub struct Engine {
    /// Everything it reaches.
    pub world: World,
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
}

/// One line of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// `ACME/M-17`.
    pub milestone: String,
    /// Tracker id.
    pub tracker: String,
    /// Ticket key, where there is one.
    pub ticket: Option<String>,
    /// What would be done, in words.
    pub plan: String,
}

/// Tickets that a poll just brought, by immutable id: the observation of this pass.
pub type Hot = BTreeMap<String, Ticket>;

impl Engine {
    /// Reconciles what is dirty on a connection. `hot` saves fetching what a poll just brought.
    pub async fn pass(&self, connection: &str, mut hot: Hot) -> Result<Pass, SyncError> {
        let mut pass = Pass::default();
        let now = self.world.clock.now();
        let halted = self.halted().await?;
        let trackers: Vec<String> = self
            .world
            .settings
            .trackers_on(connection)
            .filter(|tracker| !halted.contains_key(&tracker.id))
            .map(|tracker| tracker.id.clone())
            .collect();
        let mut read = self.world.db.read().await?;
        let dirty = read.dirty_links(&trackers, now, PASS).await?;
        drop(read);
        if dirty.is_empty() {
            return Ok(pass);
        }
        let us = self.world.connector(connection)?.account().await?;
        let (making, linked): (Vec<Link>, Vec<Link>) = dirty
            .into_iter()
            .partition(|link| matches!(link.phase, LinkPhase::Creating | LinkPhase::Waiting));
        for link in making.into_iter().filter(|link| link.phase == LinkPhase::Creating) {
            pass.links += 1;
            match create::create(&self.world, &link, &us).await {
                Ok(created) => pass.created += u32::from(created),
                Err(error) => self.failed(&mut pass, &link, &error).await?,
            }
        }
        let found = self.observe(connection, &linked, &mut hot).await?;
        let logs = self.logs(connection, &linked, &found).await?;
        let halt = brakes::judge(&self.world, connection, &linked, &found, &logs).await?;
        for link in linked {
            if halt.contains(&link.tracker) {
                continue;
            }
            pass.links += 1;
            let id = link.ticket.clone().unwrap_or_default();
            let result = match found.get(&id) {
                Some(Fetched::Found(ticket)) => {
                    let log = logs.get(&id).cloned();
                    self.reconcile(&link, ticket, log, &us, &mut pass).await
                }
                Some(Fetched::Missing(_) | Fetched::Gone(_)) | None => self.missing(&link, &us).await,
            };
            if let Err(error) = result {
                self.failed(&mut pass, &link, &error).await?;
            }
        }
        Ok(pass)
    }

    /// Trackers that a brake halted, with the reason.
    pub async fn halted(&self) -> Result<BTreeMap<String, String>, SyncError> {
        let mut read = self.world.db.read().await?;
        Ok(read.halted().await?)
    }

    /// The tickets of links: what a poll brought, and the rest fetched.
    async fn observe(
        &self,
        connection: &str,
        links: &[Link],
        hot: &mut Hot,
    ) -> Result<BTreeMap<String, Fetched>, SyncError> {
        let mut found = BTreeMap::new();
        let mut asked = Vec::new();
        for link in links {
            let Some(reference) = reference(link) else { continue };
            match hot.remove(&reference.id) {
                Some(ticket) => {
                    found.insert(reference.id, Fetched::Found(Box::new(ticket)));
                }
                None => asked.push(reference),
            }
        }
        if !asked.is_empty() {
            let answers = self.world.connector(connection)?.fetch(&asked).await?;
            for (reference, answer) in asked.into_iter().zip(answers) {
                found.insert(reference.id, answer);
            }
        }
        Ok(found)
    }

    /// The logs of those tickets that changed since theirs was read.
    async fn logs(
        &self,
        connection: &str,
        links: &[Link],
        found: &BTreeMap<String, Fetched>,
    ) -> Result<BTreeMap<String, TicketLog>, SyncError> {
        let mut requests = Vec::new();
        for link in links {
            let Some(Fetched::Found(ticket)) = link.ticket.as_ref().and_then(|id| found.get(id)) else {
                continue;
            };
            if link.log_read.is_none_or(|read| ticket.updated > read) || may_be_newer(link, ticket.updated) {
                // Entries are taken once by their ids, so an overlap costs nothing.
                let since = link.log_read.map(|read| read - TimeDelta::seconds(60));
                requests.push(LogRequest { ticket: ticket.reference.clone(), since });
            }
        }
        if requests.is_empty() {
            return Ok(BTreeMap::new());
        }
        let logs = self.world.connector(connection)?.read_log(&requests).await?;
        Ok(logs.into_iter().map(|log| (log.ticket.clone(), log)).collect())
    }

    /// One link with its ticket at hand.
    async fn reconcile(
        &self,
        link: &Link,
        ticket: &Ticket,
        log: Option<TicketLog>,
        us: &Account,
        pass: &mut Pass,
    ) -> Result<(), SyncError> {
        let world = &self.world;
        let tracker = world.settings.tracker(&link.tracker)?;
        let log_read = log.as_ref().map(|_| ticket.updated);
        let prepared = match log {
            Some(log) => {
                let mut read = world.db.read().await?;
                let taken = read.entries_taken(&link.id).await?;
                drop(read);
                Some(prepare(world, link, tracker, ticket, log, &taken).await?)
            }
            None => None,
        };
        let plan = self.register_side(link, ticket, prepared, log_read, us).await?;
        let Some(plan) = plan else { return Ok(()) };
        if !plan.patch.is_empty() {
            let connector = world.connector(&tracker.connection)?;
            let after = connector.apply(ticket, &plan.patch).await?;
            pass.written += 1;
            self.written(&plan, &after).await?;
        }
        if talk::send(world, &tracker.connection, link, &ticket.reference).await? {
            pass.said += 1;
        }
        Ok(())
    }

    /// The register's side, in one transaction: the log taken, the levels merged, the plan made, the link saved.
    async fn register_side(
        &self,
        link: &Link,
        ticket: &Ticket,
        prepared: Option<Prepared>,
        log_read: Option<DateTime<Utc>>,
        us: &Account,
    ) -> Result<Option<Plan>, SyncError> {
        let world = self.world.clone();
        let (seen, ticket, us) = (link.clone(), ticket.clone(), us.clone());
        world
            .writer
            .clone()
            .submit(move |tx| {
                Box::pin(
                    async move { register_side(tx, &world, &seen, &ticket, prepared, log_read, &us).await },
                )
            })
            .await
    }

    /// The ticket is written: what it became is the base.
    async fn written(&self, plan: &Plan, after: &Ticket) -> Result<(), SyncError> {
        let (plan, after, world) = (plan.clone(), after.clone(), self.world.clone());
        world
            .writer
            .clone()
            .submit(move |tx| {
                Box::pin(async move {
                    let Some(mut link) = tx.link(&plan.link).await? else { return Ok(()) };
                    let tracker = world.settings.tracker(&link.tracker)?;
                    settle(&mut link, &plan, &after, tracker, &world);
                    tx.save_link(&mut link).await?;
                    Ok::<_, SyncError>(())
                })
            })
            .await
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
                    tx.save_link(&mut link).await?;
                    redetect(tx, &world, link, &us).await
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
        let until = match error {
            SyncError::Tracker(error) => retry_at(now, error, link.attempts),
            SyncError::Store(_) | SyncError::Evidence(_) | SyncError::Unknown(_) => {
                now + backoff(link.attempts)
            }
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

/// What is to be written to a ticket, decided in the transaction that took its log.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Link.
    pub link: String,
    /// What to send.
    pub patch: Patch,
    /// The merge that gave it.
    pub merged: Merged,
    /// The sides as they were.
    pub sides: Sides,
}

async fn register_side(
    tx: &mut Tx,
    world: &World,
    seen: &Link,
    ticket: &Ticket,
    prepared: Option<Prepared>,
    log_read: Option<DateTime<Utc>>,
    us: &Account,
) -> Result<Option<Plan>, SyncError> {
    let now = world.clock.now();
    tx.lock(std::slice::from_ref(&seen.system)).await?;
    // As it was when the ticket was looked at: a mark that came since then stays.
    let mut link = seen.clone();
    follow(world, &mut link, ticket)?;
    let tracker = world.settings.tracker(&link.tracker)?;
    let register = tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
    let mut taking = Taking { tx, world, register, link, tracker, us, now };
    if taking.milestone().is_none() {
        return Ok(None);
    }
    name_ticket(&mut taking, ticket).await?;
    if let Some(prepared) = prepared {
        taking.take(ticket, prepared).await?;
    }
    if let Some(read) = log_read {
        taking.link.log_read = Some(read);
    }
    let (sides, merged) = look(&mut taking, ticket).await?;
    keep_losers(&mut taking, &merged).await?;
    let again = talk::ask(&mut taking).await?;
    // A question changes what the block shows, so both sides are looked at after it.
    let (sides, merged) = if again.is_none() { look(&mut taking, ticket).await? } else { (sides, merged) };
    observe(&mut taking, ticket, &sides, &merged);
    taking.redetect().await?;
    let patch = patch(&taking, &sides, &merged);
    own_writes(&mut taking, &sides, &merged).await?;
    let link = &mut taking.link;
    link.phase = LinkPhase::Linked;
    link.missing_since = None;
    link.base = merged.base.clone();
    link.due_at = again;
    // Clean only when nothing is left to write; a crash before the write leaves it dirty.
    link.dirty = if patch.is_empty() { None } else { Some(now) };
    link.attempts = 0;
    link.error = None;
    let mut link = taking.link;
    tx.save_link(&mut link).await?;
    Ok(Some(Plan { link: link.id, patch, merged, sides }))
}

/// Key, project and URL may change, and on a transfer the id: they are followed. The tracker follows the project where one covers it.
fn follow(world: &World, link: &mut Link, ticket: &Ticket) -> Result<(), SyncError> {
    let here = world.settings.tracker(&link.tracker)?;
    // A transfer between GitHub repositories gives the issue another id.
    link.ticket = Some(ticket.reference.id.clone());
    link.key = Some(ticket.reference.key.clone());
    link.url = Some(ticket.reference.url.clone());
    link.project = Some(ticket.reference.project.clone());
    if here.project.project.eq_ignore_ascii_case(&ticket.reference.project) {
        link.observed.moved_away = None;
        return Ok(());
    }
    let covering = world
        .settings
        .trackers_on(&here.connection)
        .find(|tracker| tracker.project.project.eq_ignore_ascii_case(&ticket.reference.project));
    match covering {
        Some(tracker) => {
            link.tracker.clone_from(&tracker.id);
            link.observed.moved_away = None;
        }
        None => link.observed.moved_away = Some(ticket.reference.project.clone()),
    }
    Ok(())
}

/// The register names the ticket as it is called now.
async fn name_ticket(taking: &mut Taking<'_>, ticket: &Ticket) -> Result<(), SyncError> {
    let named = TicketName {
        tracker: taking.link.tracker.clone(),
        id: ticket.reference.id.clone(),
        key: ticket.reference.key.clone(),
        url: ticket.reference.url.clone(),
    };
    let cause = taking.cause("reference");
    let command = Command::Ticket { milestone: taking.link.milestone, ticket: Some(named) };
    taking.must(Actor::Poam, &cause, &command).await
}

/// Both sides as they are now, and what the merge makes of them.
async fn look(taking: &mut Taking<'_>, ticket: &Ticket) -> Result<(Sides, Merged), SyncError> {
    let sides = sides(taking, ticket)?;
    let merged = merge(&sides, &taking.link.base);
    let theirs = mapping::title_text(&sides.prefix, &sides.their_title).to_owned();
    let ours = mapping::title_text(&sides.prefix, &sides.our_title);
    let noted = merged.title_noted && theirs != ours;
    let title = noted.then_some(theirs);
    let cause = taking.cause("title");
    let command = Command::TicketTitle { milestone: taking.link.milestone, title };
    taking.must(Actor::Poam, &cause, &command).await?;
    if merged.take_assignee {
        take_assignee(taking, &sides).await?;
    }
    Ok((sides, merged))
}

fn sides(taking: &Taking<'_>, ticket: &Ticket) -> Result<Sides, SyncError> {
    let (register, link, tracker) = (&taking.register, &taking.link, taking.tracker);
    let milestone = taking.milestone().ok_or_else(|| SyncError::Unknown(link.milestone.to_string()))?;
    let capabilities = taking.world.connector(&tracker.connection)?.capabilities();
    let in_field = taking.due_in_field(capabilities.due_field);
    let their = ticket_due(in_field, ticket);
    let set_back = taking.world.settings.policy.moves.set_back;
    let due_apart = their.readable
        && their.date != milestone.due
        && (milestone.state.is_over()
            || milestone.moves.iter().any(|moved| {
                moved.to == their.date
                    && (moved.state.is_open() || (moved.state == MoveState::Rejected && !set_back))
            }));
    let shown = Shown { due: if due_apart && !in_field { their.date } else { milestone.due } };
    let prefix = mapping::prefix(&register.system.id, milestone);
    let our_assignee = milestone
        .owner
        .as_ref()
        .and_then(|owner| taking.world.settings.account_of(&tracker.connection, owner));
    Ok(Sides {
        our_title: mapping::title(&prefix, &milestone.text),
        their_title: ticket.title.clone(),
        their_title_prefixed: mapping::title(&prefix, mapping::title_text(&prefix, &ticket.title)),
        prefix,
        our_block: mapping::block(register, milestone, tracker.disclosure, shown),
        their_block: ticket.description.block.clone(),
        our_state: mapping::ticket_state(milestone.state),
        their_state: read_state(&tracker.states, &ticket.status, &ticket.labels),
        our_due: milestone.due,
        their_due: their.date,
        due_readable: their.readable,
        due_in_field: in_field,
        due_apart,
        our_assignee,
        their_assignee: ticket.assignee.clone(),
        managed_labels: BTreeSet::from([connector_api::LABEL.to_owned()]),
        their_labels: ticket.labels.clone(),
    })
}

/// The ticket's assignee becomes the owner, through the identity map; an unmapped one is drift.
async fn take_assignee(taking: &mut Taking<'_>, sides: &Sides) -> Result<(), SyncError> {
    let Some(account) = &sides.their_assignee else { return Ok(()) };
    let Some(person) = taking.world.settings.person_of(&taking.tracker.connection, account) else {
        return Ok(());
    };
    let owner = Some(person.name.clone());
    let changes = match taking.milestone() {
        Some(milestone) if milestone.owner != owner => {
            vec![Change::MilestoneOwner { milestone: milestone.number, owner }]
        }
        Some(_) | None => return Ok(()),
    };
    let actor = Actor::Unknown(taking.tracker.connection.clone());
    let cause = taking.cause("assignee");
    taking.tx.record(&mut taking.register, taking.now, &actor, &cause, &changes).await?;
    Ok(())
}

/// Both changed a field: the loser is kept in a conflict, and what the table says wins.
async fn keep_losers(taking: &mut Taking<'_>, merged: &Merged) -> Result<(), SyncError> {
    for clash in &merged.conflicts {
        let number = taking.register.system.last_conflict + 1;
        let conflict = Conflict {
            number,
            subject: Subject::Milestone(taking.link.milestone),
            field: clash.field.to_owned(),
            base: clash.base.clone(),
            ours: clash.ours.clone(),
            theirs: clash.theirs.clone(),
            winner: clash.winner.to_owned(),
            at: taking.now,
            resolved: None::<Resolution>,
        };
        let cause = taking.cause(clash.field);
        let changes = [Change::ConflictFound { conflict }];
        taking.tx.record(&mut taking.register, taking.now, &Actor::Poam, &cause, &changes).await?;
    }
    Ok(())
}

/// Keeps what was seen, for drift detection and lists.
fn observe(taking: &mut Taking<'_>, ticket: &Ticket, sides: &Sides, merged: &Merged) {
    let due = ticket_due(sides.due_in_field, ticket);
    let person = sides
        .their_assignee
        .as_ref()
        .and_then(|account| taking.world.settings.person_of(&taking.tracker.connection, account))
        .map(|person| person.name.clone());
    let restored = u32::try_from(merged.labels.len()).unwrap_or(u32::MAX);
    let first = taking.link.observed.at.is_none();
    let observed = &mut taking.link.observed;
    observed.at = Some(taking.now);
    observed.updated = Some(ticket.updated);
    observed.title.clone_from(&ticket.title);
    observed.status.clone_from(&ticket.status.name);
    state_name(sides.their_state).clone_into(&mut observed.state);
    observed.due = if due.readable { due.date } else { sides.our_due };
    observed.due_unreadable = due.problem;
    observed.assignee = sides.their_assignee.as_ref().map(|account| account.id.clone());
    observed.assignee_person = person;
    observed.scheduled = ticket
        .scheduled
        .iter()
        .max_by_key(|end| end.date)
        .map(|end| (format!("{} {}", end.kind, end.name), end.date));
    if !first {
        observed.labels_restored = observed.labels_restored.saturating_add(restored);
    }
}

/// The merge as one patch.
fn patch(taking: &Taking<'_>, sides: &Sides, merged: &Merged) -> Patch {
    let tracker = taking.tracker;
    let reason = taking
        .milestone()
        .map(|milestone| format!("{} is {} in the POA&M.", milestone.number, milestone.state.name()));
    Patch {
        title: merged.title.clone(),
        block: merged.block.clone(),
        due: if sides.due_in_field { merged.due } else { None },
        assignee: merged.assignee.clone(),
        add_labels: merged.labels.clone(),
        remove_labels: BTreeSet::new(),
        state: merged.state.map(|to| StateChange {
            to,
            names: mapping::names_of(&tracker.states, to),
            resolution: tracker.resolutions.get(&to).cloned(),
            comment: reason,
            fields: tracker.transition_fields.get(&to).cloned().unwrap_or_default(),
        }),
        project: tracker.project.clone(),
    }
}

/// Records what is about to be written, so that its echo in the ticket's history is known as ours.
async fn own_writes(taking: &mut Taking<'_>, sides: &Sides, merged: &Merged) -> Result<(), SyncError> {
    let mut writes = Vec::new();
    if let Some(state) = merged.state {
        writes.push(("state", state_name(state).to_owned()));
    }
    if let (Some(due), true) = (merged.due, sides.due_in_field) {
        writes.push(("due", due.map_or_else(|| "none".to_owned(), |due| due.to_string())));
    }
    for (field, value) in writes {
        taking.tx.record_own_write(&taking.link.id, field, &value, taking.now).await?;
    }
    Ok(())
}

/// The base and what was seen, after a write: for what was sent, the pair of ours and what the site made of it.
fn settle(link: &mut Link, plan: &Plan, after: &Ticket, tracker: &Tracker, world: &World) {
    let (sides, merged) = (&plan.sides, &plan.merged);
    if let Some(sent) = &merged.title {
        // A prefix put back leaves their text theirs: ours stays as it was.
        let ours = if merged.title_noted { sides.our_title.clone() } else { sent.clone() };
        link.base.title = Some(Pair { ours, theirs: after.title.clone() });
    }
    if merged.block.is_some() {
        link.base.block = Some(Pair { ours: merged.block.clone(), theirs: after.description.block.clone() });
    }
    let state = read_state(&tracker.states, &after.status, &after.labels);
    if merged.state.is_some() {
        link.base.state =
            Some(Pair { ours: state_name(sides.our_state).to_owned(), theirs: state_name(state).to_owned() });
        state_name(state).clone_into(&mut link.observed.state);
        link.observed.status.clone_from(&after.status.name);
    }
    let due = ticket_due(sides.due_in_field, after);
    if merged.due.is_some() || (!sides.due_in_field && due.readable) {
        link.base.due = Some(Pair { ours: sides.our_due, theirs: due.date });
        link.observed.due = due.date;
        link.observed.due_unreadable = due.problem;
    }
    if merged.assignee.is_some() {
        let theirs = after.assignee.as_ref().map(|account| account.id.clone());
        link.base.assignee = Some(Pair {
            ours: sides.our_assignee.as_ref().map(|account| account.id.clone()),
            theirs: theirs.clone(),
        });
        link.observed.assignee = theirs;
        link.observed.assignee_person = after
            .assignee
            .as_ref()
            .and_then(|account| world.settings.person_of(&tracker.connection, account))
            .map(|person| person.name.clone());
    }
    link.observed.title.clone_from(&after.title);
    link.observed.updated = Some(after.updated);
    // What changed between our read and our write shows in the next look.
    link.dirty = Some(world.clock.now());
}

async fn redetect(tx: &mut Tx, world: &World, link: Link, us: &Account) -> Result<(), SyncError> {
    tx.lock(std::slice::from_ref(&link.system)).await?;
    let tracker = world.settings.tracker(&link.tracker)?;
    let register = tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
    let now = world.clock.now();
    let mut taking = Taking { tx, world, register, link, tracker, us, now };
    taking.redetect().await
}

/// Whether a ticket may have changed since it was last looked at. Some sites tell the time of a change in whole seconds:
/// what was looked at within a few seconds of its last change may have changed once more in the same second.
pub fn may_be_newer(link: &Link, updated: DateTime<Utc>) -> bool {
    let Some(known) = link.observed.updated else { return true };
    let looked_at_once = link.observed.at.is_none_or(|at| at - updated < TimeDelta::seconds(5));
    updated > known || (updated == known && looked_at_once)
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

/// When to try again, as the error's kind says.
pub fn retry_at(now: DateTime<Utc>, error: &connector_api::Error, attempts: u32) -> DateTime<Utc> {
    match &error.kind {
        ErrorKind::RateLimited { until, .. } => (*until).max(now + TimeDelta::seconds(1)),
        ErrorKind::Conflict => now,
        ErrorKind::Unavailable(_) | ErrorKind::TooLarge { .. } | ErrorKind::NotFound => {
            now + backoff(attempts)
        }
        // People must act: look seldom.
        ErrorKind::Auth(_) | ErrorKind::Forbidden(_) | ErrorKind::Invalid(_) | ErrorKind::Unsupported(_) => {
            now + backoff(attempts).max(TimeDelta::minutes(5))
        }
    }
}

/// 5 s, doubled at each failure in a row, at most an hour.
pub fn backoff(attempts: u32) -> TimeDelta {
    TimeDelta::seconds((5_i64 << attempts.min(10)).min(3600))
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Whether a write may have happened though it failed.
pub fn unknown_outcome(error: &SyncError) -> bool {
    matches!(error, SyncError::Tracker(error) if error.outcome == Outcome::Unknown)
}
