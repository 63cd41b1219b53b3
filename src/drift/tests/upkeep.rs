//! Items as they should be kept, conflicts, trackers.

use super::table::{Case, beside, case};
use super::*;

pub(super) const UPKEEP: &[Case] = &[
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
                subject: Subject::Milestone(M1),
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
