//! Import keeps what it finds: guards bind commands, not history.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::super::{
    Change, Conflict, Disposition, ImportedRow, Item, ItemFacts, ItemNumber, Status, Subject, policy,
};
use super::{Draft, Refusal};

/// A workbook row as the register takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedItem {
    /// Its POAM ID, for ever.
    pub number: ItemNumber,
    /// What it says.
    pub facts: ItemFacts,
    /// What the last imported row of it said, where there was one: only differences are taken. None for an item that was
    /// not imported before: then only what the register does not say yet is.
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

/// What is frozen from open on, as fields of [`ItemFacts`]: a file that says otherwise makes a conflict.
const FROZEN: &[&str] = &["detected", "scheduled", "rating"];

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
        self.import_milestones(row, true)?;
        self.follow_item(&row.number)
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
        self.derive_deadline(&item.number)?;
        // A closed item never reopens: what the file says is kept as a conflict, and plans nothing.
        if !row.closed && !item.is_open() {
            return self.import_conflict(&item.number, "status", "closed", "closed", "open");
        }
        self.import_milestones(row, false)?;
        if !(row.closed && item.is_open()) {
            return self.follow_item(&item.number);
        }
        self.push(Change::ItemClosed {
            item: item.number.clone(),
            disposition: Disposition::ImportedClosed,
            date: row.status_date.unwrap_or_else(|| self.by.today()),
            reason: Some(format!("on the closed sheet of {}", row.row.file)),
            roles: self.by.roles.clone(),
        })?;
        self.follow_closure(&item.number, &Disposition::ImportedClosed)
    }

    /// Takes each fact that the file changed, unless it is frozen or the register changed it too: three ways, against
    /// what the file said before.
    fn merge_facts(&mut self, row: &ImportedItem, item: &Item) -> Result<ItemFacts, Refusal> {
        let before = match (&row.previous, &item.imported) {
            (Some(previous), _) => previous.clone(),
            (None, Some(_)) => item.facts.clone(),
            (None, None) => ItemFacts::titled(""),
        };
        let (before, blank) = (fields(&before)?, fields(&ItemFacts::titled(""))?);
        let theirs = fields(&row.facts)?;
        let mut merged = fields(&item.facts)?;
        let mut conflicts = Vec::new();
        for (field, theirs) in &theirs {
            let (Some(before), Some(ours)) = (before.get(field), merged.get_mut(field)) else { continue };
            if theirs == before || theirs == ours {
                continue;
            }
            let frozen = item.status != Status::Draft
                && FROZEN.contains(&field.as_str())
                && blank.get(field) != Some(&*ours);
            if frozen || ours != before {
                conflicts.push((field.clone(), shown(before), shown(ours), shown(theirs)));
            } else {
                *ours = theirs.clone();
            }
        }
        for (field, before, ours, theirs) in conflicts {
            self.import_conflict(&item.number, &field, &before, &ours, &theirs)?;
        }
        serde_json::from_value(Value::Object(merged)).map_err(|e| Refusal::new("import", e.to_string()))
    }

    /// Keeps what the file says against the register, unless it said so last time already.
    pub(super) fn import_conflict(
        &mut self,
        item: &ItemNumber,
        field: &str,
        base: &str,
        ours: &str,
        theirs: &str,
    ) -> Result<(), Refusal> {
        let subject = Subject::Item(item.clone());
        let last = self.register.conflicts.values().rev().find(|c| c.subject == subject && c.field == field);
        if last.is_some_and(|last| last.theirs == theirs) {
            return Ok(());
        }
        let number = self.register.system.last_conflict + 1;
        self.push(Change::ConflictFound {
            conflict: Conflict {
                number,
                subject,
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
}

/// Facts by name, as a change writes them.
fn fields(facts: &ItemFacts) -> Result<Map<String, Value>, Refusal> {
    match serde_json::to_value(facts) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::new("import", "facts have no fields")),
        Err(e) => Err(Refusal::new("import", e.to_string())),
    }
}

/// A fact as people read it in a conflict.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join("\n"),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// What the register says in the field of a conflict now; none where that is no fact of the item.
pub(super) fn shown_fact(item: &Item, field: &str) -> Option<String> {
    fields(&item.facts).ok()?.get(field).map(shown)
}
