//! Closing an item: each disposition with its own guard, and what happens to its milestones.

use chrono::Duration;
use poam::register::decide::{Command, NewEvidence};
use poam::register::{Actor, Disposition, EvidenceOf, ItemNumber, MilestoneState, Role, Roles, Status};

use super::desk::{
    Desk, M1, add_item, add_milestone, close_out_of_boundary, day, facts, new_proof, person, proof,
    set_state, v,
};

fn close(n: u32, disposition: Disposition) -> Command {
    Command::CloseItem { item: v(n), disposition, reason: None }
}

fn merge(n: u32, into: u32) -> Command {
    close(n, Disposition::DuplicateOf(v(into)))
}

fn validation(desk: &Desk, components: &str, source: &str) -> NewEvidence {
    let mut new = new_proof(M1, source);
    new.of = EvidenceOf::Item(v(1));
    new.authors = Vec::new();
    new.observed = desk.now + Duration::minutes(1);
    new.details =
        [("validation", "accepted"), ("components", components), ("residual_risk", "none that is known")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
    new
}

fn validated(by: &str, change: impl FnOnce(&mut NewEvidence)) -> Desk {
    let mut desk = Desk::with(MilestoneState::Done);
    let mut new = validation(&desk, "web-1\nweb-2", "validation-1");
    change(&mut new);
    desk.later(5);
    desk.ok(by, Command::AddEvidence(Box::new(new)));
    desk
}

const UNVALIDATED: &str = "no validation evidence was recorded after the last milestone was done, by a person who neither \
                           owns the item nor authored its remediation evidence";

#[test]
fn remediated_needs_everything_and_names_all_that_lacks() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.no("Otto", close(1, Disposition::Remediated)),
        [
            "it is open, and only pending_validation can be closed as remediated",
            UNVALIDATED,
            "residual risk is not stated",
            "validation does not cover web-1, web-2",
            "Otto has none of the roles grc, isso",
        ]
    );
    let mut desk = validated("Vera", |_| {});
    assert_eq!(desk.kinds("Grace", close(1, Disposition::Remediated)), ["item.closed", "milestone.state"]);
    assert_eq!((desk.item(1).status, desk.m1().state), (Status::Closed, MilestoneState::Verified));
    assert_eq!(desk.item(1).disposition, Some(Disposition::Remediated));
    assert_eq!(
        desk.no("Grace", close(1, Disposition::Remediated)).first().map(String::as_str),
        Some("it is closed already")
    );
}

#[test]
fn a_validation_counts_only_if_it_is_independent_new_whole_and_states_the_risk() {
    // Seen before the last milestone was done.
    let mut desk = validated("Vera", |new| new.observed -= Duration::days(1));
    assert_eq!(
        desk.no("Grace", close(1, Disposition::Remediated)).first().map(String::as_str),
        Some(UNVALIDATED)
    );
    // Of one asset only.
    let mut desk = validated("Vera", |new| drop(new.details.insert("components".into(), "web-1".into())));
    assert_eq!(desk.no("Grace", close(1, Disposition::Remediated)), ["validation does not cover web-2"]);
    // Without a word on what risk is left.
    let mut desk = validated("Vera", |new| drop(new.details.insert("residual_risk".into(), " ".into())));
    assert_eq!(desk.no("Grace", close(1, Disposition::Remediated)), ["residual risk is not stated"]);
    // A rejected one.
    let mut desk = validated("Vera", |new| drop(new.details.insert("validation".into(), "rejected".into())));
    assert_eq!(
        desk.no("Grace", close(1, Disposition::Remediated)).first().map(String::as_str),
        Some(UNVALIDATED)
    );
}

#[test]
fn neither_the_owner_nor_who_made_the_fix_validates_it() {
    let validate = |actor: &Actor| {
        let mut desk = Desk::with(MilestoneState::Done);
        let new = validation(&desk, "web-1\nweb-2", "validation-1");
        desk.later(5);
        let made = desk.act_as(actor, Roles::from([Role::Validator]), &[Command::AddEvidence(Box::new(new))]);
        made.map(|_| desk.act("Grace", close(1, Disposition::Remediated)))
    };
    for name in ["Otto", "Ella"] {
        let closed = validate(&person(name)).expect("a validation is recorded");
        assert_eq!(
            closed.expect_err("not independent").because.first().map(String::as_str),
            Some(UNVALIDATED),
            "{name}"
        );
    }
    assert!(validate(&person("Vera")).expect("recorded").is_ok());
    // Who validates is a person.
    for actor in [Actor::Poam, Actor::Token("ci".into()), Actor::Account("site".into(), "x".into())] {
        let refusal = validate(&actor).expect_err("no person");
        assert_eq!(refusal.because, ["a validation is recorded by the person who made it"]);
    }
}

