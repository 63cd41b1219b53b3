//! What a ticket is told where its tracker's disclosure is minimal, which is the default.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::collections::BTreeSet;

use chrono::TimeDelta;
use connector_api::fake::Act;
use poam::register::decide::{Command, NewMilestone};
use poam::register::{EvidenceKind, ItemFacts, ItemNumber, MilestoneNumber, MilestoneState, Rating};
use poam::sync::mapping::Disclosure;
use poam::sync::open::open;

use crate::bed::{Bed, day};

/// Facts that no ticket may show.
const FACTS: [&str; 6] = [
    "Weak ciphers on the gateway",
    "An attacker in the path reads sessions",
    "CVE-2026-31337",
    "gw-7.acme.example",
    "Replace the whole gateway by the appliance",
    "tls-scan 104743",
];

/// Two milestones that share nothing but the system. What is to be done is told as it is written.
async fn planned(bed: &Bed, component: &str) -> MilestoneNumber {
    let mut commands = Vec::new();
    for n in 1..=2_u32 {
        let item = ItemNumber::ours(n);
        let facts = ItemFacts {
            description: FACTS[1].to_owned(),
            cves: vec![FACTS[2].to_owned()],
            components: vec![FACTS[3].to_owned(), component.to_owned()],
            plan: FACTS[4].to_owned(),
            source_id: Some(FACTS[5].to_owned()),
            controls: vec!["SC-8".to_owned()],
            detector: "scanner".to_owned(),
            detected: Some(day("2025-12-20")),
            rating: Some(Rating::Moderate),
            owner: Some("Ada Example".to_owned()),
            ..ItemFacts::titled(FACTS[0])
        };
        commands.push(Command::AddItem { number: Some(item.clone()), facts: Box::new(facts) });
        commands.push(Command::AddMilestone(Box::new(NewMilestone {
            text: format!("Deploy rule {n} everywhere; the rescan is clean"),
            serves: BTreeSet::from([item]),
            owner: Some("Ada Example".to_owned()),
            expects: BTreeSet::from([EvidenceKind::Transition]),
            due: Some(day("2026-04-01")),
            ..NewMilestone::default()
        })));
    }
    bed.act(commands).await;
    open(bed.world(), &bed.system, None, false).await.expect("tickets open");
    bed.settle().await;
    MilestoneNumber(1)
}

/// Everything that the bridge says in conversation, under either disclosure: the ticket's title, block and comments.
async fn said(bed: &Bed, number: MilestoneNumber) -> Vec<String> {
    let why = format!("waits for {} and {}", FACTS[3], FACTS[2]);
    let block = Command::SetState { milestone: number, to: MilestoneState::Blocked, reason: Some(why) };
    bed.act(vec![block]).await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.settle().await;
    bed.clock.advance(TimeDelta::seconds(400));
    bed.settle().await;
    let mut seen = Vec::new();
    for line in [
        "/poam status".to_owned(),
        format!("/poam why {} is replaced in June", FACTS[3]),
        format!("/poam owner @{}", FACTS[3]),
        format!("/poam approv {}", FACTS[2]),
        "/poam approve".to_owned(),
        "/poam help".to_owned(),
    ] {
        bed.person_does("ada", number, Act::Comment(line)).await;
        bed.settle().await;
        let ticket = bed.ticket(number).await;
        seen.extend([ticket.title, ticket.block.unwrap_or_default()]);
    }
    let reject = format!("{} cannot wait for {}", FACTS[3], FACTS[2]);
    bed.person_does("grace", number, Act::Comment(format!("/poam reject {reject}"))).await;
    bed.settle().await;
    bed.clock.advance(TimeDelta::days(60));
    poam::sync::detect::full(bed.world(), &bed.system).await.expect("detection");
    bed.person_does("ada", number, Act::Comment("/poam status".to_owned())).await;
    bed.settle().await;
    let ticket = bed.ticket(number).await;
    seen.extend([ticket.title, ticket.block.unwrap_or_default()]);
    let ours = ticket.comments.into_iter().filter(|comment| comment.marker.is_some());
    seen.extend(ours.map(|comment| comment.body));
    seen
}

#[tokio::test]
async fn no_fact_of_an_item_goes_out_under_minimal() {
    for component in ["portal", "jira"] {
        let bed = Bed::new().await;
        let number = planned(&bed, component).await;
        let said = said(&bed, number).await;
        assert!(said.len() > 16, "{said:?}");
        for text in &said {
            for fact in FACTS {
                let plain = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(!plain.contains(&fact.to_lowercase()), "{component}: {fact:?} in {text}");
            }
        }
        let status = said.iter().rfind(|text| text.contains("- State:")).expect("a status");
        assert!(status.contains("- overdue: the due day has ended, since "), "{status}");
        assert!(!status.contains("M-2"), "of a neighbour: {status}");
    }
}

#[tokio::test]
async fn full_disclosure_tells_of_this_milestone_alone() {
    let bed = Bed::adjusted(|settings| {
        for tracker in settings.trackers.values_mut() {
            tracker.disclosure = Disclosure::Full;
        }
    })
    .await;
    let number = planned(&bed, "portal").await;
    let said = said(&bed, number).await;
    for fact in [FACTS[0], FACTS[3]] {
        assert!(said[1].contains(fact), "{fact} in {}", said[1]);
    }
    let status = said.iter().rfind(|text| text.contains("- State:")).expect("a status");
    assert!(status.contains("- overdue: was due 2026-04-01"), "{status}");
    assert!(!status.contains("past-deadline"), "of an item: {status}");
}
