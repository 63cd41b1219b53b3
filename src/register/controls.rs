//! The controls of NIST SP 800-53 Revision 5, release 5.2.0: `config/controls-800-53r5.tsv`, compiled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The list as text: id, title, and `withdrawn`.
const LIST: &str = include_str!("../../config/controls-800-53r5.tsv");

static BY_ID: LazyLock<BTreeMap<&'static str, Control>> =
    LazyLock::new(|| all().map(|c| (c.id, c)).collect());

/// A control or control enhancement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// As `AC-2` or `AC-2(3)`.
    pub id: &'static str,
    /// Its title; an enhancement's own, without the control's.
    pub title: &'static str,
    /// Whether the publication withdrew it: another control says what it said.
    pub withdrawn: bool,
}

/// Every control and enhancement, in the publication's order.
pub fn all() -> impl Iterator<Item = Control> {
    LIST.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let (id, title) = (columns.next()?, columns.next()?);
        Some(Control { id, title, withdrawn: columns.next() == Some("withdrawn") })
    })
}

/// The control of that id, written as the publication writes it.
pub fn find(id: &str) -> Option<Control> {
    BY_ID.get(id).copied()
}

/// Brings a control id to the publication's form (`AC-2`, `AC-2(3)`), whether or not there is such a control; reads
/// `ac-2.3`, `AC-02(03)` and `AC-2 (3)` as well.
pub fn written(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no SP 800-53 control such as AC-2 or AC-2(3)");
    let plain: String = text.to_ascii_uppercase().split_whitespace().collect();
    let (family, rest) = plain.split_once('-').ok_or_else(wrong)?;
    if family.len() != 2 || !family.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(wrong());
    }
    let (number, enhancement) = match rest.split_once(['(', '.']) {
        Some((number, enhancement)) => (number, Some(enhancement.strip_suffix(')').unwrap_or(enhancement))),
        None => (rest, None),
    };
    let parse = |digits: &str| {
        let plain = !digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit());
        let n: Option<u32> = if plain { digits.parse().ok() } else { None };
        n.filter(|n| *n > 0).ok_or_else(wrong)
    };
    let number = parse(number)?;
    Ok(match enhancement {
        Some(enhancement) => format!("{family}-{number}({})", parse(enhancement)?),
        None => format!("{family}-{number}"),
    })
}

/// Checks that a command names a control of the publication, and gives its id as written there. A withdrawn one is
/// refused: only an import keeps it, as history.
pub fn named(text: &str) -> Result<String, String> {
    let id = written(text)?;
    match find(&id) {
        Some(control) if control.withdrawn => Err(format!(
            "{id} ({}) was withdrawn from SP 800-53 Rev 5: name the control that took it in",
            control.title
        )),
        Some(_) => Ok(id),
        None => Err(format!("there is no {id} in SP 800-53 Rev 5")),
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test stops where it is wrong")]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_form() {
        let every: Vec<Control> = all().collect();
        // Release 5.2.0: 1,196 controls and enhancements, 180 of them withdrawn.
        assert_eq!(every.len(), 1196);
        assert_eq!(every.iter().filter(|control| control.withdrawn).count(), 180);
        assert_eq!(BY_ID.len(), every.len(), "an id stands twice");
        for control in every {
            assert_eq!(written(control.id).as_deref(), Ok(control.id));
            assert!(!control.title.trim().is_empty() && control.title.trim() == control.title, "{control:?}");
        }
    }

    #[test]
    fn reads_the_spellings_that_people_use() {
        for (text, id) in [
            ("AC-2", "AC-2"),
            (" ac-2 ", "AC-2"),
            ("ac-2.3", "AC-2(3)"),
            ("AC-02(03)", "AC-2(3)"),
            ("AC-2 (3)", "AC-2(3)"),
            ("SI-2(6)", "SI-2(6)"),
        ] {
            assert_eq!(named(text).as_deref(), Ok(id), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_control() {
        for text in [
            "",
            "AC",
            "AC-",
            "AC-0",
            "AC-+2",
            "AC-2(",
            "AC-2()",
            "AC-2(3)(a)",
            "ACC-2",
            "A1-2",
            "AC-222",
            "the CM family",
        ] {
            assert!(written(text).is_err(), "{text:?}");
        }
        let unknown = named("AC-99").expect_err("there is none");
        assert_eq!(unknown, "there is no AC-99 in SP 800-53 Rev 5");
        let withdrawn = named("ac-2(10)").expect_err("it was withdrawn");
        assert!(
            withdrawn.starts_with("AC-2(10) (Shared and Group Account Credential Change) was withdrawn"),
            "{withdrawn}"
        );
    }
}
