//! Lists and single things, for people and for programs.

use serde_json::{Value, json};

use super::{Place, at};

#[test]
fn a_person_reads_tables() {
    let place = Place::planned();
    place.ok(&["move", "propose", "M-1", "2199-06-01", "--why", "the vendor ships late"]);
    let tables: Vec<String> = [
        &["item", "list"][..],
        &["milestone", "list"],
        &["move", "list"],
        &["drift", "list"],
        &["drift", "list", "--all"],
        &["drift", "show", "1"],
        &["conflict", "list"],
        &["notice", "list"],
        &["link", "list"],
        &["tracker", "list"],
        &["person", "list"],
        &["token", "list"],
    ]
    .iter()
    .map(|args| format!("$ poam {}\n{}", args.join(" "), place.steady(&place.ok(args))))
    .collect();
    insta::assert_snapshot!("tables", tables.join("\n"));
}

#[test]
fn a_person_reads_an_item_with_its_whole_chain() {
    let place = Place::planned();
    let proof = place.file("scan.txt", b"104743 was not found");
    place.ok(&["move", "propose", "M-1", "2199-06-01", "--why", "the vendor ships late"]);
    place.ok(&["move", "approve", "M-1", "--as", "Grace Example"]);
    place.ok(&["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"]);
    let item = place.steady(&place.ok(&["item", "show", "V-1"]));
    insta::assert_snapshot!("item_show", item);
    let milestone = place.steady(&place.ok(&["milestone", "show", "ACME/M-1"]));
    insta::assert_snapshot!("milestone_show", milestone);
    let draft = place.steady(&place.ok(&["item", "show", "V-2"]));
    assert!(draft.contains("to open it needs: description, controls, detector"), "{draft}");
}

#[test]
fn a_program_reads_every_list_as_one_array() {
    let place = Place::planned();
    place.ok(&["move", "propose", "M-1", "2199-06-01"]);
    let items = place.json(&["item", "list", "--system", "ACME"]);
    insta::assert_snapshot!("item_list_json", place.steady_json(&items));
    let milestones = place.json(&["milestone", "list"]);
    insta::assert_snapshot!("milestone_list_json", place.steady_json(&milestones));
    for list in ["move", "drift", "conflict", "notice", "link", "tracker", "person", "token"] {
        assert!(place.json(&[list, "list"]).is_array(), "{list} list is an array");
    }
    let moves = place.json(&["move", "list"]);
    assert_eq!(moves[0]["milestone"], json!("M-1"));
    assert_eq!(moves[0]["to"], json!("2199-06-01"));
    assert_eq!(moves[0]["state"], json!("unexplained"));
}

/// The numbers of what a list gives.
fn numbers(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one["number"].as_str().expect("a number")).collect()
}

#[test]
fn lists_are_narrowed() {
    let place = Place::planned();
    let items = |more: &[&str]| {
        let args: Vec<&str> = ["item", "list"].iter().chain(more).copied().collect();
        let list = place.json(&args);
        numbers(&list).join(" ")
    };
    assert_eq!(items(&[]), "V-1 V-2");
    assert_eq!(items(&["--status", "draft"]), "V-2");
    assert_eq!(items(&["--status", "draft", "--status", "open"]), "V-1 V-2");
    assert_eq!(items(&["--owner", "Ada Example"]), "V-1");
    assert_eq!(items(&["--text", "AUDIT"]), "V-2");
    assert_eq!(items(&["--text", "v-1"]), "V-1");
    let milestones = |more: &[&str]| {
        let args: Vec<&str> = ["milestone", "list"].iter().chain(more).copied().collect();
        numbers(&place.json(&args)).join(" ")
    };
    assert_eq!(milestones(&["--state", "planned"]), "M-1");
    assert_eq!(milestones(&["--state", "done"]), "");
    assert_eq!(milestones(&["--item", "ACME/V-1"]), "M-1");
    assert_eq!(milestones(&["--item", "V-2"]), "");
    assert_eq!(milestones(&["--due-by", "2199-03-01"]), "M-1");
    assert_eq!(milestones(&["--due-by", "2199-02-28"]), "");
    place.ok(&["move", "propose", "M-1", "2199-06-01"]);
    let moves = |more: &[&str]| {
        let args: Vec<&str> = ["move", "list"].iter().chain(more).copied().collect();
        place.json(&args).as_array().map(Vec::len)
    };
    assert_eq!(moves(&["--state", "unexplained"]), Some(1));
    assert_eq!(moves(&["--state", "approved"]), Some(0));
    assert_eq!(moves(&["--since", "2020-01-01"]), Some(1));
    assert_eq!(moves(&["--since", "2199-01-01"]), Some(0));
    let drifts = place.json(&["drift", "list", "--kind", "past-deadline"]);
    assert_eq!(drifts.as_array().map(Vec::len), Some(1), "{drifts}");
    assert_eq!(place.json(&["drift", "list", "--kind", "stale"]), json!([]));
}

