//! A workbook as commands: import is parse, plan, apply, and this is the plan. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fedramp_xlsx::{
    ChangeKind, Decision, Rating as Written, Refused, Row, SheetKind, Warning, Workbook,
};
use crate::register::decide::{ImportedChange, ImportedChangeKind, ImportedItem, ImportedMilestone};
use crate::register::{
    DeviationState, Digest, FindingKind, ImportedRow, ItemFacts, ItemNumber, Rating, Source, SystemId,
    SystemProfile, policy,
};

/// What an import would take.
#[derive(Debug, Clone)]
pub struct ImportPlan {
    /// Rows to take, as they come.
    pub items: Vec<ImportedItem>,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
    /// What is not taken.
    pub refused: Vec<Refused>,
    /// Rows read.
    pub read: usize,
}

/// Plans the import of a workbook. `known` gives, for each item of the register, the row it was last imported from;
/// `people` are the names that may own. An item that was made here is another than the row of the same number, unless
/// it may `join`.
pub fn plan(
    workbook: &Workbook,
    file: &Digest,
    known: &BTreeMap<ItemNumber, Option<ImportedRow>>,
    people: &BTreeSet<String>,
    join: bool,
) -> ImportPlan {
    let mut plan = ImportPlan {
        items: Vec::with_capacity(workbook.rows.len()),
        warnings: workbook.warnings.clone(),
        refused: workbook.refused.clone(),
        read: workbook.read,
    };
    for (sheet, column) in &workbook.lacks {
        let text = "the sheet has no such column, which is mandatory".to_owned();
        plan.warnings.push(Warning { sheet: sheet.clone(), row: 0, column: column.clone(), text });
    }
    for row in &workbook.rows {
        let number = ItemNumber::new(&row.poam_id).and_then(|number| match known.get(&number) {
            Some(None) if !join => Err(format!(
                "{number} was made here and came from no workbook: give the row another id, or import with --join if \
                 both are the same weakness"
            )),
            Some(_) | None => Ok(number),
        });
        let number = match number {
            Ok(number) => number,
            Err(reason) => {
                plan.refused.push(Refused {
                    sheet: sheet(row.sheet).to_owned(),
                    row: row.row,
                    column: "POAM ID".to_owned(),
                    reason,
                });
                continue;
            }
        };
        let previous = known.get(&number).and_then(Option::as_ref).and_then(|last| facts_again(last, people));
        plan.items.push(ImportedItem {
            facts: facts(row, people),
            previous,
            closed: row.sheet == SheetKind::Closed,
            status_date: row.status_date,
            milestones: milestones(row),
            changes: changes(row),
            row: ImportedRow {
                file: file.clone(),
                sheet: sheet(row.sheet).to_owned(),
                row: row.row,
                cells: cells(row),
            },
            number,
        });
    }
    plan
}

/// A warning where the workbook's header names a system by neither id, name nor offering of this one.
pub fn names_another(
    workbook: &Workbook,
    system: &SystemId,
    profile: Option<&SystemProfile>,
) -> Option<Warning> {
    let named = workbook.header.system_name.trim();
    let ours =
        [Some(system.as_str()), profile.map(|p| p.name.as_str()), profile.and_then(|p| p.cso.as_deref())];
    let fits = |name: &str| name.trim().eq_ignore_ascii_case(named);
    if named.is_empty() || ours.into_iter().flatten().any(fits) {
        return None;
    }
    let text = format!("the workbook is about {named:?}; its rows are taken for {system}");
    let (sheet, column) = (sheet(SheetKind::Open).to_owned(), "System Name".to_owned());
    Some(Warning { sheet, row: 0, column, text })
}

fn sheet(kind: SheetKind) -> &'static str {
    match kind {
        SheetKind::Open => "Open POA&M Items",
        SheetKind::Closed => "Closed POA&M Items",
        SheetKind::Configuration => "Configuration Findings",
        SheetKind::DocumentationPl2 => "PL-2 Findings",
    }
}

/// What a row says, by field: all that a newer workbook is compared with. Blank fields are left out.
fn cells(row: &Row) -> BTreeMap<String, String> {
    let Ok(Value::Object(fields)) = serde_json::to_value(row) else { return BTreeMap::new() };
    fields
        .into_iter()
        .filter(|(name, _)| name != "row" && name != "sheet")
        .filter(|(_, value)| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        })
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                (name, value.to_string())
            }
        })
        .collect()
}

