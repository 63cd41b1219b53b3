//! Moves, dates and deadlines.

use super::table::{Case, beside, case};
use super::*;

pub(super) const DATES: &[Case] = &[
    case(
        DriftKind::SlipUnexplained,
        "a later date without a reason",
        |w| {
            w.add_move(Some("2026-12-20"), MoveState::Unexplained);
            w.link().observed.due = Some(day("2026-12-20"));
        },
        "1",
        // Five business days from Friday the 20th, Thanksgiving on the 26th left out.
        "due date moved from 2026-12-10 to 2026-12-20, 10 days later, by Bob; no reason given, expected by 2026-11-30",
        &[
            (
                |w| {
                    let moved = &mut w.milestone().moves[0];
                    (moved.state, moved.rationale) = (MoveState::Explained, Some(rationale()));
                },
                "rationale given",
            ),
            (
                |w| {
                    let moved = &mut w.milestone().moves[0];
                    moved.rationale = Some(rationale());
                    moved.decision = Some(Decision {
                        by: Actor::Rule("moves/total-30".to_owned()),
                        at: noon(),
                        reason: None,
                    });
                    moved.state = MoveState::Approved;
                    w.milestone().due = Some(day("2026-12-20"));
                },
                "rationale given, approved by rule moves/total-30",
            ),
            (
                |w| {
                    w.milestone().moves[0].state = MoveState::Withdrawn;
                    w.link().observed.due = Some(day("2026-12-10"));
                },
                "withdrawn",
            ),
            (
                |w| {
                    w.milestone().moves[0].state = MoveState::Superseded;
                    w.add_move(Some("2026-12-01"), MoveState::Unexplained);
                },
                "superseded by a further edit",
            ),
            (
                |w| {
                    let moved = &mut w.milestone().moves[0];
                    (moved.state, moved.decision) = (MoveState::Rejected, Some(decision()));
                },
                "rejected by Cho",
            ),
            (World::finish, "done"),
            (|w| w.set_state(MilestoneState::Dropped), "dropped"),
            (World::close_item, "every item it serves is closed"),
        ],
    ),
    case(
        DriftKind::SlipUnexplained,
        "a cleared date",
        |w| {
            w.add_move(None, MoveState::Unexplained);
            w.link().observed.due = None;
        },
        "1",
        "due date cleared, was 2026-12-10, by Bob; no reason given, expected by 2026-11-30",
        &[],
    ),
    case(
        DriftKind::SlipUnapproved,
        "an explained move",
        |w| {
            w.add_move(Some("2026-12-20"), MoveState::Explained).rationale = Some(rationale());
            w.link().observed.due = Some(day("2026-12-20"));
        },
        "1",
        "due date moved from 2026-12-10 to 2026-12-20, 10 days later, by Bob: \"the vendor's patch is late\"; waits for \
         an approver",
        &[
            (
                |w| {
                    let moved = &mut w.milestone().moves[0];
                    (moved.state, moved.decision) = (MoveState::Approved, Some(decision()));
                    w.milestone().due = Some(day("2026-12-20"));
                },
                "approved by Cho",
            ),
            (
                |w| {
                    let moved = &mut w.milestone().moves[0];
                    (moved.state, moved.decision) = (MoveState::Rejected, Some(decision()));
                },
                "rejected by Cho",
            ),
            (World::finish, "done"),
        ],
    ),
    case(
        DriftKind::SlipUnapproved,
        "an explained clearing",
        |w| {
            w.add_move(None, MoveState::Explained).rationale = Some(rationale());
            w.link().observed.due = None;
        },
        "1",
        "due date cleared, was 2026-12-10, by Bob: \"the vendor's patch is late\"; a cleared date cannot be approved, \
         only rejected",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "another date in the ticket, and no move",
        |w| w.link().observed.due = Some(day("2026-12-15")),
        "",
        "ticket says 2026-12-15, plan says 2026-12-10",
        &[
            (|w| w.link().observed.due = Some(day("2026-12-10")), "the dates agree"),
            (
                |w| {
                    w.add_move(Some("2026-12-15"), MoveState::Unexplained);
                },
                "move 1 names it",
            ),
            (World::finish, "done"),
        ],
    ),
    case(
        DriftKind::DueDiffers,
        "a rejected date still in the ticket",
        |w| {
            w.add_move(Some("2026-12-15"), MoveState::Rejected).decision = Some(decision());
            let link = w.link();
            link.observed.due = Some(day("2026-12-15"));
            link.base.due = Some(Pair { ours: Some(day("2026-12-10")), theirs: Some(day("2026-12-15")) });
            // Marked for another reason: nothing of ours is on its way.
            link.dirty = Some(noon());
        },
        "",
        "ticket says 2026-12-15, plan says 2026-12-10; move 1 to it was rejected",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "an open move to another date than the ticket's",
        |w| {
            w.add_move(Some("2026-12-01"), MoveState::Unexplained);
            w.link().observed.due = Some(day("2026-12-15"));
        },
        "",
        "ticket says 2026-12-15, plan says 2026-12-10",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "an unreadable due line",
        |w| {
            w.link().observed.due = None;
            w.link().observed.due_unreadable = Some("\"2026-02-30\" is no date".to_owned());
        },
        "",
        "the due date in ticket ACME-12 cannot be read (\"\"2026-02-30\" is no date\"), plan says 2026-12-10",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "a date of ours whose write failed",
        |w| {
            w.milestone().due = Some(day("2026-12-15"));
            w.link().dirty = Some(noon());
            w.link().attempts = 1;
        },
        "",
        "ticket says 2026-12-10, plan says 2026-12-15",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "a date of ours that the ticket refuses",
        |w| {
            w.milestone().due = Some(day("2026-12-15"));
            w.link().dirty = Some(noon());
            w.link().error = Some("field 'duedate' cannot be set".to_owned());
        },
        "",
        "ticket says 2026-12-10, plan says 2026-12-15",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "both sides have a new date",
        |w| {
            w.milestone().due = Some(day("2026-12-15"));
            w.link().observed.due = Some(day("2026-12-16"));
            w.link().dirty = Some(noon());
        },
        "",
        "ticket says 2026-12-16, plan says 2026-12-15",
        &[],
    ),
    case(
        DriftKind::DueDiffers,
        "a date of ours, where the due line cannot be read",
        |w| {
            w.milestone().due = Some(day("2026-12-15"));
            w.link().dirty = Some(noon());
            w.link().observed.due_unreadable = Some("two due lines".to_owned());
        },
        "",
        "the due date in ticket ACME-12 cannot be read (\"two due lines\"), plan says 2026-12-15",
        &[],
    ),
    beside(
        case(
            DriftKind::DueDiffers,
            "a date of ours that a brake holds up",
            |w| {
                w.milestone().due = Some(day("2026-12-15"));
                w.link().dirty = Some(noon());
                w.halted.insert("acme-jira".to_owned(), "short listing".to_owned());
            },
            "",
            "ticket says 2026-12-10, plan says 2026-12-15",
            &[],
        ),
        &[DriftKind::TrackerHalted],
    ),
    case(
        DriftKind::DueDiffersFromRule,
        "scheduled later than the rule gives",
        |w| w.item().facts.scheduled = Some(day("2027-01-19")),
        "scheduled",
        "scheduled completion is recorded as 2027-01-19, rule legacy-rev5/moderate-90 gives 2027-01-18 (90 days from \
         detection on 2026-10-20 (moderate))",
        &[
            (|w| w.item().facts.scheduled = Some(day("2027-01-18")), "the date is what the rule gives"),
            (World::close_item, "closed: remediated"),
        ],
    ),
    case(
        DriftKind::DueDiffersFromRule,
        "an imported date is compared exactly",
        |w| {
            w.item().facts.scheduled = Some(day("2027-01-17"));
            w.item().imported = Some(ImportedRow {
                file: Digest::of(b"file"),
                sheet: "Open POA&M Items".to_owned(),
                row: 9,
                cells: BTreeMap::new(),
            });
        },
        "scheduled",
        "scheduled completion is recorded as 2027-01-17, rule legacy-rev5/moderate-90 gives 2027-01-18 (90 days from \
         detection on 2026-10-20 (moderate))",
        &[],
    ),
    case(
        DriftKind::DueDiffersFromRule,
        "a deadline that was not derived anew",
        |w| {
            if let Some(deadline) = &mut w.item().deadline {
                deadline.date = day("2027-01-20");
            }
        },
        "deadline",
        "deadline is recorded as 2027-01-20, rule legacy-rev5/moderate-90 gives 2027-01-18 (90 days from detection on \
         2026-10-20 (moderate))",
        &[],
    ),
    case(
        DriftKind::DeadlineAtRisk,
        "due after the deadline",
        |w| w.set_due("2027-01-19"),
        "2027-01-18",
        "due 2027-01-19, after the deadline 2027-01-18 of V-1 (90 days from detection on 2026-10-20 (moderate))",
        &[
            (|w| w.set_due("2027-01-18"), "within the deadline"),
            (|w| w.set_deadline("2027-01-30"), "the deadline is now 2027-01-30"),
            (
                |w| {
                    w.item().deadline = None;
                    w.now = instant("2027-01-18T17:00:00Z");
                },
                "there is no deadline any more",
            ),
            (
                |w| w.item().facts.operational_requirement = DeviationState::Yes,
                "there is no deadline any more",
            ),
            (World::finish, "done"),
            (|w| w.now = instant("2027-01-19T05:00:00Z"), "the deadline has passed"),
        ],
    ),
    case(
        DriftKind::DeadlineAtRisk,
        "open within 14 days of the deadline",
        |w| w.set_deadline("2026-12-06"),
        "2026-12-06",
        "due 2026-12-06, still open within 14 days of the deadline 2026-12-06 of V-1 (as set)",
        &[],
    ),
    beside(
        case(
            DriftKind::DeadlineAtRisk,
            "no milestone, and the deadline is near",
            |w| {
                w.set_deadline("2026-12-06");
                w.set_state(MilestoneState::Dropped);
            },
            "2026-12-06",
            "no milestone, and the deadline is 2026-12-06 (as set)",
            &[
                (|w| w.item().facts.false_positive = DeviationState::Yes, "deviation approved"),
                (World::finish, "planned"),
                (|w| w.now = instant("2026-12-07T05:00:00Z"), "the deadline has passed"),
            ],
        ),
        &[DriftKind::Incomplete],
    ),
    beside(
        case(
            DriftKind::PastDeadline,
            "the deadline's day has ended",
            |w| {
                w.set_deadline("2026-11-21");
                w.item().facts.vendor_dependency = true;
                w.item().facts.vendor_checkin = Some(day("2026-11-20"));
            },
            "2026-11-21",
            "the deadline was 2026-11-21 (as set); depends on a vendor's fix",
            &[
                (World::close_item, "closed: remediated"),
                (|w| w.item().facts.operational_requirement = DeviationState::Yes, "deviation approved"),
                (|w| w.set_deadline("2027-03-01"), "the deadline is now 2027-03-01"),
            ],
        ),
        // Its milestone was due on the deadline.
        &[DriftKind::Overdue],
    ),
    case(
        DriftKind::Overdue,
        "the due day has ended",
        |w| {
            w.set_due("2026-11-21");
            w.milestone().original_due = Some(day("2026-11-01"));
        },
        "2026-11-21",
        "was due 2026-11-21, first planned for 2026-11-01",
        &[
            (|w| w.set_due("2026-12-24"), "due 2026-12-24"),
            (World::finish, "done"),
            (World::close_item, "every item it serves is closed"),
        ],
    ),
    case(
        DriftKind::ScheduledAfterDue,
        "a sprint ends later",
        |w| w.link().observed.scheduled = Some(("sprint 12".to_owned(), day("2026-12-11"))),
        "",
        "ticket ACME-12 is planned into \"sprint 12\" until 2026-12-11, due 2026-12-10",
        &[
            (|w| w.link().observed.scheduled = None, "planned to end by the due date"),
            (|w| w.set_due("2026-12-11"), "planned to end by the due date"),
            (World::finish, "done"),
        ],
    ),
];
