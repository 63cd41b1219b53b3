//! Decisions: a command against the present state gives changes, or a refusal that names everything missing at once.
//!
//! Pure: whoever decides, when, and by which rules is in [`Deciding`]. What follows from a change (an item opens,
//! begins, waits for validation; a milestone is verified) is decided with it. What is decided on must be loaded: a
//! milestone with all items it serves, an item with all milestones that serve it and theirs.

mod approval;
mod closure;
mod command;
mod conflict;
mod correction;
mod evidence;
mod follow;
mod import;
mod import_milestones;
mod item;
mod milestone;
mod schedule;
mod state;
mod typed;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};

use super::policy::{Calendar, Policy, RuleSet};
use super::{
    Actor, Change, Item, ItemNumber, Milestone, MilestoneNumber, Notice, Person, Register, Role, Roles, apply,
};

pub use approval::may_explain;
pub use command::Command;
pub use evidence::NewEvidence;
pub use import::{ImportedChange, ImportedChangeKind, ImportedItem, ImportedMilestone};
pub use item::{ItemEdit, rating};
pub use milestone::NewMilestone;
pub use schedule::ProposedMove;
pub use state::{TicketReads, TicketTransition};

/// Who decides, when and by which rules.
#[derive(Debug, Clone)]
pub struct Deciding<'a> {
    /// Who.
    pub actor: Actor,
    /// What they may do in this system.
    pub roles: Roles,
    /// When, by our clock.
    pub now: DateTime<Utc>,
    /// The system's calendar.
    pub calendar: &'a Calendar,
    /// Settings.
    pub policy: &'a Policy,
    /// The rule set in force.
    pub rules: &'a RuleSet,
    /// The people of the register, by name.
    pub people: &'a std::collections::BTreeMap<String, Person>,
}

impl Deciding<'_> {
    /// Today in the system's calendar.
    pub fn today(&self) -> NaiveDate {
        self.calendar.day(self.now)
    }

    /// Whether two actors are the same human, as far as the register knows: an account counts as the person it is
    /// mapped to now, though it was not when it acted.
    pub fn same(&self, one: &Actor, other: &Actor) -> bool {
        one == other || self.person_behind(one).is_some_and(|name| self.person_behind(other) == Some(name))
    }

    fn person_behind<'a>(&'a self, actor: &'a Actor) -> Option<&'a str> {
        match actor {
            Actor::Person(name) => Some(name),
            Actor::Account(_, id) => {
                let is =
                    |held: &Option<String>| held.as_ref().is_some_and(|held| held.eq_ignore_ascii_case(id));
                self.people.values().find(|p| is(&p.github) || is(&p.jira)).map(|p| p.name.as_str())
            }
            Actor::Unknown(_) | Actor::Token(_) | Actor::Rule(_) | Actor::Local(_) | Actor::Poam => None,
        }
    }
}

/// A refused command, with everything that stands against it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {}", .because.join("; "))]
pub struct Refusal {
    /// What was wanted.
    pub what: String,
    /// Each reason, as a sentence.
    pub because: Vec<String>,
}

impl Refusal {
    /// A refusal for one reason.
    pub fn new(what: impl Into<String>, because: impl Into<String>) -> Self {
        Self { what: what.into(), because: vec![because.into()] }
    }

    /// Refuses for all of the reasons, if there is any.
    fn unless_none(what: impl Into<String>, because: Vec<String>) -> Result<(), Self> {
        if because.is_empty() { Ok(()) } else { Err(Self { what: what.into(), because }) }
    }
}

/// Adds what a refusal says to the reasons so far.
fn gather<T>(because: &mut Vec<String>, checked: Result<T, Refusal>) {
    if let Err(refusal) = checked {
        because.extend(refusal.because);
    }
}

/// Decides one command.
pub fn decide(register: &Register, by: &Deciding<'_>, command: &Command) -> Result<Vec<Change>, Refusal> {
    decide_all(register, by, std::slice::from_ref(command))
}

