//! The reader against FedRAMP's own templates and a workbook that somebody filed.

#![expect(clippy::expect_used, reason = "a test may stop")]

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::NaiveDate;
use poam::exchange::fedramp_xlsx::{
    Decision, Limits, Rating, SheetKind, TemplateVersion, Workbook, read, write_minimal,
};

use crate::shared_data;

fn read_file(name: &str) -> Option<Workbook> {
    let bytes = shared_data::bytes(&format!("formats/fedramp/{name}"))?;
    let started = Instant::now();
    let book = read(&bytes, &Limits::default()).expect("reads");
    eprintln!("{name}: {} rows in {:?}", book.rows.len(), started.elapsed());
    Some(book)
}

fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

#[test]
fn the_empty_templates_hold_no_items_and_nothing_to_warn_of() {
    for (name, version) in [
        ("FedRAMP-POAM-Template-v2.1.xlsx", TemplateVersion::V2_1),
        ("FedRAMP-POAM-Template-v3.0.xlsx", TemplateVersion::V3_0),
    ] {
        let Some(book) = read_file(name) else { continue };
        assert_eq!(book.version, version, "{name}");
        assert_eq!((book.rows.len(), book.read), (0, 0), "{name}");
        assert_eq!(book.warnings, [], "{name}");
        assert_eq!(book.refused, [], "{name}");
        assert_eq!((book.header.csp.as_str(), book.header.date), ("", None), "{name}");
    }
}

#[test]
fn the_filed_workbook_gives_all_its_items() {
    let Some(book) = read_file("homelab-POAM-2026-05.filled-v3.0.xlsx") else { return };
    assert_eq!(book.version, TemplateVersion::V3_0);
    assert_eq!((book.rows.len(), book.read), (3_760, 3_760));
    assert_eq!(book.refused, []);
    assert!(book.rows.iter().all(|row| row.sheet == SheetKind::Open));

    let mut ratings = BTreeMap::new();
    let mut due = BTreeMap::new();
    for row in &book.rows {
        *ratings.entry(row.original_rating.map_or("", Rating::word)).or_insert(0) += 1;
        *due.entry(row.scheduled_completion).or_insert(0) += 1;
    }
    // One Low item more than a count from the template's row 9 on gives: the one in row 8.
    assert_eq!(
        ratings,
        BTreeMap::from([("Critical", 56), ("High", 940), ("Low", 1_086), ("Moderate", 1_678)])
    );
    assert_eq!(
        due,
        BTreeMap::from([
            (day(2026, 5, 19), 56),
            (day(2026, 6, 3), 940),
            (day(2026, 8, 2), 1_678),
            (day(2026, 10, 31), 1_086),
        ])
    );
    assert!(book.rows.iter().all(|row| row.original_detection == day(2026, 5, 4)
        && row.controls == ["RA-5", "SI-2"]
        && row.vendor_dependency == Some(false)
        && row.false_positive == Some(Decision::No)
        && row.raw.is_empty()
        && row.milestones.is_empty()));
    assert_eq!(book.rows.last().map(|row| row.poam_id.as_str()), Some("MSS-55978"));
}

#[test]
fn the_row_that_overwrote_the_templates_is_an_item_with_blanks_and_one_warning() {
    let Some(book) = read_file("homelab-POAM-2026-05.filled-v3.0.xlsx") else { return };
    let row = &book.rows[0];
    assert_eq!((row.row, row.poam_id.as_str()), (8, "MSS-51855"));
    assert_eq!(row.weakness_name, "CVE-2024-7883 in Libclang1-18");
    assert!(row.assets.is_empty() && row.remediation_plan.is_empty() && row.resources.is_empty());
    assert!(row.comments.is_empty() && row.status_date.is_none() && row.cves.is_empty());
    let warnings: Vec<String> = book.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "Open POA&M Items, row 8: the row overwrites a template row; 14 cells reading \"Mandatory\" or \"Situational\" are taken as blank"
        ]
    );
}

#[test]
fn the_filed_workbook_written_in_either_layout_reads_back_the_same() {
    let Some(book) = read_file("homelab-POAM-2026-05.filled-v3.0.xlsx") else { return };
    for version in [TemplateVersion::V2_1, TemplateVersion::V3_0] {
        let bytes = write_minimal(version, &book.header, &book.rows).expect("writes");
        let again = read(&bytes, &Limits::default()).expect("reads");
        assert_eq!(again.version, version);
        assert_eq!((again.warnings.as_slice(), again.refused.as_slice()), ([].as_slice(), [].as_slice()));
        assert_eq!(again.rows.len(), book.rows.len());
        for (mut read, written) in again.rows.into_iter().zip(&book.rows) {
            read.row = written.row;
            assert_eq!(&read, written);
        }
    }
}
