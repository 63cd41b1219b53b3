//! What single cells say: texts, dates in all their spellings, ratings, yes and no, lists.

use std::borrow::Cow;

use calamine::DataRef;
use chrono::{Days, NaiveDate};

use super::row::{Decision, Rating};

/// A cell's value, free of the library that read it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing, or blanks only.
    Blank,
    /// Text, trimmed.
    Text(String),
    /// A number that is not shown as a date.
    Number(f64),
    /// A serial day number that is shown as a date.
    Day(f64),
    /// TRUE or FALSE.
    Bool(bool),
    /// An error such as `#REF!`.
    Error(String),
}

/// What had to be taken off a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cleaned {
    /// Control characters other than tab and line end, each removed.
    pub(super) controls: usize,
    /// The length in characters before it was cut, if it was.
    pub(super) cut_from: Option<usize>,
}

/// Takes a cell out of the reading library. `max_chars` is the longest text that is kept whole.
pub(super) fn value_of(data: &DataRef<'_>, max_chars: usize) -> (Value, Cleaned) {
    let plain = |value| (value, Cleaned::default());
    match data {
        DataRef::Empty => plain(Value::Blank),
        DataRef::Int(number) => {
            // Excel itself keeps fifteen digits.
            #[expect(clippy::cast_precision_loss)]
            plain(Value::Number(*number as f64))
        }
        DataRef::Float(number) => plain(Value::Number(*number)),
        DataRef::Bool(value) => plain(Value::Bool(*value)),
        DataRef::DateTime(serial) if serial.is_datetime() => plain(Value::Day(serial.as_f64())),
        DataRef::DateTime(serial) => plain(Value::Number(serial.as_f64())),
        DataRef::Error(error) => plain(Value::Error(error.to_string())),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            clean(text, max_chars)
        }
        DataRef::SharedString(text) => clean(text, max_chars),
    }
}

fn clean(text: &str, max_chars: usize) -> (Value, Cleaned) {
    let mut cleaned = Cleaned::default();
    let mut out: Cow<'_, str> = Cow::Borrowed(text);
    if text.contains('\r') {
        out = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    let controls = out.chars().filter(|c| odd(*c)).count();
    if controls > 0 {
        cleaned.controls = controls;
        out = Cow::Owned(out.chars().filter(|c| !odd(*c)).collect());
    }
    let mut kept = out.trim();
    // No text with at most so many bytes has more characters.
    if kept.len() > max_chars {
        let length = kept.chars().count();
        if length > max_chars {
            cleaned.cut_from = Some(length);
            let end = kept.char_indices().nth(max_chars).map_or(kept.len(), |(at, _)| at);
            kept = kept[..end].trim_end();
        }
    }
    let value = if kept.is_empty() { Value::Blank } else { Value::Text(kept.to_owned()) };
    (value, cleaned)
}

impl Value {
    /// The cell as text, as a spreadsheet would show it.
    pub(super) fn text(&self, is_1904: bool) -> String {
        match self {
            Self::Blank => String::new(),
            Self::Text(text) | Self::Error(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Day(serial) => {
                day_of_serial(*serial, is_1904).map_or_else(|| serial.to_string(), |day| day.to_string())
            }
            Self::Bool(value) => (if *value { "TRUE" } else { "FALSE" }).to_owned(),
        }
    }

    /// The cell as text without copying it, if it is a text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Blank | Self::Number(_) | Self::Day(_) | Self::Bool(_) | Self::Error(_) => None,
        }
    }
}

/// The first day that a POA&M date may name: an earlier one is what a formula makes of a blank cell.
pub(super) const EARLIEST: i32 = 1990;
/// The last year that a POA&M date may name.
pub(super) const LATEST: i32 = 2199;

