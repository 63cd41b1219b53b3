//! What lies just on the right side of a line.

use super::table::Act;
use super::*;

pub(super) const NEAR_MISSES: &[(&str, Act)] = &[
    ("the due day runs until its midnight in the system's zone", |w| {
        w.set_due("2026-11-22");
        w.now = instant("2026-11-23T04:59:59Z");
    }),
    ("the deadline's day is not over; the milestone is done", |w| {
        w.finish();
        w.set_deadline("2026-11-22");
        w.now = instant("2026-11-23T04:59:59Z");
    }),
    ("15 days are left to the deadline", |w| w.set_deadline("2026-12-07")),
    ("an approved operational requirement stays open without lateness", |w| {
        w.set_deadline("2026-11-01");
        w.set_due("2026-12-10");
        w.item().facts.operational_requirement = DeviationState::Yes;
    }),
    ("an earlier date asks for no reason", |w| {
        w.add_move(Some("2026-12-01"), MoveState::Unexplained);
        w.link().observed.due = Some(day("2026-12-01"));
    }),
    ("the same date is no slip", |w| {
        w.add_move(Some("2026-12-10"), MoveState::Unexplained);
    }),
    ("a first date is no slip", |w| {
        w.set_due("2026-12-10");
        w.add_move(Some("2026-12-20"), MoveState::Unexplained).from = None;
        w.link().observed.due = Some(day("2026-12-20"));
    }),
    ("our own new date is about to be written", |w| {
        w.milestone().due = Some(day("2026-12-15"));
        w.link().dirty = Some(noon());
    }),
    ("an adopted ticket is about to be reconciled for the first time", |w| {
        w.link().observed.due = None;
        w.link().base.due = None;
        w.link().dirty = Some(noon());
    }),
    ("a ticket that was not looked at yet has no date", |w| w.link().observed = Observed::default()),
    ("a missing ticket's last date is not held against the plan, once GRC decided", |w| {
        w.finish();
        w.set_state(MilestoneState::Verified);
        w.link().phase = LinkPhase::Missing;
        w.link().observed.due = None;
    }),
    ("planned here, earlier than the rule's date", |w| w.item().facts.scheduled = Some(day("2027-01-10"))),
    ("no rule speaks of this rating", |w| {
        w.item().facts.rating = Some(Rating::Low);
        w.item().facts.scheduled = Some(day("2027-04-18"));
    }),
    ("the sprint ends on the due day", |w| {
        w.link().observed.scheduled = Some(("sprint 12".to_owned(), day("2026-12-10")));
    }),
    ("an open ticket under a rejected validation is no reopening", |w| {
        w.finish();
        w.set_state(MilestoneState::InProgress);
        w.link().observed.state = "in_progress".to_owned();
        w.milestone().evidence_after = Some(instant("2026-11-22T15:00:00Z"));
    }),
    ("a ticket that stands at done is not reopened", |w| {
        w.finish();
        w.set_state(MilestoneState::InProgress);
    }),
    ("a transition to another state is no reopening", |w| {
        w.add_evidence(EvidenceKind::Transition, "2026-11-21T15:00:00Z")
            .details
            .insert("to_state".to_owned(), "in_progress".to_owned());
    }),
    ("a verified milestone's ticket that is closed as not planned is closed", |w| {
        w.close_item();
        w.set_state(MilestoneState::Verified);
        w.link().observed.state = "dropped".to_owned();
    }),
    ("29 days without change", |w| w.milestone().changed = instant("2026-10-24T04:00:00Z")),
    ("a second milestone serves the item as well", |w| {
        let number = MilestoneNumber(2);
        let second = Milestone { number, ..w.milestone().clone() };
        w.register.milestones.insert(number, second);
        w.links.insert(number, Link { milestone: number, ..link() });
    }),
    ("confirmed 31 days ago", |w| w.item().reviewed = Some(day("2026-10-22"))),
    ("checked in 30 days before a submission that is today", |w| {
        if let Some(profile) = &mut w.register.system.profile {
            profile.submission_day = Some(22);
        }
        w.item().facts.vendor_dependency = true;
        w.item().facts.vendor_checkin = Some(day("2026-10-23"));
    }),
    ("a milestone that is over is asked for nothing more", |w| {
        w.finish();
        let milestone = w.milestone();
        (milestone.owner, milestone.due) = (None, None);
        milestone.expects.clear();
    }),
    ("nine days of validation", |w| {
        w.finish();
        w.item().status = Status::PendingValidation;
        w.item().status_since = instant("2026-11-13T05:00:00Z");
    }),
    ("two polls missed", |w| (w.connection.polls.missed, w.tracker.polls.missed) = (2, 2)),
    ("15 days of a token are left", |w| {
        w.connection.token_expires = Some(instant("2026-12-07T05:00:00Z"));
    }),
    ("a resolved conflict", |w| {
        let resolved = Resolution {
            by: "Cho".to_owned(),
            at: noon(),
            keep: "register".to_owned(),
            reason: "ours".to_owned(),
        };
        let conflict = Conflict {
            number: 1,
            subject: Subject::Milestone(M1),
            field: "title".to_owned(),
            base: String::new(),
            ours: String::new(),
            theirs: String::new(),
            winner: "register".to_owned(),
            at: noon(),
            resolved: Some(resolved),
        };
        w.register.conflicts.insert(1, conflict);
    }),
    ("a ticket that is about to be made", |w| {
        w.link().phase = LinkPhase::Creating;
        w.link().dirty = Some(noon());
    }),
    ("a draft is not complete yet, and has no ticket", |w| {
        w.links.clear();
        let item = w.item();
        item.status = Status::Draft;
        item.facts = ItemFacts::titled("to be looked at");
        item.reviewed = None;
        item.status_since = instant("2026-01-01T00:00:00Z");
        let milestone = w.milestone();
        (milestone.owner, milestone.changed) = (None, instant("2026-01-01T00:00:00Z"));
    }),
    ("of a closed item nothing is asked", |w| {
        w.set_due("2026-01-01");
        w.set_deadline("2026-01-01");
        w.links.clear();
        w.milestone().owner = None;
        w.item().facts.owner = None;
        w.item().facts.vendor_dependency = true;
        w.close_item();
    }),
    ("a done milestone of a closed item needs no more evidence", |w| {
        w.set_state(MilestoneState::Done);
        w.link().observed.state = "done".to_owned();
        w.close_item();
    }),
];

#[test]
fn what_is_not_apart_opens_nothing() {
    for (about, act) in NEAR_MISSES {
        let mut world = World::quiet();
        act(&mut world);
        assert_eq!(world.wanted(), [], "{about}");
    }
}
