//! The state of a milestone: by command and by ticket, in every state; and what follows for its items.

use std::collections::BTreeMap;

use chrono::{Duration, Utc};
use poam::register::completeness::missing_evidence;
use poam::register::decide::{Command, NewEvidence, TicketReads, TicketTransition};
use poam::register::{
    Actor, Change, Digest, EvidenceKind, EvidenceOf, MilestoneNumber, MilestoneState, Roles, Status,
};

use super::desk::{
    Desk, M1, M2, add_item, add_milestone, approve, close_out_of_boundary, explain, kind, new_proof, person,
    proof, set_state, v,
};

use MilestoneState::{Blocked, Done, Dropped, InProgress, Planned, Verified};

const STATES: [MilestoneState; 6] = MilestoneState::ALL;

/// The ticket of a milestone goes to a state, as its own account tells.
pub(crate) fn goes(
    milestone: MilestoneNumber,
    to: TicketReads,
    at: chrono::DateTime<Utc>,
    entry: &str,
) -> Command {
    let evidence = NewEvidence {
        of: EvidenceOf::Milestone(milestone),
        kind: EvidenceKind::Transition,
        title: "set to Done".to_owned(),
        digest: Some(Digest::of(entry.as_bytes())),
        size: 10,
        media_type: "application/json".to_owned(),
        authors: vec![person("Ella")],
        observed: at,
        source: format!("ticket site 1001 {entry}"),
        details: BTreeMap::new(),
        redacted: None,
    };
    Command::Transition(Box::new(TicketTransition {
        milestone,
        to,
        status: format!("{to:?}"),
        by: person("Ella"),
        at,
        evidence: if to == TicketReads::Done { vec![evidence] } else { Vec::new() },
    }))
}

fn ticket(desk: &mut Desk, to: TicketReads, entry: &str) -> Vec<String> {
    desk.later(1);
    let command = goes(M1, to, desk.now, entry);
    let changes = desk.act_as(&person("Ella"), Roles::new(), &[command]);
    changes.expect("a ticket is not refused").iter().map(kind).collect()
}

#[test]
fn what_a_ticket_says_in_every_state() {
    // Rows: what the ticket reads as. Columns: the milestone before, in the order of `STATES`.
    let table: [(TicketReads, [MilestoneState; 6]); 5] = [
        (TicketReads::Open, [Planned, InProgress, InProgress, InProgress, Verified, Dropped]),
        (TicketReads::InProgress, [InProgress, InProgress, InProgress, InProgress, Verified, Dropped]),
        (TicketReads::Blocked, [Blocked, Blocked, Blocked, Blocked, Verified, Dropped]),
        (TicketReads::Done, [Done, Done, Done, Done, Verified, Dropped]),
        // Closed without a fix completes nothing, and takes nothing away.
        (TicketReads::Dropped, STATES),
    ];
    for (reads, after) in table {
        for (before, after) in STATES.into_iter().zip(after) {
            let mut desk = Desk::with(before);
            let since = desk.m1().state_since;
            ticket(&mut desk, reads, "9");
            let m1 = desk.m1();
            assert_eq!(m1.state, after, "{reads:?} of a {before:?}");
            assert_eq!(m1.state_since == since, before == after, "{reads:?} of a {before:?}");
            let flagged = reads == TicketReads::Dropped && !matches!(before, Verified | Dropped);
            assert_eq!(m1.closed_without_fix.is_some(), flagged, "{reads:?} of a {before:?}");
            assert_eq!(m1.done.is_some(), matches!(after, Done | Verified), "{reads:?} of a {before:?}");
            assert_eq!(m1.blocked.is_some(), after == Blocked, "{reads:?} of a {before:?}");
            // The same entry once more gives nothing.
            let again = goes(M1, reads, desk.now, "9");
            let changes = desk.act_as(&person("Ella"), Roles::new(), &[again]).expect("no refusal");
            assert_eq!(changes, [], "{reads:?} of a {before:?}, twice");
        }
    }
}

