//! One line of a milestone cell: a heading, the start of an entry, or neither.

use chrono::NaiveDate;

use super::grammar::ChangeKind;

/// Any of these may stand between a date and its text.
const SEPARATORS: [char; 4] = [':', '-', '–', '—'];

/// What the lines of a cell are read as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Plan,
    Milestones,
    Changes,
}

/// The section that a line opens, and what follows on the line (nothing, or an entry).
pub(super) fn heading(line: &str) -> Option<(Section, &str)> {
    let line = line.trim();
    let (name, rest) = line.split_once(':')?;
    let rest = rest.trim_start();
    if name.len() > 40 || !(rest.is_empty() || entry(rest).is_some()) {
        return None;
    }
    let name = name.split_whitespace().map(str::to_ascii_lowercase).collect::<Vec<_>>().join(" ");
    match name.as_str() {
        "milestones" | "planned milestones" | "milestones are" | "planned milestones are" => {
            Some((Section::Milestones, rest))
        }
        "changes" | "milestone changes" | "milestones changes" | "changes to milestones" => {
            Some((Section::Changes, rest))
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When<'a> {
    Day(NaiveDate),
    ToBeDecided,
    Impossible(&'a str),
    Absent,
}

pub(super) struct Entry<'a> {
    pub(super) number: u32,
    pub(super) bracketed: bool,
    pub(super) kind: Option<ChangeKind>,
    pub(super) date: When<'a>,
    pub(super) text: &'a str,
}

/// The entry that a line begins, by the rules of its section: prose may number its own points, so there an entry needs the full form.
pub(super) fn entry_in(line: &str, section: Section) -> Option<Entry<'_>> {
    let entry = entry(line)?;
    let full = entry.bracketed && matches!(entry.date, When::Day(_));
    (section != Section::Plan || full).then_some(entry)
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (number, bracketed, rest) = number(line.trim_start())?;
    let rest = rest.trim_start();
    let (kind, after_kind) = kind(rest);
    let mut after_kind = after_kind.trim_start();
    if kind.is_some()
        && let Some(next) = after_kind.strip_prefix(SEPARATORS).map(str::trim_start)
        && when(next).0 != When::Absent
    {
        // "Update: 2026-05-01: text".
        after_kind = next;
    }
    let (date, mut text) = when(after_kind);
    let separator = text.trim_start().starts_with(SEPARATORS);
    let kind_stands = kind.is_some() && (date != When::Absent || separator);
    // "New firewall in place" is a text that begins with the word, not a kind of change.
    if kind.is_some() && !kind_stands {
        text = rest;
    }
    if !bracketed && date == When::Absent {
        return None;
    }
    if let When::Impossible(_) = date {
        text = after_kind;
    } else if date != When::Absent || kind_stands {
        text = text.trim_start();
        text = text.strip_prefix(SEPARATORS).unwrap_or(text);
    } else {
        text = text.trim_start();
        text = text.strip_prefix(':').unwrap_or(text);
    }
    Some(Entry { number, bracketed, kind: kind.filter(|_| kind_stands), date, text: text.trim() })
}

/// `(3)`, or `3)`, `3.`, `3:`, `Milestone 3` with or without one of those; whether it was in brackets.
fn number(line: &str) -> Option<(u32, bool, &str)> {
    if let Some(inner) = line.strip_prefix('(') {
        let (number, rest) = digits(inner.trim_start())?;
        return Some((number, true, rest.trim_start().strip_prefix(')')?));
    }
    let word = "milestone";
    let named = line.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let line = if named { line[word.len()..].trim_start() } else { line };
    let (number, rest) = digits(line)?;
    let bare = rest.trim_start();
    match bare.strip_prefix([')', '.', ':']) {
        Some(rest) => Some((number, false, rest)),
        None if named => Some((number, false, bare.strip_prefix(['-', '–']).unwrap_or(bare))),
        None => None,
    }
}

fn digits(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn kind(text: &str) -> (Option<ChangeKind>, &str) {
    let inner = text.strip_prefix('[').unwrap_or(text);
    let end = inner.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(inner.len());
    let kind = match inner[..end].to_ascii_lowercase().as_str() {
        "new" => ChangeKind::New,
        "update" | "updated" => ChangeKind::Update,
        "complete" | "completed" => ChangeKind::Complete,
        _ => return (None, text),
    };
    let rest = &inner[end..];
    match (text.starts_with('['), rest.trim_start().strip_prefix(']')) {
        (true, Some(rest)) => (Some(kind), rest),
        (true, None) => (None, text),
        (false, _) => (Some(kind), rest),
    }
}

/// A date at the start of `text`, and what follows.
fn when(text: &str) -> (When<'_>, &str) {
    let placeholder = ["TBD", "TBA", "xxxx-xx-xx"].into_iter().find(|p| {
        text.get(..p.len()).is_some_and(|t| t.eq_ignore_ascii_case(p))
            && !text[p.len()..].starts_with(|c: char| c.is_alphanumeric())
    });
    if let Some(word) = placeholder {
        return (When::ToBeDecided, &text[word.len()..]);
    }
    match spelled_date(text) {
        Some((Some(day), rest)) => (When::Day(day), rest),
        Some((None, rest)) => (When::Impossible(&text[..text.len() - rest.len()]), rest),
        None => (When::Absent, text),
    }
}

/// `YYYY-MM-DD`, `YYYY/MM/DD` or `YYYY.MM.DD`, and the United States' `M/D/YYYY`. `Some((None, _))`: it has the form of a date but
/// is not in the calendar.
fn spelled_date(text: &str) -> Option<(Option<NaiveDate>, &str)> {
    let run = |text: &'_ str| text.bytes().take_while(u8::is_ascii_digit).count();
    let first = run(text);
    let mark = text[first..].chars().next().filter(|c| matches!(c, '-' | '/' | '.'))?;
    let second_at = first + 1;
    let second = run(&text[second_at..]);
    if !text[second_at + second..].starts_with(mark) {
        return None;
    }
    let third_at = second_at + second + 1;
    let third = run(&text[third_at..]);
    let value = |at: usize, length: usize| text[at..at + length].parse::<u32>().ok();
    let (year, month, day) = match (first, second, third) {
        (4, 1..=2, 1..=2) => (value(0, first)?, value(second_at, second)?, value(third_at, third)?),
        (1..=2, 1..=2, 4) if mark == '/' => {
            (value(third_at, third)?, value(0, first)?, value(second_at, second)?)
        }
        _ => return None,
    };
    let rest = &text[third_at + third..];
    Some((i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day)), rest))
}

/// A line of the form `YYYY-MM-DD: text` or `YYYY-MM-DD - text`, without a number.
pub(super) fn dated(line: &str) -> Option<(NaiveDate, &str)> {
    let (day, rest) = spelled_date(line)?;
    let rest = rest.trim_start();
    Some((day?, rest.strip_prefix(SEPARATORS)?))
}
