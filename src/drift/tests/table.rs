//! For each kind: what opens it, in which words, and what settles it, in which words; and what must not open any.

use super::super::item::next_day_of_month;
use super::dates::DATES;
use super::quiet::NEAR_MISSES;
use super::tickets::TICKETS;
use super::upkeep::UPKEEP;
use super::*;

pub(super) type Act = fn(&mut World);

/// A cause, the one drift it opens, and cures with what each says.
pub(super) struct Case {
    kind: DriftKind,
    name: &'static str,
    opens: Act,
    key: &'static str,
    detail: &'static str,
    /// Other kinds that rightly open beside it.
    beside: &'static [DriftKind],
    cures: &'static [(Act, &'static str)],
}

pub(super) const fn case(
    kind: DriftKind,
    name: &'static str,
    opens: Act,
    key: &'static str,
    detail: &'static str,
    cures: &'static [(Act, &'static str)],
) -> Case {
    Case { kind, name, opens, key, detail, beside: &[], cures }
}

pub(super) const fn beside(mut case: Case, kinds: &'static [DriftKind]) -> Case {
    case.beside = kinds;
    case
}

/// Every case.
fn cases() -> impl Iterator<Item = &'static Case> {
    DATES.iter().chain(TICKETS).chain(UPKEEP)
}

/// Everything that this table does to a world.
pub(super) fn acts() -> Vec<Act> {
    cases().map(|case| case.opens).chain(NEAR_MISSES.iter().map(|(_, act)| *act)).collect()
}

#[test]
fn nothing_is_apart_in_a_quiet_world() {
    assert_eq!(World::quiet().wanted(), []);
}

#[test]
fn each_kind_opens_in_its_words_and_is_settled_by_itself() {
    for case in cases() {
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
        let here = cases().any(|case| case.kind == *kind);
        assert_eq!(here, is_detected_here(*kind), "{}", kind.name());
        let cured = cases().any(|case| case.kind == *kind && !case.cures.is_empty());
        assert_eq!(cured, is_detected_here(*kind), "{} is settled by something", kind.name());
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
        file: None,
    });
    world.register.items.insert(second.number.clone(), second);
    world.milestone().serves.insert(ItemNumber::ours(2));
    world.item().deadline = Some(Deadline {
        date: day("2026-11-01"),
        rule: "test/set".to_owned(),
        derivation: "as set".to_owned(),
        file: None,
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

/// The first day from a day on that is the submission day, or its month's last where the month has none such.
#[test]
fn a_submission_day_in_every_month() {
    for (today, submission, expected) in [
        ("2026-11-15", 30, "2026-11-30"),
        ("2026-11-15", 31, "2026-11-30"),
        ("2026-11-30", 31, "2026-11-30"),
        ("2026-12-01", 31, "2026-12-31"),
        ("2027-02-01", 28, "2027-02-28"),
        ("2027-02-01", 29, "2027-02-28"),
        ("2027-02-01", 30, "2027-02-28"),
        ("2027-02-28", 31, "2027-02-28"),
        ("2027-03-01", 29, "2027-03-29"),
        ("2028-02-01", 29, "2028-02-29"),
        ("2028-02-28", 31, "2028-02-29"),
        ("2027-01-31", 30, "2027-02-28"),
        ("2027-01-31", 31, "2027-01-31"),
        ("2026-12-20", 15, "2027-01-15"),
        ("2026-12-15", 15, "2026-12-15"),
    ] {
        let found = next_day_of_month(day(today), submission);
        assert_eq!(found, Some(day(expected)), "day {submission}, from {today} on");
    }
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

#[test]
fn a_conflict_is_its_own_milestone_s_alone() {
    let mut world = World::quiet();
    for case in cases().filter(|case| case.kind == DriftKind::Conflict) {
        (case.opens)(&mut world);
    }
    let mut second = world.milestone().clone();
    second.number = MilestoneNumber(2);
    let calendar = calendar();
    let of = |milestone: &Milestone| -> Vec<DriftKind> {
        let found = crate::drift::detect_milestone(&world.register, milestone, &world.context(&calendar));
        found.into_iter().map(|wanted| wanted.kind).collect()
    };
    assert_eq!(of(&world.register.milestones[&M1]), [DriftKind::Conflict]);
    assert_eq!(of(&second), [DriftKind::Unlinked]);
}
