//! For each kind: what opens it, in which words, and what settles it, in which words; and what must not open any.

use super::*;
use crate::drift::is_detected_here;
use crate::register::{ClosedWithoutFix, Conflict, DeviationState, DriftKind, ImportedRow, Resolution};

type Act = fn(&mut World);

/// A cause, the one drift it opens, and cures with what each says.
struct Case {
    kind: DriftKind,
    name: &'static str,
    opens: Act,
    key: &'static str,
    detail: &'static str,
    /// Other kinds that rightly open beside it.
    beside: &'static [DriftKind],
    cures: &'static [(Act, &'static str)],
}

const fn case(
    kind: DriftKind,
    name: &'static str,
    opens: Act,
    key: &'static str,
    detail: &'static str,
    cures: &'static [(Act, &'static str)],
) -> Case {
    Case { kind, name, opens, key, detail, beside: &[], cures }
}

const fn beside(mut case: Case, kinds: &'static [DriftKind]) -> Case {
    case.beside = kinds;
    case
}

const CASES: &[Case] = &[
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
            (|w| w.item().deadline = None, "there is no deadline any more"),
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
            &[(|w| w.item().facts.false_positive = DeviationState::Yes, "deviation approved")],
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
    case(
        DriftKind::DoneWithoutEvidence,
        "a kind of evidence is missing",
        |w| {
            w.finish();
            w.milestone().expects =
                BTreeSet::from([EvidenceKind::Rescan, EvidenceKind::TestOutput, EvidenceKind::SignOff]);
        },
        "",
        "done, but without test-output, sign-off",
        &[
            (
                |w| {
                    w.add_evidence(EvidenceKind::TestOutput, "2026-11-22T15:00:00Z");
                    w.add_evidence(EvidenceKind::SignOff, "2026-11-22T15:00:00Z");
                },
                "evidence given",
            ),
            (
                |w| {
                    w.set_state(MilestoneState::InProgress);
                    w.milestone().evidence_after = Some(noon());
                },
                "open again",
            ),
            (|w| w.set_state(MilestoneState::Verified), "verified"),
        ],
    ),
    case(
        DriftKind::DoneWithoutEvidence,
        "a mere reference proves nothing",
        |w| {
            w.finish();
            for evidence in w.register.evidence.values_mut() {
                evidence.digest = None;
            }
        },
        "",
        "done, but without rescan",
        &[],
    ),
    case(
        DriftKind::DoneWithoutEvidence,
        "evidence from before the rejection",
        |w| {
            w.finish();
            w.milestone().evidence_after = Some(instant("2026-11-21T15:30:00Z"));
        },
        "",
        "done, but without transition",
        &[],
    ),
    case(
        DriftKind::ClosedWithoutFix,
        "won't do",
        |w| {
            w.link().observed.state = "dropped".to_owned();
            w.milestone().closed_without_fix = Some(ClosedWithoutFix {
                resolution: "Won't Do".to_owned(),
                by: "Bob".to_owned(),
                at: instant("2026-11-22T03:00:00Z"),
            });
        },
        "",
        "ticket ACME-12 was closed as \"Won't Do\" by Bob on 2026-11-21",
        &[
            (|w| w.milestone().closed_without_fix = None, "reopened or decided"),
            (|w| w.set_state(MilestoneState::Dropped), "dropped"),
        ],
    ),
    case(
        DriftKind::Reopened,
        "open again after done",
        |w| {
            w.finish();
            w.set_state(MilestoneState::InProgress);
            w.link().observed.state = "in_progress".to_owned();
        },
        "",
        "ticket ACME-12 was done on 2026-11-21 and is open again",
        &[
            (World::finish, "done"),
            (|w| w.milestone().evidence_after = Some(noon()), "done again or decided"),
        ],
    ),
    case(
        DriftKind::ReopenedAfterClosure,
        "a verified milestone's ticket is reopened",
        |w| {
            w.close_item();
            w.set_state(MilestoneState::Verified);
            w.link().observed.status = "Reopened".to_owned();
        },
        "",
        "verified, but ticket ACME-12 is in \"Reopened\" again",
        &[
            (|w| w.link().observed.state = "done".to_owned(), "the ticket is closed again"),
            (|w| w.set_state(MilestoneState::InProgress), "GRC decision: in_progress"),
        ],
    ),
    case(
        DriftKind::Blocked,
        "blocked with a reason",
        |w| {
            w.set_state(MilestoneState::Blocked);
            w.milestone().blocked = Some("no licence".to_owned());
        },
        "",
        "blocked: \"no licence\"",
        &[(|w| w.set_state(MilestoneState::InProgress), "unblocked"), (World::finish, "done")],
    ),
    case(
        DriftKind::Blocked,
        "blocked without a reason",
        |w| {
            w.set_state(MilestoneState::Blocked);
            w.milestone().blocked = Some(String::new());
        },
        "",
        "blocked, no reason given",
        &[],
    ),
    case(
        DriftKind::TicketMissing,
        "not found",
        |w| {
            w.link().phase = LinkPhase::Missing;
            w.link().missing_since = Some(noon());
        },
        "",
        "ticket ACME-12 is not found, or not visible to us since 2026-11-22",
        &[
            (|w| w.link().phase = LinkPhase::Linked, "found or decided"),
            (|w| w.set_state(MilestoneState::Dropped), "dropped"),
        ],
    ),
    case(
        DriftKind::TicketMovedAway,
        "in a project that no tracker covers, after it was done",
        |w| {
            w.finish();
            w.link().observed.moved_away = Some("OPS".to_owned());
        },
        "",
        "ticket ACME-12 is now in \"OPS\", which no tracker covers",
        &[(|w| w.link().observed.moved_away = None, "in a covered project again, or decided")],
    ),
    case(
        DriftKind::DuplicateMarker,
        "clones",
        |w| w.link().observed.duplicates = ["ACME-14", "ACME-13", "ACME-14"].map(str::to_owned).to_vec(),
        "",
        "ticket ACME-12 and also ACME-13, ACME-14 carry the marker",
        &[(|w| w.link().observed.duplicates.clear(), "one ticket carries the marker")],
    ),
    case(
        DriftKind::Unlinked,
        "a route, and no link",
        |w| w.links.clear(),
        "",
        "no ticket, and a route gives it one in acme-jira",
        &[
            (
                |w| {
                    w.links.insert(M1, link());
                },
                "has a ticket, or no route gives it one",
            ),
            (|w| w.wires.route = None, "has a ticket, or no route gives it one"),
            (|w| w.set_state(MilestoneState::Dropped), "dropped"),
        ],
    ),
    case(
        DriftKind::Unlinked,
        "held back",
        |w| w.link().phase = LinkPhase::Waiting,
        "",
        "no ticket: held back in acme-jira until `link open --yes`",
        &[],
    ),
    case(
        DriftKind::Unlinked,
        "cannot be made",
        |w| {
            w.link().phase = LinkPhase::Creating;
            w.link().dirty = Some(noon());
            w.link().error = Some("field 'duedate' cannot be set".to_owned());
        },
        "",
        "no ticket: it cannot be made in acme-jira",
        &[],
    ),
    case(
        DriftKind::Unowned,
        "a milestone without an owner",
        |w| w.milestone().owner = None,
        "",
        "no person owns it",
        &[(|w| w.milestone().owner = Some("Bob".to_owned()), "a person owns it"), (World::finish, "done")],
    ),
    case(
        DriftKind::Unowned,
        "an item whose contact is no person",
        |w| {
            w.item().facts.owner = None;
            w.item().facts.contact = "Cloud team <cloud@example.com>".to_owned();
        },
        "",
        "no person owns it; its point of contact reads \"Cloud team <cloud@example.com>\"",
        &[(|w| w.item().facts.owner = Some("Bob".to_owned()), "a person owns it")],
    ),
    case(
        DriftKind::Unowned,
        "an item's owner left",
        |w| w.item().facts.owner = Some("Zoe".to_owned()),
        "",
        "its owner \"Zoe\" is no person of the register",
        &[],
    ),
    case(
        DriftKind::OwnerUnmapped,
        "the owner has no account",
        |w| {
            w.wires.accounts.remove("Ann");
        },
        "owner",
        "owner \"Ann\" has no account on tracker acme-jira",
        &[
            (
                |w| {
                    w.wires.accounts.insert("Ann");
                },
                "mapped",
            ),
            (|w| w.milestone().owner = Some("Bob".to_owned()), "mapped"),
        ],
    ),
    case(
        DriftKind::OwnerUnmapped,
        "the assignee is nobody we know",
        |w| w.link().observed.assignee = Some("5b10a".to_owned()),
        "assignee",
        "ticket ACME-12 is assigned to account \"5b10a\", which is no person's",
        &[(|w| w.link().observed.assignee_person = Some("Bob".to_owned()), "mapped")],
    ),
    beside(
        case(
            DriftKind::Incomplete,
            "every gap in one",
            |w| {
                let facts = &mut w.item().facts;
                *facts = ItemFacts { title: " ".to_owned(), ..ItemFacts::titled("") };
                let milestone = w.milestone();
                (milestone.due, milestone.owner) = (None, None);
                milestone.expects.clear();
                w.link().observed.due = None;
            },
            "",
            "missing: title, description, controls, detector, original detection date, original risk rating, scheduled \
             completion date, due date of M-1, expected evidence of M-1",
            &[(
                |w| {
                    let whole = World::quiet();
                    w.register.items = whole.register.items;
                    w.register.milestones = whole.register.milestones;
                },
                "complete",
            )],
        ),
        // People are missed under a kind of their own: the item's and the milestone's.
        &[DriftKind::Unowned, DriftKind::Unowned],
    ),
    case(
        DriftKind::Incomplete,
        "no milestone",
        |w| w.set_state(MilestoneState::Dropped),
        "",
        "missing: a milestone",
        &[(World::close_item, "closed: remediated")],
    ),
    case(
        DriftKind::Stale,
        "no change for 30 days",
        |w| w.milestone().changed = instant("2026-10-24T03:59:00Z"),
        "",
        "nothing has changed since 2026-10-23",
        &[
            (|w| w.milestone().changed = noon(), "progress"),
            (World::finish, "done"),
            (World::close_item, "every item it serves is closed"),
        ],
    ),
    case(
        DriftKind::Unreviewed,
        "the last review is over a month ago",
        |w| w.item().reviewed = Some(day("2026-10-21")),
        "",
        "last confirmed in the review of 2026-10-21",
        &[(|w| w.item().reviewed = Some(day("2026-11-22")), "reviewed")],
    ),
    case(
        DriftKind::Unreviewed,
        "never reviewed",
        |w| {
            w.item().reviewed = None;
            w.item().status_since = instant("2026-10-22T03:00:00Z");
        },
        "",
        "never confirmed in a review, in_progress since 2026-10-21",
        &[],
    ),
    case(
        DriftKind::VendorCheckinLate,
        "too old on the next submission day",
        |w| {
            let facts = &mut w.item().facts;
            facts.vendor_dependency = true;
            facts.vendor_product = Some("Acme Router".to_owned());
            facts.vendor_checkin = Some(day("2026-10-25"));
        },
        "",
        "the last check-in with \"Acme Router\" was on 2026-10-25, over 30 days before the submission on 2026-11-25",
        &[
            (|w| w.item().facts.vendor_checkin = Some(day("2026-10-26")), "checked in"),
            (|w| w.item().facts.vendor_dependency = false, "checked in"),
        ],
    ),
    case(
        DriftKind::VendorCheckinLate,
        "never, and without a submission day",
        |w| {
            w.item().facts.vendor_dependency = true;
            if let Some(profile) = &mut w.register.system.profile {
                profile.submission_day = None;
            }
        },
        "",
        "no check-in with the vendor is recorded",
        &[(|w| w.item().facts.vendor_checkin = Some(day("2026-10-23")), "checked in")],
    ),
    case(
        DriftKind::ValidationWaiting,
        "for ten days",
        |w| {
            w.finish();
            w.item().status = Status::PendingValidation;
            w.item().status_since = instant("2026-11-12T05:00:00Z");
        },
        "",
        "waits for validation since 2026-11-12",
        &[
            (World::close_item, "closed: remediated"),
            (|w| w.item().status = Status::InProgress, "decided: in_progress"),
        ],
    ),
    case(
        DriftKind::Conflict,
        "both sides changed the title",
        |w| {
            let conflict = Conflict {
                number: 7,
                milestone: M1,
                field: "title".to_owned(),
                base: "a".to_owned(),
                ours: "b\u{7}b".to_owned(),
                theirs: "c".repeat(101),
                winner: "register".to_owned(),
                at: noon(),
                resolved: None,
            };
            w.register.conflicts.insert(7, conflict);
        },
        "7",
        "both sides changed title: plan \"b b\", ticket \"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\
         cccccccccccccccccccccccccccccccccccccc…\"; the register's stands",
        &[(
            |w| {
                let resolved = Resolution {
                    by: "Cho".to_owned(),
                    at: noon(),
                    keep: "tracker".to_owned(),
                    reason: "theirs reads better".to_owned(),
                };
                w.register.conflicts.entry(7).and_modify(|conflict| conflict.resolved = Some(resolved));
            },
            "resolved by Cho: the tracker's kept",
        )],
    ),
    case(
        DriftKind::TrackerSilent,
        "three polls missed",
        |w| w.connection.polls.missed = 3,
        "",
        "no poll has succeeded since 2026-11-22T16:59:00Z",
        &[(|w| w.connection.polls.missed = 0, "a poll succeeded")],
    ),
    case(
        DriftKind::TrackerSilent,
        "a tracker that was never heard",
        |w| w.tracker.polls.missed = 4,
        "",
        "no poll has succeeded yet",
        &[],
    ),
    case(
        DriftKind::TrackerHalted,
        "halted by a brake",
        |w| {
            w.halted.insert("acme-jira".to_owned(), "40 of 100 links are missing".to_owned());
        },
        "",
        "halted until `tracker resume`: \"40 of 100 links are missing\"",
        &[(|w| w.halted.clear(), "resumed")],
    ),
    case(
        DriftKind::TokenExpiring,
        "within 14 days",
        |w| w.connection.token_expires = Some(instant("2026-12-07T04:00:00Z")),
        "",
        "its token expires on 2026-12-06",
        &[(|w| w.connection.token_expires = Some(instant("2027-12-06T00:00:00Z")), "renewed")],
    ),
    case(
        DriftKind::TokenExpiring,
        "expired",
        |w| w.connection.token_expires = Some(noon()),
        "",
        "its token expired on 2026-11-22",
        &[],
    ),
];

