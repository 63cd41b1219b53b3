//! Laws that hold whatever happened before.

use proptest::prelude::*;

use super::table::acts;
use super::*;
use crate::drift::{detect_item, detect_milestone};

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// Something that opens drift, or nearly.
    Act(usize),
    /// Time goes by.
    Hours(i64),
    /// Detection runs.
    Pass,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..acts().len()).prop_map(Step::Act),
        1 => (1_i64..2000).prop_map(Step::Hours),
        2 => Just(Step::Pass),
    ];
    prop::collection::vec(step, 1..12)
}

fn live(steps: &[Step]) -> World {
    let acts = acts();
    let mut world = World::quiet();
    for step in steps {
        match step {
            Step::Act(n) => acts[*n](&mut world),
            Step::Hours(hours) => world.now += chrono::TimeDelta::hours(*hours),
            Step::Pass => {
                world.pass();
            }
        }
    }
    world
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        (1_u32..4).prop_map(|n| Subject::Milestone(MilestoneNumber(n))),
        (1_u32..4).prop_map(|n| Subject::Item(ItemNumber::ours(n))),
        Just(Subject::Tracker("acme-jira".to_owned())),
        Just(Subject::Connection("jira".to_owned())),
        Just(Subject::System),
    ]
}

fn wanted() -> impl Strategy<Value = Vec<Wanted>> {
    let kind = prop::sample::select(DriftKind::ALL);
    let one = (kind, subject(), "[12]?", "[ab]").prop_map(|(kind, subject, key, detail)| Wanted {
        kind,
        subject,
        key,
        detail,
    });
    prop::collection::vec(one, 0..12)
}

/// Settles and applies.
fn settle_into(register: &mut Register, subjects: &BTreeSet<Subject>, wanted: Vec<Wanted>) -> Vec<Change> {
    let changes = settle(register, subjects, wanted, noon());
    for change in &changes {
        apply(register, noon(), change).expect("a change that fits");
    }
    changes
}

proptest! {
    #[test]
    fn what_is_open_is_what_stands_and_a_second_pass_changes_nothing(steps in steps()) {
        let mut world = live(&steps);
        let before = world.register.system.last_drift;
        let changes = world.pass();
        prop_assert_eq!(world.changes(), []);

        let mut stands = world.wanted();
        stands.sort();
        let mut open: Vec<Wanted> = world
            .open_drifts()
            .into_iter()
            .cloned()
            .map(|Drift { kind, subject, key, detail, .. }| Wanted { kind, subject, key, detail })
            .collect();
        open.sort();
        prop_assert_eq!(open, stands);

        let opened =
            |change: &Change| if let Change::DriftOpened { drift } = change { Some(drift.number) } else { None };
        let opened: Vec<u32> = changes.iter().filter_map(opened).collect();
        let expected: Vec<u32> = (before + 1..).take(opened.len()).collect();
        prop_assert_eq!(opened, expected, "numbers without gaps");
    }

    #[test]
    fn every_drift_is_settled_by_itself_when_nothing_is_apart_any_more(steps in steps()) {
        let mut world = live(&steps);
        world.pass();
        let mut quiet = World::quiet();
        // A milestone never goes away; here it is dropped.
        for number in world.register.milestones.keys().filter(|number| **number != M1) {
            let dropped =
                Milestone { number: *number, state: MilestoneState::Dropped, ..quiet.milestone().clone() };
            quiet.register.milestones.insert(*number, dropped);
        }
        quiet.register.system.last_drift = world.register.system.last_drift;
        quiet.register.drifts = world.register.drifts;
        world = quiet;
        world.pass();
        prop_assert_eq!(world.open_drifts(), Vec::<&Drift>::new());
        for drift in world.register.drifts.values() {
            prop_assert!(drift.settled_by.as_deref().is_some_and(|words| !words.is_empty()), "{:?}", drift);
        }
    }

    #[test]
    fn time_alone_rewords_nothing(steps in steps(), hours in 1_i64..2000) {
        let mut world = live(&steps);
        world.pass();
        world.now += chrono::TimeDelta::hours(hours);
        for change in world.changes() {
            if let Change::DriftDetail { number, detail } = change {
                // A token that expires has expired; the next submission day is another one.
                let kind = world.register.drifts[&number].kind;
                prop_assert!(
                    matches!(kind, DriftKind::TokenExpiring | DriftKind::VendorCheckinLate),
                    "{}: {detail}", kind.name()
                );
            }
        }
    }

    #[test]
    fn subject_by_subject_gives_the_same_as_all_at_once(steps in steps()) {
        let world = live(&steps);
        let calendar = calendar();
        let ctx = world.context(&calendar);
        let mut all = detect(&world.register, &world.subjects(), &ctx);
        let mut each = Vec::new();
        for milestone in world.register.milestones.values() {
            each.extend(detect_milestone(&world.register, milestone, &ctx));
        }
        for item in world.register.items.values() {
            each.extend(detect_item(&world.register, item, &ctx));
        }
        all.sort();
        each.sort();
        prop_assert_eq!(&all, &each);
        prop_assert!(all.iter().all(|wanted| is_detected_here(wanted.kind)));
    }

    #[test]
    fn settling_is_idempotent_and_keeps_to_its_subjects_and_kinds(
        first in wanted(),
        second in wanted(),
        subjects in prop::collection::btree_set(subject(), 0..5),
        foreign in wanted(),
    ) {
        let mut register = World::quiet().register;
        for Wanted { kind, subject, key, detail } in foreign {
            let number = register.system.last_drift + 1;
            let drift = Drift { number, kind, subject, key, detail, opened: noon(), settled: None, settled_by: None };
            apply(&mut register, noon(), &Change::DriftOpened { drift }).expect("a change that fits");
        }
        let left_alone = |register: &Register| -> Vec<Drift> {
            let ours = |drift: &&Drift| !(is_detected_here(drift.kind) && subjects.contains(&drift.subject));
            register.drifts.values().filter(ours).cloned().collect()
        };
        let before = left_alone(&register);
        settle_into(&mut register, &subjects, first);
        settle_into(&mut register, &subjects, second.clone());
        prop_assert_eq!(settle_into(&mut register, &subjects, second), []);
        prop_assert_eq!(left_alone(&register), before);

        let mut seen = BTreeSet::new();
        for drift in register.drifts.values().filter(|drift| drift.settled.is_none()) {
            let loaded = matches!(&drift.subject, Subject::Milestone(n) if *n == M1)
                || matches!(&drift.subject, Subject::Item(n) if *n == ItemNumber::ours(1))
                || matches!(&drift.subject, Subject::Tracker(_) | Subject::Connection(_) | Subject::System);
            if is_detected_here(drift.kind) && subjects.contains(&drift.subject) && loaded {
                prop_assert!(
                    seen.insert((drift.kind, drift.subject.clone(), drift.key.clone())),
                    "open twice: {:?}", drift
                );
            }
        }
    }
}
