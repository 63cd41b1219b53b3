//! What stands for a milestone.

use std::collections::BTreeSet;
use std::fmt::Display;

use chrono::{Days, NaiveDate};

use super::detect::{Context, Wanted, date, deadline_counts, quoted};
use crate::register::policy::answer_by;
use crate::register::{
    Deadline, DriftKind, EvidenceKind, Item, Link, LinkPhase, Milestone, MilestoneState, Move, MoveState,
    Register, Status, Subject, completeness,
};

/// Adds what stands for `milestone`, conflicts left out.
pub(super) fn detect(register: &Register, milestone: &Milestone, ctx: &Context<'_>, out: &mut Vec<Wanted>) {
    let mut case =
        Case { register, milestone, link: ctx.links.get(&milestone.number), ctx, today: ctx.today(), out };
    case.reopened_after_closure();
    if is_concluded(register, milestone) {
        return;
    }
    if !matches!(milestone.state, MilestoneState::Verified | MilestoneState::Dropped) {
        case.done_without_evidence();
        case.ticket_astray();
        case.closed_without_fix();
    }
    if milestone.state.is_over() {
        return;
    }
    case.open_move();
    case.due_differs();
    case.deadline_at_risk();
    case.overdue();
    case.scheduled_after_due();
    case.reopened();
    case.blocked();
    if in_force(register, milestone) {
        case.unlinked();
        case.unowned();
        case.owner_unmapped();
        case.stale();
    }
}

/// Whether every item it serves is closed: nothing is asked of it any more. An item that is not loaded may be open.
pub(super) fn is_concluded(register: &Register, milestone: &Milestone) -> bool {
    !milestone.serves.is_empty()
        && milestone
            .serves
            .iter()
            .all(|number| register.items.get(number).is_some_and(|item| !item.is_open()))
}

/// Whether it is part of a plan that is in force: not every item it serves is in triage or closed.
fn in_force(register: &Register, milestone: &Milestone) -> bool {
    let waits = |item: &Item| matches!(item.status, Status::Draft | Status::Closed);
    milestone.serves.is_empty()
        || !milestone.serves.iter().all(|number| register.items.get(number).is_some_and(waits))
}

/// The earliest deadline that counts and has not passed among those of the items that `milestone` serves.
pub(super) fn next_deadline<'a>(
    register: &'a Register,
    milestone: &'a Milestone,
    today: NaiveDate,
) -> Option<(&'a Item, &'a Deadline)> {
    register
        .items_of(milestone)
        .filter(|item| deadline_counts(item))
        .filter_map(|item| item.deadline.as_ref().map(|deadline| (item, deadline)))
        .filter(|(_, deadline)| deadline.date >= today)
        .min_by_key(|(_, deadline)| deadline.date)
}

