//! One link with its ticket at hand: the register's side in one transaction, which makes the plan, and the base after
//! the ticket was written.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Account, Patch, StateChange, Ticket, TicketLog, TicketState};

use super::mapping::{self, Shown, Tracker, read_state, state_name, ticket_due};
use super::merge::{Clash, Merged, Sides, merge};
use super::take::{Prepared, Taking};
use super::{SyncError, World, lost, settle, talk};
use crate::register::decide::Command;
use crate::register::{
    Actor, Change, Conflict, Link, LinkPhase, Milestone, MilestoneState, MoveState, Pair, Register,
    Resolution, Subject, TicketName,
};
use crate::store::{Scope, Tx};

/// How old a change must be for no other to come in the same second of the tracker's clock.
const SETTLED: TimeDelta = TimeDelta::seconds(2);
/// The same for what a log is read by, where the tracker's clock may be minutes off ours: reading it once more than
/// needed costs a request, missing an entry costs what it says.
const LOG_SETTLED: TimeDelta = TimeDelta::minutes(5);

/// A ticket that is looked at.
pub struct Look<'a> {
    /// As it is.
    pub ticket: &'a Ticket,
    /// Its log, where it changed since that was read.
    pub log: Option<TicketLog>,
    /// Whether it was fetched just now, so that it may be written by what it shows.
    pub writes: bool,
}

/// What is to be written to a ticket, decided in the transaction that took its log.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Link.
    pub link: String,
    /// What to send.
    pub patch: Patch,
    /// The text to write the block into, where a write of ours replaced it unseen.
    pub restore: Option<String>,
    /// The merge that gave it.
    merged: Merged,
    /// The sides as they were.
    sides: Sides,
    /// The link's version with nothing marked since the ticket was looked at; none where something was.
    unmarked: Option<i64>,
}

/// The register's side, in one transaction: the log taken, the levels merged, the plan made, the link saved.
pub async fn register_side(
    world: &World,
    link: &Link,
    ticket: &Ticket,
    prepared: Option<Prepared>,
    writes: bool,
    us: &Account,
) -> Result<Option<Plan>, SyncError> {
    let (world, seen, ticket, us) = (world.clone(), link.clone(), ticket.clone(), us.clone());
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move { decide_in(tx, &world, &seen, &ticket, prepared, writes, &us).await })
        })
        .await
}

/// The ticket is written: what it became is the base.
pub async fn written(world: &World, plan: &Plan, after: &Ticket) -> Result<(), SyncError> {
    let (plan, after, world) = (plan.clone(), after.clone(), world.clone());
    world
        .writer
        .clone()
        .submit(move |tx| {
            Box::pin(async move {
                let Some(mut link) = tx.link(&plan.link).await? else { return Ok(()) };
                let tracker = world.settings.tracker(&link.tracker)?;
                let marked = plan.unmarked != Some(link.version);
                // Where no history tells what was written meanwhile, the ticket is looked at once more.
                let told = world.connector(&tracker.connection)?.capabilities().text_history();
                settle(&mut link, &plan, &after, tracker, &world);
                link.dirty = (marked || !told).then(|| world.clock.now());
                tx.save_link(&mut link).await?;
                Ok::<_, SyncError>(())
            })
        })
        .await
}

/// Detects drift of a link's milestone again, where there is no ticket to look at.
pub async fn redetect(tx: &mut Tx, world: &World, link: Link, us: &Account) -> Result<(), SyncError> {
    tx.lock(std::slice::from_ref(&link.system)).await?;
    let tracker = world.settings.tracker(&link.tracker)?;
    let register = tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
    let now = world.clock.now();
    let mut taking = Taking::new(tx, world, register, link, tracker, us, now);
    taking.redetect().await
}

