//! What is written reads back the same.

use proptest::prelude::*;

use super::*;

/// A row in which every field says something.
fn full(sheet: SheetKind, id: &str) -> Row {
    let mut row = Row::blank(sheet, 0, id);
    row.controls = vec!["RA-5".into(), "AC-2 (4)".into()];
    row.weakness_name = "Outdated <library> & co".into();
    row.description = "=HYPERLINK(\"http://evil.example\")\nsecond line".into();
    row.detector_source = "Nessus\nTrivy".into();
    row.source_identifier = "N/A".into();
    row.assets = vec!["10.0.0.1 (80/TCP)".into(), "web-1".into()];
    row.point_of_contact = "Alice Adams".into();
    row.resources = "40 hours".into();
    row.remediation_plan = "Upgrade, then scan again.\n1) staging\n2) production".into();
    row.original_detection = day(2026, 1, 2);
    row.scheduled_completion = day(2026, 4, 2);
    row.milestones = vec![
        PlannedMilestone { number: 1, due: day(2026, 2, 1), text: "Staging\nupgraded".into() },
        PlannedMilestone { number: 2, due: None, text: "Production upgraded".into() },
    ];
    row.milestone_changes = vec![MilestoneChange {
        number: 1,
        kind: ChangeKind::Update,
        date: day(2026, 2, 15),
        text: "the vendor was late".into(),
    }];
    row.unparsed_milestones = "see the ticket".into();
    row.unparsed_changes = "and the mail of May".into();
    row.status_date = day(2026, 3, 1);
    row.vendor_dependency = Some(true);
    row.vendor_checkin = day(2026, 2, 20);
    row.vendor_product = "Example Server".into();
    row.original_rating = Some(Rating::High);
    row.adjusted_rating = Some(Rating::Moderate);
    row.risk_adjustment = Some(Decision::Yes);
    row.false_positive = Some(Decision::No);
    row.operational_requirement = Some(Decision::Pending);
    row.deviation_rationale = "Risk Adjustment : not reachable".into();
    row.supporting_documents = "Deviation Request : DR-7.docx".into();
    row.comments = "+1 from the board, _x0041_ and _x000D_".into();
    row.auto_approve = Some(false);
    row.kev = Some(true);
    row.kev_due = day(2026, 2, 11);
    row.cves = vec!["CVE-2026-27456".into(), "CVE-2024-7883".into()];
    row.service_name = "Mail\nFiles".into();
    row.raw.insert("Ticket".into(), "OPS-12".into());
    row.raw.insert("column Z9".into(), "@sum".into());
    row
}

#[test]
fn every_field_survives_either_layout() {
    let header = SystemHeader {
        csp: "Example Cloud".into(),
        system_name: "Example Offering".into(),
        impact: "Moderate".into(),
        date: day(2026, 5, 31),
    };
    let mut blank = Row::blank(SheetKind::Open, 0, "V-2");
    blank.raw.insert("Original Detection Date".into(), "2026-02-30".into());
    let rows = [
        full(SheetKind::Open, "V-1"),
        blank,
        full(SheetKind::Closed, "V-3"),
        full(SheetKind::Configuration, "V-4"),
        full(SheetKind::DocumentationPl2, "D-1"),
    ];
    for version in [TemplateVersion::V2_1, TemplateVersion::V3_0] {
        let bytes = write_minimal(version, &header, &rows).expect("writes");
        let book = read(&bytes, &Limits::default()).expect("reads");
        assert_eq!(book.version, version);
        assert_eq!(book.header, header);
        assert_eq!((book.refused.as_slice(), book.read), ([].as_slice(), 5));
        let placed: Vec<u32> = book.rows.iter().map(|row| row.row).collect();
        let templates = match version {
            TemplateVersion::V2_1 => [9, 10, 6, 6, 5],
            TemplateVersion::V3_0 => [9, 10, 3, 3, 5],
        };
        assert_eq!(placed, templates, "the templates' first rows of data");
        for (read, written) in book.rows.iter().zip(&rows) {
            let read = Row { row: 0, ..read.clone() };
            assert_eq!(&read, written, "{version}");
        }
    }
}

