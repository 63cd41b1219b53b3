//! The due date as a ticket shows it. Pure.

use chrono::{Month, NaiveDate};
use connector_api::Ticket;

use super::super::text::one_line;
use crate::register::policy::is_plausible;

/// Most characters that are quoted of a due line.
const LINE_MAX: usize = 120;

/// What the due line of a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueLine {
    /// There is no block or no due line.
    Absent,
    /// It names no date, on purpose: `none`, `-` or nothing.
    Cleared,
    /// A date.
    Date(NaiveDate),
    /// Something that is no date.
    Unreadable(String),
    /// Several due lines that say different things.
    Several(Vec<String>),
}

/// Reads the due line of a managed block: the first line that begins with `Due:`, bold or in a list or not.
pub fn due_line(block: Option<&str>) -> DueLine {
    let Some(block) = block else { return DueLine::Absent };
    let values: Vec<String> = block.lines().filter_map(due_value).collect();
    let mut distinct: Vec<&String> = values.iter().collect();
    distinct.dedup();
    match distinct.as_slice() {
        [] => DueLine::Absent,
        [value] => {
            if value.is_empty() || value.as_str() == "-" || value.eq_ignore_ascii_case("none") {
                return DueLine::Cleared;
            }
            date(value).map_or_else(|| DueLine::Unreadable((*value).clone()), DueLine::Date)
        }
        _ => DueLine::Several(values),
    }
}

/// The value of one due line; none where the line is another.
fn due_value(line: &str) -> Option<String> {
    let plain: String = line.chars().filter(|c| !matches!(c, '*' | '_' | '`')).collect();
    let plain = plain.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '+' | '>')).trim();
    let head = plain.get(..4)?;
    if !head.eq_ignore_ascii_case("due:") {
        return None;
    }
    Some(plain[4..].trim().trim_end_matches('.').to_owned())
}

/// The one date that a text can mean: as `2026-12-20`, with words after it or not, or with the month's name, as
/// `20 Dec 2026` or `December 20, 2026`. Figures alone in another order mean one day here and another there.
fn date(text: &str) -> Option<NaiveDate> {
    let iso = || match (text.get(..10), text.get(10..)) {
        (Some(date), Some(rest)) => {
            let ends = rest.starts_with(|c: char| !c.is_alphanumeric() && c != '-');
            // Where the words name another number, or an alternative, that may be what is meant.
            let other = |word: &str| word.contains(|c: char| c.is_ascii_digit() || c == '?') || word == "or";
            let alone = !rest.split_whitespace().any(other);
            date.parse().ok().filter(|_| ends && alone)
        }
        _ => None,
    };
    let date = text.parse().ok().or_else(iso).or_else(|| with_month(text))?;
    is_plausible(date).then_some(date)
}

/// A date of three words, one of them a month's name.
fn with_month(text: &str) -> Option<NaiveDate> {
    let words: Vec<&str> = text.split([' ', ',', '.']).filter(|word| !word.is_empty()).collect();
    let [one, two, year] = words.as_slice() else { return None };
    let (day, month) = if one.starts_with(|c: char| c.is_ascii_digit()) { (one, two) } else { (two, one) };
    let figures = day.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ending = day.get(figures.len()..)?.to_ascii_lowercase();
    // "Sept" is the one abbreviation of four letters.
    let month = if month.eq_ignore_ascii_case("sept") { "sep" } else { month };
    let month: Month = month.parse().ok()?;
    if year.len() != 4 || !matches!(ending.as_str(), "" | "st" | "nd" | "rd" | "th") {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.number_from_month(), figures.parse().ok()?)
}

/// The due date as the ticket shows it, and why it cannot be read if it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketDue {
    /// The date; none where it is cleared or absent.
    pub date: Option<NaiveDate>,
    /// Whether the ticket shows anything that can be taken: an absent or unreadable line is put right instead.
    pub readable: bool,
    /// What is wrong with the line.
    pub problem: Option<String>,
}

/// Where the due date lives: a field of the ticket, else the block's line.
pub fn ticket_due(field: bool, ticket: &Ticket) -> TicketDue {
    let fine = |date| TicketDue { date, readable: true, problem: None };
    let bad = |problem: Option<String>| TicketDue { date: None, readable: false, problem };
    if field {
        return fine(ticket.due);
    }
    match due_line(ticket.description.block.as_deref()) {
        DueLine::Date(date) => fine(Some(date)),
        DueLine::Cleared => fine(None),
        DueLine::Absent => bad(None),
        DueLine::Unreadable(text) => {
            let text = one_line(&text, LINE_MAX);
            bad(Some(format!("the due line says {text:?}, which is no date such as 2026-11-30")))
        }
        DueLine::Several(lines) => {
            let lines = one_line(&lines.join(", "), LINE_MAX);
            bad(Some(format!("there are several due lines: {lines}")))
        }
    }
}
