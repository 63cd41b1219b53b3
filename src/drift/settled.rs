//! What settled a drift, in words.

use chrono::{DateTime, NaiveDate, Utc};

use super::detect::{date, deadline_counts};
use super::milestone::{is_concluded, next_deadline};
use crate::register::{
    Drift, DriftKind, Item, Milestone, MilestoneState, MoveState, Register, Status, Subject,
};

/// Why `drift` stands no longer, read from what its subject is now.
pub(super) fn by(register: &Register, drift: &Drift, at: DateTime<Utc>) -> String {
    match &drift.subject {
        Subject::Milestone(number) => match register.milestones.get(number) {
            Some(milestone) => by_milestone(register, milestone, drift, at),
            None => by_kind(drift.kind).to_owned(),
        },
        Subject::Item(number) => match register.items.get(number) {
            Some(item) => by_item(register, item, drift, at),
            None => by_kind(drift.kind).to_owned(),
        },
        Subject::Tracker(_) | Subject::Connection(_) | Subject::System => by_kind(drift.kind).to_owned(),
    }
}

fn by_milestone(register: &Register, milestone: &Milestone, drift: &Drift, at: DateTime<Utc>) -> String {
    let (kind, state) = (drift.kind, milestone.state);
    if kind == DriftKind::Conflict {
        // It outlives its milestone.
        let conflict = register.conflicts.values().find(|conflict| conflict.number.to_string() == drift.key);
        return match conflict.and_then(|conflict| conflict.resolved.as_ref()) {
            Some(resolution) => format!("resolved by {}: the {}'s kept", resolution.by, resolution.keep),
            None => by_kind(kind).to_owned(),
        };
    }
    if kind == DriftKind::ReopenedAfterClosure {
        return match state {
            MilestoneState::Verified => "the ticket is closed again".to_owned(),
            MilestoneState::Planned
            | MilestoneState::InProgress
            | MilestoneState::Blocked
            | MilestoneState::Done
            | MilestoneState::Dropped => format!("GRC decision: {}", state.name()),
        };
    }
    if let Some(words) = by_move(milestone, drift) {
        return words;
    }
    // What a done milestone is still asked for.
    let outlasts_done = matches!(
        kind,
        DriftKind::DoneWithoutEvidence
            | DriftKind::ClosedWithoutFix
            | DriftKind::TicketMissing
            | DriftKind::TicketMovedAway
            | DriftKind::DuplicateMarker
    );
    if state.is_over() && !(state == MilestoneState::Done && outlasts_done) {
        return state.name().to_owned();
    }
    if is_concluded(register, milestone) {
        return "every item it serves is closed".to_owned();
    }
    if kind == DriftKind::DoneWithoutEvidence && !state.is_over() {
        return "open again".to_owned();
    }
    if kind == DriftKind::Overdue {
        return format!("due {}", date(milestone.due));
    }
    if kind == DriftKind::DueDiffers
        && let Some(open) = milestone.open_move()
    {
        return format!("move {} names it", open.number);
    }
    if kind == DriftKind::DeadlineAtRisk {
        let today = register.system.day(at);
        let next = next_deadline(register, milestone, today).map(|(_, deadline)| deadline.date);
        return by_deadline(next, today, drift);
    }
    by_kind(kind).to_owned()
}

fn by_item(register: &Register, item: &Item, drift: &Drift, at: DateTime<Utc>) -> String {
    if !item.is_open() {
        let how = item.disposition.as_ref().map_or("without a disposition", |disposition| disposition.name());
        return format!("closed: {how}");
    }
    if matches!(drift.kind, DriftKind::PastDeadline | DriftKind::DeadlineAtRisk) {
        if !deadline_counts(item) {
            return "deviation approved".to_owned();
        }
        let planned = |milestone: &Milestone| milestone.state != MilestoneState::Dropped;
        if drift.kind == DriftKind::DeadlineAtRisk && register.milestones_of(&item.number).any(planned) {
            return "planned".to_owned();
        }
        return by_deadline(
            item.deadline.as_ref().map(|deadline| deadline.date),
            register.system.day(at),
            drift,
        );
    }
    if drift.kind == DriftKind::ValidationWaiting && item.status != Status::PendingValidation {
        return format!("decided: {}", item.status.name());
    }
    by_kind(drift.kind).to_owned()
}

