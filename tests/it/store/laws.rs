//! Laws: whatever is recorded, in whatever portions and parts, the tables are the fold of the journal.

use std::collections::BTreeSet;

use poam::register::apply::apply;
use poam::register::{
    Change, Disposition, DriftKind, EvidenceOf, MilestoneState, MoveState, Register, Status, Subject,
};
use poam::store::{AsOf, Scope, Seals};
use proptest::prelude::*;

use super::sample::{
    acme, ann, approved, at, conflict_found, conflict_resolved, day, decision, drift_opened, evidence_added,
    explained, facts, item_added, milestone_added, move_proposed, notice_queued, v,
};
use super::world::{World, on_both};

/// An intention; what cannot be done in the state at hand is left out.
#[derive(Debug, Clone, Copy)]
struct Intent {
    what: u8,
    first: u32,
    second: u32,
}

fn intents() -> impl Strategy<Value = Vec<Vec<Intent>>> {
    let intent =
        (0..20_u8, 0..6_u32, 0..6_u32).prop_map(|(what, first, second)| Intent { what, first, second });
    prop::collection::vec(prop::collection::vec(intent, 1..8), 1..12)
}

/// The change that an intention is, given the whole state.
fn change(state: &Register, intent: Intent) -> Option<Change> {
    let Intent { what, first, second } = intent;
    let items: Vec<_> = state.items.keys().cloned().collect();
    let item = items.get(first as usize).cloned();
    let milestones: Vec<_> = state.milestones.values().collect();
    let milestone = milestones.get(first as usize).copied();
    let chosen: BTreeSet<_> = items
        .iter()
        .enumerate()
        .filter(|(n, _)| (second >> (n % 3)) & 1 == 1)
        .map(|(_, item)| item.clone())
        .collect();
    let open_drift = state.drifts.values().find(|drift| drift.settled.is_none());
    Some(match what {
        0 | 1 => item_added(state.system.last_item + 1),
        2 | 3 => milestone_added(state.system.last_milestone + 1, &[first + 1]),
        4 => Change::MilestoneServes { milestone: milestone?.number, serves: chosen },
        5 => {
            let number = u32::try_from(milestone?.moves.len()).ok()? + 1;
            move_proposed(milestone?.number.0, number, day(u64::from(second)))
        }
        6 => explained(milestone?.number.0, milestone?.open_move()?.number),
        7 => approved(milestone?.number.0, milestone?.open_move()?.number),
        8 => Change::MoveEnded {
            milestone: milestone?.number,
            number: milestone?.open_move()?.number,
            to: MoveState::Superseded,
            decision: decision(),
            roles: BTreeSet::new(),
        },
        9 => Change::MilestoneStateChanged {
            milestone: milestone?.number,
            from: milestone?.state,
            to: MilestoneState::ALL[second as usize],
            at: at(second.into()),
            reason: None,
            roles: BTreeSet::new(),
        },
        10 => evidence_added(
            state.system.last_evidence + 1,
            EvidenceOf::Milestone(milestone?.number),
            Some(b"x"),
        ),
        11 => evidence_added(state.system.last_evidence + 1, EvidenceOf::Item(item?), Some(b"x")),
        12 => {
            let subject =
                if second % 2 == 0 { Subject::Item(item?) } else { Subject::Milestone(milestone?.number) };
            let kind = DriftKind::ALL[first as usize];
            let open =
                |d: &&poam::register::Drift| d.settled.is_none() && d.kind == kind && d.subject == subject;
            if state.drifts.values().any(|drift| open(&drift)) {
                return None;
            }
            drift_opened(state.system.last_drift + 1, kind, subject)
        }
        13 => Change::DriftSettled { number: open_drift?.number, by: "something".to_owned() },
        14 => conflict_found(state.system.last_conflict + 1, milestone?.number.0),
        15 => {
            conflict_resolved(state.conflicts.values().find(|conflict| conflict.resolved.is_none())?.number)
        }
        16 => {
            let covers: Vec<_> =
                milestones.iter().filter_map(|m| Some((m.number.0, m.open_move()?.number))).collect();
            notice_queued(state.system.last_notice + 1, milestone?.number.0, &covers)
        }
        17 => Change::ItemStatus { item: item?, to: Status::ALL[second as usize % 5] },
        18 => Change::ItemClosed {
            item: item?,
            disposition: Disposition::NotInBoundary("elsewhere".to_owned()),
            date: day(second.into()),
            reason: None,
            roles: BTreeSet::new(),
        },
        _ => {
            let mut changed = facts("Changed");
            changed.rating = None;
            Change::ItemFactsChanged {
                item: item?,
                facts: Box::new(changed),
                status_date: None,
                imported: None,
            }
        }
    })
}

async fn holds(world: &World, portions: &[Vec<Intent>]) {
    let mut state = Register::new(acme());
    let mut states = vec![state.clone()];
    for (second, portion) in portions.iter().enumerate() {
        let time = at(i64::try_from(second).expect("small"));
        let mut changes = Vec::new();
        for intent in portion {
            let Some(change) = change(&state, *intent) else { continue };
            // What the register refuses is no change.
            let mut next = state.clone();
            if apply(&mut next, time, &change).is_ok() {
                state = next;
                changes.push(change);
            }
        }
        // Half of the portions are recorded on everything, half on what they need of it.
        let scope = if second % 2 == 0 {
            Scope::All
        } else {
            Scope::Milestones(state.milestones.keys().copied().collect())
        };
        let mut tx = world.db.write().await.expect("a transaction");
        let mut part = tx.load(&acme(), scope).await.expect("a register");
        if second % 2 == 1 {
            let rest = tx
                .load(&acme(), Scope::Items(state.items.keys().cloned().collect()))
                .await
                .expect("the rest");
            part.items.extend(rest.items);
            part.drifts.extend(rest.drifts);
            part.evidence.extend(rest.evidence);
        }
        tx.record(&mut part, time, &ann(), "command", &changes).await.expect("changes");
        tx.commit().await.expect("a commit");
        states.push(state.clone());
    }
    let mut tx = world.db.read().await.expect("a transaction");
    let found = tx.verify(&acme(), &Seals::default()).await.expect("a verification");
    assert_eq!(found.faults, Vec::<String>::new());
    let loaded = tx.load(&acme(), Scope::All).await.expect("a register");
    assert_eq!(loaded.milestones, state.milestones);
    assert_eq!(loaded.items, state.items);
    assert_eq!(loaded.drifts, state.drifts);
    assert_eq!(loaded.conflicts, state.conflicts);
    assert_eq!(loaded.notices, state.notices);
    assert_eq!(loaded.evidence, state.evidence);
    assert_eq!(loaded.system, state.system);
    for (second, wanted) in states.iter().skip(1).enumerate() {
        let time = at(i64::try_from(second).expect("small"));
        let past = tx.as_of(&acme(), &AsOf::All, time).await.expect("a register");
        assert_eq!(past, *wanted);
        let one = AsOf::Items(BTreeSet::from([v(1)]));
        let one = tx.as_of(&acme(), &one, time).await.expect("a register");
        assert_eq!(one.items.get(&v(1)), wanted.items.get(&v(1)));
        for milestone in wanted.milestones.values().filter(|milestone| milestone.serves.contains(&v(1))) {
            assert_eq!(one.milestones.get(&milestone.number), Some(milestone));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tables_are_the_fold_of_the_journal(portions in intents()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(on_both(|world| {
            let portions = portions.clone();
            async move { holds(&world, &portions).await }
        }));
    }
}
