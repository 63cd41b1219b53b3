//! Opening a store: what cannot be, and that the refusal names what and where.

use std::error::Error as _;

use poam::clock::{Clock as _, ManualClock, SystemClock};
use poam::store::{Db, OpenOptions, StoreError};

use super::sample::{acme, at, seconds};
use super::world::{World, empty_postgres, options};

async fn refused(url: &str, options: &OpenOptions) -> StoreError {
    match Db::open(url, options).await {
        Ok(db) => db.migrate().await.expect_err("a refusal"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none/poam.db").display().to_string();
    let failed = refused(&format!("sqlite:{missing}"), &options()).await;
    assert!(matches!(&failed, StoreError::Open { store, .. } if *store == missing), "{failed:?}");
    assert!(failed.source().is_some());

    let here = folder.path().join("poam.db").display().to_string();
    let failed = refused(&here, &OpenOptions { create: false, ..options() }).await;
    assert!(failed.to_string().contains(&here), "{failed}");

    let a_folder = folder.path().display().to_string();
    let failed = refused(&a_folder, &options()).await;
    assert!(failed.to_string().contains(&a_folder), "{failed}");

    let other = folder.path().join("other.db");
    std::fs::write(&other, "this is a text and not a database, long enough to be looked at ".repeat(99))
        .expect("a file");
    let failed = refused(&other.display().to_string(), &options()).await;
    assert!(failed.to_string().contains("other.db"), "{failed}");
}

#[tokio::test]
async fn a_store_that_can_only_be_read_is_named_and_can_be_read() {
    let world = World::sqlite().await;
    let db = Db::open(&format!("{}?mode=ro", world.url), &options()).await.expect("a store");
    let failed = db.migrate().await.expect_err("a refusal");
    assert!(matches!(&failed, StoreError::ReadOnly { store } if store.ends_with("poam.db")), "{failed:?}");
    let mut tx = db.write().await.expect("a transaction");
    assert!(matches!(tx.lock(&[acme()]).await, Err(StoreError::ReadOnly { .. })));
    let mut tx = db.read().await.expect("a transaction");
    assert!(tx.counts(&acme()).await.expect("counts").is_empty());
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_its_password() {
    for url in ["", "mysql://root:secret@host/poam", "postgres://user:secret@:bad/x"] {
        let failed = refused(url, &options()).await;
        assert!(matches!(failed, StoreError::Url(_)), "{url}: {failed:?}");
        assert!(!format!("{failed} {failed:?}").contains("secret"), "{failed:?}");
    }
    // Nobody listens there.
    let failed = refused("postgres://user:secret@127.0.0.1:1/poam", &options()).await;
    assert!(
        matches!(&failed, StoreError::Open { store, .. } if store == "postgres://127.0.0.1/poam"),
        "{failed:?}"
    );
    assert!(!format!("{failed} {failed:?}").contains("secret"), "{failed:?}");
}

#[tokio::test]
async fn a_store_of_a_later_release_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite:{}", folder.path().join("poam.db").display());
    for url in [Some(file), empty_postgres().await].into_iter().flatten() {
        let db = Db::open(&url, &options()).await.expect("a store");
        db.migrate().await.expect("a schema");
        db.migrate().await.expect("the same schema");
        let sql = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 2";
        match &db {
            Db::Sqlite { write, .. } => drop(sqlx::query(sql).execute(write).await.expect("the statement")),
            Db::Postgres(pool) => drop(sqlx::query(sql).execute(pool).await.expect("the statement")),
        }
        let failed = db.migrate().await.expect_err("a refusal");
        assert!(matches!(failed, StoreError::NewerSchema { found: 9999, known: 3, .. }), "{failed:?}");
        assert!(failed.to_string().contains("written by a later release"), "{failed}");
        db.close().await;
    }
}

#[tokio::test]
async fn two_processes_may_start_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite:{}", folder.path().join("poam.db").display());
    for url in [Some(file), empty_postgres().await].into_iter().flatten() {
        let first = Db::open(&url, &options()).await.expect("a store");
        let second = Db::open(&url, &options()).await.expect("a store");
        let (one, two) = tokio::join!(first.migrate(), second.migrate());
        one.expect("a schema");
        two.expect("the same schema");
        first.close().await;
        second.close().await;
    }
}

#[tokio::test]
async fn a_reader_sees_one_state_throughout() {
    super::world::on_both(async |world: std::sync::Arc<World>| {
        let mut reader = world.db.read().await.expect("a transaction");
        assert!(reader.jobs().await.expect("jobs").is_empty());
        let mut writer = world.db.write().await.expect("a transaction");
        writer.ensure_job("poll", at(0)).await.expect("a job");
        writer.commit().await.expect("a commit");
        assert!(reader.jobs().await.expect("jobs").is_empty());
        drop(reader);
        let mut reader = world.db.read().await.expect("a transaction");
        assert_eq!(reader.jobs().await.expect("jobs").len(), 1);
    })
    .await;
}

#[test]
fn a_clock_tells_whole_microseconds() {
    let clock = ManualClock::new(at(0) + chrono::TimeDelta::nanoseconds(999));
    assert_eq!(clock.now(), at(0));
    clock.advance(seconds(5));
    assert_eq!(clock.now(), at(5));
    clock.set(at(2));
    assert_eq!(clock.now(), at(2));
    assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
}
