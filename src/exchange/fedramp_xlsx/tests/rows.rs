//! Which rows of which sheets are items.

use super::*;

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
fn text_without_form_from_two_cells_is_kept_apart() {
    let book = read_open(&[
        &["POAM ID", "Controls", "Planned Milestones", "Milestone Changes"],
        &["V-1", "RA-5", "Changes:\nodd one", "odd two"],
    ]);
    assert_eq!(book.rows[0].unparsed_changes, "odd one\n\nodd two");
}

#[test]
fn prepared_rows_with_formulas_alone_count_as_blank() {
    let mut rows: Vec<&[&str]> = vec![&HEAD, &["V-1", "RA-5", "a"]];
    rows.extend([["", "", "", "", "=D3+30"].as_slice(); 5]);
    rows.push(&["V-2", "RA-5", "b"]);
    let bytes = book(&[(OPEN, &rows), (CLOSED, &[])]);
    let book = read(&bytes, &Limits { blank_rows: 3, ..Limits::default() }).expect("reads");
    assert_eq!(
        said(&book),
        ["Open POA&M Items, row 6: the sheet is not read from here on: the 3 rows before it are blank"]
    );
    let book = read(&bytes, &Limits { blank_rows: 6, ..Limits::default() }).expect("reads");
    assert_eq!((book.rows.len(), book.warnings.len(), book.refused.len()), (2, 0, 0));
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
        &["Guidance", "A later wording of how a provider should choose an identifier for an item"],
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
