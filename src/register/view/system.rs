//! A system.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;

use crate::register::{Digest, Impact, RuleSetFrom, System, SystemId};

/// A system with its counts.
#[derive(Debug, Serialize)]
pub struct SystemView<'a> {
    /// Id.
    pub id: &'a SystemId,
    /// Name.
    pub name: Option<&'a str>,
    /// Impact level.
    pub impact: Option<Impact>,
    /// The zone in which its calendar days are.
    pub timezone: Option<Tz>,
    /// Cloud service provider.
    pub csp: Option<&'a str>,
    /// Cloud service offering.
    pub cso: Option<&'a str>,
    /// FedRAMP class.
    pub class: Option<&'a str>,
    /// FedRAMP id of the package.
    pub fedramp_id: Option<&'a str>,
    /// Where the system security plan is.
    pub ssp_href: Option<&'a str>,
    /// Where the certification package overview is.
    pub certification_package_uri: Option<&'a str>,
    /// Day of the month on which the POA&M is submitted.
    pub submission_day: Option<u32>,
    /// Who answers for the POA&M process.
    pub process_owner: Option<&'a str>,
    /// Which rule set applies from which day on.
    pub rules: &'a [RuleSetFrom],
    /// Digests of the rule files in force, by file name.
    pub rule_files: BTreeMap<&'a str, &'a Digest>,
    /// What there is, by name: `item.open`, `milestone.done`, `drift.overdue`. What is not there is 0.
    pub counts: &'a BTreeMap<String, i64>,
}

impl<'a> SystemView<'a> {
    /// Of a system and its counts.
    pub fn of(system: &'a System, counts: &'a BTreeMap<String, i64>) -> Self {
        let profile = system.profile.as_ref();
        Self {
            id: &system.id,
            name: profile.map(|p| p.name.as_str()),
            impact: profile.map(|p| p.impact),
            timezone: profile.map(|p| p.timezone),
            csp: profile.and_then(|p| p.csp.as_deref()),
            cso: profile.and_then(|p| p.cso.as_deref()),
            class: profile.and_then(|p| p.class.as_deref()),
            fedramp_id: profile.and_then(|p| p.fedramp_id.as_deref()),
            ssp_href: profile.and_then(|p| p.ssp_href.as_deref()),
            certification_package_uri: profile.and_then(|p| p.certification_package_uri.as_deref()),
            submission_day: profile.and_then(|p| p.submission_day),
            process_owner: profile.and_then(|p| p.process_owner.as_deref()),
            rules: profile.map(|p| p.rules.as_slice()).unwrap_or_default(),
            rule_files: system.rules.iter().map(|(name, digest)| (name.as_str(), digest)).collect(),
            counts,
        }
    }
}
