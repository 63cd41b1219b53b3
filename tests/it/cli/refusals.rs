//! What is refused: exit codes, and messages that name what and where.

use super::Place;

#[test]
fn wrong_words_in_a_call_are_named() {
    let place = Place::planned();
    for (args, says) in [
        (&["item", "list", "--as-of", "2026-02-30"][..], "February 2026 has 28 days"),
        (&["move", "list", "--since", "yesterday"], "\"yesterday\" is no day such as 2026-03-31"),
        (&["move", "list", "--since", "2026-01-01T25:00:00Z"], "is no time such as"),
        (&["move", "propose", "M-1", "2026-13-01"], "a year has 12 months"),
        (&["item", "list", "--status", "fixed"], "known are draft, open, in_progress"),
        (&["milestone", "list", "--state", "begun"], "known are planned, in_progress"),
        (&["move", "list", "--state", "late"], "known are unexplained, explained"),
        (&["drift", "list", "--kind", "late"], "known are slip-unexplained"),
        (&["item", "add", "--title", "x", "--rating", "urgent"], "low, moderate, high or critical"),
        (&["item", "add", "--title", "x", "--kind", "bug"], "vulnerability"),
        (&["item", "add", "--title", "x", "--cve", "CVE-26-1"], "is no CVE id such as"),
        (&["item", "add", "--title", "x", "--kev-due", "2026-01-01"], "--kev"),
        (&["item", "add"], "--title"),
        (&["item", "edit", "V-1"], "say what is to change of V-1"),
        (&["item", "close", "V-1", "fixed"], "known are remediated"),
        (&["item", "close", "V-1", "duplicate-of"], "duplicate-of:V-2"),
        (&["item", "show", " V-1"], "is no item number"),
        (&["milestone", "show", "17x"], "no milestone number such as M-17"),
        (&["milestone", "done", "M-1", "--evidence", "scan.txt"], "--kind"),
        (&["milestone", "done", "M-1", "--evidence", "scan.txt", "--kind", "proof"], "known are transition"),
        (&["milestone", "owner", "M-1"], "NAME"),
        (&["move", "why", "M-1", "2"], "say why after the number 2"),
        (&["move", "why", "NOPE/M-1", "x"], "no [[system]] has the id \"NOPE\""),
        (&["conflict", "resolve", "1", "--keep", "mine", "--reason", "x"], "register, tracker"),
        (&["link", "open", "--filter", "tracker=x"], "known are milestone=M-1,M-2"),
        (&["link", "open", "--filter", "owner=Nobody"], "no [[person]] has the name"),
        (&["link", "list", "--tracker", "x"], "no [[tracker]] has the id \"x\""),
        (&["sync", "--tracker", "x"], "no [[tracker]] has the id \"x\""),
        (&["tracker", "halt", "x", "--reason", "y"], "no [[tracker]] has the id \"x\""),
        (&["item", "list", "--system", "ABLE"], "no [[system]] has the id \"ABLE\"; there are ACME"),
        (&["redact", "abc", "--reason", "x"], "is no SHA-256 digest"),
        (&["audit", "verify", "--key", "abc"], "is no Ed25519 public key"),
        (&["audit", "log", "--limit", "0"], "0"),
        (&["token", "add", "x", "--expires", "never"], "is no day"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let why = place.refused(2, args);
        assert!(why.contains(says), "{args:?} should say {says:?} and says {why}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let place = Place::planned();
    for (args, says) in [
        (&["item", "show", "V-9"][..], "ACME has no item V-9"),
        (&["item", "show", "NOPE/V-1"], "no [[system]] has the id \"NOPE\""),
        (&["item", "show", "V-1", "--as-of", "2020-01-01"], "ACME has no item V-1 as of 2020-01-01"),
        (&["item", "edit", "V-9", "--plan", "x"], "there is no V-9"),
        (&["milestone", "show", "M-9"], "ACME has no milestone M-9"),
        (&["milestone", "start", "M-9"], "there is no M-9"),
        (&["milestone", "add", "--text", "Show 3 scans", "--serves", "V-9"], "there is no V-9"),
        (
            &["milestone", "add", "--text", "Show 3 scans", "--serves", "V-1", "--owner", "The team"],
            "is no person of the register",
        ),
        (
            &["milestone", "done", "M-1", "--evidence", "none.txt", "--kind", "rescan"],
            "none.txt cannot be read",
        ),
        (&["move", "why", "M-9", "the vendor is late"], "ACME has no milestone M-9"),
        (&["move", "approve", "M-1", "7", "--as", "Grace Example"], "7"),
        (&["drift", "show", "99"], "ACME has no drift 99"),
        (&["conflict", "resolve", "4", "--keep", "tracker", "--reason", "x"], "no such conflict"),
        (&["link", "show", "M-1"], "ACME/M-1 has no link"),
        (&["link", "open", "--filter", "milestone=M-9"], "ACME has no milestone M-9"),
        (&["link", "open", "--filter", "item=V-9"], "ACME has no item V-9"),
        (&["link", "adopt", "M-1", "--ticket", "SEC-1"], "no tracker has the project SEC"),
        (&["link", "adopt", "M-1", "--ticket", "17"], "no route gives it a tracker"),
        (&["token", "revoke", "reader"], "there is no such token"),
        (&["item", "add", "--title", "x", "--as", "Nobody"], "\"Nobody\" is no [[person]]"),
        (&["audit", "seal"], "set `[seal] key_file`"),
    ] {
        let why = place.refused(1, args);
        assert!(why.contains(says), "{args:?} should say {says:?} and says {why}");
    }
}

#[test]
fn roles_bind_whoever_acts_as_a_person() {
    let place = Place::planned();
    for args in [
        &["item", "add", "--title", "x"][..],
        &["milestone", "start", "M-1"],
        &["link", "open", "--filter", "all"],
        &["link", "adopt", "M-1", "--ticket", "17"],
        &["token", "add", "reader"],
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--as", "Vera Example"]).collect();
        let why = place.refused(1, &args);
        assert!(why.contains("Vera Example has none of the roles"), "{args:?}: {why}");
    }
    assert_eq!(place.json(&["item", "list"]).as_array().map(Vec::len), Some(2), "nothing was added");
    assert_eq!(place.json(&["token", "list"]), serde_json::json!([]));
}

#[test]
fn a_system_is_named_where_there_are_several() {
    let place = Place::with("[[system]]\nid = \"BETA\"\nname = \"Beta\"\nimpact = \"low\"\n");
    place.ok(&["check"]);
    let why = place.refused(2, &["item", "list"]);
    assert!(why.contains("--system ID, one of ACME, BETA"), "{why}");
    place.ok(&["item", "add", "--title", "Of Beta", "--system", "BETA"]);
    place.ok(&["item", "add", "--title", "Of Acme", "--system", "ACME"]);
    assert_eq!(place.json(&["item", "show", "BETA/V-1"])["title"], "Of Beta");
    assert_eq!(place.json(&["item", "show", "ACME/V-1"])["title"], "Of Acme");
    let why = place.refused(2, &["item", "merge", "ACME/V-1", "--into", "BETA/V-1"]);
    assert!(why.contains("is of ACME"), "{why}");
    let why =
        place.refused(2, &["milestone", "add", "--text", "Show 3 scans", "--serves", "ACME/V-1,BETA/V-1"]);
    assert!(why.contains("others are of ACME"), "{why}");
    let report = place.json(&["audit", "verify"]);
    let systems: Vec<&str> =
        report["systems"].as_array().expect("systems").iter().filter_map(|s| s["system"].as_str()).collect();
    assert_eq!(systems, ["ACME", "BETA", "_"]);
    let report = place.json(&["audit", "verify", "--system", "BETA"]);
    assert_eq!(report["systems"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_wrong_configuration_is_usage() {
    let place = Place::with("[servr]\nlisten = \"127.0.0.1:1\"\n");
    let why = place.refused(2, &["item", "list"]);
    assert!(why.contains("servr"), "{why}");
    let why = place.refused(2, &["item", "list", "--config", "absent.toml"]);
    assert!(why.contains("absent.toml"), "{why}");
}
