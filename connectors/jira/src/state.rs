//! Which statuses, transitions and resolutions read as a state.

use std::collections::BTreeMap;

use connector_api::{StateChange, Status, StatusCategory, TicketState};

use crate::ticket::category;
use crate::wire;
use crate::wire::Transition;

/// Names of resolutions that fit where the configuration names none.
const FIXED: [&str; 4] = ["Done", "Fixed", "Resolved", "Completed"];
const DROPPED: [&str; 7] =
    ["Won't Do", "Won't Fix", "Wont Do", "Declined", "Duplicate", "Cannot Reproduce", "Cancelled"];
/// Parts of status names that tell as much.
const DROPPED_STATUS: [&str; 8] =
    ["won't", "wont", "cancel", "declin", "reject", "duplicate", "abandon", "not planned"];
const BLOCKED_STATUS: [&str; 4] = ["block", "hold", "imped", "stuck"];

fn tells(name: &str, parts: &[&str]) -> bool {
    let name = name.to_lowercase();
    parts.iter().any(|part| name.contains(part))
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The category that a state's statuses have.
pub(crate) fn fitting(state: TicketState) -> StatusCategory {
    match state {
        TicketState::Open => StatusCategory::Todo,
        TicketState::InProgress | TicketState::Blocked => StatusCategory::InProgress,
        TicketState::Done | TicketState::Dropped => StatusCategory::Done,
    }
}

/// Whether a ticket in this state is closed.
pub(crate) fn closes(state: TicketState) -> bool {
    fitting(state) == StatusCategory::Done
}

pub(crate) fn category_of(status: &wire::Status) -> StatusCategory {
    status.category.as_ref().map_or(StatusCategory::Todo, |c| category(&c.key))
}

/// Whether the ticket stands where it should already.
pub(crate) fn satisfied(status: &Status, change: &StateChange) -> bool {
    let named = change.names.iter().any(|name| same(name, &status.name));
    let in_category = change.names.is_empty() && status.category == fitting(change.to);
    let resolution = status.resolution.as_deref();
    match change.to {
        TicketState::Open | TicketState::InProgress => {
            named || in_category && !tells(&status.name, &BLOCKED_STATUS)
        }
        TicketState::Blocked => named || in_category && tells(&status.name, &BLOCKED_STATUS),
        TicketState::Done => {
            let dropped = resolution.is_some_and(|r| DROPPED.iter().any(|name| same(name, r)));
            (named || in_category && !tells(&status.name, &DROPPED_STATUS)) && !dropped
        }
        TicketState::Dropped => match (&change.resolution, resolution) {
            (Some(wanted), Some(set)) => (named || in_category) && same(wanted, set),
            (Some(_), None) => named && tells(&status.name, &DROPPED_STATUS),
            (None, set) => {
                named || in_category && set.is_some_and(|r| DROPPED.iter().any(|name| same(name, r)))
            }
        },
    }
}

/// How well a transition's end fits; lower is better, none if it does not.
pub(crate) fn rank(transition: &Transition, change: &StateChange) -> Option<usize> {
    let name = &transition.to.name;
    // What is dropped must read so afterwards: by its resolution or by its status.
    let tellable = |meta| change.resolution.is_some() || usual_resolution(meta, change.to).is_some();
    let reads_dropped =
        transition.fields.get("resolution").is_some_and(tellable) || tells(name, &DROPPED_STATUS);
    if let Some(at) = change.names.iter().position(|wanted| same(wanted, name)) {
        let trusted = change.to != TicketState::Dropped || reads_dropped || change.resolution.is_none();
        return trusted.then_some(at);
    }
    let fits = category_of(&transition.to) == fitting(change.to)
        && match change.to {
            TicketState::Open => true,
            TicketState::InProgress => !tells(name, &BLOCKED_STATUS),
            TicketState::Blocked => tells(name, &BLOCKED_STATUS),
            TicketState::Done => !tells(name, &DROPPED_STATUS),
            TicketState::Dropped => reads_dropped,
        };
    fits.then_some(change.names.len())
}

/// The resolution that a screen offers and that reads as the state.
pub(crate) fn usual_resolution(meta: &wire::FieldMeta, state: TicketState) -> Option<String> {
    let usual: &[&str] = if state == TicketState::Done { &FIXED } else { &DROPPED };
    let allowed: BTreeMap<String, &str> = meta
        .allowed_values
        .iter()
        .filter_map(|value| value["name"].as_str())
        .map(|name| (name.to_lowercase(), name))
        .collect();
    usual.iter().find_map(|name| allowed.get(&name.to_lowercase())).map(|&name| name.to_owned())
}
