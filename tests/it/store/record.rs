//! Loading, recording, the journal, the chain's locks, earlier days.

use std::collections::BTreeSet;
use std::sync::Arc;

use poam::register::apply::apply;
use poam::register::journal::{Entry, Head};
use poam::register::{Change, Digest, DriftKind, ItemFacts, Register, Subject, SystemId};
use poam::store::{AsOf, Scope, Seals, StoreError};

use super::sample::{
    acme, ann, approved, at, day, drift_opened, item_added, m, milestone_added, move_proposed, record, story,
    tell, v,
};
use super::world::{World, on_both};

/// What the journal gives, by the pure functions alone.
fn replayed(until: usize) -> Register {
    let mut register = Register::new(acme());
    for (second, change) in story().iter().enumerate().take(until) {
        apply(&mut register, at(i64::try_from(second).expect("small")), change).expect("a change that fits");
    }
    register
}

#[tokio::test]
async fn what_was_recorded_is_loaded() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let loaded = tx.load(&acme(), Scope::All).await.expect("a register");
        assert_eq!(loaded, replayed(usize::MAX));
        let reserved = tx.load(&SystemId::reserved(), Scope::System).await.expect("a register");
        assert_eq!(reserved.people.keys().collect::<Vec<_>>(), ["Ann Ode"]);
        assert_eq!(reserved.tokens.len(), 2);
        assert!(reserved.tokens["old"].revoked.is_some());
        assert_eq!(reserved.halted.keys().collect::<Vec<_>>(), ["ops"]);
        for found in tx.verify_all(&Seals::default()).await.expect("a verification") {
            assert_eq!(found.faults, Vec::<String>::new(), "{}", found.system);
        }
    })
    .await;
}

#[tokio::test]
async fn many_changes_at_once_give_the_same_as_one_by_one() {
    on_both(async |world: Arc<World>| {
        let entries = record(&world.db, &acme(), Scope::System, at(0), &story()).await.expect("changes");
        assert_eq!(entries.len(), story().len());
        assert_eq!(entries.last().map(|entry| entry.number), Some(story().len() as u64));
        let mut tx = world.db.read().await.expect("a transaction");
        let found = tx.verify(&acme(), &Seals::default()).await.expect("a verification");
        assert_eq!((found.rows, found.faults), (story().len() as u64, Vec::new()));
        assert_eq!(tx.entries(&acme(), 1, 1_000).await.expect("rows"), entries);
    })
    .await;
}

#[tokio::test]
async fn a_part_holds_what_belongs_together() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");

        let part = tx.load(&acme(), Scope::System).await.expect("a register");
        assert!(part.items.is_empty() && part.milestones.is_empty() && part.notices.is_empty());
        assert_eq!(part.system.last_milestone, 3);
        assert_eq!(part.system.last_evidence, 3);
        // The tracker's drift is there in every part.
        assert_eq!(part.drifts.keys().collect::<Vec<_>>(), [&3]);

        // M-3 serves V-2; M-1 serves V-1 and V-2; M-2 serves V-1 alone, and once served V-2.
        let part = tx.load(&acme(), Scope::milestone(m(3))).await.expect("a register");
        assert_eq!(part.milestones.keys().collect::<Vec<_>>(), [&m(1), &m(3)]);
        assert_eq!(part.items.keys().collect::<Vec<_>>(), [&v(1), &v(2)]);
        assert_eq!(part.evidence.keys().collect::<Vec<_>>(), [&1, &2]);
        assert_eq!(part.drifts.keys().collect::<Vec<_>>(), [&2, &3]);
        assert!(part.conflicts.is_empty());
        assert_eq!(part.milestones[&m(1)], replayed(usize::MAX).milestones[&m(1)]);

        let part = tx.load(&acme(), Scope::item(v(1))).await.expect("a register");
        assert_eq!(part.milestones.keys().collect::<Vec<_>>(), [&m(1), &m(2)]);
        assert_eq!(part.items.keys().collect::<Vec<_>>(), [&v(1), &v(2)]);
        assert_eq!(part.conflicts.keys().collect::<Vec<_>>(), [&2]);

        let nothing = tx.load(&SystemId::new("NONE").expect("an id"), Scope::All).await.expect("a register");
        assert_eq!(nothing, Register::new(SystemId::new("NONE").expect("an id")));
    })
    .await;
}

