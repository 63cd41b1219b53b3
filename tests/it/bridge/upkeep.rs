//! What a runner does by itself: what must be known before it writes, what is forgotten, which tokens end.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::fake::Act;
use poam::clock::Clock as _;
use poam::jobs::{Runner, Running, Watch};
use poam::store::Health;
use poam::sync::prune::{Pruned, prune};
use poam::sync::sweep::Swept;
use poam::sync::{Pass, SyncError, detect};
use poam::timetable::Timetable;

use super::TEXT;
use crate::bed::{Bed, day};

/// Watches nothing.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn polled(&self, _: &str, _: bool, _: DateTime<Utc>) {}
    fn passed(&self, _: &str, _: &Pass) {}
    fn pass_failed(&self, _: &str) {}
    fn redelivered(&self, _: &str, _: u32) {}
    fn swept(&self, _: &str, _: Swept) {}
}

async fn health(bed: &Bed, connection: &str) -> Health {
    let mut read = bed.world().db.read().await.expect("a reader");
    let health = read.health().await.expect("the store");
    health.into_iter().find(|health| health.connection == connection).expect("it was asked")
}

#[tokio::test]
async fn nothing_is_written_while_it_is_unknown_whether_a_project_is_public() {
    let bed = Bed::new().await;
    bed.plan(TEXT, "portal", "2026-04-01").await;
    let known = Arc::new(AtomicBool::new(false));
    let told = known.clone();
    let every = |text: &str| Timetable::parse(text, chrono_tz::UTC).expect("a timetable");
    let mut runner = Runner::new(Running {
        engine: bed.engine.clone(),
        connection: "github".to_owned(),
        poll: every("* * * * *"),
        sweep: every("30 3 * * *"),
        guard: Box::new(move || {
            let known = told.load(Ordering::Relaxed);
            Box::pin(async move {
                if known { Ok(()) } else { Err(SyncError::Unknown("whether it is public".to_owned())) }
            })
        }),
        watch: Arc::new(Nobody),
    });
    for _ in 0..3 {
        runner.turn().await;
        bed.clock.advance(TimeDelta::seconds(61));
    }
    assert!(bed.tickets().is_empty(), "nothing is written");
    let unwell = health(&bed, "github").await;
    assert_eq!(unwell.failures, 3, "it is asked again at each poll");
    assert!(unwell.error.is_some_and(|error| error.contains("public is not known")));
    known.store(true, Ordering::Relaxed);
    runner.turn().await;
    assert_eq!(bed.tickets().len(), 1);
    assert_eq!(health(&bed, "github").await.failures, 0);
    // A day later it is asked again, and no longer known.
    known.store(false, Ordering::Relaxed);
    bed.clock.advance(TimeDelta::days(1));
    let number = bed.plan(TEXT, "portal", "2026-04-01").await;
    runner.turn().await;
    runner.turn().await;
    assert_eq!(bed.tickets().len(), 1, "{number} waits");
}

#[tokio::test]
async fn what_has_served_is_forgotten() {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.settle().await;
    let say = "/poam move 2026-03-20 it can be done sooner";
    bed.person_does("ada", number, Act::Comment(say.to_owned())).await;
    let mut deliveries = 0;
    for delivery in bed.site("jira").take_deliveries() {
        let connector = bed.world().connectors["jira"].clone();
        let read =
            connector.read_webhook(&delivery.headers, &delivery.body, &["hush".into()]).expect("signed");
        deliveries += u64::from(bed.engine.deliver("jira", read).await.expect("stored"));
    }
    assert!(deliveries > 0);
    let polled = bed.engine.poll("jira").await.expect("a poll");
    bed.engine.pass("jira", polled.hot).await.expect("a pass");
    let link = {
        let mut read = bed.world().db.read().await.expect("a reader");
        read.link_of(&bed.system, number).await.expect("the store").expect("a link")
    };
    let kept = async || {
        let mut read = bed.world().db.read().await.expect("a reader");
        read.own_writes(&link.id).await.expect("writes").len()
    };
    assert_eq!(kept().await, 2, "the date that was approved was written, and the block");
    bed.clock.advance(TimeDelta::days(8));
    let pruned = prune(bed.world()).await.expect("the store");
    assert_eq!(pruned, Pruned { deliveries, ..Pruned::default() }, "its echo was not read yet");
    bed.settle().await;
    assert_eq!(kept().await, 0, "the echo explains it away");
    assert_eq!(bed.milestone(number).await.moves.len(), 1);
    assert_eq!(prune(bed.world()).await.expect("the store"), Pruned::default());
}

#[tokio::test]
async fn token_that_expires_soon_is_drift_until_it_is_renewed() {
    let mut bed = Bed::new().await;
    let expiring = async |bed: &Bed| {
        detect::connections(bed.world(), &bed.system).await.expect("detection");
        let drifts = bed.register().await.drifts;
        let mut open = drifts.into_values().filter(|drift| drift.settled.is_none());
        open.find(|drift| drift.kind.name() == "token-expiring").map(|drift| drift.detail)
    };
    let expires = |bed: &mut Bed, on: &str| {
        let at = day(on).and_hms_opt(12, 0, 0).expect("noon").and_utc();
        let settings = Arc::make_mut(&mut bed.engine.world.settings);
        settings.expires.insert("jira".to_owned(), at);
    };
    assert_eq!(expiring(&bed).await, None);
    expires(&mut bed, "2026-03-17");
    assert_eq!(expiring(&bed).await, None, "15 days before");
    bed.clock.advance(TimeDelta::days(1));
    assert_eq!(expiring(&bed).await.as_deref(), Some("its token expires on 2026-03-17"));
    expires(&mut bed, "2027-03-17");
    assert_eq!(expiring(&bed).await, None, "settled by the new one");
    // What the site tells counts more than what was written once.
    let soon = bed.clock.now() + TimeDelta::days(3);
    bed.world()
        .writer
        .submit(move |tx| Box::pin(async move { tx.record_success("jira", soon, Some(soon)).await }))
        .await
        .expect("recorded");
    assert_eq!(expiring(&bed).await.as_deref(), Some("its token expires on 2026-03-06"));
}
