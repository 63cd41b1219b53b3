//! Links: saving, marking, what is due.

use std::collections::BTreeSet;
use std::sync::Arc;

use poam::register::{Link, LinkPhase, Pair};
use poam::store::{Db, LinkFilter, StoreError, Tx};

use super::sample::{acme, at, day, link, m, milestones};
use super::world::{World, on_both};

async fn with_links(db: &Db, links: &[Link]) {
    milestones(db, 9).await;
    let mut tx = db.write().await.expect("a transaction");
    tx.insert_links(links).await.expect("links");
    tx.commit().await.expect("a commit");
}

async fn write(db: &Db) -> Tx {
    db.write().await.expect("a transaction")
}

async fn dirty(db: &Db, trackers: &[&str], seconds: i64) -> Vec<u32> {
    let trackers: Vec<_> = trackers.iter().map(|tracker| (*tracker).to_owned()).collect();
    let mut tx = db.read().await.expect("a transaction");
    let links = tx.dirty_links(&trackers, at(seconds), 100).await.expect("links");
    links.iter().map(|link| link.milestone.0).collect()
}

#[tokio::test]
async fn a_link_is_found_by_each_of_its_keys() {
    on_both(async |world: Arc<World>| {
        with_links(&world.db, &[]).await;
        let mut full = link(1, "ops");
        full.base.title = Some(Pair { ours: "a".to_owned(), theirs: "b".to_owned() });
        full.base.due = Some(Pair { ours: Some(day(1)), theirs: None });
        full.observed.scheduled = Some(("Sprint 4".to_owned(), day(9)));
        full.log_read = Some(at(2));
        full.dirty = Some(at(3));
        full.due_at = Some(at(4));
        full.attempts = 2;
        full.error = Some("503".to_owned());
        full.missing_since = Some(at(5));
        full.url = Some("https://example.invalid/OPS-1".to_owned());
        let waiting = Link { ticket: None, key: None, phase: LinkPhase::Waiting, ..link(2, "ops") };
        let mut tx = write(&world.db).await;
        tx.insert_link(&full).await.expect("a link");
        tx.insert_link(&waiting).await.expect("a link");
        tx.insert_link(&Link { ticket: None, ..link(3, "ops") }).await.expect("a link");
        assert_eq!(tx.link(&full.id).await.expect("a query"), Some(full.clone()));
        assert_eq!(tx.link_of(&acme(), m(1)).await.expect("a query"), Some(full.clone()));
        assert_eq!(tx.link_of_ticket("ops", "10001").await.expect("a query"), Some(full));
        assert_eq!(tx.link_of(&acme(), m(2)).await.expect("a query"), Some(waiting));
        assert_eq!(tx.link("none").await.expect("a query"), None);
        assert_eq!(tx.link_of(&acme(), m(9)).await.expect("a query"), None);
        assert_eq!(tx.link_of_ticket("web", "10001").await.expect("a query"), None);
        tx.commit().await.expect("a commit");
    })
    .await;
}

