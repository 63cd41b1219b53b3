//! The row of column headers of a sheet.

use super::Reading;
use super::columns::{self, Column};
use super::row::SheetKind;
use super::sheet::Cell;

/// One column of a sheet: its header as written, and what it means.
pub(super) struct Header {
    pub(super) text: String,
    pub(super) column: Option<Column>,
}

/// The columns of a sheet by position.
pub(super) struct Headers {
    by_position: Vec<Option<Header>>,
}

impl Headers {
    /// The header over a cell, or its column's letters.
    pub(super) fn name(&self, position: u32) -> String {
        self.get(position)
            .map_or_else(|| format!("column {}", columns::letters(position)), |h| h.text.clone())
    }

    pub(super) fn get(&self, position: u32) -> Option<&Header> {
        self.by_position.get(usize::try_from(position).ok()?)?.as_ref()
    }

    /// The header text of a column, as the sheet spells it.
    pub(super) fn of(&self, column: Column) -> &str {
        let found = self.by_position.iter().flatten().find(|h| h.column == Some(column));
        found.map_or(column.header(), |h| &h.text)
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.by_position.iter().flatten().any(|h| h.column == Some(column))
    }

    /// The mandatory columns that the sheet does not have.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'static str> + '_ {
        columns::V2_1
            .into_iter()
            .filter(|column| columns::mandatory(*column) && !self.has(*column))
            .map(Column::header)
    }

    /// The headers in a row, if it is the row of headers: an id column and enough others.
    pub(super) fn find(cells: &[Cell], kind: SheetKind) -> Option<Self> {
        let needed = if kind == SheetKind::DocumentationPl2 { 3 } else { 4 };
        let mut by_position: Vec<Option<Header>> = Vec::new();
        let mut known = Vec::new();
        for cell in cells {
            let Some(text) = cell.value.as_text() else { continue };
            let position = usize::try_from(cell.column).ok()?;
            let column = Column::of_header(text).filter(|c| !known.contains(c));
            known.extend(column);
            if by_position.len() <= position {
                by_position.resize_with(position + 1, || None);
            }
            let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let taken = by_position.iter().flatten().any(|h| h.text == text);
            if taken {
                // Two columns of one name: their cells must not fall together.
                text = format!("{text} ({})", columns::letters(cell.column));
            }
            by_position[position] = Some(Header { text, column });
        }
        (known.contains(&Column::PoamId) && known.len() >= needed).then_some(Self { by_position })
    }
}

/// Warns of columns that mean the same.
pub(super) fn doubled_headers(reading: &mut Reading<'_>, sheet: &str, row: u32, cells: &[Cell]) {
    let mut known = Vec::new();
    for column in cells.iter().filter_map(|c| Column::of_header(c.value.as_text()?)) {
        if known.contains(&column) {
            let text =
                "two columns have this meaning; the first counts, the other is kept as an extra column";
            reading.log.warn(sheet, row, column.header(), text);
        }
        known.push(column);
    }
}
