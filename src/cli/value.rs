//! Values of arguments, read with messages that name what is wrong.

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};

use crate::register::policy::Calendar;
use crate::register::{EvidenceKind, ItemNumber, MilestoneState, MoveState, Rating, Status, decide};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day as `2026-03-31`.
pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    let wrong = || format!("{text:?} is no day such as 2026-03-31");
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return Err(wrong()) };
    let digits = |part: &str, long: usize| part.len() == long && part.bytes().all(|b| b.is_ascii_digit());
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return Err(wrong());
    }
    let (year, month, day): (i32, u32, u32) = (
        year.parse().map_err(|_| wrong())?,
        month.parse().map_err(|_| wrong())?,
        day.parse().map_err(|_| wrong())?,
    );
    if let Some(date) = NaiveDate::from_ymd_opt(year, month, day) {
        return Ok(date);
    }
    let name = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    let Some(name) = name else { return Err(format!("there is no day {text}: a year has 12 months")) };
    let first = NaiveDate::from_ymd_opt(year, month, 1);
    let last = first.and_then(|first| first.checked_add_months(chrono::Months::new(1))?.pred_opt());
    let days = last.map_or(0, |last| last.day());
    Err(format!("there is no day {text}: {name} {year} has {days} days"))
}

/// A day, or a time as `2026-03-31T15:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// In the system's zone.
    Day(NaiveDate),
    /// To the second or finer.
    Time(DateTime<Utc>),
}

impl Moment {
    /// Where it begins.
    pub(super) fn start(self, calendar: &Calendar) -> DateTime<Utc> {
        match self {
            Self::Day(day) => calendar.start_of(day),
            Self::Time(at) => at,
        }
    }

    /// Its last microsecond, which is the finest that the journal keeps.
    pub(super) fn end(self, calendar: &Calendar) -> DateTime<Utc> {
        match self {
            Self::Day(day) => {
                let next = day.succ_opt().unwrap_or(day);
                calendar.start_of(next) - TimeDelta::microseconds(1)
            }
            Self::Time(at) => at,
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Time(at) => f.write_str(&super::output::time(*at)),
        }
    }
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if text.contains('T') {
        return DateTime::parse_from_rfc3339(text)
            .map(|at| Moment::Time(at.to_utc()))
            .map_err(|_| format!("{text:?} is no time such as 2026-03-31T15:00:00Z"));
    }
    day(text).map(Moment::Day)
}

/// One of several, by its name.
fn named<T: Copy>(text: &str, what: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    // `in-progress` is what shells complete more easily, and is meant just so.
    let plain = text.replace('-', "_");
    all.iter().copied().find(|one| name(*one) == text || name(*one) == plain).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        format!("{text:?} is no {what}; known are {}", known.join(", "))
    })
}

pub(super) fn status(text: &str) -> Result<Status, String> {
    named(text, "status of an item", &Status::ALL, Status::name)
}

pub(super) fn state(text: &str) -> Result<MilestoneState, String> {
    named(text, "state of a milestone", &MilestoneState::ALL, MilestoneState::name)
}

pub(super) fn move_state(text: &str) -> Result<MoveState, String> {
    named(text, "state of a move", &MoveState::ALL, MoveState::name)
}

pub(super) fn rating(text: &str) -> Result<Rating, String> {
    decide::rating(text)
}

pub(super) fn evidence_kind(text: &str) -> Result<EvidenceKind, String> {
    EvidenceKind::parse(text)
}

/// A CVE id, in capitals.
pub(super) fn cve(text: &str) -> Result<String, String> {
    let id = text.trim().to_ascii_uppercase();
    let digits = |part: &str, least: usize| part.len() >= least && part.bytes().all(|b| b.is_ascii_digit());
    let parts = id.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    match parts {
        Some((year, number)) if year.len() == 4 && digits(year, 4) && digits(number, 4) => Ok(id),
        _ if id.is_empty() => Ok(id),
        Some(_) | None => Err(format!("{text:?} is no CVE id such as CVE-2026-12345")),
    }
}

/// A value by the name that it has in files and JSON, in which `-` is as good as `_`.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<Error>::new(&text.replace('-', "_")))
        .map_err(|error| error.to_string().replace('`', ""))
}

/// The name that a value has in files and JSON.
pub(super) fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// How an item is closed: `remediated`, `false-positive`, `duplicate-of:V-2` or `not-in-boundary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Closing {
    Remediated,
    FalsePositive,
    DuplicateOf(ItemNumber),
    NotInBoundary,
}

