//! What can be decided.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::super::{
    Disposition, EvidenceKind, ItemFacts, ItemNumber, MilestoneNumber, MilestoneState, NoticeKind, TicketName,
};
use super::{ImportedItem, ItemEdit, NewEvidence, NewMilestone, ProposedMove, TicketTransition};

/// What somebody wants done. Each variant states the roles it needs; admin has each of them. An observation needs none:
/// it is what a ticket shows, or what followed there, and whoever made it so acted in the tracker, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Add an item. Needs grc, isso, owner or `system_owner`.
    AddItem {
        /// Its number; the next `V-n` where none is given.
        number: Option<ItemNumber>,
        /// What is known of it.
        facts: Box<ItemFacts>,
    },
    /// Change facts of an item that are not frozen. Needs grc, isso, owner or `system_owner`.
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
        /// `title`, `description`, `detected`, `scheduled` or `rating`.
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
    /// Take a row of an imported workbook as it is. Needs grc or isso.
    Import(Box<ImportedItem>),

    /// Add a milestone. Needs grc, isso, owner or `system_owner`.
    AddMilestone(Box<NewMilestone>),
    /// Let it serve other items. Needs grc, isso, owner or `system_owner`.
    SetServes {
        /// Which.
        milestone: MilestoneNumber,
        /// All that it serves.
        serves: BTreeSet<ItemNumber>,
    },
    /// Word it anew. While everything it serves is a draft the original changes with it, and grc, isso, owner or
    /// `system_owner` word it; later the original stays, and only grc or isso word it anew, with a reason.
    Retext {
        /// Which.
        milestone: MilestoneNumber,
        /// Text.
        text: String,
        /// Why; needed once an item it serves is past draft, and where vague wording is to be let pass (grc, isso).
        reason: Option<String>,
    },
    /// Set its due date while everything it serves is a draft, or for the first time; else it is a move. Needs grc,
    /// isso, owner or `system_owner`.
    SetDue {
        /// Which.
        milestone: MilestoneNumber,
        /// Due; none only while everything it serves is a draft.
        due: Option<NaiveDate>,
    },
    /// Expect other kinds of evidence. Needs grc, isso, owner or `system_owner`; once an item it serves is past draft,
    /// grc or isso.
    SetExpects {
        /// Which.
        milestone: MilestoneNumber,
        /// Kinds: at least one.
        expects: BTreeSet<EvidenceKind>,
    },
    /// Put a typing error in its original text or due date right. Needs grc or isso, and an approver who is another.
    CorrectMilestone {
        /// Which.
        milestone: MilestoneNumber,
        /// `text` or `due`.
        field: String,
        /// What is to stand there.
        to: String,
        /// Why.
        reason: String,
        /// Who approved it.
        approved_by: String,
    },
    /// Give it another owner. Needs engineer, owner, supporting, grc or isso.
    SetOwner {
        /// Which.
        milestone: MilestoneNumber,
        /// A person's name; none takes the owner away.
        owner: Option<String>,
    },
    /// Bring a milestone to a state. To begin, block and unblock needs engineer, owner, supporting, grc or isso; done,
    /// drop, reopen and any decision on a ticket closed without a fix need grc or isso.
    SetState {
        /// Which.
        milestone: MilestoneNumber,
        /// To.
        to: MilestoneState,
        /// Why; needed to drop, reopen and block, and to go on where the ticket was closed without a fix.
        reason: Option<String>,
    },
    /// The ticket's state changed. An observation, which needs no role.
    Transition(Box<TicketTransition>),
    /// Give a proof. Needs engineer, owner, supporting, validator, grc, isso or `system_owner`; a validation needs
    /// validator or isso.
    GiveEvidence(Box<NewEvidence>),
    /// A proof was found in the ticket, or came with a file that is imported. An observation, which needs no role; a
    /// validation is none.
    AddEvidence(Box<NewEvidence>),
    /// The milestone has a ticket. An observation, which needs no role.
    Ticket {
        /// Which.
        milestone: MilestoneNumber,
        /// The ticket.
        ticket: Option<TicketName>,
    },
    /// The ticket's title after our prefix is another. An observation, which needs no role.
    TicketTitle {
        /// Which.
        milestone: MilestoneNumber,
        /// None when it is ours again.
        title: Option<String>,
    },

    /// Work that was blocked goes on where it stood. Needs engineer, owner, supporting, grc or isso.
    Unblock {
        /// Which.
        milestone: MilestoneNumber,
        /// Whether it had begun when it was blocked, as the journal tells: else it is planned again.
        begun: bool,
    },
    /// Ask for another due date. Needs engineer, owner, supporting, grc, isso or `system_owner`.
    Move(Box<ProposedMove>),
    /// Somebody moved the due date in the ticket. An observation, which needs no role: the tracker let them.
    Propose(Box<ProposedMove>),
    /// Look whether its open move, an edit found in a ticket, has settled: then a rule may approve it.
    SettleMove {
        /// Of which milestone.
        milestone: MilestoneNumber,
    },
    /// Say why a date moved. Needs engineer, owner, supporting, grc, isso or `system_owner`.
    Explain {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move; the open one where none is given.
        number: Option<u32>,
        /// Why.
        text: String,
    },
    /// Approve a move. Needs a person with approver, isso or `authorizing_official` who did not move the date.
    Approve {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move; the open one where none is given.
        number: Option<u32>,
    },
    /// Reject a move. Needs approver, isso or `authorizing_official`.
    Reject {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move; the open one where none is given.
        number: Option<u32>,
        /// Why.
        reason: String,
    },
    /// Nobody said why a date moved in the time of grace, and the ticket's date is to be set back. Needs no role: the
    /// configuration decides it (`[moves] set_back`, `[drift] grace_business_days`).
    SetBack {
        /// Of which milestone.
        milestone: MilestoneNumber,
        /// Which move.
        number: u32,
        /// When it was asked why.
        asked: DateTime<Utc>,
    },
    /// Say which value of a conflict stands, and why; text and owner of a milestone follow it. Needs grc or isso.
    ResolveConflict {
        /// Which.
        number: u32,
        /// `register` or `tracker`. For a field of an item the file's value is taken first (edit or correction).
        keep: String,
        /// Why.
        reason: String,
    },
    /// Write a message to the ticket. What follows from another command or an observation, so it needs no role.
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
