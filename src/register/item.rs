//! An item: one POA&M entry.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Actor, Digest};

/// An item's number: `V-12`, or for ever the POAM ID that it was imported with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ItemNumber(String);

impl ItemNumber {
    /// Our own numbering.
    pub fn ours(n: u32) -> Self {
        Self(format!("V-{n}"))
    }

    /// Checks and takes a POAM ID: 1 to 128 characters on one line, without spaces at its ends.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty()
            || text.trim() != text
            || text.chars().count() > 128
            || text.chars().any(char::is_control)
        {
            return Err(format!("{text:?} is no item number: 1 to 128 characters on one line"));
        }
        Ok(Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `n` where it is a `V-n` of one to nine plain digits: our own numbering goes on above it.
    pub fn ordinal(&self) -> Option<u32> {
        let digits = self.0.strip_prefix("V-")?;
        let plain = digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    }
}

impl fmt::Display for ItemNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ItemNumber {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Where an item stands. Accepted is a property, never a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Intake and triage: its plan is not complete.
    Draft,
    /// Its plan is complete; dates are frozen from here on.
    Open,
    /// A milestone has begun.
    InProgress,
    /// Every milestone is done and proven; waits for somebody else to look.
    PendingValidation,
    /// Closed by a disposition, for good.
    Closed,
}

impl Status {
    /// Every status in order.
    pub const ALL: [Self; 5] =
        [Self::Draft, Self::Open, Self::InProgress, Self::PendingValidation, Self::Closed];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::PendingValidation => "pending_validation",
            Self::Closed => "closed",
        }
    }
}

/// How an item was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// Fixed, and validated by another.
    Remediated,
    /// Never there, as approved.
    FalsePositive,
    /// The same as another.
    DuplicateOf(ItemNumber),
    /// Outside the boundary, as approved for a reason.
    NotInBoundary(String),
    /// Closed in what was imported.
    ImportedClosed,
}

impl Disposition {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Remediated => "remediated",
            Self::FalsePositive => "false-positive",
            Self::DuplicateOf(_) => "duplicate-of",
            Self::NotInBoundary(_) => "not-in-boundary",
            Self::ImportedClosed => "imported-closed",
        }
    }
}

/// What kind of weakness was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A control is not designed as it must be.
    Design,
    /// Designed, yet not put in place.
    Implementation,
    /// In place, yet not working as it must.
    Operating,
    /// Only its description is wrong.
    Documentation,
    /// A known vulnerability.
    Vulnerability,
}

/// Where an item came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An assessment report.
    Assessment,
    /// A scanner.
    Scan,
    /// A review.
    Review,
    /// The team itself.
    SelfReport,
    /// An advisory.
    Advisory,
}

/// Risk rating, as FedRAMP's template knows it; Critical counts as High.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Low.
    Low,
    /// Moderate.
    Moderate,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Rating {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Root cause category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootCause {
    /// Process.
    Process,
    /// Configuration.
    Configuration,
    /// Tooling.
    Tooling,
    /// Training.
    Training,
    /// A third party.
    ThirdParty,
}

/// State of a deviation as the workbook's columns know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviationState {
    /// None, or denied.
    No,
    /// Submitted.
    Pending,
    /// Approved by the authorizing official.
    Yes,
}

/// A date by which an item must be fixed, and the rule that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Its last day, in the system's calendar.
    pub date: NaiveDate,
    /// The rule's identifier: `legacy-rev5/high-30`.
    pub rule: String,
    /// In words: `30 days from detection on 2026-01-05 (high)`.
    pub derivation: String,
    /// Of the text of the rule file that gave it; none on what was recorded before this was kept.
    #[serde(default)]
    pub file: Option<Digest>,
}

impl Deadline {
    /// Whether two deadlines are apart. The same date by the same rule is the same, whichever text of the rule file
    /// gave it.
    pub fn differ(one: Option<&Self>, other: Option<&Self>) -> bool {
        let means = |deadline: &Self| (deadline.date, deadline.rule.clone(), deadline.derivation.clone());
        one.map(means) != other.map(means)
    }
}

