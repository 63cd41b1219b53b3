//! Journals of this and of old releases: they verify and replay for ever.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use poam::register::apply::apply;
use poam::register::journal::{Entry, written};
use poam::register::{Change, Register, SystemId};
use serde_json::{Value, json};

use super::journal::verify;
use super::story::{story, told};

/// The journals of all releases.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals")
}

fn line(entry: &Entry) -> Value {
    json!({
        "system": entry.system.as_str(),
        "number": entry.number,
        "at": written(entry.at),
        "actor": entry.actor,
        "cause": entry.cause,
        "subject": entry.subject,
        "body": entry.body,
        "previous": entry.previous,
        "hash": entry.hash,
    })
}

fn entry(line: &str) -> Entry {
    let value: Value = serde_json::from_str(line).expect("a line of JSON");
    let text = |name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no {name}: {line}")).to_owned()
    };
    let at = DateTime::parse_from_rfc3339(&text("at")).expect("a time").with_timezone(&Utc);
    assert_eq!(written(at), text("at"));
    Entry {
        system: SystemId::new(&text("system")).expect("a system"),
        number: value.get("number").and_then(Value::as_u64).expect("a number"),
        at,
        actor: text("actor"),
        cause: text("cause"),
        subject: text("subject"),
        body: text("body"),
        previous: text("previous"),
        hash: text("hash"),
    }
}

#[test]
fn the_journal_of_every_release_verifies_and_replays() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder of journals")
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is no journal in {}", folder().display());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a journal");
        let entries: Vec<Entry> = text.lines().map(entry).collect();
        let systems: BTreeSet<SystemId> = entries.iter().map(|entry| entry.system.clone()).collect();
        for system in systems {
            let chain: Vec<Entry> = entries.iter().filter(|entry| entry.system == system).cloned().collect();
            verify(&chain).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
            let mut register = Register::new(system.clone());
            for entry in &chain {
                let change = entry
                    .change()
                    .unwrap_or_else(|why| panic!("{} row {}: {why}", file.display(), entry.number));
                assert_eq!(change.subject(), entry.subject, "{} row {}", file.display(), entry.number);
                apply(&mut register, entry.at, &change)
                    .unwrap_or_else(|why| panic!("{} row {}: {why}", file.display(), entry.number));
            }
            if system == SystemId::reserved() {
                assert!(register.people.is_empty() && register.halted.is_empty());
                assert!(register.tokens["ci"].revoked.is_some());
            } else {
                told(&register, &file);
            }
        }
    }
}

/// A deadline that the first version of a kind recorded names no rule file, and is read as it was; what is written
/// now names it, under the next version.
#[test]
fn a_deadline_of_the_first_version_is_read_as_one_whose_rule_file_is_not_known() {
    let old = r#"{"deadline":{"date":"2026-12-01","derivation":"30 days","rule":"legacy-rev5/high-30"},"item":"V-1","kind":"item.deadline","v":1}"#;
    let change = Change::from_body(old).expect("a change of version 1");
    let Change::ItemDeadline { deadline: Some(deadline), .. } = &change else {
        panic!("it is a deadline: {change:?}")
    };
    assert_eq!(deadline.file, None);
    let now = change.to_value().expect("JSON");
    assert_eq!((now.get("v"), now.pointer("/deadline/file")), (Some(&json!(2)), Some(&Value::Null)));
    assert_eq!(Change::from_value(now).expect("a change of version 2"), change);
    let later = old.replace("\"v\":1", "\"v\":3");
    assert!(Change::from_body(&later).is_err(), "a version that is not known is not read");
}

/// Writes the journal of this release: see `tests/data/journals/README.md`.
#[test]
#[ignore = "writes tests/data/journals/VERSION.jsonl, once per release"]
fn write_the_journal_of_this_release() {
    let path = folder().join(concat!(env!("CARGO_PKG_VERSION"), ".jsonl"));
    assert!(!path.exists(), "{} is there already, and is never written again", path.display());
    let (desk, reserved) = story();
    let lines: Vec<String> =
        reserved.journal.iter().chain(&desk.journal).map(|entry| format!("{}\n", line(entry))).collect();
    std::fs::write(&path, lines.concat()).expect("written");
}
