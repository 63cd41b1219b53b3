//! Writes workbooks with the sheets, headers and positions of the templates, without their formatting and guidance.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_xlsxwriter::{Format, Workbook as Book, Worksheet, XlsxError};
use thiserror::Error;

use super::columns::{self, Column};
use super::grammar::{self, Sections};
use super::row::{Row, SheetKind, SystemHeader, TemplateVersion};

/// Why a workbook could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A cell holds at most 32,767 characters (UTF-16 code units).
    #[error("{poam_id}: {column} is {length} characters long, a cell holds at most {CELL_CHARS}")]
    TooLong {
        /// The item.
        poam_id: String,
        /// The column's header.
        column: String,
        /// The length of its text.
        length: usize,
    },
    /// The writing library refused.
    #[error("the workbook could not be written")]
    Xlsx(#[from] XlsxError),
}

const CELL_CHARS: usize = 32_767;

/// Writes a workbook that [`super::read`] takes whole and gives the same rows for: sheet names, header rows and positions, and the first
/// row of data are those of the template. Columns and sheets that the template lacks and a row needs are added at the end.
///
/// Texts are always written as texts: one that begins like a formula is none, and stays none when the cell is edited.
///
/// # Errors
/// [`WriteError`], if a text does not fit into a cell.
pub fn write_minimal(
    version: TemplateVersion,
    header: &SystemHeader,
    rows: &[Row],
) -> Result<Vec<u8>, WriteError> {
    let mut book = Book::new();
    let formats = Formats::new();
    if version == TemplateVersion::V3_0 {
        let sheet = book.add_worksheet().set_name("Instructions")?;
        sheet.write_string(0, 0, "One row per item; closed items on their own sheet.")?;
    }
    for kind in [SheetKind::Open, SheetKind::Closed, SheetKind::Configuration, SheetKind::DocumentationPl2] {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.sheet == kind).collect();
        let in_template = kind != SheetKind::DocumentationPl2 || version == TemplateVersion::V3_0;
        if in_template || !rows.is_empty() {
            let sheet = book.add_worksheet().set_name(sheet_name(kind))?;
            Layout::of(version, kind).write(sheet, &formats, header, &rows)?;
        }
    }
    let changes = book.add_worksheet().set_name("Record of Changes")?;
    changes.write_string(1, 1, "Record of Changes for Template")?;
    for (column, text) in (1..).zip(["Date", "Description", "Version", "Author"]) {
        changes.write_string(2, column, text)?;
    }
    Ok(book.save_to_buffer()?)
}

const fn sheet_name(kind: SheetKind) -> &'static str {
    match kind {
        SheetKind::Open => "Open POA&M Items",
        SheetKind::Closed => "Closed POA&M Items",
        SheetKind::Configuration => "Configuration Findings",
        SheetKind::DocumentationPl2 => "PL-2 Findings",
    }
}

struct Formats {
    text: Format,
    quoted: Format,
    day: Format,
    header: Format,
}

impl Formats {
    fn new() -> Self {
        Self {
            text: Format::new().set_text_wrap(),
            quoted: Format::new().set_text_wrap().set_quote_prefix(),
            day: Format::new().set_num_format("yyyy-mm-dd"),
            header: Format::new().set_bold().set_text_wrap(),
        }
    }
}

/// Where things stand on a sheet; rows and columns count from 0.
struct Layout {
    version: TemplateVersion,
    kind: SheetKind,
    /// The row of the system's labels and the row of its values.
    system: Option<(u32, u32)>,
    header_row: u32,
    first_column: u16,
    data_row: u32,
}

impl Layout {
    const fn of(version: TemplateVersion, kind: SheetKind) -> Self {
        let (system, header_row, first_column, data_row) = match (version, kind) {
            (TemplateVersion::V2_1, SheetKind::Open) => (Some((1, 2)), 4, 0, 8),
            (TemplateVersion::V2_1, SheetKind::Closed | SheetKind::Configuration) => (Some((1, 2)), 4, 0, 5),
            (TemplateVersion::V3_0, SheetKind::Open) => (Some((1, 3)), 4, 1, 8),
            (TemplateVersion::V3_0, SheetKind::Closed | SheetKind::Configuration) => (None, 1, 0, 2),
            (_, SheetKind::DocumentationPl2) => (None, 0, 1, 4),
        };
        Self { version, kind, system, header_row, first_column, data_row }
    }