/// The date in a cell. `Ok(None)` if the cell says that there is none.
///
/// # Errors
/// Why it is not a date that can be taken.
pub(super) fn date(value: &Value, is_1904: bool) -> Result<Option<NaiveDate>, String> {
    let found = match value {
        Value::Blank => return Ok(None),
        Value::Text(text) if says_none(text) => return Ok(None),
        Value::Text(text) => date_of_text(text)?,
        Value::Number(serial) | Value::Day(serial) => day_of_serial(*serial, is_1904)
            .ok_or_else(|| format!("the number {serial} is not a spreadsheet's day number"))?,
        Value::Bool(_) => return Err("TRUE or FALSE stands where a date is asked for".to_owned()),
        Value::Error(error) => return Err(format!("the cell holds the error {error}")),
    };
    let year = chrono::Datelike::year(&found);
    if (EARLIEST..=LATEST).contains(&year) {
        Ok(Some(found))
    } else {
        Err(format!("{found} lies outside the years {EARLIEST} to {LATEST}"))
    }
}

/// The day of a serial number, its time of day dropped. In the 1900 system day 60 is a 29 February that never was.
pub(super) fn day_of_serial(serial: f64, is_1904: bool) -> Option<NaiveDate> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let days = serial.floor() as u64;
    let (epoch, days) = match (is_1904, days) {
        (true, days) => (NaiveDate::from_ymd_opt(1904, 1, 1)?, days),
        (false, 0 | 60) => return None,
        (false, 1..60) => (NaiveDate::from_ymd_opt(1899, 12, 31)?, days),
        (false, _) => (NaiveDate::from_ymd_opt(1899, 12, 30)?, days),
    };
    epoch.checked_add_days(Days::new(days))
}

/// Date spellings found in workbooks. Two-digit years are of this century.
const NUMERIC: [(&str, [Part; 3]); 5] = [
    ("-", [Part::Year, Part::Month, Part::Day]),
    ("/", [Part::Year, Part::Month, Part::Day]),
    (".", [Part::Year, Part::Month, Part::Day]),
    ("/", [Part::Month, Part::Day, Part::Year]),
    ("-", [Part::Month, Part::Day, Part::Year]),
];
const WITH_MONTH_NAMES: [&str; 6] =
    ["%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
}

/// The date that a text spells: ISO 8601 (a time of day after it is dropped), the same with `/` or `.`, the United States' `M/D/YYYY`,
/// or a month's name.
pub(super) fn date_of_text(text: &str) -> Result<NaiveDate, String> {
    let text = text.trim();
    let day = without_time(text);
    for (mark, order) in NUMERIC {
        if let Some((year, month, date)) = numeric(day, mark, order) {
            return NaiveDate::from_ymd_opt(year, month, date)
                .ok_or_else(|| format!("\"{}\" is not a day of the calendar", shown(text)));
        }
    }
    WITH_MONTH_NAMES
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
        .ok_or_else(|| format!("\"{}\" is not a date in a known spelling (such as 2026-12-31)", shown(text)))
}

/// Cuts `T10:00:00Z` or ` 10:00:00` off an ISO date.
fn without_time(text: &str) -> &str {
    match text.find(['T', ' ']) {
        Some(at)
            if text[..at].starts_with(|c: char| c.is_ascii_digit())
                && text[at + 1..].starts_with(|c: char| c.is_ascii_digit())
                && text[at + 1..].contains(':') =>
        {
            &text[..at]
        }
        _ => text,
    }
}

fn numeric(text: &str, mark: &str, order: [Part; 3]) -> Option<(i32, u32, u32)> {
    let mut parts = text.split(mark);
    let (mut year, mut month, mut day) = (0, 0, 0);
    for part in order {
        let digits = parts.next()?.trim();
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: u32 = digits.parse().ok()?;
        match part {
            Part::Year if digits.len() == 4 => year = i32::try_from(number).ok()?,
            Part::Year if digits.len() == 2 && order[0] == Part::Month => {
                year = 2000 + i32::try_from(number).ok()?;
            }
            Part::Month if digits.len() <= 2 => month = number,
            Part::Day if digits.len() <= 2 => day = number,
            Part::Year | Part::Month | Part::Day => return None,
        }
    }
    parts.next().is_none().then_some((year, month, day))
}

