//! When something is due again: a cron expression in a time zone.
//!
//! The expression is run on the zone's wall clock and each hit is then mapped to an instant. A job that names its hours
//! so runs exactly once each local day: a time that the clock skips in spring falls on the first minute after the gap,
//! and of a time that comes twice in autumn the first counts. One that runs in every hour runs in the repeated one too.

use std::fmt;
use std::str::FromStr as _;

use chrono::{DateTime, Duration, FixedOffset, LocalResult, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

/// A cron expression of five fields (minute, hour, day of month, month, day of week) or six (seconds first).
#[derive(Debug, Clone)]
pub struct Timetable {
    expression: String,
    schedule: cron::Schedule,
    zone: Tz,
    /// Whether its hours are `*` or `*/n`.
    any_hour: bool,
}

impl PartialEq for Timetable {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.zone == other.zone
    }
}

impl Eq for Timetable {}

impl fmt::Display for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.expression, self.zone)
    }
}

impl Timetable {
    /// Reads an expression.
    ///
    /// # Errors
    /// Says what is wrong with it. Beside what is no cron expression these are refused: days of the week as digits,
    /// because some programs count them from Sunday = 0 and others from Sunday = 1; an expression that never fires;
    /// and a day of the month together with a day of the week, because some programs take either and others both.
    pub fn parse(expression: &str, zone: Tz) -> Result<Self, String> {
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let seconds = match fields.len() {
            5 => "0 ",
            6 => "",
            n => {
                return Err(format!(
                    "{expression:?} has {n} fields; a cron expression has five (minute hour day month weekday) or six \
                     (seconds first)"
                ));
            }
        };
        let [.., hour, day, _month, weekday] = fields[..] else {
            return Err(format!("{expression:?} is too short"));
        };
        if weekday.contains(|c: char| c.is_ascii_digit()) {
            return Err(format!(
                "{expression:?} names days of the week by digits, which programs count differently: write MON, TUE, WED, \
                 THU, FRI, SAT, SUN (a range: MON-FRI)"
            ));
        }
        let any = |field: &str| matches!(field, "*" | "?");
        if !any(weekday) && !any(day) {
            return Err(format!(
                "{expression:?} gives both a day of the month and a day of the week, which some programs read as either \
                 and others as both: put * for one of them"
            ));
        }
        let schedule = cron::Schedule::from_str(&format!("{seconds}{}", fields.join(" ")))
            .map_err(|error| format!("{expression:?} is no cron expression: {error}"))?;
        let any_hour = hour.starts_with('*');
        let timetable = Self { expression: fields.join(" "), schedule, zone, any_hour };
        // Any start will do: without a field for years, what fires at all fires within eight years of it.
        match timetable.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(timetable),
            None => Err(format!("{expression:?} never fires")),
        }
    }

    /// The first time it fires after `last`; none where that is past what dates can say.
    pub fn next_after(&self, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let wall = last.with_timezone(&self.zone).naive_local().and_utc();
        let mut hits = self.schedule.after(&wall).filter_map(|hit| self.instant(hit.naive_utc(), last));
        let next = hits.find(|instant| *instant > last)?;
        let offset = self.offset(next);
        if !self.any_hour || self.offset(last) == offset {
            return Some(next);
        }
        // The clock was put back in between: what it shows again before `next` was passed over above.
        let wall = last.with_timezone(&offset).naive_local().and_utc();
        self.schedule
            .after(&wall)
            .filter_map(|hit| offset.from_local_datetime(&hit.naive_utc()).single())
            .map(|at| at.to_utc())
            .take_while(|at| *at < next)
            .find(|at| self.offset(*at) == offset)
            .or(Some(next))
    }

    fn offset(&self, at: DateTime<Utc>) -> FixedOffset {
        self.zone.offset_from_utc_datetime(&at.naive_utc()).fix()
    }

    /// The expression, as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The instant at which the zone's clocks show `wall`, seen from `last`.
    fn instant(&self, wall: NaiveDateTime, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(at) => Some(at.to_utc()),
            LocalResult::Ambiguous(first, second) if self.any_hour && first.to_utc() <= last => {
                Some(second.to_utc())
            }
            LocalResult::Ambiguous(first, _) => Some(first.to_utc()),
            LocalResult::None => {
                let minute = wall - Duration::seconds(wall.and_utc().timestamp().rem_euclid(60));
                // No zone has ever skipped more than a day.
                (1..=24 * 60)
                    .filter_map(|n| {
                        self.zone.from_local_datetime(&(minute + Duration::minutes(n))).earliest()
                    })
                    .map(|at| at.to_utc())
                    .next()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn table(expression: &str, zone: Tz) -> Timetable {
        Timetable::parse(expression, zone).expect("a timetable")
    }

    fn fires(expression: &str, zone: Tz, from: &str, n: usize) -> Vec<String> {
        let table = table(expression, zone);
        std::iter::successors(table.next_after(at(from)), |last| table.next_after(*last))
            .take(n)
            .map(|at| at.format("%m-%dT%H:%M:%S").to_string())
            .collect()
    }

    #[test]
    fn five_fields_begin_at_second_zero_and_six_say_theirs() {
        assert_eq!(
            fires("*/20 * * * *", Tz::UTC, "2026-05-01T09:59:59Z", 3),
            ["05-01T10:00:00", "05-01T10:20:00", "05-01T10:40:00"]
        );
        assert_eq!(
            fires("*/30 * * * * *", Tz::UTC, "2026-05-01T10:00:00Z", 2),
            ["05-01T10:00:30", "05-01T10:01:00"]
        );
    }

    #[test]
    fn weekdays_are_those_that_their_names_say() {
        // 2026-05-04 is a Monday.
        assert_eq!(fires("0 9 * * MON", Tz::UTC, "2026-05-01T00:00:00Z", 1), ["05-04T09:00:00"]);
    }

    #[test]
    fn a_time_that_spring_skips_falls_on_the_first_minute_after() {
        assert_eq!(
            fires("30 2 * * *", Tz::America__New_York, "2026-03-07T12:00:00Z", 2),
            ["03-08T07:00:00", "03-09T06:30:00"]
        );
    }

    #[test]
    fn a_time_that_autumn_repeats_counts_once() {
        assert_eq!(
            fires("30 1 * * *", Tz::America__New_York, "2026-10-31T12:00:00Z", 3),
            ["11-01T05:30:00", "11-02T06:30:00", "11-03T06:30:00"]
        );
    }

    #[test]
    fn a_job_that_is_past_does_not_come_again_in_the_repeated_hour() {
        let second_pass = at("2026-11-01T06:10:00Z"); // 01:10 for the second time
        let next = table("30 1 * * *", Tz::America__New_York).next_after(second_pass);
        assert_eq!(next, Some(at("2026-11-02T06:30:00Z")));
    }

    #[test]
    fn what_runs_in_every_hour_never_rests() {
        for (expression, step) in [("* * * * *", 60), ("*/20 * * * *", 1_200), ("0 * * * *", 3_600)] {
            for start in ["2026-03-07T20:00:00Z", "2026-10-31T20:00:00Z"] {
                let table = table(expression, Tz::America__New_York);
                let mut last = at(start);
                while last < at(start) + Duration::days(1) {
                    let next = table.next_after(last).expect("fires");
                    assert_eq!((next - last).num_seconds(), step, "{expression} after {last}");
                    last = next;
                }
            }
        }
    }

    #[test]
    fn every_daily_job_fires_once_a_local_day_and_never_stands_still() {
        for zone in [Tz::America__New_York, Tz::Europe__Berlin, Tz::Australia__Lord_Howe, Tz::UTC] {
            for expression in ["30 1 * * *", "30 2 * * *", "0 0 * * *", "59 23 * * *"] {
                let table = table(expression, zone);
                let mut last = at("2026-01-01T12:00:00Z");
                let mut day = last.with_timezone(&zone).date_naive();
                for _ in 0..730 {
                    let next = table.next_after(last).expect("fires");
                    let next_day = next.with_timezone(&zone).date_naive();
                    assert!(next > last);
                    let steps = (next_day - day).num_days();
                    assert!(
                        steps == 1 || (steps == 0 && last == at("2026-01-01T12:00:00Z")),
                        "{expression} {zone} {next}"
                    );
                    (last, day) = (next, next_day);
                }
            }
        }
    }

    #[test]
    fn what_would_be_misread_or_never_fires_is_refused_with_the_reason() {
        for (expression, reason) in [
            ("* * * *", "has 4 fields"),
            ("0 0 9 * * MON 2030", "has 7 fields"),
            ("0 9 * * 1", "by digits"),
            ("0 9 * * 1-5", "by digits"),
            ("0 9 13 * FRI", "both a day of the month and a day of the week"),
            ("0 0 31 2 *", "never fires"),
            ("61 * * * *", "no cron expression"),
            ("@daily", "has 1 fields"),
            ("0 9 * * MOON", "no cron expression"),
        ] {
            let refusal = Timetable::parse(expression, Tz::UTC).expect_err(expression);
            assert!(refusal.contains(reason), "{expression}: {refusal}");
        }
    }
}
