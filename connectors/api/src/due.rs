//! The due line of the managed block: where the due date lives when the site has no field for it.

use chrono::NaiveDate;

/// What the due line of a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueLine {
    /// There is no block or no due line.
    Absent,
    /// It names no date, on purpose: `none`, `-` or nothing.
    Cleared,
    /// A date.
    Date(NaiveDate),
    /// Something that is no date.
    Unreadable(String),
    /// Several due lines that say different things.
    Several(Vec<String>),
}

/// Reads the due line of a managed block: the first line that begins with `Due:`, bold or in a list or not.
pub fn due_line(block: Option<&str>) -> DueLine {
    let Some(block) = block else { return DueLine::Absent };
    let values: Vec<String> = block.lines().filter_map(due_value).collect();
    let mut distinct: Vec<&String> = values.iter().collect();
    distinct.dedup();
    match distinct.as_slice() {
        [] => DueLine::Absent,
        [value] => {
            if value.is_empty() || value.as_str() == "-" || value.eq_ignore_ascii_case("none") {
                return DueLine::Cleared;
            }
            match value.parse() {
                Ok(date) => DueLine::Date(date),
                Err(_) => DueLine::Unreadable((*value).clone()),
            }
        }
        _ => DueLine::Several(values),
    }
}

/// The value of one due line; none where the line is another.
fn due_value(line: &str) -> Option<String> {
    let plain: String = line.chars().filter(|c| !matches!(c, '*' | '_' | '`')).collect();
    let plain = plain.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '+' | '>')).trim();
    let head = plain.get(..4)?;
    if !head.eq_ignore_ascii_case("due:") {
        return None;
    }
    Some(plain[4..].trim().trim_end_matches('.').to_owned())
}
