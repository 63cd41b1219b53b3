//! Random acts: commands of every kind, by all sorts of people, on a small register.

use std::collections::BTreeSet;

use chrono::Duration;
use poam::register::decide::{
    Command, ImportedChange, ImportedChangeKind, ImportedMilestone, ItemEdit, ProposedMove, TicketReads,
};
use poam::register::{
    Actor, DeviationState, Disposition, EvidenceKind, ItemNumber, MilestoneNumber, MilestoneState, Rating,
    TicketName,
};
use proptest::prelude::*;

use super::desk::{Desk, day, facts, new_proof, person, v};
use super::states::goes;

/// One random act.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) minutes: i64,
    pub(crate) actor: Actor,
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

pub(crate) fn act() -> impl Strategy<Value = Act> {
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

/// The command of an act, on the state that it meets.
pub(crate) fn command(desk: &Desk, act: &Act, place: usize) -> Command {
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
            settles: place.is_multiple_of(2),
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