async fn decide_in(
    tx: &mut Tx,
    world: &World,
    seen: &Link,
    ticket: &Ticket,
    prepared: Option<Prepared>,
    writes: bool,
    us: &Account,
) -> Result<Option<Plan>, SyncError> {
    let now = world.clock.now();
    tx.lock(std::slice::from_ref(&seen.system)).await?;
    // As it was when the ticket was looked at: a mark that came since then stays.
    let mut link = seen.clone();
    follow(world, &mut link, ticket)?;
    let tracker = world.settings.tracker(&link.tracker)?;
    let register = tx.load(&link.system, Scope::Milestones(BTreeSet::from([link.milestone]))).await?;
    let mut taking = Taking::new(tx, world, register, link, tracker, us, now);
    if taking.milestone().is_none() {
        return Ok(None);
    }
    name_ticket(&mut taking, ticket).await?;
    if prepared.is_some() {
        taking.link.log_read = Some(seen_through(ticket, now, LOG_SETTLED));
    }
    let known = taking.milestone().map_or(0, |milestone| milestone.moves.len());
    taking.take(ticket, prepared).await?;
    let settles = settle::settle(&mut taking).await?;
    let just_moved = taking.milestone().is_some_and(|milestone| milestone.moves.len() > known);
    let (sides, merged) = look(&mut taking, ticket).await?;
    keep_losers(&mut taking, &merged).await?;
    let again = talk::ask(&mut taking, just_moved).await?;
    let again = [again, settles].into_iter().flatten().min();
    // A question changes what the block shows, so both sides are looked at after it.
    let (sides, mut merged) =
        if again.is_none() { look(&mut taking, ticket).await? } else { (sides, merged) };
    observe(&mut taking, ticket, &sides, &merged);
    let restore = taking.link.observed.lost_text.clone();
    if restore.is_some() {
        merged.block = Some(sides.our_block.clone());
    }
    let patch = patch(&taking, &sides, &merged);
    if writes {
        own_writes(&mut taking, ticket, &sides, &merged).await?;
    }
    let link = &mut taking.link;
    link.phase = LinkPhase::Linked;
    link.missing_since = None;
    link.base = merged.base.clone();
    // Clean only when nothing is left to write; a crash before the write leaves it dirty, and due at once.
    (link.dirty, link.due_at) = if patch.is_empty() { (None, again) } else { (Some(now), None) };
    link.attempts = 0;
    link.error = None;
    taking.redetect().await?;
    let mut link = taking.link;
    let now_in_store = tx.link(&link.id).await?.map(|stored| stored.version);
    let marked = now_in_store != Some(link.version);
    tx.save_link(&mut link).await?;
    let unmarked = (!marked).then_some(link.version);
    Ok(Some(Plan { link: link.id, patch, restore, merged, sides, unmarked }))
}

/// Up to when what changed in a ticket was seen, by looking at it now.
fn seen_through(ticket: &Ticket, now: DateTime<Utc>, settled: TimeDelta) -> DateTime<Utc> {
    if now - ticket.updated < settled { ticket.updated - TimeDelta::seconds(1) } else { ticket.updated }
}

/// Key, project and URL may change, and on a transfer the id: they are followed. The tracker follows the project where
/// one covers it.
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
    let number = taking.link.milestone;
    let milestone = taking.milestone().ok_or_else(|| SyncError::Unknown(number.to_string()))?;
    let (world, register, tracker) = (taking.world, &taking.register, taking.tracker);
    sides_of(&Held { world, register, milestone, tracker }, ticket)
}

/// The register's side of a link.
pub(super) struct Held<'a> {
    /// The world.
    pub(super) world: &'a World,
    /// The slice of the register that the milestone needs.
    pub(super) register: &'a Register,
    /// The milestone.
    pub(super) milestone: &'a Milestone,
    /// The link's tracker.
    pub(super) tracker: &'a Tracker,
}