pub(super) fn closing(text: &str) -> Result<Closing, String> {
    match text.split_once(':') {
        None if text == "remediated" => Ok(Closing::Remediated),
        None if text == "false-positive" => Ok(Closing::FalsePositive),
        None if text == "not-in-boundary" => Ok(Closing::NotInBoundary),
        None if text == "duplicate-of" => {
            Err("name the item that it is a duplicate of: duplicate-of:V-2".to_owned())
        }
        Some(("duplicate-of", other)) => ItemNumber::new(other).map(Closing::DuplicateOf),
        None | Some(_) => Err(format!(
            "{text:?} is no disposition; known are remediated, false-positive, duplicate-of:ITEM, not-in-boundary"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{FindingKind, Source};

    #[test]
    fn a_day_that_there_is_not_is_named_with_the_reason() {
        assert_eq!(day("2026-02-28").map(|day| day.to_string()), Ok("2026-02-28".to_owned()));
        assert_eq!(
            day("2026-02-30"),
            Err("there is no day 2026-02-30: February 2026 has 28 days".to_owned())
        );
        assert_eq!(
            day("2024-02-30"),
            Err("there is no day 2024-02-30: February 2024 has 29 days".to_owned())
        );
        assert_eq!(
            day("2026-12-32"),
            Err("there is no day 2026-12-32: December 2026 has 31 days".to_owned())
        );
        assert_eq!(day("2026-13-01"), Err("there is no day 2026-13-01: a year has 12 months".to_owned()));
        assert_eq!(day("2026-00-01"), Err("there is no day 2026-00-01: a year has 12 months".to_owned()));
        for text in ["tomorrow", "2026-2-3", "26-02-03", "2026/02/03", "", "2026-02-03-04", "+026-01-01"] {
            assert_eq!(day(text), Err(format!("{text:?} is no day such as 2026-03-31")));
        }
    }

    #[test]
    fn a_day_begins_and_ends_in_the_systems_zone() {
        let calendar = Calendar { zone: chrono_tz::America::New_York, holidays: Vec::new() };
        let begins = moment("2026-03-08").map(|day| day.start(&calendar));
        let ends = moment("2026-03-08").map(|day| day.end(&calendar));
        let shown = |at: DateTime<Utc>| at.to_rfc3339();
        assert_eq!(begins.map(shown), Ok("2026-03-08T05:00:00+00:00".to_owned()));
        // The day on which clocks go forward has 23 hours.
        assert_eq!(ends.map(shown), Ok("2026-03-09T03:59:59.999999+00:00".to_owned()));
    }

    #[test]
    fn a_time_is_itself() {
        let calendar = Calendar { zone: chrono_tz::UTC, holidays: Vec::new() };
        let read = moment("2026-03-08T10:00:00+02:00").map(|m| (m.start(&calendar), m.end(&calendar)));
        assert_eq!(
            read.map(|(start, end)| (start == end, start.to_rfc3339())),
            Ok((true, "2026-03-08T08:00:00+00:00".to_owned()))
        );
        assert!(moment("2026-03-08T25:00:00Z").is_err());
    }

    #[test]
    fn words_are_read_as_files_write_them() {
        assert_eq!(word::<Source>("self-report"), Ok(Source::SelfReport));
        assert_eq!(word::<Source>("self_report"), Ok(Source::SelfReport));
        let wrong = word::<FindingKind>("bug").err().unwrap_or_default();
        assert!(wrong.contains("bug") && wrong.contains("vulnerability"), "{wrong}");
        assert_eq!(status("in-progress"), Ok(Status::InProgress));
        assert_eq!(
            status("done"),
            Err("\"done\" is no status of an item; known are draft, open, in_progress, pending_validation, closed"
                .to_owned())
        );
    }

    #[test]
    fn dispositions_are_read_with_what_they_name() {
        assert_eq!(closing("duplicate-of:V-2"), ItemNumber::new("V-2").map(Closing::DuplicateOf));
        assert_eq!(closing("not-in-boundary"), Ok(Closing::NotInBoundary));
        assert!(closing("duplicate-of").is_err_and(|why| why.contains("duplicate-of:V-2")));
        assert!(closing("fixed").is_err_and(|why| why.contains("known are")));
    }
}