/// The facts that a row gave when it was last imported.
fn facts_again(last: &ImportedRow, people: &BTreeSet<String>) -> Option<ItemFacts> {
    let kind = [SheetKind::Open, SheetKind::Closed, SheetKind::Configuration, SheetKind::DocumentationPl2]
        .into_iter()
        .find(|kind| sheet(*kind) == last.sheet)?;
    let Ok(Value::Object(mut fields)) = serde_json::to_value(Row::blank(kind, last.row, "")) else {
        return None;
    };
    for (name, text) in &last.cells {
        let like = fields.get(name)?;
        let value = match like {
            Value::String(_) => Value::String(text.clone()),
            // An absent value may be any kind: what reads as JSON is that, what does not is a text.
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
        };
        fields.insert(name.clone(), value);
    }
    let row: Row = serde_json::from_value(Value::Object(fields)).ok()?;
    Some(facts(&row, people))
}

fn facts(row: &Row, people: &BTreeSet<String>) -> ItemFacts {
    let owner = people.get(&row.point_of_contact).cloned();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ItemFacts {
        title: if row.weakness_name.is_empty() { row.poam_id.clone() } else { row.weakness_name.clone() },
        description: row.description.clone(),
        kind: match row.sheet {
            SheetKind::DocumentationPl2 => FindingKind::Documentation,
            SheetKind::Configuration => FindingKind::Implementation,
            SheetKind::Open | SheetKind::Closed => FindingKind::Vulnerability,
        },
        source: match row.sheet {
            SheetKind::DocumentationPl2 => Source::Review,
            SheetKind::Open | SheetKind::Closed | SheetKind::Configuration => Source::Scan,
        },
        detector: row.detector_source.clone(),
        source_id: some(&row.source_identifier),
        // As written where it is no id that we know: the gap is drift, not loss.
        controls: row
            .controls
            .iter()
            .map(|text| policy::control(text).unwrap_or_else(|_| text.clone()))
            .collect(),
        components: row.assets.clone(),
        cves: row.cves.clone(),
        kev: row.kev.unwrap_or(false),
        kev_due: row.kev_due,
        detected: row.original_detection,
        rating: row.original_rating.map(rating),
        adjusted: row.adjusted_rating.map(rating),
        risk_adjustment: deviation(row.risk_adjustment),
        false_positive: deviation(row.false_positive),
        operational_requirement: deviation(row.operational_requirement),
        deviation_rationale: row.deviation_rationale.clone(),
        root_cause: None,
        risk_statement: String::new(),
        plan: row.remediation_plan.clone(),
        resources: row.resources.clone(),
        contact: if owner.is_some() { String::new() } else { row.point_of_contact.clone() },
        owner,
        supporting: Vec::new(),
        scheduled: row.scheduled_completion,
        vendor_dependency: row.vendor_dependency.unwrap_or(false),
        vendor_checkin: row.vendor_checkin,
        vendor_product: some(&row.vendor_product),
        documents: row.supporting_documents.clone(),
        comments: row.comments.clone(),
    }
}

fn rating(written: Written) -> Rating {
    match written {
        Written::Low => Rating::Low,
        Written::Moderate => Rating::Moderate,
        Written::High => Rating::High,
        Written::Critical => Rating::Critical,
    }
}

fn deviation(written: Option<Decision>) -> DeviationState {
    match written {
        Some(Decision::Yes) => DeviationState::Yes,
        Some(Decision::Pending) => DeviationState::Pending,
        Some(Decision::No) | None => DeviationState::No,
    }
}

fn milestones(row: &Row) -> Vec<ImportedMilestone> {
    row.milestones
        .iter()
        .map(|planned| ImportedMilestone {
            number: planned.number,
            due: planned.due,
            text: planned.text.clone(),
        })
        .collect()
}

fn changes(row: &Row) -> Vec<ImportedChange> {
    row.milestone_changes
        .iter()
        .map(|change| ImportedChange {
            number: change.number,
            kind: match change.kind {
                ChangeKind::New => ImportedChangeKind::New,
                ChangeKind::Update => ImportedChangeKind::Update,
                ChangeKind::Complete => ImportedChangeKind::Complete,
            },
            date: change.date,
            text: change.text.clone(),
        })
        .collect()
}
