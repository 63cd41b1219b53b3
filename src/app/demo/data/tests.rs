//! The demo's data, as the product itself reads it.
#![allow(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::Utc;

use super::*;
use crate::app::wiring::{RULES, parse_rules};
use crate::config::{Config, StoreUrl};
use crate::exchange::fedramp_xlsx::{Limits, read};
use crate::exchange::{import, plan_file};
use crate::register::apply::apply;
use crate::register::decide::{Command, Deciding, decide_all};
use crate::register::policy::{Calendar, Policy};
use crate::register::{Actor, Digest, Register, Role, SystemId, completeness};
use crate::sync::mapping::{Route, route};

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day")
}

fn configuration() -> Config {
    let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}/")).expect("an address");
    let text = config(&url(4001), &url(4002), 4003);
    let none = BTreeMap::new();
    Config::parse(&text, Path::new("/demo/poam.toml"), &none, &none).expect("no mistake in the configuration")
}

fn decided(register: &mut Register, config: &Config, commands: &[Command]) {
    let (name, text) = RULES[0];
    let rules = parse_rules(name, text).expect("the shipped rules");
    let people = config.people.iter().map(|person| (person.name.clone(), person.clone())).collect();
    let now = today().and_hms_opt(9, 0, 0).expect("a time").and_utc();
    let by = Deciding {
        actor: Actor::Local("operator".to_owned()),
        roles: Role::ALL.into_iter().collect(),
        now,
        calendar: &Calendar { zone: chrono_tz::UTC, holidays: Vec::new() },
        policy: &Policy::default(),
        rules: &rules,
        people: &people,
    };
    for change in decide_all(register, &by, commands).expect("the demo's data is allowed") {
        apply(register, now.with_timezone(&Utc), &change).expect("the change applies");
    }
}

/// The register after the workbook's import and the plan.
fn register(config: &Config) -> Register {
    let bytes = workbook(today()).expect("a workbook");
    let book = read(&bytes, &Limits::default()).expect("a workbook that can be read");
    assert_eq!((book.rows.len(), book.warnings.as_slice(), book.refused.as_slice()), (8, &[][..], &[][..]));
    let people = config.people.iter().map(|person| person.name.clone()).collect();
    let rows = import::plan(&book, &Digest::of(&bytes), &BTreeMap::new(), &people, false);
    assert_eq!(rows.refused, Vec::new());
    let mut register = Register::new(SystemId::new(SYSTEM).expect("an id"));
    let imports: Vec<Command> = rows.items.into_iter().map(|item| Command::Import(Box::new(item))).collect();
    decided(&mut register, config, &imports);
    let system = register.system.id.clone();
    let planned = plan_file::commands("plan.toml", &plan(today()), &system, register.system.last_item)
        .expect("a plan that can be read");
    let commands: Vec<Command> = planned.into_iter().map(|planned| planned.command).collect();
    decided(&mut register, config, &commands);
    register
}

#[test]
fn the_configuration_has_no_mistake_and_names_what_the_sites_have() {
    let config = configuration();
    assert_eq!(config.server.listen.port(), 4003);
    assert_eq!(config.moves.settle_seconds, 1);
    assert!(matches!(&config.store.url, StoreUrl::Sqlite(path) if path == Path::new("/demo/poam.db")));
    let ids: Vec<&str> = config.connections.iter().map(|connection| connection.id.as_str()).collect();
    assert_eq!(ids, CONNECTIONS);
    let projects: Vec<&str> = config.trackers.iter().map(|tracker| tracker.project.as_str()).collect();
    assert_eq!(projects, [REPOSITORY, PROJECT]);
    let approvers: Vec<_> =
        config.people.iter().filter(|person| person.roles_in(SYSTEM).contains(&Role::Approver)).collect();
    assert_eq!(approvers.len(), 1);
    assert!(approvers.iter().all(|person| !person.roles_in(SYSTEM).contains(&Role::Engineer)));
}

#[test]
fn every_item_is_complete_and_every_deadline_lies_ahead() {
    let register = register(&configuration());
    assert_eq!(register.items.len(), 8);
    assert_eq!(register.items.values().filter(|item| !item.is_open()).count(), 1);
    for item in register.items.values().filter(|item| item.is_open()) {
        let gaps = completeness::missing(&register, item);
        assert_eq!(gaps, Vec::<String>::new(), "{}", item.number);
        let deadline = item.deadline.as_ref().expect("a deadline").date;
        assert!(deadline > today(), "{}: {deadline}", item.number);
        assert_eq!(item.facts.scheduled, Some(deadline), "{}", item.number);
    }
}

#[test]
fn each_milestone_is_due_before_its_deadline_and_goes_to_its_tracker() {
    let config = configuration();
    let register = register(&config);
    let routes: Vec<Route> = config
        .routes
        .iter()
        .map(|route| Route {
            system: route.system.clone(),
            component: route.component.clone(),
            tracker: route.tracker.clone(),
        })
        .collect();
    let mut went = Vec::new();
    for milestone in register.milestones.values() {
        let due = milestone.due.expect("a due date");
        let deadline = register.deadline_of(milestone).expect("a deadline").date;
        assert!(today() < due && due < deadline, "{}: {due}, {deadline}", milestone.number);
        went.push((milestone.serves.len(), route(&routes, &register, milestone)));
    }
    assert_eq!(
        went,
        [(3, Some("portal")), (2, Some("security")), (1, Some("security")), (1, Some("security"))]
    );
    let first = register.milestones.values().next().expect("a milestone");
    let (due, deadline) = (first.due.expect("a date"), register.deadline_of(first).expect("one").date);
    assert!(plus(due, 31) < deadline, "its date can move so far that an approver is asked, and no further");
}

#[test]
fn nobody_and_nothing_in_it_is_real() {
    for who in PEOPLE {
        assert!(who.name.ends_with(" Example"), "{}", who.name);
    }
    // CVE numbers of 1999 below 0100 name flaws of programs long gone; none of these texts is about them.
    let cves: BTreeSet<&str> = FINDINGS.iter().flat_map(|finding| finding.cves).copied().collect();
    assert!(cves.iter().all(|cve| cve.starts_with("CVE-1999-000")), "{cves:?}");
}
