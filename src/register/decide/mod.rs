//! Decisions: a command against the present state gives changes, or a refusal that names everything missing at once.
//!
//! Pure: whoever decides, when, and by which rules is in [`Deciding`]. What follows from a change (an item opens,
//! begins, waits for validation; a milestone is verified) is decided with it.

mod import;
mod item;
mod milestone;
mod schedule;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::policy::{Calendar, Policy, RuleSet};
use super::{
    Actor, Change, Disposition, EvidenceKind, ItemFacts, ItemNumber, Milestone, MilestoneNumber,
    MilestoneState, Notice, NoticeKind, Register, Role, Roles, Status, TicketName, apply,
};

pub use import::{ImportedChange, ImportedChangeKind, ImportedItem, ImportedMilestone};
pub use item::{ItemEdit, rating};
pub use milestone::{NewEvidence, NewMilestone, TicketReads, TicketTransition};
pub use schedule::ProposedMove;

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
    pub people: &'a std::collections::BTreeMap<String, super::Person>,
}

impl Deciding<'_> {
    /// Today in the system's calendar.
    pub fn today(&self) -> NaiveDate {
        self.calendar.day(self.now)
    }
}

/// What somebody wants done. Each variant's guard states the roles it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Add an item. Needs grc, isso, owner or admin.
    AddItem {
        /// Its number; the next `V-n` where none is given.
        number: Option<ItemNumber>,
        /// What is known of it.
        facts: Box<ItemFacts>,
    },
    /// Change facts of an item that are not frozen. Needs grc, isso, owner or admin.
    EditItem {
        /// Which.
        item: ItemNumber,
        /// What changes.
        edit: Box<ItemEdit>,
    },
    /// Put a typing error in a frozen field right. Needs grc or isso, and an approver who is another.
    CorrectItem {
        /// Which.
        item: ItemNumber,
        /// `detected`, `scheduled`, `rating`, `title` or `description`.
        field: String,
        /// What is to stand there.
        to: String,
        /// Why.
        reason: String,
        /// Who approved it.
        approved_by: String,
    },
    /// Close an item by a disposition. Needs what the disposition needs.
    CloseItem {
        /// Which.
        item: ItemNumber,
        /// How.
        disposition: Disposition,
        /// Why.
        reason: Option<String>,
    },
    /// Take a row of an imported workbook as it is.
    Import(Box<ImportedItem>),

    /// Add a milestone. Needs grc, isso, owner or admin.
    AddMilestone(Box<NewMilestone>),
    /// Let it serve other items.
    SetServes {
        /// Which.
        milestone: MilestoneNumber,
        /// All that it serves.
        serves: BTreeSet<ItemNumber>,
    },
    /// Give it another owner.
    SetOwner {
        /// Which.
        milestone: MilestoneNumber,
        /// A person's name; none takes the owner away.
        owner: Option<String>,
    },
    /// GRC brings a milestone to a state: begin, done, reopen, drop.
    SetState {
        /// Which.
        milestone: MilestoneNumber,
        /// To.
        to: MilestoneState,
        /// Why; needed to drop, reopen and block.
        reason: Option<String>,
    },
    /// The ticket's state changed.
    Transition(Box<TicketTransition>),
    /// Record a proof.
    AddEvidence(Box<NewEvidence>),
    /// The milestone has a ticket.
    Ticket {
        /// Which.
        milestone: MilestoneNumber,
        /// The ticket.
        ticket: Option<TicketName>,
    },
    /// The ticket's title after our prefix is another.
    TicketTitle {
        /// Which.
        milestone: MilestoneNumber,
        /// None when it is ours again.
        title: Option<String>,
    },

    /// Somebody moved the due date.
    Propose(Box<ProposedMove>),
    /// Say why a date moved.
    Explain {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move; the open one where none is given.
        number: Option<u32>,
        /// Why.
        text: String,
    },
    /// Approve a move. Needs approver, isso or authorizing_official, and not whoever asked.
    Approve {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move; the open one where none is given.
        number: Option<u32>,
    },
    /// Reject a move. Needs approver, isso or authorizing_official.
    Reject {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move; the open one where none is given.
        number: Option<u32>,
        /// Why.
        reason: String,
    },
    /// Write a message to the ticket.
    Say {
        /// Whose ticket.
        milestone: MilestoneNumber,
        /// What for.
        kind: NoticeKind,
        /// What it answers.
        answers: String,
        /// Moves that a question covers.
        covers: Vec<(MilestoneNumber, u32)>,
        /// Markdown.
        body: String,
    },
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
}

/// Decides one command.
pub fn decide(register: &Register, by: &Deciding<'_>, command: &Command) -> Result<Vec<Change>, Refusal> {
    decide_all(register, by, std::slice::from_ref(command))
}

/// Decides several commands as one: all or none.
pub fn decide_all(
    register: &Register,
    by: &Deciding<'_>,
    commands: &[Command],
) -> Result<Vec<Change>, Refusal> {
    let mut draft = Draft { register: register.clone(), changes: Vec::new(), by };
    for command in commands {
        draft.take(command)?;
    }
    Ok(draft.changes)
}

