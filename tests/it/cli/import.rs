//! `import` and `rules apply`: who may, what a workbook lacks, and what it has again.

use poam::exchange::fedramp_xlsx::{SystemHeader, TemplateVersion, read, write_minimal};
use serde_json::{Value, json};

use super::{Place, at};

/// The demo's workbook without some of its items.
fn workbook(place: &Place, name: &str, without: &[&str]) -> String {
    let day = "2026-03-02".parse().expect("a date");
    let whole = poam::app::demo::data::workbook(day).expect("a workbook");
    let book = read(&whole, &poam::exchange::fedramp_xlsx::Limits::default()).expect("it reads");
    let rows: Vec<_> = book.rows.into_iter().filter(|row| !without.contains(&row.poam_id.as_str())).collect();
    let bytes = write_minimal(TemplateVersion::V3_0, &SystemHeader::default(), &rows).expect("it writes");
    place.file(name, &bytes)
}

fn absent(place: &Place) -> Vec<String> {
    let drifts = place.json(&["drift", "list", "--kind", "absent-from-import"]);
    let drifts = drifts.as_array().expect("a list").iter();
    drifts.map(|drift| at(drift, "/subject").to_owned()).collect()
}

#[test]
fn item_that_a_file_has_again_is_missed_no_longer() {
    let place = Place::new();
    let whole = workbook(&place, "whole.xlsx", &[]);
    let less = workbook(&place, "less.xlsx", &["V-2", "V-3"]);
    place.ok(&["import", &whole]);
    place.ok(&["import", &less]);
    assert_eq!(absent(&place), ["V-2", "V-3"]);
    // A decision of GRC ends it.
    place.ok(&["item", "close", "V-3", "not-in-boundary", "--reason", "it left the boundary"]);
    assert_eq!(absent(&place), ["V-2"]);
    // The very same file once more, of which every row is known.
    let again = place.json(&["import", &whole]);
    assert_eq!((&again["created"], &again["changed"]), (&json!(0), &json!(0)), "{again}");
    assert_eq!(absent(&place), Vec::<String>::new());
    place.ok(&["audit", "verify"]);
}

#[test]
fn only_who_plans_imports() {
    let place = Place::new();
    let whole = workbook(&place, "whole.xlsx", &[]);
    let why = place.refused(1, &["import", &whole, "--as", "Vera Example"]);
    assert!(
        why.contains("Vera Example has none of the roles grc, isso, owner, system_owner, admin"),
        "{why}"
    );
    assert_eq!(place.json(&["item", "list"]), json!([]), "nothing is taken");
    place.ok(&["import", &whole, "--dry-run", "--as", "Vera Example"]);
    place.ok(&["import", &whole, "--as", "Ada Example"]);
}

#[test]
fn only_who_keeps_the_register_puts_rules_in_force() {
    let place = Place::with("[rules]\ndir = \"rules\"\n");
    std::fs::create_dir(place.path("rules")).expect("a folder");
    let text = include_str!("../../../config/rules/legacy-rev5.toml");
    place.ok(&["item", "list"]);
    place.file("rules/legacy-rev5.toml", format!("{text}\n# ours\n").as_bytes());
    let why = place.refused(1, &["rules", "apply", "--yes", "--as", "Ada Example"]);
    assert!(why.contains("Ada Example has none of the roles grc, isso, admin"), "{why}");
    let applied = |log: &Value| -> Vec<String> {
        let rows = log.as_array().expect("a log").iter();
        rows.filter(|row| row["cause"] == "rules apply").map(|row| at(row, "/actor").to_owned()).collect()
    };
    assert_eq!(applied(&place.json(&["audit", "log"])), Vec::<String>::new());
    place.ok(&["rules", "apply", "--as", "Ada Example"]);
    place.ok(&["rules", "apply", "--yes", "--as", "Grace Example"]);
    assert_eq!(applied(&place.json(&["audit", "log"])), ["person:Grace Example"]);
}
