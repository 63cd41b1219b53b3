#![expect(clippy::expect_used, reason = "a test may stop")]

use std::io::Write;

use chrono::NaiveDate;
use proptest::prelude::*;
use rust_xlsxwriter::{Formula, Workbook as Writer};
use zip::write::SimpleFileOptions;

use super::*;

const OPEN: &str = "Open POA&M Items";
const CLOSED: &str = "Closed POA&M Items";

fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

/// A workbook of texts: sheets, rows from the top, cells from the left. A text that begins with `=` is a formula without a value.
fn book(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    let mut writer = Writer::new();
    for (name, rows) in sheets {
        let sheet = writer.add_worksheet().set_name(*name).expect("a name");
        for (row, cells) in (0..).zip(*rows) {
            for (column, text) in (0..).zip(*cells) {
                if text.starts_with('=') {
                    sheet.write_formula(row, column, Formula::new(*text).set_result("")).expect("a formula");
                } else if !text.is_empty() {
                    sheet.write_string(row, column, *text).expect("a text");
                }
            }
        }
    }
    writer.save_to_buffer().expect("saves")
}

fn read_book(sheets: &[(&str, &[&[&str]])]) -> Workbook {
    read(&book(sheets), &Limits::default()).expect("reads")
}

/// Opens with a sheet of these rows; the sheet of closed items is there and empty.
fn read_open(rows: &[&[&str]]) -> Workbook {
    read_book(&[(OPEN, rows), (CLOSED, &[])])
}

fn said(book: &Workbook) -> Vec<String> {
    book.warnings
        .iter()
        .map(ToString::to_string)
        .chain(book.refused.iter().map(ToString::to_string))
        .collect()
}

const HEAD: [&str; 8] = [
    "POAM ID",
    "Controls",
    "Weakness Name",
    "Original Detection Date",
    "Scheduled Completion Date",
    "Original Risk Rating",
    "Adjusted Risk Rating",
    "Risk Adjustment",
];

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
        let first_open = book.rows.first().map(|row| row.row);
        assert_eq!(first_open, Some(9), "the template's first row of data");
        for (read, written) in book.rows.iter().zip(&rows) {
            let read = Row { row: 0, ..read.clone() };
            assert_eq!(&read, written, "{version}");
        }
    }
}

#[test]
fn headers_are_found_by_their_text_wherever_they_stand() {
    let book = read_open(&[
        &["Some title"],
        &[],
        &[],
        &[
            "",
            "",
            "Weakness  name",
            "poa&m id",
            "My notes",
            "CONTROLS",
            "Overall Remediation Plan",
            "My notes",
        ],
        &["", "", "Old library", "V-7", "call Bob", "RA-5", "Upgrade.", "twice"],
    ]);
    assert_eq!(said(&book), [""; 0]);
    assert_eq!(book.rows.len(), 1);
    let row = &book.rows[0];
    assert_eq!((row.poam_id.as_str(), row.row), ("V-7", 5));
    assert_eq!((row.weakness_name.as_str(), row.remediation_plan.as_str()), ("Old library", "Upgrade."));
    assert_eq!(row.controls, ["RA-5"]);
    let raw: Vec<(&str, &str)> = row.raw.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(raw, [("My notes", "call Bob"), ("My notes (H)", "twice")]);
}

#[test]
fn a_cell_below_no_header_and_a_doubled_column_are_kept() {
    let book = read_open(&[
        &["POAM ID", "Controls", "Weakness Name", "Comments", "Comments", ""],
        &["V-1", "RA-5", "a", "first", "second", "stray"],
    ]);
    assert_eq!(
        said(&book),
        [
            "Open POA&M Items, row 1, Comments: two columns have this meaning; the first counts, the other is kept as an extra column"
        ]
    );
    assert_eq!(book.rows[0].comments, "first");
    assert_eq!(book.rows[0].raw.get("Comments (E)").map(String::as_str), Some("second"));
    assert_eq!(book.rows[0].raw.get("column F").map(String::as_str), Some("stray"));
}

