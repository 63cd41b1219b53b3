//! What holds whatever happens: checked after every act of every test here, and of random ones.

use std::collections::BTreeSet;

use chrono::Duration;
use poam::register::apply::apply;
use poam::register::completeness::missing;
use poam::register::decide::{
    Command, ImportedChange, ImportedChangeKind, ImportedMilestone, ItemEdit, ProposedMove, TicketReads,
};
use poam::register::{
    Actor, Change, DeviationState, Disposition, EvidenceKind, Item, ItemNumber, Milestone, MilestoneNumber,
    MilestoneState, MoveState, Rating, Register, Roles, Status, TicketName,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::desk::{Desk, day, facts, kind, new_proof, person, v};
use super::states::goes;

/// Checks a step from one state to the next.
pub(crate) fn invariants(before: &Register, after: &Register, changes: &[Change]) {
    for (number, was) in &before.items {
        let is = after.items.get(number).unwrap_or_else(|| panic!("{number} is gone"));
        frozen_item(was, is, changes);
    }
    for (number, was) in &before.milestones {
        let is = after.milestones.get(number).unwrap_or_else(|| panic!("{number} is gone"));
        frozen_milestone(before, was, is, changes);
    }
    for item in after.items.values() {
        status_fits(after, item);
    }
    for milestone in after.milestones.values() {
        milestone_fits(after, milestone);
    }
    for change in changes {
        if let Change::MoveApproved { milestone, number, .. } = change {
            approval_fits(after, *milestone, *number);
        }
    }
    let numbers: Vec<u32> = after.milestones.keys().map(|m| m.0).collect();
    assert_eq!(numbers, (1..=after.system.last_milestone).collect::<Vec<_>>(), "milestones have gaps");
    assert!(after.evidence.keys().copied().eq(1..=after.system.last_evidence), "evidence has gaps");
    assert!(after.conflicts.keys().copied().eq(1..=after.system.last_conflict), "conflicts have gaps");
    assert!(after.notices.keys().copied().eq(1..=after.system.last_notice), "notices have gaps");
    let places: BTreeSet<u32> = after.items.values().map(|item| item.place).collect();
    assert!(places.into_iter().eq(1..=after.system.items), "places have gaps");
}

/// From open on, what was recorded changes by correction alone; what is closed stays so.
fn frozen_item(was: &Item, is: &Item, changes: &[Change]) {
    let number = &was.number;
    assert_eq!(was.place, is.place);
    assert!(is.corrections.starts_with(&was.corrections), "a correction of {number} is gone");
    if was.status == Status::Draft {
        return;
    }
    assert_ne!(is.status, Status::Draft, "{number} is a draft again");
    if was.status == Status::Closed {
        assert_eq!((is.status, &is.disposition), (Status::Closed, &was.disposition), "{number} opened again");
    }
    let corrected = changes.iter().any(|c| matches!(c, Change::ItemCorrected { item, .. } if item == number));
    if !corrected {
        let kept =
            |was: bool, same: bool| assert!(!was || same, "a frozen value of {number} changed: {was:?}");
        kept(was.facts.detected.is_some(), was.facts.detected == is.facts.detected);
        kept(was.facts.scheduled.is_some(), was.facts.scheduled == is.facts.scheduled);
        kept(was.facts.rating.is_some(), was.facts.rating == is.facts.rating);
    }
}

fn frozen_milestone(before: &Register, was: &Milestone, is: &Milestone, changes: &[Change]) {
    let number = was.number;
    let frozen = before.items_of(was).any(|item| item.status != Status::Draft);
    let corrected = changes
        .iter()
        .any(|c| matches!(c, Change::MilestoneCorrected { milestone, .. } if *milestone == number));
    if frozen && !corrected {
        assert_eq!(was.original_text, is.original_text, "the text of {number} changed");
        assert!(
            was.original_due.is_none() || was.original_due == is.original_due,
            "the due date of {number} changed"
        );
    }
    assert!(is.corrections.starts_with(&was.corrections));
    assert!(is.evidence.starts_with(&was.evidence), "evidence of {number} is gone");
    assert!(is.moves.len() >= was.moves.len(), "a move of {number} is gone");
    for (was, is) in was.moves.iter().zip(&is.moves) {
        assert_eq!(
            (was.number, was.from, was.to, &was.by, was.at),
            (is.number, is.from, is.to, &is.by, is.at)
        );
        if !was.state.is_open() {
            assert_eq!((was.state, &was.decision, &was.rationale), (is.state, &is.decision, &is.rationale));
        }
    }
    if was.state == MilestoneState::Verified {
        assert_eq!(is.state, MilestoneState::Verified, "{number} is verified no more");
    }
}

fn status_fits(register: &Register, item: &Item) {
    let kept: Vec<&Milestone> =
        register.milestones_of(&item.number).filter(|m| m.state != MilestoneState::Dropped).collect();
    let done = |m: &&Milestone| matches!(m.state, MilestoneState::Done | MilestoneState::Verified);
    let all_done = !kept.is_empty() && kept.iter().all(done);
    let proven = kept.iter().flat_map(|m| &m.evidence).any(|n| {
        register.evidence[n].digest.is_some() || register.evidence[n].kind == EvidenceKind::Transition
    });
    let number = &item.number;
    match item.status {
        Status::Draft => {
            assert!(!missing(register, item).is_empty(), "{number} lacks nothing, and is a draft")
        }
        Status::Open => {
            assert!(
                kept.iter().all(|m| m.state == MilestoneState::Planned),
                "{number} was begun, and is open"
            );
        }
        Status::InProgress => assert!(!(all_done && proven), "{number} is done and proven, and in progress"),
        Status::PendingValidation => assert!(all_done && proven, "{number} is not done, and waits"),
        Status::Closed => {}
    }
    assert_eq!(item.disposition.is_some(), item.status == Status::Closed, "{number}");
}

fn milestone_fits(register: &Register, milestone: &Milestone) {
    let number = milestone.number;
    assert!(!milestone.serves.is_empty(), "{number} serves nothing");
    assert!(
        milestone.moves.iter().map(|m| m.number).eq(1..=u32::try_from(milestone.moves.len()).expect("few"))
    );
    let open = milestone.moves.iter().filter(|m| m.state.is_open()).count();
    assert!(open <= 1, "{number} has {open} open moves");
    let approved = milestone.moves.iter().rev().find(|m| m.state == MoveState::Approved);
    assert_eq!(milestone.due, approved.map_or(milestone.original_due, |m| m.to), "the due date of {number}");
    let closed = register.items_of(milestone).all(|item| !item.is_open());
    assert!(
        !closed || milestone.state.is_over(),
        "every item of {number} is closed, and it is {:?}",
        milestone.state
    );
    assert!(
        closed || milestone.state != MilestoneState::Verified,
        "{number} is verified, and an item of it is open"
    );
    assert_eq!(milestone.blocked.is_some(), milestone.state == MilestoneState::Blocked);
    for n in &milestone.evidence {
        assert!(register.evidence.contains_key(n), "evidence {n} of {number} is not there");
    }
}

/// Nobody approves what they asked for, and no rule approves past the deadline or too many days.
fn approval_fits(register: &Register, milestone: MilestoneNumber, number: u32) {
    let milestone = &register.milestones[&milestone];
    let moved = milestone.moves.iter().find(|m| m.number == number).expect("the move");
    let decision = moved.decision.as_ref().expect("a decision");
    let to = moved.to.expect("a cleared date is never approved");
    match &decision.by {
        Actor::Rule(rule) if rule == "moves/within-limits" => {
            assert!(moved.rationale.is_some());
            assert!(
                register.deadline_of(milestone).is_none_or(|d| to <= d.date),
                "{rule} went past the deadline"
            );
            let human = milestone.moves.iter().take(number as usize - 1).rev().find(|m| {
                m.state == MoveState::Approved
                    && m.decision.as_ref().is_some_and(|d| !matches!(d.by, Actor::Rule(_)))
            });
            let since = human.map_or(milestone.original_due, |m| m.to).expect("a date");
            assert!((to - since).num_days() <= 30, "{rule} went {} days", (to - since).num_days());
        }
        Actor::Rule(rule) if rule == "moves/earlier-date" => {
            assert!(moved.from.is_some_and(|from| to < from))
        }
        Actor::Rule(rule) if rule == "moves/first-date" => assert_eq!(moved.from, None),
        Actor::Rule(rule) => assert_eq!(rule, "import/as-recorded"),
        Actor::Person(_) => {
            assert_ne!(decision.by, moved.by);
            assert!(moved.rationale.is_some());
        }
        other
        @ (Actor::Account(..) | Actor::Unknown(_) | Actor::Token(_) | Actor::Local(_) | Actor::Poam) => {
            panic!("{other} approved a move")
        }
    }
}

/// One random act.
#[derive(Debug, Clone)]
struct Act {
    minutes: i64,
    actor: Actor,
    what: What,
}

/// A command, or something to be made into one on the state that it meets.
#[derive(Debug, Clone)]
enum What {
    Do(Box<Command>),
    Ticket(MilestoneNumber, TicketReads),
    Propose(MilestoneNumber, Option<chrono::NaiveDate>, i64, bool),
    Import {
        number: u32,
        closed: bool,
        due: Option<chrono::NaiveDate>,
        changes: Vec<ImportedChange>,
        cell: u8,
        rating: Rating,
    },
}

fn item_number() -> impl Strategy<Value = ItemNumber> {
    (1_u32..=5).prop_map(v)
}

fn milestone_number() -> impl Strategy<Value = MilestoneNumber> {
    (1_u32..=6).prop_map(MilestoneNumber)
}

fn date() -> impl Strategy<Value = chrono::NaiveDate> {
    prop_oneof![3 => -10_i64..=20, 1 => 21_i64..=200]
        .prop_map(|days| day("2026-11-20") + Duration::days(days))
}

fn why() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("the vendor ships late"), 1 => Just("late"), 1 => Just("")].prop_map(str::to_owned)
}