/// What is told of an item when it is made; every field may be filled later, under the freeze rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemFacts {
    /// One line.
    pub title: String,
    /// Full text.
    pub description: String,
    /// What kind of weakness.
    pub kind: FindingKind,
    /// Where it came from.
    pub source: Source,
    /// Who or what detected it: scanner, assessor, person.
    pub detector: String,
    /// Its id there: plugin, rule, finding number.
    pub source_id: Option<String>,
    /// Control ids of SP 800-53 Rev 5, as `AC-2` or `AC-2(3)`.
    pub controls: Vec<String>,
    /// Affected assets, one each, as the inventory names them.
    pub components: Vec<String>,
    /// CVE ids.
    pub cves: Vec<String>,
    /// Listed in CISA's Known Exploited Vulnerabilities.
    pub kev: bool,
    /// CISA's due date for it.
    pub kev_due: Option<NaiveDate>,
    /// Original detection date.
    pub detected: Option<NaiveDate>,
    /// Original risk rating.
    pub rating: Option<Rating>,
    /// Adjusted risk rating.
    pub adjusted: Option<Rating>,
    /// Risk adjustment.
    pub risk_adjustment: DeviationState,
    /// False positive.
    pub false_positive: DeviationState,
    /// Operational requirement.
    pub operational_requirement: DeviationState,
    /// Deviation rationale.
    pub deviation_rationale: String,
    /// Root cause.
    pub root_cause: Option<RootCause>,
    /// What is at stake.
    pub risk_statement: String,
    /// How it is to be fixed.
    pub plan: String,
    /// Resources required.
    pub resources: String,
    /// The one person who owns it.
    pub owner: Option<String>,
    /// Point of contact as text, where it is no person of the register.
    pub contact: String,
    /// Teams that help.
    pub supporting: Vec<String>,
    /// Scheduled completion date, as first recorded.
    pub scheduled: Option<NaiveDate>,
    /// Depends on a vendor's fix.
    pub vendor_dependency: bool,
    /// Last check-in with the vendor.
    pub vendor_checkin: Option<NaiveDate>,
    /// The vendor's product.
    pub vendor_product: Option<String>,
    /// Supporting documents, as written.
    pub documents: String,
    /// Comments.
    pub comments: String,
}

impl ItemFacts {
    /// Nothing but a title.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            kind: FindingKind::Vulnerability,
            source: Source::SelfReport,
            detector: String::new(),
            source_id: None,
            controls: Vec::new(),
            components: Vec::new(),
            cves: Vec::new(),
            kev: false,
            kev_due: None,
            detected: None,
            rating: None,
            adjusted: None,
            risk_adjustment: DeviationState::No,
            false_positive: DeviationState::No,
            operational_requirement: DeviationState::No,
            deviation_rationale: String::new(),
            root_cause: None,
            risk_statement: String::new(),
            plan: String::new(),
            resources: String::new(),
            owner: None,
            contact: String::new(),
            supporting: Vec::new(),
            scheduled: None,
            vendor_dependency: false,
            vendor_checkin: None,
            vendor_product: None,
            documents: String::new(),
            comments: String::new(),
        }
    }

    /// The rating that counts: the adjusted one only under an approved risk adjustment (Completion Guide, column U).
    pub fn effective_rating(&self) -> Option<Rating> {
        match self.risk_adjustment {
            DeviationState::Yes => self.adjusted.or(self.rating),
            DeviationState::No | DeviationState::Pending => self.rating,
        }
    }
}

/// Where an imported item stood, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedRow {
    /// Digest of the file.
    pub file: Digest,
    /// Sheet.
    pub sheet: String,
    /// Row, from 1.
    pub row: u32,
    /// What the row says, by field; blank ones are left out.
    pub cells: BTreeMap<String, String>,
}

/// A typing error put right, with both values kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Which field.
    pub field: String,
    /// What stood there.
    pub from: String,
    /// What stands there now.
    pub to: String,
    /// Why.
    pub reason: String,
    /// Who corrected.
    pub by: Actor,
    /// Who approved.
    pub approved_by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// One POA&M entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub number: ItemNumber,
    /// Its place in the list: the order in which items came.
    pub place: u32,
    /// What is known of it.
    pub facts: ItemFacts,
    /// Where it stands.
    pub status: Status,
    /// How it was closed.
    pub disposition: Option<Disposition>,
    /// Since when it stands so.
    pub status_since: DateTime<Utc>,
    /// The day the workbook or the closure gives (Status Date).
    pub status_date: Option<NaiveDate>,
    /// By when it must be fixed.
    pub deadline: Option<Deadline>,
    /// Corrections made to it.
    pub corrections: Vec<Correction>,
    /// Where it was imported from, last.
    pub imported: Option<ImportedRow>,
    /// The last review that confirmed it.
    pub reviewed: Option<NaiveDate>,
    /// The last change to it.
    pub changed: DateTime<Utc>,
}

impl Item {
    /// Whether it still runs: deadlines and lateness count in every status but closed.
    pub fn is_open(&self) -> bool {
        self.status != Status::Closed
    }
}
