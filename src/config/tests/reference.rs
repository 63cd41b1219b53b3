use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use connector_api::TicketState;
use serde_json::json;

use super::super::reader::Reader;
use super::super::{Config, Site, StatusName, StoreUrl, initial};
use super::{LEAST, REFERENCE, mistakes, pairs, parse, parse_with, reference_env};
use crate::register::policy::{DriftPolicy, MovesPolicy};
use crate::register::{Impact, SystemId};

#[test]
fn the_reference_is_a_configuration() {
    let config = parse_with(REFERENCE, &reference_env(), &[]).expect("the reference");
    assert_eq!(config.systems[0].profile.impact, Impact::Moderate);
    assert_eq!(config.systems[0].profile.submission_day, Some(15));
    assert_eq!(config.systems[0].profile.rules.len(), 2);
    assert_eq!(
        config.connections.iter().map(|c| c.site).collect::<Vec<_>>(),
        [Site::GitHub, Site::JiraCloud]
    );
    assert_eq!(config.people[1].roles_in("ACME").len(), 1);
    assert_eq!(config.ladder.steps.len(), 2);
    assert_eq!(config.channels.len(), 2);
    assert!(config.mail.is_some() && config.oidc.is_some());

    let security = config.tracker("security").expect("there");
    let spec = security.spec();
    assert_eq!((spec.project.as_str(), spec.issue_type.as_deref()), ("SEC", Some("Task")));
    assert_eq!(spec.due_field.as_deref(), Some("duedate"));
    assert_eq!(spec.extra_fields["customfield_10050"], json!({ "value": "Compliance" }));
    assert_eq!(security.fields.resolution[&TicketState::Dropped], "Won't Do");
    assert_eq!(
        security.fields.transition[&TicketState::Dropped]["customfield_10051"],
        json!("Decided by GRC")
    );
    let platform = config.tracker("platform").expect("there");
    assert_eq!(platform.spec().due_field, None);
    assert_eq!(
        platform.states,
        [
            (StatusName::Label("in progress".to_owned()), TicketState::InProgress),
            (StatusName::Label("blocked".to_owned()), TicketState::Blocked),
            (StatusName::Resolution("not_planned".to_owned()), TicketState::Dropped),
        ]
    );
}

/// The reference says "default" where it shows one; so the single sections that only show defaults must equal them.
#[test]
fn the_reference_shows_the_defaults() {
    let shown = parse_with(REFERENCE, &reference_env(), &[]).expect("the reference");
    let plain = parse(LEAST).expect("the least");
    assert_eq!(plain.server.listen, shown.server.listen);
    assert_eq!(plain.server.webhook_bytes, shown.server.webhook_bytes);
    assert_eq!(plain.server.stop_seconds, shown.server.stop_seconds);
    assert_eq!(plain.evidence, shown.evidence);
    assert_eq!(plain.seal.schedule, shown.seal.schedule);
    assert_eq!(plain.schedule.poll, shown.schedule.poll);
    assert_eq!(plain.schedule.sweep, shown.schedule.sweep);
    assert_eq!(plain.schedule.detect, shown.schedule.detect);
    assert_eq!(plain.sync, shown.sync);
    assert_eq!(plain.commands, shown.commands);
    assert_eq!(plain.moves, MovesPolicy::default());
    assert_eq!(shown.moves, MovesPolicy::default());
    assert_eq!(plain.drift, DriftPolicy::default());
    assert_eq!(DriftPolicy { holidays: Vec::new(), ..shown.drift }, DriftPolicy::default());
    assert!(matches!(&plain.store.url, StoreUrl::Sqlite(path) if path == Path::new("etc/poam.db")));
}

/// Lines of the reference by section: `connection[]` for everything between `[[connection]]` and the next section.
fn reference_by_section() -> BTreeMap<String, String> {
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut section = String::new();
    for line in REFERENCE.lines() {
        let plain = line.strip_prefix('#').unwrap_or(line);
        if plain.starts_with("[[") || (plain.starts_with('[') && plain.ends_with(']')) {
            plain.trim_matches(['[', ']']).split('.').next().unwrap_or_default().clone_into(&mut section);
        }
        let text = sections.entry(section.clone()).or_default();
        let _ = writeln!(text, "{line}");
    }
    sections
}

/// Whether a text has `key = `, or a header that ends in it; a line of prose does not count.
fn shows(text: &str, key: &str) -> bool {
    text.lines().any(|line| {
        let line = if line.starts_with("# ") { "" } else { line.trim_start_matches('#') };
        let header = line.trim_matches(['[', ']']);
        (line.starts_with('[') && header.split('.').any(|part| part == key))
            || line.match_indices(key).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| " {,".contains(c)) && line[at + key.len()..].starts_with(" = ")
            })
    })
}