    fn write(
        &self,
        sheet: &mut Worksheet,
        formats: &Formats,
        header: &SystemHeader,
        rows: &[&Row],
    ) -> Result<(), WriteError> {
        if let Some((labels, values)) = self.system {
            self.write_system(sheet, formats, header, labels, values)?;
        }
        let columns = self.columns(rows);
        let extra: BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.raw.keys())
            .filter(|key| Column::of_header(key).is_none())
            .map(String::as_str)
            .collect();
        for (at, column) in (self.first_column..).zip(&columns) {
            sheet.write_string_with_format(
                self.header_row,
                at,
                self.header_text(*column),
                &formats.header,
            )?;
        }
        let extra_from = self.first_column + u16::try_from(columns.len()).unwrap_or(u16::MAX);
        for (at, name) in (extra_from..).zip(&extra) {
            sheet.write_string_with_format(self.header_row, at, *name, &formats.header)?;
        }
        self.write_labels(sheet, &columns)?;
        for (at, row) in (self.data_row..).zip(rows) {
            for (position, column) in (self.first_column..).zip(&columns) {
                let content = self.content(row, *column);
                write_cell(sheet, formats, (at, position), row, column.header(), &content)?;
            }
            for (position, name) in (extra_from..).zip(&extra) {
                if let Some(text) = row.raw.get(*name) {
                    write_cell(sheet, formats, (at, position), row, name, &Content::Text(text.clone()))?;
                }
            }
        }
        Ok(())
    }

    /// The template's columns, then those that a row needs beyond them.
    fn columns(&self, rows: &[&Row]) -> Vec<Column> {
        let own: Vec<Column> = match self.kind {
            SheetKind::DocumentationPl2 => columns::PL_2.to_vec(),
            SheetKind::Open | SheetKind::Closed | SheetKind::Configuration => {
                columns::V2_1.into_iter().filter(|c| columns::in_template(*c, self.version)).collect()
            }
        };
        let needed = columns::V2_1.into_iter().filter(|column| {
            !own.contains(column)
                && rows.iter().any(|row| !matches!(self.content(row, *column), Content::Blank))
        });
        own.iter().copied().chain(needed).collect()
    }

    /// Whether milestones have columns of their own on this sheet.
    fn milestone_columns(&self) -> bool {
        self.version == TemplateVersion::V2_1 && self.kind != SheetKind::DocumentationPl2
    }

    fn header_text(&self, column: Column) -> &'static str {
        match (self.version, self.kind, column) {
            (_, SheetKind::DocumentationPl2, Column::PoamId) => "Deficiency ID",
            (_, SheetKind::DocumentationPl2, Column::WeaknessName) => "Deficiency Name",
            (_, SheetKind::DocumentationPl2, Column::WeaknessDescription) => "Deficiency Description",
            (_, SheetKind::DocumentationPl2, Column::RemediationPlan) => "Remediation Plan/Description",
            (_, SheetKind::DocumentationPl2, Column::StatusDate) => "Remediation Date",
            (TemplateVersion::V3_0, SheetKind::Open, Column::RemediationPlan) => "Remediation Plan",
            (_, _, column) => column.header(),
        }
    }

    fn write_system(
        &self,
        sheet: &mut Worksheet,
        formats: &Formats,
        header: &SystemHeader,
        labels: u32,
        values: u32,
    ) -> Result<(), WriteError> {
        sheet.write_string(0, 0, "FedRAMP Plan of Action and Milestones (POA&M)")?;
        let names = match self.version {
            TemplateVersion::V2_1 => ["CSP", "System Name", "Impact Level", "POAM Date"],
            TemplateVersion::V3_0 => {
                ["Cloud Service Provider", "Cloud Service Offering", "Impact Level", "POA&M Date"]
            }
        };
        let texts = [&header.csp, &header.system_name, &header.impact];
        for (at, name) in (self.first_column..).zip(names) {
            sheet.write_string_with_format(labels, at, name, &formats.header)?;
        }
        for (at, text) in (self.first_column..).zip(texts) {
            write_text(sheet, formats, (values, at), text)?;
        }
        if let Some(date) = header.date {
            sheet.write_number_with_format(values, self.first_column + 3, serial(date), &formats.day)?;
        }
        Ok(())
    }

    /// The labels of v3.0's template rows, which stand between the headers and the data.
    fn write_labels(&self, sheet: &mut Worksheet, columns: &[Column]) -> Result<(), WriteError> {
        if self.first_column == 0 {
            return Ok(());
        }
        for (row, label) in (self.header_row + 1..).zip(["Guidance", "Examples", "Mandatory or Situational"])
        {
            sheet.write_string(row, 0, label)?;
        }
        for (at, column) in (self.first_column..).zip(columns) {
            let mandatory = match self.kind {
                SheetKind::DocumentationPl2 => *column != Column::StatusDate,
                SheetKind::Open | SheetKind::Closed | SheetKind::Configuration => columns::mandatory(*column),
            };
            let word = if mandatory { "Mandatory" } else { "Situational" };
            sheet.write_string(self.data_row - 1, at, word)?;
        }
        Ok(())
    }

    fn content(&self, row: &Row, column: Column) -> Content {
        let content = self.typed(row, column);
        if !matches!(content, Content::Blank) {
            return content;
        }
        // What could not be taken as what the column asks for goes back as it was.
        let kept = row.raw.iter().find(|(key, _)| Column::of_header(key) == Some(column));
        kept.map_or(Content::Blank, |(_, text)| Content::Text(text.clone()))
    }

    fn typed(&self, row: &Row, column: Column) -> Content {
        match column {
            Column::PoamId => text(&row.poam_id),
            Column::Controls => text(&row.controls.join(", ")),
            Column::WeaknessName => text(&row.weakness_name),
            Column::WeaknessDescription => text(&row.description),
            Column::DetectorSource => text(&row.detector_source),
            Column::SourceIdentifier => text(&row.source_identifier),
            Column::Assets => text(&row.assets.join("\n")),
            Column::PointOfContact => text(&row.point_of_contact),
            Column::Resources => text(&row.resources),
            Column::RemediationPlan => self.plan(row),
            Column::OriginalDetection => date(row.original_detection),
            Column::ScheduledCompletion => date(row.scheduled_completion),
            Column::PlannedMilestones if self.milestone_columns() => text(&grammar::write_cell(
                &row.unparsed_milestones,
                &grammar::write_milestones(&row.milestones),
            )),
            Column::MilestoneChanges if self.milestone_columns() => text(&grammar::write_cell(
                &row.unparsed_changes,
                &grammar::write_changes(&row.milestone_changes),
            )),
            Column::PlannedMilestones | Column::MilestoneChanges => Content::Blank,
            Column::StatusDate => date(row.status_date),
            Column::VendorDependency => yes_no(row.vendor_dependency),
            Column::VendorCheckin => date(row.vendor_checkin),
            Column::VendorProduct => text(&row.vendor_product),
            Column::OriginalRating => word(row.original_rating.map(super::Rating::word)),
            Column::AdjustedRating => word(row.adjusted_rating.map(super::Rating::word)),
            Column::RiskAdjustment => word(row.risk_adjustment.map(super::Decision::word)),
            Column::FalsePositive => word(row.false_positive.map(super::Decision::word)),
            Column::OperationalRequirement => word(row.operational_requirement.map(super::Decision::word)),
            Column::DeviationRationale => text(&row.deviation_rationale),
            Column::SupportingDocuments => text(&row.supporting_documents),
            Column::Comments => text(&row.comments),
            Column::AutoApprove => yes_no(row.auto_approve),
            Column::Kev => yes_no(row.kev),
            Column::KevDue => date(row.kev_due),
            Column::Cve => cves(row),
            Column::ServiceName => text(&row.service_name),
        }
    }

    fn plan(&self, row: &Row) -> Content {
        if self.milestone_columns() {
            return text(&row.remediation_plan);
        }
        text(&grammar::write_sections(&Sections {
            plan: row.remediation_plan.clone(),
            milestones: row.milestones.clone(),
            changes: row.milestone_changes.clone(),
            unparsed_milestones: row.unparsed_milestones.clone(),
            unparsed_changes: row.unparsed_changes.clone(),
            notes: Vec::new(),
        }))
    }
}

