//! The writer: commands in one transaction, each kept or given up alone, answered after the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt as _;
use futures::future::join_all;
use poam::register::SystemId;
use poam::register::journal::Entry;
use poam::store::{Db, Scope, Seals, StoreError, Writer};
use tokio_util::sync::CancellationToken;

use super::sample::{acme, ann, approved, at, item_added, v};
use super::world::{World, on_both};

async fn add(writer: &Writer, n: u32) -> Result<Vec<Entry>, StoreError> {
    let command = writer.submit(move |tx| {
        Box::pin(async move {
            let mut register = tx.load(&acme(), Scope::System).await?;
            tx.record(&mut register, at(0), &ann(), "command", &[item_added(n)]).await
        })
    });
    command.await
}

/// Writes, and then fails.
async fn fail(writer: &Writer, n: u32) -> Result<(), StoreError> {
    let command = writer.submit(move |tx| {
        Box::pin(async move {
            let mut register = tx.load(&acme(), Scope::System).await?;
            tx.record(&mut register, at(0), &ann(), "command", &[item_added(n)]).await?;
            tx.record(&mut register, at(0), &ann(), "command", &[approved(1, 1)]).await.map(drop)
        })
    });
    command.await
}

async fn items(db: &Db) -> Vec<u32> {
    let mut tx = db.read().await.expect("a transaction");
    let found = tx.verify(&acme(), &Seals::default()).await.expect("a verification");
    assert_eq!(found.faults, Vec::<String>::new());
    let register = tx.load(&acme(), Scope::All).await.expect("a register");
    register.items.keys().filter_map(poam::register::ItemNumber::ordinal).collect()
}

