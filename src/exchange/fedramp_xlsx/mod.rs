//! FedRAMP POA&M workbooks, template versions 2.1 and 3.0.
//!
//! [`read`] takes a workbook as it is found: columns by their header text (never by letter or fixed row), dates in every usual
//! spelling, milestones by their grammar. What cannot be taken as what its column asks for stays as text in [`Row::raw`] and is
//! warned of; a row is refused only if it cannot be an item at all (no id, or one that another row has). Nothing goes unsaid.
//!
//! [`write_minimal`] writes the sheets, header rows and positions of either template, without its formatting.
//!
//! Sources: GSA/fedramp-gov `FedRAMP-POAM-Template` v2.1 (2024-03-29) and v3.0 (2025-11-17); FedRAMP POA&M Template Completion
//! Guide, table 2.

mod cells;
mod columns;
mod container;
mod entry;
pub mod grammar;
mod headers;
mod row;
mod sheet;
mod take;
mod write;

use std::collections::HashMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Reader, SheetType, Xlsx};
use thiserror::Error;

pub use grammar::{ChangeKind, MilestoneChange, PlannedMilestone};
pub use row::{Decision, Rating, Refused, Row, SheetKind, SystemHeader, TemplateVersion, Warning, Workbook};
pub use write::{WriteError, write_minimal};

/// Bounds on what a workbook may ask of this machine. The defaults leave room for a hundred times the largest workbook known to
/// have been filed (14 MB unpacked, 3,760 items).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The file itself, in bytes: 100 MiB.
    pub file_bytes: u64,
    /// All its parts unpacked, in bytes: 200 MiB. Time to read is proportional to it.
    pub unpacked_bytes: u64,
    /// Its list of shared texts unpacked, in bytes: 64 MiB. It is held in memory whole.
    pub text_bytes: u64,
    /// How many times its packed size a part of 16 MiB or more may unpack to: 200.
    pub ratio: u64,
    /// Parts in the archive: 1,000.
    pub parts: usize,
    /// Sheets: 64. Several may be one and the same part of the archive.
    pub sheets: usize,
    /// Cells with content on all sheets: 4,000,000.
    pub cells: usize,
    /// Rows with content on one sheet: 100,000.
    pub rows: usize,
    /// Blank rows in a row after which the rest of a sheet is left unread, with a warning: 10,000.
    pub blank_rows: u32,
    /// Cells with content in one row: 1,000.
    pub cells_in_row: usize,
    /// Characters of one cell: 32,767, which is what Excel allows. A longer text is cut, with a warning.
    pub cell_chars: usize,
    /// Warnings kept: 10,000. The last one tells how many more there were.
    pub warnings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 100 << 20,
            unpacked_bytes: 200 << 20,
            text_bytes: 64 << 20,
            ratio: 200,
            parts: 1_000,
            sheets: 64,
            cells: 4_000_000,
            rows: 100_000,
            blank_rows: 10_000,
            cells_in_row: 1_000,
            cell_chars: 32_767,
            warnings: 10_000,
        }
    }
}

/// Why a workbook could not be read at all. Then nothing was taken from it.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file is something else.
    #[error("not a POA&M workbook but {what}")]
    NotAWorkbook {
        /// What it is, as far as its bytes tell.
        what: String,
    },
    /// It asks for more than the [`Limits`] allow.
    #[error("{what} is too large: {found} {unit}, at most {allowed} are allowed")]
    TooLarge {
        /// The file, a part of it or a sheet.
        what: String,
        /// How much there is; counting stops soon after the limit.
        found: u64,
        /// The limit.
        allowed: u64,
        /// What was counted.
        unit: &'static str,
    },
    /// A part of it cannot be parsed.
    #[error("{part} is damaged: {cause}")]
    Damaged {
        /// The part or sheet.
        part: String,
        /// What the parser says.
        cause: String,
    },
    /// It has no sheet of open items.
    #[error("no sheet \"Open POA&M Items\"; the workbook has {}", list(.found))]
    NoOpenSheet {
        /// The sheets it has.
        found: Vec<String>,
    },
    /// A sheet of open items has no row of headers among its first rows.
    #[error(
        "sheet \"{sheet}\" has no row of column headers (POAM ID, Controls, Weakness Name, ...) among its first {rows} rows"
    )]
    NoHeaders {
        /// The sheet.
        sheet: String,
        /// How many rows were looked at.
        rows: u32,
    },
}