#[test]
fn every_key_that_is_known_is_shown() {
    let (env, flags) = (reference_env(), BTreeMap::new());
    let mut reader = Reader::new("poam.toml".to_owned(), Path::new("."), REFERENCE, &env, &flags);
    assert!(Config::read(&mut reader, Path::new("poam.toml")).is_some());
    let known = reader.known();
    assert!(known.len() > 120, "{} keys", known.len());
    let sections = reference_by_section();
    let absent: BTreeSet<&String> = known
        .iter()
        .filter(|path| {
            let mut parts = path.split('.').map(|part| part.trim_end_matches("[]"));
            let section = parts.next().and_then(|name| sections.get(name));
            let key = parts.next_back();
            !section.is_some_and(|text| key.is_none_or(|key| shows(text, key)))
        })
        .collect();
    assert!(absent.is_empty(), "not in config/poam.toml: {absent:#?}");
}

/// Each key that the reference shows out of use is a key: in use, it may exclude another but is not unknown.
#[test]
fn every_key_that_is_shown_out_of_use_is_known() {
    let lines: Vec<&str> = REFERENCE.lines().collect();
    let shown: Vec<usize> = (0..lines.len())
        .filter(|n| lines[*n].starts_with('#') && !lines[*n].starts_with("# ") && lines[*n].contains(" = "))
        .collect();
    assert!(shown.len() > 20);
    for n in shown {
        let mut changed = lines.clone();
        changed[n] = &lines[n][1..];
        // A key that stands there twice now is known, since its first appearance is no mistake.
        let found = mistakes(&changed.join("\n"));
        let wrong: Vec<_> = found
            .iter()
            .filter(|mistake| mistake.contains("no such key") || mistake.contains("no TOML"))
            .filter(|mistake| !mistake.contains("duplicate key"))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", lines[n]);
    }
}

#[test]
fn an_unknown_key_is_found_in_every_section() {
    let lines: Vec<&str> = REFERENCE.lines().collect();
    let headers: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with('[')).collect();
    for n in headers.into_iter().filter(|n| lines[*n] != "[tracker.states]") {
        let mut changed = lines.clone();
        changed.insert(n + 1, "colour = 1");
        let errors = parse_with(&changed.join("\n"), &reference_env(), &[]).expect_err(lines[n]);
        let found: Vec<_> =
            errors.mistakes.iter().map(|mistake| (mistake.line, mistake.what.as_str())).collect();
        assert_eq!(found, [(Some(n + 2), "no such key")], "{}", lines[n]);
    }
}

/// A wrong value hides no other mistake of its section.
#[test]
fn a_value_of_the_wrong_kind_is_found_at_every_key() {
    let lines: Vec<&str> = REFERENCE.lines().collect();
    let values: Vec<usize> =
        (0..lines.len()).filter(|n| !lines[*n].starts_with('#') && lines[*n].contains(" = ")).collect();
    assert!(values.len() > 100);
    for n in values {
        let key = lines[n].split(" = ").next().expect("a key");
        let wrong = format!("{key} = 1.5");
        let mut changed = lines.clone();
        changed[n] = &wrong;
        changed.insert(n + 1, "colour = 1");
        let errors = parse_with(&changed.join("\n"), &reference_env(), &[]).expect_err(lines[n]);
        let at = |line| errors.mistakes.iter().find(|mistake| mistake.line == Some(line));
        assert!(at(n + 1).is_some_and(|m| m.key.contains(key.trim_matches('"'))), "{}: {errors}", lines[n]);
        assert!(at(n + 2).is_some_and(|m| m.key.ends_with(".colour")), "{}: {errors}", lines[n]);
    }
}

#[test]
fn what_init_writes_is_a_configuration() {
    let id = SystemId::new("ACME.1").expect("an id");
    let name = "Quotes \" and \\ and \u{e9}, ''' and \"\"\"";
    let text = initial(&id, name, Impact::High, 9_123);
    let config = parse(&text).expect("the initial file");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:9123");
    assert_eq!(config.systems[0].id, id);
    assert_eq!(config.systems[0].profile.name, name);
    assert_eq!(config.systems[0].profile.impact, Impact::High);
    assert!(matches!(&config.store.url, StoreUrl::Sqlite(path) if path == Path::new("etc/poam.db")));

    // With the '#' taken away, as it says, it is one too.
    let open: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let config = parse_with(&open.join("\n"), &pairs(&[("GITHUB_TOKEN", "t")]), &[]).expect("uncommented");
    assert_eq!((config.people.len(), config.trackers.len(), config.routes.len()), (1, 1, 1));
}
