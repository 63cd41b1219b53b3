//! Migrations on what an older release left behind.

use poam::store::{Db, Scope, Seals};

use super::sample::{acme, at, item_added, link, m, milestone_added, record, reserved_story, story};
use super::world::{empty_postgres, options};

#[tokio::test]
async fn a_store_that_holds_data_is_brought_forward_and_loses_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite:{}", folder.path().join("poam.db").display());
    for url in [Some(file), empty_postgres().await].into_iter().flatten() {
        let db = Db::open(&url, &options()).await.expect("a store");
        db.migrate_to(1).await.expect("the first schema");
        record(&db, &acme(), Scope::All, at(0), &story()).await.expect("changes");
        let reserved = poam::register::SystemId::reserved();
        record(&db, &reserved, Scope::All, at(0), &reserved_story()).await.expect("changes");
        let mut tx = db.read().await.expect("a transaction");
        let before = tx.load(&acme(), Scope::All).await.expect("a register");
        drop(tx);
        db.close().await;

        let db = Db::open(&url, &options()).await.expect("a store");
        db.migrate().await.expect("this release's schema");
        let mut tx = db.write().await.expect("a transaction");
        assert_eq!(tx.load(&acme(), Scope::All).await.expect("a register"), before);
        tx.insert_link(&link(1, "ops")).await.expect("a link");
        assert!(tx.link_of(&acme(), m(1)).await.expect("a query").is_some());
        for found in tx.verify_all(&Seals::default()).await.expect("a verification") {
            assert_eq!(found.faults, Vec::<String>::new());
        }
        tx.commit().await.expect("a commit");
        record(&db, &acme(), Scope::All, at(99), &[item_added(3), milestone_added(4, &[3])])
            .await
            .expect("changes");
        db.close().await;
    }
}
