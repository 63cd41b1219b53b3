//! One row: its cells taken as what their columns ask for.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::cells::{self, Value};
use super::columns::Column;
use super::grammar::{self, Sections};
use super::headers::Headers;
use super::row::{Decision, Rating, Row, SheetKind};
use super::sheet::{Cell, template_mark};
use super::{Log, Reading};

/// Where a row stands.
pub(super) struct Given<'a> {
    pub(super) sheet: &'a str,
    pub(super) kind: SheetKind,
    pub(super) headers: &'a Headers,
    pub(super) is_1904: bool,
    pub(super) row: u32,
    /// The label of the template row that this row overwrote.
    pub(super) label: Option<String>,
}

pub(super) struct RowTaker<'a> {
    given: Given<'a>,
    known: BTreeMap<Column, Cell>,
    raw: BTreeMap<String, String>,
    log: &'a mut Log,
}

impl<'a> RowTaker<'a> {
    pub(super) fn new(given: Given<'a>, cells: Vec<Cell>, reading: &'a mut Reading<'_>) -> Self {
        let mut taker = Self { given, known: BTreeMap::new(), raw: BTreeMap::new(), log: &mut reading.log };
        taker.sort(cells, reading.limits.cell_chars);
        taker
    }

    /// Puts each cell to its column, with what is to be said about it.
    fn sort(&mut self, cells: Vec<Cell>, cell_chars: usize) {
        let mut blanked = 0_usize;
        for mut cell in cells {
            let name = self.given.headers.name(cell.column);
            if cell.value.as_text().is_some_and(template_mark) {
                blanked += 1;
                continue;
            }
            if cell.cleaned.controls > 0 {
                let count = cell.cleaned.controls;
                self.warn(&name, format!("{count} control characters were removed"));
            }
            if let Some(length) = cell.cleaned.cut_from {
                self.warn(&name, format!("{length} characters long; cut to {cell_chars}"));
            }
            let column = self.given.headers.get(cell.column).and_then(|h| h.column);
            if let Value::Error(error) = &cell.value {
                self.warn(&name, format!("the cell holds the error {error}; taken as blank"));
                self.raw.insert(name.clone(), error.clone());
                cell.value = Value::Blank;
            }
            let zero = matches!(cell.value, Value::Number(number) | Value::Day(number) if number == 0.0);
            if zero && cell.formula.is_some() && column == Some(Column::ScheduledCompletion) {
                // Libraries that cannot compute save a formula with the value 0.
                cell.value = Value::Blank;
            }
            match column {
                Some(column) => {
                    if cell.value == Value::Blank
                        && column != Column::ScheduledCompletion
                        && let Some(formula) = &cell.formula
                    {
                        self.warn(&name, "a formula that was saved without its value; taken as blank");
                        self.raw.entry(name).or_insert_with(|| format!("={formula}"));
                    }
                    self.known.insert(column, cell);
                }
                None if cell.value == Value::Blank => {}
                None => {
                    let text = cell.value.text(self.given.is_1904);
                    self.raw.insert(name, text);
                }
            }
        }
        self.overwritten(blanked);
    }

    fn overwritten(&mut self, blanked: usize) {
        match (&self.given.label, blanked) {
            (None, 0) => {}
            (Some(label), 0) => {
                let text = format!(
                    "the row overwrites the template's row \"{label}\"; taken as an item, but other cells may hold the template's text"
                );
                self.warn("", text);
            }
            (_, count) => {
                let text = format!(
                    "the row overwrites a template row; {count} cells reading \"Mandatory\" or \"Situational\" are taken as blank"
                );
                self.warn("", text);
            }
        }
    }

    fn warn(&mut self, column: &str, text: impl Into<String>) {
        self.log.warn(self.given.sheet, self.given.row, column, text);
    }

    pub(super) fn take(mut self, poam_id: String) -> Row {
        let mut row = Row::blank(self.given.kind, self.given.row, poam_id);
        row.controls = cells::controls(&self.text(Column::Controls));
        row.weakness_name = self.text(Column::WeaknessName);
        row.description = self.text(Column::WeaknessDescription);
        row.detector_source = self.text(Column::DetectorSource);
        row.source_identifier = self.text(Column::SourceIdentifier);
        row.assets = cells::lines(&self.text(Column::Assets));
        row.point_of_contact = self.text(Column::PointOfContact);
        row.resources = self.text(Column::Resources);
        self.plan(&mut row);
        row.original_rating = self.choice(Column::OriginalRating, cells::rating);
        row.adjusted_rating = self.choice(Column::AdjustedRating, cells::rating);
        row.risk_adjustment = self.choice(Column::RiskAdjustment, cells::decision);
        row.original_detection = self.date(Column::OriginalDetection);
        row.scheduled_completion = self.date(Column::ScheduledCompletion);
        if row.scheduled_completion.is_none() {
            row.scheduled_completion = self.computed_completion(&row);
        }
        row.status_date = self.date(Column::StatusDate);
        row.vendor_dependency = self.choice(Column::VendorDependency, cells::yes_no);
        row.vendor_checkin = self.date(Column::VendorCheckin);
        row.vendor_product = self.text(Column::VendorProduct);
        row.false_positive = self.choice(Column::FalsePositive, cells::decision);
        row.operational_requirement = self.choice(Column::OperationalRequirement, cells::decision);
        row.deviation_rationale = self.text(Column::DeviationRationale);
        row.supporting_documents = self.text(Column::SupportingDocuments);
        row.comments = self.text(Column::Comments);
        row.auto_approve = self.choice(Column::AutoApprove, cells::yes_no);
        row.kev = self.choice(Column::Kev, cells::yes_no);
        row.kev_due = self.date(Column::KevDue);
        row.cves = self.cves();
        row.service_name = self.text(Column::ServiceName);
        row.raw = self.raw;
        row
    }

