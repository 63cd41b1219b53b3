//! What holds whatever happens: checked after every act of every test here.

use std::collections::BTreeSet;

use poam::register::completeness::missing;
use poam::register::{
    Actor, Change, EvidenceKind, Item, Milestone, MilestoneNumber, MilestoneState, MoveState, Register,
    Status,
};

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
    // Of one whose ticket was closed without a fix since, GRC decides first.
    let done = |m: &&Milestone| {
        m.state == MilestoneState::Verified
            || m.state == MilestoneState::Done && m.closed_without_fix.is_none()
    };
    let all_done = !kept.is_empty() && kept.iter().all(done);
    let proven = kept.iter().flat_map(|m| &m.evidence).any(|n| {
        register.evidence[n].digest.is_some() || register.evidence[n].kind == EvidenceKind::Transition
    });
    let number = &item.number;
    match item.status {
        Status::Draft => {
            assert!(!missing(register, item).is_empty(), "{number} lacks nothing, and is a draft");
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
            assert!(moved.from.is_some_and(|from| to < from));
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