#[test]
fn an_earlier_moment_is_read_from_the_history() {
    let place = Place::planned();
    let before = place.json(&["item", "show", "V-1"]);
    let log = place.json(&["audit", "log", "--item", "V-1"]);
    let added = at(&log, "/0/at").to_owned();
    place.ok(&["item", "edit", "V-1", "--owner", "Grace Example"]);
    let then = place.json(&["item", "show", "V-1", "--as-of", &added]);
    assert_eq!(then["owner"], json!("Ada Example"));
    assert_eq!(then["status"], json!("draft"), "it had no milestone yet");
    assert_eq!(then["milestones"], json!([]));
    assert_eq!(then["detected"], before["detected"]);
    let list = place.json(&["item", "list", "--as-of", &added]);
    assert_eq!(numbers(&list), ["V-1"], "V-2 came later");
    assert_eq!(place.json(&["item", "list", "--as-of", &added, "--status", "open"]), json!([]));
    assert_eq!(place.json(&["milestone", "list", "--as-of", &added]), json!([]));
    for list in ["move", "drift"] {
        assert_eq!(place.json(&[list, "list", "--as-of", "2020-01-01"]), json!([]), "{list}");
        let then = place.json(&[list, "list", "--as-of", "2199-12-31"]);
        assert_eq!(then, place.json(&[list, "list"]), "{list}: as it is now");
    }
    let now = place.json(&["item", "list", "--as-of", "2199-12-31"]);
    assert_eq!(now, place.json(&["item", "list"]), "what is not later than today is today's");
    assert_eq!(
        place.json(&["milestone", "list", "--as-of", "2199-12-31"]),
        place.json(&["milestone", "list"])
    );
    let shown = place.json(&["milestone", "show", "M-1", "--as-of", "2199-12-31"]);
    assert_eq!(shown["text"], place.json(&["milestone", "show", "M-1"])["text"]);
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_error() {
    let place = Place::planned();
    let piped = format!("'{}' audit log --json | head -c 1 | wc -c; exit ${{PIPESTATUS[0]}}", super::POAM);
    let done = std::process::Command::new("bash")
        .args(["-c", &piped])
        .current_dir(place.path(""))
        .output()
        .expect("a shell");
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "1");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    assert_eq!(done.status.code(), Some(0));
}

#[test]
fn what_would_steer_a_terminal_does_not_reach_it() {
    let place = Place::new();
    // Control characters are refused when they are typed; what turns the direction of text is kept.
    place.ok(&["item", "add", "--title", "red \u{202e}turned", "--comments", "a\u{2066}b"]);
    for args in [&["item", "list"][..], &["item", "show", "V-1"]] {
        let shown = place.ok(args);
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{2066}']), "{shown:?}");
        assert!(shown.contains("red \u{fffd}turned"), "{shown}");
    }
    let kept = place.json(&["item", "show", "V-1"]);
    assert_eq!(at(&kept, "/title"), "red \u{202e}turned", "what is kept is as it was given");
}