#[test]
fn no_text_is_ever_written_as_a_formula() {
    let mut row = Row::blank(SheetKind::Open, 9, "=1+1");
    row.weakness_name = "=cmd|' /C calc'!A0".into();
    row.comments = "@SUM(A1)".into();
    let bytes = write_minimal(TemplateVersion::V3_0, &SystemHeader::default(), &[row]).expect("writes");
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).expect("a zip");
    let mut quoted = false;
    for index in 0..archive.len() {
        let part = archive.by_index(index).expect("a part");
        let text = std::io::read_to_string(part).expect("a text");
        assert!(!text.contains("<f>") && !text.contains("<f "), "a formula");
        quoted |= text.contains("quotePrefix=\"1\"");
    }
    assert!(quoted, "a text that begins like a formula stays one when the cell is edited");
    let book = read(&bytes, &Limits::default()).expect("reads");
    assert_eq!((book.rows[0].poam_id.as_str(), book.rows[0].comments.as_str()), ("=1+1", "@SUM(A1)"));
}

#[test]
fn a_text_too_long_for_a_cell_is_not_cut_but_refused() {
    let mut row = Row::blank(SheetKind::Open, 9, "V-1");
    row.description = "é".repeat(32_768);
    let error = write_minimal(TemplateVersion::V2_1, &SystemHeader::default(), &[row]).expect_err("too long");
    assert_eq!(
        error.to_string(),
        "V-1: Weakness Description is 32768 characters long, a cell holds at most 32767"
    );
}

fn texts() -> impl Strategy<Value = String> {
    // No control characters and no surrounding blanks: those are taken off, and said.
    "[a-zA-Z0-9=+@é\"'&<>_#:;,./() -]{0,30}(\n[a-z0-9 =(]{0,10}[a-z])?"
        .prop_map(|text| text.trim().to_owned())
}

fn some_day() -> impl Strategy<Value = Option<NaiveDate>> {
    prop::option::of(
        (1990_i32..2200, 1_u32..366).prop_filter_map("a day", |(y, d)| NaiveDate::from_yo_opt(y, d)),
    )
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let kind = prop_oneof![
        Just(SheetKind::Open),
        Just(SheetKind::Closed),
        Just(SheetKind::Configuration),
        Just(SheetKind::DocumentationPl2)
    ];
    let decision =
        || prop::option::of(prop_oneof![Just(Decision::Yes), Just(Decision::No), Just(Decision::Pending)]);
    let one = (
        (kind, texts(), texts(), texts(), texts()),
        (some_day(), some_day(), some_day(), decision(), any::<Option<bool>>()),
        prop::collection::vec((1_u32..99, some_day(), "[a-zA-Z0-9 ,.]{1,20}"), 0..3),
    );
    prop::collection::vec(one, 0..6).prop_map(|drawn| {
        let mut rows = Vec::new();
        for (number, (words, facts, milestones)) in drawn.into_iter().enumerate() {
            let mut row = Row::blank(words.0, 0, format!("V-{number}"));
            (row.weakness_name, row.description, row.comments, row.service_name) =
                (words.1, words.2, words.3, words.4);
            (row.original_detection, row.scheduled_completion, row.kev_due) = (facts.0, facts.1, facts.2);
            (row.risk_adjustment, row.vendor_dependency) = (facts.3, facts.4);
            for (number, due, text) in milestones {
                if row.milestones.iter().all(|m| m.number != number) {
                    row.milestones.push(PlannedMilestone { number, due, text: text.trim().to_owned() });
                }
            }
            rows.push(row);
        }
        rows.sort_by_key(|row| row.sheet);
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_reads_back_the_same(rows in rows(), older in any::<bool>()) {
        let version = if older { TemplateVersion::V2_1 } else { TemplateVersion::V3_0 };
        let bytes = write_minimal(version, &SystemHeader::default(), &rows).expect("writes");
        let book = read(&bytes, &Limits::default()).expect("reads");
        let read: Vec<Row> = book.rows.iter().map(|row| Row { row: 0, ..row.clone() }).collect();
        prop_assert_eq!(read, rows);
        prop_assert_eq!(book.refused, []);
        prop_assert_eq!(book.warnings, []);
        prop_assert_eq!(book.version, version);
    }
}
