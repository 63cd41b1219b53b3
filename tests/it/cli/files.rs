//! Workbooks and plan files: odd rows and wrong entries are named, and what can be taken is.

use poam::exchange::fedramp_xlsx::{
    ChangeKind, MilestoneChange, PlannedMilestone, Row, SheetKind, SystemHeader, TemplateVersion,
    write_minimal,
};
use serde_json::json;

use super::{Place, at};

/// A workbook of the system that the tests have, with these rows.
fn workbook(place: &Place, name: &str, rows: &[Row]) -> String {
    let header = SystemHeader { system_name: "ACME Portal".to_owned(), ..SystemHeader::default() };
    let bytes = write_minimal(TemplateVersion::V2_1, &header, rows).expect("a workbook");
    place.file(name, &bytes)
}

/// A row with one milestone, due on 1 May.
fn row(id: &str) -> Row {
    Row {
        weakness_name: format!("Weakness {id}"),
        milestones: vec![PlannedMilestone {
            number: 1,
            due: "2026-05-01".parse().ok(),
            text: "Upgrade hosts".to_owned(),
        }],
        ..Row::blank(SheetKind::Open, 0, id)
    }
}

fn change(kind: ChangeKind, date: &str, text: &str) -> MilestoneChange {
    MilestoneChange { number: 1, kind, date: date.parse().ok(), text: text.to_owned() }
}

#[test]
fn a_row_whose_entries_contradict_each_other_is_taken_with_the_rest() {
    let place = Place::new();
    let mut odd = row("V-2");
    odd.milestone_changes = vec![
        change(ChangeKind::Update, "2026-06-01", "later"),
        change(ChangeKind::New, "2026-08-01", "again"),
    ];
    let mut doubled = row("V-3");
    doubled.milestones.push(PlannedMilestone {
        number: 1,
        due: "2026-07-01".parse().ok(),
        text: "Upgrade hosts once more".to_owned(),
    });
    doubled.milestone_changes = vec![change(ChangeKind::Update, "2026-09-01", "later still")];
    let file = workbook(&place, "odd.xlsx", &[row("V-1"), odd, doubled]);
    let report = place.json(&["import", &file]);
    assert_eq!((&report["created"], &report["refused"]), (&json!(3), &json!([])), "{report}");
    let again = place.json(&["import", &file]);
    assert_eq!(again["unchanged"], json!(3), "it was finished: {again}");
    assert_eq!(at(&place.json(&["milestone", "show", "M-2"]), "/due"), "2026-06-01");
    place.ok(&["audit", "verify"]);
}

