//! The statuses, resolutions and transitions of the fake.

use super::site::{Issue, Project};

/// Id, name and category of each status.
pub(super) const STATUSES: [(&str, &str, &str); 5] = [
    ("10000", "To Do", "new"),
    ("10001", "In Progress", "indeterminate"),
    ("10002", "Blocked", "indeterminate"),
    ("10003", "In Review", "indeterminate"),
    ("10004", "Done", "done"),
];

/// Names of the resolutions; the first is set where none is given.
pub(super) const RESOLUTIONS: [&str; 4] = ["Done", "Won't Do", "Duplicate", "Cannot Reproduce"];

/// A transition.
pub(super) struct Way {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) from: &'static [&'static str],
    pub(super) to: &'static str,
}

const STEPS: [Way; 8] = [
    Way { id: 11, name: "Start", from: &["To Do", "In Review"], to: "In Progress" },
    Way { id: 21, name: "Stop", from: &["In Progress"], to: "To Do" },
    Way { id: 31, name: "Block", from: &["In Progress"], to: "Blocked" },
    Way { id: 41, name: "Unblock", from: &["Blocked"], to: "In Progress" },
    Way { id: 51, name: "Review", from: &["In Progress"], to: "In Review" },
    Way { id: 61, name: "Accept", from: &["In Review"], to: "Done" },
    Way { id: 71, name: "Reopen", from: &["Done"], to: "To Do" },
    Way { id: 81, name: "Reject", from: &["In Review"], to: "Blocked" },
];

/// From everywhere to everywhere, itself included.
const FREE: [Way; 5] = [
    Way { id: 11, name: "To Do", from: &[], to: "To Do" },
    Way { id: 21, name: "In Progress", from: &[], to: "In Progress" },
    Way { id: 31, name: "Blocked", from: &[], to: "Blocked" },
    Way { id: 41, name: "In Review", from: &[], to: "In Review" },
    Way { id: 51, name: "Done", from: &[], to: "Done" },
];

/// The transitions that are open to an issue.
pub(super) fn open(project: &Project, issue: &Issue) -> Vec<&'static Way> {
    let ways: &'static [Way] = if project.strict { &STEPS } else { &FREE };
    ways.iter().filter(|way| way.from.is_empty() || way.from.contains(&&*issue.status)).collect()
}

pub(super) fn status_id(name: &str) -> String {
    STATUSES.iter().find(|(_, status, _)| *status == name).map_or("0", |(id, ..)| id).to_owned()
}

pub(super) fn status_category(name: &str) -> &'static str {
    STATUSES.iter().find(|(_, status, _)| *status == name).map_or("undefined", |(.., category)| category)
}

pub(super) fn resolution_id(name: &str) -> String {
    RESOLUTIONS
        .iter()
        .position(|known| *known == name)
        .map_or_else(String::new, |at| (10_000 + at).to_string())
}