#[test]
fn a_row_is_refused_only_without_an_id_or_with_anothers() {
    let head: &[&str] = &HEAD;
    let book = read_book(&[
        (OPEN, &[head, &["V-1", "RA-5", "a"], &["", "SI-2", "b"], &["V-1", "", "c"], &["V-2", "", "d"]]),
        (CLOSED, &[head, &["V-2", "", "e"], &["V-3", "", "f"]]),
    ]);
    let taken: Vec<&str> = book.rows.iter().map(|row| row.weakness_name.as_str()).collect();
    assert_eq!(taken, ["a", "d", "f"]);
    assert_eq!(book.read, 6);
    assert_eq!(
        said(&book),
        [
            "Open POA&M Items, row 3, POAM ID: a row without an id; Controls in it reads \"SI-2\"",
            "Open POA&M Items, row 4, POAM ID: V-1 already stands on sheet \"Open POA&M Items\", row 2",
            "Closed POA&M Items, row 2, POAM ID: V-2 already stands on sheet \"Open POA&M Items\", row 5",
        ]
    );
}

#[test]
fn a_value_that_is_not_what_its_column_asks_for_is_kept_as_text() {
    let book = read_open(&[&HEAD, &["V-1", "RA-5", "a", "2026-02-30", "soon", "Severe", "N/A", "maybe"]]);
    assert_eq!(
        said(&book),
        [
            "Open POA&M Items, row 2, Original Risk Rating: \"Severe\" is not Low, Moderate, High or Critical; kept as written",
            "Open POA&M Items, row 2, Risk Adjustment: \"maybe\" is not Yes, No or Pending; kept as written",
            "Open POA&M Items, row 2, Original Detection Date: \"2026-02-30\" is not a day of the calendar; kept as written",
            "Open POA&M Items, row 2, Scheduled Completion Date: \"soon\" is not a date in a known spelling (such as 2026-12-31); kept as written",
        ]
    );
    let row = &book.rows[0];
    assert_eq!((row.original_detection, row.scheduled_completion), (None, None));
    assert_eq!((row.original_rating, row.adjusted_rating, row.risk_adjustment), (None, None, None));
    let raw: Vec<(&str, &str)> = row.raw.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        raw,
        [
            ("Adjusted Risk Rating", "N/A"),
            ("Original Detection Date", "2026-02-30"),
            ("Original Risk Rating", "Severe"),
            ("Risk Adjustment", "maybe"),
            ("Scheduled Completion Date", "soon"),
        ]
    );
}

#[test]
fn a_formula_saved_without_its_value_is_computed_by_the_templates_rule() {
    let book = read_open(&[
        &HEAD,
        &["V-1", "", "a", "2026-01-01", "=D2+30", "High"],
        &["V-2", "", "b", "2026-01-01", "=D3+30", "Critical"],
        &["V-3", "", "c", "2026-01-01", "=D4+30", "Moderate", "Low", "Pending"],
        &["V-4", "", "d", "2026-01-01", "=D5+30", "Moderate", "Low", "Yes"],
        &["V-5", "", "e", "", "=D6+30", "Moderate"],
        &["", "", "", "", "=D7+30"],
    ]);
    let due: Vec<Option<NaiveDate>> = book.rows.iter().map(|row| row.scheduled_completion).collect();
    assert_eq!(due, [day(2026, 1, 31), day(2026, 1, 31), day(2026, 4, 1), day(2026, 6, 30), None]);
    assert_eq!((book.warnings.len(), book.refused.len(), book.read), (5, 0, 5));
    assert_eq!(
        book.warnings[1].to_string(),
        "Open POA&M Items, row 3, Scheduled Completion Date: a formula that was saved without its value; 2026-01-31 by the template's rule"
    );
    assert!(book.warnings[4].text.ends_with("no detection date or no rating to compute it from"));
}

#[test]
fn a_formulas_saved_value_counts_and_a_missing_one_is_blank() {
    let sheet = format!(
        "<sheetData>{}<row r=\"2\">{}<c r=\"C2\"><f>A1&amp;A2</f></c><c r=\"D2\"><v>46146</v></c><c r=\"E2\"><f>D2+5</f><v>46151</v></c></row><row r=\"3\"><c r=\"E3\" t=\"str\"><f>IF(1,\"\")</f><v></v></c></row></sheetData>",
        head_row(),
        inline("A2", "V-1")
    );
    let book = read(&raw_book("", &sheet), &Limits::default()).expect("reads");
    assert_eq!((book.rows.len(), book.refused.len()), (1, 0));
    let row = &book.rows[0];
    assert_eq!(row.scheduled_completion, day(2026, 5, 9), "as saved, whatever the rule says");
    assert_eq!(row.weakness_name, "");
    assert_eq!(row.raw.get("Weakness Name").map(String::as_str), Some("=A1&A2"));
    assert_eq!(
        book.warnings[0].to_string(),
        "Open POA&M Items, row 2, Weakness Name: a formula that was saved without its value; taken as blank"
    );
}

