//! What a ticket should look like, and how what it looks like is read. Pure.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
pub use connector_api::due::{DueLine, due_line};
use connector_api::{ProjectSpec, Status, StatusCategory, Ticket, TicketState};

use crate::register::{Item, Milestone, MilestoneState, MoveState, Register, SystemId};

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

/// What the block shows of the dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// On the due line.
    pub due: Option<NaiveDate>,
}

/// The managed block: items, action, deadline, due, proof expected, what is open, how to answer.
pub fn block(register: &Register, milestone: &Milestone, disclosure: Disclosure, shown: Shown) -> String {
    let mut out = vec![
        format!(
            "**{} {}** is kept in step by poam-bridge. Change the due line to propose another date; other edits \
             in this block are undone.",
            register.system.id, milestone.number
        ),
        String::new(),
        format!("- **Due:** {}", shown.due.map_or_else(|| "none".to_owned(), |due| due.to_string())),
        format!("- **Action:** {}", one_line(&milestone.text)),
    ];
    if let Some(deadline) = register.deadline_of(milestone) {
        out.push(format!("- **Deadline:** {}", deadline.date));
    }
    let kinds: Vec<_> = milestone.expects.iter().map(|kind| kind.name()).collect();
    out.push(format!("- **Proof expected:** {}", kinds.join(", ")));
    out.push(format!("- **Serves:** {}", serves(register, milestone)));
    if disclosure == Disclosure::Full {
        for item in register.items_of(milestone).filter(|item| item.is_open()).take(20) {
            out.push(format!("- **{}:** {}", item.number, weakness(item)));
        }
    }
    for line in open_points(milestone) {
        out.push(format!("- **{line}"));
    }
    out.push(String::new());
    out.push(
        "Answer in a comment: /poam why REASON, /poam move DATE REASON, /poam blocked REASON, /poam evidence TEXT, \
         /poam status, /poam help."
            .to_owned(),
    );
    out.join("\n")
}

/// What stands open about the milestone, each line beginning inside bold.
fn open_points(milestone: &Milestone) -> Vec<String> {
    let mut lines = Vec::new();
    let day = |date: Option<NaiveDate>| date.map_or_else(|| "no date".to_owned(), |date| date.to_string());
    if let Some(moved) = milestone.open_move() {
        let waits = match moved.state {
            MoveState::Unexplained => "waits for a reason",
            MoveState::Explained
            | MoveState::Approved
            | MoveState::Rejected
            | MoveState::Superseded
            | MoveState::Withdrawn
            | MoveState::Noted => "waits for an approver",
        };
        lines.push(format!("Date change:** {} to {} {waits}", day(moved.from), day(moved.to)));
        if let Some(rationale) = &moved.rationale {
            lines.push(format!("Reason given:** {}", one_line(&rationale.text)));
        }
    }
    if milestone.original_due != milestone.due {
        lines.push(format!("Original due:** {}", day(milestone.original_due)));
    }
    if let Some(why) = &milestone.blocked {
        lines.push(format!("Blocked:** {}", one_line(why)));
    }
    lines
}

fn serves(register: &Register, milestone: &Milestone) -> String {
    const SHOWN: usize = 12;
    let open: Vec<&str> =
        register.items_of(milestone).filter(|item| item.is_open()).map(|item| item.number.as_str()).collect();
    if open.is_empty() {
        return "no open item".to_owned();
    }
    let more = open.len().saturating_sub(SHOWN);
    let listed = open.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

fn weakness(item: &Item) -> String {
    let mut text = one_line(&item.facts.title);
    if !item.facts.cves.is_empty() {
        text.push_str(&format!(" ({})", item.facts.cves.join(", ")));
    }
    if !item.facts.components.is_empty() {
        let components: Vec<String> = item.facts.components.iter().take(5).map(|c| one_line(c)).collect();
        text.push_str(&format!(" on {}", components.join(", ")));
        if item.facts.components.len() > 5 {
            text.push_str(&format!(" and {} more", item.facts.components.len() - 5));
        }
    }
    text
}

/// Text of ours or theirs as one line of Markdown that changes nothing around it.
fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control() && *c != '*')
        .collect()
}

/// The due date as the ticket shows it, and why it cannot be read if it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketDue {
    /// The date; none where it is cleared or absent.
    pub date: Option<NaiveDate>,
    /// Whether the ticket shows anything that can be taken: an absent or unreadable line is put right instead.
    pub readable: bool,
    /// What is wrong with the line.
    pub problem: Option<String>,
}

/// Where the due date lives: a field of the ticket, else the block's line.
pub fn ticket_due(field: bool, ticket: &Ticket) -> TicketDue {
    let fine = |date| TicketDue { date, readable: true, problem: None };
    let bad = |problem: Option<String>| TicketDue { date: None, readable: false, problem };
    if field {
        return fine(ticket.due);
    }
    match due_line(ticket.description.block.as_deref()) {
        DueLine::Date(date) => fine(Some(date)),
        DueLine::Cleared => fine(None),
        DueLine::Absent => bad(None),
        DueLine::Unreadable(text) => {
            bad(Some(format!("the due line says {text:?}, which is no date such as 2026-11-30")))
        }
        DueLine::Several(lines) => bad(Some(format!("there are several due lines: {}", lines.join(", ")))),
    }
}