#[test]
fn an_author_under_another_name_is_still_the_author() {
    let mut desk = Desk::open();
    let mut fix = new_proof(M1, "fix");
    fix.authors = vec![Actor::Account("github".into(), "GH-Vera".into())];
    desk.ok("Ella", Command::AddEvidence(Box::new(fix)));
    desk.ok("Grace", set_state(MilestoneState::Done, None));
    let new = validation(&desk, "web-1\nweb-2", "validation-1");
    desk.later(5);
    desk.ok("Vera", Command::AddEvidence(Box::new(new)));
    assert_eq!(
        desk.no("Grace", close(1, Disposition::Remediated)).first().map(String::as_str),
        Some(UNVALIDATED)
    );
}

#[test]
fn a_validation_in_anothers_name_or_of_a_milestone_is_refused() {
    let mut desk = Desk::with(MilestoneState::Done);
    let mut new = validation(&desk, "", "1");
    new.authors = vec![person("Vera"), person("Asa")];
    new.of = EvidenceOf::Milestone(M1);
    assert_eq!(
        desk.no("Vera", Command::AddEvidence(Box::new(new))),
        ["a validation is of an item", "a validation is recorded by the person who made it"]
    );
}

#[test]
fn the_other_dispositions_have_their_own_guards() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.no("Grace", close(1, Disposition::FalsePositive)),
        ["no false positive deviation of it is approved"]
    );
    assert_eq!(desk.no("Alan", close(1, Disposition::NotInBoundary(" ".to_owned()))), ["it needs a reason"]);
    assert_eq!(desk.no("Ada", close(1, Disposition::ImportedClosed)), ["only an import closes so"]);
    assert_eq!(desk.no("Grace", close(9, Disposition::FalsePositive)), ["there is no V-9"]);
}

#[test]
fn what_is_left_of_an_item_that_is_not_to_be_fixed_is_dropped() {
    for (before, after) in [
        (MilestoneState::Planned, MilestoneState::Dropped),
        (MilestoneState::InProgress, MilestoneState::Dropped),
        (MilestoneState::Blocked, MilestoneState::Dropped),
        (MilestoneState::Done, MilestoneState::Verified),
        (MilestoneState::Dropped, MilestoneState::Dropped),
    ] {
        let mut desk = Desk::with(before);
        desk.ok("Alan", close_out_of_boundary(1));
        assert_eq!(desk.m1().state, after, "{before:?}");
        assert_eq!(
            (desk.item(1).status, desk.item(1).status_date),
            (Status::Closed, Some(day("2026-11-10")))
        );
    }
    // While it serves another that is open, it goes on.
    let mut desk = Desk::open();
    desk.ok("Grace", add_item("Another"));
    desk.ok("Grace", Command::SetServes { milestone: M1, serves: [v(1), v(2)].into() });
    assert_eq!(desk.kinds("Alan", close_out_of_boundary(1)), ["item.closed"]);
    assert_eq!(desk.m1().state, MilestoneState::Planned);
}

#[test]
fn a_merge_loses_neither_work_nor_assets() {
    let mut desk = Desk::open();
    let mut duplicate = facts("OpenSSL, from another scanner");
    duplicate.components = vec!["web-2".into(), "web-3".into()];
    duplicate.cves = vec!["CVE-2026-9".into()];
    duplicate.controls = vec!["RA-5".into()];
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(duplicate) });
    desk.ok("Grace", add_milestone(&[2], Some("2026-11-25")));
    desk.ok("Ella", proof(M1, "scan-1"));
    desk.ok("Grace", set_state(MilestoneState::Done, None));
    assert_eq!(desk.item(1).status, Status::PendingValidation);
    assert_eq!(
        desk.kinds("Grace", merge(2, 1)),
        ["milestone.serves", "item.facts", "item.status", "item.closed"],
        "there is more to do for V-1 now"
    );
    assert_eq!(desk.item(1).status, Status::InProgress);
    assert_eq!(desk.item(1).facts.components, ["web-1", "web-2", "web-3"]);
    assert_eq!(desk.item(1).facts.cves, ["CVE-2026-1234", "CVE-2026-9"]);
    assert_eq!(desk.item(1).facts.controls, ["SI-2", "RA-5"]);
    assert_eq!(desk.item(2).disposition, Some(Disposition::DuplicateOf(v(1))));
    assert_eq!(desk.register.milestones[&super::desk::M2].state, MilestoneState::Planned);
}

