//! A milestone there and back, on both fakes; and the situations that each have a test of their name.

mod adoption;
mod brakes;
mod broken;
mod conflicts;
mod dates;
mod disclosure;
mod exactly_once;
mod fields;
mod health;
mod races;
mod redaction;
mod said;
mod sharing;
mod upkeep;

use chrono::TimeDelta;
use connector_api::TicketState;
use connector_api::fake::Act;
use poam::register::{EvidenceKind, MilestoneState, MoveState, Status};

use crate::bed::{Bed, day};

const TEXT: &str = "Disable TLS 1.0 on every load balancer; plugin 104743 is clean on the rescan";

async fn life(component: &str) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    assert_eq!(bed.tickets().len(), 1, "one ticket");
    let ticket = bed.ticket(number).await;
    assert_eq!(ticket.title, format!("[ACME M-1] {TEXT}"));
    assert!(ticket.labels.contains("poam"), "{:?}", ticket.labels);
    assert!(ticket.block.as_deref().unwrap_or_default().contains("2026-04-01"), "{:?}", ticket.block);
    assert_eq!(ticket.assignee.as_ref().map(|a| a.id.ends_with("ada")), Some(true));

    // Work begins.
    bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress);

    // A date moves without a reason: a proposal, and after the settle time a question, once.
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.due, Some(day("2026-04-01")), "the plan keeps its date");
    assert_eq!(milestone.moves.len(), 1);
    assert_eq!(milestone.moves[0].state, MoveState::Unexplained);
    assert!(
        bed.drifts(number).await.contains(&"slip-unexplained".to_owned()),
        "{:?}",
        bed.drifts(number).await
    );
    assert!(bed.ticket(number).await.comments.is_empty(), "it is not asked before edits settle");
    bed.clock.advance(TimeDelta::seconds(400));
    bed.settle().await;
    let ticket = bed.ticket(number).await;
    assert_eq!(ticket.comments.len(), 1, "{:?}", ticket.comments);
    assert!(ticket.comments[0].body.contains("Why?"), "{}", ticket.comments[0].body);

    // The answer explains it; past the deadline it needs an approver.
    bed.person_does("ada", number, Act::Comment("/poam why the vendor ships the fix in June".to_owned()))
        .await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.moves[0].state, MoveState::Explained, "{:?}", milestone.moves);
    bed.person_does("ada", number, Act::Comment("/poam approve".to_owned())).await;
    bed.settle().await;
    assert_eq!(
        bed.milestone(number).await.moves[0].state,
        MoveState::Explained,
        "who asked does not approve"
    );
    bed.person_does("mallory", number, Act::Comment("/poam approve".to_owned())).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.moves[0].state, MoveState::Explained, "a stranger is not obeyed");
    bed.person_does("grace", number, Act::Comment("/poam approve".to_owned())).await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.moves[0].state, MoveState::Approved);
    assert_eq!(milestone.due, Some(day("2026-06-15")));
    assert_eq!(milestone.original_due, Some(day("2026-04-01")));
    assert!(!bed.drifts(number).await.contains(&"slip-unexplained".to_owned()));

    // Done is submitted evidence.
    bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
    bed.settle().await;
    let register = bed.register().await;
    let milestone = &register.milestones[&number];
    assert_eq!(milestone.state, MilestoneState::Done);
    let kinds: Vec<EvidenceKind> =
        milestone.evidence.iter().map(|number| register.evidence[number].kind).collect();
    assert!(kinds.contains(&EvidenceKind::Transition), "{kinds:?}");
    assert!(
        register.items.values().all(|item| item.status == Status::PendingValidation),
        "Done is not closure"
    );
}

#[tokio::test]
async fn a_milestone_there_and_back_on_github() {
    life("portal").await;
}

#[tokio::test]
async fn a_milestone_there_and_back_on_jira() {
    life("jira").await;
}
