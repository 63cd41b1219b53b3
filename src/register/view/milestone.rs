//! A milestone, and what belongs to it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

use super::{
    ConflictView, CorrectionView, DriftView, EvidenceView, LinkView, MoveView, Named, Time, open_conflicts,
    open_drifts,
};
use crate::register::{
    Deadline, EvidenceKind, EvidenceOf, ItemNumber, Link, Milestone, MilestoneNumber, MilestoneState,
    Register, Subject, TicketName,
};

/// A milestone with its moves.
#[derive(Debug, Serialize)]
pub struct MilestoneView<'a> {
    /// `M-17`.
    pub number: Named<MilestoneNumber>,
    /// What is to be done.
    pub text: &'a str,
    /// As first recorded.
    pub original_text: &'a str,
    /// Where it stands.
    pub state: MilestoneState,
    /// Since when.
    pub state_since: Time,
    /// The items it serves.
    pub serves: &'a BTreeSet<ItemNumber>,
    /// The person who owns it.
    pub owner: Option<&'a str>,
    /// Kinds of evidence that prove it.
    pub expects: &'a BTreeSet<EvidenceKind>,
    /// Numbers of its evidence.
    pub evidence: &'a [u32],
    /// Milestones that must be done before it.
    pub depends_on: Vec<Named<MilestoneNumber>>,
    /// Due date as first recorded.
    pub original_due: Option<NaiveDate>,
    /// Due date in force.
    pub due: Option<NaiveDate>,
    /// Changes of the due date, oldest first.
    pub moves: Vec<MoveView<'a>>,
    /// Why it is blocked.
    pub blocked: Option<&'a str>,
    /// When it was done.
    pub done: Option<Time>,
    /// Its ticket.
    pub ticket: Option<&'a TicketName>,
    /// What the ticket's title says, where engineers changed it.
    pub ticket_title: Option<&'a str>,
    /// How its ticket was closed without a fix.
    pub closed_without_fix: Option<ClosedWithoutFixView<'a>>,
    /// Only newer evidence completes it.
    pub evidence_after: Option<Time>,
    /// Corrections made to it.
    pub corrections: Vec<CorrectionView<'a>>,
    /// Its number in the imported workbook, within its item.
    pub imported_as: Option<ImportedAsView<'a>>,
    /// The last change to it.
    pub changed: Time,
}

/// Where an imported workbook has a milestone.
#[derive(Debug, Serialize)]
pub struct ImportedAsView<'a> {
    /// Item.
    pub item: &'a ItemNumber,
    /// Number within it.
    pub number: u32,
}

/// A ticket closed without a fix.
#[derive(Debug, Serialize)]
pub struct ClosedWithoutFixView<'a> {
    /// As the tracker calls it.
    pub resolution: &'a str,
    /// By whom, shown.
    pub by: &'a str,
    /// When.
    pub at: Time,
}

impl<'a> MilestoneView<'a> {
    /// Of a milestone.
    pub fn of(milestone: &'a Milestone) -> Self {
        Self {
            number: Named(milestone.number),
            text: &milestone.text,
            original_text: &milestone.original_text,
            state: milestone.state,
            state_since: Time(milestone.state_since),
            serves: &milestone.serves,
            owner: milestone.owner.as_deref(),
            expects: &milestone.expects,
            evidence: &milestone.evidence,
            depends_on: milestone.depends_on.iter().copied().map(Named).collect(),
            original_due: milestone.original_due,
            due: milestone.due,
            moves: milestone.moves.iter().map(|moved| MoveView::of(milestone.number, moved)).collect(),
            blocked: milestone.blocked.as_deref(),
            done: milestone.done.map(Time),
            ticket: milestone.ticket.as_ref(),
            ticket_title: milestone.ticket_title.as_deref(),
            closed_without_fix: milestone.closed_without_fix.as_ref().map(|closed| ClosedWithoutFixView {
                resolution: &closed.resolution,
                by: &closed.by,
                at: Time(closed.at),
            }),
            evidence_after: milestone.evidence_after.map(Time),
            corrections: milestone.corrections.iter().map(CorrectionView::of).collect(),
            imported_as: milestone
                .imported_as
                .as_ref()
                .map(|(item, number)| ImportedAsView { item, number: *number }),
            changed: Time(milestone.changed),
        }
    }
}

/// A milestone with what belongs to it: `milestone show`.
#[derive(Debug, Serialize)]
pub struct MilestoneDetail<'a> {
    /// The milestone's own members.
    #[serde(flatten)]
    pub milestone: MilestoneView<'a>,
    /// The earliest deadline of the open items that it serves.
    pub deadline: Option<&'a Deadline>,
    /// Its proofs.
    pub proofs: Vec<EvidenceView<'a>>,
    /// Its open drifts.
    pub drifts: Vec<DriftView<'a>>,
    /// Its open conflicts.
    pub conflicts: Vec<ConflictView<'a>>,
    /// Its link.
    pub link: Option<LinkView<'a>>,
}

impl<'a> MilestoneDetail<'a> {
    /// Of a milestone, from the part of the register around it.
    pub fn of(register: &'a Register, milestone: &'a Milestone, link: Option<&'a Link>) -> Self {
        let about = |subject: &Subject| *subject == Subject::Milestone(milestone.number);
        let proofs = register.evidence.values().filter(|e| e.of == EvidenceOf::Milestone(milestone.number));
        Self {
            milestone: MilestoneView::of(milestone),
            deadline: register.deadline_of(milestone),
            proofs: proofs.map(EvidenceView::of).collect(),
            drifts: open_drifts(register, about),
            conflicts: open_conflicts(register, about),
            link: link.map(LinkView::of),
        }
    }
}
