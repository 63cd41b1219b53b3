//! What halts a tracker, and what is never taken for a deletion.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::collections::BTreeSet;

use chrono::TimeDelta;
use connector_api::TicketState;
use connector_api::fake::{Act, FakeSite};
use poam::register::decide::{Command, NewMilestone};
use poam::register::{
    Actor, Base, EvidenceKind, ItemFacts, ItemNumber, Link, LinkPhase, MilestoneNumber, MilestoneState,
    Observed, Rating,
};
use poam::store::LinkFilter;
use poam::sync::brakes::resume;
use poam::sync::mapping::Name;
use poam::sync::open::open;

use super::TEXT;
use crate::bed::{Bed, day};

async fn phases(bed: &Bed) -> Vec<LinkPhase> {
    let mut read = bed.world().db.read().await.expect("a reader");
    let links = read.links(&LinkFilter::default(), None, 1_000).await.expect("links");
    links.into_iter().map(|link| link.phase).collect()
}

#[tokio::test]
async fn missing_ticket_is_not_deletion() {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.settle().await;
    bed.person_does("ada", number, Act::Delete).await;
    bed.sweep().await;
    bed.settle().await;
    assert_eq!(phases(&bed).await, [LinkPhase::Missing]);
    assert!(bed.drifts(number).await.contains(&"ticket-missing".to_owned()));
    assert_eq!(bed.milestone(number).await.state, MilestoneState::Planned);
    bed.clock.advance(TimeDelta::days(2));
    bed.sweep().await;
    bed.settle().await;
    assert!(bed.jira.tickets().is_empty(), "no other is made in its place");
    assert_eq!(phases(&bed).await, [LinkPhase::Missing]);
}

/// A repository that is out of sight for a while.
#[tokio::test]
async fn missing_ticket_that_is_seen_again_goes_on() {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, "portal", "2026-04-01").await;
    bed.settle().await;
    let read = connector_github::fake::Permission::Read;
    bed.github.rename_repository(crate::bed::REPO, "acme/elsewhere").expect("renamed");
    bed.github.add_repository(crate::bed::REPO, true);
    bed.github.grant(crate::bed::REPO, "poam-bot", read).expect("a grant");
    bed.sweep().await;
    bed.limp(2, TimeDelta::seconds(60)).await;
    assert_eq!(phases(&bed).await, [LinkPhase::Missing]);
    assert!(bed.drifts(number).await.contains(&"ticket-missing".to_owned()));
    bed.github.rename_repository(crate::bed::REPO, "acme/other").expect("renamed");
    bed.github.rename_repository("acme/elsewhere", crate::bed::REPO).expect("renamed");
    bed.sweep().await;
    bed.settle().await;
    assert_eq!(phases(&bed).await, [LinkPhase::Linked]);
    assert!(!bed.drifts(number).await.contains(&"ticket-missing".to_owned()), "settled by itself");
}

async fn many(bed: &Bed, count: u32, component: &str) -> Vec<MilestoneNumber> {
    let mut numbers = Vec::new();
    for n in 0..count {
        let text = format!("Disable TLS 1.0 on host {n}; plugin 104743 is clean on the rescan");
        numbers.push(bed.plan(&text, component, "2026-04-01").await);
    }
    bed.settle().await;
    numbers
}

#[tokio::test]
async fn mass_closing_without_history_halts() {
    // A label closes here, and labels leave no history of the status.
    let bed = Bed::adjusted(|settings| {
        let tracker = settings.trackers.get_mut("gh").expect("the tracker");
        tracker.states = vec![(Name::Label("shipped".to_owned()), TicketState::Done)];
    })
    .await;
    let numbers = many(&bed, 22, "portal").await;
    for number in &numbers {
        bed.person_does("ada", *number, Act::AddLabel("shipped".to_owned())).await;
    }
    bed.limp(2, TimeDelta::seconds(60)).await;
    let halted = bed.engine.halted().await.expect("the store");
    assert!(halted.get("gh").is_some_and(|why| why.contains("22 of 22")), "{halted:?}");
    for number in &numbers {
        assert_eq!(bed.milestone(*number).await.state, MilestoneState::Planned, "nothing of it was taken");
    }
    // Somebody looked, and it is so: it goes on, and does not halt again for the same.
    let who = Actor::Local("operator".to_owned());
    resume(bed.world(), "gh", "the label was set in bulk", who).await.expect("resumed");
    bed.settle().await;
    assert!(bed.engine.halted().await.expect("the store").is_empty());
    for number in &numbers {
        assert_eq!(bed.milestone(*number).await.state, MilestoneState::Done);
    }
}

#[tokio::test]
async fn mass_of_missing_tickets_halts() {
    let bed = Bed::new().await;
    let numbers = many(&bed, 22, "jira").await;
    for number in &numbers {
        bed.person_does("ada", *number, Act::Delete).await;
    }
    bed.sweep().await;
    let halted = bed.engine.halted().await.expect("the store");
    assert!(halted.get("jr").is_some_and(|why| why.contains("22 of 22")), "{halted:?}");
    assert!(phases(&bed).await.iter().all(|phase| *phase == LinkPhase::Linked), "nothing is believed yet");
    let who = Actor::Local("operator".to_owned());
    resume(bed.world(), "jr", "the project was emptied", who).await.expect("resumed");
    bed.sweep().await;
    bed.settle().await;
    assert!(bed.engine.halted().await.expect("the store").is_empty());
    assert!(phases(&bed).await.iter().all(|phase| *phase == LinkPhase::Missing));
}