#[test]
fn what_a_command_may_set_in_every_state() {
    const ALREADY: &str = "already";
    // Rows: to. Columns: from, in the order of `STATES`. Empty where it is allowed, else a word of the reason.
    let table: [(MilestoneState, [&str; 6]); 6] = [
        (Planned, ["already", "unbegun", "unbegun", "unbegun", "unbegun", "unbegun"]),
        (InProgress, ["", "already", "", "", "a recurrence is a new item", ""]),
        (Blocked, ["", "", "already", "reopen it first", "a recurrence is a new item", "reopen it first"]),
        (Done, ["", "", "", "already", "a recurrence is a new item", ""]),
        (Verified, ["never set", "never set", "never set", "never set", "already", "never set"]),
        (Dropped, ["", "", "", "", "a recurrence is a new item", "already"]),
    ];
    for (to, cells) in table {
        for (from, cell) in STATES.into_iter().zip(cells) {
            let mut desk = Desk::with(from);
            if !matches!(from, Done | Verified) {
                desk.ok("Ella", proof(M1, "scan-2"));
            }
            let command = set_state(to, Some("as decided today"));
            if cell.is_empty() {
                desk.ok("Grace", command);
                assert_eq!(desk.m1().state, to, "{from:?} to {to:?}");
            } else {
                let because = desk.no("Grace", command);
                assert!(because.iter().any(|why| why.contains(cell)), "{from:?} to {to:?}: {because:?}");
                assert!(cell != ALREADY || from == to);
            }
        }
    }
}

#[test]
fn to_drop_block_and_reopen_needs_a_reason() {
    for (from, to) in [(Planned, Dropped), (Planned, Blocked), (Done, InProgress), (Dropped, InProgress)] {
        for reason in [None, Some("  ")] {
            assert_eq!(
                Desk::with(from).no("Grace", set_state(to, reason)),
                ["it needs a reason"],
                "{from:?} to {to:?}"
            );
        }
    }
}

#[test]
fn done_needs_a_proof_whose_bytes_are_kept() {
    let refused =
        "it has no evidence whose bytes are kept, newer than a rejected validation: attach some first";
    let mut desk = Desk::open();
    assert_eq!(desk.no("Grace", set_state(Done, None)), [refused]);
    let mut reference = new_proof(M1, "a link");
    reference.digest = None;
    desk.ok("Ella", Command::AddEvidence(Box::new(reference)));
    assert_eq!(desk.no("Grace", set_state(Done, None)), [refused]);
    desk.ok("Ella", proof(M1, "a file"));
    desk.ok("Grace", set_state(Done, None));
    assert_eq!(desk.item(1).status, Status::PendingValidation);
}

#[test]
fn every_reason_is_named_at_once() {
    let because = Desk::with(Done).no("Ella", set_state(Blocked, None));
    assert_eq!(
        because,
        ["Ella has none of the roles grc, isso", "it is done: reopen it first", "it needs a reason"]
    );
}

#[test]
fn a_ticket_closed_without_a_fix_waits_for_grc() {
    let flagged = || {
        let mut desk = Desk::with(InProgress);
        ticket(&mut desk, TicketReads::Dropped, "9");
        assert_eq!(desk.m1().closed_without_fix.as_ref().map(|c| c.resolution.as_str()), Some("Dropped"));
        desk
    };
    // An engineer's command decides nothing about it.
    let mut desk = flagged();
    desk.ok("Ella", set_state(Blocked, Some("waits for the vendor")));
    assert!(desk.m1().closed_without_fix.is_some());
    // GRC lets the work go on, drops it, or finds it done.
    let mut desk = flagged();
    assert_eq!(desk.no("Grace", set_state(InProgress, None)), ["it needs a reason"]);
    assert_eq!(desk.no("Ella", set_state(InProgress, Some("x"))), ["Ella has none of the roles grc, isso"]);
    assert_eq!(
        desk.kinds("Grace", set_state(InProgress, Some("it is to be fixed"))),
        ["milestone.closed_without_fix"]
    );
    assert!(desk.m1().closed_without_fix.is_none());
    let mut desk = flagged();
    assert_eq!(
        desk.kinds("Grace", set_state(Dropped, Some("accepted"))),
        ["milestone.state", "milestone.closed_without_fix"]
    );
    // A ticket that is opened again is so no longer.
    let mut desk = flagged();
    assert_eq!(ticket(&mut desk, TicketReads::InProgress, "10"), ["milestone.closed_without_fix"]);
    assert_eq!(desk.m1().state, InProgress);
}