/// Decides several commands as one: all or none.
///
/// The state is copied once for all of them, so many commands are best decided together.
pub fn decide_all(
    register: &Register,
    by: &Deciding<'_>,
    commands: &[Command],
) -> Result<Vec<Change>, Refusal> {
    // The journal and both databases keep microseconds: what is decided names no finer time.
    let by = Deciding { now: by.now.trunc_subsecs(6), ..by.clone() };
    let mut draft = Draft { register: register.clone(), changes: Vec::new(), by: &by };
    for command in commands {
        draft.take(command)?;
    }
    Ok(draft.changes)
}

/// What several commands give, each decided for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// The changes of those that are taken.
    pub changes: Vec<Change>,
    /// The others: the place of each among the commands, from 0, and why.
    pub refused: Vec<(usize, Refusal)>,
}

/// Decides several commands each for itself: what is refused changes nothing, and the rest is taken.
///
/// # Errors
/// [`Refusal`] if the register given does not take its own changes: it was not loaded whole.
pub fn decide_each(register: &Register, by: &Deciding<'_>, commands: &[Command]) -> Result<Each, Refusal> {
    let by = Deciding { now: by.now.trunc_subsecs(6), ..by.clone() };
    let mut draft = Draft { register: register.clone(), changes: Vec::new(), by: &by };
    let mut refused = Vec::new();
    for (place, command) in commands.iter().enumerate() {
        let before = draft.changes.len();
        let Err(refusal) = draft.take(command) else { continue };
        refused.push((place, refusal));
        // Most refuse before they change anything; the rest is undone by doing again what came before.
        if draft.changes.len() > before {
            let kept: Vec<Change> = draft.changes.drain(..before).collect();
            draft = Draft { register: register.clone(), changes: Vec::new(), by: &by };
            for change in kept {
                draft.push(change)?;
            }
        }
    }
    Ok(Each { changes: draft.changes, refused })
}

/// Who plans: items, milestones, dates of drafts; and imports what was planned elsewhere.
pub const PLANNERS: &[Role] = &[Role::Grc, Role::Isso, Role::Owner, Role::SystemOwner];
/// Who works on milestones.
const WORKERS: &[Role] = &[Role::Engineer, Role::Owner, Role::Supporting, Role::Grc, Role::Isso];
/// Who asks for another date, and says why one moved.
const EXPLAINERS: &[Role] =
    &[Role::Engineer, Role::Owner, Role::Supporting, Role::Grc, Role::Isso, Role::SystemOwner];
/// Who gives proofs.
const PROVERS: &[Role] = &[
    Role::Engineer,
    Role::Owner,
    Role::Supporting,
    Role::Validator,
    Role::Grc,
    Role::Isso,
    Role::SystemOwner,
];
/// Who keeps the POA&M, and puts its rules in force.
pub const KEEPERS: &[Role] = &[Role::Grc, Role::Isso];
/// Who approves and rejects.
const DECIDERS: &[Role] = &[Role::Approver, Role::Isso, Role::AuthorizingOfficial];

/// The state as it becomes while a command is decided, and the changes so far.
struct Draft<'a> {
    register: Register,
    changes: Vec<Change>,
    by: &'a Deciding<'a>,
}

