//! What rules say about dates and words: pure functions over facts, and the settings they read.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Deadline, Digest, ItemFacts, Rating};

/// Settings of decisions and detection, by section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// `[moves]`.
    pub moves: MovesPolicy,
    /// `[drift]`.
    pub drift: DriftPolicy,
}

/// `[moves]`: how date changes are asked about and decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MovesPolicy {
    /// Seconds without a further edit before the bridge asks.
    pub settle_seconds: u32,
    /// Fewest words of a rationale.
    pub rationale_words: u32,
    /// Whether an explained move within the limits below is approved by rule.
    pub approve_by_rule: bool,
    /// Days in total from the last human approval (else the original date) that a rule may approve.
    pub total_days: u32,
    /// Whether the ticket's date is set back when a move is rejected, or unanswered after the grace time.
    pub set_back: bool,
    /// More moves than this by one person within `bulk_minutes` get one question.
    pub bulk_moves: u32,
    /// Minutes.
    pub bulk_minutes: u32,
}

impl Default for MovesPolicy {
    fn default() -> Self {
        Self {
            settle_seconds: 300,
            rationale_words: 3,
            approve_by_rule: true,
            total_days: 30,
            set_back: false,
            bulk_moves: 5,
            bulk_minutes: 10,
        }
    }
}

/// `[drift]`: when each kind opens. Days are calendar days in the system's zone unless a name says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DriftPolicy {
    /// Business days an unexplained slip may stand before it escalates.
    pub grace_business_days: u32,
    /// Days before the deadline from which open work is at risk.
    pub at_risk_days: u32,
    /// Days without any change after which open work is stale.
    pub stale_days: u32,
    /// Days after the last recorded review after which an open item is unreviewed.
    pub review_days: u32,
    /// Days of pending validation after which it waits too long.
    pub validation_days: u32,
    /// Days a vendor check-in may be old on the submission day.
    pub vendor_checkin_days: u32,
    /// Days before a token expires.
    pub token_days: u32,
    /// Missed polls in a row after which a connection is silent.
    pub missed_polls: u32,
    /// Holidays: no business days.
    pub holidays: Vec<NaiveDate>,
}

impl Default for DriftPolicy {
    fn default() -> Self {
        Self {
            grace_business_days: 5,
            at_risk_days: 14,
            stale_days: 30,
            review_days: 31,
            validation_days: 10,
            vendor_checkin_days: 30,
            token_days: 14,
            missed_polls: 3,
            holidays: Vec::new(),
        }
    }
}

/// A rule set: data from `config/rules/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// `legacy-rev5`.
    pub name: String,
    /// Days by rating.
    #[serde(default)]
    pub remediation: Vec<Remediation>,
    /// KEV override.
    #[serde(default)]
    pub kev: Option<KevRule>,
    /// Of the text that it was read from: whoever reads the file says so, for each deadline to name it.
    #[serde(skip)]
    pub file: Option<Digest>,
}

/// Days from detection to remediation for one rating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remediation {
    /// Identifier within its set.
    pub id: String,
    /// Rating.
    pub rating: Rating,
    /// Days.
    pub days: u32,
}

/// The KEV catalog's due date overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KevRule {
    /// Identifier within its set.
    pub id: String,
}

/// The deadline that a rule set gives; none where the facts it needs are missing.
pub fn deadline(rules: &RuleSet, facts: &ItemFacts) -> Option<Deadline> {
    if let (Some(kev), Some(date), true) = (&rules.kev, facts.kev_due, facts.kev) {
        return Some(Deadline {
            date,
            rule: format!("{}/{}", rules.name, kev.id),
            derivation: format!("CISA's due date {date} for a known exploited vulnerability"),
            file: rules.file.clone(),
        });
    }
    let rating = facts.effective_rating()?;
    let detected = facts.detected?;
    let rule = rules.remediation.iter().find(|rule| rule.rating == rating)?;
    Some(Deadline {
        date: detected.checked_add_days(Days::new(rule.days.into()))?,
        rule: format!("{}/{}", rules.name, rule.id),
        derivation: format!("{} days from detection on {detected} ({})", rule.days, rating.name()),
        file: rules.file.clone(),
    })
}

