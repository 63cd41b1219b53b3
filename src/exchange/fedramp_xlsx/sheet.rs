//! One sheet, row by row: where its headers are, which rows are the template's own text, which are items.

use std::io::{Read, Seek};

use calamine::{DataRef, Xlsx, XlsxFormulaMetadata};

use super::cells::{self, Cleaned, Value};
use super::columns::{self, Column, normal};
use super::headers::{Headers, doubled_headers};
use super::row::{SheetKind, SystemHeader, TemplateVersion};
use super::take::{Given, RowTaker};
use super::{ReadError, Reading};

/// Up to here a spreadsheet's numbers name each whole number (2^53).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Headers are looked for in so many rows.
pub(super) const HEADER_ROWS: u32 = 30;

/// The kind of a sheet by its name, `None` if it is not one that holds items.
pub(super) fn kind(name: &str) -> Option<SheetKind> {
    let name = normal(name);
    let items = ["poam", "item", "finding", "risk"].iter().any(|word| name.contains(word));
    if name == "closed" || items && name.contains("closed") {
        Some(SheetKind::Closed)
    } else if items && name.contains("config") {
        Some(SheetKind::Configuration)
    } else if name.contains("pl2") {
        Some(SheetKind::DocumentationPl2)
    } else if name == "open" || items && name.contains("open") || name.contains("poamitem") {
        Some(SheetKind::Open)
    } else {
        None
    }
}

/// A cell with content.
pub(super) struct Cell {
    pub(super) column: u32,
    pub(super) value: Value,
    pub(super) cleaned: Cleaned,
    /// The formula it is computed by; empty if the file only says that there is one.
    pub(super) formula: Option<String>,
}

/// The columns that a spreadsheet has.
const LAST_COLUMN: u32 = 16_384;

/// Hands on the rows of a sheet that have content, top to bottom.
fn each_row<R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    reading: &mut Reading<'_>,
    mut take: impl FnMut(&mut Reading<'_>, u32, Vec<Cell>) -> Result<Next, ReadError>,
) -> Result<(), ReadError> {
    let damaged = |e: calamine::XlsxError| ReadError::damaged(format!("sheet \"{name}\""), e);
    let limits = reading.limits;
    let mut cells = book.worksheet_cells_reader(name).map_err(damaged)?;
    let mut current: Option<(u32, Vec<Cell>)> = None;
    let mut filled = 0_usize;
    // The last row with content; before any, the top of the sheet.
    let mut last = 0_u32;
    // Cells without their text since the last one that could be read, and where that was.
    let (mut lost, mut before) = (0_usize, String::new());
    loop {
        let record = match cells.next_cell_with_formula_metadata() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(calamine::XlsxError::Unexpected(NO_TEXT)) => {
                lost += 1;
                continue;
            }
            Err(error) => return Err(damaged(error)),
        };
        let (row, column) = record.pos;
        let here = format!("{}{}", columns::letters(column), row.saturating_add(1));
        if lost > 0 {
            let text = format!("{} and before {here}", lost_texts(lost, &before));
            reading.log.warn(name, row.saturating_add(1), "", text);
            lost = 0;
        }
        before = here;
        let row = row.saturating_add(1);
        if column >= LAST_COLUMN {
            return Err(ReadError::damaged(
                format!("sheet \"{name}\""),
                format!("row {row} has a cell in column {column}, beyond the last that a spreadsheet has"),
            ));
        }
        if row.saturating_sub(last) > limits.blank_rows {
            reading.log.warn(
                name,
                row,
                "",
                format!(
                    "the sheet is not read from here on: the {} rows before it are blank",
                    limits.blank_rows
                ),
            );
            break;
        }
        if record.value == DataRef::Empty && record.formula.is_none() {
            continue;
        }
        reading.cells += 1;
        if reading.cells > limits.cells {
            return Err(too_many(name, "with those before it", reading.cells, limits.cells, "cells"));
        }
        let (value, cleaned) = cells::value_of(&record.value, limits.cell_chars);
        if value == Value::Blank && record.formula.is_none() {
            continue;
        }
        let formula = record.formula.map(|formula| match formula {
            XlsxFormulaMetadata::Normal { formula } | XlsxFormulaMetadata::Shared { formula, .. } => formula,
            XlsxFormulaMetadata::SharedDerived { .. } | _ => String::new(),
        });
        // A formula alone makes no content: the template computes a date in every row that it has prepared.
        if formula.is_none() {
            last = last.max(row);
        }
        let cell = Cell { column, value, cleaned, formula };
        match &mut current {
            Some((at, cells)) if *at == row => {
                cells.push(cell);
                if cells.len() > limits.cells_in_row {
                    return Err(too_many(
                        name,
                        &format!("row {row}"),
                        cells.len(),
                        limits.cells_in_row,
                        "cells",
                    ));
                }
            }
            _ => {
                let done = current.replace((row, vec![cell]));
                if let Some((row, cells)) = done
                    && take(reading, row, cells)? == Next::Stop
                {
                    return Ok(());
                }
                filled += 1;
                if filled > limits.rows {
                    return Err(too_many(name, "", filled, limits.rows, "rows"));
                }
            }
        }
    }
    if lost > 0 {
        reading.log.warn(name, 0, "", lost_texts(lost, &before));
    }
    if let Some((row, cells)) = current {
        take(reading, row, cells)?;
    }
    Ok(())
}

