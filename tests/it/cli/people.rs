//! People and API tokens.

use poam::register::Digest;
use serde_json::json;

use super::{Place, at};

#[test]
fn people_are_those_of_the_configuration() {
    let place = Place::new();
    place.ok(&["check"]);
    insta::assert_snapshot!("person_list_json", place.steady_json(&place.json(&["person", "list"])));
}

#[test]
fn a_token_is_shown_once_and_kept_as_a_digest() {
    let place = Place::new();
    let ran = place.run(&["token", "add", "reader", "--expires", "2199-12-31"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let token = ran.out.trim();
    assert_eq!(token.len(), "poam_".len() + 64, "{token}");
    assert!(ran.err.contains("it reads ACME until 2200-01-01 00:00:00Z"), "{}", ran.err);
    let all = place.json(&["token", "add", "all", "--system", "*"]);
    assert_eq!(all["systems"], json!(["*"]));
    assert_ne!(at(&all, "/token"), token, "no two are alike");
    let list = place.json(&["token", "list"]);
    assert!(!list.to_string().contains(token), "a list never shows it");
    assert!(!list.to_string().contains(Digest::of(token.as_bytes()).as_str()), "nor its digest");
    let database = std::fs::read(place.path("poam.db")).expect("the store");
    let log = std::fs::read(place.path("poam.db-wal")).unwrap_or_default();
    let holds = |needle: &str| {
        [&database, &log].iter().any(|held| held.windows(needle.len()).any(|w| w == needle.as_bytes()))
    };
    assert!(!holds(token), "the store does not hold it");
    assert!(holds(Digest::of(token.as_bytes()).as_str()), "it holds its digest");
    let twice = place.refused(1, &["token", "add", "reader"]);
    assert!(twice.contains("one of that name already"), "{twice}");
    let past = place.refused(1, &["token", "add", "old", "--expires", "2020-01-01"]);
    assert!(past.contains("would have expired already"), "{past}");
    let blank = place.refused(1, &["token", "add", " "]);
    assert!(blank.contains("its name is empty"), "{blank}");
    assert_eq!(place.ok(&["token", "revoke", "reader"]), "The token reader is revoked.\n");
    let again = place.refused(1, &["token", "revoke", "reader"]);
    assert!(again.contains("revoked already"), "{again}");
    let reused = place.refused(1, &["token", "add", "reader"]);
    assert!(reused.contains("already, revoked"), "{reused}");
    insta::assert_snapshot!("token_list", place.steady(&place.ok(&["token", "list"])));
}