#[test]
fn milestones_are_read_from_their_columns_or_from_the_plan() {
    let milestones = "(1) 2026-05-01: Staging\n\n(2) 2026-06-01: Production";
    let changes = "(2) Update 2026-06-15 : freeze in June";
    let columns = read_open(&[
        &["POAM ID", "Controls", "Overall Remediation Plan", "Planned Milestones", "Milestone Changes"],
        &["V-1", "RA-5", "Upgrade.\n\nMilestones:\nnone of these", milestones, changes],
    ]);
    assert_eq!(columns.version, TemplateVersion::V2_1);
    let plan = format!("Upgrade.\n\nMilestones:\n{milestones}\n\nChanges:\n{changes}");
    let cell = read_open(&[
        &["POAM ID", "Controls", "Weakness Name", "Remediation Plan"],
        &["V-1", "RA-5", "", &plan],
    ]);
    assert_eq!(cell.version, TemplateVersion::V3_0);
    assert_eq!((said(&columns), said(&cell)), (vec![], vec![]));
    assert_eq!(columns.rows[0].remediation_plan, "Upgrade.\n\nMilestones:\nnone of these");
    assert_eq!(cell.rows[0].remediation_plan, "Upgrade.");
    for book in [&columns, &cell] {
        let row = &book.rows[0];
        assert_eq!(row.milestones.len(), 2);
        assert_eq!(row.milestones[1].due, day(2026, 6, 1));
        assert_eq!(row.milestone_changes.len(), 1);
        assert_eq!(row.milestone_changes[0].kind, ChangeKind::Update);
    }
}

#[test]
fn what_a_milestone_cell_says_amiss_is_told_with_its_place() {
    let book = read_open(&[
        &["POAM ID", "Controls", "Weakness Name", "Planned Milestones"],
        &["V-1", "RA-5", "a", "(1) 2026-02-30: Patch"],
        &["V-2", "RA-5", "a", "will follow"],
    ]);
    assert_eq!(
        said(&book),
        [
            "Open POA&M Items, row 2, Planned Milestones: milestone (1): 2026-02-30 is not a day of the calendar; it stays in the text",
            "Open POA&M Items, row 3, Planned Milestones: not of the form of a planned milestone, kept as text: \"will follow\"",
        ]
    );
    assert_eq!(book.rows[0].milestones[0].text, "2026-02-30: Patch");
    assert_eq!(book.rows[1].unparsed_milestones, "will follow");
}

#[test]
fn template_rows_are_known_by_what_they_say_not_by_where_they_stand() {
    let head: &[&str] = &["", "POAM ID", "Controls", "Weakness Name", "Comments", "Original Detection Date"];
    let book = read_open(&[
        head,
        &["Guidance", "Assign a unique identifier to each item.", "Enter the controls"],
        &["Examples", "VS-001-AC(2)\nPT-204-SR(2)", "RA-5"],
        &["Mandatory or Situational", "Mandatory", "Mandatory", "Mandatory", "Situational"],
        &["", "V-1Example", "AC-1", "Open port"],
        &["", "Unique Identifier", "Control Number", "Text"],
        &["Mandatory or Situational", "V-1", "Mandatory", "real", "Situational", "Mandatory"],
        &["Examples", "V-2", "RA-5", "over the example"],
        &["Guidance", "", "", ""],
        &["", "V-3", "RA-5", "plain"],
    ]);
    let ids: Vec<&str> = book.rows.iter().map(|row| row.poam_id.as_str()).collect();
    assert_eq!(ids, ["V-1", "V-2", "V-3"]);
    assert_eq!((book.read, book.refused.len()), (3, 0));
    let row = &book.rows[0];
    assert_eq!((row.controls.len(), row.comments.as_str(), row.weakness_name.as_str()), (0, "", "real"));
    assert_eq!(
        said(&book),
        [
            "Open POA&M Items, row 7: the row overwrites a template row; 3 cells reading \"Mandatory\" or \"Situational\" are taken as blank",
            "Open POA&M Items, row 8: the row overwrites the template's row \"Examples\"; taken as an item, but other cells may hold the template's text",
        ]
    );
}

