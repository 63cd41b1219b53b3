//! A repository that fails is not its neighbours' failure; and one tracker alone can be brought in step.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use chrono::TimeDelta;
use connector_api::fake::Act;
use connector_api::{ProjectSpec, Ticket};
use poam::register::{DriftKind, MilestoneNumber, Subject};
use poam::sync::mapping::Route;
use poam::sync::{Settings, detect};

use super::TEXT;
use crate::bed::{Bed, day};

/// Adds a tracker like another one, for another project, and routes a component to it.
fn beside(settings: &mut Settings, like: &str, id: &str, project: &str) {
    let mut tracker = settings.trackers.get(like).expect("a tracker").clone();
    id.clone_into(&mut tracker.id);
    tracker.project = ProjectSpec { project: project.to_owned(), ..tracker.project };
    settings.trackers.insert(id.to_owned(), tracker);
    let component = Some(id.to_owned());
    let route = Route { system: "ACME".to_owned(), component, tracker: id.to_owned() };
    settings.routes.insert(0, route);
}

/// Trackers whose polls are said to fail.
async fn silent(bed: &Bed) -> Vec<Subject> {
    detect::connections(bed.world(), &bed.system).await.expect("detection");
    let drifts = bed.register().await.drifts.into_values();
    let open = drifts.filter(|drift| drift.settled.is_none() && drift.kind == DriftKind::TrackerSilent);
    open.map(|drift| drift.subject).collect()
}

#[tokio::test]
async fn repository_that_fails_is_silent_by_itself() {
    let bed = Bed::adjusted(|settings| beside(settings, "gh", "gone", "acme/gone")).await;
    let number = bed.plan(TEXT, "portal", "2026-04-01").await;
    for round in 1..=3 {
        let polled = bed.engine.poll("github").await.expect("one repository answers");
        let failed: Vec<&str> = polled.failed.iter().map(|(stream, _)| stream.as_str()).collect();
        assert_eq!(failed, ["acme/gone"]);
        bed.engine.pass("github", polled.hot).await.expect("a pass");
        let expected = if round < 3 { vec![] } else { vec![Subject::Tracker("gone".to_owned())] };
        assert_eq!(silent(&bed).await, expected, "round {round}");
        bed.clock.advance(TimeDelta::minutes(1));
    }
    // What the other brought is taken though one fails.
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    let polled = bed.engine.poll("github").await.expect("one repository answers");
    assert_eq!(polled.hot.len(), 1);
    let seen: Vec<&Ticket> = polled.hot.values().collect();
    assert_eq!(Some(&seen[0].reference.id), bed.milestone(number).await.ticket.map(|t| t.id).as_ref());
    bed.github.add_repository("acme/gone", true);
    let write = connector_github::fake::Permission::Write;
    bed.github.grant("acme/gone", "poam-bot", write).expect("a grant");
    assert!(bed.engine.poll("github").await.expect("a poll").failed.is_empty());
    assert_eq!(silent(&bed).await, [], "settled by itself");
}

async fn moves(bed: &Bed, number: MilestoneNumber) -> usize {
    bed.milestone(number).await.moves.len()
}

#[tokio::test]
async fn one_tracker_alone_is_brought_in_step() {
    for (like, other, project, connection, component) in
        [("gh", "gh2", "acme/second", "github", "portal"), ("jr", "jr2", "BETA", "jira", "jira")]
    {
        let bed = Bed::adjusted(|settings| {
            beside(settings, "gh", "gh2", "acme/second");
            beside(settings, "jr", "jr2", "BETA");
        })
        .await;
        bed.github.add_repository("acme/second", true);
        let write = connector_github::fake::Permission::Write;
        for login in ["poam-bot", "ada"] {
            bed.github.grant("acme/second", login, write).expect("a grant");
        }
        bed.jira.set_project("BETA", |_| {});
        let one = bed.plan(TEXT, component, "2026-04-01").await;
        let two = bed.plan(TEXT, other, "2026-04-01").await;
        bed.settle().await;
        let held = bed.ticket(two).await;
        assert_eq!(held.project, project, "{like}");
        bed.person_does("ada", one, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.person_does("ada", two, Act::SetDue(Some(day("2026-06-15")))).await;
        let alone = bed.engine.of_tracker(Some(other));
        let polled = alone.poll(connection).await.expect("a poll");
        alone.pass(connection, polled.hot).await.expect("a pass");
        assert_eq!((moves(&bed, one).await, moves(&bed, two).await), (0, 1), "{connection}: one alone");
        bed.settle().await;
        assert_eq!((moves(&bed, one).await, moves(&bed, two).await), (1, 1), "{connection}: none is lost");
    }
}