    fn text(&mut self, column: Column) -> String {
        match self.known.remove(&column).map(|cell| cell.value) {
            None => String::new(),
            Some(Value::Text(text)) => text,
            Some(other) => other.text(self.given.is_1904),
        }
    }

    fn date(&mut self, column: Column) -> Option<NaiveDate> {
        let value = &self.known.get(&column)?.value;
        let is_1904 = self.given.is_1904;
        match cells::date(value, is_1904) {
            Ok(Some(date)) => Some(date),
            Ok(None) => {
                self.keep(column);
                None
            }
            Err(reason) => {
                let name = self.given.headers.of(column).to_owned();
                self.warn(&name, format!("{reason}; kept as written"));
                self.keep(column);
                None
            }
        }
    }

    fn choice<T>(
        &mut self,
        column: Column,
        of: impl Fn(&Value) -> Result<Option<T>, &'static str>,
    ) -> Option<T> {
        let cell = self.known.get(&column)?;
        match of(&cell.value) {
            Ok(Some(choice)) => Some(choice),
            Ok(None) => {
                self.keep(column);
                None
            }
            Err(expected) => {
                let text = cells::shown(&cell.value.text(self.given.is_1904));
                let name = self.given.headers.of(column).to_owned();
                self.warn(&name, format!("\"{text}\" is not {expected}; kept as written"));
                self.keep(column);
                None
            }
        }
    }

    /// Keeps the text of a cell that gave no value.
    fn keep(&mut self, column: Column) {
        if let Some(cell) = self.known.get(&column) {
            let text = cell.value.text(self.given.is_1904);
            if !text.is_empty() {
                self.raw.insert(self.given.headers.of(column).to_owned(), text);
            }
        }
    }

    fn cves(&mut self) -> Vec<String> {
        let text = self.text(Column::Cve);
        let (cves, other) = cells::cves(&text);
        let name = self.given.headers.of(Column::Cve).to_owned();
        if other {
            let shown = cells::shown(&text);
            self.warn(&name, format!("\"{shown}\" holds more than CVE numbers; kept as written"));
        }
        if other || (cves.is_empty() && !text.is_empty()) {
            self.raw.insert(name, text);
        }
        cves
    }

    /// The plan with its milestones and changes, from their columns (v2.1) or from the plan's own cell (v3.0).
    fn plan(&mut self, row: &mut Row) {
        let plan = self.text(Column::RemediationPlan);
        if self.given.headers.has(Column::PlannedMilestones) {
            row.remediation_plan = plan;
            let milestones = grammar::read_milestones(&self.text(Column::PlannedMilestones));
            self.sections(row, milestones, Column::PlannedMilestones);
            let changes = grammar::read_changes(&self.text(Column::MilestoneChanges));
            self.sections(row, changes, Column::MilestoneChanges);
        } else {
            let mut sections = grammar::read_plan(&plan);
            row.remediation_plan = std::mem::take(&mut sections.plan);
            self.sections(row, sections, Column::RemediationPlan);
        }
    }

    fn sections(&mut self, row: &mut Row, sections: Sections, column: Column) {
        row.milestones.extend(sections.milestones);
        row.milestone_changes.extend(sections.changes);
        append(&mut row.unparsed_milestones, &sections.unparsed_milestones);
        append(&mut row.unparsed_changes, &sections.unparsed_changes);
        let name = self.given.headers.of(column).to_owned();
        for note in sections.notes {
            self.warn(&name, note);
        }
    }

    /// The date that the template's formula gives, where a program saved the formula without its value: detection plus 30, 90 or 180
    /// days by the rating, the adjusted one only if the adjustment was approved.
    fn computed_completion(&mut self, row: &Row) -> Option<NaiveDate> {
        let cell = self.known.get(&Column::ScheduledCompletion)?;
        if cell.formula.is_none() || cell.value != Value::Blank {
            return None;
        }
        let name = self.given.headers.of(Column::ScheduledCompletion).to_owned();
        let adjusted = row.adjusted_rating.filter(|_| row.risk_adjustment == Some(Decision::Yes));
        let completion = adjusted.or(row.original_rating).zip(row.original_detection).and_then(
            |(rating, detected): (Rating, NaiveDate)| detected.checked_add_days(Days::new(rating.days())),
        );
        let text = match completion {
            Some(date) => format!("a formula that was saved without its value; {date} by the template's rule"),
            None => "a formula that was saved without its value; no detection date or no rating to compute it from"
                .to_owned(),
        };
        self.warn(&name, text);
        completion
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}
