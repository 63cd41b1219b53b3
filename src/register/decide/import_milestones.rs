//! Milestones of an imported row, and the changes to them that it tells.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::super::{
    Actor, Change, Decision, EvidenceKind, ItemNumber, Milestone, MilestoneNumber, MilestoneState, Move,
    MoveState, Rationale, Roles,
};
use super::{
    Draft, ImportedChange, ImportedChangeKind, ImportedItem, ImportedMilestone, ProposedMove, Refusal,
};

/// The rule that withdraws a move which a workbook proposed, when a newer one says our date again.
const DATE_AGAIN: &str = "import/date-again";

impl Draft<'_> {
    /// Takes the milestones of a row. `history` where the item came with this import: then what its file tells of moves
    /// is taken as it was decided there; later it is proposed here.
    pub(super) fn import_milestones(&mut self, row: &ImportedItem, history: bool) -> Result<(), Refusal> {
        for planned in &row.milestones {
            self.import_milestone(row, planned)?;
        }
        // What an update tells of may be planned only further down in the cell.
        for change in &row.changes {
            if change.kind == ImportedChangeKind::New
                && self.imported_milestone(&row.number, change.number).is_none()
            {
                self.import_milestone(row, &planned(change))?;
            }
        }
        for change in &row.changes {
            self.import_milestone_change(row, change, history)?;
        }
        self.withdraw_what_the_file_took_back(row)
    }

    /// A move that a workbook proposed is withdrawn where this one ends at our date again.
    fn withdraw_what_the_file_took_back(&mut self, row: &ImportedItem) -> Result<(), Refusal> {
        for (number, date) in last_dates(row) {
            let Some(known) = self.imported_milestone(&row.number, number) else { continue };
            let (milestone, due) = (known.number, known.due);
            let Some(open) = known.open_move().filter(|open| is_imported(open) && date == due) else {
                continue;
            };
            let (open, rule) = (open.number, Actor::Rule(DATE_AGAIN.to_owned()));
            let why = format!("the workbook says {} again", shown(date));
            self.end_move(milestone, open, MoveState::Withdrawn, &rule, &why)?;
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
        let told = known.moves.iter().rev().find(|m| is_imported(m));
        let already = told.is_some_and(|told| told.to == planned.due && !was_taken_back(told));
        if known.original_due != planned.due && known.due != planned.due && !already {
            self.import_proposal(row, &known, planned.due, None)?;
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
            // Where another entry planned it already, this is one more date for it.
            (ImportedChangeKind::New, _) => self.import_milestone(row, &planned(change)),
            (ImportedChangeKind::Update, _) => self.import_update(row, &known, change, history),
            (
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
                && is_imported(m)
                && !was_taken_back(m)
                && m.rationale.as_ref().is_none_or(|rationale| rationale.text == change.text.trim())
        };
        if change.date.is_none() || change.date == known.due || known.moves.iter().any(told) {
            Ok(())
        } else if history {
            self.import_move(row, known, change)
        } else {
            self.import_proposal(row, known, change.date, Some(change.text.clone()))
        }
    }

    /// A date that a newer file says: proposed like any other, unless the same file ends at our date.
    fn import_proposal(
        &mut self,
        row: &ImportedItem,
        known: &Milestone,
        to: Option<NaiveDate>,
        rationale: Option<String>,
    ) -> Result<(), Refusal> {
        let number = known.imported_as.as_ref().map(|(_, number)| *number);
        if number.and_then(|number| last_dates(row).remove(&number)) == Some(known.due) {
            return Ok(());
        }
        let proposed = ProposedMove {
            milestone: known.number,
            to,
            by: self.by.actor.clone(),
            at: self.by.now,
            whence: whence(row),
            rationale,
            settles: false,
        };
        self.propose(&proposed)
    }

    /// A change that the first workbook records with its reason is history: a move as approved there. One that still
    /// waited, because the same file gives two dates to one number, is superseded by it.
    fn import_move(
        &mut self,
        row: &ImportedItem,
        known: &Milestone,
        change: &ImportedChange,
    ) -> Result<(), Refusal> {
        let number = u32::try_from(known.moves.len()).unwrap_or(u32::MAX).saturating_add(1);
        let by = self.by.actor.clone();
        let at = self.by.now;
        if let Some(open) = known.open_move() {
            self.end_move(known.number, open.number, MoveState::Superseded, &by, "moved again")?;
        }
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

/// The date at which a file ends for each milestone that it names.
fn last_dates(row: &ImportedItem) -> BTreeMap<u32, Option<NaiveDate>> {
    let planned = row.milestones.iter().map(|planned| (planned.number, planned.due));
    let changed = row
        .changes
        .iter()
        .filter(|change| change.date.is_some() && change.kind != ImportedChangeKind::Complete);
    planned.chain(changed.map(|change| (change.number, change.date))).collect()
}

fn is_imported(moved: &Move) -> bool {
    moved.whence.starts_with("import ")
}

/// Whether a workbook proposed the move and a newer one took it back: then it is told anew.
fn was_taken_back(moved: &Move) -> bool {
    moved.state == MoveState::Withdrawn
        && moved.decision.as_ref().is_some_and(|d| d.by == Actor::Rule(DATE_AGAIN.to_owned()))
}

fn shown(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| "no date".to_owned(), |date| date.to_string())
}

fn whence(row: &ImportedItem) -> String {
    format!("import {} {} row {}", row.row.file, row.row.sheet, row.row.row)
}