#[test]
fn sheets_are_known_by_their_names_and_none_is_passed_over_in_silence() {
    let head: &[&str] = &HEAD;
    let book = read_book(&[
        ("Instructions", &[&["read me"]]),
        ("open poam items", &[head, &["V-1", "", "a"]]),
        ("Config. - Configuration Finding", &[head, &["V-2", "", "b"]]),
        ("PL-2", &[&["Deficiency ID", "Deficiency Name ", "Deficiency Description"], &["D-1", "c", "d"]]),
        ("Pivot", &[&["42"]]),
        ("OpenSSL hosts", &[&["web-1"]]),
        ("Empty", &[]),
        ("Record of Changes", &[&["x"]]),
    ]);
    let kinds: Vec<SheetKind> = book.rows.iter().map(|row| row.sheet).collect();
    assert_eq!(kinds, [SheetKind::Open, SheetKind::Configuration, SheetKind::DocumentationPl2]);
    assert_eq!(book.rows[2].weakness_name, "c");
    assert_eq!(
        said(&book),
        [
            "Pivot: not a sheet of the template; it was not read",
            "OpenSSL hosts: not a sheet of the template; it was not read",
            "Closed POA&M Items: the workbook has no sheet of closed items",
        ]
    );
}

#[test]
fn a_missing_sheet_or_row_of_headers_is_named() {
    let limits = Limits::default();
    let error = read(&book(&[("Assets", &[]), ("Sheet2", &[])]), &limits).expect_err("no open sheet");
    assert_eq!(error.to_string(), "no sheet \"Open POA&M Items\"; the workbook has \"Assets\", \"Sheet2\"");
    let error = read(&book(&[(OPEN, &[&["POAM ID", "V-1"]])]), &limits).expect_err("no headers");
    assert_eq!(
        error.to_string(),
        "sheet \"Open POA&M Items\" has no row of column headers (POAM ID, Controls, Weakness Name, ...) among its first 30 rows"
    );
    let read = read_book(&[
        ("Open Risks", &[&["none"]]),
        (OPEN, &[&HEAD, &["V-1"]]),
        (CLOSED, &[&["V-9", "lost?"]]),
    ]);
    assert_eq!(
        said(&read),
        [
            "Open Risks: no row of column headers among its first 30 rows",
            "Closed POA&M Items: no row of column headers among its first 30 rows",
        ]
    );
    assert_eq!((read.refused.len(), read.rows.len()), (2, 1));
}

#[test]
fn control_characters_and_long_texts_are_told() {
    let long = "x".repeat(200);
    let bytes = book(&[(OPEN, &[&HEAD, &["V-1", "", "bell\u{7}", &long]]), (CLOSED, &[])]);
    let limits = Limits { cell_chars: 100, ..Limits::default() };
    let book = read(&bytes, &limits).expect("reads");
    assert_eq!(book.rows[0].weakness_name, "bell");
    let said = said(&book);
    assert!(
        said.contains(
            &"Open POA&M Items, row 2, Weakness Name: 1 control characters were removed".to_owned()
        )
    );
    assert!(said.contains(
        &"Open POA&M Items, row 2, Original Detection Date: 200 characters long; cut to 100".to_owned()
    ));
}

#[test]
fn warnings_are_counted_where_there_are_too_many_to_keep() {
    let rows: Vec<Vec<String>> =
        (0..8).map(|n| vec![format!("V-{n}"), String::new(), String::new(), "soon".into()]).collect();
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    let mut all: Vec<&[&str]> = vec![&HEAD];
    all.extend(rows.iter().map(Vec::as_slice));
    let limits = Limits { warnings: 3, ..Limits::default() };
    let book = read(&book(&[(OPEN, &all), (CLOSED, &[])]), &limits).expect("reads");
    assert_eq!(book.rows.len(), 8);
    assert_eq!(book.warnings.len(), 4);
    assert_eq!(book.warnings[3].text, "5 more warnings are not shown");
}