#[tokio::test]
async fn few_of_many_do_not_halt() {
    let bed = Bed::new().await;
    let numbers = many(&bed, 22, "jira").await;
    for number in numbers.iter().take(20) {
        bed.person_does("ada", *number, Act::Delete).await;
    }
    bed.sweep().await;
    bed.settle().await;
    assert!(bed.engine.halted().await.expect("the store").is_empty());
}

#[tokio::test]
async fn more_than_25_creations_wait_for_a_second_word() {
    let bed = Bed::new().await;
    let mut commands = Vec::new();
    for n in 1..=26_u32 {
        let item = ItemNumber::ours(n);
        let facts = ItemFacts {
            description: "A weakness".to_owned(),
            controls: vec!["SC-8".to_owned()],
            components: vec!["portal".to_owned()],
            detector: "scanner".to_owned(),
            detected: Some(day("2026-02-20")),
            rating: Some(Rating::Moderate),
            owner: Some("Ada Example".to_owned()),
            ..ItemFacts::titled(format!("Weakness {n}"))
        };
        commands.push(Command::AddItem { number: Some(item.clone()), facts: Box::new(facts) });
        commands.push(Command::AddMilestone(Box::new(NewMilestone {
            text: format!("Disable TLS 1.0 on host {n}; plugin 104743 is clean on the rescan"),
            serves: BTreeSet::from([item]),
            owner: Some("Ada Example".to_owned()),
            expects: BTreeSet::from([EvidenceKind::Transition]),
            due: Some(day("2026-04-01")),
            ..NewMilestone::default()
        })));
    }
    bed.act(commands).await;
    let opened = open(bed.world(), &bed.system, None, false).await.expect("the store");
    assert_eq!((opened.opening.len(), opened.waiting.len()), (0, 26));
    bed.settle().await;
    assert!(bed.tickets().is_empty());
    let opened = open(bed.world(), &bed.system, None, true).await.expect("the store");
    assert_eq!((opened.opening.len(), opened.waiting.len()), (26, 0));
    bed.settle().await;
    assert_eq!(bed.tickets().len(), 26);
    let again = open(bed.world(), &bed.system, None, true).await.expect("the store");
    assert_eq!((again.opening.len(), again.waiting.len()), (0, 0), "each has its ticket");
}

/// Links of tickets that nobody touches: what makes a tracker large.
async fn crowd(bed: &Bed, count: u32) {
    let item = ItemNumber::ours(1);
    let milestones = (0..count).map(|n| {
        Command::AddMilestone(Box::new(NewMilestone {
            text: format!("Disable TLS 1.0 on host c{n}; plugin 104743 is clean on the rescan"),
            serves: BTreeSet::from([item.clone()]),
            expects: BTreeSet::from([EvidenceKind::Transition]),
            ..NewMilestone::default()
        }))
    });
    bed.act(milestones.collect()).await;
    let last = bed.register().await.system.last_milestone;
    let links: Vec<Link> = (last - count + 1..=last)
        .map(|n| Link {
            id: format!("{n:032x}"),
            system: bed.system.clone(),
            milestone: MilestoneNumber(n),
            tracker: "gh".to_owned(),
            phase: LinkPhase::Linked,
            ticket: Some(format!("elsewhere-{n}")),
            key: None,
            project: None,
            url: None,
            create_sent: None,
            base: Base::default(),
            observed: Observed::default(),
            log_read: None,
            dirty: None,
            due_at: None,
            attempts: 0,
            error: None,
            missing_since: None,
            written: None,
            version: 0,
        })
        .collect();
    bed.world()
        .writer
        .submit(move |tx| Box::pin(async move { tx.insert_links(&links).await }))
        .await
        .expect("links");
}

#[tokio::test]
async fn mass_closing_halts_a_large_tracker_too() {
    let bed = Bed::adjusted(|settings| {
        settings.open_limit = 100;
        let tracker = settings.trackers.get_mut("gh").expect("the tracker");
        tracker.states = vec![(Name::Label("shipped".to_owned()), TicketState::Done)];
    })
    .await;
    let numbers = many(&bed, 40, "portal").await;
    crowd(&bed, 400).await;
    for number in numbers.iter().take(30) {
        bed.person_does("ada", *number, Act::AddLabel("shipped".to_owned())).await;
        bed.clock.advance(TimeDelta::seconds(-59));
    }
    bed.clock.advance(TimeDelta::seconds(60));
    let hot = bed.engine.poll("github").await.expect("a poll").hot;
    bed.engine.pass("github", hot).await.expect("a pass");
    let halted = bed.engine.halted().await.expect("the store");
    assert!(halted.get("gh").is_some_and(|why| why.contains("30 of ")), "{halted:?}");
    assert_eq!(bed.milestone(numbers[0]).await.state, MilestoneState::Planned, "nothing of it was taken");
}

#[tokio::test]
async fn creations_one_by_one_wait_for_a_second_word_too() {
    let bed = Bed::new().await;
    for n in 0..28 {
        let text = format!("Disable TLS 1.0 on host {n}; plugin 104743 is clean on the rescan");
        bed.plan(&text, "portal", "2026-04-01").await;
    }
    bed.settle().await;
    assert_eq!(bed.tickets().len(), 25);
    let opened = open(bed.world(), &bed.system, None, true).await.expect("the store");
    assert_eq!(opened.opening.len(), 3, "{opened:?}");
    // What was let through does not count against what comes after.
    bed.plan("Disable TLS 1.0 on host 28; plugin 104743 is clean on the rescan", "portal", "2026-04-01")
        .await;
    bed.settle().await;
    assert_eq!(bed.tickets().len(), 29);
}
