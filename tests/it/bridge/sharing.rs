//! Several processes on one store: one has the connection, and another takes it over.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::sync::Arc;

use chrono::TimeDelta;
use connector_api::TicketState;
use connector_api::error::LimitScope;
use connector_api::fake::{Act, FakeSite as _};
use poam::clock::Clock as _;
use poam::jobs::{Runner, Running};
use poam::register::{Change, MilestoneState};
use poam::store::{Db, Pause, Writer};
use poam::sync::engine::{Engine, Hot};
use poam::sync::lease::{LEASE, Leases, hold, release};
use poam::sync::{SyncError, World};
use poam::timetable::Timetable;

use super::TEXT;
use super::upkeep::Nobody;
use crate::bed::{Bed, profile};
use crate::store::{empty_postgres, options};

/// Beds on both databases; only on SQLite where no server is at hand.
async fn beds() -> Vec<Bed> {
    let mut beds = vec![Bed::new().await];
    if let Some(url) = empty_postgres().await {
        let mut bed = Bed::new().await;
        let db = Db::open(&url, &options()).await.expect("a store");
        db.migrate().await.expect("a schema");
        bed.engine.world.writer = Writer::inline(db.clone());
        bed.engine.world.db = db;
        bed.record(vec![Change::SystemRecorded { profile: profile() }]).await;
        beds.push(bed);
    }
    beds
}

/// Another process on the bed's store.
fn process(bed: &Bed, name: &str, died: fn(&str) -> bool) -> Engine {
    Engine { world: World { leases: Leases::new(name, died), ..bed.world().clone() }, only: None }
}

fn runner(engine: Engine) -> Runner {
    let every = |text: &str| Timetable::parse(text, chrono_tz::UTC).expect("a timetable");
    Runner::new(Running {
        engine,
        connection: "jira".to_owned(),
        poll: every("* * * * *"),
        sweep: every("30 3 * * *"),
        guard: Box::new(|| Box::pin(async { Ok(()) })),
        watch: Arc::new(Nobody),
    })
}

#[tokio::test]
async fn one_process_has_the_connection_and_another_takes_it_over() {
    for bed in beds().await {
        let (one, two) = (process(&bed, "one", |_| false), process(&bed, "two", |_| false));
        let (mut first, mut second) = (runner(one), runner(two.clone()));
        let number = bed.plan(TEXT, "jira", "2026-04-01").await;
        first.turn().await;
        second.turn().await;
        let asked = bed.jira.requests().len();
        assert_eq!(bed.jira.tickets().len(), 1, "one ticket");
        second.turn().await;
        assert_eq!(bed.jira.requests().len(), asked, "who stands by asks the tracker nothing");

        // Who stands by takes webhooks all the same, and who has the connection sees what they marked.
        bed.clock.advance(TimeDelta::seconds(61));
        first.turn().await;
        drop(bed.jira.take_deliveries());
        bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
        for delivery in bed.jira.take_deliveries() {
            let connector = bed.world().connectors["jira"].clone();
            let read = connector.read_webhook(&delivery.headers, &delivery.body, &["hush".into()]);
            two.deliver("jira", read.expect("signed")).await.expect("stored");
        }
        first.turn().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress);

        // The first is heard of no more: the other waits until the lease has run out, and the consistency window too.
        bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
        let window =
            TimeDelta::seconds(i64::from(bed.world().connectors["jira"].capabilities().consistency_window_s));
        bed.clock.advance(LEASE - TimeDelta::seconds(90));
        second.turn().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress, "not yet");
        bed.clock.advance(window + TimeDelta::seconds(100));
        second.turn().await;
        second.turn().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::Done, "taken over");
        // Who comes back finds it taken, and writes nothing.
        let asked = bed.jira.requests().len();
        first.turn().await;
        assert_eq!(bed.jira.requests().len(), asked);
        assert_eq!(bed.jira.tickets().len(), 1);
    }
}

#[tokio::test]
async fn connection_that_was_given_up_or_whose_holder_died_is_free_at_once() {
    for bed in beds().await {
        let (one, two) = (process(&bed, "one", |_| false), process(&bed, "two", |_| false));
        hold(&one.world, "jira").await.expect("free");
        let held = hold(&two.world, "jira").await;
        let Err(SyncError::Held { by, free, .. }) = held else { panic!("{held:?}") };
        assert_eq!(by, "one");
        assert!(free > bed.clock.now() + LEASE, "the consistency window comes on top");
        assert!(two.pass("jira", Hot::new()).await.is_err());
        assert!(two.poll("jira").await.is_err());
        release(&one.world).await.expect("given up");
        hold(&two.world, "jira").await.expect("free at once");
        let three = process(&bed, "three", |name| name == "two");
        hold(&three.world, "jira").await.expect("its holder died");
        bed.clock.advance(TimeDelta::seconds(40));
        assert!(hold(&two.world, "jira").await.is_err(), "it is told when it prolongs");
    }
}

/// A write leaves only where the lease outlasts it.
#[tokio::test]
async fn lease_covers_a_write_until_shortly_before_its_end() {
    let bed = Bed::new().await;
    let one = process(&bed, "one", |_| false);
    let covers = || one.world.leases.covers("jira", bed.clock.now(), TimeDelta::seconds(30));
    assert!(!covers(), "nothing is held");
    hold(&one.world, "jira").await.expect("free");
    assert!(covers());
    bed.clock.advance(LEASE - TimeDelta::seconds(30));
    assert!(covers());
    bed.clock.advance(TimeDelta::seconds(1));
    assert!(!covers());
    hold(&one.world, "jira").await.expect("prolonged");
    assert!(covers());
}

#[tokio::test]
async fn pause_survives_a_restart() {
    let mut bed = Bed::new().await;
    bed.plan(TEXT, "jira", "2026-04-01").await;
    let now = bed.clock.now();
    let limit = connector_api::Error::new(
        "create a ticket",
        connector_api::ErrorKind::RateLimited {
            until: now + TimeDelta::minutes(10),
            reason: "jira-quota-tenant-based".to_owned(),
            scope: LimitScope::Connection,
        },
    );
    let until = bed.engine.limited("jira", &SyncError::Tracker(limit)).await.expect("kept");
    assert_eq!(until, Some(now + TimeDelta::minutes(10)));
    bed.restart().await;
    let told: Arc<std::sync::Mutex<Vec<Pause>>> = Arc::default();
    let tells = told.clone();
    bed.engine.world.limited = Arc::new(move |pause| tells.lock().expect("no panic").push(pause.clone()));
    let mut runner = runner(bed.engine.clone());
    runner.turn().await;
    assert!(bed.jira.requests().is_empty(), "nothing is asked");
    assert_eq!(told.lock().expect("no panic")[0].reason, "jira-quota-tenant-based");
    bed.clock.advance(TimeDelta::minutes(10));
    runner.turn().await;
    assert_eq!(bed.jira.tickets().len(), 1);
}