#[test]
fn no_text_is_ever_written_as_a_formula() {
    let mut row = Row::blank(SheetKind::Open, 9, "=1+1");
    row.weakness_name = "=cmd|' /C calc'!A0".into();
    row.comments = "@SUM(A1)".into();
    let bytes = write_minimal(TemplateVersion::V3_0, &SystemHeader::default(), &[row]).expect("writes");
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).expect("a zip");
    for index in 0..archive.len() {
        let part = archive.by_index(index).expect("a part");
        let text = std::io::read_to_string(part).expect("a text");
        assert!(!text.contains("<f>") && !text.contains("<f "), "a formula");
    }
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

/// A workbook from the XML of its one sheet, for what no writer would write.
fn raw_book(properties: &str, sheet: &str) -> Vec<u8> {
    let rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        ("[Content_Types].xml", "<Types/>".to_owned()),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" Type=\"{rel}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{rel}\">{properties}<sheets><sheet name=\"Open POA&amp;M Items\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" Type=\"{rel}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", format!("<worksheet xmlns=\"{main}\">{sheet}</worksheet>")),
    ];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("writes");
    }
    zip.finish().expect("a zip").into_inner()
}

fn inline(at: &str, text: &str) -> String {
    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn head_row() -> String {
    let cells: String =
        ["A1", "B1", "C1", "D1", "E1"].iter().zip(HEAD).map(|(at, text)| inline(at, text)).collect();
    format!("<row r=\"1\">{cells}</row>")
}

#[test]
fn a_workbook_of_the_1904_system_gives_its_own_days() {
    let sheet = format!(
        "<sheetData>{}<row r=\"2\">{}<c r=\"D2\"><v>44684</v></c></row></sheetData>",
        head_row(),
        inline("A2", "V-1")
    );
    for (properties, wanted) in
        [("<workbookPr date1904=\"1\"/>", day(2026, 5, 4)), ("<workbookPr/>", day(2022, 5, 3))]
    {
        let book = read(&raw_book(properties, &sheet), &Limits::default()).expect("reads");
        assert_eq!(book.rows[0].original_detection, wanted, "{properties}");
    }
}

#[test]
fn an_error_in_a_cell_is_blank_and_told() {
    let sheet = format!(
        "<sheetData>{}<row r=\"2\">{}<c r=\"C2\" t=\"e\"><v>#REF!</v></c><c r=\"E2\" t=\"e\"><f>D2+30</f><v>#VALUE!</v></c></row><row r=\"3\"><c r=\"A3\" t=\"e\"><v>#N/A</v></c>{}</row></sheetData>",
        head_row(),
        inline("A2", "V-1"),
        inline("C3", "orphan"),
    );
    let book = read(&raw_book("", &sheet), &Limits::default()).expect("reads");
    assert_eq!(book.rows.len(), 1);
    let row = &book.rows[0];
    assert_eq!((row.weakness_name.as_str(), row.scheduled_completion), ("", None));
    assert_eq!(row.raw.get("Weakness Name").map(String::as_str), Some("#REF!"));
    let said = said(&book);
    assert!(
        said.contains(
            &"Open POA&M Items, row 2, Weakness Name: the cell holds the error #REF!; taken as blank"
                .to_owned()
        ),
        "{said:?}"
    );
    assert_eq!(book.refused.len(), 1);
    assert_eq!(book.refused[0].row, 3);
}

#[test]
fn countless_blank_rows_are_passed_over_and_the_rest_is_told() {
    use std::fmt::Write as _;
    let mut rows = head_row();
    let _ = write!(rows, "<row r=\"2\">{}</row>", inline("A2", "V-1"));
    for row in 3..=60_000 {
        let _ = write!(rows, "<row r=\"{row}\"><c r=\"A{row}\" s=\"1\"/></row>");
    }
    let _ = write!(rows, "<row r=\"60001\">{}</row>", inline("A60001", "V-2"));
    let bytes = raw_book("", &format!("<sheetData>{rows}</sheetData>"));
    let book = read(&bytes, &Limits::default()).expect("reads");
    assert_eq!(book.rows.len(), 1);
    assert_eq!(
        said(&book)[0],
        "Open POA&M Items, row 10003: the sheet is not read from here on: the 10000 rows before it are blank"
    );
    let far = Limits { blank_rows: 100_000, ..Limits::default() };
    let book = read(&bytes, &far).expect("reads");
    assert_eq!(book.rows.iter().map(|row| row.row).collect::<Vec<_>>(), [2, 60_001]);
}

#[test]
fn too_many_rows_or_cells_are_refused_as_a_whole() {
    let head: &[&str] = &HEAD;
    let bytes = book(&[(OPEN, &[head, &["V-1"], &["V-2"], &["V-3"]])]);
    let error = read(&bytes, &Limits { rows: 3, ..Limits::default() }).expect_err("rows");
    assert_eq!(error.to_string(), "sheet \"Open POA&M Items\" is too large: 4 rows, at most 3 are allowed");
    let error = read(&bytes, &Limits { cells_in_row: 5, ..Limits::default() }).expect_err("cells");
    assert_eq!(
        error.to_string(),
        "sheet \"Open POA&M Items\", row 1 is too large: 6 cells, at most 5 are allowed"
    );
    let error = read(&bytes, &Limits { cells: 10, ..Limits::default() }).expect_err("all cells");
    assert_eq!(
        error.to_string(),
        "sheet \"Open POA&M Items\", with those before it is too large: 11 cells, at most 10 are allowed"
    );
    let bytes = book(&[(OPEN, &[head]), ("a", &[]), ("b", &[])]);
    let error = read(&bytes, &Limits { sheets: 2, ..Limits::default() }).expect_err("sheets");
    assert_eq!(error.to_string(), "the workbook is too large: 3 sheets, at most 2 are allowed");
}

#[test]
fn references_that_no_program_writes_are_damage_not_a_crash() {
    for cell in [
        "<c r=\"AAAAAAAAAAAAAAA1\"><v>1</v></c>",
        "<c r=\"A99999999999999\"><v>1</v></c>",
        "<c r=\"ZZZZZ1\"><v>1</v></c>",
        "<c r=\"A0\"><v>1</v></c>",
        "<c r=\"A2\" t=\"n\"><v>abc</v></c>",
        "<c r=\"A2\" t=\"s\"><v>7</v></c>",
        "<c r=\"A2\" t=\"z\"><v>7</v></c>",
        "<c r=\"A2\"><f t=\"shared\" si=\"x\">1</f></c>",
    ] {
        let sheet = format!("<sheetData>{}<row r=\"2\">{cell}</row></sheetData>", head_row());
        let error = read(&raw_book("", &sheet), &Limits::default()).expect_err(cell);
        assert!(matches!(error, ReadError::Damaged { .. }), "{cell}: {error}");
    }
    // The reader would reserve room for as many formulas as the index says.
    let sheet = format!(
        "<dimension ref=\"B9:A1\"/><sheetData>{}<row r=\"2\">{}<c r=\"C2\"><f t=\"shared\" si=\"99999999999\" ref=\"C2:C3\">1</f><v>5</v></c></row></sheetData>",
        head_row(),
        inline("A2", "V-1")
    );
    let outcome = read(&raw_book("", &sheet.replace("<dimension ref=\"B9:A1\"/>", "")), &Limits::default());
    assert_eq!(outcome.expect("reads").rows[0].weakness_name, "5");
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

    /// Damage anywhere in the sheet gives an answer or an error, never a crash.
    #[test]
    fn a_damaged_sheet_never_crashes_the_reader(at in 0.0_f64..1.0, with in "[\\x00-\\x7f]{0,4}", drop in 0_usize..30) {
        let sheet = format!(
            "<dimension ref=\"A1:E2\"/><sheetData>{}<row r=\"2\">{}<c r=\"D2\" s=\"0\"><v>46146</v></c><c r=\"E2\"><f t=\"shared\" ref=\"E2:E3\" si=\"0\">D2+30</f><v>46176</v></c></row></sheetData>",
            head_row(),
            inline("A2", "V-1")
        );
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let from = (at * sheet.len() as f64) as usize;
        let to = (from + drop).min(sheet.len());
        let damaged = format!("{}{with}{}", &sheet[..from], &sheet[to..]);
        if let Ok(book) = read(&raw_book("", &damaged), &Limits::default()) {
            prop_assert!(book.rows.len() + book.refused.len() <= 2);
        }
    }
}