/// What the library says of a cell that points at a shared text which the file does not have. It names no cell, and goes
/// on behind it.
const NO_TEXT: &str = "Cell string index not found in shared strings table";

fn lost_texts(lost: usize, before: &str) -> String {
    let (point, count) = if lost == 1 { ("cell points", "counts") } else { ("cells point", "count") };
    let place = if before.is_empty() { "the sheet's top" } else { before };
    format!("{lost} {point} at a text that the file does not have, and {count} as blank: after {place}")
}

fn too_many(sheet: &str, what: &str, found: usize, allowed: usize, unit: &'static str) -> ReadError {
    ReadError::TooLarge {
        what: if what.is_empty() {
            format!("sheet \"{sheet}\"")
        } else {
            format!("sheet \"{sheet}\", {what}")
        },
        found: found as u64,
        allowed: allowed as u64,
        unit,
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Row,
    Stop,
}

/// Reads a sheet of items.
///
/// # Errors
/// [`ReadError`] if it is damaged or too large. A sheet without headers is refused in `reading`.
pub(super) fn read<R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    kind: SheetKind,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    let is_1904 = book.has_1904_epoch();
    let mut headers: Option<Headers> = None;
    let mut above: Vec<(u32, Vec<Cell>)> = Vec::new();
    each_row(book, name, reading, |reading, row, cells| {
        if let Some(headers) = &headers {
            take_row(reading, name, kind, headers, is_1904, row, cells);
        } else if row > HEADER_ROWS {
            return Ok(Next::Stop);
        } else if let Some(found) = Headers::find(&cells, kind) {
            if kind == SheetKind::Open && reading.version.is_none() {
                reading.header = system(reading, name, &above, is_1904);
                reading.version = Some(version(&found));
            }
            doubled_headers(reading, name, row, &cells);
            if kind != SheetKind::DocumentationPl2 {
                reading.lacks.extend(found.missing().map(|column| (name.to_owned(), column.to_owned())));
            }
            headers = Some(found);
        } else {
            above.push((row, cells));
        }
        Ok(Next::Row)
    })?;
    // A sheet of a template that is not in use is blank.
    if headers.is_none() && !above.is_empty() {
        reading.refuse(name, 0, "", format!("no row of column headers among its first {HEADER_ROWS} rows"));
    }
    Ok(())
}

/// A template that has columns for milestones is v2.1; v3.0 dropped them.
fn version(headers: &Headers) -> TemplateVersion {
    if headers.has(Column::PlannedMilestones) { TemplateVersion::V2_1 } else { TemplateVersion::V3_0 }
}

/// The system that the rows above the headers name: labels in one row, values below, the template's guidance between.
fn system(reading: &mut Reading<'_>, sheet: &str, above: &[(u32, Vec<Cell>)], is_1904: bool) -> SystemHeader {
    let mut header = SystemHeader::default();
    for (at, (_, labels)) in above.iter().enumerate() {
        for label in labels {
            let Some(text) = label.value.as_text() else { continue };
            let value = above[at + 1..].iter().find_map(|(row, cells)| {
                let cell = cells.iter().find(|c| c.column == label.column)?;
                (!placeholder(&cell.value)).then_some((*row, cell))
            });
            let Some((row, cell)) = value else { continue };
            match normal(text).as_str() {
                "csp" | "cloudserviceprovider" => header.csp = cell.value.text(is_1904),
                "systemname" | "cloudserviceoffering" | "cso" => {
                    header.system_name = cell.value.text(is_1904);
                }
                "impactlevel" => header.impact = cell.value.text(is_1904),
                "poamdate" => match cells::date(&cell.value, is_1904) {
                    Ok(date) => header.date = date,
                    Err(reason) => reading.log.warn(sheet, row, text, reason),
                },
                _ => {}
            }
        }
    }
    header
}

