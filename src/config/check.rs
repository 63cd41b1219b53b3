//! What must fit across sections: names that point to something, and things that may be there once only.
//!
//! A name counts as there even if the rest of its section is wrong, so that one mistake is reported once.

use std::collections::{BTreeMap, BTreeSet};

use super::mistake::suggestion;
use super::notify::{Channel, Ladder, StepChannel};
use super::people::SystemConfig;
use super::section::Section;
use super::settings::Rules;
use super::site::{Connection, Site};
use super::tracker::{Route, Tracker};
use super::{Placed, notify};
use crate::register::Person;

/// Everything that stands in arrays.
pub(super) struct Parts<'a> {
    pub(super) systems: Vec<Placed<'a, SystemConfig>>,
    pub(super) connections: Vec<Placed<'a, Connection>>,
    pub(super) trackers: Vec<Placed<'a, Tracker>>,
    pub(super) routes: Vec<Placed<'a, Route>>,
    pub(super) people: Vec<Placed<'a, Person>>,
    pub(super) channels: Vec<Placed<'a, Channel>>,
}

/// The kind of each connection, by id; none where it could not be read.
pub(super) fn kinds(connections: &[Placed<'_, Connection>]) -> BTreeMap<String, Option<Site>> {
    connections
        .iter()
        .filter_map(|(section, _)| Some((section.written_text("id")?, super::site::kind_of(section))))
        .collect()
}

/// Checks everything across sections.
pub(super) fn across(
    root: &Section<'_>,
    parts: &Parts<'_>,
    ladder: &(Ladder, Vec<Section<'_>>),
    rules: &Rules,
) {
    let systems = unique(&parts.systems, "id");
    let connections = unique(&parts.connections, "id");
    let trackers = unique(&parts.trackers, "id");
    let channels = unique(&parts.channels, "id");
    let people = unique(&parts.people, "name");

    if parts.systems.is_empty() {
        root.missing("system", "is missing: at least one [[system]] with id, name and impact");
    }
    for (section, system) in &parts.systems {
        known(section, "process_owner", "person", &people);
        if let (Some(system), None) = (system, &rules.dir) {
            for rule in
                system.profile.rules.iter().filter(|rule| !Rules::SHIPPED.contains(&rule.set.as_str()))
            {
                let near = suggestion(&rule.set, Rules::SHIPPED);
                section.mistake(
                    "rules",
                    format!(
                        "{:?} is no rule set that ships, and [rules] dir names no folder with others{near}",
                        rule.set
                    ),
                );
            }
        }
    }
    for (section, _) in &parts.trackers {
        known(section, "connection", "connection", &connections);
    }
    same_project(&parts.trackers);
    for (section, _) in &parts.routes {
        known(section, "system", "system", &systems);
        known(section, "tracker", "tracker", &trackers);
    }
    persons(&parts.people, &people, &systems);
    for (section, step) in ladder.1.iter().filter_map(|section| {
        let id = section.written_text("id")?;
        Some((section, ladder.0.steps.iter().find(|step| step.id == id)?))
    }) {
        steps(section, step, &systems, &channels, root.has("mail"));
    }
}

/// The ids of an array's elements; each that comes twice is a mistake of its later bearer.
fn unique<T>(parts: &[Placed<'_, T>], key: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    for (section, _) in parts {
        let Some(id) = section.written_text(key) else { continue };
        // Ids stand in URLs and file names, where case may not count.
        if let Some(first) = seen.insert(id.to_lowercase(), id.clone()) {
            section.mistake(key, format!("{id:?} is there already, as {first:?}"));
        }
    }
    seen.into_values().collect()
}

/// Checks that what `key` names is there.
fn known(section: &Section<'_>, key: &str, what: &str, names: &BTreeSet<String>) {
    if let Some(name) = section.written_text(key)
        && !names.contains(&name)
    {
        let near = suggestion(&name, names.iter().map(String::as_str));
        section.mistake(key, format!("no {what} is named {name:?}{near}"));
    }
}

/// Two trackers on one project would each take the other's tickets.
fn same_project(trackers: &[Placed<'_, Tracker>]) {
    let mut seen: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (section, tracker) in trackers {
        let Some(tracker) = tracker else { continue };
        let place = (tracker.connection.as_str(), tracker.project.to_lowercase());
        if let Some(first) = seen.get(&place) {
            let key = if section.has("repo") { "repo" } else { "project" };
            section.mistake(key, format!("{:?} is tracker {first}'s already", tracker.project));
        } else {
            seen.insert(place, &tracker.id);
        }
    }
}

fn persons(people: &[Placed<'_, Person>], names: &BTreeSet<String>, systems: &BTreeSet<String>) {
    let mut accounts: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (section, person) in people {
        known(section, "manager", "person", names);
        let Some(person) = person else { continue };
        if person.manager.as_ref() == Some(&person.name) {
            section.mistake("manager", "is the person");
        }
        for (key, account) in [("github", &person.github), ("jira", &person.jira), ("email", &person.email)] {
            let Some(account) = account else { continue };
            if let Some(first) = accounts.insert((key, account.to_lowercase()), &person.name) {
                section.mistake(key, format!("{account:?} is {first}'s already"));
            }
        }
        let unknown: BTreeSet<&str> = person
            .roles
            .iter()
            .map(|grant| grant.system.as_str())
            .filter(|system| *system != "*" && !systems.contains(*system))
            .collect();
        for system in unknown {
            let near = suggestion(system, systems.iter().map(String::as_str));
            section.mistake("roles", format!("no system is named {system:?} (\"*\" is every system){near}"));
        }
    }
}

fn steps(
    section: &Section<'_>,
    step: &notify::Step,
    systems: &BTreeSet<String>,
    channels: &BTreeSet<String>,
    mail: bool,
) {
    for system in step.systems.iter().filter(|system| !systems.contains(*system)) {
        let near = suggestion(system, systems.iter().map(String::as_str));
        section.mistake("systems", format!("no system is named {system:?}{near}"));
    }
    for by in &step.by {
        match by {
            StepChannel::Ticket => {}
            StepChannel::Mail if mail => {}
            StepChannel::Mail => section.mistake("by", "\"mail\" needs a [mail] section"),
            StepChannel::Channel(id) if channels.contains(id) => {}
            StepChannel::Channel(id) => {
                let known = channels.iter().map(String::as_str).chain(["ticket", "mail"]);
                section.mistake(
                    "by",
                    format!(
                        "{id:?} is neither \"ticket\", \"mail\" nor a [[channel]]{}",
                        suggestion(id, known)
                    ),
                );
            }
        }
    }
}
