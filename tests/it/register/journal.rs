//! The journal: what is written is read back, and the chain shows every change.

use std::collections::BTreeSet;

use chrono::Duration;
use poam::register::journal::{Entry, Fault, GENESIS, Head, canonical, written};
use poam::register::{Actor, Change, Digest, Evidence, SystemId};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::desk::kind;
use super::story::{at, source_evidence, story};

/// The names of all kinds, read from where they are declared.
fn declared() -> BTreeSet<String> {
    include_str!("../../../src/register/change.rs")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#[serde(rename = \"")?.strip_suffix("\")]"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_kind_of_change_is_read_back_as_it_was_written() {
    let (desk, reserved) = story();
    let mut seen = BTreeSet::new();
    for entry in desk.journal.iter().chain(&reserved.journal) {
        let change = entry.change().expect("a change");
        seen.insert(kind(&change));
        let value: Value = serde_json::from_str(&entry.body).expect("JSON");
        let version = match value.get("kind").and_then(Value::as_str) {
            Some("item.added" | "item.deadline") => 2,
            _ => 1,
        };
        assert_eq!(value.get("v"), Some(&json!(version)), "{}", entry.body);
        assert_eq!(canonical(&value), entry.body, "the body is not canonical");
        assert_eq!(canonical(&change.to_value().expect("a body")), entry.body);
        assert!(!entry.subject.is_empty() && !entry.subject.contains('\n'), "{entry:?}");
    }
    assert_eq!(seen, declared(), "the story lacks a kind of change");
}