#[tokio::test]
async fn milestone_and_ticket_are_one_to_one() {
    on_both(async |world: Arc<World>| {
        with_links(&world.db, &[link(1, "ops")]).await;
        let same_milestone = Link { id: "f".repeat(32), ticket: None, ..link(1, "web") };
        let same_ticket = Link { ticket: Some("10001".to_owned()), ..link(2, "ops") };
        let no_milestone = link(77, "ops");
        for refused in [same_milestone, same_ticket, no_milestone] {
            let mut tx = write(&world.db).await;
            let failed = tx.insert_link(&refused).await;
            assert!(matches!(failed, Err(StoreError::Database(_))), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stale_link_is_not_saved() {
    on_both(async |world: Arc<World>| {
        with_links(&world.db, &[link(1, "ops")]).await;
        let mut tx = write(&world.db).await;
        let mut first = tx.link_of(&acme(), m(1)).await.expect("a query").expect("a link");
        let mut second = first.clone();
        first.key = Some("NEW-1".to_owned());
        tx.save_link(&mut first).await.expect("a save");
        first.attempts = 1;
        tx.save_link(&mut first).await.expect("a second save without a read");
        second.key = Some("LOST-1".to_owned());
        let failed = tx.save_link(&mut second).await;
        assert!(
            matches!(&failed, Err(StoreError::Stale { what: "link", id }) if *id == first.id),
            "{failed:?}"
        );
        assert!(failed.expect_err("a refusal").is_transient());
        assert_eq!(tx.link(&first.id).await.expect("a query"), Some(first.clone()));
        assert_eq!((first.key.as_deref(), first.attempts), (Some("NEW-1"), 1));
        let mut unknown = link(5, "ops");
        assert!(matches!(tx.save_link(&mut unknown).await, Err(StoreError::Stale { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_mark_that_comes_while_a_link_is_reconciled_is_not_lost() {
    on_both(async |world: Arc<World>| {
        with_links(&world.db, &[link(1, "ops")]).await;
        let id = link(1, "ops").id;
        let mut tx = write(&world.db).await;
        assert_eq!(tx.mark_dirty(std::slice::from_ref(&id), at(1)).await.expect("a mark"), 1);
        let mut taken = tx.link(&id).await.expect("a query").expect("a link");
        // The tracker says meanwhile that something changed, twice.
        tx.mark_tickets(&["ops".to_owned()], &["10001".to_owned()], at(2)).await.expect("a mark");
        tx.mark_dirty(std::slice::from_ref(&id), at(3)).await.expect("a mark");
        taken.dirty = None;
        taken.due_at = Some(at(900));
        tx.save_link(&mut taken).await.expect("a save that is not stale");
        assert_eq!((taken.dirty, taken.due_at), (Some(at(1)), None));
        // Without a mark in between it is settled.
        taken.dirty = None;
        taken.due_at = Some(at(900));
        tx.save_link(&mut taken).await.expect("a save");
        assert_eq!((taken.dirty, taken.due_at), (None, Some(at(900))));
        // A mark brings forward what was put off for a reason of ours.
        tx.mark_milestones(&acme(), &[m(1)], at(5)).await.expect("a mark");
        let found = tx.link(&id).await.expect("a query").expect("a link");
        assert_eq!((found.dirty, found.due_at), (Some(at(5)), None));
        // What failed keeps its time, in spite of a mark before or after it was saved.
        let mut failing = found;
        tx.mark_dirty(std::slice::from_ref(&id), at(6)).await.expect("a mark");
        failing.attempts = 3;
        failing.due_at = Some(at(60));
        tx.save_link(&mut failing).await.expect("a save");
        assert_eq!(failing.due_at, Some(at(60)));
        tx.mark_dirty(std::slice::from_ref(&id), at(7)).await.expect("a mark");
        let found = tx.link(&id).await.expect("a query").expect("a link");
        assert_eq!((found.dirty, found.due_at), (Some(at(5)), Some(at(60))));
    })
    .await;
}

#[tokio::test]
async fn links_are_due_when_marked_or_when_their_time_has_come() {
    on_both(async |world: Arc<World>| {
        with_links(
            &world.db,
            &[
                link(1, "ops"),
                Link { dirty: Some(at(10)), ..link(2, "ops") },
                Link { dirty: Some(at(5)), due_at: Some(at(100)), attempts: 1, ..link(3, "ops") },
                Link { due_at: Some(at(50)), ..link(4, "ops") },
                Link { dirty: Some(at(8)), ..link(5, "web") },
                Link { dirty: Some(at(1)), ..link(6, "other") },
            ],
        )
        .await;
        assert_eq!(dirty(&world.db, &["ops", "web"], 20).await, [5, 2]);
        assert_eq!(dirty(&world.db, &["ops"], 50).await, [2, 4]);
        assert_eq!(dirty(&world.db, &["ops", "web"], 100).await, [5, 2, 4, 3]);
        assert_eq!(dirty(&world.db, &[], 100).await, Vec::<u32>::new());
        let mut tx = world.db.read().await.expect("a transaction");
        let one = tx.dirty_links(&["ops".to_owned()], at(100), 1).await.expect("links");
        assert_eq!(one.iter().map(|link| link.milestone).collect::<Vec<_>>(), [m(2)]);
        assert_eq!(tx.next_link_due(&["ops".to_owned()]).await.expect("a time"), Some(at(50)));
        assert_eq!(tx.next_link_due(&["web".to_owned()]).await.expect("a time"), None);
    })
    .await;
}

#[tokio::test]
async fn marks_reach_only_what_they_name() {
    on_both(async |world: Arc<World>| {
        let same = Link { ticket: Some("10001".to_owned()), ..link(3, "web") };
        with_links(&world.db, &[link(1, "ops"), link(2, "ops"), same]).await;
        let mut tx = write(&world.db).await;
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let marked = tx.mark_tickets(&names(&["ops", "x"]), &names(&["10001", "404"]), at(1)).await;
        assert_eq!(marked.expect("marks"), 1);
        assert_eq!(tx.mark_tickets(&[], &names(&["10001"]), at(1)).await.expect("marks"), 0);
        assert_eq!(tx.mark_dirty(&[], at(1)).await.expect("marks"), 0);
        assert_eq!(tx.mark_milestones(&acme(), &[m(2), m(8)], at(2)).await.expect("marks"), 1);
        tx.commit().await.expect("a commit");
        assert_eq!(dirty(&world.db, &["ops", "web"], 9).await, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn links_are_listed_filtered_paged_and_counted() {
    on_both(async |world: Arc<World>| {
        with_links(
            &world.db,
            &[
                link(1, "ops"),
                Link { phase: LinkPhase::Waiting, ticket: None, ..link(2, "ops") },
                Link { phase: LinkPhase::Missing, error: Some("404".to_owned()), ..link(3, "ops") },
                Link { phase: LinkPhase::Creating, ticket: None, dirty: Some(at(1)), ..link(4, "web") },
            ],
        )
        .await;
        let mut tx = world.db.read().await.expect("a transaction");
        let mut list = async |filter: LinkFilter, after: Option<u32>, limit| {
            let system = acme();
            let after = after.map(|n| (&system, m(n)));
            let links = tx.links(&filter, after, limit).await.expect("links");
            links.iter().map(|link| link.milestone.0).collect::<Vec<_>>()
        };
        assert_eq!(list(LinkFilter::default(), None, 100).await, [1, 2, 3, 4]);
        assert_eq!(list(LinkFilter::default(), Some(2), 1).await, [3]);
        let of_ops =
            LinkFilter { system: Some(acme()), trackers: vec!["ops".to_owned()], ..LinkFilter::default() };
        assert_eq!(list(of_ops, None, 100).await, [1, 2, 3]);
        let phases = vec![LinkPhase::Waiting, LinkPhase::Creating];
        assert_eq!(list(LinkFilter { phases, ..LinkFilter::default() }, None, 100).await, [2, 4]);
        assert_eq!(list(LinkFilter { failing: true, ..LinkFilter::default() }, None, 100).await, [3]);

        let seen = BTreeSet::from(["10001".to_owned(), "77".to_owned()]);
        let unseen = tx.links_of_tracker_not_in("ops", &seen).await.expect("links");
        assert_eq!(unseen.iter().map(|link| link.milestone.0).collect::<Vec<_>>(), [3]);

        let counts = tx.link_counts().await.expect("counts");
        let ops = &counts["ops"];
        assert_eq!((ops.waiting, ops.creating, ops.linked, ops.missing), (1, 0, 1, 1));
        assert_eq!((ops.dirty, ops.failing), (0, 1));
        assert_eq!((counts["web"].creating, counts["web"].dirty), (1, 1));
    })
    .await;
}
