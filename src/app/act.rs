//! People's commands: decided, recorded, and followed by what they touch, in one transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::drift;
use crate::register::decide::{Command, Deciding, Refusal, decide_all, decide_each};
use crate::register::{Actor, Change, ItemNumber, MilestoneNumber, Register, Role, Roles, Subject, SystemId};
use crate::store::{Scope, StoreError};
use crate::sync::decision::announce;
use crate::sync::open::open_later;
use crate::sync::{SyncError, World};

/// Who gives a command, and what they may do.
#[derive(Debug, Clone)]
pub struct Who {
    /// As the journal names them.
    pub actor: Actor,
    /// In the system of the command.
    pub roles: Roles,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A guard is against it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The bridge or the store failed.
    #[error("the command could not be carried out")]
    Failed(#[from] SyncError),
}

impl From<StoreError> for ActError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Whoever runs a command where the store is: the person named, else the operating system's user with every role.
pub fn who(world: &World, system: &SystemId, name: Option<&str>, user: &str) -> Result<Who, Refusal> {
    match name {
        Some(name) => {
            let person = world.settings.people.get(name).ok_or_else(|| {
                Refusal::new("act", format!("{name:?} is no [[person]] of the configuration"))
            })?;
            Ok(Who { actor: Actor::Person(person.name.clone()), roles: person.roles_in(system.as_str()) })
        }
        None => Ok(Who { actor: Actor::Local(user.to_owned()), roles: Role::ALL.into_iter().collect() }),
    }
}

/// What stands against commands, each decided after those before it as [`act`] does, with nothing recorded: the place of
/// each that would be refused, and why.
pub async fn judge(
    world: &World,
    system: &SystemId,
    who: &Who,
    commands: &[Command],
) -> Result<Vec<(usize, Refusal)>, ActError> {
    let register = world.db.read().await?.load(system, scope(commands)).await?;
    let by = deciding(world, system, who, world.clock.now())?;
    Ok(decide_each(&register, &by, commands)?.refused)
}

/// Carries out commands as one: all or none. Gives the changes and the part of the register that they concern.
pub async fn act(
    world: &World,
    system: &SystemId,
    who: &Who,
    commands: Vec<Command>,
) -> Result<(Vec<Change>, Register), ActError> {
    act_for(world, system, who, "command", commands).await
}

/// The same for the cause that the journal is to name.
pub async fn act_for(
    world: &World,
    system: &SystemId,
    who: &Who,
    cause: &str,
    commands: Vec<Command>,
) -> Result<(Vec<Change>, Register), ActError> {
    let (outer, system, who, cause) = (world.clone(), system.clone(), who.clone(), cause.to_owned());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let world = outer;
                let now = world.clock.now();
                tx.lock(std::slice::from_ref(&system)).await?;
                let mut register = tx.load(&system, scope(&commands)).await?;
                let by = match deciding(&world, &system, &who, now) {
                    Ok(by) => by,
                    Err(refusal) => return Ok::<_, SyncError>(Err(refusal)),
                };
                let changes = match decide_all(&register, &by, &commands) {
                    Ok(changes) => changes,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let mut subjects = drift::touched(&register, &changes);
                tx.record(&mut register, now, &who.actor, &cause, &changes).await?;
                subjects.extend(drift::touched(&register, &changes));
                // Before detection, which looks for milestones without a ticket.
                open_later(tx, &world, &register, &changes).await?;
                let standing = world.settings.standing(&system)?;
                drift::redetect(tx, &mut register, &subjects, None, &standing, now).await?;
                let milestones: Vec<MilestoneNumber> = drift::milestones_in(&subjects).into_iter().collect();
                tx.mark_milestones(&system, &milestones, now).await?;
                announce(tx, &world, &mut register, &changes, "command", "").await?;
                send_kept(tx, &register, &changes).await?;
                Ok(Ok((changes, register)))
            })
        })
        .await?
        .map_err(ActError::Refused)
}