/// Whether a move is to a later date, or to none.
fn is_slip(moved: &Move) -> bool {
    match (moved.from, moved.to) {
        (Some(from), Some(to)) => to > from,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Whether the ticket was brought to what the milestone's state is, and has moved on since.
fn told(link: &Link, state: MilestoneState) -> bool {
    link.base.state.as_ref().is_some_and(|base| base.ours == state.name())
}

/// One milestone under detection.
struct Case<'a, 'b> {
    register: &'a Register,
    milestone: &'a Milestone,
    link: Option<&'a Link>,
    ctx: &'a Context<'a>,
    today: NaiveDate,
    out: &'b mut Vec<Wanted>,
}

impl<'a> Case<'a, '_> {
    fn add(&mut self, kind: DriftKind, detail: String) {
        self.add_keyed(kind, &"", detail);
    }

    fn add_keyed(&mut self, kind: DriftKind, key: &dyn Display, detail: String) {
        let subject = Subject::Milestone(self.milestone.number);
        self.out.push(Wanted { kind, subject, key: key.to_string(), detail });
    }

    /// The link, once its ticket was looked at.
    fn seen(&self) -> Option<&'a Link> {
        self.link.filter(|link| link.phase == LinkPhase::Linked && link.observed.at.is_some())
    }

    fn ticket(&self) -> String {
        let key = self.link.and_then(|link| link.key.as_deref());
        match key.or(self.milestone.ticket.as_ref().map(|ticket| ticket.key.as_str())) {
            Some(key) => format!("ticket {key}"),
            None => "the ticket".to_owned(),
        }
    }

    fn reopened_after_closure(&mut self) {
        let Some(link) = self.seen() else { return };
        let open = !matches!(link.observed.state.as_str(), "done" | "dropped" | "");
        let (ticket, state) = (self.ticket(), quoted(&link.observed.status));
        let detail = match self.milestone.state {
            MilestoneState::Verified if open => format!("verified, but {ticket} is in {state} again"),
            // What GRC dropped stays dropped. A ticket that we are about to close was not reopened.
            MilestoneState::Dropped if open && told(link, self.milestone.state) => {
                format!("dropped, but {ticket} is in {state} again")
            }
            MilestoneState::Planned
            | MilestoneState::InProgress
            | MilestoneState::Blocked
            | MilestoneState::Done
            | MilestoneState::Verified
            | MilestoneState::Dropped => return,
        };
        self.add(DriftKind::ReopenedAfterClosure, detail);
    }

    fn done_without_evidence(&mut self) {
        if self.milestone.state != MilestoneState::Done {
            return;
        }
        let missing = completeness::missing_evidence(self.register, self.milestone);
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|kind| kind.name()).collect();
            self.add(DriftKind::DoneWithoutEvidence, format!("done, but without {}", names.join(", ")));
        }
    }

    fn ticket_astray(&mut self) {
        let Some(link) = self.link else { return };
        if link.phase == LinkPhase::Missing {
            let since = link
                .missing_since
                .map_or_else(String::new, |at| format!(" since {}", self.ctx.calendar.day(at)));
            let detail = format!("{} is not found, or not visible to us{since}", self.ticket());
            self.add(DriftKind::TicketMissing, detail);
        }
        if let Some(project) = &link.observed.moved_away {
            let detail = format!("{} is now in {}, which no tracker covers", self.ticket(), quoted(project));
            self.add(DriftKind::TicketMovedAway, detail);
        }
        if !link.observed.duplicates.is_empty() {
            let others: BTreeSet<&str> = link.observed.duplicates.iter().map(String::as_str).collect();
            let others = others.into_iter().collect::<Vec<_>>().join(", ");
            let detail = format!("{} and also {others} carry the marker", self.ticket());
            self.add(DriftKind::DuplicateMarker, detail);
        }
    }

    fn open_move(&mut self) {
        let Some(moved) = self.milestone.open_move() else { return };
        let change = match (moved.from, moved.to) {
            (Some(from), Some(to)) => {
                let days = (to - from).num_days();
                let way = if days < 0 { "earlier" } else { "later" };
                format!("moved from {from} to {to}, {} days {way}", days.abs())
            }
            (Some(from), None) => format!("cleared, was {from}"),
            (None, to) => format!("set to {}", date(to)),
        };
        match moved.state {
            MoveState::Unexplained if is_slip(moved) || self.is_past(moved) => {
                let by = answer_by(self.ctx.calendar, self.ctx.policy, moved.at);
                let detail =
                    format!("due date {change}, by {}; no reason given, expected by {by}", moved.by.shown());
                self.add_keyed(DriftKind::SlipUnexplained, &moved.number, detail);
            }
            MoveState::Explained => {
                let why = moved
                    .rationale
                    .as_ref()
                    .map_or_else(String::new, |rationale| format!(": {}", quoted(&rationale.text)));
                let wants = if moved.to.is_some() {
                    "waits for an approver"
                } else {
                    "a cleared date cannot be approved, only rejected"
                };
                let detail = format!("due date {change}, by {}{why}; {wants}", moved.by.shown());
                self.add_keyed(DriftKind::SlipUnapproved, &moved.number, detail);
            }
            // An earlier date that can be met needs no reason; the other states are not open.
            MoveState::Unexplained
            | MoveState::Approved
            | MoveState::Rejected
            | MoveState::Superseded
            | MoveState::Withdrawn
            | MoveState::Noted => {}
        }
    }

    /// Whether a date was past already when it was proposed: nobody can meet it, and no rule approves it.
    fn is_past(&self, moved: &Move) -> bool {
        moved.to.is_some_and(|to| to < self.ctx.calendar.day(moved.at))
    }

    fn due_differs(&mut self) {
        let Some(link) = self.seen() else { return };
        let (ours, theirs) = (self.milestone.due, link.observed.due);
        let unreadable = link.observed.due_unreadable.as_deref();
        let named = self.milestone.open_move().is_some_and(|open| open.to == theirs);
        if unreadable.is_none() && (ours == theirs || named) || self.on_its_way(link) {
            return;
        }
        let detail = if let Some(why) = unreadable {
            let ticket = self.ticket();
            format!("the due date in {ticket} cannot be read ({}), plan says {}", quoted(why), date(ours))
        } else {
            let last = self.milestone.moves.iter().rev().find(|moved| moved.to == theirs);
            let refused = match last {
                Some(last) if last.state == MoveState::Rejected => {
                    format!("; move {} to it was rejected", last.number)
                }
                Some(_) | None => String::new(),
            };
            format!("ticket says {}, plan says {}{refused}", date(theirs), date(ours))
        };
        self.add(DriftKind::DueDiffers, detail);
    }

    /// Whether the plan's date changed and is about to be written to the ticket for the first time. A write that failed
    /// or that a brake holds up is no longer on its way.
    fn on_its_way(&self, link: &Link) -> bool {
        let ours_changed = match &link.base.due {
            Some(base) => base.ours != self.milestone.due && base.theirs == link.observed.due,
            None => true,
        };
        ours_changed
            && link.dirty.is_some()
            && link.attempts == 0
            && link.error.is_none()
            && link.observed.due_unreadable.is_none()
            && !self.ctx.halted.contains_key(&link.tracker)
    }

    /// Of a deadline that has passed, the item says so.
    fn deadline_at_risk(&mut self) {
        let Some((item, deadline)) = next_deadline(self.register, self.milestone, self.today) else { return };
        let left = (deadline.date - self.today).num_days();
        let days = self.ctx.policy.drift.at_risk_days;
        let of = format!("the deadline {} of {} ({})", deadline.date, item.number, deadline.derivation);
        let detail = match self.milestone.due {
            Some(due) if due > deadline.date => format!("due {due}, after {of}"),
            due if left <= i64::from(days) => {
                format!("due {}, still open within {days} days of {of}", date(due))
            }
            Some(_) | None => return,
        };
        self.add_keyed(DriftKind::DeadlineAtRisk, &deadline.date, detail);
    }

    fn overdue(&mut self) {
        let Some(due) = self.milestone.due.filter(|due| *due < self.today) else { return };
        let first = match self.milestone.original_due {
            Some(original) if original != due => format!(", first planned for {original}"),
            Some(_) | None => String::new(),
        };
        self.add_keyed(DriftKind::Overdue, &due, format!("was due {due}{first}"));
    }

    fn scheduled_after_due(&mut self) {
        let Some(link) = self.seen() else { return };
        if let (Some((name, ends)), Some(due)) = (&link.observed.scheduled, self.milestone.due)
            && *ends > due
        {
            let detail =
                format!("{} is planned into {} until {ends}, due {due}", self.ticket(), quoted(name));
            self.add(DriftKind::ScheduledAfterDue, detail);
        }
    }

    fn closed_without_fix(&mut self) {
        if let Some(closed) = &self.milestone.closed_without_fix {
            let day = self.ctx.calendar.day(closed.at);
            let detail = format!(
                "{} was closed as {} by {} on {day}",
                self.ticket(),
                quoted(&closed.resolution),
                closed.by
            );
            self.add(DriftKind::ClosedWithoutFix, detail);
        }
    }

    /// A transition to done is on record, and the milestone is not done. Not so where a validation was rejected after
    /// it, which is a decision of ours, nor while the ticket still stands at done.
    fn reopened(&mut self) {
        if self.seen().is_some_and(|link| link.observed.state == "done") {
            return;
        }
        let last = self
            .milestone
            .evidence
            .iter()
            .filter_map(|number| self.register.evidence.get(number))
            .filter(|proof| proof.kind == EvidenceKind::Transition)
            .filter(|proof| proof.details.get("to_state").is_some_and(|to| to == "done"))
            .filter(|proof| self.milestone.evidence_after.is_none_or(|after| proof.observed > after))
            .max_by_key(|proof| proof.observed);
        if let Some(last) = last {
            let day = self.ctx.calendar.day(last.observed);
            self.add(DriftKind::Reopened, format!("{} was done on {day} and is open again", self.ticket()));
        }
    }

    fn blocked(&mut self) {
        if self.milestone.state == MilestoneState::Blocked {
            let detail = match self.milestone.blocked.as_deref().filter(|why| !why.trim().is_empty()) {
                Some(why) => format!("blocked: {}", quoted(why)),
                None => "blocked, no reason given".to_owned(),
            };
            self.add(DriftKind::Blocked, detail);
        }
    }

    /// A ticket that is about to be made is not missed yet; one that is held back, or cannot be made, is.
    fn unlinked(&mut self) {
        let detail = match self.link {
            None => match self.ctx.wiring.tracker_for(self.register, self.milestone) {
                Some(tracker) => format!("no ticket, and a route gives it one in {tracker}"),
                None => return,
            },
            Some(link) => {
                let unmade = matches!(link.phase, LinkPhase::Waiting | LinkPhase::Creating);
                if unmade && link.error.is_some() {
                    format!("no ticket: it cannot be made in {}", link.tracker)
                } else if link.phase == LinkPhase::Waiting && link.dirty.is_none() {
                    format!("no ticket: held back in {} until `link open --yes`", link.tracker)
                } else {
                    return;
                }
            }
        };
        self.add(DriftKind::Unlinked, detail);
    }

    fn unowned(&mut self) {
        let detail = match self.milestone.owner.as_deref().filter(|owner| !owner.trim().is_empty()) {
            Some(owner) if self.ctx.people.contains_key(owner) => return,
            Some(owner) => format!("its owner {} is no person of the register", quoted(owner)),
            None => "no person owns it".to_owned(),
        };
        self.add(DriftKind::Unowned, detail);
    }

    fn owner_unmapped(&mut self) {
        let Some(link) = self.link.filter(|link| link.phase == LinkPhase::Linked) else { return };
        let owner = self.milestone.owner.as_ref().and_then(|owner| self.ctx.people.get(owner));
        if let Some(person) = owner
            && !self.ctx.wiring.has_account(&link.tracker, person)
        {
            let detail = format!("owner {} has no account on tracker {}", quoted(&person.name), link.tracker);
            self.add_keyed(DriftKind::OwnerUnmapped, &"owner", detail);
        }
        if let (Some(account), None) = (&link.observed.assignee, &link.observed.assignee_person) {
            let detail =
                format!("{} is assigned to account {}, which is no person's", self.ticket(), quoted(account));
            self.add_keyed(DriftKind::OwnerUnmapped, &"assignee", detail);
        }
    }

    /// Nothing was recorded of it for long. The tracker's `updated` is not read: our own comments raise it.
    fn stale(&mut self) {
        let since = self.ctx.calendar.day(self.milestone.changed);
        let days = Days::new(self.ctx.policy.drift.stale_days.into());
        if since.checked_add_days(days).is_some_and(|until| until <= self.today) {
            self.add(DriftKind::Stale, format!("nothing has changed since {since}"));
        }
    }
}
