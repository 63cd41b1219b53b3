//! Workbooks that nobody would save on purpose, or only on purpose.

use proptest::prelude::*;

use super::*;

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
    // Blank cells are not counted, however many there are.
    let far = Limits { blank_rows: 100_000, cells: 20, ..Limits::default() };
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
fn a_cell_whose_text_is_not_in_the_file_is_named_and_the_rest_is_read() {
    let sheet = format!(
        "<sheetData>{}<row r=\"2\">{}<c r=\"B2\" t=\"s\"><v>7</v></c>{}</row><row r=\"3\">{}<c r=\"C3\" t=\"s\"><v>9</v></c></row></sheetData>",
        head_row(),
        inline("A2", "V-1"),
        inline("C2", "A weakness"),
        inline("A3", "V-2"),
    );
    let book = read(&raw_book("", &sheet), &Limits::default()).expect("reads");
    let ids: Vec<&str> = book.rows.iter().map(|row| row.poam_id.as_str()).collect();
    assert_eq!((ids, book.rows[0].weakness_name.as_str()), (vec!["V-1", "V-2"], "A weakness"));
    let said = said(&book);
    let lost: Vec<&String> = said.iter().filter(|text| text.contains("points at a text")).collect();
    assert_eq!(
        lost,
        [
            "Open POA&M Items, row 2: 1 cell points at a text that the file does not have, and counts as blank: after A2 and before C2",
            "Open POA&M Items: 1 cell points at a text that the file does not have, and counts as blank: after A3",
        ]
    );
}

#[test]
fn an_id_that_a_number_cannot_hold_and_missing_columns_are_told() {
    let sheet = format!(
        "<sheetData>{}<row r=\"2\"><c r=\"A2\"><v>12345678901234567890</v></c>{}</row></sheetData>",
        head_row(),
        inline("C2", "A weakness"),
    );
    let book = read(&raw_book("", &sheet), &Limits::default()).expect("reads");
    assert!(
        said(&book).iter().any(|text| text.contains("row 2, POAM ID") && text.contains("inexact")),
        "{:?}",
        said(&book)
    );
    let lacks: Vec<&str> = book.lacks.iter().map(|(_, column)| column.as_str()).collect();
    assert!(lacks.contains(&"Weakness Description") && !lacks.contains(&"Weakness Name"), "{lacks:?}");
}

#[test]
fn references_that_no_program_writes_are_damage_not_a_crash() {
    for cell in [
        "<c r=\"AAAAAAAAAAAAAAA1\"><v>1</v></c>",
        "<c r=\"A99999999999999\"><v>1</v></c>",
        "<c r=\"ZZZZZ1\"><v>1</v></c>",
        "<c r=\"A0\"><v>1</v></c>",
        "<c r=\"A2\" t=\"n\"><v>abc</v></c>",
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