#[test]
fn a_done_milestone_whose_ticket_is_closed_without_a_fix_is_not_validated() {
    let flagged = || {
        let mut desk = Desk::with(InProgress);
        ticket(&mut desk, TicketReads::Done, "8");
        assert_eq!(desk.item(1).status, Status::PendingValidation);
        ticket(&mut desk, TicketReads::Dropped, "9");
        assert_eq!((desk.m1().state, desk.item(1).status), (Done, Status::InProgress));
        desk
    };
    let mut desk = flagged();
    assert_eq!(desk.no("Grace", set_state(Done, None)), ["it needs a reason"]);
    assert_eq!(desk.no("Ella", set_state(Done, Some("x"))), ["Ella has none of the roles grc, isso"]);
    desk.ok("Grace", set_state(Done, Some("the fix was deployed before")));
    assert!(desk.m1().closed_without_fix.is_none());
    assert_eq!(desk.item(1).status, Status::PendingValidation);
    let mut desk = flagged();
    desk.ok("Grace", set_state(InProgress, Some("it was never deployed")));
    assert!(desk.m1().closed_without_fix.is_none());
    let mut desk = flagged();
    ticket(&mut desk, TicketReads::Done, "10");
    assert_eq!(desk.item(1).status, Status::PendingValidation, "done there again");
}

#[test]
fn after_a_rejected_validation_done_needs_newer_proof() {
    let mut desk = Desk::open();
    ticket(&mut desk, TicketReads::Done, "1");
    assert_eq!(desk.item(1).status, Status::PendingValidation);
    // The validation is rejected: reopened, and only newer evidence counts from here on.
    desk.ok("Grace", set_state(InProgress, Some("the rescan still finds it")));
    assert_eq!(desk.item(1).status, Status::InProgress);
    let after = desk.now;
    let rejected = Change::MilestoneEvidenceAfter { milestone: M1, after };
    poam::register::apply::apply(&mut desk.register, after, &rejected).expect("it applies");
    // Done with nothing but the ticket's own word stays in progress; its transition is kept.
    assert_eq!(ticket(&mut desk, TicketReads::Done, "2"), ["evidence.added"]);
    assert_eq!(desk.m1().state, InProgress);
    // A proof that is older than the rejection changes nothing.
    desk.ok("Ella", proof(M1, "old scan"));
    assert_eq!(ticket(&mut desk, TicketReads::Done, "3"), ["evidence.added"]);
    assert!(desk.no("Grace", set_state(Done, None))[0].contains("newer than a rejected validation"));
    let mut newer = new_proof(M1, "new scan");
    newer.observed = after + Duration::seconds(1);
    desk.ok("Ella", Command::AddEvidence(Box::new(newer)));
    assert_eq!(
        ticket(&mut desk, TicketReads::Done, "4"),
        ["evidence.added", "milestone.state", "item.status"]
    );
    assert_eq!(desk.m1().state, Done);
}

