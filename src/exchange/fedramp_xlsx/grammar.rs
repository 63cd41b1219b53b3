//! Milestones and their changes as FedRAMP's POA&M template spells them inside a cell.
//!
//! Planned Milestones (v2.1 template, column M): `(##) YYYY-MM-DD: text`, one per paragraph. Milestone Changes (column N):
//! `(##) New|Update|Complete YYYY-MM-DD : text`. The v3.0 template has neither column; there both stand inside the Remediation
//! Plan, which this product writes below lines reading `Milestones:` and `Changes:`.
//!
//! Reading is tolerant, writing is strict, and what was written reads back the same: see the laws in the tests.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Section, When, dated, entry_in, heading};

/// One planned step as a cell states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMilestone {
    /// Its number within the item, as written in the brackets.
    pub number: u32,
    /// The planned day; `None` if the cell gives none, or one that is not in the calendar (its spelling then stays in `text`).
    pub due: Option<NaiveDate>,
    /// The words after the date; may span lines.
    pub text: String,
}

/// What a line of Milestone Changes says has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The milestone was added.
    New,
    /// Its date, text or status altered.
    Update,
    /// It was reached.
    Complete,
}

impl ChangeKind {
    /// The template's own word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Update => "Update",
            Self::Complete => "Complete",
        }
    }
}

/// One line of Milestone Changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneChange {
    /// The number of the milestone it speaks of.
    pub number: u32,
    /// What happened.
    pub kind: ChangeKind,
    /// The milestone's date after the change; `None` if the cell gives none that is in the calendar.
    pub date: Option<NaiveDate>,
    /// How and why.
    pub text: String,
}

/// What a cell holds: prose, milestones, changes, and what fits nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sections {
    /// The prose that stands before the milestones.
    pub plan: String,
    /// The milestones, in the cell's order.
    pub milestones: Vec<PlannedMilestone>,
    /// The changes, in the cell's order.
    pub changes: Vec<MilestoneChange>,
    /// Text where milestones were expected that is not of their form.
    pub unparsed_milestones: String,
    /// Text where changes were expected that is not of their form.
    pub unparsed_changes: String,
    /// What a person should look at, one sentence each.
    pub notes: Vec<String>,
}

/// Reads a Planned Milestones cell.
pub fn read_milestones(cell: &str) -> Sections {
    parse(cell, Section::Milestones)
}

/// Reads a Milestone Changes cell.
pub fn read_changes(cell: &str) -> Sections {
    parse(cell, Section::Changes)
}

/// Reads a v3.0 Remediation Plan cell: prose, then milestones and changes under their headings. Without a heading they begin at the
/// first line that has a number in brackets and a date.
pub fn read_plan(cell: &str) -> Sections {
    parse(cell, Section::Plan)
}

/// Writes a Planned Milestones cell; [`read_milestones`] gives the same milestones back.
pub fn write_milestones(milestones: &[PlannedMilestone]) -> String {
    let entries = milestones.iter().map(|m| {
        format!(
            "({:02}) {}: {}",
            m.number,
            day(m.due),
            settle(&m.text, Section::Milestones, Placed::AfterItsDate)
        )
    });
    paragraphs(entries)
}

/// Writes a Milestone Changes cell; [`read_changes`] gives the same changes back.
pub fn write_changes(changes: &[MilestoneChange]) -> String {
    let entries = changes.iter().map(|c| {
        let text = settle(&c.text, Section::Changes, Placed::AfterItsDate);
        format!("({:02}) {} {} : {}", c.number, c.kind.word(), day(c.date), text)
    });
    paragraphs(entries)
}

/// Writes a v3.0 Remediation Plan cell; [`read_plan`] gives the same parts back.
pub fn write_plan(plan: &str, milestones: &[PlannedMilestone], changes: &[MilestoneChange]) -> String {
    write_sections(&Sections {
        plan: plan.to_owned(),
        milestones: milestones.to_vec(),
        changes: changes.to_vec(),
        ..Sections::default()
    })
}

/// As [`write_plan`], with the parts that had no form when they were read.
pub(super) fn write_sections(parts: &Sections) -> String {
    let milestones = write_cell(&parts.unparsed_milestones, &write_milestones(&parts.milestones));
    let changes = write_cell(&parts.unparsed_changes, &write_changes(&parts.changes));
    let mut cell = settle(&parts.plan, Section::Plan, Placed::OnItsOwnLine);
    for (heading, body) in [(MILESTONES_HEADING, milestones), (CHANGES_HEADING, changes)] {
        if !body.is_empty() {
            if !cell.is_empty() {
                cell.push_str("\n\n");
            }
            cell.push_str(heading);
            cell.push('\n');
            cell.push_str(&body);
        }
    }
    cell
}

/// A cell of entries with what had no form before them.
pub(super) fn write_cell(unparsed: &str, entries: &str) -> String {
    let unparsed = settle(unparsed, Section::Milestones, Placed::OnItsOwnLine);
    match (unparsed.is_empty(), entries.is_empty()) {
        (true, _) => entries.to_owned(),
        (false, true) => unparsed,
        (false, false) => format!("{unparsed}\n\n{entries}"),
    }
}

const MILESTONES_HEADING: &str = "Milestones:";
const CHANGES_HEADING: &str = "Changes:";
/// Stands where a date would, so that a date at the start of the text is not mistaken for it.
const NO_DATE: &str = "TBD";

fn day(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| NO_DATE.to_owned(), |d| d.format("%Y-%m-%d").to_string())
}

