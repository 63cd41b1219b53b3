use calamine::{CellErrorType, ExcelDateTime, ExcelDateTimeType};
use proptest::prelude::*;

use super::*;

fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

fn words(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_text_date_is_read_in_each_spelling() {
    for text in [
        "2026-05-04",
        "2026-5-4",
        "2026/05/04",
        "2026.05.04",
        "2026-05-04T00:00:00Z",
        "2026-05-04 13:45:00",
        "5/4/2026",
        "05/04/2026",
        "5/4/26",
        "05-04-2026",
        "4-May-2026",
        "04 May 2026",
        "May 4, 2026",
        " May 04 2026 ",
    ] {
        assert_eq!(date_of_text(text).ok(), day(2026, 5, 4), "{text:?}");
    }
}

#[test]
fn what_is_no_date_is_refused_with_its_reason() {
    for (text, reason) in [
        ("2026-02-30", "\"2026-02-30\" is not a day of the calendar"),
        ("2/29/2026", "\"2/29/2026\" is not a day of the calendar"),
        ("31/12/2026", "\"31/12/2026\" is not a day of the calendar"),
        ("2026-13-01", "\"2026-13-01\" is not a day of the calendar"),
        ("soon", "\"soon\" is not a date in a known spelling (such as 2026-12-31)"),
        ("2026-05", "\"2026-05\" is not a date in a known spelling (such as 2026-12-31)"),
        ("2026-05-04-01", "\"2026-05-04-01\" is not a date in a known spelling (such as 2026-12-31)"),
        ("1899-12-31", "1899-12-31 lies outside the years 1990 to 2199"),
        ("Q3 2026", "\"Q3 2026\" is not a date in a known spelling (such as 2026-12-31)"),
    ] {
        assert_eq!(date(&words(text), false), Err(reason.to_owned()), "{text:?}");
    }
    for text in ["", "N/A", "none", "TBD", " - "] {
        assert_eq!(date(&words(text), false), Ok(None), "{text:?}");
    }
}

#[test]
fn serial_days_count_from_each_epoch() {
    // The two systems are 1,462 days apart (ECMA-376 part 1, 18.17.4).
    for (serial, is_1904, wanted) in [
        (1.0, false, day(1900, 1, 1)),
        (59.0, false, day(1900, 2, 28)),
        (60.0, false, None),
        (61.0, false, day(1900, 3, 1)),
        (46_146.0, false, day(2026, 5, 4)),
        (46_146.99, false, day(2026, 5, 4)),
        (46_146.0 - 1_462.0, true, day(2026, 5, 4)),
        (0.0, true, day(1904, 1, 1)),
        (0.0, false, None),
        (-1.0, false, None),
        (2_958_466.0, false, None),
        (f64::NAN, false, None),
        (f64::INFINITY, false, None),
    ] {
        assert_eq!(day_of_serial(serial, is_1904), wanted, "{serial} {is_1904}");
    }
    assert_eq!(date(&Value::Number(46_146.0), false), Ok(day(2026, 5, 4)));
    // What the template's formula makes of a blank detection date.
    assert_eq!(
        date(&Value::Day(30.0), false),
        Err("1900-01-30 lies outside the years 1990 to 2199".to_owned())
    );
}

#[test]
fn values_come_over_as_a_spreadsheet_shows_them() {
    let datetime = |kind| DataRef::DateTime(ExcelDateTime::new(46_146.0, kind, false));
    for (data, text) in [
        (DataRef::Float(12_345.0), "12345"),
        (DataRef::Float(0.5), "0.5"),
        (DataRef::Int(7), "7"),
        (DataRef::Bool(true), "TRUE"),
        (DataRef::Error(CellErrorType::Ref), "#REF!"),
        (datetime(ExcelDateTimeType::DateTime), "2026-05-04"),
        (datetime(ExcelDateTimeType::TimeDelta), "46146"),
        (DataRef::String("  a\r\nb\rc ".to_owned()), "a\nb\nc"),
        (DataRef::SharedString("\u{a0}x\u{a0}"), "x"),
        (DataRef::Empty, ""),
    ] {
        let (value, cleaned) = value_of(&data, 100);
        assert_eq!(value.text(false), text, "{data:?}");
        assert_eq!(cleaned, Cleaned::default(), "{data:?}");
    }
}

#[test]
fn control_characters_go_and_are_counted_and_long_texts_are_cut() {
    let (value, cleaned) = value_of(&DataRef::SharedString("a\u{7}b\u{1b}[0mc\td\u{85}"), 100);
    assert_eq!(value, words("ab[0mc\td"));
    assert_eq!(cleaned, Cleaned { controls: 3, cut_from: None });

    let (value, cleaned) = value_of(&DataRef::SharedString(&"é".repeat(11)), 10);
    assert_eq!(value, words(&"é".repeat(10)));
    assert_eq!(cleaned, Cleaned { controls: 0, cut_from: Some(11) });

    let (value, cleaned) = value_of(&DataRef::SharedString(&"é".repeat(10)), 10);
    assert_eq!(value, words(&"é".repeat(10)));
    assert_eq!(cleaned, Cleaned::default());

    assert_eq!(value_of(&DataRef::SharedString("\u{1}\u{2}"), 10).0, Value::Blank);
}

#[test]
fn choices_know_their_words_and_what_means_none() {
    assert_eq!(yes_no(&words("Yes")), Ok(Some(true)));
    assert_eq!(yes_no(&words("no.")), Ok(Some(false)));
    assert_eq!(yes_no(&Value::Bool(true)), Ok(Some(true)));
    assert_eq!(yes_no(&words("N/A")), Ok(None));
    assert_eq!(yes_no(&Value::Blank), Ok(None));
    assert_eq!(yes_no(&words("Pending")), Err("Yes or No"));
    assert_eq!(yes_no(&Value::Number(1.0)), Err("Yes or No"));
    assert_eq!(decision(&words("pending")), Ok(Some(Decision::Pending)));
    assert_eq!(decision(&words("Yes or No")), Err("Yes, No or Pending"));
    assert_eq!(rating(&words("MODERATE")), Ok(Some(Rating::Moderate)));
    assert_eq!(rating(&words("Medium")), Ok(Some(Rating::Moderate)));
    assert_eq!(rating(&words("Critical")), Ok(Some(Rating::Critical)));
    assert_eq!(rating(&words("Low, Moderate")), Err("Low, Moderate, High or Critical"));
}

#[test]
fn lists_are_split_where_people_split_them() {
    assert_eq!(controls("RA-5, SI-2"), ["RA-5", "SI-2"]);
    assert_eq!(controls("AC-2 (4); AC-3\nIA-5(1)"), ["AC-2 (4)", "AC-3", "IA-5(1)"]);
    assert_eq!(controls("RA-5 SI-2"), ["RA-5", "SI-2"]);
    assert_eq!(controls("the CM family"), ["the CM family"]);
    assert_eq!(
        lines("172.16.0.1 (80/TCP)\n\n https://a.example/q \n"),
        ["172.16.0.1 (80/TCP)", "https://a.example/q"]
    );
    assert_eq!(
        cves("cve-2024-7883, CVE-2024-7883\nCVE-2026-27456"),
        (vec!["CVE-2024-7883".into(), "CVE-2026-27456".into()], false)
    );
    assert_eq!(cves("CVE-2024-7883 and others"), (vec!["CVE-2024-7883".into()], true));
    assert_eq!(cves("N/A"), (vec![], false));
    assert_eq!(cves("CVE-24-1"), (vec![], true));
}

proptest! {
    #[test]
    fn every_day_is_read_back_from_its_number_and_its_spellings(year in 1990_i32..2200, of_year in 1_u32..366) {
        let Some(wanted) = NaiveDate::from_yo_opt(year, of_year) else { return Ok(()) };
        let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default();
        let days = u32::try_from((wanted - epoch).num_days()).unwrap_or_default();
        prop_assert_eq!(day_of_serial(f64::from(days), false), Some(wanted));
        prop_assert_eq!(day_of_serial(f64::from(days - 1_462), true), Some(wanted));
        for format in ["%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%-m/%-d/%Y", "%d-%b-%Y", "%B %-d, %Y"] {
            let text = wanted.format(format).to_string();
            prop_assert_eq!(date_of_text(&text), Ok(wanted), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_cell_readers_fail(text in "\\PC{0,30}") {
        let _ = date_of_text(&text);
        let _ = controls(&text);
        let (cves, _) = cves(&text);
        prop_assert!(cves.iter().all(|cve| cve.starts_with("CVE-")));
        let (value, _) = value_of(&DataRef::SharedString(&text), 7);
        prop_assert!(value.text(false).chars().count() <= 7);
    }
}
