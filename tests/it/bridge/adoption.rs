//! A ticket that people made by hand becomes a milestone's: what stands in it stays theirs.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use connector_api::fake::Act;
use poam::register::{Actor, LinkPhase, MilestoneNumber, MoveState};
use poam::sync::adopt::adopt;

use super::TEXT;
use crate::bed::{Bed, PROJECT, REPO, day};

/// A ticket by hand, in which Ada did this, bound to a milestone.
async fn adopted(component: &str, acts: Vec<Act>) -> (Bed, MilestoneNumber) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    let (connection, project) = if component == "jira" { ("jira", PROJECT) } else { ("github", REPO) };
    let (site, ada) = (bed.site(connection), bed.account(connection, "ada"));
    let id = site.open_by_hand(&ada, project, "Old ciphers", "Their notes.\n\nKeep them.").expect("a ticket");
    for act in acts {
        bed.clock.advance(chrono::TimeDelta::seconds(60));
        site.act(&ada, &id, act).expect("it may be done");
    }
    let key = site.tickets().into_iter().find(|ticket| ticket.id == id).expect("the ticket").key;
    let who = Actor::Local("operator".to_owned());
    adopt(bed.world(), &bed.system, number, None, &key, who).await.expect("adopted");
    (bed, number)
}

#[tokio::test]
async fn adopted_ticket_keeps_its_title_and_text() {
    for component in ["portal", "jira"] {
        let (bed, number) = adopted(component, Vec::new()).await;
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        assert_eq!(ticket.title, "[ACME M-1] Old ciphers", "{component}");
        assert_eq!(milestone.ticket_title.as_deref(), Some("Old ciphers"), "{component}");
        assert_eq!(milestone.text, TEXT, "{component}: the plan keeps its words");
        assert!(
            ticket.text.contains("Their notes.") && ticket.text.contains("Keep them."),
            "{}",
            ticket.text
        );
        assert!(ticket.block.unwrap_or_default().contains("- **Due:** 2026-04-01"), "{component}");
        assert_eq!(ticket.due.unwrap_or(day("2026-04-01")), day("2026-04-01"), "{component}: it had none");
        assert_eq!(bed.tickets().len(), 1, "{component}: no other is made");
        assert!(bed.register().await.conflicts.is_empty(), "{component}");
    }
}

#[tokio::test]
async fn date_in_an_adopted_ticket_is_a_proposed_move() {
    let acts = vec![Act::SetDue(Some(day("2026-05-01"))), Act::SetDue(Some(day("2026-06-15")))];
    let (bed, number) = adopted("jira", acts).await;
    bed.settle().await;
    let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
    assert_eq!(ticket.due, Some(day("2026-06-15")), "it is not overwritten");
    assert_eq!(milestone.due, Some(day("2026-04-01")), "the plan keeps its date");
    let moves: Vec<_> =
        milestone.moves.iter().map(|moved| (moved.to, moved.state, moved.by.clone())).collect();
    let ada = Actor::Person("Ada Example".to_owned());
    assert_eq!(moves, [(Some(day("2026-06-15")), MoveState::Unexplained, ada)], "earlier edits are no moves");
    assert!(bed.drifts(number).await.contains(&"slip-unexplained".to_owned()));
    bed.person_does("ada", number, Act::Comment("/poam why the vendor ships in June".to_owned())).await;
    bed.person_does("grace", number, Act::Comment("/poam approve".to_owned())).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.due, Some(day("2026-06-15")));
}

/// What was reconciled before a ticket was lost from sight counts when it is found again.
#[tokio::test]
async fn own_ticket_that_is_found_again_goes_on_from_where_it_was() {
    let (bed, number) = adopted("jira", Vec::new()).await;
    bed.settle().await;
    let ticket = bed.ticket(number).await;
    let lost = |mut link: poam::register::Link| {
        link.phase = LinkPhase::Missing;
        link
    };
    let mut read = bed.world().db.read().await.expect("a reader");
    let link = read.link_of(&bed.system, number).await.expect("the store").expect("a link");
    drop(read);
    bed.world()
        .writer
        .submit(move |tx| Box::pin(async move { tx.save_link(&mut lost(link)).await }))
        .await
        .expect("saved");
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    let who = Actor::Local("operator".to_owned());
    adopt(bed.world(), &bed.system, number, None, &ticket.key, who).await.expect("adopted");
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.moves.len(), 1, "an edit since then is one move: {:?}", milestone.moves);
    assert_eq!(bed.ticket(number).await.due, Some(day("2026-06-15")));
}