impl World {
    /// Both sides agree on a due date.
    fn set_due(&mut self, due: &str) {
        let due = Some(day(due));
        self.milestone().due = due;
        self.milestone().original_due = due;
        self.link().observed.due = due;
        self.link().base.due = Some(Pair { ours: due, theirs: due });
    }

    /// A deadline that no rule is held against; the milestone is due by then.
    fn set_deadline(&mut self, date: &str) {
        self.rules.remediation.clear();
        self.item().deadline =
            Some(Deadline { date: day(date), rule: "test/set".to_owned(), derivation: "as set".to_owned() });
        if self.milestone().due > Some(day(date)) {
            self.set_due(date);
        }
    }
}

/// Everything that this table does to a world.
pub(super) fn acts() -> Vec<Act> {
    CASES.iter().map(|case| case.opens).chain(NEAR_MISSES.iter().map(|(_, act)| *act)).collect()
}

#[test]
fn nothing_is_apart_in_a_quiet_world() {
    assert_eq!(World::quiet().wanted(), []);
}

#[test]
fn each_kind_opens_in_its_words_and_is_settled_by_itself() {
    for case in CASES {
        let about = format!("{}: {}", case.kind.name(), case.name);
        let mut world = World::quiet();
        (case.opens)(&mut world);
        world.pass();

        let mut beside = case.beside.to_vec();
        let mut found = Vec::new();
        for drift in world.open_drifts() {
            match beside.iter().position(|kind| *kind == drift.kind && drift.kind != case.kind) {
                Some(place) => {
                    beside.remove(place);
                }
                None => found.push((drift.kind, drift.key.as_str(), drift.detail.as_str(), drift.opened)),
            }
        }
        assert_eq!(found, [(case.kind, case.key, case.detail, noon())], "{about}");
        assert_eq!(beside, [], "{about}: also expected");
        assert_eq!(world.changes(), [], "{about}: a second look finds nothing new");

        let number =
            world.open_drifts().iter().find(|drift| drift.kind == case.kind).map(|drift| drift.number);
        for (cure, words) in case.cures {
            let mut cured = world.clone();
            cure(&mut cured);
            cured.pass();
            let drift = number.and_then(|number| cured.register.drifts.get(&number));
            let settled = drift.map(|drift| (drift.settled, drift.settled_by.as_deref()));
            assert_eq!(settled, Some((Some(cured.now), Some(*words))), "{about}");
            assert!(
                cured.open_drifts().iter().all(|drift| drift.kind != case.kind || drift.key != case.key),
                "{about}: settled by {words:?}, and open again: {:?}",
                cured.open_drifts()
            );
            assert_eq!(cured.changes(), [], "{about}: settled by {words:?}, and then quiet");
        }
    }
}