/// The template's own text where a system's name, impact or date belongs.
fn placeholder(value: &Value) -> bool {
    value.as_text().is_some_and(|text| matches!(text, "Text" | "Date") || text.starts_with("Enter the "))
}

/// Whether an id cell holds the template's own text: guidance, kind of data, example, or "Mandatory".
fn template_id(id: &str, labelled: bool) -> bool {
    let words = id.split_whitespace().count();
    let id = normal(id);
    matches!(
        id.as_str(),
        "v1example" | "vs001ac2pt204sr2" | "uniqueidentifier" | "mandatory" | "situational" | "ac2pl21pl22"
    ) || id.starts_with("uniqueidentifierfor")
        || id.starts_with("assignauniqueidentifier")
        || id.starts_with("entertheid")
        // A later template's guidance: prose beside the label of a template row.
        || labelled && words > 4
}

/// Whether a text is one of the labels that v3.0 has before its template rows.
fn template_label(text: &str) -> bool {
    matches!(
        normal(text).as_str(),
        "guidance" | "examples" | "example" | "mandatoryorsituational" | "datatype"
    )
}

/// Whether a cell reads as v3.0's template row 8 does.
pub(super) fn template_mark(text: &str) -> bool {
    let text = text.trim();
    text == "Mandatory" || text == "Situational" || text.starts_with("Situational (enter when")
}

fn take_row(
    reading: &mut Reading<'_>,
    sheet: &str,
    kind: SheetKind,
    headers: &Headers,
    is_1904: bool,
    row: u32,
    mut cells: Vec<Cell>,
) {
    // A label stands in a column that has no header.
    let label = cells.iter().position(|cell| {
        headers.get(cell.column).is_none() && cell.value.as_text().is_some_and(template_label)
    });
    let label = label.map(|at| cells.remove(at).value.text(is_1904));
    let id_at = |cell: &&Cell| headers.get(cell.column).is_some_and(|h| h.column == Some(Column::PoamId));
    let id_cell = cells.iter().find(id_at);
    let id = id_cell.map(|cell| cell.value.text(is_1904)).unwrap_or_default();
    if id.is_empty() || matches!(id_cell.map(|c| &c.value), Some(Value::Error(_))) {
        // Formulas alone make no row: the template has one prepared in each.
        let content = cells
            .iter()
            .find(|cell| cell.formula.is_none() && !cell.value.as_text().is_some_and(template_mark));
        if let Some(cell) = content {
            reading.read += 1;
            let text = cells::shown(&cell.value.text(is_1904));
            let reason = format!("a row without an id; {} in it reads \"{text}\"", headers.name(cell.column));
            reading.refuse(sheet, row, headers.of(Column::PoamId), reason);
        }
        return;
    }
    if template_id(&id, label.is_some()) {
        return;
    }
    reading.read += 1;
    if matches!(id_cell.map(|c| &c.value), Some(Value::Number(number)) if number.abs() > EXACT) {
        let text =
            format!("the id {id} is held as a number of more digits than a spreadsheet keeps: it is inexact");
        reading.log.warn(sheet, row, headers.of(Column::PoamId), text);
    }
    let id = id.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((first_sheet, first_row)) = reading.seen.get(&id) {
        let reason = format!("{id} already stands on sheet \"{first_sheet}\", row {first_row}");
        reading.refuse(sheet, row, headers.of(Column::PoamId), reason);
        return;
    }
    reading.seen.insert(id.clone(), (sheet.to_owned(), row));
    let given = Given { sheet, kind, headers, is_1904, row, label };
    let taken = RowTaker::new(given, cells, reading).take(id);
    reading.rows.push(taken);
}

/// Warns of a sheet that is none of the template's, if it holds anything.
///
/// # Errors
/// [`ReadError`] if it is damaged or too large.
pub(super) fn notice_unread<R: Read + Seek>(
    book: &mut Xlsx<R>,
    name: &str,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    if matches!(normal(name).as_str(), "instructions" | "recordofchanges") {
        return Ok(());
    }
    let mut holds = false;
    each_row(book, name, reading, |_, _, _| {
        holds = true;
        Ok(Next::Stop)
    })?;
    if holds {
        reading.log.warn(name, 0, "", "not a sheet of the template; it was not read");
    }
    Ok(())
}
