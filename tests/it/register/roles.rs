//! Who may do what: every command that has a guard, by every role.

use std::collections::BTreeSet;

use poam::register::decide::{Command, ItemEdit};
use poam::register::{DeviationState, Disposition, EvidenceKind, MilestoneState, Role, Roles};

use super::desk::{
    Desk, M1, PEOPLE, add_item, add_milestone, approve, close_out_of_boundary, day, explain, new_proof,
    person, proof, reject, set_state, v,
};

const PLANNERS: &[Role] = &[Role::Grc, Role::Isso, Role::Owner, Role::SystemOwner];
const WORKERS: &[Role] = &[Role::Engineer, Role::Owner, Role::Supporting, Role::Grc, Role::Isso];
const KEEPERS: &[Role] = &[Role::Grc, Role::Isso];
const DECIDERS: &[Role] = &[Role::Approver, Role::Isso, Role::AuthorizingOfficial];

/// An open item whose date was moved past the deadline by nobody of us, and explained.
fn waiting() -> Desk {
    let mut desk = Desk::open();
    desk.moved(
        poam::register::Actor::Account("site".into(), "stranger".into()),
        Some("2026-12-24"),
        "1",
        None,
    );
    desk.ok("Ella", explain("the vendor ships in December"));
    desk
}

fn false_positive() -> Desk {
    let mut desk = Desk::open();
    let mut row = super::import::row("V-2");
    row.facts.false_positive = DeviationState::Yes;
    desk.ok("Grace", Command::Import(Box::new(row)));
    desk
}

fn two_items() -> Desk {
    let mut desk = Desk::open();
    desk.ok("Grace", add_item("OpenSSL again"));
    desk
}

fn conflict() -> Desk {
    let mut desk = Desk::empty();
    let first = super::import::row("V-1");
    desk.ok("Grace", Command::Import(Box::new(first.clone())));
    let mut second = super::import::newer(&first);
    second.facts.detected = Some(day("2026-11-05"));
    desk.ok("Grace", Command::Import(Box::new(second)));
    desk
}