/// The key of a drift about a deadline is the deadline; `now` is the one that counts now.
fn by_deadline(now: Option<NaiveDate>, today: NaiveDate, drift: &Drift) -> String {
    let was = drift.key.parse::<NaiveDate>().ok();
    if drift.kind == DriftKind::DeadlineAtRisk && was.is_some_and(|was| was < today) {
        return "the deadline has passed".to_owned();
    }
    match now {
        Some(now) if Some(now) != was => format!("the deadline is now {now}"),
        Some(_) => by_kind(drift.kind).to_owned(),
        None => "there is no deadline any more".to_owned(),
    }
}

/// What became of the move that the key of a drift about a move names; none where it is still open.
fn by_move(milestone: &Milestone, drift: &Drift) -> Option<String> {
    let unexplained = drift.kind == DriftKind::SlipUnexplained;
    if !unexplained && drift.kind != DriftKind::SlipUnapproved {
        return None;
    }
    let moved = milestone.moves.iter().find(|moved| moved.number.to_string() == drift.key)?;
    let by =
        moved.decision.as_ref().map_or_else(String::new, |decision| format!(" by {}", decision.by.shown()));
    match moved.state {
        MoveState::Unexplained => None,
        MoveState::Explained => unexplained.then(|| "rationale given".to_owned()),
        MoveState::Approved if unexplained && moved.rationale.is_some() => {
            Some(format!("rationale given, approved{by}"))
        }
        MoveState::Approved => Some(format!("approved{by}")),
        MoveState::Rejected => Some(format!("rejected{by}")),
        MoveState::Superseded => Some("superseded by a further edit".to_owned()),
        MoveState::Withdrawn => Some("withdrawn".to_owned()),
        MoveState::Noted => Some("noted only".to_owned()),
    }
}

/// What settles a kind when nothing more exact is known.
fn by_kind(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::SlipUnexplained | DriftKind::SlipUnapproved => "the move is no longer open",
        DriftKind::DueDiffers => "the dates agree",
        DriftKind::DueDiffersFromRule => "the date is what the rule gives",
        DriftKind::DeadlineAtRisk => "within the deadline",
        DriftKind::PastDeadline | DriftKind::Overdue => "no longer late",
        DriftKind::ScheduledAfterDue => "planned to end by the due date",
        DriftKind::DoneWithoutEvidence => "evidence given",
        DriftKind::ClosedWithoutFix => "reopened or decided",
        DriftKind::Reopened => "done again or decided",
        DriftKind::ReopenedAfterClosure => "closed again or decided",
        DriftKind::Blocked => "unblocked",
        DriftKind::TicketMissing => "found or decided",
        DriftKind::TicketMovedAway => "in a covered project again, or decided",
        DriftKind::DuplicateMarker => "one ticket carries the marker",
        DriftKind::Unlinked => "has a ticket, or no route gives it one",
        DriftKind::Unowned => "a person owns it",
        DriftKind::OwnerUnmapped => "mapped",
        DriftKind::Incomplete => "complete",
        DriftKind::Stale => "progress",
        DriftKind::Unreviewed => "reviewed",
        DriftKind::VendorCheckinLate => "checked in",
        DriftKind::ValidationWaiting => "decided",
        DriftKind::Conflict => "resolved",
        DriftKind::TrackerSilent => "a poll succeeded",
        DriftKind::TrackerHalted => "resumed",
        DriftKind::TokenExpiring => "renewed",
        DriftKind::AbsentFromImport
        | DriftKind::EvaluationLate
        | DriftKind::AcceptanceExpiring
        | DriftKind::AcceptanceExpired
        | DriftKind::Recurred
        | DriftKind::SubmissionLate
        | DriftKind::NoticeBounced => "no longer so",
    }
}
