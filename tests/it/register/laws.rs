//! Laws over random acts: every invariant holds after each, and the journal replays to the state.

use std::collections::BTreeSet;

use poam::register::apply::apply;
use poam::register::decide::Command;
use poam::register::{Change, MilestoneNumber, MilestoneState, MoveState, Register, Roles};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::acts::{Act, act, command};
use super::desk::{Desk, facts, kind, person, v};

/// Commands that say how something is to be: once it is so, they give nothing.
fn is_idempotent(command: &Command) -> bool {
    match command {
        Command::EditItem { .. }
        | Command::Import(_)
        | Command::SetServes { .. }
        | Command::Retext { .. }
        | Command::SetDue { .. }
        | Command::SetExpects { .. }
        | Command::SetOwner { .. }
        | Command::Transition(_)
        | Command::GiveEvidence(_)
        | Command::AddEvidence(_)
        | Command::Ticket { .. }
        | Command::TicketTitle { .. }
        | Command::Move(_)
        | Command::Propose(_)
        | Command::SetBack { .. }
        | Command::SettleMove { .. }
        | Command::Explain { number: Some(_), .. } => true,
        Command::AddItem { .. }
        | Command::CorrectItem { .. }
        | Command::CloseItem { .. }
        | Command::AddMilestone(_)
        | Command::CorrectMilestone { .. }
        | Command::SetState { .. }
        | Command::Unblock { .. }
        | Command::Explain { number: None, .. }
        | Command::Approve { .. }
        | Command::Reject { .. }
        | Command::ResolveConflict { .. }
        | Command::Say { .. } => false,
    }
}

/// Plays acts on a desk; gives the kinds of what was changed.
fn play(acts: &[Act]) -> BTreeSet<String> {
    let mut desk = Desk::open();
    let draft = facts("Another");
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(draft) });
    let mut kinds = BTreeSet::new();
    for (place, act) in acts.iter().enumerate() {
        desk.later(act.minutes);
        let command = command(&desk, act, place);
        let roles = desk.roles(&act.actor);
        // Every invariant is checked within.
        if let Ok(changes) = desk.act_as(&act.actor, roles.clone(), std::slice::from_ref(&command)) {
            kinds.extend(changes.iter().map(kind));
            if is_idempotent(&command) {
                let again = desk.act_as(&act.actor, roles, std::slice::from_ref(&command));
                assert_eq!(again.as_deref(), Ok(&[][..]), "{command:?} twice");
            }
        }
    }
    replays(&desk);
    kinds
}

/// The journal, read back and folded from nothing, is the state.
fn replays(desk: &Desk) {
    let mut register = Register::new(desk.register.system.id.clone());
    let mut head = poam::register::journal::Head::empty();
    for entry in &desk.journal {
        head = entry.follow(&head).expect("a row that follows");
        let change = entry.change().expect("a change");
        apply(&mut register, entry.at, &change).expect("it applies");
    }
    assert_eq!(register, desk.register);
}

proptest! {
    #![proptest_config(Config { cases: 256, ..Config::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_the_register(acts in prop::collection::vec(act(), 0..60)) {
        play(&acts);
    }
}

/// The random acts reach every kind of change that a command can give: else the law above says little.
#[test]
fn random_acts_reach_every_change_that_a_command_gives() {
    let mut runner = TestRunner::deterministic();
    let acts = prop::collection::vec(act(), 60);
    let mut reached = BTreeSet::new();
    for _ in 0..150 {
        let acts = acts.new_tree(&mut runner).expect("acts").current();
        reached.extend(play(&acts));
    }
    let all = [
        "item.added",
        "item.facts",
        "item.deadline",
        "item.status",
        "item.closed",
        "item.corrected",
        "milestone.added",
        "milestone.serves",
        "milestone.text",
        "milestone.due",
        "milestone.corrected",
        "milestone.expects",
        "milestone.owner",
        "milestone.state",
        "milestone.closed_without_fix",
        "milestone.ticket",
        "milestone.ticket_title",
        "move.proposed",
        "move.explained",
        "move.approved",
        "move.ended",
        "evidence.added",
        "conflict.found",
        "conflict.resolved",
        "notice.queued",
    ];
    let missed: Vec<&str> = all.into_iter().filter(|kind| !reached.contains(*kind)).collect();
    assert_eq!(missed, Vec::<&str>::new());
}

#[test]
fn apply_refuses_what_no_decision_gives() {
    let mut desk = Desk::open();
    desk.moved(person("Ella"), Some("2026-12-10"), "1", None);
    let open = desk.m1().moves[0].clone();
    let decision = poam::register::Decision { by: person("Abe"), at: desk.now, reason: None };
    let m1 = MilestoneNumber(1);
    let ended = |to| Change::MoveEnded {
        milestone: m1,
        number: 1,
        to,
        decision: decision.clone(),
        roles: Roles::new(),
    };
    for (change, why) in [
        (Change::MoveProposed { milestone: m1, moved: open.clone() }, "move 1 of M-1 has no place"),
        (
            Change::MoveProposed { milestone: m1, moved: poam::register::Move { number: 2, ..open } },
            "move 1 of M-1 is still open",
        ),
        (ended(MoveState::Approved), "no move ends as approved"),
        (ended(MoveState::Explained), "no move ends as explained"),
        (
            Change::MilestoneStateChanged {
                milestone: m1,
                from: MilestoneState::Done,
                to: MilestoneState::Planned,
                at: desk.now,
                reason: None,
                roles: Roles::new(),
            },
            "M-1 is planned, not done",
        ),
        (Change::ItemDeadline { item: v(9), deadline: None }, "no item V-9"),
        (Change::MilestoneOwner { milestone: MilestoneNumber(9), owner: None }, "no milestone M-9"),
        (Change::DriftSettled { number: 1, by: "x".into() }, "no drift 1"),
        (Change::TokenRevoked { name: "ci".into() }, "no token \"ci\""),
    ] {
        let misfit = apply(&mut desk.register.clone(), desk.now, &change).expect_err("a misfit");
        assert_eq!(misfit.to_string(), format!("a change does not fit the state: {why}"));
    }
    apply(&mut desk.register, desk.now, &ended(MoveState::Rejected)).expect("it is open");
    let misfit = apply(&mut desk.register, desk.now, &ended(MoveState::Rejected)).expect_err("it is decided");
    assert_eq!(misfit.to_string(), "a change does not fit the state: move 1 of M-1 is rejected already");
}
