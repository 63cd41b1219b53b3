//! The due line of the managed block: where the due date lives when the site has no field for it.

use chrono::{Datelike as _, Month, NaiveDate};

/// The years that a due date can be in: another is a slip of the finger.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2200;

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
    YEARS.contains(&date.year()).then_some(date)
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
