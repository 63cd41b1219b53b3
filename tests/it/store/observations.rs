//! What is observed of trackers and kept beside the journal.

use std::collections::BTreeSet;
use std::sync::Arc;

use poam::register::{Digest, Link};
use poam::store::{Cursor, Lease, OwnWrite, Pause, Scope, Sending, StoreError};

use super::sample::{acme, at, link, milestones, notice_queued, record, seconds};
use super::world::{World, on_both};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn an_entry_is_taken_once() {
    on_both(async |world: Arc<World>| {
        milestones(&world.db, 2).await;
        let (one, two) = (link(1, "ops"), link(2, "ops"));
        let mut tx = world.db.write().await.expect("a transaction");
        tx.insert_links(&[one.clone(), two.clone()]).await.expect("links");
        let new = tx.take_entries(&one.id, &names(&["a", "b"]), at(1)).await.expect("entries");
        assert_eq!(new, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        let new = tx.take_entries(&one.id, &names(&["c", "b", "a"]), at(2)).await.expect("entries");
        assert_eq!(new, BTreeSet::from(["c".to_owned()]));
        assert_eq!(tx.take_entries(&two.id, &names(&["a"]), at(2)).await.expect("entries").len(), 1);
        assert!(tx.take_entries(&one.id, &[], at(3)).await.expect("entries").is_empty());
        assert_eq!(tx.entries_taken(&one.id).await.expect("entries").len(), 3);
    })
    .await;
}

#[tokio::test]
async fn our_writes_are_remembered_for_a_while() {
    on_both(async |world: Arc<World>| {
        milestones(&world.db, 1).await;
        let one = link(1, "ops");
        let mut tx = world.db.write().await.expect("a transaction");
        tx.insert_link(&one).await.expect("a link");
        tx.record_own_write(&one.id, "due", "2026-10-31", at(5)).await.expect("a write");
        tx.record_own_write(&one.id, "block", &"long ".repeat(20_000), at(1)).await.expect("a write");
        tx.record_own_write(&one.id, "due", "2026-10-31", at(5)).await.expect("a write");
        let found = tx.own_writes(&one.id).await.expect("writes");
        assert_eq!(
            found.iter().map(|write| write.field.as_str()).collect::<Vec<_>>(),
            ["block", "due", "due"]
        );
        let due = OwnWrite { field: "due".to_owned(), value: "2026-10-31".to_owned(), at: at(5) };
        assert_eq!(found[1], due);
        assert_eq!(tx.prune_own_writes(at(5)).await.expect("a number"), 0, "its log was not read since");
        let mut read = tx.link(&one.id).await.expect("a query").expect("the link");
        read.log_read = Some(at(4));
        tx.save_link(&mut read).await.expect("saved");
        assert_eq!(tx.prune_own_writes(at(5)).await.expect("a number"), 1);
        assert_eq!(
            tx.prune_own_writes(at(90)).await.expect("a number"),
            0,
            "its log was not read past these"
        );
        assert_eq!(tx.own_writes(&one.id).await.expect("writes"), [due.clone(), due]);
    })
    .await;
}

#[tokio::test]
async fn a_cursor_is_set_and_a_delivery_taken_once() {
    on_both(async |world: Arc<World>| {
        let mut tx = world.db.write().await.expect("a transaction");
        assert_eq!(tx.cursor("jira", "search").await.expect("a cursor"), None);
        tx.set_cursor("jira", "search", "1", at(1)).await.expect("a cursor");
        tx.set_cursor("jira", "search", "2", at(2)).await.expect("a cursor");
        tx.set_cursor("jira", "other", "3", at(2)).await.expect("a cursor");
        let wanted = Cursor { value: "2".to_owned(), at: at(2) };
        assert_eq!(tx.cursor("jira", "search").await.expect("a cursor"), Some(wanted));

        assert!(tx.take_delivery("jira", "d1", "issue_updated", at(1)).await.expect("an answer"));
        assert!(!tx.take_delivery("jira", "d1", "issue_updated", at(2)).await.expect("an answer"));
        assert!(tx.take_delivery("github", "d1", "issues", at(3)).await.expect("an answer"));
        assert_eq!(tx.prune_deliveries(at(3)).await.expect("a number"), 1);
        assert!(tx.take_delivery("jira", "d1", "issue_updated", at(4)).await.expect("an answer"));
    })
    .await;
}

#[tokio::test]
async fn a_pause_is_never_shortened_and_health_counts_failures_in_a_row() {
    on_both(async |world: Arc<World>| {
        let pause = |scope: &str, until, reason: &str| Pause {
            connection: "jira".to_owned(),
            scope: scope.to_owned(),
            until,
            reason: reason.to_owned(),
        };
        let mut tx = world.db.write().await.expect("a transaction");
        tx.set_pause(&pause("", at(60), "Retry-After: 60")).await.expect("a pause");
        tx.set_pause(&pause("", at(30), "later, yet shorter")).await.expect("a pause");
        tx.set_pause(&pause("write", at(90), "burst")).await.expect("a pause");
        let found = tx.pauses("jira", at(10)).await.expect("pauses");
        assert_eq!(found, [pause("", at(60), "Retry-After: 60"), pause("write", at(90), "burst")]);
        assert_eq!(tx.pauses("jira", at(60)).await.expect("pauses").len(), 1);
        assert_eq!(tx.pauses("github", at(10)).await.expect("pauses"), []);
        assert_eq!(tx.prune_pauses(at(61)).await.expect("a number"), 1);

        tx.record_failure("jira", at(1), "401").await.expect("health");
        tx.record_failure("jira", at(2), "403").await.expect("health");
        tx.record_success("github", at(3), Some(at(80))).await.expect("health");
        let health = tx.health().await.expect("health");
        let jira = health.iter().find(|health| health.connection == "jira").expect("a connection");
        assert_eq!((jira.failures, jira.last_ok, jira.last_error), (2, None, Some(at(2))));
        assert_eq!(jira.error.as_deref(), Some("403"));
        tx.record_success("jira", at(4), Some(at(90))).await.expect("health");
        let health = tx.health().await.expect("health");
        assert_eq!(health.iter().map(|health| health.failures).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(health[1].error.as_deref(), Some("403"));
        assert_eq!(health.iter().map(|of| of.expires).collect::<Vec<_>>(), [Some(at(80)), Some(at(90))]);
        tx.record_failure("jira", at(5), "401").await.expect("health");
        tx.record_success("github", at(5), None).await.expect("health");
        let health = tx.health().await.expect("health");
        assert_eq!(health.iter().map(|of| of.expires).collect::<Vec<_>>(), [None, Some(at(90))]);
    })
    .await;
}

#[tokio::test]
async fn notices_are_on_their_way_until_they_are_there() {
    on_both(async |world: Arc<World>| {
        milestones(&world.db, 2).await;
        let notices = [notice_queued(1, 1, &[]), notice_queued(2, 2, &[]), notice_queued(3, 1, &[])];
        record(&world.db, &acme(), Scope::All, at(1), &notices).await.expect("changes");
        let sending = |notice: u32, link: &Link, due| Sending {
            system: acme(),
            notice,
            link: link.id.clone(),
            marker: format!("ACME-{notice}"),
            due_at: due,
            attempts: 0,
            sent_at: None,
            comment_id: None,
            error: None,
        };
        let (one, two) = (link(1, "ops"), link(2, "web"));
        let mut tx = world.db.write().await.expect("a transaction");
        tx.insert_links(&[one.clone(), two.clone()]).await.expect("links");
        let all =
            [sending(1, &one, Some(at(9))), sending(2, &two, Some(at(5))), sending(3, &one, Some(at(7)))];
        tx.save_sendings(&all).await.expect("sendings");
        let both = names(&["ops", "web"]);
        assert_eq!(
            tx.sendings_due(&both, at(9), 2).await.expect("sendings"),
            [all[1].clone(), all[2].clone()]
        );
        assert_eq!(tx.sendings_due(&names(&["ops"]), at(7), 9).await.expect("sendings"), [all[2].clone()]);
        assert!(tx.sendings_due(&[], at(9), 9).await.expect("sendings").is_empty());
        let there = Sending {
            due_at: None,
            attempts: 1,
            sent_at: Some(at(8)),
            comment_id: Some("77".to_owned()),
            ..all[2].clone()
        };
        tx.save_sendings(std::slice::from_ref(&there)).await.expect("a sending");
        assert_eq!(tx.sending(&acme(), 3).await.expect("a query"), Some(there.clone()));
        assert_eq!(tx.sending(&acme(), 9).await.expect("a query"), None);
        assert_eq!(tx.sendings_of(&one.id).await.expect("sendings"), [all[0].clone(), there]);
        assert!(tx.sendings_due(&names(&["ops"]), at(7), 9).await.expect("sendings").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_lease_has_one_holder_and_tells_when_it_changed_hands() {
    on_both(async |world: Arc<World>| {
        let grace = seconds(120);
        let mut tx = world.db.write().await.expect("a transaction");
        let lease = |owner: &str, until, epoch| Lease {
            name: "jira".to_owned(),
            owner: owner.to_owned(),
            until,
            epoch,
        };
        let first = tx.claim_lease("jira", "a", at(0), at(60), grace).await.expect("an answer");
        assert_eq!(first, Some(lease("a", at(60), 1)));
        let again = tx.claim_lease("jira", "a", at(30), at(90), grace).await.expect("an answer");
        assert_eq!(again, Some(lease("a", at(90), 1)));
        for early in [31, 90, 209] {
            assert_eq!(
                tx.claim_lease("jira", "b", at(early), at(300), grace).await.expect("an answer"),
                None
            );
        }
        let taken = tx.claim_lease("jira", "b", at(210), at(300), grace).await.expect("an answer");
        assert_eq!(taken, Some(lease("b", at(300), 2)));
        assert_eq!(tx.claim_lease("jira", "a", at(211), at(300), grace).await.expect("an answer"), None);
        tx.release_lease("jira", "a").await.expect("nothing");
        assert_eq!(tx.claim_lease("jira", "a", at(212), at(300), grace).await.expect("an answer"), None);
        tx.release_lease("jira", "b").await.expect("a release");
        let freed = tx.claim_lease("jira", "a", at(213), at(300), grace).await.expect("an answer");
        assert_eq!(freed, Some(lease("a", at(300), 3)));
    })
    .await;
}

#[tokio::test]
async fn a_job_is_claimed_by_one_and_comes_free_by_time() {
    on_both(async |world: Arc<World>| {
        let all = names(&["poll", "sweep"]);
        let mut tx = world.db.write().await.expect("a transaction");
        tx.ensure_job("sweep", at(5)).await.expect("a job");
        tx.ensure_job("poll", at(10)).await.expect("a job");
        tx.ensure_job("poll", at(99)).await.expect("a job");
        tx.ensure_job("foreign", at(0)).await.expect("a job");
        let mut claim = async |owner: &str, now: i64| {
            let job = tx.claim_job(&all, owner, at(now), at(now + 60)).await.expect("an answer");
            job.map(|job| job.name)
        };
        assert_eq!(claim("a", 4).await, None);
        assert_eq!(claim("a", 10).await.as_deref(), Some("sweep"));
        assert_eq!(claim("b", 10).await.as_deref(), Some("poll"));
        assert_eq!(claim("b", 11).await, None);
        // The first holder of the sweep is gone; another takes it when its time is over.
        assert_eq!(claim("b", 70).await.as_deref(), Some("sweep"));
        assert!(!tx.finish_job("sweep", "a", at(71), "ok", at(100)).await.expect("an answer"));
        assert!(tx.finish_job("sweep", "b", at(72), "ok", at(100)).await.expect("an answer"));
        assert!(
            tx.finish_job("poll", "b", at(72), "the tracker answered 503", at(80)).await.expect("an answer")
        );
        let jobs = tx.jobs().await.expect("jobs");
        let poll = jobs.iter().find(|job| job.name == "poll").expect("a job");
        assert_eq!((poll.due_at, poll.last_run), (at(80), Some(at(72))));
        assert_eq!(poll.last_result.as_deref(), Some("the tracker answered 503"));
        tx.set_job_due("poll", at(73)).await.expect("a time");
        let job = tx.claim_job(&all, "a", at(73), at(99)).await.expect("an answer");
        assert_eq!(job.map(|job| job.name).as_deref(), Some("poll"));
    })
    .await;
}

#[tokio::test]
async fn many_claim_at_once_and_each_job_has_one_holder() {
    on_both(async |world: Arc<World>| {
        let all: Vec<String> = (0..20).map(|n| format!("job {n}")).collect();
        let mut tx = world.db.write().await.expect("a transaction");
        for name in &all {
            tx.ensure_job(name, at(0)).await.expect("a job");
        }
        tx.commit().await.expect("a commit");
        let claimers = (0..4).map(|claimer| {
            let (db, all) = (world.db.clone(), all.clone());
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                for _ in 0..20 {
                    let mut tx = db.write().await?;
                    let owner = format!("claimer {claimer}");
                    claimed.extend(tx.claim_job(&all, &owner, at(1), at(60)).await?.map(|job| job.name));
                    tx.commit().await?;
                }
                Ok::<_, StoreError>(claimed)
            })
        });
        let mut claimed = Vec::new();
        for claimer in claimers.collect::<Vec<_>>() {
            claimed.extend(claimer.await.expect("a task").expect("claims"));
        }
        let distinct: BTreeSet<_> = claimed.iter().cloned().collect();
        assert_eq!((claimed.len(), distinct.len()), (20, 20));
    })
    .await;
}

#[tokio::test]
async fn the_installation_keeps_its_id_and_rule_texts_their_digest() {
    on_both(async |world: Arc<World>| {
        let mut tx = world.db.write().await.expect("a transaction");
        let first = tx.installation(&"a".repeat(32)).await.expect("an id");
        assert_eq!(first, "a".repeat(32));
        assert_eq!(tx.installation(&"b".repeat(32)).await.expect("an id"), first);
        let digest = tx.put_rule_text("legacy-rev5.toml", "high = 30").await.expect("a text");
        tx.put_rule_text("legacy-rev5.toml", "high = 30").await.expect("the same text");
        assert_eq!(digest, Digest::of(b"high = 30"));
        assert_eq!(tx.rule_text(&digest).await.expect("a text").as_deref(), Some("high = 30"));
        assert_eq!(tx.rule_text(&Digest::of(b"none")).await.expect("no text"), None);
        tx.commit().await.expect("a commit");
        world.tamper("UPDATE rule_text SET text = 'high = 300'").await;
        let mut tx = world.db.read().await.expect("a transaction");
        assert!(matches!(tx.rule_text(&digest).await, Err(StoreError::Corrupt { table: "rule_text", .. })));
    })
    .await;
}