#[test]
fn an_item_goes_with_its_milestones() {
    let mut desk = Desk::open();
    desk.ok("Grace", add_milestone(&[1], Some("2026-11-25")));
    let status = |desk: &Desk| desk.item(1).status;
    // Begun by the first milestone that starts.
    assert_eq!(ticket(&mut desk, TicketReads::InProgress, "1"), ["milestone.state", "item.status"]);
    assert_eq!(status(&desk), Status::InProgress);
    // Not all are done.
    ticket(&mut desk, TicketReads::Done, "2");
    assert_eq!(status(&desk), Status::InProgress);
    // What is left is dropped: all that was kept is done and proven.
    let drop_m2 = Command::SetState { milestone: M2, to: Dropped, reason: Some("one step is enough".into()) };
    assert_eq!(desk.kinds("Grace", drop_m2), ["milestone.state", "item.status"]);
    assert_eq!(status(&desk), Status::PendingValidation);
    // More work is found.
    assert_eq!(
        desk.kinds("Grace", add_milestone(&[1], Some("2026-11-28"))),
        ["milestone.added", "item.status"]
    );
    assert_eq!(status(&desk), Status::InProgress);
    let m3 = MilestoneNumber(3);
    let done = goes(m3, TicketReads::Done, desk.now, "3");
    desk.ok("Ella", done);
    assert_eq!(status(&desk), Status::PendingValidation);
    // Reopened.
    assert_eq!(ticket(&mut desk, TicketReads::InProgress, "4"), ["milestone.state", "item.status"]);
    assert_eq!(status(&desk), Status::InProgress);
}

#[test]
fn done_without_any_proof_waits_until_there_is_one() {
    let mut desk = Desk::open();
    desk.later(1);
    let bare = Command::Transition(Box::new(TicketTransition {
        milestone: M1,
        to: TicketReads::Done,
        status: "Done".to_owned(),
        by: Actor::Unknown("site".to_owned()),
        at: desk.now,
        evidence: Vec::new(),
    }));
    desk.ok("Ella", bare);
    assert_eq!((desk.m1().state, desk.item(1).status), (Done, Status::InProgress));
    let mut reference = new_proof(M1, "a link");
    reference.digest = None;
    desk.ok("Ella", Command::AddEvidence(Box::new(reference)));
    assert_eq!(desk.item(1).status, Status::InProgress, "a reference proves nothing");
    assert_eq!(desk.kinds("Ella", proof(M1, "scan-1")), ["evidence.added", "item.status"]);
    assert_eq!(desk.item(1).status, Status::PendingValidation);
}

#[test]
fn one_ticket_carries_many_items() {
    let mut desk = Desk::open();
    for _ in 0..3 {
        desk.ok("Grace", add_item("OpenSSL on another host"));
    }
    // Drafts that lack nothing but a milestone open by it, at its state.
    let all = Command::SetServes { milestone: M1, serves: (1..=4).map(v).collect() };
    assert_eq!(desk.kinds("Grace", all), ["milestone.serves", "item.status", "item.status", "item.status"]);
    ticket(&mut desk, TicketReads::Done, "1");
    for n in 1..=4 {
        assert_eq!(desk.item(n).status, Status::PendingValidation, "V-{n}");
    }
    // It is verified with the last of its items, not before.
    for n in 1..=3 {
        desk.ok("Alan", close_out_of_boundary(n));
        assert_eq!(desk.m1().state, Done);
    }
    assert_eq!(desk.kinds("Alan", close_out_of_boundary(4)), ["item.closed", "milestone.state"]);
    assert_eq!(desk.m1().state, Verified);
}

#[test]
fn an_item_whose_every_milestone_was_dropped_stays_where_it_is() {
    let mut desk = Desk::with(InProgress);
    desk.ok("Grace", set_state(Dropped, Some("another way is found")));
    assert_eq!(desk.item(1).status, Status::InProgress);
    assert_eq!(
        poam::register::completeness::missing(&desk.register, desk.item(1)).len(),
        1,
        "it lacks a milestone"
    );
}

#[test]
fn what_lacks_evidence_says_which() {
    let mut desk = Desk::open();
    ticket(&mut desk, TicketReads::Done, "1");
    assert_eq!(desk.m1().state, Done, "missing evidence is drift, and does not hold a ticket up");
    let missing: Vec<_> = missing_evidence(&desk.register, desk.m1()).into_iter().collect();
    assert_eq!(missing, [EvidenceKind::Rescan]);
    desk.ok("Ella", proof(M1, "scan-1"));
    assert!(missing_evidence(&desk.register, desk.m1()).is_empty());
}

