//! A system: an authorization boundary. Every record belongs to exactly one.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Digest;

/// A system's id: 1 to 32 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit; or `_`, the reserved chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SystemId(String);

impl SystemId {
    /// The chain that holds tokens, persons and trackers.
    pub const RESERVED: &'static str = "_";

    /// Checks and takes an id.
    pub fn new(id: &str) -> Result<Self, String> {
        let fine = id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.len() <= 32
            && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if fine || id == Self::RESERVED {
            Ok(Self(id.to_owned()))
        } else {
            Err(format!(
                "{id:?} is no system id: 1 to 32 letters, digits, '.', '_' or '-', beginning with a letter or digit"
            ))
        }
    }

    /// The reserved chain's id.
    pub fn reserved() -> Self {
        Self(Self::RESERVED.to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SystemId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// FIPS 199 impact level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Low.
    Low,
    /// Moderate.
    Moderate,
    /// High.
    High,
}

/// What is known of a system as a whole: from configuration, recorded when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemProfile {
    /// Its name.
    pub name: String,
    /// Its impact level.
    pub impact: Impact,
    /// Calendar days are counted in this zone.
    pub timezone: Tz,
    /// Cloud service provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csp: Option<String>,
    /// Cloud service offering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cso: Option<String>,
    /// FedRAMP class (`B`, `C`, `D`) for the vdr rule set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// FedRAMP id of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fedramp_id: Option<String>,
    /// Where the system security plan is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssp_href: Option<String>,
    /// Where the certification package overview is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certification_package_uri: Option<String>,
    /// Day of the month on which the POA&M is submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_day: Option<u32>,
    /// The one person who answers for the POA&M process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_owner: Option<String>,
    /// Which rule set applies from which date on.
    #[serde(default)]
    pub rules: Vec<RuleSetFrom>,
}

/// A rule set and the first day on which it applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSetFrom {
    /// Its name: `legacy-rev5`, `vdr-2026`.
    pub set: String,
    /// First day.
    pub from: NaiveDate,
}

/// A system in the register. Numbers that were given out are never given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its id.
    pub id: SystemId,
    /// What is known of it; none before it is recorded, and for the reserved chain.
    pub profile: Option<SystemProfile>,
    /// The active text of the rules: name and digest.
    pub rules: Vec<(String, Digest)>,
    /// Highest `n` of any `V-n`.
    pub last_item: u32,
    /// Items so far: gives each its place in the list.
    pub items: u32,
    /// Highest milestone number.
    pub last_milestone: u32,
    /// Highest evidence number.
    pub last_evidence: u32,
    /// Highest drift number.
    pub last_drift: u32,
    /// Highest conflict number.
    pub last_conflict: u32,
    /// Highest notice number.
    pub last_notice: u32,
}

impl System {
    /// A system of which nothing is known yet.
    pub fn new(id: SystemId) -> Self {
        Self {
            id,
            profile: None,
            rules: Vec::new(),
            last_item: 0,
            items: 0,
            last_milestone: 0,
            last_evidence: 0,
            last_drift: 0,
            last_conflict: 0,
            last_notice: 0,
        }
    }

    /// The day of a time in the system's zone; in UTC before that is known.
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        match &self.profile {
            Some(profile) => profile.timezone.from_utc_datetime(&at.naive_utc()).date_naive(),
            None => at.date_naive(),
        }
    }
}