fn paragraphs(entries: impl Iterator<Item = String>) -> String {
    // An entry without text ends in a space, which no reader should depend on.
    entries.map(|e| e.trim_end().to_owned()).collect::<Vec<_>>().join("\n\n")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Placed {
    OnItsOwnLine,
    AfterItsDate,
}

/// Text in the shape in which it reads back: a line that would be taken for a heading or for an entry of its own gets a dash.
fn settle(text: &str, section: Section, placed: Placed) -> String {
    let text = unix_lines(text);
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.trim().lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let own_line = index > 0 || placed == Placed::OnItsOwnLine;
        if own_line && (heading(line).is_some() || entry_in(line, section).is_some()) {
            out.push_str("- ");
            out.push_str(line.trim());
        } else {
            out.push_str(line.trim_end());
        }
    }
    out
}

fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// What the parser is adding lines to.
enum Open {
    Plan,
    Unparsed,
    Milestone,
    Change,
}

fn parse(cell: &str, start: Section) -> Sections {
    let cell = unix_lines(cell);
    let mut out = Sections::default();
    let mut section = start;
    let mut open = if start == Section::Plan { Open::Plan } else { Open::Unparsed };
    for line in cell.trim().lines() {
        let mut line = line;
        if let Some((next, rest)) = heading(line) {
            section = next;
            open = Open::Unparsed;
            if rest.is_empty() {
                continue;
            }
            line = rest;
        }
        let Some(entry) = entry_in(line, section) else {
            add_line(&mut out, &open, section, line);
            continue;
        };
        if section == Section::Plan {
            out.notes.push(format!(
                "milestones begin at \"{}\" though no line reading \"{MILESTONES_HEADING}\" stands before it",
                head(line)
            ));
            section = Section::Milestones;
        }
        open = take_entry(&mut out, &entry, section, line);
    }
    if out.milestones.is_empty() && !out.unparsed_milestones.trim().is_empty() {
        take_unnumbered(&mut out);
    }
    finish(&mut out);
    out
}

fn add_line(out: &mut Sections, open: &Open, section: Section, line: &str) {
    let target = match open {
        Open::Plan => &mut out.plan,
        Open::Unparsed if section == Section::Changes => &mut out.unparsed_changes,
        Open::Unparsed => &mut out.unparsed_milestones,
        // Both are open only once an entry of theirs has been pushed.
        Open::Milestone => match out.milestones.last_mut() {
            Some(m) => &mut m.text,
            None => return,
        },
        Open::Change => match out.changes.last_mut() {
            Some(c) => &mut c.text,
            None => return,
        },
    };
    target.push('\n');
    target.push_str(line.trim_end());
}

fn take_entry(out: &mut Sections, entry: &Entry<'_>, section: Section, line: &str) -> Open {
    let date = match entry.date {
        When::Day(day) => Some(day),
        When::ToBeDecided => None,
        When::Impossible(spelling) => {
            out.notes.push(format!(
                "milestone ({}): {spelling} is not a day of the calendar; it stays in the text",
                entry.number
            ));
            None
        }
        When::Absent => {
            out.notes.push(format!("milestone ({}) has no date: \"{}\"", entry.number, head(line)));
            None
        }
    };
    let text = entry.text.trim().to_owned();
    match (section, entry.kind) {
        (Section::Plan | Section::Milestones, None) => {
            if out.milestones.iter().any(|m| m.number == entry.number) {
                out.notes.push(format!("milestone number ({}) is used more than once", entry.number));
            }
            out.milestones.push(PlannedMilestone { number: entry.number, due: date, text });
            Open::Milestone
        }
        (Section::Plan | Section::Milestones, Some(kind)) => {
            out.notes.push(format!("a change stands among the planned milestones: \"{}\"", head(line)));
            out.changes.push(MilestoneChange { number: entry.number, kind, date, text });
            Open::Change
        }
        (Section::Changes, kind) => {
            if kind.is_none() {
                out.notes.push(format!(
                    "milestone change \"{}\" says neither New, Update nor Complete; taken as Update",
                    head(line)
                ));
            }
            let kind = kind.unwrap_or(ChangeKind::Update);
            out.changes.push(MilestoneChange { number: entry.number, kind, date, text });
            Open::Change
        }
    }
}

/// A list of `YYYY-MM-DD: text` in which nobody wrote numbers: numbered in its order.
fn take_unnumbered(out: &mut Sections) {
    let text = std::mem::take(&mut out.unparsed_milestones);
    let mut number = 0;
    for line in text.trim().lines() {
        match dated(line.trim_start()) {
            Some((due, text)) if number < u32::MAX => {
                number += 1;
                out.milestones.push(PlannedMilestone {
                    number,
                    due: Some(due),
                    text: text.trim().to_owned(),
                });
            }
            _ => {
                let open = if number == 0 { Open::Unparsed } else { Open::Milestone };
                add_line(out, &open, Section::Milestones, line);
            }
        }
    }
    if number > 0 {
        out.notes.push("the planned milestones carry no numbers; numbered in their order".to_owned());
    }
}

fn finish(out: &mut Sections) {
    let texts = [&mut out.plan, &mut out.unparsed_milestones, &mut out.unparsed_changes];
    let entries =
        out.milestones.iter_mut().map(|m| &mut m.text).chain(out.changes.iter_mut().map(|c| &mut c.text));
    for text in texts.into_iter().chain(entries) {
        *text = text.trim().to_owned();
    }
    for (name, text) in
        [("planned milestone", &out.unparsed_milestones), ("milestone change", &out.unparsed_changes)]
    {
        if !text.is_empty() {
            out.notes.push(format!("not of the form of a {name}, kept as text: \"{}\"", head(text)));
        }
    }
}

/// The start of a text, short enough for a message.
fn head(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut head: String = line.chars().take(60).collect();
    if head.len() < line.len() {
        head.push('…');
    }
    head
}

#[cfg(test)]
#[path = "grammar_tests.rs"]
mod tests;