#[test]
fn what_this_release_does_not_know_is_not_read() {
    for (body, why) in [
        ("", "EOF while parsing"),
        ("{}", "\"\" of version 0"),
        (r#"{"kind":"item.status","item":"V-1","to":"open"}"#, "\"item.status\" of version 0"),
        (r#"{"kind":"item.status","item":"V-1","to":"open","v":2}"#, "\"item.status\" of version 2"),
        (r#"{"kind":"item.blessed","v":1}"#, "unknown variant `item.blessed`"),
        (r#"{"kind":"item.status","item":"V-1","to":"blessed","v":1}"#, "unknown variant `blessed`"),
        (r#"{"kind":"item.status","item":"","to":"open","v":1}"#, "is no item number"),
    ] {
        let unknown = Change::from_body(body).expect_err("unknown");
        assert!(unknown.to_string().contains(why), "{body}: {unknown}");
    }
}

#[test]
fn a_number_that_not_every_reader_reads_alike_is_not_written() {
    let sized = |size| {
        let evidence = Evidence { size, ..source_evidence() };
        Change::EvidenceAdded { evidence: Box::new(evidence) }.to_value()
    };
    assert!(sized((1 << 53) - 1).is_ok());
    let refused = sized(1 << 53).expect_err("2^53");
    assert!(refused.to_string().ends_with("9007199254740992 is no whole number below 2^53"), "{refused}");
}

#[test]
fn a_row_is_checked_by_any_sha256() {
    let (desk, _) = story();
    for e in &desk.journal {
        let text = [
            e.system.as_str(),
            &e.number.to_string(),
            &written(e.at),
            &e.actor,
            &e.cause,
            &e.subject,
            &e.body,
            &e.previous,
        ]
        .map(|column| format!("{column}\n"))
        .concat();
        assert_eq!(Digest::of(text.as_bytes()).as_str(), e.hash);
        assert_eq!(text.matches('\n').count(), 8, "a column holds a line feed");
    }
    assert_eq!(desk.journal[0].previous, GENESIS);
}

#[test]
fn a_row_is_never_before_the_last_and_never_finer_than_a_microsecond() {
    let system = SystemId::new("ACME").expect("an id");
    let change = Change::RulesApplied { name: "x\ny".into(), digest: Digest::of(b"x") };
    let now = at(0) + Duration::nanoseconds(999);
    let first =
        Entry::after(&Head::empty(), &system, now, &Actor::Token("a\nb".into()), "one\r\ntwo", &change)
            .expect("a row");
    assert_eq!(written(first.at), "2026-11-10T14:00:00.000123Z");
    assert_eq!(first.at, at(0));
    assert_eq!(
        (first.actor.as_str(), first.cause.as_str(), first.subject.as_str()),
        ("token:a b", "one  two", "rules x y")
    );
    let second = Entry::after(&first.head(), &system, at(0) - Duration::days(1), &Actor::Poam, "x", &change)
        .expect("a row");
    assert_eq!(second.at, first.at, "a clock that went back is held");
    assert!(second.follow(&first.head()).is_ok());
    let mut early = second;
    early.at = at(0) - Duration::seconds(1);
    early.hash = early.digest();
    assert_eq!(early.follow(&first.head()), Err(Fault::Time { system, number: 2 }));
}

/// Follows a chain from its beginning.
pub(crate) fn verify(chain: &[Entry]) -> Result<Head, Fault> {
    chain.iter().try_fold(Head::empty(), |head, entry| entry.follow(&head))
}

type Column = fn(&mut Entry) -> &mut String;

#[test]
fn any_changed_byte_of_any_column_is_caught() {
    let (desk, _) = story();
    // Short rows from the middle would do; a few from the beginning have every sort of column.
    let chain = &desk.journal[..6];
    assert!(verify(chain).is_ok());
    let mut tried = 0;
    let mut caught = |n: usize, entry: Entry, what: &str| {
        let mut changed = chain.to_vec();
        changed[n] = entry;
        let number = changed[n].number;
        match verify(&changed) {
            Err(Fault::Hash { number: at, .. } | Fault::Number { number: at, .. }) => {
                assert_eq!(at, number, "{what}");
            }
            Err(fault @ (Fault::Previous { .. } | Fault::Time { .. })) => {
                panic!("{what} of row {n}: {fault}")
            }
            Ok(_) => panic!("{what} of row {n} is not caught"),
        }
        tried += 1;
    };
    let texts: [(&str, Column); 6] = [
        ("actor", |e| &mut e.actor),
        ("cause", |e| &mut e.cause),
        ("subject", |e| &mut e.subject),
        ("body", |e| &mut e.body),
        ("previous", |e| &mut e.previous),
        ("hash", |e| &mut e.hash),
    ];
    for (n, entry) in chain.iter().enumerate() {
        for (what, column) in texts {
            let text = column(&mut entry.clone()).clone();
            for (place, old) in text.char_indices() {
                for new in ["", if old == 'a' { "b" } else { "a" }, "\n"] {
                    let mut changed = entry.clone();
                    column(&mut changed).replace_range(place..place + old.len_utf8(), new);
                    caught(n, changed, what);
                }
            }
            let mut longer = entry.clone();
            column(&mut longer).push(' ');
            caught(n, longer, what);
        }
        for by in [1, 10, 1_000_000] {
            caught(n, Entry { at: entry.at + Duration::microseconds(by), ..entry.clone() }, "time");
            caught(n, Entry { number: entry.number + 1_u64, ..entry.clone() }, "number");
        }
        caught(n, Entry { system: SystemId::new("ACMF").expect("an id"), ..entry.clone() }, "system");
    }
    assert!(tried > 5_000, "{tried}");
    // What moves from one column to the next is caught as well.
    let mut shifted = chain.to_vec();
    shifted[3].actor = format!("{}{}", chain[3].actor, &chain[3].cause[..1]);
    shifted[3].cause = chain[3].cause[1..].to_owned();
    assert!(verify(&shifted).is_err());
}

#[test]
fn a_row_that_was_removed_added_swapped_or_hashed_anew_is_caught() {
    let (desk, _) = story();
    let chain = &desk.journal;
    let system = SystemId::new("ACME").expect("an id");
    let mut removed = chain.clone();
    removed.remove(4);
    assert_eq!(verify(&removed), Err(Fault::Number { system: system.clone(), number: 6, expected: 5 }));
    let mut doubled = chain.clone();
    doubled.insert(4, chain[4].clone());
    assert_eq!(verify(&doubled), Err(Fault::Number { system: system.clone(), number: 5, expected: 6 }));
    let mut swapped = chain.clone();
    swapped.swap(4, 5);
    assert_eq!(verify(&swapped), Err(Fault::Number { system: system.clone(), number: 6, expected: 5 }));
    let mut renumbered = chain.clone();
    renumbered.remove(4);
    for (n, entry) in renumbered.iter_mut().enumerate().skip(4) {
        entry.number = n as u64 + 1;
        entry.hash = entry.digest();
    }
    assert_eq!(verify(&renumbered), Err(Fault::Previous { system: system.clone(), number: 5 }));
    let mut rewritten = chain.clone();
    rewritten[4].actor = "person:Mallory".into();
    rewritten[4].hash = rewritten[4].digest();
    assert_eq!(verify(&rewritten), Err(Fault::Previous { system, number: 6 }));
    // A cut tail leaves a good chain: only a seal tells, by the head that it names.
    let cut = verify(&chain[..chain.len() - 2]).expect("a good chain");
    assert_ne!(cut, verify(chain).expect("a good chain"));
}

/// The examples of RFC 8785, sections 3.2.2.2 and 3.2.3.
#[test]
fn canonical_json_is_that_of_the_rfc() {
    let text = r#"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"}"#;
    let value: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(canonical(&value), "{\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    let keys = json!({
        "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"
    });
    let sorted = canonical(&keys);
    let places: Vec<usize> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
        .iter()
        .map(|name| sorted.find(name).expect("the value"))
        .collect();
    assert!(places.is_sorted(), "{sorted}");
    assert_eq!(
        canonical(&json!({"b": [1, -2, null], "a": {"d": true, "c": {}}})),
        r#"{"a":{"c":{},"d":true},"b":[1,-2,null]}"#
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = || {
        prop_oneof![
            "\\PC{0,8}",
            "[\u{0}-\u{1f}\"\\\\/\u{7f}-\u{9f}\u{2028}\u{e000}-\u{ffff}\u{10000}-\u{10ffff}]{0,6}"
        ]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1 << 53).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every object's keys, in the order of the text.
fn keys_in_order(text: &str) -> Vec<Vec<String>> {
    struct Keys(Vec<Vec<String>>);
    fn walk(de: &mut serde_json::Deserializer<serde_json::de::StrRead<'_>>, keys: &mut Keys) {
        use serde::Deserializer;
        use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
        struct Walk<'a>(&'a mut Keys);
        impl<'de> DeserializeSeed<'de> for Walk<'_> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
                de.deserialize_any(self)
            }
        }
        impl<'de> Visitor<'de> for Walk<'_> {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<(), E> {
                Ok(())
            }
            fn visit_bool<E>(self, _: bool) -> Result<(), E> {
                Ok(())
            }
            fn visit_i64<E>(self, _: i64) -> Result<(), E> {
                Ok(())
            }
            fn visit_u64<E>(self, _: u64) -> Result<(), E> {
                Ok(())
            }
            fn visit_str<E>(self, _: &str) -> Result<(), E> {
                Ok(())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                while seq.next_element_seed(Walk(self.0))?.is_some() {}
                Ok(())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let mut own = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    own.push(key);
                    map.next_value_seed(Walk(self.0))?;
                }
                self.0.0.push(own);
                Ok(())
            }
        }
        Walk(keys).deserialize(de).expect("JSON");
    }
    let mut keys = Keys(Vec::new());
    walk(&mut serde_json::Deserializer::from_str(text), &mut keys);
    keys.0
}

proptest! {
    #[test]
    fn canonical_json_is_stable_sorted_and_loses_nothing(value in any_json()) {
        let text = canonical(&value);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(canonical(&read), text.clone());
        for keys in keys_in_order(&text) {
            let units: Vec<Vec<u16>> = keys.iter().map(|key| key.encode_utf16().collect()).collect();
            prop_assert!(units.is_sorted(), "{:?}", keys);
        }
        prop_assert!(!text.bytes().any(|b| b < 0x20), "a column would hold a control character");
    }
}