impl ReadError {
    fn damaged(part: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Damaged { part: part.into(), cause: cause.to_string() }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no sheets".to_owned();
    }
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Reads a POA&M workbook from the bytes of its file.
///
/// # Errors
/// [`ReadError`], if nothing can be taken from it. Single rows and sheets that cannot be taken are in [`Workbook::refused`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Workbook, ReadError> {
    container::check(bytes, limits)?;
    // The parser has been seen to panic on cell references that no spreadsheet program writes.
    catch_unwind(AssertUnwindSafe(|| read_checked(bytes, limits)))
        .unwrap_or_else(|_| Err(ReadError::damaged("the workbook", "its parser gave up")))
}

fn read_checked(bytes: &[u8], limits: &Limits) -> Result<Workbook, ReadError> {
    let mut book: Xlsx<_> =
        Xlsx::new(Cursor::new(bytes)).map_err(|e| ReadError::damaged("the workbook", e))?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect();
    let kinds: Vec<Option<SheetKind>> = sheets.iter().map(|name| sheet::kind(name)).collect();
    if !kinds.contains(&Some(SheetKind::Open)) {
        return Err(ReadError::NoOpenSheet { found: sheets });
    }
    if sheets.len() > limits.sheets {
        return Err(ReadError::TooLarge {
            what: "the workbook".to_owned(),
            found: sheets.len() as u64,
            allowed: limits.sheets as u64,
            unit: "sheets",
        });
    }
    let mut reading = Reading::new(limits);
    for (name, kind) in sheets.iter().zip(&kinds) {
        match kind {
            Some(kind) => sheet::read(&mut book, name, *kind, &mut reading)?,
            None => sheet::notice_unread(&mut book, name, &mut reading)?,
        }
    }
    if reading.version.is_none() {
        let open = sheets.iter().zip(&kinds).find(|(_, kind)| **kind == Some(SheetKind::Open));
        let sheet = open.map(|(name, _)| name.clone()).unwrap_or_default();
        return Err(ReadError::NoHeaders { sheet, rows: sheet::HEADER_ROWS });
    }
    if !kinds.contains(&Some(SheetKind::Closed)) {
        reading.log.warn("Closed POA&M Items", 0, "", "the workbook has no sheet of closed items");
    }
    Ok(reading.into_workbook())
}

/// What has been gathered so far.
struct Reading<'a> {
    limits: &'a Limits,
    log: Log,
    version: Option<TemplateVersion>,
    header: SystemHeader,
    rows: Vec<Row>,
    refused: Vec<Refused>,
    /// Mandatory columns that sheets do not have, by sheet.
    lacks: Vec<(String, String)>,
    read: usize,
    /// Cells with content so far.
    cells: usize,
    /// Where each id was first seen.
    seen: HashMap<String, (String, u32)>,
}

impl<'a> Reading<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            log: Log { warnings: Vec::new(), most: limits.warnings, more: 0 },
            version: None,
            header: SystemHeader::default(),
            rows: Vec::new(),
            refused: Vec::new(),
            lacks: Vec::new(),
            read: 0,
            cells: 0,
            seen: HashMap::new(),
        }
    }

    fn refuse(&mut self, sheet: &str, row: u32, column: &str, reason: impl Into<String>) {
        self.refused.push(Refused {
            sheet: sheet.to_owned(),
            row,
            column: column.to_owned(),
            reason: reason.into(),
        });
    }

    fn into_workbook(mut self) -> Workbook {
        if self.log.more > 0 {
            let text = format!("{} more warnings are not shown", self.log.more);
            self.log.warnings.push(Warning { sheet: String::new(), row: 0, column: String::new(), text });
        }
        Workbook {
            version: self.version.unwrap_or(TemplateVersion::V3_0),
            header: self.header,
            rows: self.rows,
            warnings: self.log.warnings,
            refused: self.refused,
            lacks: self.lacks,
            read: self.read,
        }
    }
}

/// Warnings, up to a number.
struct Log {
    warnings: Vec<Warning>,
    most: usize,
    more: usize,
}

impl Log {
    fn warn(&mut self, sheet: &str, row: u32, column: &str, text: impl Into<String>) {
        if self.warnings.len() < self.most {
            self.warnings.push(Warning {
                sheet: sheet.to_owned(),
                row,
                column: column.to_owned(),
                text: text.into(),
            });
        } else {
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests;