#[tokio::test]
async fn a_command_inline_is_done_when_it_is_answered() {
    on_both(async |world: Arc<World>| {
        let writer = Writer::inline(world.db.clone());
        assert_eq!(add(&writer, 1).await.expect("a change")[0].number, 1);
        assert!(matches!(fail(&writer, 2).await, Err(StoreError::Misfit(_))));
        assert_eq!(add(&writer, 3).await.expect("a change")[0].number, 2);
        assert_eq!(items(&world.db).await, [1, 3]);
        assert_eq!(writer.turn().await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_waits_shares_a_transaction_and_a_failure_is_given_up_alone() {
    on_both(async |world: Arc<World>| {
        let writer = Writer::new(world.db.clone());
        let mut waiting: Vec<_> = Vec::new();
        for n in 1..=5 {
            let writer = writer.clone();
            let command = async move {
                if n == 3 { fail(&writer, n).await.map(|()| Vec::new()) } else { add(&writer, n).await }
            };
            let mut command = command.boxed();
            assert!(command.as_mut().now_or_never().is_none(), "nobody has taken a turn");
            waiting.push(command);
        }
        assert_eq!(items(&world.db).await, Vec::<u32>::new());
        let mut carried_out = 0;
        while carried_out < 5 {
            carried_out += writer.turn().await;
        }
        let results = join_all(waiting).await;
        let numbers: Vec<_> =
            results.iter().map(|result| result.as_ref().ok().map(|rows| rows[0].number)).collect();
        assert_eq!(numbers, [Some(1), Some(2), None, Some(3), Some(4)]);
        assert_eq!(items(&world.db).await, [1, 2, 4, 5]);
    })
    .await;
}

#[tokio::test]
async fn commands_from_many_tasks_are_all_carried_out_before_it_stops() {
    on_both(async |world: Arc<World>| {
        let writer = Writer::new(world.db.clone());
        let stop = CancellationToken::new();
        let run = tokio::spawn({
            let (writer, stop) = (writer.clone(), stop.clone());
            async move { writer.run(stop).await }
        });
        let tasks = (1..=300).map(|n| {
            let writer = writer.clone();
            tokio::spawn(async move { add(&writer, n).await })
        });
        for task in join_all(tasks).await {
            task.expect("a task").expect("a change");
        }
        // What waits when it is told to stop is carried out still.
        let mut last = Box::pin(add(&writer, 301));
        assert!(last.as_mut().now_or_never().is_none());
        stop.cancel();
        run.await.expect("a task");
        last.await.expect("a change");
        assert_eq!(items(&world.db).await.len(), 301);
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_a_command_is_its_own() {
    on_both(async |world: Arc<World>| {
        let writer = Writer::inline(world.db.clone());
        let result: Result<(), StoreError> = writer
            .submit(|tx| {
                Box::pin(async move {
                    let mut register = tx.load(&acme(), Scope::System).await?;
                    tx.record(&mut register, at(0), &ann(), "command", &[item_added(9)]).await?;
                    assert!(register.items.is_empty(), "this is expected to fail");
                    Ok(())
                })
            })
            .await;
        assert!(matches!(result, Err(StoreError::Stopped)));
        add(&writer, 1).await.expect("a change");
        assert_eq!(items(&world.db).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn where_the_commit_fails_everyone_is_told_and_nothing_is_kept() {
    on_both(async |world: Arc<World>| {
        // A check that PostgreSQL and SQLite alike make only when the transaction is committed.
        world
            .tamper(
                "CREATE TABLE late (item TEXT REFERENCES rule_text (digest) DEFERRABLE INITIALLY DEFERRED)",
            )
            .await;
        let postgres = usize::from(world.url.starts_with("postgres"));
        world.tamper(TRIGGER_FUNCTION[postgres]).await;
        world.tamper(TRIGGER[postgres]).await;
        if let Db::Sqlite { write, .. } = &world.db {
            sqlx::query("PRAGMA foreign_keys = ON").execute(write).await.expect("a pragma");
        }
        let writer = Writer::inline(world.db.clone());
        let second = writer.submit(|tx| {
            Box::pin(async move {
                tx.take_delivery("jira", "1", "event", at(0)).await?;
                Ok::<_, StoreError>(())
            })
        });
        // Both wait before the transaction is open, so they share it.
        let (first, second, third) = tokio::join!(add(&writer, 1), second, fail(&writer, 2));
        assert!(matches!(first, Err(StoreError::NotCommitted(_))), "{first:?}");
        assert!(matches!(second, Err(StoreError::NotCommitted(_))), "{second:?}");
        assert!(matches!(third, Err(StoreError::Misfit(_))), "{third:?}");
        assert_eq!(items(&world.db).await, Vec::<u32>::new());
    })
    .await;
}

/// Where a delivery is taken, a row that nothing allows is written: the deferred check fails at the commit.
const TRIGGER: [&str; 2] = [
    "CREATE TRIGGER late AFTER INSERT ON delivery BEGIN INSERT INTO late VALUES ('none'); END",
    "CREATE TRIGGER late AFTER INSERT ON delivery FOR EACH ROW EXECUTE FUNCTION late()",
];
const TRIGGER_FUNCTION: [&str; 2] = [
    "SELECT 1",
    "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN INSERT INTO late VALUES (''none''); RETURN NEW; END'",
];

#[tokio::test]
async fn a_transaction_that_the_database_ended_by_itself_blocks_none_that_follow() {
    let world = World::sqlite().await;
    // SQLite ends the whole transaction, so that the driver's own rollback finds none.
    world
        .tamper("CREATE TRIGGER ends AFTER INSERT ON delivery BEGIN SELECT RAISE(ROLLBACK, 'ended'); END")
        .await;
    let writer = Writer::inline(world.db.clone());
    let ended: Result<bool, StoreError> = writer
        .submit(|tx| Box::pin(async move { tx.take_delivery("jira", "1", "event", at(0)).await }))
        .await;
    ended.expect_err("the trigger ended it");
    add(&writer, 1).await.expect("the next command is carried out");
    assert_eq!(items(&world.db).await, [1]);
}

#[tokio::test]
async fn what_follows_a_full_disk_is_carried_out_once_there_is_room() {
    let world = World::sqlite().await;
    let writer = Writer::inline(world.db.clone());
    add(&writer, 1).await.expect("a change");
    // As full as it is: a limit of this connection alone, which ends with it.
    world.tamper("PRAGMA max_page_count = 1").await;
    let mut full = None;
    let mut kept = vec![1];
    for n in 2..200 {
        match add(&writer, n).await {
            Ok(_) => kept.push(n),
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    let full = full.expect("the store is full at last");
    assert!(!full.is_transient(), "{full:?}");
    assert_eq!(items(&world.db).await, kept, "nothing of what failed, and all that was answered");
    world.tamper("PRAGMA max_page_count = 1000000").await;
    add(&writer, 300).await.expect("the next command is carried out");
    kept.push(300);
    assert_eq!(items(&world.db).await, kept);
}

#[tokio::test]
async fn two_writers_in_each_other_s_way_both_come_through() {
    let Some(world) = World::postgres().await else { return };
    let other = Db::open(&world.url, &super::world::options()).await.expect("a store");
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let beta = SystemId::new("BETA").expect("a system");
    let writers = [Writer::new(world.db.clone()), Writer::new(other.clone())];
    let mut answers = Vec::new();
    // Each transaction holds one chain, and then wants the other's: one of them must give way.
    for (writer, systems) in writers.iter().zip([[acme(), beta.clone()], [beta.clone(), acme()]]) {
        for (place, system) in systems.into_iter().enumerate() {
            let both = Arc::clone(&both);
            let runs = Arc::new(AtomicU32::new(0));
            let writer = writer.clone();
            let command = async move {
                let command = writer.submit(move |tx| {
                    Box::pin(async move {
                        let mut register = tx.load(&system, Scope::System).await?;
                        let before = runs.fetch_add(1, Ordering::Relaxed);
                        let number = register.system.last_item + 1;
                        let done =
                            tx.record(&mut register, at(0), &ann(), "command", &[item_added(number)]).await;
                        if place == 0 && before == 0 {
                            both.wait().await;
                        }
                        done
                    })
                });
                command.await
            };
            let mut command = command.boxed();
            assert!(command.as_mut().now_or_never().is_none(), "nobody has taken a turn");
            answers.push(command);
        }
    }
    let turns = async |writer: &Writer| {
        let mut carried_out = 0;
        while carried_out < 2 {
            carried_out += writer.turn().await;
        }
    };
    tokio::join!(turns(&writers[0]), turns(&writers[1]));
    for answer in join_all(answers).await {
        answer.expect("each command is carried out");
    }
    let mut tx = world.db.read().await.expect("a transaction");
    for system in [acme(), beta] {
        let found = tx.verify(&system, &Seals::default()).await.expect("a verification");
        assert_eq!((found.rows, found.faults), (2, Vec::new()), "{system}");
    }
    drop(tx);
    other.close().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_refuses_each_command() {
    let world = World::sqlite().await;
    let read_only =
        Db::open(&format!("{}?mode=ro", world.url), &super::world::options()).await.expect("a store");
    let writer = Writer::inline(read_only);
    let failed = add(&writer, 1).await;
    assert!(matches!(&failed, Err(StoreError::ReadOnly { .. })), "{failed:?}");
    let found = world.db.read().await.expect("a transaction").item(&acme(), &v(1)).await.expect("a query");
    assert_eq!(found, None);
}
