//! The managed block of a ticket's text. Pure.

use chrono::NaiveDate;

use super::Disclosure;
use crate::register::{Decision, Item, Milestone, Move, MoveState, Register};
use crate::sync::text::one_line;
use crate::sync::withhold::told;

/// Most characters that the block shows of a text: what a workbook's cell holds may be longer than what a tracker takes
/// (Jira 32,767 characters of description, GitHub 65,536 of body), and people write around the block.
const TEXT_MAX: usize = 2_000;
/// The same of a name, of which the block shows many.
const NAME_MAX: usize = 160;

/// What the block shows of the dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// On the due line.
    pub due: Option<NaiveDate>,
    /// Whether the ticket has a due field, so that dates are changed there and not on the due line.
    pub in_field: bool,
}

/// The managed block: items, action, deadline, due, proof expected, what is open, how to answer.
pub fn block(register: &Register, milestone: &Milestone, disclosure: Disclosure, shown: Shown) -> String {
    let free = |text: &str| one_line(&told(text, register, milestone, disclosure), TEXT_MAX);
    let mut out = vec![
        format!(
            "**{} {}** is kept in step by poam-bridge. Change the due {} to propose another date; {} in this block \
             are undone.",
            register.system.id,
            milestone.number,
            if shown.in_field { "date of this ticket" } else { "line" },
            if shown.in_field { "edits" } else { "other edits" },
        ),
        String::new(),
        format!("- **Due:** {}", shown.due.map_or_else(|| "none".to_owned(), |due| due.to_string())),
        format!("- **Action:** {}", one_line(&milestone.text, TEXT_MAX)),
    ];
    if let Some(deadline) = register.deadline_of(milestone) {
        out.push(format!("- **Deadline:** {}", deadline.date));
    }
    let kinds: Vec<_> = milestone.expects.iter().map(|kind| kind.name()).collect();
    out.push(format!("- **Proof expected:** {}", kinds.join(", ")));
    out.push(format!("- **Serves:** {}", free(&serves(register, milestone))));
    if disclosure == Disclosure::Full {
        for item in register.items_of(milestone).filter(|item| item.is_open()).take(20) {
            out.push(format!("- **{}:** {}", item.number, weakness(item)));
        }
    }
    for line in open_points(register, milestone, &free) {
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

/// What stands open about the milestone, and what was decided last where the date is not the original, each line
/// beginning inside bold. `free` gives a text that people wrote as it may be told.
fn open_points(register: &Register, milestone: &Milestone, free: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    let reason = |moved: &Move| {
        moved.rationale.as_ref().map(|rationale| format!("Reason given:** {}", free(&rationale.text)))
    };
    if let Some(moved) = milestone.open_move() {
        let waits = if moved.state == MoveState::Unexplained {
            "waits for a reason"
        } else {
            "waits for an approver"
        };
        lines.push(format!("Date change:** {} to {} {waits}", day(moved.from), day(moved.to)));
        lines.extend(reason(moved));
    } else if let Some((moved, decision)) = last_decided(milestone) {
        let (state, by) = (moved.state.name(), decision.by.shown());
        let (from, to, on) = (day(moved.from), day(moved.to), register.system.day(decision.at));
        let why = match (&decision.reason, moved.state) {
            (Some(why), MoveState::Rejected) => format!(": {}", free(why)),
            (Some(_) | None, _) => String::new(),
        };
        lines.push(format!("Date change:** {from} to {to} {state} by {by} on {on}{why}"));
        lines.extend(reason(moved));
    }
    if milestone.original_due != milestone.due {
        lines.push(format!("Original due:** {}", day(milestone.original_due)));
    }
    if let Some(why) = &milestone.blocked {
        lines.push(format!("Blocked:** {}", free(why)));
    }
    lines
}

/// The move that was decided last, unless it led back to the original date.
fn last_decided(milestone: &Milestone) -> Option<(&Move, &Decision)> {
    let decided = |moved: &&Move| matches!(moved.state, MoveState::Approved | MoveState::Rejected);
    let moved = milestone.moves.iter().rev().find(decided)?;
    let decision = moved.decision.as_ref()?;
    (moved.to != milestone.original_due).then_some((moved, decision))
}

/// A date, or that there is none.
pub(in crate::sync) fn day(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| "no date".to_owned(), |date| date.to_string())
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
    let mut text = one_line(&item.facts.title, NAME_MAX);
    if !item.facts.cves.is_empty() {
        text.push_str(&format!(" ({})", one_line(&item.facts.cves.join(", "), NAME_MAX)));
    }
    if !item.facts.components.is_empty() {
        let components: Vec<String> =
            item.facts.components.iter().take(5).map(|c| one_line(c, NAME_MAX)).collect();
        text.push_str(&format!(" on {}", components.join(", ")));
        if item.facts.components.len() > 5 {
            text.push_str(&format!(" and {} more", item.facts.components.len() - 5));
        }
    }
    text
}
