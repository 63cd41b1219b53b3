//! Import keeps what it finds: guards bind commands, not history.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::super::{
    Actor, Change, Conflict, Decision, Disposition, EvidenceKind, ImportedRow, Item, ItemFacts, ItemNumber,
    Milestone, MilestoneNumber, MilestoneState, Move, MoveState, Rationale, Roles, Status, Subject, policy,
};
use super::{Draft, ProposedMove, Refusal};

/// A workbook row as the register takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedItem {
    /// Its POAM ID, for ever.
    pub number: ItemNumber,
    /// What it says.
    pub facts: ItemFacts,
    /// What the last imported row of it said, where there was one: only differences are taken.
    pub previous: Option<ItemFacts>,
    /// Whether it stands on the Closed sheet.
    pub closed: bool,
    /// Status Date.
    pub status_date: Option<NaiveDate>,
    /// Its milestones.
    pub milestones: Vec<ImportedMilestone>,
    /// Changes to them.
    pub changes: Vec<ImportedChange>,
    /// The row as written.
    pub row: ImportedRow,
}

/// A planned milestone as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedMilestone {
    /// Its number within the item.
    pub number: u32,
    /// Its date.
    pub due: Option<NaiveDate>,
    /// Its text.
    pub text: String,
}

/// A milestone change as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedChange {
    /// Number of the milestone within the item.
    pub number: u32,
    /// `New` gives a milestone, `Complete` a state; else it is an update.
    pub kind: ImportedChangeKind,
    /// Its date.
    pub date: Option<NaiveDate>,
    /// How and why.
    pub text: String,
}

/// Kinds of milestone changes (Completion Guide, column N).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedChangeKind {
    /// A new milestone.
    New,
    /// Another date or status.
    Update,
    /// Done.
    Complete,
}

