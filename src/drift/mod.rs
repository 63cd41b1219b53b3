//! Drift: the ways in which plan, ticket and calendar are apart, found by one pure function and settled by themselves.
//!
//! [`detect()`] says what stands now; [`settle`] compares that with what is open in the register and gives the changes:
//! opened, reworded, settled. So a cause that is gone settles its drift without anybody's doing, and a second call
//! after the changes were applied gives none.
//!
//! | file | what |
//! |---|---|
//! | `detect` | what detection reads and gives, and which kinds it owns |
//! | `milestone`, `item`, `connection` | the kinds, by what they are about |
//! | `settled` | what settled a drift, in words |

mod connection;
mod detect;
mod item;
mod milestone;
mod record;
mod settled;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use connection::{ConnectionHealth, Polls, TrackerHealth, detect_connection, detect_tracker};
pub use detect::{Context, Wanted, Wiring, detect, detect_item, detect_milestone, is_detected_here, touched};

pub use record::{Standing, milestones_in, redetect};

use crate::register::{Change, Drift, DriftKind, Register, Subject};

/// The changes that bring the open drifts of `subjects` to what is `wanted`.
///
/// `register` holds every open drift of `subjects`. Left as they are: drifts of other subjects, of kinds that detection
/// does not own ([`is_detected_here`]; but that a workbook lacks an item ends with the item), and of items and milestones that are not loaded, about which nothing is known.
/// What is wanted outside of these is not opened either.
pub fn settle(
    register: &Register,
    subjects: &BTreeSet<Subject>,
    wanted: Vec<Wanted>,
    at: DateTime<Utc>,
) -> Vec<Change> {
    let ours = |kind: DriftKind, subject: &Subject| {
        is_detected_here(kind) && subjects.contains(subject) && is_loaded(register, subject)
    };
    let mut missing: BTreeMap<(Subject, DriftKind, String), String> = BTreeMap::new();
    for Wanted { kind, subject, key, detail } in wanted {
        if ours(kind, &subject) {
            missing.entry((subject, kind, key)).or_insert(detail);
        }
    }

    let mut changes = Vec::new();
    for drift in register.drifts.values() {
        if drift.settled.is_some() || !subjects.contains(&drift.subject) {
            continue;
        }
        if !ours(drift.kind, &drift.subject) {
            if outlived(register, drift) {
                let by = settled::by(register, drift, at);
                changes.push(Change::DriftSettled { number: drift.number, by });
            }
            continue;
        }
        match missing.remove(&(drift.subject.clone(), drift.kind, drift.key.clone())) {
            Some(detail) if detail == drift.detail => {}
            Some(detail) => changes.push(Change::DriftDetail { number: drift.number, detail }),
            None => changes
                .push(Change::DriftSettled { number: drift.number, by: settled::by(register, drift, at) }),
        }
    }
    for (number, ((subject, kind, key), detail)) in (register.system.last_drift + 1..).zip(missing) {
        let drift = Drift { number, kind, subject, key, detail, opened: at, settled: None, settled_by: None };
        changes.push(Change::DriftOpened { drift });
    }
    changes
}

/// Whether an item that a newer workbook lacks was closed since: nobody misses it there any more.
fn outlived(register: &Register, drift: &Drift) -> bool {
    let Subject::Item(number) = &drift.subject else { return false };
    drift.kind == DriftKind::AbsentFromImport
        && register.items.get(number).is_some_and(|item| !item.is_open())
}

fn is_loaded(register: &Register, subject: &Subject) -> bool {
    match subject {
        Subject::Milestone(number) => register.milestones.contains_key(number),
        Subject::Item(number) => register.items.contains_key(number),
        Subject::Tracker(_) | Subject::Connection(_) | Subject::System => true,
    }
}
