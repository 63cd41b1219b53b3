//! What a ticket should look like, and how what it looks like is read. Pure.

mod block;
mod due;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use connector_api::{ProjectSpec, Status, StatusCategory, TicketState};

use super::text::plain;
use crate::register::{Milestone, MilestoneState, Register, SystemId};

pub(super) use block::day;
pub use block::{Shown, block};
pub use connector_api::due::{DueLine, due_line};
pub use due::{TicketDue, ticket_due};

/// A tracker as the engine must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    /// Its id in the configuration.
    pub id: String,
    /// The connection it is on.
    pub connection: String,
    /// Its project or repository, and where fields live.
    pub project: ProjectSpec,
    /// What statuses mean, in order: the first that fits counts, before the default table.
    pub states: Vec<(Name, TicketState)>,
    /// The resolution that a transition to a state sets.
    pub resolutions: BTreeMap<TicketState, String>,
    /// Fields that a transition to a state demands, by id.
    pub transition_fields: BTreeMap<TicketState, BTreeMap<String, serde_json::Value>>,
    /// How much a ticket may tell.
    pub disclosure: Disclosure,
}

impl Tracker {
    /// Whether the due date lives in a field of the ticket.
    pub fn due_in_field(&self, site_has_field: bool) -> bool {
        site_has_field && self.project.due_field.is_some()
    }
}

/// What a state is told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// The status's own name; on GitHub `open` or `closed`.
    Status(String),
    /// Jira's resolution, GitHub's reason of closing.
    Resolution(String),
    /// A label.
    Label(String),
}

/// A tracker's table.
pub type States = [(Name, TicketState)];

/// How much a ticket may tell of the weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disclosure {
    /// Number, action, due, how to answer; no weakness, CVE or asset.
    #[default]
    Minimal,
    /// Weaknesses, CVEs and assets too.
    Full,
}

/// Which tracker the milestones of a system go to; the first that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// System.
    pub system: String,
    /// Only milestones that serve an item with this component.
    pub component: Option<String>,
    /// Tracker id.
    pub tracker: String,
}

/// The tracker that a milestone goes to, if any.
pub fn route<'a>(routes: &'a [Route], register: &Register, milestone: &Milestone) -> Option<&'a str> {
    routes
        .iter()
        .find(|route| {
            route.system == register.system.id.as_str()
                && route.component.as_ref().is_none_or(|component| {
                    register.items_of(milestone).any(|item| item.facts.components.contains(component))
                })
        })
        .map(|route| route.tracker.as_str())
}

/// Longest title that both Jira (255) and GitHub (256) take.
const TITLE_MAX: usize = 255;

/// What every title of ours begins with: `[ACME M-17]`.
pub fn prefix(system: &SystemId, milestone: &Milestone) -> String {
    format!("[{system} {}]", milestone.number)
}

/// The title that we give a milestone's ticket: the prefix and its text, which shows in its order and names nobody.
pub fn our_title(register: &Register, milestone: &Milestone) -> String {
    title(&prefix(&register.system.id, milestone), &plain(&milestone.text))
}

/// A title: the prefix and a text, on one line and within the limit.
pub fn title(prefix: &str, text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let whole = format!("{prefix} {}", plain.split_whitespace().collect::<Vec<_>>().join(" "));
    if whole.chars().count() <= TITLE_MAX {
        return whole.trim_end().to_owned();
    }
    let mut cut: String = whole.chars().take(TITLE_MAX - 1).collect();
    cut.push('…');
    cut
}

/// The text of a title after our prefix; all of it where the prefix is gone.
pub fn title_text<'a>(prefix: &str, title: &'a str) -> &'a str {
    title.trim().strip_prefix(prefix).unwrap_or(title).trim()
}

/// What a ticket's state reads as: by the tracker's table, else by its status category and resolution.
///
/// Won't Do, Duplicate and the like complete nothing: they read as dropped.
pub fn read_state(states: &States, status: &Status, labels: &BTreeSet<String>) -> TicketState {
    let fits = |name: &Name| match name {
        Name::Status(name) => name.eq_ignore_ascii_case(&status.name),
        Name::Resolution(name) => status.resolution.as_ref().is_some_and(|r| name.eq_ignore_ascii_case(r)),
        // A label tells how unfinished work stands; a closed ticket keeps its labels.
        Name::Label(name) => {
            status.category != StatusCategory::Done
                && labels.iter().any(|label| name.eq_ignore_ascii_case(label))
        }
    };
    if let Some((_, state)) = states.iter().find(|(name, _)| fits(name)) {
        return *state;
    }
    match status.category {
        StatusCategory::Done => match status.resolution.as_deref() {
            Some(resolution) if is_without_fix(resolution) => TicketState::Dropped,
            Some(_) | None => TicketState::Done,
        },
        StatusCategory::Todo | StatusCategory::InProgress => {
            let blocked = ["blocked", "on hold", "impeded"];
            let labelled =
                |names: &[&str]| labels.iter().any(|l| names.iter().any(|n| n.eq_ignore_ascii_case(l)));
            if blocked.iter().any(|name| name.eq_ignore_ascii_case(&status.name)) || labelled(&["blocked"]) {
                TicketState::Blocked
            } else if status.category == StatusCategory::InProgress
                || labelled(&["in progress", "in-progress"])
            {
                TicketState::InProgress
            } else {
                TicketState::Open
            }
        }
    }
}

/// Resolutions and state reasons of tickets that were closed without a fix.
fn is_without_fix(resolution: &str) -> bool {
    const WITHOUT_FIX: &[&str] = &[
        "won't do",
        "wont do",
        "won't fix",
        "wontfix",
        "duplicate",
        "cannot reproduce",
        "declined",
        "not_planned",
        "not planned",
        "rejected",
        "invalid",
        "incomplete",
        "abandoned",
        "obsolete",
        "canceled",
        "cancelled",
    ];
    let plain = resolution.replace('\u{2019}', "'").to_lowercase();
    WITHOUT_FIX.contains(&plain.as_str())
}

/// The names of the table that read as `state`, as a connector takes them.
pub fn names_of(states: &States, state: TicketState) -> Vec<String> {
    states
        .iter()
        .filter(|(_, s)| *s == state)
        .filter_map(|(name, _)| match name {
            Name::Status(name) => Some(name.clone()),
            Name::Label(name) => Some(format!("label:{name}")),
            Name::Resolution(_) => None,
        })
        .collect()
}

/// What a milestone's state is in a ticket.
pub fn ticket_state(state: MilestoneState) -> TicketState {
    match state {
        MilestoneState::Planned => TicketState::Open,
        MilestoneState::InProgress => TicketState::InProgress,
        MilestoneState::Blocked => TicketState::Blocked,
        MilestoneState::Done | MilestoneState::Verified => TicketState::Done,
        MilestoneState::Dropped => TicketState::Dropped,
    }
}

/// Name of a state, as bases and observations keep it.
pub fn state_name(state: TicketState) -> &'static str {
    match state {
        TicketState::Open => "open",
        TicketState::InProgress => "in_progress",
        TicketState::Blocked => "blocked",
        TicketState::Done => "done",
        TicketState::Dropped => "dropped",
    }
}
