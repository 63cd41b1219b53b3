//! `[[system]]` and `[[person]]`.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::section::Section;
use super::settings::zone;
use super::site::id;
use crate::register::{Grant, Impact, Person, Role, RuleSetFrom, SystemId, SystemProfile};

/// `[[system]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemConfig {
    /// Its id.
    pub id: SystemId,
    /// What is recorded of it.
    pub profile: SystemProfile,
}

impl SystemConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        // The reserved chain's name has no letter or digit, so no id of a system can be it.
        let id = section.required_parsed("id", |text| id(text).and_then(|id| SystemId::new(&id)));
        let name = section.required("name");
        section.require("impact");
        let impact = section.choice(
            "impact",
            &[("low", Impact::Low), ("moderate", Impact::Moderate), ("high", Impact::High)],
        );
        let timezone = zone(section, "timezone").unwrap_or(Tz::UTC);
        let class = section.parsed("class", |text| match text {
            "B" | "C" | "D" => Ok(text.to_owned()),
            _ => Err(format!("{text:?} is none of \"B\", \"C\" and \"D\"")),
        });
        let day = section.number("submission_day", 1..=31, 0);
        let rules = rules(section);
        let profile = SystemProfile {
            csp: section.text("csp"),
            cso: section.text("cso"),
            class,
            fedramp_id: section.text("fedramp_id"),
            ssp_href: section.text("ssp_href"),
            certification_package_uri: section.text("certification_package_uri"),
            submission_day: (day > 0).then_some(day),
            process_owner: section.text("process_owner"),
            name: name?,
            impact: impact?,
            timezone,
            rules: rules?,
        };
        Some(Self { id: id?, profile })
    }
}

/// Which rule set applies from when; legacy-rev5 from ever, unless something else is written.
fn rules(section: &Section<'_>) -> Option<Vec<RuleSetFrom>> {
    let mut rules: Vec<RuleSetFrom> = Vec::new();
    let mut fine = true;
    for element in section.sections("rules") {
        let set = element.required("set");
        if !element.has("from") {
            element.missing("from", "is missing: the first day on which the set applies");
        }
        let from = element.date("from");
        element.finish();
        let (Some(set), Some(from)) = (set, from) else {
            fine = false;
            continue;
        };
        if rules.last().is_some_and(|last| last.from >= from) {
            element.mistake("from", "is not later than the set before it");
        }
        rules.push(RuleSetFrom { set, from });
    }
    if rules.is_empty() && fine {
        let from = NaiveDate::from_ymd_opt(2000, 1, 1)?;
        rules.push(RuleSetFrom { set: "legacy-rev5".to_owned(), from });
    }
    fine.then_some(rules)
}

/// `[[person]]`.
pub(super) fn person(section: &Section<'_>) -> Option<Person> {
    let name = section.required_parsed("name", |text| {
        if text.trim() != text || text.chars().any(char::is_control) {
            Err(format!("{text:?} begins or ends with a space, or holds a control character"))
        } else {
            Ok(text.to_owned())
        }
    });
    let email = section.parsed("email", email);
    let github = section.parsed("github", |text| {
        let login = text.strip_prefix('@').unwrap_or(text);
        let fine = login.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if fine && !login.is_empty() {
            Ok(login.to_owned())
        } else {
            Err(format!("{text:?} is no GitHub login"))
        }
    });
    let jira = section.text("jira");
    let manager = section.text("manager");
    let roles = roles(section);
    Some(Person { name: name?, email, github, jira, manager, roles: roles? })
}

fn roles(section: &Section<'_>) -> Option<Vec<Grant>> {
    let names: Vec<(&str, Role)> = Role::ALL.iter().map(|role| (role.name(), *role)).collect();
    let elements = section.sections("roles").into_iter();
    let grants: Vec<Option<Grant>> = elements
        .map(|element| {
            let system = element.required("system");
            element.require("role");
            let role = element.choice("role", &names);
            element.finish();
            Some(Grant { system: system?, role: role? })
        })
        .collect();
    grants.into_iter().collect()
}

/// Checks the shape of an e-mail address.
pub(super) fn email(text: &str) -> Result<String, String> {
    let fine = text.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
    });
    if fine { Ok(text.to_owned()) } else { Err(format!("{text:?} is no e-mail address")) }
}
