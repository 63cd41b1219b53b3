//! Cells as spreadsheet programs save them.

use super::*;

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