enum Content {
    Blank,
    Text(String),
    Day(NaiveDate),
}

fn text(text: &str) -> Content {
    if text.is_empty() { Content::Blank } else { Content::Text(text.to_owned()) }
}

fn date(date: Option<NaiveDate>) -> Content {
    date.map_or(Content::Blank, Content::Day)
}

fn word(word: Option<&'static str>) -> Content {
    word.map_or(Content::Blank, text)
}

fn yes_no(value: Option<bool>) -> Content {
    word(value.map(|yes| if yes { "Yes" } else { "No" }))
}

/// A cell that held more than its CVE numbers goes back whole.
fn cves(row: &Row) -> Content {
    let kept = row.raw.iter().find(|(key, _)| Column::of_header(key) == Some(Column::Cve));
    kept.map_or_else(|| text(&row.cves.join(", ")), |(_, kept)| text(kept))
}

fn write_cell(
    sheet: &mut Worksheet,
    formats: &Formats,
    (at, position): (u32, u16),
    row: &Row,
    column: &str,
    content: &Content,
) -> Result<(), WriteError> {
    match content {
        Content::Blank => Ok(()),
        Content::Day(date) => {
            sheet.write_number_with_format(at, position, serial(*date), &formats.day)?;
            Ok(())
        }
        Content::Text(text) => {
            let length = text.encode_utf16().count();
            if length > CELL_CHARS {
                let (poam_id, column) = (row.poam_id.clone(), column.to_owned());
                return Err(WriteError::TooLong { poam_id, column, length });
            }
            write_text(sheet, formats, (at, position), text)
        }
    }
}

fn write_text(
    sheet: &mut Worksheet,
    formats: &Formats,
    (row, column): (u32, u16),
    text: &str,
) -> Result<(), WriteError> {
    if text.is_empty() {
        return Ok(());
    }
    let format = if text.starts_with(['=', '+', '-', '@']) { &formats.quoted } else { &formats.text };
    sheet.write_string_with_format(row, column, text, format)?;
    Ok(())
}

/// A day's number in the 1900 system.
fn serial(date: NaiveDate) -> f64 {
    let days =
        date.signed_duration_since(NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default()).num_days();
    // A few million at most.
    #[expect(clippy::cast_precision_loss)]
    {
        days as f64
    }
}