#[tokio::test]
async fn a_part_takes_the_changes_that_concern_it() {
    on_both(async |world: Arc<World>| {
        record(&world.db, &acme(), Scope::System, at(0), &[item_added(1), item_added(2)])
            .await
            .expect("changes");
        record(&world.db, &acme(), Scope::System, at(1), &[milestone_added(1, &[1])]).await.expect("changes");
        record(
            &world.db,
            &acme(),
            Scope::milestone(m(1)),
            at(2),
            &[move_proposed(1, 1, day(44)), approved(1, 1)],
        )
        .await
        .expect("changes");
        let mut tx = world.db.read().await.expect("a transaction");
        let found = tx.verify(&acme(), &Seals::default()).await.expect("a verification");
        assert_eq!(found.faults, Vec::<String>::new());
        let milestone = tx.milestone(&acme(), m(1)).await.expect("a query").expect("a milestone");
        assert_eq!((milestone.original_due, milestone.due), (Some(day(30)), Some(day(44))));
        let entries = tx.entries_of(&acme(), &["M-1".to_owned()]).await.expect("rows");
        assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 4, 5]);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_does_not_fit_leaves_nothing() {
    on_both(async |world: Arc<World>| {
        let failed = record(&world.db, &acme(), Scope::System, at(0), &[item_added(1), approved(1, 1)]).await;
        assert!(matches!(failed, Err(StoreError::Misfit(_))), "{failed:?}");
        let failed = record(
            &world.db,
            &acme(),
            Scope::System,
            at(0),
            &[Change::ItemAdded {
                item: v(1),
                facts: Box::new(ItemFacts::titled("a\0b")),
                status: poam::register::Status::Draft,
                disposition: None,
                status_date: None,
                deadline: None,
                imported: None,
            }],
        )
        .await;
        assert!(matches!(&failed, Err(StoreError::Unstorable { subject }) if subject == "V-1"), "{failed:?}");
        let mut tx = world.db.read().await.expect("a transaction");
        assert_eq!(tx.head(&acme()).await.expect("a head"), Head::empty());
        assert!(tx.load(&acme(), Scope::All).await.expect("a register").items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_chain_is_written_under_its_lock_alone() {
    on_both(async |world: Arc<World>| {
        let mut tx = world.db.write().await.expect("a transaction");
        let mut register = Register::new(acme());
        let changes = [item_added(1)];
        let failed = tx.record(&mut register, at(0), &ann(), "command", &changes).await;
        assert!(matches!(failed, Err(StoreError::Unlocked { system }) if system == acme()));
        // A lock that was taken in a part goes with that part.
        tx.savepoint().await.expect("a part");
        tx.lock(&[acme()]).await.expect("a lock");
        tx.rollback_to().await.expect("an end");
        let failed = tx.record(&mut register, at(0), &ann(), "command", &changes).await;
        assert!(matches!(failed, Err(StoreError::Unlocked { .. })));
        // In a part that is kept it stays.
        tx.savepoint().await.expect("a part");
        tx.lock(&[acme(), SystemId::reserved(), acme()]).await.expect("a lock");
        tx.release().await.expect("an end");
        tx.record(&mut register, at(0), &ann(), "command", &changes).await.expect("a change");
        tx.commit().await.expect("a commit");
    })
    .await;
}

#[tokio::test]
async fn what_is_dropped_leaves_nothing_and_a_part_is_given_up_alone() {
    on_both(async |world: Arc<World>| {
        let mut tx = world.db.write().await.expect("a transaction");
        let mut register = tx.load(&acme(), Scope::System).await.expect("a register");
        tx.record(&mut register, at(0), &ann(), "command", &[item_added(1)]).await.expect("a change");
        drop(tx);
        let mut tx = world.db.write().await.expect("a transaction");
        assert_eq!(tx.head(&acme()).await.expect("a head"), Head::empty());
        for n in 1..=3 {
            tx.savepoint().await.expect("a part");
            let mut register = tx.load(&acme(), Scope::System).await.expect("a register");
            tx.record(&mut register, at(0), &ann(), "command", &[item_added(n)]).await.expect("a change");
            if n == 2 { tx.rollback_to().await } else { tx.release().await }.expect("an end");
        }
        tx.commit().await.expect("a commit");
        let mut tx = world.db.read().await.expect("a transaction");
        let loaded = tx.load(&acme(), Scope::All).await.expect("a register");
        assert_eq!(loaded.items.keys().collect::<Vec<_>>(), [&v(1), &v(3)]);
        assert_eq!(
            tx.verify(&acme(), &Seals::default()).await.expect("a verification").faults,
            Vec::<String>::new()
        );
    })
    .await;
}

#[tokio::test]
async fn time_never_runs_backwards_in_a_chain_and_counts_microseconds() {
    on_both(async |world: Arc<World>| {
        let fine = at(10) + chrono::TimeDelta::nanoseconds(789);
        let first =
            record(&world.db, &acme(), Scope::System, fine, &[item_added(1)]).await.expect("a change");
        let second =
            record(&world.db, &acme(), Scope::System, at(5), &[item_added(2)]).await.expect("a change");
        assert_eq!((first[0].at, second[0].at), (at(10), at(10)));
        let mut tx = world.db.read().await.expect("a transaction");
        assert_eq!(tx.entries(&acme(), 1, 10).await.expect("rows"), [first, second].concat());
        assert_eq!(tx.item(&acme(), &v(2)).await.expect("a query").expect("an item").changed, at(10));
    })
    .await;
}

#[tokio::test]
async fn concurrent_writers_keep_the_chain_without_gaps() {
    on_both(async |world: Arc<World>| {
        let other = SystemId::new("OTHER").expect("an id");
        let writers = (0..8_u32).map(|writer| {
            let (db, other) = (world.db.clone(), other.clone());
            tokio::spawn(async move {
                for n in 0..10 {
                    let number = writer * 10 + n + 1;
                    // Every other writer names the two chains the other way round.
                    let both =
                        if writer % 2 == 0 { [acme(), other.clone()] } else { [other.clone(), acme()] };
                    let mut tx = db.write().await?;
                    tx.lock(&both).await?;
                    for system in &both {
                        let mut register = tx.load(system, Scope::System).await?;
                        tx.record(&mut register, at(number.into()), &ann(), "command", &[item_added(number)])
                            .await?;
                    }
                    tx.commit().await?;
                }
                Ok::<(), StoreError>(())
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a task").expect("changes");
        }
        let mut tx = world.db.read().await.expect("a transaction");
        for system in [acme(), other] {
            let found = tx.verify(&system, &Seals::default()).await.expect("a verification");
            assert_eq!((found.rows, found.faults), (80, Vec::new()));
            let places: BTreeSet<u32> = tx
                .load(&system, Scope::All)
                .await
                .expect("a register")
                .items
                .values()
                .map(|i| i.place)
                .collect();
            assert_eq!(places, (1..=80).collect());
        }
    })
    .await;
}

#[tokio::test]
async fn an_earlier_day_is_read_from_the_journal() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        for until in 0..story().len() {
            let time = at(i64::try_from(until).expect("small"));
            let whole = replayed(until + 1);
            let found = tx.as_of(&acme(), &AsOf::All, time).await.expect("a register");
            assert_eq!(found, whole, "after row {}", until + 1);
            // M-2 served V-2 for a while; its question was asked on M-1.
            let items = AsOf::Items(BTreeSet::from([v(2)]));
            let part = tx.as_of(&acme(), &items, time).await.expect("a register");
            assert_eq!(
                part.items.values().collect::<Vec<_>>(),
                whole.items.get(&v(2)).iter().copied().collect::<Vec<_>>()
            );
            assert_eq!(part.milestones, whole.milestones, "after row {}", until + 1);
            assert_eq!(part.system.profile, whole.system.profile);
            let drifts = whole.drifts.values().filter(|drift| !matches!(drift.subject, Subject::Tracker(_)));
            assert_eq!(part.drifts.values().collect::<Vec<_>>(), drifts.collect::<Vec<_>>());
            assert_eq!(part.conflicts, whole.conflicts);
            let milestones = AsOf::Milestones(BTreeSet::from([m(2)]));
            let part = tx.as_of(&acme(), &milestones, time).await.expect("a register");
            assert_eq!(part.milestones.get(&m(2)), whole.milestones.get(&m(2)), "after row {}", until + 1);
            assert!(!part.milestones.contains_key(&m(1)));
            assert_eq!(part.evidence.get(&2), whole.evidence.get(&2));
            let ours: Vec<_> = [v(1), v(2)].into_iter().filter_map(|n| whole.items.get(&n)).collect();
            assert_eq!(part.items.values().collect::<Vec<_>>(), ours);
        }
    })
    .await;
}

#[tokio::test]
async fn more_rows_than_one_statement_binds_are_kept() {
    on_both(async |world: Arc<World>| {
        let mut changes = vec![Change::ImportStarted {
            file: Digest::of(b"big"),
            name: "big.xlsx".to_owned(),
            rows: 1_700,
        }];
        for n in 1..=1_700 {
            changes.extend([item_added(n), milestone_added(n, &[n])]);
            changes.push(drift_opened(n, DriftKind::Incomplete, Subject::Item(v(n))));
        }
        let entries = record(&world.db, &acme(), Scope::System, at(0), &changes).await.expect("changes");
        assert_eq!(entries.len(), changes.len());
        let mut tx = world.db.read().await.expect("a transaction");
        let found = tx.verify(&acme(), &Seals::default()).await.expect("a verification");
        assert_eq!((found.rows, found.faults), (changes.len() as u64, Vec::new()));
        let counts = tx.counts(&acme()).await.expect("counts");
        assert_eq!(counts.get("item.open.high"), Some(&1_700));
        assert_eq!(counts.get("item.open"), Some(&1_700));
        assert_eq!(counts.get("milestone.planned"), Some(&1_700));
        assert_eq!(counts.get("drift.incomplete"), Some(&1_700));
        let part = tx.load(&acme(), Scope::Items((1..=1_500).map(v).collect())).await.expect("a register");
        assert_eq!((part.items.len(), part.milestones.len(), part.drifts.len()), (1_500, 1_500, 1_500));
    })
    .await;
}

#[tokio::test]
async fn rows_stand_as_the_chain_says() {
    on_both(async |world: Arc<World>| {
        let first =
            record(&world.db, &acme(), Scope::System, at(0), &[item_added(1)]).await.expect("a change");
        let second = record(
            &world.db,
            &acme(),
            Scope::item(v(1)),
            at(1),
            &[Change::ItemStatus { item: v(1), to: poam::register::Status::InProgress }],
        )
        .await
        .expect("a change");
        let head = first[0].follow(&Head::empty()).expect("a row that follows");
        let head = second[0].follow(&head).expect("a row that follows");
        let mut tx = world.db.read().await.expect("a transaction");
        assert_eq!(tx.head(&acme()).await.expect("a head"), head);
        assert_eq!(tx.chains().await.expect("chains"), [acme()]);
        let found: Vec<Entry> = tx.entries(&acme(), 2, 1).await.expect("rows");
        assert_eq!(found, second);
    })
    .await;
}