#[test]
fn a_proof_is_taken_once_by_its_source() {
    let mut desk = Desk::open();
    assert_eq!(desk.kinds("Ella", proof(M1, "scan-1")), ["evidence.added"]);
    assert_eq!(desk.kinds("Ella", proof(M1, "scan-1")), Vec::<String>::new());
    assert_eq!(desk.kinds("Ella", proof(M1, "scan-2")), ["evidence.added"]);
    assert_eq!(desk.no("Ella", proof(M1, "")), ["it does not say where it came by"]);
    assert_eq!(desk.no("Ella", proof(M2, "scan-1")), ["there is no M-2"]);
    assert_eq!(desk.m1().evidence, [1, 2]);
}

#[test]
fn a_date_moved_while_it_was_done_is_asked_about_when_it_is_reopened() {
    let mut desk = Desk::with(Done);
    assert_eq!(desk.moved(person("Ella"), Some("2026-11-27"), "5", None), ["move.proposed"]);
    assert_eq!(desk.moves(), [("noted", Some(super::desk::day("2026-11-27")))]);
    assert_eq!(desk.no("Abe", approve()), ["no date move of M-1 waits for anything"]);
    assert_eq!(
        ticket(&mut desk, TicketReads::InProgress, "6"),
        ["milestone.state", "move.proposed", "item.status"]
    );
    assert_eq!(desk.m1().open_move().map(|m| m.number), Some(2));
    desk.ok("Ella", explain("the upgrade broke the login"));
    assert_eq!(desk.m1().due, Some(super::desk::day("2026-11-27")));
}

/// Found by the law over random acts.
#[test]
fn a_proof_goes_with_the_milestone_that_is_dropped() {
    let mut desk = Desk::open();
    desk.ok("Grace", add_milestone(&[1], Some("2026-11-25")));
    let bare = Command::Transition(Box::new(TicketTransition {
        milestone: M2,
        to: TicketReads::Done,
        status: "Done".to_owned(),
        by: person("Ella"),
        at: desk.now,
        evidence: Vec::new(),
    }));
    desk.ok("Ella", bare);
    ticket(&mut desk, TicketReads::Done, "1");
    assert_eq!(desk.item(1).status, Status::PendingValidation);
    assert_eq!(
        desk.kinds("Grace", set_state(Dropped, Some("it was the wrong host"))),
        ["milestone.state", "item.status"]
    );
    assert_eq!(desk.item(1).status, Status::InProgress, "what is left is done, and proven by nothing");
}

/// Found by the law over random acts.
#[test]
fn what_was_dropped_with_its_last_item_is_not_revived() {
    let mut desk = Desk::open();
    desk.ok("Alan", close_out_of_boundary(1));
    assert_eq!(desk.m1().state, Dropped);
    for to in [InProgress, Done] {
        let because = desk.no("Grace", set_state(to, Some("it came back")));
        let why = "every item it serves is closed, and a recurrence is a new item";
        assert!(because.iter().any(|b| b == why), "{because:?}");
    }
}

#[test]
fn what_was_blocked_goes_on_where_it_stood() {
    for (begun, to) in [(false, Planned), (true, InProgress)] {
        let mut desk = Desk::with(Blocked);
        desk.ok("Ella", Command::Unblock { milestone: M1, begun });
        assert_eq!((desk.m1().state, desk.m1().blocked.clone()), (to, None));
        let again = desk.no("Ella", Command::Unblock { milestone: M1, begun });
        assert_eq!(again, [format!("it is {}, not blocked", to.name())]);
    }
    let mut desk = Desk::with(Blocked);
    assert_eq!(
        desk.no("Asa", Command::Unblock { milestone: M1, begun: true }).len(),
        1,
        "an assessor looks on"
    );
}