#[test]
fn the_table_has_every_kind_that_is_detected_here() {
    for kind in DriftKind::ALL {
        let here = CASES.iter().any(|case| case.kind == *kind);
        assert_eq!(here, is_detected_here(*kind), "{}", kind.name());
        let cured = CASES.iter().any(|case| case.kind == *kind && !case.cures.is_empty());
        assert_eq!(cured, is_detected_here(*kind), "{} is settled by something", kind.name());
    }
}

/// What lies just on the right side of a line.
const NEAR_MISSES: &[(&str, Act)] = &[
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
    ("planned behind another that is not over", |w| {
        let mut first = w.milestone().clone();
        first.number = MilestoneNumber(2);
        w.register.milestones.insert(first.number, first);
        w.wires.route = None;
        let milestone = w.milestone();
        milestone.state = MilestoneState::Planned;
        milestone.changed = instant("2026-01-01T00:00:00Z");
        milestone.depends_on = BTreeSet::from([MilestoneNumber(2)]);
    }),
    ("planned behind another that was over ten days ago", |w| {
        let mut first = w.milestone().clone();
        first.number = MilestoneNumber(2);
        first.state = MilestoneState::Verified;
        first.state_since = instant("2026-11-12T12:00:00Z");
        w.register.milestones.insert(first.number, first);
        let milestone = w.milestone();
        milestone.state = MilestoneState::Planned;
        milestone.changed = instant("2026-01-01T00:00:00Z");
        milestone.depends_on = BTreeSet::from([MilestoneNumber(2)]);
    }),
    ("confirmed 31 days ago", |w| w.item().reviewed = Some(day("2026-10-22"))),
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
            milestone: M1,
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

#[test]
fn one_second_later_the_due_day_and_the_deadline_have_ended() {
    let mut world = World::quiet();
    world.set_deadline("2026-11-22");
    world.now = instant("2026-11-23T05:00:00Z");
    let kinds: Vec<DriftKind> = world.wanted().iter().map(|wanted| wanted.kind).collect();
    assert_eq!(kinds, [DriftKind::Overdue, DriftKind::PastDeadline]);
}

#[test]
fn a_deadline_ahead_counts_though_another_item_s_has_passed() {
    let mut world = World::quiet();
    world.rules.remediation.clear();
    let mut second = world.item().clone();
    second.number = ItemNumber::ours(2);
    second.deadline = Some(Deadline {
        date: day("2026-11-30"),
        rule: "test/set".to_owned(),
        derivation: "as set".to_owned(),
    });
    world.register.items.insert(second.number.clone(), second);
    world.milestone().serves.insert(ItemNumber::ours(2));
    world.item().deadline = Some(Deadline {
        date: day("2026-11-01"),
        rule: "test/set".to_owned(),
        derivation: "as set".to_owned(),
    });
    let wanted = world.wanted();
    let risk: Vec<&str> = wanted
        .iter()
        .filter(|wanted| wanted.kind == DriftKind::DeadlineAtRisk)
        .map(|wanted| wanted.detail.as_str())
        .collect();
    assert_eq!(risk, ["due 2026-12-10, after the deadline 2026-11-30 of V-2 (as set)"]);
    assert!(
        wanted
            .iter()
            .any(|w| w.kind == DriftKind::PastDeadline && w.subject == Subject::Item(ItemNumber::ours(1)))
    );
}

#[test]
fn a_submission_day_beyond_the_month_s_end_is_its_last_day() {
    let mut world = World::quiet();
    if let Some(profile) = &mut world.register.system.profile {
        profile.submission_day = Some(31);
    }
    world.item().facts.vendor_dependency = true;
    world.item().facts.vendor_checkin = Some(day("2026-10-30"));
    let details: Vec<String> = world.wanted().into_iter().map(|wanted| wanted.detail).collect();
    assert_eq!(
        details,
        [
            "the last check-in with the vendor was on 2026-10-30, over 30 days before the submission on 2026-11-30"
        ]
    );
}

#[test]
fn a_second_overdue_date_is_a_second_drift() {
    let mut world = World::quiet();
    world.set_due("2026-11-01");
    world.pass();
    world.set_due("2026-11-10");
    let changes = world.pass();
    assert!(
        matches!(&changes[..], [Change::DriftSettled { number: 1, .. }, Change::DriftOpened { drift }]
            if drift.number == 2 && drift.key == "2026-11-10"),
        "{changes:?}"
    );
}

#[test]
fn other_words_for_the_same_drift_are_a_change_of_its_words() {
    let mut world = World::quiet();
    world.link().observed.due = Some(day("2026-12-15"));
    world.pass();
    world.link().observed.due = Some(day("2026-12-16"));
    let detail = "ticket says 2026-12-16, plan says 2026-12-10".to_owned();
    assert_eq!(world.pass(), [Change::DriftDetail { number: 1, detail: detail.clone() }]);
    assert_eq!(world.register.drifts[&1].detail, detail);
}

#[test]
fn subjects_that_were_not_asked_about_or_not_loaded_keep_their_drifts() {
    let mut world = World::quiet();
    world.set_due("2026-11-01");
    world.item().reviewed = None;
    world.item().status_since = instant("2026-01-01T00:00:00Z");
    world.pass();
    assert_eq!(world.open_drifts().len(), 2);

    let item_alone = BTreeSet::from([Subject::Item(ItemNumber::ours(1))]);
    let changes = settle(&world.register, &item_alone, Vec::new(), noon());
    assert!(matches!(&changes[..], [Change::DriftSettled { .. }]), "{changes:?}");

    let mut unloaded = world.register.clone();
    unloaded.milestones.clear();
    unloaded.items.clear();
    assert_eq!(settle(&unloaded, &world.subjects(), Vec::new(), noon()), []);
}

#[test]
fn a_change_touches_the_item_and_what_serves_it_and_back() {
    let mut world = World::quiet();
    let mut second = world.milestone().clone();
    second.number = MilestoneNumber(2);
    world.register.milestones.insert(second.number, second);
    let both = BTreeSet::from([
        Subject::Item(ItemNumber::ours(1)),
        Subject::Milestone(M1),
        Subject::Milestone(MilestoneNumber(2)),
    ]);
    let of_item = Change::ItemStatus { item: ItemNumber::ours(1), to: Status::Open };
    assert_eq!(crate::drift::touched(&world.register, [&of_item]), both);

    let of_milestone = Change::MilestoneOwner { milestone: M1, owner: None };
    let touched = crate::drift::touched(&world.register, [&of_milestone]);
    assert_eq!(touched, BTreeSet::from([Subject::Item(ItemNumber::ours(1)), Subject::Milestone(M1)]));
    let settled = Change::DriftSettled { number: 1, by: String::new() };
    assert_eq!(crate::drift::touched(&world.register, [&settled]), BTreeSet::new());
}
