//! Titles, states, labels, assignees: what goes where, and what stays.

use connector_api::TicketState;
use connector_api::fake::{Act, FakeSite};
use poam::register::decide::Command;
use poam::register::{MilestoneNumber, MilestoneState, SystemId};
use poam::sync::SystemSettings;
use poam::sync::mapping::Route;

use super::TEXT;
use crate::bed::{Bed, profile};

async fn opened(component: &str) -> (Bed, MilestoneNumber) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    (bed, number)
}

async fn decides(bed: &Bed, milestone: MilestoneNumber, to: MilestoneState) {
    let command = Command::SetState { milestone, to, reason: Some("as decided".to_owned()) };
    bed.act(vec![command]).await;
    bed.settle().await;
}

#[tokio::test]
async fn wont_do_does_not_complete() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetState(TicketState::Dropped)).await;
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        assert_eq!(milestone.state, MilestoneState::InProgress, "{component}");
        assert!(milestone.closed_without_fix.is_some(), "{component}");
        assert!(bed.drifts(number).await.contains(&"closed-without-fix".to_owned()), "{component}");
        assert_eq!(
            bed.ticket(number).await.state,
            TicketState::Dropped,
            "{component}: nobody reopens it yet"
        );
    }
}

#[tokio::test]
async fn wont_do_after_done_is_drift_until_grc_decides() {
    // GitHub takes another reason only with another state.
    for component in ["jira"] {
        for to in [MilestoneState::Done, MilestoneState::InProgress] {
            let (bed, number) = opened(component).await;
            bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
            bed.settle().await;
            bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
            bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
            bed.person_does("ada", number, Act::SetState(TicketState::Dropped)).await;
            bed.settle().await;
            assert_eq!(bed.milestone(number).await.state, MilestoneState::Done, "{component}");
            assert_eq!(bed.drifts(number).await, ["closed-without-fix"], "{component}");
            assert_eq!(bed.ticket(number).await.state, TicketState::Dropped, "{component}");
            decides(&bed, number, to).await;
            assert_eq!(bed.milestone(number).await.state, to, "{component}");
            let state = bed.ticket(number).await.state;
            let reads = match to {
                MilestoneState::Done => state == TicketState::Done,
                _ => matches!(state, TicketState::Open | TicketState::InProgress),
            };
            assert!(reads, "{component} {to:?}: the ticket is {state:?}");
            assert!(!bed.drifts(number).await.contains(&"closed-without-fix".to_owned()), "{component}");
        }
    }
}

#[tokio::test]
async fn ticket_reopens_when_grc_decides_that_work_goes_on() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetState(TicketState::Dropped)).await;
        bed.settle().await;
        decides(&bed, number, MilestoneState::InProgress).await;
        let ticket = bed.ticket(number).await;
        assert!(
            matches!(ticket.state, TicketState::Open | TicketState::InProgress),
            "{component}: {:?}",
            ticket.state
        );
        assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress, "{component}");
        assert!(!bed.drifts(number).await.contains(&"closed-without-fix".to_owned()), "{component}");
    }
}

#[tokio::test]
async fn reopen_is_carried_both_ways() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::Done, "{component}");
        bed.person_does("ada", number, Act::SetState(TicketState::Open)).await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress, "{component}");
        assert!(bed.drifts(number).await.contains(&"reopened".to_owned()), "{component}");

        decides(&bed, number, MilestoneState::Dropped).await;
        assert_eq!(bed.ticket(number).await.state, TicketState::Dropped, "{component}");
        assert!(bed.milestone(number).await.closed_without_fix.is_none(), "{component}: our own write");
        decides(&bed, number, MilestoneState::InProgress).await;
        let state = bed.ticket(number).await.state;
        assert!(matches!(state, TicketState::Open | TicketState::InProgress), "{component}: {state:?}");
        assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress, "{component}");
    }
}

#[tokio::test]
async fn done_and_reopened_between_polls_is_seen_both() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
        bed.person_does("ada", number, Act::SetState(TicketState::Open)).await;
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        assert_eq!(milestone.state, MilestoneState::InProgress, "{component}");
        assert!(!milestone.evidence.is_empty(), "{component}: the transition is kept as it was");
    }
}

#[tokio::test]
async fn what_grc_dropped_stays_dropped_and_a_reopened_ticket_is_drift() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        decides(&bed, number, MilestoneState::Dropped).await;
        assert!(bed.drifts(number).await.is_empty(), "{component}: {:?}", bed.drifts(number).await);
        bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::Dropped, "{component}");
        assert_eq!(bed.drifts(number).await, ["reopened-after-closure"], "{component}");
        bed.person_does("ada", number, Act::SetState(TicketState::Dropped)).await;
        bed.settle().await;
        assert!(bed.drifts(number).await.is_empty(), "{component}: settled by itself");
    }
}

#[tokio::test]
async fn blocked_before_the_first_look_is_seen() {
    for component in ["portal", "jira"] {
        let bed = Bed::new().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        for connection in ["github", "jira"] {
            drop(bed.engine.pass(connection, poam::sync::engine::Hot::new()).await);
        }
        bed.person_does("ada", number, Act::SetState(TicketState::Blocked)).await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.state, MilestoneState::Blocked, "{component}");
    }
}

#[tokio::test]
async fn title_edited_there_keeps_its_text_and_regains_the_prefix() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::Retitle("TLS on the balancers".to_owned())).await;
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        assert_eq!(ticket.title, "[ACME M-1] TLS on the balancers", "{component}");
        assert_eq!(milestone.ticket_title.as_deref(), Some("TLS on the balancers"), "{component}");
        assert_eq!(milestone.text, TEXT, "{component}: the plan keeps its words");
    }
}