/// Where a conflict was decided for the register, its value goes out whatever the ticket was last reconciled to: the
/// register's half of the base no longer is what it says.
async fn send_kept(
    tx: &mut crate::store::Tx,
    register: &Register,
    changes: &[Change],
) -> Result<(), StoreError> {
    for change in changes {
        let Change::ConflictResolved { number, resolution } = change else { continue };
        let Some(conflict) = register.conflicts.get(number) else { continue };
        let Subject::Milestone(milestone) = conflict.subject else { continue };
        let Some(mut link) = tx.link_of(&register.system.id, milestone).await? else { continue };
        match (resolution.keep.as_str(), conflict.field.as_str()) {
            ("register", "title") => {
                if let Some(base) = &mut link.base.title {
                    base.ours.clear();
                }
            }
            ("register", "assignee") => {
                if let Some(base) = &mut link.base.assignee {
                    base.ours = None;
                }
            }
            _ => continue,
        }
        tx.save_link(&mut link).await?;
    }
    Ok(())
}

/// Decides commands as they would be now, and records nothing: before bytes are kept for them.
pub async fn would(
    world: &World,
    system: &SystemId,
    who: &Who,
    commands: &[Command],
) -> Result<(), ActError> {
    let register = world.db.read().await?.load(system, scope(commands)).await?;
    decide_all(&register, &deciding(world, system, who, world.clock.now())?, commands)?;
    Ok(())
}

/// Whoever gives a command, deciding at a time.
pub(super) fn deciding<'a>(
    world: &'a World,
    system: &SystemId,
    who: &Who,
    now: DateTime<Utc>,
) -> Result<Deciding<'a>, Refusal> {
    let Ok(by) = world.settings.deciding(system, who.actor.clone(), now) else {
        return Err(Refusal::new("act", format!("{system} is no [[system]] of the configuration")));
    };
    Ok(Deciding { roles: who.roles.clone(), ..by })
}

/// The part of the register that commands need.
fn scope(commands: &[Command]) -> Scope {
    let mut items: BTreeSet<ItemNumber> = BTreeSet::new();
    let mut milestones: BTreeSet<MilestoneNumber> = BTreeSet::new();
    for command in commands {
        match command {
            Command::AddItem { number, .. } => items.extend(number.clone()),
            Command::EditItem { item, .. } | Command::CorrectItem { item, .. } => {
                items.insert(item.clone());
            }
            Command::CloseItem { item, disposition, .. } => {
                items.insert(item.clone());
                if let crate::register::Disposition::DuplicateOf(other) = disposition {
                    items.insert(other.clone());
                }
            }
            Command::Import(row) => {
                items.insert(row.number.clone());
            }
            Command::AddMilestone(new) => {
                items.extend(new.serves.iter().cloned());
                milestones.extend(new.depends_on.iter().copied());
            }
            Command::SetServes { milestone, serves } => {
                milestones.insert(*milestone);
                items.extend(serves.iter().cloned());
            }
            Command::GiveEvidence(new) | Command::AddEvidence(new) => match &new.of {
                crate::register::EvidenceOf::Milestone(number) => {
                    milestones.insert(*number);
                }
                crate::register::EvidenceOf::Item(number) => {
                    items.insert(number.clone());
                }
                crate::register::EvidenceOf::Source(_) => {}
            },
            // Which subject a conflict is about is not known from its number.
            Command::ResolveConflict { .. } => return Scope::All,
            Command::Transition(transition) => {
                milestones.insert(transition.milestone);
            }
            Command::Move(proposed) | Command::Propose(proposed) => {
                milestones.insert(proposed.milestone);
            }
            Command::SetOwner { milestone, .. }
            | Command::SetState { milestone, .. }
            | Command::Ticket { milestone, .. }
            | Command::TicketTitle { milestone, .. }
            | Command::Explain { milestone, .. }
            | Command::SettleMove { milestone }
            | Command::Unblock { milestone, .. }
            | Command::Approve { milestone, .. }
            | Command::Reject { milestone, .. }
            | Command::SetBack { milestone, .. }
            | Command::Retext { milestone, .. }
            | Command::SetDue { milestone, .. }
            | Command::SetExpects { milestone, .. }
            | Command::CorrectMilestone { milestone, .. }
            | Command::Say { milestone, .. } => {
                milestones.insert(*milestone);
            }
        }
    }
    match (items.is_empty(), milestones.is_empty()) {
        (true, true) => Scope::System,
        (false, true) => Scope::Items(items),
        (true, false) => Scope::Milestones(milestones),
        (false, false) => Scope::All,
    }
}