/// Both sides as they are.
pub(super) fn sides_of(held: &Held<'_>, ticket: &Ticket) -> Result<Sides, SyncError> {
    let Held { world, register, milestone, tracker } = held;
    let capabilities = world.connector(&tracker.connection)?.capabilities();
    let in_field = tracker.due_in_field(capabilities.due_field);
    let their = ticket_due(in_field, ticket);
    let set_back = world.settings.policy.moves.set_back;
    let stays = |state: MoveState| match state {
        MoveState::Unexplained | MoveState::Explained => true,
        MoveState::Rejected => !set_back,
        MoveState::Noted => milestone.state.is_over(),
        MoveState::Approved | MoveState::Superseded | MoveState::Withdrawn => false,
    };
    let due_apart = their.readable
        && their.date != milestone.due
        && milestone.moves.iter().rev().find(|moved| moved.to == their.date).is_some_and(|m| stays(m.state));
    let shown = Shown { due: if due_apart && !in_field { their.date } else { milestone.due }, in_field };
    let prefix = mapping::prefix(&register.system.id, milestone);
    let our_assignee =
        milestone.owner.as_ref().and_then(|owner| world.settings.account_of(&tracker.connection, owner));
    Ok(Sides {
        our_title: mapping::our_title(register, milestone),
        their_title: ticket.title.clone(),
        their_title_prefixed: mapping::title(&prefix, mapping::title_text(&prefix, &ticket.title)),
        prefix,
        our_block: mapping::block(register, milestone, tracker.disclosure, shown),
        their_block: ticket.description.block.clone(),
        our_state: our_state(milestone),
        their_state: read_state(&tracker.states, &ticket.status, &ticket.labels),
        wants_evidence: milestone.evidence_after.is_some(),
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

/// What the register holds the ticket's state to be. One that was closed without a fix reads so until GRC decides; that
/// work goes on is then a change of ours, which reopens it, and so is that it stays done.
pub(super) fn our_state(milestone: &Milestone) -> TicketState {
    let decided = matches!(milestone.state, MilestoneState::Verified | MilestoneState::Dropped);
    if milestone.closed_without_fix.is_some() && !decided {
        return TicketState::Dropped;
    }
    mapping::ticket_state(milestone.state)
}

/// The ticket's assignee becomes the owner, through the identity map; an unmapped one is drift, and so is nobody.
async fn take_assignee(taking: &mut Taking<'_>, sides: &Sides) -> Result<(), SyncError> {
    let owner = match &sides.their_assignee {
        Some(account) => match taking.world.settings.person_of(&taking.tracker.connection, account) {
            Some(person) => Some(person.name.clone()),
            None => return Ok(()),
        },
        None => None,
    };
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
        keep_loser(taking, clash).await?;
    }
    Ok(())
}

/// Keeps a value that another took the place of.
pub(super) async fn keep_loser(taking: &mut Taking<'_>, clash: &Clash) -> Result<(), SyncError> {
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
    observed.updated = Some(seen_through(ticket, taking.now, SETTLED));
    observed.braked = false;
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
    patch_of(taking.tracker, taking.milestone(), sides, merged)
}

/// The same without a transaction.
pub(super) fn patch_of(
    tracker: &Tracker,
    milestone: Option<&Milestone>,
    sides: &Sides,
    merged: &Merged,
) -> Patch {
    let reason = milestone
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
async fn own_writes(
    taking: &mut Taking<'_>,
    ticket: &Ticket,
    sides: &Sides,
    merged: &Merged,
) -> Result<(), SyncError> {
    lost::note(taking, ticket, merged).await?;
    let mut writes = Vec::new();
    if let Some(state) = merged.state {
        writes.push(("state", state_name(state).to_owned()));
    }
    // A new block brings our date, unless theirs may stay.
    let on_the_line = merged.block.is_some() && !sides.due_apart && sides.our_due != sides.their_due;
    let due = if sides.due_in_field { merged.due } else { on_the_line.then_some(sides.our_due) };
    if let Some(due) = due {
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
        link.observed.lost_text = None;
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
    let now = world.clock.now();
    link.observed.updated = Some(seen_through(after, now, SETTLED));
    link.written = Some(now);
    // What changed between our read and our write shows in the next poll, which brings every ticket that we wrote.
    link.dirty = None;
    link.due_at = None;
}
