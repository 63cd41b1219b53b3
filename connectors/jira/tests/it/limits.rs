//! Who must wait, and how long: the fake refuses in every way that Jira does, or keeps the limits itself.

use chrono::TimeDelta;
use connector_api::error::LimitScope;
use connector_api::fake::FakeSite;
use connector_api::{Connector, ErrorKind, Outcome, Patch, TicketRef};
use connector_jira::fake::Refusal;
use connector_jira::{Flavor, Jira};

use crate::world::{World, made, new_ticket, patch, sent_since};

async fn ticket(world: &World, jira: &Jira, n: u32) -> TicketRef {
    let made = made(jira, &new_ticket(n)).await;
    world.advance(TimeDelta::minutes(2));
    made.reference
}

/// What a comment meets: who must wait, for how many seconds, and whether it may have been written.
async fn refused(world: &World, jira: &Jira, to: &TicketRef) -> (LimitScope, i64, Outcome) {
    let error = jira.comment(to, "text", "m").await.expect_err("a refusal");
    let ErrorKind::RateLimited { until, scope, .. } = error.kind else { panic!("{error}") };
    (scope, (until - (world.now())()).num_seconds(), error.outcome)
}

#[tokio::test]
async fn each_refusal_holds_back_what_it_names_and_no_more() {
    let all = LimitScope::Connection;
    let comments = LimitScope::Bucket("POST /issue/{issueIdOrKey}/comment".to_owned());
    for (refusal, scope, seconds) in [
        (Refusal::Burst, Some(comments), Some(3)),
        (Refusal::Ticket, None, Some(2)),
        (Refusal::QuotaTenant, Some(all.clone()), None),
        (Refusal::QuotaGlobal, Some(all.clone()), None),
        (Refusal::Cost, Some(all.clone()), None),
        (Refusal::Unheard, Some(all.clone()), Some(20)),
        (Refusal::Unnamed, Some(all.clone()), Some(60)),
        (Refusal::DataCenter, Some(all.clone()), Some(10)),
        (Refusal::Overloaded, Some(all.clone()), Some(30)),
    ] {
        let world = World::new(Flavor::Cloud);
        let jira = world.connector();
        let to = ticket(&world, &jira, 1).await;
        world.site.refuse([Some(refusal)]);
        let (who, wait, outcome) = refused(&world, &jira, &to).await;
        let scope = scope.unwrap_or_else(|| LimitScope::Bucket(format!("ticket {}", to.id)));
        assert_eq!(who, scope, "{refusal:?}");
        // The quotas of the hour, which began anew at 11:00 here.
        let left = 3600 - (world.now())().timestamp() % 3600;
        assert!((seconds.unwrap_or(left) - wait).abs() < 60 && wait > 0, "{refusal:?}: {wait} s");
        let unknown = refusal == Refusal::Overloaded;
        assert_eq!(outcome == Outcome::Unknown, unknown, "{refusal:?}: 429 was not done, 503 may have been");

        let before = world.site.requests().len();
        let other = jira.fetch(std::slice::from_ref(&to)).await;
        let sent = sent_since(&world, before).len();
        if scope == all {
            assert!(matches!(other.expect_err("a pause").kind, ErrorKind::RateLimited { .. }), "{refusal:?}");
            assert_eq!(sent, 0, "{refusal:?}: a paused connection sends nothing");
        } else {
            other.expect("another path");
            assert_eq!(sent, 1, "{refusal:?}: the others go on");
        }
        world.advance(TimeDelta::seconds(wait));
        jira.comment(&to, "text", "m").await.expect("when the time is over, it goes on");
    }
}

#[tokio::test]
async fn writes_on_one_ticket_are_limited_and_on_others_go_on() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let (busy, quiet) = (ticket(&world, &jira, 1).await, ticket(&world, &jira, 2).await);
    world.site.set_keeps_limits(true);
    for _ in 0..20 {
        jira.comment(&busy, "text", "m").await.expect("a comment");
    }
    let scope = LimitScope::Bucket(format!("ticket {}", busy.id));
    assert_eq!(refused(&world, &jira, &busy).await, (scope, 2, Outcome::NotDone));
    jira.comment(&quiet, "text", "m").await.expect("a comment on another");
    for _ in 0..4 {
        world.advance(TimeDelta::seconds(2));
        for _ in 0..20 {
            jira.comment(&busy, "text", "m").await.expect("a comment");
        }
    }
    world.advance(TimeDelta::seconds(2));
    let (scope, ..) = refused(&world, &jira, &busy).await;
    assert_eq!(scope, LimitScope::Bucket(format!("ticket {}", busy.id)), "a hundred in half a minute");
    world.advance(TimeDelta::seconds(30));
    jira.comment(&busy, "text", "m").await.expect("a comment");
}

#[tokio::test]
async fn a_path_has_its_own_burst() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let mut tickets = Vec::new();
    for n in 0..51 {
        tickets.push(made(&jira, &new_ticket(n)).await);
    }
    world.advance(TimeDelta::minutes(2));
    world.site.set_keeps_limits(true);
    let edit = Patch { title: Some("Other".to_owned()), ..patch() };
    for ticket in &tickets[..50] {
        jira.apply(ticket, &edit).await.expect("an edit");
    }
    let error = jira.apply(&tickets[50], &edit).await.expect_err("a refusal");
    let ErrorKind::RateLimited { scope, .. } = error.kind else { panic!("{error}") };
    assert_eq!(scope, LimitScope::Bucket("PUT /issue/{issueIdOrKey}".to_owned()));
    jira.comment(&tickets[50].reference, "text", "m").await.expect("another path");
    world.advance(TimeDelta::seconds(1));
    jira.apply(&tickets[50], &edit).await.expect("an edit");
}

#[tokio::test]
async fn a_data_center_that_has_enough_holds_back_everything() {
    let world = World::new(Flavor::DataCenter);
    let jira = world.connector();
    let to = ticket(&world, &jira, 1).await;
    world.site.set_keeps_limits(true);
    for _ in 0..50 {
        jira.comment(&to, "text", "m").await.expect("a comment");
    }
    assert_eq!(refused(&world, &jira, &to).await, (LimitScope::Connection, 10, Outcome::NotDone));
    world.advance(TimeDelta::seconds(10));
    jira.comment(&to, "text", "m").await.expect("a comment");
}
