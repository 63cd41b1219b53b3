//! Milestones of an imported row, and the changes to them that it tells.

use std::collections::BTreeSet;

use super::super::{
    Actor, Change, Decision, EvidenceKind, ItemNumber, Milestone, MilestoneNumber, MilestoneState, Move,
    MoveState, Rationale, Roles,
};
use super::{
    Draft, ImportedChange, ImportedChangeKind, ImportedItem, ImportedMilestone, ProposedMove, Refusal,
};

impl Draft<'_> {
    /// Takes the milestones of a row. `history` where the item came with this import: then what its file tells of moves
    /// is taken as it was decided there; later it is proposed here.
    pub(super) fn import_milestones(&mut self, row: &ImportedItem, history: bool) -> Result<(), Refusal> {
        for planned in &row.milestones {
            self.import_milestone(row, planned)?;
        }
        for change in &row.changes {
            if change.kind == ImportedChangeKind::New {
                self.import_milestone(row, &planned(change))?;
            }
        }
        for change in &row.changes {
            self.import_milestone_change(row, change, history)?;
        }
        Ok(())
    }

    pub(super) fn imported_milestone(&self, item: &ItemNumber, number: u32) -> Option<&Milestone> {
        self.register
            .milestones
            .values()
            .find(|m| m.imported_as.as_ref().is_some_and(|(of, n)| *n == number && of == item))
    }

    fn import_milestone(&mut self, row: &ImportedItem, planned: &ImportedMilestone) -> Result<(), Refusal> {
        let Some(known) = self.imported_milestone(&row.number, planned.number).cloned() else {
            let milestone = MilestoneNumber(self.register.system.last_milestone + 1);
            return self.push(Change::MilestoneAdded {
                milestone,
                text: planned.text.clone(),
                serves: BTreeSet::from([row.number.clone()]),
                owner: row.facts.owner.clone(),
                expects: BTreeSet::from([EvidenceKind::Transition]),
                depends_on: BTreeSet::new(),
                due: planned.due,
                state: if row.closed { MilestoneState::Verified } else { MilestoneState::Planned },
                imported_as: Some((row.number.clone(), planned.number)),
                wording_allowed: None,
            });
        };
        if known.original_text != planned.text && known.text != planned.text {
            self.import_conflict(
                &row.number,
                &format!("milestone {} text", planned.number),
                &known.original_text,
                &known.text,
                &planned.text,
            )?;
        }
        // A recorded date that the file writes anew is a move with the file as cause; told once, not with each file.
        let told = known.moves.iter().rev().find(|m| m.whence.starts_with("import "));
        let already = told.is_some_and(|told| told.to == planned.due);
        if known.original_due != planned.due && known.due != planned.due && !already {
            self.import_proposal(row, known.number, planned.due, None)?;
        }
        Ok(())
    }

    fn import_milestone_change(
        &mut self,
        row: &ImportedItem,
        change: &ImportedChange,
        history: bool,
    ) -> Result<(), Refusal> {
        let Some(known) = self.imported_milestone(&row.number, change.number).cloned() else {
            // A change to a milestone that the file never planned: what it says is all that is known of it.
            self.import_milestone(row, &planned(change))?;
            return match change.kind {
                ImportedChangeKind::Complete => self.import_milestone_change(row, change, history),
                ImportedChangeKind::New | ImportedChangeKind::Update => Ok(()),
            };
        };
        match (change.kind, known.state) {
            (ImportedChangeKind::New, _)
            | (
                ImportedChangeKind::Complete,
                MilestoneState::Done | MilestoneState::Verified | MilestoneState::Dropped,
            ) => Ok(()),
            (ImportedChangeKind::Complete, MilestoneState::Planned) => {
                self.push(Change::MilestoneStateChanged {
                    milestone: known.number,
                    from: known.state,
                    to: MilestoneState::Done,
                    at: change.date.map_or(self.by.now, |day| self.by.calendar.start_of(day)),
                    reason: Some(change.text.clone()),
                    roles: Roles::new(),
                })?;
                self.follow_milestone(known.number)
            }
            // What was begun or reopened here is done when it is done here.
            (ImportedChangeKind::Complete, MilestoneState::InProgress | MilestoneState::Blocked) => self
                .import_conflict(
                    &row.number,
                    &format!("milestone {} state", change.number),
                    "",
                    known.state.name(),
                    "complete",
                ),
            (ImportedChangeKind::Update, _) => self.import_update(row, &known, change, history),
        }
    }

    fn import_update(
        &mut self,
        row: &ImportedItem,
        known: &Milestone,
        change: &ImportedChange,
        history: bool,
    ) -> Result<(), Refusal> {
        let told = |m: &Move| {
            m.to == change.date
                && m.whence.starts_with("import ")
                && m.rationale.as_ref().is_none_or(|rationale| rationale.text == change.text.trim())
        };
        if change.date.is_none() || change.date == known.due || known.moves.iter().any(told) {
            Ok(())
        } else if history {
            self.import_move(row, known, change)
        } else {
            self.import_proposal(row, known.number, change.date, Some(change.text.clone()))
        }
    }

    /// A date that a newer file says: proposed like any other.
    fn import_proposal(
        &mut self,
        row: &ImportedItem,
        milestone: MilestoneNumber,
        to: Option<chrono::NaiveDate>,
        rationale: Option<String>,
    ) -> Result<(), Refusal> {
        let proposed = ProposedMove {
            milestone,
            to,
            by: self.by.actor.clone(),
            at: self.by.now,
            whence: whence(row),
            rationale,
        };
        self.propose(&proposed)
    }

    /// A change that the first workbook records with its reason is history: a move as approved there.
    fn import_move(
        &mut self,
        row: &ImportedItem,
        known: &Milestone,
        change: &ImportedChange,
    ) -> Result<(), Refusal> {
        let number = u32::try_from(known.moves.len()).unwrap_or(u32::MAX).saturating_add(1);
        let by = self.by.actor.clone();
        let at = self.by.now;
        self.push(Change::MoveProposed {
            milestone: known.number,
            moved: Move {
                number,
                from: known.due,
                to: change.date,
                by: by.clone(),
                at,
                whence: whence(row),
                rationale: Some(Rationale { text: change.text.trim().to_owned(), by, at }),
                state: MoveState::Explained,
                decision: None,
                asked: None,
            },
        })?;
        self.push(Change::MoveApproved {
            milestone: known.number,
            number,
            decision: Decision {
                by: Actor::Rule("import/as-recorded".to_owned()),
                at,
                reason: Some("recorded in the imported workbook".to_owned()),
            },
            roles: Roles::new(),
        })
    }
}

/// A milestone as a change tells of it.
fn planned(change: &ImportedChange) -> ImportedMilestone {
    ImportedMilestone { number: change.number, due: change.date, text: change.text.clone() }
}

fn whence(row: &ImportedItem) -> String {
    format!("import {} {} row {}", row.row.file, row.row.sheet, row.row.row)
}
