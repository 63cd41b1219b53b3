//! Work, tickets and people.

use super::table::{Case, case};
use super::*;

pub(super) const TICKETS: &[Case] = &[
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
            w.milestone().evidence_after = Some(instant("2026-11-21T15:00:00Z"));
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
        DriftKind::ClosedWithoutFix,
        "won't do, though it was done",
        |w| {
            w.finish();
            w.milestone().closed_without_fix = Some(ClosedWithoutFix {
                resolution: "Won't Do".to_owned(),
                by: "Bob".to_owned(),
                at: instant("2026-11-22T03:00:00Z"),
            });
        },
        "",
        "ticket ACME-12 was closed as \"Won't Do\" by Bob on 2026-11-21",
        &[(|w| w.milestone().closed_without_fix = None, "reopened or decided")],
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
];