/// A calendar: the system's zone and its holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Zone.
    pub zone: Tz,
    /// Days that are no business days, beside Saturdays and Sundays.
    pub holidays: Vec<NaiveDate>,
}

impl Calendar {
    /// The day that `at` falls on.
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        self.zone.from_utc_datetime(&at.naive_utc()).date_naive()
    }

    /// The first instant of `day`.
    pub fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        // A clock change at midnight leaves a day without its first hour.
        (0..24)
            .filter_map(|hour| day.and_hms_opt(hour, 0, 0))
            .find_map(|time| self.zone.from_local_datetime(&time).earliest())
            .map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |time| time.with_timezone(&Utc))
    }

    /// Whether people work on `day`.
    pub fn is_business_day(&self, day: NaiveDate) -> bool {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !self.holidays.contains(&day)
    }

    /// The `n`-th business day after `day`.
    pub fn business_days_after(&self, day: NaiveDate, n: u32) -> NaiveDate {
        let mut day = day;
        let mut left = n;
        while left > 0 {
            let Some(next) = day.succ_opt() else { return day };
            day = next;
            if self.is_business_day(day) {
                left -= 1;
            }
        }
        day
    }
}

/// The last day on which a reason for a date that moved is in time, by `[drift] grace_business_days`.
pub fn answer_by(calendar: &Calendar, policy: &Policy, from: DateTime<Utc>) -> NaiveDate {
    calendar.business_days_after(calendar.day(from), policy.drift.grace_business_days)
}

/// Verbs that say nothing testable when a bare noun is all that follows.
const VAGUE_VERBS: &[&str] = &[
    "address",
    "analyze",
    "assess",
    "check",
    "consider",
    "enhance",
    "ensure",
    "evaluate",
    "examine",
    "fix",
    "handle",
    "harden",
    "improve",
    "investigate",
    "manage",
    "mitigate",
    "monitor",
    "optimize",
    "remediate",
    "resolve",
    "review",
    "secure",
    "strengthen",
    "support",
    "update",
    "upgrade",
];

/// Why a milestone's text cannot be told done from not done; none where it can.
///
/// Refused is only a listed vague verb with a bare noun (at most three words in all) and no acceptance criterion: no
/// number, version, quotation or condition.
pub fn vague(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let verb = words.first()?.to_lowercase();
    let bare =
        words.len() <= 3 && !text.chars().any(|c| c.is_ascii_digit() || matches!(c, '"' | '\u{201c}' | ':'));
    if bare && VAGUE_VERBS.contains(&verb.as_str()) {
        Some(format!(
            "{text:?} cannot be told done from not done: say what will be seen when it is done, for example \"{} {} on \
             all production hosts, and the rescan of plugin 12345 is clean\"",
            words[0],
            if words.len() > 1 { words[1..].join(" ") } else { "TLS settings".to_owned() },
        ))
    } else {
        None
    }
}

/// Whether a date is one that somebody can mean: of the years 1990 to 2200. Others are slips of the finger.
pub fn is_plausible(date: NaiveDate) -> bool {
    (1990..=2200).contains(&date.year())
}

/// Whether a rationale says something: at least `words` words.
pub fn says_why(text: &str, words: u32) -> bool {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count() >= words as usize
}

/// What is wrong with a rationale that has fewer words than that; none where it has enough.
pub fn too_short(text: &str, words: u32) -> Option<String> {
    (!says_why(text, words))
        .then(|| format!("a rationale has at least {words} words; this has fewer: {text:?}"))
}

/// Checks a control id that a command names, and gives it as SP 800-53 Rev 5 writes it.
pub fn control(text: &str) -> Result<String, String> {
    super::controls::named(text)
}