fn reason() -> impl Strategy<Value = Option<String>> {
    prop_oneof![3 => Just(Some("as decided today".to_owned())), 1 => Just(None)]
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        6 => Just(person("Grace")),
        4 => Just(person("Ivan")),
        4 => Just(person("Abe")),
        3 => Just(person("Ella")),
        2 => Just(person("Otto")),
        2 => Just(person("Alan")),
        2 => Just(person("Ada")),
        1 => Just(person("Vera")),
        1 => Just(person("Asa")),
        1 => Just(Actor::Account("github".into(), "gh-ivan".into())),
        1 => Just(Actor::Unknown("github".into())),
    ]
}

fn state() -> impl Strategy<Value = MilestoneState> {
    prop::sample::select(MilestoneState::ALL.to_vec())
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["Otto", "Sue", "Ella", "a team"]).prop_map(str::to_owned)
}

fn item_command() -> impl Strategy<Value = Command> {
    let rating = prop::sample::select(vec![Rating::Low, Rating::Moderate, Rating::High, Rating::Critical]);
    let complete = any::<bool>();
    let added = (rating.clone(), complete).prop_map(|(rating, complete)| {
        let mut facts = facts("Found again");
        facts.rating = Some(rating);
        if !complete {
            facts.detector = String::new();
        }
        Command::AddItem { number: None, facts: Box::new(facts) }
    });
    let edited = (
        item_number(),
        prop::option::of(rating.clone()),
        prop::option::of(date()),
        prop::option::of(name()),
        any::<bool>(),
    )
        .prop_map(|(item, rating, scheduled, owner, detector)| {
            let detector = detector.then(|| "Nessus".to_owned());
            let edit = ItemEdit { rating, scheduled, owner, detector, ..ItemEdit::default() };
            Command::EditItem { item, edit: Box::new(edit) }
        });
    let corrected =
        (item_number(), prop::sample::select(vec!["title", "detected", "scheduled", "rating"]), 1_u32..=9)
            .prop_map(|(item, field, n)| Command::CorrectItem {
                item,
                field: field.to_owned(),
                to: if field == "rating" { "low".to_owned() } else { format!("2026-11-0{n}") },
                reason: "it was mistyped".to_owned(),
                approved_by: "Alan".to_owned(),
            });
    let disposition = prop_oneof![
        Just(Disposition::Remediated),
        Just(Disposition::FalsePositive),
        Just(Disposition::NotInBoundary("left".into())),
        item_number().prop_map(Disposition::DuplicateOf),
    ];
    let closed = (item_number(), disposition).prop_map(|(item, disposition)| Command::CloseItem {
        item,
        disposition,
        reason: None,
    });
    let validated = (item_number(), 0_u8..4, date()).prop_map(|(item, n, seen)| {
        let mut new = new_proof(MilestoneNumber(1), &format!("validation {n}"));
        new.of = poam::register::EvidenceOf::Item(item);
        new.authors = Vec::new();
        new.observed = seen.and_hms_opt(12, 0, 0).expect("noon").and_utc() + Duration::days(60);
        new.details = [("validation", "accepted"), ("components", "web-1\nweb-2"), ("residual_risk", "none")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        Command::AddEvidence(Box::new(new))
    });
    prop_oneof![3 => added, 3 => edited, 1 => corrected, 1 => closed, 1 => validated]
}

fn milestone_command() -> impl Strategy<Value = Command> {
    let items = || prop::collection::btree_set(item_number(), 1..=3);
    let added =
        (items(), prop::option::weighted(0.8, date()), prop::option::weighted(0.8, Just("Otto".to_owned())))
            .prop_map(|(serves, due, owner)| {
                Command::AddMilestone(Box::new(poam::register::decide::NewMilestone {
                    text: "OpenSSL 3.5.4 runs everywhere".to_owned(),
                    serves,
                    owner,
                    due,
                    ..Default::default()
                }))
            });
    let m = milestone_number;
    prop_oneof![
        3 => added,
        2 => (m(), items()).prop_map(|(milestone, serves)| Command::SetServes { milestone, serves }),
        2 => (m(), 0_u8..4, reason()).prop_map(|(milestone, n, reason)| Command::Retext { milestone, text: format!("Version {n} runs everywhere"), reason }),
        3 => (m(), prop::option::weighted(0.9, date())).prop_map(|(milestone, due)| Command::SetDue { milestone, due }),
        1 => m().prop_map(|milestone| Command::SetExpects { milestone, expects: BTreeSet::from([EvidenceKind::Document]) }),
        1 => (m(), any::<bool>(), date()).prop_map(|(milestone, text, date)| Command::CorrectMilestone {
            milestone,
            field: if text { "text" } else { "due" }.to_owned(),
            to: date.to_string(),
            reason: "it was mistyped".to_owned(),
            approved_by: "Alan".to_owned(),
        }),
        2 => (m(), prop::option::of(name())).prop_map(|(milestone, owner)| Command::SetOwner { milestone, owner }),
        6 => (m(), state(), reason()).prop_map(|(milestone, to, reason)| Command::SetState { milestone, to, reason }),
        3 => (m(), 0_u8..4).prop_map(|(milestone, n)| super::desk::proof(milestone, &format!("scan {n}"))),
        1 => (m(), 0_u8..2).prop_map(|(milestone, n)| {
            let ticket = TicketName { tracker: "web".into(), id: n.to_string(), key: format!("WEB-{n}"), url: "https://x.example".into() };
            Command::Ticket { milestone, ticket: Some(ticket) }
        }),
        1 => (m(), prop::option::of(Just("Theirs".to_owned()))).prop_map(|(milestone, title)| Command::TicketTitle { milestone, title }),
    ]
}

fn move_command() -> impl Strategy<Value = Command> {
    let m = milestone_number;
    let number = || prop::option::weighted(0.2, 1_u32..=3);
    prop_oneof![
        3 => (m(), number(), why()).prop_map(|(milestone, number, text)| Command::Explain { milestone, number, text }),
        3 => (m(), number()).prop_map(|(milestone, number)| Command::Approve { milestone, number }),
        2 => (m(), number(), why()).prop_map(|(milestone, number, reason)| Command::Reject { milestone, number, reason }),
        1 => (m(), 1_u32..=3).prop_map(|(milestone, number)| Command::Say {
            milestone,
            kind: poam::register::NoticeKind::Question,
            answers: String::new(),
            covers: vec![(milestone, number)],
            body: "Why did the date move?".to_owned(),
        }),
        1 => (1_u32..=3, any::<bool>()).prop_map(|(number, ours)| Command::ResolveConflict {
            number,
            keep: if ours { "register" } else { "tracker" }.to_owned(),
            reason: "the report says so".to_owned(),
        }),
    ]
}

fn imported() -> impl Strategy<Value = What> {
    let kinds = vec![ImportedChangeKind::New, ImportedChangeKind::Update, ImportedChangeKind::Complete];
    let change = (1_u32..=2, prop::sample::select(kinds), prop::option::of(date()), why())
        .prop_map(|(number, kind, date, text)| ImportedChange { number, kind, date, text });
    (
        1_u32..=5,
        prop::bool::weighted(0.2),
        prop::option::of(date()),
        prop::collection::vec(change, 0..3),
        0_u8..3,
        prop::sample::select(vec![Rating::Low, Rating::High]),
    )
        .prop_map(|(number, closed, due, changes, cell, rating)| What::Import {
            number,
            closed,
            due,
            changes,
            cell,
            rating,
        })
}

fn act() -> impl Strategy<Value = Act> {
    let reads = vec![
        TicketReads::Open,
        TicketReads::InProgress,
        TicketReads::Blocked,
        TicketReads::Done,
        TicketReads::Dropped,
    ];
    let what = prop_oneof![
        4 => item_command().prop_map(|c| What::Do(Box::new(c))),
        6 => milestone_command().prop_map(|c| What::Do(Box::new(c))),
        4 => move_command().prop_map(|c| What::Do(Box::new(c))),
        5 => (milestone_number(), prop::sample::select(reads)).prop_map(|(m, to)| What::Ticket(m, to)),
        6 => (milestone_number(), prop::option::weighted(0.9, date()), -5_i64..=0, any::<bool>())
            .prop_map(|(m, to, late, why)| What::Propose(m, to, late, why)),
        2 => imported(),
    ];
    (0_i64..3000, actor(), what).prop_map(|(minutes, actor, what)| Act { minutes, actor, what })
}

fn command(desk: &Desk, act: &Act, place: usize) -> Command {
    match &act.what {
        What::Do(command) => (**command).clone(),
        What::Ticket(milestone, to) => goes(*milestone, *to, desk.now, &format!("state-{place}")),
        What::Propose(milestone, to, late, why) => Command::Propose(Box::new(ProposedMove {
            milestone: *milestone,
            to: *to,
            by: act.actor.clone(),
            at: desk.now + Duration::days(*late),
            whence: format!("ticket site {milestone} due-{place}"),
            rationale: why.then(|| "the vendor ships late".to_owned()),
        })),
        What::Import { number, closed, due, changes, cell, rating } => {
            let mut row = super::import::row(&format!("V-{number}"));
            let known = desk
                .register
                .items
                .get(&row.number)
                .and_then(|item| item.imported.as_ref().map(|_| item.facts.clone()));
            row.previous = known;
            row.facts.rating = Some(*rating);
            row.facts.false_positive = DeviationState::Yes;
            row.closed = *closed;
            row.milestones =
                vec![ImportedMilestone { number: 1, due: *due, text: format!("Upgrade {cell}") }];
            row.changes.clone_from(changes);
            row.row
                .cells
                .insert("Comments".to_owned(), format!("{cell} {closed} {due:?} {changes:?} {rating:?}"));
            Command::Import(Box::new(row))
        }
    }
}

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
        | Command::AddEvidence(_)
        | Command::Ticket { .. }
        | Command::TicketTitle { .. }
        | Command::Propose(_)
        | Command::Explain { number: Some(_), .. } => true,
        Command::AddItem { .. }
        | Command::CorrectItem { .. }
        | Command::CloseItem { .. }
        | Command::AddMilestone(_)
        | Command::CorrectMilestone { .. }
        | Command::SetState { .. }
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
    #![proptest_config(Config { cases: 400, ..Config::default() })]

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
    for _ in 0..300 {
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
