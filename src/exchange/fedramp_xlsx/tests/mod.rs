//! The reader and the writer over whole workbooks that are made here.

#![expect(clippy::expect_used, reason = "a test may stop")]

mod hostile;
mod rows;
mod values;
mod written;

use std::io::Write;

use chrono::NaiveDate;
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