#[test]
fn a_row_with_the_number_of_an_item_made_here_is_refused_unless_it_may_join() {
    let place = Place::planned();
    let file = workbook(&place, "theirs.xlsx", &[row("V-1"), row("V-7")]);
    let ran = place.run(&["import", &file, "--dry-run"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("add V-7") && !ran.out.contains("V-1 "), "{}", ran.out);
    let ran = place.run(&["import", &file, "--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((at(&report, "/refused/0/column"), &report["created"]), ("POAM ID", &json!(1)), "{report}");
    assert!(at(&report, "/refused/0/reason").contains("V-1 was made here"), "{report}");
    assert_eq!(at(&place.json(&["item", "show", "V-1"]), "/title"), "TLS 1.0 is offered");
    let report = place.json(&["import", &file, "--join"]);
    assert_eq!((&report["changed"], &report["unchanged"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(at(&place.json(&["item", "show", "V-1"]), "/title"), "TLS 1.0 is offered", "ours stays");
}

#[test]
fn every_mistake_of_a_plan_file_is_named_with_its_place() {
    let place = Place::planned();
    let plan = "[[item]]\ntitle = 7\n\n[[item]]\nnumber = \"V-1\"\ntitle = \"Once more\"\n\n\
                [[milestone]]\ntext = \"Show 3 scans\"\nserves = [\"V-1\"]\ndue = 2026-02-30\n\n\
                [[milestone]]\ntext = \"Show 4 scans\"\nserves = \"V-1\"\n";
    // 30 February is no TOML date at all, so the parser stops there and says where.
    let file = place.file("plan.toml", plan.as_bytes());
    let why = place.refused(1, &["plan", "apply", &file]);
    assert!(why.contains("line 11"), "{why}");
    let file = place.file("plan.toml", plan.replace("2026-02-30", "\"2026-02-30\"").as_bytes());
    let why = place.refused(1, &["plan", "apply", &file]);
    for says in [
        "item 1, line 1: ",
        "milestone 1 (\"Show 3 scans\"): \"2026-02-30\" is no date",
        "milestone 2 (\"Show 4 scans\"), line 13: ",
    ] {
        assert!(why.contains(says), "{says:?} in {why}");
    }
    // What the register refuses is all gathered too, and a dry run says the same.
    let plan = "[[item]]\nnumber = \"V-1\"\ntitle = \"Once more\"\n\n\
                [[item]]\ntitle = \"New\"\ndetected = 0001-01-01\n\n\
                [[milestone]]\ntext = \"Improve logging\"\nserves = [\"V-9\"]\nowner = \"The team\"\n\n\
                [[milestone]]\nnumber = \"M-9\"\nserves = [\"V-1\"]\n";
    let file = place.file("plan.toml", plan.as_bytes());
    let real = place.refused(1, &["plan", "apply", &file]);
    assert_eq!(real, place.refused(1, &["plan", "apply", &file, "--dry-run"]));
    for says in [
        "item V-1: add an item: there is a V-1 already",
        "item 2 (\"New\"): ",
        "detection date 0001-01-01 is before 1990",
        "milestone 1 (\"Improve logging\"): add a milestone: ",
        "there is no V-9; \"The team\" is no person",
        "milestone 2: ",
        "there is no M-9",
    ] {
        assert!(real.contains(says), "{says:?} in {real}");
    }
    assert_eq!(place.json(&["item", "list"]).as_array().map(Vec::len), Some(2), "nothing was added");
    let csv = place.file("plan.csv", b"text,serves,due,due,rank\nShow 3 scans,V-1,2026-05-01,2026-06-01,2\n");
    let why = place.refused(1, &["plan", "apply", &csv]);
    assert!(why.contains("unknown column \"rank\"") && why.contains("2 columns are called \"due\""), "{why}");
}

#[test]
fn a_plan_file_is_applied_once_unless_it_is_asked_for_again() {
    let place = Place::planned();
    let plan = b"[[milestone]]\ntext = \"Show 3 scans\"\nserves = [\"V-2\"]\ndepends_on = [\"M-1\", 1]\n";
    let file = place.file("plan.toml", plan);
    place.ok(&["plan", "apply", &file, "--dry-run"]);
    assert!(place.ok(&["plan", "apply", &file]).starts_with("1 entry of "));
    for args in [&["plan", "apply", &file][..], &["plan", "apply", &file, "--dry-run"]] {
        let why = place.refused(1, args);
        assert!(why.contains("applied already; --again"), "{why}");
    }
    assert_eq!(place.json(&["milestone", "list"]).as_array().map(Vec::len), Some(2));
    place.ok(&["plan", "apply", &file, "--again"]);
    assert_eq!(place.json(&["milestone", "list"]).as_array().map(Vec::len), Some(3));
}

#[test]
fn what_is_typed_has_bounds() {
    let place = Place::planned();
    let long = "x".repeat(501);
    for (args, says) in [
        (&["item", "add", "--title", &long][..], "title has 501 characters, and at most 500 are taken"),
        (&["item", "add", "--title", "a\u{1b}[2Jb"], "title has the control character U+001B"),
        (&["item", "edit", "V-2", "--plan", "a\u{7}"], "plan has the control character U+0007"),
        (&["item", "add", "--title", "x", "--detected", "0001-01-01"], "0001-01-01 is before 1990"),
        (&["milestone", "due", "M-1", "2201-01-01"], "2201-01-01 is before 1990 or after 2200"),
        (&["move", "propose", "M-1", "1026-05-01"], "1026-05-01 is before 1990"),
    ] {
        let why = place.refused(1, args);
        assert!(why.contains(says), "{args:?} should say {says:?} and says {why}");
    }
}

#[test]
fn a_workbook_of_another_system_is_told() {
    let place = Place::new();
    let header = SystemHeader { system_name: "Other Portal".to_owned(), ..SystemHeader::default() };
    let bytes = write_minimal(TemplateVersion::V2_1, &header, &[row("V-1")]).expect("a workbook");
    let report = place.json(&["import", &place.file("other.xlsx", &bytes), "--dry-run"]);
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(1), "{report}");
    assert!(at(&report, "/warnings/0/text").contains("about \"Other Portal\""), "{report}");
    let ours = workbook(&place, "ours.xlsx", &[row("V-1")]);
    assert_eq!(place.json(&["import", &ours, "--dry-run"])["warnings"], json!([]));
}