/// The state as it becomes while a command is decided, and the changes so far.
struct Draft<'a> {
    register: Register,
    changes: Vec<Change>,
    by: &'a Deciding<'a>,
}

impl Draft<'_> {
    fn take(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::AddItem { number, facts } => self.add_item(number.as_ref(), facts),
            Command::EditItem { item, edit } => self.edit_item(item, edit),
            Command::CorrectItem { item, field, to, reason, approved_by } => {
                self.correct_item(item, field, to, reason, approved_by)
            }
            Command::CloseItem { item, disposition, reason } => {
                self.close_item(item, disposition, reason.as_deref())
            }
            Command::Import(row) => self.import_item(row),
            Command::AddMilestone(new) => self.add_milestone(new),
            Command::SetServes { milestone, serves } => self.set_serves(*milestone, serves),
            Command::SetOwner { milestone, owner } => self.set_owner(*milestone, owner.as_deref()),
            Command::SetState { milestone, to, reason } => self.set_state(*milestone, *to, reason.as_deref()),
            Command::Transition(transition) => self.transition(transition),
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
            Command::Propose(proposed) => self.propose(proposed),
            Command::Explain { milestone, number, text } => self.explain(*milestone, *number, text),
            Command::Approve { milestone, number } => self.approve(*milestone, *number),
            Command::Reject { milestone, number, reason } => self.reject(*milestone, *number, reason),
            Command::Say { milestone, kind, answers, covers, body } => {
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

    /// Refuses unless whoever decides has one of `roles`.
    fn needs(&self, what: &str, roles: &[Role]) -> Result<(), Refusal> {
        if self.by.roles.iter().any(|role| *role == Role::Admin || roles.contains(role)) {
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

    fn item(&self, what: &str, number: &ItemNumber) -> Result<&super::Item, Refusal> {
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

    /// What follows for the items that a milestone serves: they open, begin, wait for validation, or go back.
    fn follow_milestone(&mut self, number: MilestoneNumber) -> Result<(), Refusal> {
        let serves = match self.register.milestones.get(&number) {
            Some(milestone) => milestone.serves.clone(),
            None => return Ok(()),
        };
        for item in &serves {
            self.follow_item(item)?;
        }
        Ok(())
    }

    /// An item's status, as its plan and milestones make it; never back from closed.
    fn follow_item(&mut self, number: &ItemNumber) -> Result<(), Refusal> {
        loop {
            let Some(item) = self.register.items.get(number) else { return Ok(()) };
            let Some(to) = next_status(&self.register, item) else { return Ok(()) };
            self.push(Change::ItemStatus { item: number.clone(), to })?;
        }
    }

    /// Milestones of a closed item are verified when every item they serve is closed.
    fn verify_milestones(&mut self, item: &ItemNumber) -> Result<(), Refusal> {
        let done: Vec<MilestoneNumber> = self
            .register
            .milestones_of(item)
            .filter(|milestone| milestone.state == MilestoneState::Done)
            .filter(|milestone| self.register.items_of(milestone).all(|item| !item.is_open()))
            .map(|milestone| milestone.number)
            .collect();
        for milestone in done {
            self.push(Change::MilestoneStateChanged {
                milestone,
                from: MilestoneState::Done,
                to: MilestoneState::Verified,
                at: self.by.now,
                reason: Some(format!("every item it serves is closed, {item} last")),
                roles: BTreeSet::new(),
            })?;
        }
        Ok(())
    }
}

/// The status that an item has next by what its plan and milestones are; none where it stays.
fn next_status(register: &Register, item: &super::Item) -> Option<Status> {
    let milestones: Vec<&Milestone> = register.milestones_of(&item.number).collect();
    let begun = milestones.iter().any(|m| {
        matches!(m.state, MilestoneState::InProgress | MilestoneState::Blocked | MilestoneState::Done)
            || m.state == MilestoneState::Verified
    });
    let kept: Vec<_> = milestones.iter().filter(|m| m.state != MilestoneState::Dropped).collect();
    let all_done = !kept.is_empty()
        && kept.iter().all(|m| matches!(m.state, MilestoneState::Done | MilestoneState::Verified));
    let proven = kept.iter().any(|m| !m.evidence.is_empty());
    match item.status {
        Status::Draft => super::completeness::missing(register, item).is_empty().then_some(Status::Open),
        Status::Open => begun.then_some(Status::InProgress),
        Status::InProgress => (all_done && proven).then_some(Status::PendingValidation),
        Status::PendingValidation => (!all_done).then_some(Status::InProgress),
        Status::Closed => None,
    }
}

/// The kinds of evidence that a milestone still lacks.
pub fn missing_evidence(register: &Register, milestone: &Milestone) -> BTreeSet<EvidenceKind> {
    let held: BTreeSet<EvidenceKind> = milestone
        .evidence
        .iter()
        .filter_map(|number| register.evidence.get(number))
        .filter(|evidence| {
            evidence.digest.is_some()
                && milestone.evidence_after.is_none_or(|after| evidence.observed > after)
        })
        .map(|evidence| evidence.kind)
        .collect();
    milestone.expects.difference(&held).copied().collect()
}