impl Draft<'_> {
    pub(super) fn import_item(&mut self, row: &ImportedItem) -> Result<(), Refusal> {
        match self.register.items.get(&row.number).cloned() {
            None => self.import_new(row),
            Some(item) => self.import_again(row, &item),
        }
    }

    fn import_new(&mut self, row: &ImportedItem) -> Result<(), Refusal> {
        let (status, disposition) = if row.closed {
            (Status::Closed, Some(Disposition::ImportedClosed))
        } else {
            (Status::Open, None)
        };
        self.push(Change::ItemAdded {
            item: row.number.clone(),
            facts: Box::new(row.facts.clone()),
            status,
            disposition,
            status_date: row.status_date,
            deadline: policy::deadline(self.by.rules, &row.facts),
            imported: Some(Box::new(row.row.clone())),
        })?;
        self.import_milestones(row)
    }

    fn import_again(&mut self, row: &ImportedItem, item: &Item) -> Result<(), Refusal> {
        let same_row = item
            .imported
            .as_ref()
            .is_some_and(|last| last.cells == row.row.cells && last.sheet == row.row.sheet);
        if same_row {
            return Ok(());
        }
        let merged = self.merge_facts(row, item)?;
        self.push(Change::ItemFactsChanged {
            item: item.number.clone(),
            facts: Box::new(merged),
            status_date: row.status_date,
            imported: Some(Box::new(row.row.clone())),
        })?;
        let facts = &self.item("import", &row.number)?.facts;
        let deadline = policy::deadline(self.by.rules, facts);
        if deadline != item.deadline {
            self.push(Change::ItemDeadline { item: item.number.clone(), deadline })?;
        }
        self.import_milestones(row)?;
        match (row.closed, item.is_open()) {
            (true, true) => {
                self.push(Change::ItemClosed {
                    item: item.number.clone(),
                    disposition: Disposition::ImportedClosed,
                    date: row.status_date.unwrap_or_else(|| self.by.today()),
                    reason: Some(format!("on the closed sheet of {}", row.row.file)),
                    roles: self.by.roles.clone(),
                })?;
                self.verify_milestones(&item.number)
            }
            // A closed item never reopens: what the file says is kept as a conflict.
            (false, false) => self.import_conflict(&item.number, "status", "closed", "closed", "open"),
            (true, false) | (false, true) => Ok(()),
        }
    }

    /// Takes each fact that the file changed, unless it is frozen or the register changed it too.
    fn merge_facts(&mut self, row: &ImportedItem, item: &Item) -> Result<ItemFacts, Refusal> {
        let frozen = item.status != Status::Draft;
        let base = row.previous.clone().unwrap_or_else(|| item.facts.clone());
        let mut merged = item.facts.clone();
        let mut conflicts = Vec::new();
        macro_rules! merge {
            ($frozen:expr; $($field:ident),*) => { $(
                if row.facts.$field != base.$field && row.facts.$field != merged.$field {
                    let kept = ($frozen && merged.$field != ItemFacts::titled("").$field) || merged.$field != base.$field;
                    if kept {
                        conflicts.push((
                            stringify!($field),
                            format!("{:?}", base.$field),
                            format!("{:?}", merged.$field),
                            format!("{:?}", row.facts.$field),
                        ));
                    } else {
                        merged.$field = row.facts.$field.clone();
                    }
                }
            )* };
        }
        merge!(frozen; detected, scheduled, rating);
        merge!(false;
            title, description, kind, source, detector, source_id, controls, components, cves, kev, kev_due, adjusted,
            risk_adjustment, false_positive, operational_requirement, deviation_rationale, root_cause, risk_statement,
            plan, resources, owner, contact, supporting, vendor_dependency, vendor_checkin, vendor_product, documents,
            comments
        );
        for (field, base, ours, theirs) in conflicts {
            self.import_conflict(&item.number, field, &base, &ours, &theirs)?;
        }
        Ok(merged)
    }

    fn import_conflict(
        &mut self,
        item: &ItemNumber,
        field: &str,
        base: &str,
        ours: &str,
        theirs: &str,
    ) -> Result<(), Refusal> {
        let number = self.register.system.last_conflict + 1;
        self.push(Change::ConflictFound {
            conflict: Conflict {
                number,
                subject: Subject::Item(item.clone()),
                field: field.to_owned(),
                base: base.to_owned(),
                ours: ours.to_owned(),
                theirs: theirs.to_owned(),
                winner: "register".to_owned(),
                at: self.by.now,
                resolved: None,
            },
        })
    }

    fn import_milestones(&mut self, row: &ImportedItem) -> Result<(), Refusal> {
        for planned in &row.milestones {
            self.import_milestone(row, planned)?;
        }
        for change in &row.changes {
            if change.kind == ImportedChangeKind::New {
                let planned =
                    ImportedMilestone { number: change.number, due: change.date, text: change.text.clone() };
                self.import_milestone(row, &planned)?;
            }
        }
        for change in &row.changes {
            self.import_milestone_change(row, change)?;
        }
        Ok(())
    }

    fn imported_milestone(&self, item: &ItemNumber, number: u32) -> Option<&Milestone> {
        self.register.milestones.values().find(|m| m.imported_as.as_ref() == Some(&(item.clone(), number)))
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
        if known.original_text != planned.text {
            self.import_conflict(
                &row.number,
                &format!("milestone {} text", planned.number),
                &known.original_text,
                &known.text,
                &planned.text,
            )?;
        }
        // A frozen date that the file writes anew is a move with the file as cause.
        let already = known.moves.iter().any(|m| m.to == planned.due && m.whence == whence(row));
        if known.original_due != planned.due && known.due != planned.due && !already {
            let actor = self.by.actor.clone();
            self.propose(&ProposedMove {
                milestone: known.number,
                to: planned.due,
                by: actor,
                at: self.by.now,
                whence: whence(row),
                rationale: None,
            })?;
        }
        Ok(())
    }

    fn import_milestone_change(
        &mut self,
        row: &ImportedItem,
        change: &ImportedChange,
    ) -> Result<(), Refusal> {
        let Some(known) = self.imported_milestone(&row.number, change.number).cloned() else {
            let planned =
                ImportedMilestone { number: change.number, due: change.date, text: change.text.clone() };
            return self.import_milestone(row, &planned);
        };
        match change.kind {
            ImportedChangeKind::New => Ok(()),
            ImportedChangeKind::Complete if known.state.is_over() => Ok(()),
            ImportedChangeKind::Complete => self.push(Change::MilestoneStateChanged {
                milestone: known.number,
                from: known.state,
                to: MilestoneState::Done,
                at: change.date.map_or(self.by.now, midnight),
                reason: Some(change.text.clone()),
                roles: Roles::new(),
            }),
            ImportedChangeKind::Update => {
                let told = |m: &&Move| {
                    m.to == change.date && m.rationale.as_ref().is_some_and(|r| r.text == change.text)
                };
                if change.date.is_none() || change.date == known.due || known.moves.iter().any(|m| told(&m)) {
                    return Ok(());
                }
                self.import_move(row, &known, change)
            }
        }
    }

    /// A change that the workbook records with its reason is history: a move as approved there.
    fn import_move(
        &mut self,
        row: &ImportedItem,
        known: &Milestone,
        change: &ImportedChange,
    ) -> Result<(), Refusal> {
        if let Some(open) = known.open_move() {
            let decision = Decision {
                by: import_rule(),
                at: self.by.now,
                reason: Some("the file says otherwise".into()),
            };
            self.push(Change::MoveEnded {
                milestone: known.number,
                number: open.number,
                to: MoveState::Superseded,
                decision,
                roles: Roles::new(),
            })?;
        }
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
                rationale: Some(Rationale { text: change.text.clone(), by, at }),
                state: MoveState::Explained,
                decision: None,
                asked: None,
            },
        })?;
        self.push(Change::MoveApproved {
            milestone: known.number,
            number,
            decision: Decision {
                by: import_rule(),
                at,
                reason: Some("recorded in the imported workbook".to_owned()),
            },
            roles: Roles::new(),
        })
    }
}

fn import_rule() -> Actor {
    Actor::Rule("import/as-recorded".to_owned())
}

fn whence(row: &ImportedItem) -> String {
    format!("import {} {} row {}", row.row.file, row.row.sheet, row.row.row)
}

/// A day without a time, as an instant.
fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