#[tokio::test]
async fn title_edited_on_both_sides_is_ours_and_theirs_is_kept_once() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::Retitle("Their words".to_owned())).await;
        let text = "Disable TLS 1.1 too; plugin 104743 is clean on the rescan".to_owned();
        bed.act(vec![Command::Retext { milestone: number, text, reason: Some("wider".to_owned()) }]).await;
        bed.settle().await;
        assert!(bed.ticket(number).await.title.contains("TLS 1.1"), "{component}");
        let conflicts = bed.register().await.conflicts;
        let kept: Vec<_> = conflicts.values().map(|c| (c.field.as_str(), c.theirs.as_str())).collect();
        assert_eq!(kept, [("title", "Their words")], "{component}");
    }
}

#[tokio::test]
async fn managed_label_removed_is_restored_and_counted() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::RemoveLabel("poam".to_owned())).await;
        bed.person_does("ada", number, Act::AddLabel("team-a".to_owned())).await;
        // Polls ask for the label: only a sweep finds it gone.
        bed.sweep().await;
        bed.settle().await;
        let labels = bed.ticket(number).await.labels;
        assert!(labels.contains("poam") && labels.contains("team-a"), "{component}: {labels:?}");
        let mut read = bed.world().db.read().await.unwrap_or_else(|error| panic!("{error}"));
        let link = read.link_of(&bed.system, number).await;
        assert_eq!(link.ok().flatten().map(|link| link.observed.labels_restored), Some(1), "{component}");
    }
}

#[tokio::test]
async fn assignee_goes_both_ways_and_nobody_is_drift() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        let connection = if component == "jira" { "jira" } else { "github" };
        let grace = bed.account(connection, "grace");
        bed.person_does("ada", number, Act::Assign(Some(grace))).await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.owner.as_deref(), Some("Grace Example"), "{component}");
        let ada = Command::SetOwner { milestone: number, owner: Some("Ada Example".to_owned()) };
        bed.act(vec![ada]).await;
        bed.settle().await;
        let assignee = bed.ticket(number).await.assignee.map(|account| account.id);
        assert_eq!(assignee, Some(bed.account(connection, "ada").id), "{component}");
        let mallory = bed.account(connection, "mallory");
        bed.person_does("ada", number, Act::Assign(Some(mallory))).await;
        bed.settle().await;
        assert!(bed.drifts(number).await.contains(&"owner-unmapped".to_owned()), "{component}");
        bed.person_does("ada", number, Act::Assign(None)).await;
        bed.settle().await;
        assert!(bed.drifts(number).await.contains(&"unowned".to_owned()), "{component}");
    }
}

/// The tracker wins: nobody is put back, and nobody is drift.
#[tokio::test]
async fn assignee_removed_in_the_ticket_leaves_the_milestone_unowned() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        assert_eq!(bed.milestone(number).await.owner.as_deref(), Some("Ada Example"), "{component}");
        bed.person_does("ada", number, Act::Assign(None)).await;
        bed.settle().await;
        bed.sweep().await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.owner, None, "{component}");
        assert_eq!(bed.ticket(number).await.assignee, None, "{component}: it is not assigned again");
        assert!(bed.drifts(number).await.contains(&"unowned".to_owned()), "{component}");
        assert!(bed.register().await.conflicts.is_empty(), "{component}");
    }
}

#[tokio::test]
async fn text_outside_the_block_is_never_touched() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::EditOutside("Team notes.\n\nKeep them.".to_owned())).await;
        bed.settle().await;
        decides(&bed, number, MilestoneState::Blocked).await;
        let ticket = bed.ticket(number).await;
        assert!(ticket.text.contains("Team notes.") && ticket.text.contains("Keep them."), "{}", ticket.text);
        assert!(ticket.block.unwrap_or_default().contains("as decided"), "{component}: the block is new");
    }
}

#[tokio::test]
async fn two_systems_sharing_a_tracker_do_not_touch_each_others_tickets() {
    let mut bed = Bed::adjusted(|settings| {
        let acme = settings.systems["ACME"].clone();
        settings.systems.insert("BETA".to_owned(), SystemSettings { ..acme });
        for tracker in ["gh", "jr"] {
            let component = (tracker == "jr").then(|| "jira".to_owned());
            let route = Route { system: "BETA".to_owned(), component, tracker: tracker.to_owned() };
            settings.routes.insert(usize::from(tracker == "gh"), route);
        }
    })
    .await;
    for component in ["portal", "jira"] {
        bed.system = SystemId::new("ACME").unwrap_or_else(|why| panic!("{why}"));
        let ours = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        let (before, acme) = (bed.ticket(ours).await, bed.milestone(ours).await);
        bed.system = SystemId::new("BETA").unwrap_or_else(|why| panic!("{why}"));
        if component == "portal" {
            bed.record(vec![poam::register::Change::SystemRecorded { profile: profile() }]).await;
        }
        let other = bed.plan(TEXT, component, "2026-05-01").await;
        bed.settle().await;
        let theirs = bed.ticket(other).await;
        assert_ne!(theirs.id, before.id, "{component}");
        assert!(theirs.title.starts_with("[BETA M-"), "{}", theirs.title);
        bed.person_does("ada", other, Act::SetState(TicketState::Done)).await;
        bed.person_does("ada", other, Act::Retitle("Another".to_owned())).await;
        bed.settle().await;
        assert_eq!(bed.milestone(other).await.state, MilestoneState::Done);
        bed.system = SystemId::new("ACME").unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(bed.ticket(ours).await, before, "{component}: the other system's ticket is as it was");
        assert_eq!(bed.milestone(ours).await, acme, "{component}");
    }
    assert_eq!(bed.github.tickets().len() + bed.jira.tickets().len(), 4);
}
