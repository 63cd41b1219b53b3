//! What a command prints: tables for people, JSON for programs, errors as one chain.

#![expect(clippy::print_stderr, reason = "this is where the program speaks")]

use std::io::{BufWriter, ErrorKind, IsTerminal as _, Write as _};

use chrono::{DateTime, NaiveDate, Utc};
use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// A column whose widest cell is no wider than this is never broken: numbers, states, dates.
const UNBROKEN: usize = 20;

/// Prints a line, or several.
pub(super) fn line(text: impl AsRef<str>) {
    put(&text.as_ref().lines().map(shown).collect::<Vec<_>>().join("\n"));
}

fn put(text: &str) {
    let done = writeln!(std::io::stdout().lock(), "{text}");
    written(done);
}

/// Whoever read our output may have had enough (`poam item list | head`); anything else is a failure.
fn written(done: std::io::Result<()>) {
    match done {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: the output cannot be written: {error}");
            std::process::exit(1);
        }
    }
}

/// Text from files and trackers as a terminal may show it: what would steer the terminal is made visible, and so is
/// what turns the direction of reading.
fn shown(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// The same on one line.
fn one_line(text: &str) -> String {
    shown(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Prints a value as JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match serde_json::to_writer_pretty(&mut out, value) {
        Err(error) if !error.is_io() => return Err(error.into()),
        Err(error) => written(Err(error.into())),
        Ok(()) => written(writeln!(out).and_then(|()| out.flush())),
    }
    Ok(())
}

/// A JSON array that is printed element by element, so that a long one needs no memory.
pub(super) struct Array {
    out: BufWriter<std::io::Stdout>,
    any: bool,
}

impl Array {
    /// Begins.
    pub(super) fn begin() -> Self {
        let mut out = BufWriter::new(std::io::stdout());
        written(write!(out, "["));
        Self { out, any: false }
    }

    /// Adds an element.
    pub(super) fn push(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(value)?;
        let comma = if self.any { "," } else { "" };
        self.any = true;
        written(write!(self.out, "{comma}\n{text}"));
        Ok(())
    }

    /// Ends.
    pub(super) fn end(mut self) {
        let end = if self.any { "\n]" } else { "]" };
        written(writeln!(self.out, "{end}").and_then(|()| self.out.flush()));
    }
}

/// Prints rows under headers; a word where there are none.
pub(super) fn table(headers: &[&str], rows: Vec<Vec<String>>, nothing: &str) {
    if rows.is_empty() {
        put(nothing);
        return;
    }
    let mut table = arranged(UTF8_FULL_CONDENSED);
    table.set_header(headers);
    let rows = rows.into_iter().map(|row| row.iter().map(|cell| one_line(cell)).collect::<Vec<_>>());
    table.add_rows(rows);
    keep_short_columns(&mut table);
    put(&table.to_string());
}

/// Prints a line, broken between words where the terminal ends.
pub(super) fn heading(text: impl AsRef<str>) {
    let mut table = arranged(NOTHING);
    table.add_row(vec![one_line(text.as_ref())]);
    if let Some(only) = table.column_mut(0) {
        only.set_padding((0, 0));
    }
    put(&table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
}

/// Prints facts: names, and what stands for each. What is empty is left out.
pub(super) fn facts(facts: Vec<(&str, String)>) {
    let mut table = arranged(NOTHING);
    for (name, value) in facts {
        if !value.trim().is_empty() {
            let value = value.lines().map(shown).collect::<Vec<_>>().join("\n");
            table.add_row(vec![format!(" {name}"), value]);
        }
    }
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    let text = table.to_string();
    if !text.is_empty() {
        put(&text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    }
}

fn arranged(style: comfy_table::TableStyle) -> Table {
    let mut table = Table::new();
    let terminal = std::io::stdout().is_terminal();
    table.load_style(style).set_content_arrangement(if terminal {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    table
}

fn keep_short_columns(table: &mut Table) {
    let widths = table.column_max_content_widths();
    for (column, width) in table.column_iter_mut().zip(widths) {
        if usize::from(width) <= UNBROKEN {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// A time for a person.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// So many of something, in the number that fits.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// A day, or a dash where there is none.
pub(super) fn day(day: Option<NaiveDate>) -> String {
    day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}

/// A text, or a dash where there is none.
pub(super) fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// The first and how many more.
pub(super) fn first_of<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return "-".to_owned() };
    match all.count() {
        0 => first.to_string(),
        more => format!("{} +{more}", first.to_string()),
    }
}

/// Prints an error with its causes, once.
pub(super) fn complain(error: &anyhow::Error) {
    let mut lines = vec![format!("error: {}", shown_lines(&error.to_string()))];
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // A transparent error says its cause's words.
        if !last.ends_with(&text) {
            lines.push(format!("  because: {}", shown_lines(&text)));
        }
        last = text;
    }
    eprintln!("{}", lines.join("\n"));
}

fn shown_lines(text: &str) -> String {
    text.lines().map(shown).collect::<Vec<_>>().join("\n")
}

/// Prints something beside the result.
pub(super) fn note(text: impl AsRef<str>) {
    eprintln!("{}", shown_lines(text.as_ref()));
}

/// A progress bar for long work: on standard error, only on a terminal.
pub(super) fn progress(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_made_visible() {
        assert_eq!(shown("a\u{1b}[2Jb\u{9b}c\u{202e}d\u{7f}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(one_line("two\nlines\tand  \u{7}bell"), "two lines and \u{fffd}bell");
        assert_eq!(shown("Zürich → 東京"), "Zürich → 東京");
    }

    #[test]
    fn the_first_and_how_many_more() {
        assert_eq!(first_of(Vec::<String>::new()), "-");
        assert_eq!(first_of(["V-1"]), "V-1");
        assert_eq!(first_of(["V-1", "V-2", "V-3"]), "V-1 +2");
    }
}