/// What is done, on which desk, by what command, and which roles it is allowed to, beside admin.
type Row = (&'static str, fn() -> Desk, Command, Vec<Role>);

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_command_is_allowed_to_its_roles_and_to_no_other() {
    let edit = |edit: ItemEdit| Command::EditItem { item: v(1), edit: Box::new(edit) };
    let validation = {
        let mut new = new_proof(M1, "validation-1");
        new.of = poam::register::EvidenceOf::Item(v(1));
        new.authors = Vec::new();
        new.details.insert("validation".to_owned(), "accepted".to_owned());
        Command::AddEvidence(Box::new(new))
    };
    let retext = |reason: Option<&str>| Command::Retext {
        milestone: M1,
        text: "OpenSSL 3.5.4 runs on every host".to_owned(),
        reason: reason.map(str::to_owned),
    };
    let correct_item = Command::CorrectItem {
        item: v(1),
        field: "detected".to_owned(),
        to: "2026-11-02".to_owned(),
        reason: "a digit was mistyped".to_owned(),
        approved_by: "Alan".to_owned(),
    };
    let correct_milestone = Command::CorrectMilestone {
        milestone: M1,
        field: "due".to_owned(),
        to: "2026-11-21".to_owned(),
        reason: "a digit was mistyped".to_owned(),
        approved_by: "Alan".to_owned(),
    };
    let owner = Command::SetOwner { milestone: M1, owner: Some("Sue".to_owned()) };
    let serves = Command::SetServes { milestone: M1, serves: BTreeSet::from([v(1), v(2)]) };
    let expects = Command::SetExpects { milestone: M1, expects: BTreeSet::from([EvidenceKind::Document]) };
    let due = Command::SetDue { milestone: M1, due: Some(day("2026-11-25")) };
    let close = |disposition| Command::CloseItem { item: v(2), disposition, reason: None };
    let resolve = Command::ResolveConflict {
        number: 1,
        keep: "register".to_owned(),
        reason: "the report says so".to_owned(),
    };
    let say = Command::Say {
        milestone: M1,
        kind: poam::register::NoticeKind::Answer,
        answers: "c1".to_owned(),
        covers: Vec::new(),
        body: "Done.".to_owned(),
    };
    let everybody: Vec<Role> = Role::ALL.to_vec();
    let moved = poam::register::decide::ProposedMove {
        milestone: M1,
        to: Some(day("2026-11-27")),
        by: person("Ella"),
        at: Desk::open().now,
        whence: "command propose".to_owned(),
        rationale: None,
        settles: false,
    };
    let planners_and_workers =
        [Role::Engineer, Role::Owner, Role::Supporting, Role::Grc, Role::Isso, Role::SystemOwner];
    let provers = [&planners_and_workers[..], &[Role::Validator]].concat();
    let rows: Vec<Row> = vec![
        ("add item", Desk::empty, add_item("New"), PLANNERS.to_vec()),
        (
            "edit item",
            Desk::open,
            edit(ItemEdit { comments: Some("x".into()), ..ItemEdit::default() }),
            PLANNERS.to_vec(),
        ),
        ("add milestone", Desk::open, add_milestone(&[1], None), PLANNERS.to_vec()),
        ("set serves", two_items, serves, PLANNERS.to_vec()),
        ("set due of a draft", Desk::draft, due, PLANNERS.to_vec()),
        ("word a draft anew", Desk::draft, retext(None), PLANNERS.to_vec()),
        ("word an open one anew", Desk::open, retext(Some("clearer")), KEEPERS.to_vec()),
        ("expect other evidence of a draft", Desk::draft, expects.clone(), PLANNERS.to_vec()),
        ("expect other evidence", Desk::open, expects, KEEPERS.to_vec()),
        ("set owner", Desk::open, owner, WORKERS.to_vec()),
        ("begin", Desk::open, set_state(MilestoneState::InProgress, None), WORKERS.to_vec()),
        ("block", Desk::open, set_state(MilestoneState::Blocked, Some("waits")), WORKERS.to_vec()),
        (
            "unblock",
            || Desk::with(MilestoneState::Blocked),
            set_state(MilestoneState::InProgress, None),
            WORKERS.to_vec(),
        ),
        (
            "done",
            || {
                let mut d = Desk::open();
                d.ok("Ella", proof(M1, "s"));
                d
            },
            set_state(MilestoneState::Done, None),
            KEEPERS.to_vec(),
        ),
        ("drop", Desk::open, set_state(MilestoneState::Dropped, Some("not needed")), KEEPERS.to_vec()),
        (
            "reopen",
            || Desk::with(MilestoneState::Done),
            set_state(MilestoneState::InProgress, Some("it came back")),
            KEEPERS.to_vec(),
        ),
        (
            "revive",
            || Desk::with(MilestoneState::Dropped),
            set_state(MilestoneState::InProgress, Some("needed after all")),
            KEEPERS.to_vec(),
        ),
        ("correct an item", Desk::open, correct_item, KEEPERS.to_vec()),
        ("correct a milestone", Desk::open, correct_milestone, KEEPERS.to_vec()),
        ("explain", waiting, explain("the vendor ships late"), planners_and_workers.to_vec()),
        ("approve", waiting, approve(), DECIDERS.to_vec()),
        ("reject", waiting, reject("too late"), DECIDERS.to_vec()),
        ("close as false positive", false_positive, close(Disposition::FalsePositive), KEEPERS.to_vec()),
        ("close as duplicate", two_items, close(Disposition::DuplicateOf(v(1))), KEEPERS.to_vec()),
        ("close as not in boundary", two_items, close_out_of_boundary(2), DECIDERS.to_vec()),
        ("resolve a conflict", conflict, resolve, KEEPERS.to_vec()),
        ("validate", Desk::open, validation, vec![Role::Validator, Role::Isso]),
        ("import", Desk::empty, Command::Import(Box::new(super::import::row("V-9"))), KEEPERS.to_vec()),
        (
            "ask for another date",
            Desk::open,
            Command::Move(Box::new(moved.clone())),
            planners_and_workers.to_vec(),
        ),
        ("see a date moved", Desk::open, Command::Propose(Box::new(moved)), everybody.clone()),
        ("give evidence", Desk::open, Command::GiveEvidence(Box::new(new_proof(M1, "scan"))), provers),
        ("see evidence", Desk::open, proof(M1, "scan"), everybody.clone()),
        ("say", Desk::open, say, everybody),
    ];
    for (what, desk, command, allowed) in rows {
        for (name, role) in PEOPLE {
            let decided = desk().act(name, command.clone());
            let may = role == Role::Admin || allowed.contains(&role);
            match decided {
                Ok(changes) => assert!(may && !changes.is_empty(), "{what}: {name} may, and should not"),
                Err(refusal) => {
                    assert!(!may, "{what}: {name} should, and may not: {refusal}");
                    let names: Vec<&str> = refusal
                        .because
                        .iter()
                        .filter(|b| b.contains("none of the roles"))
                        .map(String::as_str)
                        .collect();
                    assert_eq!(names.len(), 1, "{what}: {refusal}");
                    // Who is named as the approver of a correction may not make it either.
                    let more = usize::from(what.starts_with("correct") && name == "Alan");
                    assert_eq!(
                        refusal.because.len(),
                        1 + more,
                        "{what}: {name} is refused for more: {refusal}"
                    );
                    assert!(
                        names[0].starts_with(&format!("{name} has none of the roles ")),
                        "{what}: {refusal}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_refusal_names_the_roles_that_would_do() {
    let mut desk = waiting();
    assert_eq!(
        desk.no("Ella", approve()),
        ["Ella has none of the roles approver, isso, authorizing_official"]
    );
    assert_eq!(desk.no("Asa", add_item("X")), ["Asa has none of the roles grc, isso, owner, system_owner"]);
}

#[test]
fn roles_of_another_system_count_nothing() {
    let mut desk = Desk::empty();
    let refused = desk.act_as(&person("Grace"), Roles::new(), &[add_item("X")]).expect_err("no role here");
    assert_eq!(
        refused.to_string(),
        "add an item: Grace has none of the roles grc, isso, owner, system_owner"
    );
}
