//! The edits of a ticket's text, and of its due line among them.

use chrono::{DateTime, NaiveDate, Utc};
use connector_api::due::{DueLine, due_line};
use connector_api::{HistoryEntry, HistoryKind};
use serde::Deserialize;

use crate::text;
use crate::tickets::Actor;

/// One edit of the text. `diff` is the whole text after it, whatever its name says; none where somebody deleted that
/// revision from the history.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Edit {
    id: String,
    pub(crate) edited_at: DateTime<Utc>,
    editor: Option<Actor>,
    diff: Option<String>,
}

/// A due line that can be read; one that was cleared has no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due(Option<NaiveDate>);

impl Edit {
    /// What the due line said after this edit, where it could be read.
    pub(crate) fn due(&self) -> Option<Due> {
        let block = text::read(self.diff.as_deref()).block;
        match due_line(block.as_deref()) {
            DueLine::Date(date) => Some(Due(Some(date))),
            DueLine::Cleared => Some(Due(None)),
            DueLine::Absent | DueLine::Unreadable(_) | DueLine::Several(_) => None,
        }
    }
}

/// The edits that changed what the due line says, oldest first. `edits` come newest first, as GitHub lists them. The
/// first text that can be read is what there was to change, if `from_start` says that the history holds it.
pub(crate) fn due_edits(edits: &[Edit], from_start: bool) -> Vec<HistoryEntry> {
    let mut entries = Vec::new();
    let mut before = (!from_start).then_some(Due(None));
    for edit in edits.iter().rev() {
        let Some(to) = edit.due() else { continue };
        if let Some(from) = before
            && from != to
        {
            let id = edit.id.clone();
            let by = edit.editor.as_ref().map(|editor| editor.user().account());
            let kind = HistoryKind::Due { from: from.0, to: to.0 };
            entries.push(HistoryEntry { act: id.clone(), id, at: edit.edited_at, by, kind });
        }
        before = Some(to);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(n: i64, block: Option<&str>) -> Edit {
        Edit {
            id: format!("UCE_{n}"),
            edited_at: DateTime::from_timestamp(1_800_000_000 + n, 0).unwrap_or_default(),
            editor: None,
            diff: block.map(|block| text::render(block, None)),
        }
    }

    /// Newest first, as GitHub lists them.
    fn edits(blocks: &[Option<&str>]) -> Vec<Edit> {
        let mut edits: Vec<Edit> = (0..).zip(blocks).map(|(n, block)| edit(n, *block)).collect();
        edits.reverse();
        edits
    }

    fn told(blocks: &[Option<&str>], from_start: bool) -> Vec<(String, String)> {
        let name = |date: Option<NaiveDate>| date.map_or_else(|| "none".to_owned(), |date| date.to_string());
        due_edits(&edits(blocks), from_start)
            .into_iter()
            .filter_map(|entry| match entry.kind {
                HistoryKind::Due { from, to } => Some((name(from), name(to))),
                HistoryKind::Status { .. }
                | HistoryKind::Title { .. }
                | HistoryKind::Text { .. }
                | HistoryKind::Assignee { .. }
                | HistoryKind::Project { .. }
                | HistoryKind::Label { .. } => None,
            })
            .collect()
    }

    #[test]
    fn each_edit_of_the_due_line_is_told_and_no_other() {
        let (a, b) = (Some("Due: 2026-12-15"), Some("Due: 2027-01-20"));
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let (day_a, day_b) = ("2026-12-15", "2027-01-20");
        for (blocks, wanted) in [
            (vec![a], vec![]),
            (vec![a, Some("Other words\n\nDue: 2026-12-15")], vec![]),
            (vec![a, b, a], vec![pair(day_a, day_b), pair(day_b, day_a)]),
            (vec![a, Some("Due: none"), b], vec![pair(day_a, "none"), pair("none", day_b)]),
            // What cannot be read proposes nothing, and neither does putting it right.
            (vec![a, Some("Due: soon"), a, Some("no line"), b], vec![pair(day_a, day_b)]),
            (vec![a, None, b], vec![pair(day_a, day_b)]),
            (vec![Some("no line"), a], vec![]),
        ] {
            assert_eq!(told(&blocks, true), wanted, "{blocks:?}");
        }
        assert_eq!(told(&[b], false), [pair("none", day_b)], "a first edit whose text before is not known");
    }
}