impl Draft<'_> {
    fn take(&mut self, command: &Command) -> Result<(), Refusal> {
        typed::check(command)?;
        match command {
            Command::AddItem { number, facts } => self.add_item(number.as_ref(), facts),
            Command::EditItem { item, edit } => self.edit_item(item, edit),
            Command::CorrectItem { item, field, to, reason, approved_by } => {
                self.correct_item(item, field, to, reason, approved_by)
            }
            Command::CloseItem { item, disposition, reason } => {
                self.close_item(item, disposition, reason.as_deref())
            }
            Command::Import(row) => {
                self.needs("import an item", KEEPERS)?;
                self.import_item(row)
            }
            Command::AddMilestone(new) => self.add_milestone(new),
            Command::SetServes { milestone, serves } => self.set_serves(*milestone, serves),
            Command::Retext { milestone, text, reason } => self.retext(*milestone, text, reason.as_deref()),
            Command::SetDue { milestone, due } => self.set_due(*milestone, *due),
            Command::SetExpects { milestone, expects } => self.set_expects(*milestone, expects),
            Command::CorrectMilestone { milestone, field, to, reason, approved_by } => {
                self.correct_milestone(*milestone, field, to, reason, approved_by)
            }
            Command::SetOwner { milestone, owner } => self.set_owner(*milestone, owner.as_deref()),
            Command::SetState { milestone, to, reason } => self.set_state(*milestone, *to, reason.as_deref()),
            Command::Unblock { milestone, begun } => self.unblock(*milestone, *begun),
            Command::Transition(transition) => self.transition(transition),
            Command::GiveEvidence(new) => {
                self.needs("record evidence", PROVERS)?;
                self.add_evidence(new).map(|_| ())
            }
            Command::AddEvidence(new) => self.add_evidence(new).map(|_| ()),
            Command::Ticket { milestone, ticket } => {
                if self.milestone("name its ticket", *milestone)?.ticket != *ticket {
                    self.push(Change::MilestoneTicket { milestone: *milestone, ticket: ticket.clone() })?;
                }
                Ok(())
            }
            Command::TicketTitle { milestone, title } => {
                if self.milestone("note its ticket's title", *milestone)?.ticket_title != *title {
                    self.push(Change::MilestoneTicketTitle { milestone: *milestone, title: title.clone() })?;
                }
                Ok(())
            }
            Command::Move(proposed) => {
                self.needs("move a due date", EXPLAINERS)?;
                self.propose(proposed)
            }
            Command::Propose(proposed) => self.propose(proposed),
            Command::SettleMove { milestone } => self.settle_move(*milestone),
            Command::Explain { milestone, number, text } => self.explain(*milestone, *number, text),
            Command::Approve { milestone, number } => self.approve(*milestone, *number),
            Command::Reject { milestone, number, reason } => self.reject(*milestone, *number, reason),
            Command::SetBack { milestone, number, asked } => self.set_back(*milestone, *number, *asked),
            Command::ResolveConflict { number, keep, reason } => self.resolve_conflict(*number, keep, reason),
            Command::Say { milestone, kind, answers, covers, body } => {
                self.milestone("write to its ticket", *milestone)?;
                let number = self.register.system.last_notice + 1;
                self.push(Change::NoticeQueued {
                    notice: Notice {
                        number,
                        kind: *kind,
                        milestone: *milestone,
                        answers: answers.clone(),
                        covers: covers.clone(),
                        body: body.clone(),
                        queued: self.by.now,
                    },
                })
            }
        }
    }

    /// Records a change and applies it, so that what follows is decided on the state it makes.
    fn push(&mut self, change: Change) -> Result<(), Refusal> {
        apply::apply(&mut self.register, self.by.now, &change)
            .map_err(|misfit| Refusal::new("apply what was decided", misfit.to_string()))?;
        self.changes.push(change);
        Ok(())
    }

    fn has(&self, roles: &[Role]) -> bool {
        self.by.roles.iter().any(|role| *role == Role::Admin || roles.contains(role))
    }

    /// Refuses unless whoever decides has one of `roles`.
    fn needs(&self, what: &str, roles: &[Role]) -> Result<(), Refusal> {
        if self.has(roles) {
            return Ok(());
        }
        let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
        Err(Refusal::new(
            what,
            format!("{} has none of the roles {}", self.by.actor.shown(), names.join(", ")),
        ))
    }

    fn milestone(&self, what: &str, number: MilestoneNumber) -> Result<&Milestone, Refusal> {
        self.register
            .milestones
            .get(&number)
            .ok_or_else(|| Refusal::new(what, format!("there is no {number}")))
    }

    fn item(&self, what: &str, number: &ItemNumber) -> Result<&Item, Refusal> {
        self.register.items.get(number).ok_or_else(|| Refusal::new(what, format!("there is no {number}")))
    }

    /// Refuses a name that is no person of the register: a team or mailbox owns nothing.
    fn person(&self, what: &str, name: &str) -> Result<(), Refusal> {
        if self.by.people.contains_key(name) {
            return Ok(());
        }
        Err(Refusal::new(
            what,
            format!(
                "{name:?} is no person of the register: an owner is one [[person]], never a team or mailbox"
            ),
        ))
    }
}