#[test]
fn a_merge_opens_a_draft_that_lacked_only_a_milestone() {
    let mut desk = Desk::open();
    desk.ok("Grace", add_item("The same"));
    assert_eq!(desk.item(2).status, Status::Draft);
    assert_eq!(desk.kinds("Grace", merge(1, 2)), ["milestone.serves", "item.status", "item.closed"]);
    assert_eq!(desk.item(2).status, Status::Open);
}

#[test]
fn a_merge_gains_no_time_and_buries_nothing() {
    let mut desk = Desk::open();
    let mut later = facts("Detected later");
    later.detected = Some(day("2026-11-08"));
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(later) });
    let mut unrated = facts("Not rated yet");
    unrated.rating = None;
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(unrated) });
    assert_eq!(
        desk.no("Grace", merge(1, 2)),
        ["V-2's deadline 2026-12-08 is later than its own 2026-12-01: merge the other way round"]
    );
    assert_eq!(
        desk.no("Grace", merge(1, 3)),
        ["V-3 has no deadline, and its own is 2026-12-01: merge the other way round"]
    );
    assert_eq!(desk.no("Grace", merge(1, 1)), ["it is no duplicate of itself"]);
    assert_eq!(desk.no("Grace", merge(1, 9)), ["there is no V-9"]);
    desk.ok("Grace", merge(2, 1));
    assert_eq!(desk.no("Grace", merge(3, 2)), ["V-2 is itself a duplicate; name what it is a duplicate of"]);
    desk.ok("Alan", close_out_of_boundary(1));
    assert_eq!(
        desk.no("Grace", merge(3, 1)),
        ["V-1 is closed: what comes back after a closure is an item of its own"]
    );
}

#[test]
fn a_closed_item_never_opens_again() {
    let mut desk = Desk::open();
    desk.ok("Alan", close_out_of_boundary(1));
    for change in [
        poam::register::Change::ItemStatus { item: v(1), to: Status::Open },
        poam::register::Change::ItemClosed {
            item: v(1),
            disposition: Disposition::Remediated,
            date: day("2026-11-11"),
            reason: None,
            roles: Roles::new(),
        },
    ] {
        let misfit =
            poam::register::apply::apply(&mut desk.register, desk.now, &change).expect_err("it is closed");
        assert_eq!(misfit.to_string(), "a change does not fit the state: item V-1 is closed, and stays so");
    }
    let number = ItemNumber::new("V-1").expect("a number");
    assert_eq!(desk.register.items[&number].status, Status::Closed);
}

#[test]
fn a_conflict_is_resolved_once_by_what_the_register_says() {
    let mut desk = Desk::empty();
    let first = super::import::row("V-1");
    desk.ok("Grace", Command::Import(Box::new(first.clone())));
    let mut second = super::import::newer(&first);
    second.facts.detected = Some(day("2026-11-05"));
    desk.ok("Grace", Command::Import(Box::new(second)));
    let resolve = |number, keep: &str, reason: &str| Command::ResolveConflict {
        number,
        keep: keep.to_owned(),
        reason: reason.to_owned(),
    };
    assert_eq!(
        desk.no("Grace", resolve(1, "tracker", "")),
        [
            "it needs a reason",
            "V-1 does not say \"2026-11-05\" there: take it by an edit or a correction first"
        ]
    );
    assert_eq!(desk.no("Grace", resolve(1, "both", "x")), ["\"both\" is no side: register or tracker"]);
    assert_eq!(desk.no("Grace", resolve(2, "register", "x")), ["there is no such conflict"]);
    let correct = Command::CorrectItem {
        item: v(1),
        field: "detected".into(),
        to: "2026-11-05".into(),
        reason: "the scanner's report says so".into(),
        approved_by: "Alan".into(),
    };
    desk.ok("Grace", correct);
    assert_eq!(
        desk.kinds("Grace", resolve(1, "tracker", "the scanner's report says so")),
        ["conflict.resolved"]
    );
    assert_eq!(desk.no("Grace", resolve(1, "register", "x")), ["it is resolved already"]);
}

#[test]
fn a_validation_that_names_nobody_counts_for_nothing() {
    let mut desk = Desk::with(MilestoneState::Done);
    let new = validation(&desk, "web-1\nweb-2", "validation-1");
    let unsigned = poam::register::Evidence {
        number: desk.register.system.last_evidence + 1,
        of: new.of,
        kind: new.kind,
        title: new.title,
        digest: new.digest,
        size: new.size,
        media_type: new.media_type,
        authors: Vec::new(),
        observed: new.observed,
        recorded: desk.now,
        source: new.source,
        details: new.details,
        redacted: None,
    };
    desk.record(poam::register::Change::EvidenceAdded { evidence: Box::new(unsigned) });
    let because = desk.no("Grace", close(1, Disposition::Remediated));
    assert_eq!(because.first().map(String::as_str), Some(UNVALIDATED));
}