/// A text short enough for a message.
pub(super) fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Whether a text is a way of leaving a cell blank.
pub(super) fn says_none(text: &str) -> bool {
    let text = text.trim();
    ["", "-", "--", "—", "–", "n/a", "na", "n.a.", "none", "not applicable", "tbd"]
        .iter()
        .any(|none| text.eq_ignore_ascii_case(none))
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.trim().trim_end_matches('.').to_lowercase()),
        Value::Bool(value) => Some((if *value { "yes" } else { "no" }).to_owned()),
        Value::Blank | Value::Number(_) | Value::Day(_) | Value::Error(_) => None,
    }
}

/// `Err` names what the cell should have said. Blank or `N/A` is `Ok(None)`.
pub(super) fn yes_no(value: &Value) -> Result<Option<bool>, &'static str> {
    choice(value, "Yes or No", |word| match word {
        "yes" | "y" | "true" => Some(true),
        "no" | "n" | "false" => Some(false),
        _ => None,
    })
}

/// As [`yes_no`].
pub(super) fn decision(value: &Value) -> Result<Option<Decision>, &'static str> {
    choice(value, "Yes, No or Pending", |word| match word {
        "yes" | "y" | "true" => Some(Decision::Yes),
        "no" | "n" | "false" => Some(Decision::No),
        "pending" => Some(Decision::Pending),
        _ => None,
    })
}

/// As [`yes_no`]. Scanners say Medium for what FedRAMP calls Moderate.
pub(super) fn rating(value: &Value) -> Result<Option<Rating>, &'static str> {
    choice(value, "Low, Moderate, High or Critical", |word| match word {
        "low" => Some(Rating::Low),
        "moderate" | "medium" => Some(Rating::Moderate),
        "high" => Some(Rating::High),
        "critical" => Some(Rating::Critical),
        _ => None,
    })
}

fn choice<T>(
    value: &Value,
    expected: &'static str,
    of: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    match value {
        Value::Blank => Ok(None),
        Value::Text(text) if says_none(text) => Ok(None),
        Value::Text(_) | Value::Bool(_) | Value::Number(_) | Value::Day(_) | Value::Error(_) => {
            word(value).as_deref().and_then(of).map(Some).ok_or(expected)
        }
    }
}

/// The lines of a cell that hold something.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The controls of a cell: split at commas, semicolons and lines; at blanks too where each part is a control.
pub(super) fn controls(text: &str) -> Vec<String> {
    let mut controls = Vec::new();
    for piece in text.split([',', ';', '\n']).map(str::trim).filter(|piece| !piece.is_empty()) {
        let parts: Vec<&str> = piece.split_whitespace().collect();
        if parts.len() > 1 && parts.iter().all(|part| looks_like_control(part)) {
            controls.extend(parts.into_iter().map(str::to_owned));
        } else {
            controls.push(piece.to_owned());
        }
    }
    controls
}

fn looks_like_control(text: &str) -> bool {
    let mut bytes = text.bytes();
    let family = bytes.by_ref().take(2).filter(u8::is_ascii_alphabetic).count();
    family == 2 && bytes.next() == Some(b'-') && bytes.next().is_some_and(|b| b.is_ascii_digit())
}

/// The CVE numbers of a cell, each once, and whether it holds anything else.
pub(super) fn cves(text: &str) -> (Vec<String>, bool) {
    let (mut cves, mut other) = (Vec::new(), false);
    for piece in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|')) {
        let name = piece.to_ascii_uppercase();
        if is_cve(&name) {
            if !cves.contains(&name) {
                cves.push(name);
            }
        } else if !piece.is_empty() {
            other = true;
        }
    }
    (cves, other && !says_none(text))
}

fn is_cve(text: &str) -> bool {
    let mut parts = text.split('-');
    let digits = |part: Option<&str>, least: usize, most: usize| {
        part.is_some_and(|p| (least..=most).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    parts.next() == Some("CVE")
        && digits(parts.next(), 4, 4)
        && digits(parts.next(), 4, 19)
        && parts.next().is_none()
}

#[cfg(test)]
#[path = "cells_tests.rs"]
mod tests;
