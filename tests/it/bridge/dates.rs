//! Due dates that people move in tickets.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use chrono::TimeDelta;
use connector_api::TicketState;
use connector_api::fake::Act;
use poam::app::act::{Who, act};
use poam::register::decide::Command;
use poam::register::{Actor, MilestoneNumber, MilestoneState, MoveState, Role};

use super::TEXT;
use crate::bed::{Bed, day};

async fn opened(component: &str) -> (Bed, MilestoneNumber) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    (bed, number)
}

#[tokio::test]
async fn date_moved_there_and_back_between_polls() {
    let (bed, number) = opened("jira").await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-04-01")))).await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.moves.len(), 1, "both edits were seen: {:?}", milestone.moves);
    assert_eq!(milestone.moves[0].to, Some(day("2026-06-15")));
    assert_eq!(milestone.moves[0].state, MoveState::Withdrawn);
    assert_eq!(milestone.due, Some(day("2026-04-01")));
    bed.clock.advance(TimeDelta::seconds(900));
    bed.settle().await;
    assert!(bed.ticket(number).await.comments.is_empty(), "nothing is asked about what went back");
}

#[tokio::test]
async fn every_edit_between_polls_is_a_move() {
    let (bed, number) = opened("jira").await;
    for to in ["2026-06-15", "2026-07-01", "2026-06-15"] {
        bed.person_does("ada", number, Act::SetDue(Some(day(to)))).await;
    }
    bed.settle().await;
    let moves = bed.milestone(number).await.moves;
    let seen: Vec<_> = moves.iter().map(|moved| (moved.to, moved.state)).collect();
    assert_eq!(
        seen,
        [
            (Some(day("2026-06-15")), MoveState::Superseded),
            (Some(day("2026-07-01")), MoveState::Superseded),
            (Some(day("2026-06-15")), MoveState::Unexplained),
        ]
    );
}

/// In a block there is no history: what a person does to the line, and what must become of it.
#[tokio::test]
async fn due_line_deleted_doubled_or_unreadable_is_put_right() {
    let (bed, number) = opened("portal").await;
    let line = "- **Due:** 2026-04-01";
    for (what, with) in [
        ("deleted", String::new()),
        ("doubled", format!("{line}\n- **Due:** 2026-06-15")),
        ("unreadable", "- **Due:** after the freeze".to_owned()),
        ("impossible", "- **Due:** 2026-02-30".to_owned()),
    ] {
        let text = bed.ticket(number).await.text.replace("\r\n", "\n");
        assert!(text.contains(line), "{what}: {text}");
        bed.person_does("ada", number, Act::ReplaceText(text.replace(line, &with))).await;
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        let block = ticket.block.unwrap_or_default();
        assert_eq!(block.matches("Due:**").count(), 1, "{what}: {block}");
        assert!(block.contains(line), "{what}: {block}");
        assert!(milestone.moves.is_empty(), "{what} is no move: {:?}", milestone.moves);
        assert!(!bed.drifts(number).await.contains(&"due-differs".to_owned()), "{what}");
    }
    bed.clock.advance(TimeDelta::hours(3));
    bed.sweep().await;
    bed.settle().await;
    let said: Vec<String> = bed.ticket(number).await.comments.into_iter().map(|c| c.body).collect();
    let told = ["the due line is gone", "several due lines", "\"after the freeze\"", "\"2026-02-30\""];
    assert_eq!(said.len(), told.len(), "each is answered once: {said:?}");
    for (body, what) in said.iter().zip(told) {
        assert!(body.contains(what) && body.contains("put back with 2026-04-01"), "{what} in {body}");
    }
}

/// A date that is earlier is in force once it has settled, and one put right at once never was.
#[tokio::test]
async fn earlier_date_in_a_ticket_is_approved_only_once_it_has_settled() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-03-25")))).await;
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.due, Some(day("2026-04-01")), "{component}");
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-03-26")))).await;
        bed.settle().await;
        bed.clock.advance(TimeDelta::seconds(400));
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        let states: Vec<_> = milestone.moves.iter().map(|moved| moved.state).collect();
        assert_eq!(states, [MoveState::Superseded, MoveState::Approved], "{component}");
        assert_eq!(milestone.due, Some(day("2026-03-26")), "{component}");
        assert!(bed.ticket(number).await.comments.is_empty(), "{component}: nothing is asked");
    }
}

#[tokio::test]
async fn date_with_too_short_a_reason_is_answered() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::Comment("/poam move 2026-05-15 vendor late".to_owned())).await;
        bed.settle().await;
        assert!(bed.milestone(number).await.moves.is_empty(), "{component}");
        let said = bed.ticket(number).await.comments.pop().map(|comment| comment.body).unwrap_or_default();
        assert!(said.contains("at least 3 words"), "{component}: {said}");
    }
}

#[tokio::test]
async fn cleared_date_is_a_move_that_nobody_can_approve() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetDue(None)).await;
        bed.settle().await;
        bed.person_does("ada", number, Act::Comment("/poam why nobody knows when it ships".to_owned())).await;
        bed.person_does("grace", number, Act::Comment("/poam approve".to_owned())).await;
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        assert_eq!(milestone.moves[0].state, MoveState::Explained, "{component}: {:?}", milestone.moves);
        assert_eq!(milestone.due, Some(day("2026-04-01")), "{component}");
        let refusal = bed.ticket(number).await.comments.pop().map(|comment| comment.body).unwrap_or_default();
        assert!(refusal.contains("never approved"), "{component}: {refusal}");
    }
}

#[tokio::test]
async fn refused_value_is_not_proposed_again() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        let no = Command::Reject { milestone: number, number: None, reason: "too late".to_owned() };
        bed.act(vec![no]).await;
        bed.settle().await;
        assert!(bed.drifts(number).await.contains(&"due-differs".to_owned()), "{component}");
        for _ in 0..3 {
            bed.clock.advance(TimeDelta::hours(7));
            bed.sweep().await;
            bed.settle().await;
        }
        assert_eq!(bed.milestone(number).await.moves.len(), 1, "{component}: looking again proposes nothing");
        // Set back, and to the refused date once more: recorded, and refused as before.
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-04-01")))).await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        bed.clock.advance(TimeDelta::seconds(900));
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        assert!(milestone.moves.iter().all(|moved| moved.state == MoveState::Rejected), "{component}");
        assert!(milestone.open_move().is_none(), "{component}");
        assert!(bed.ticket(number).await.comments.is_empty(), "{component}: nothing is asked");
    }
}

#[tokio::test]
async fn refused_date_is_set_back_where_that_is_configured() {
    for component in ["portal", "jira"] {
        let bed = Bed::adjusted(|settings| settings.policy.moves.set_back = true).await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        let no = Command::Reject { milestone: number, number: None, reason: "too late".to_owned() };
        bed.act(vec![no]).await;
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        let block = ticket.block.unwrap_or_default();
        assert!(block.contains("- **Due:** 2026-04-01"), "{component}: {block}");
        assert_eq!(ticket.due.unwrap_or(day("2026-04-01")), day("2026-04-01"), "{component}");
        assert_eq!(milestone.moves.len(), 1, "{component}: our own write is no move: {:?}", milestone.moves);
        assert!(!bed.drifts(number).await.contains(&"due-differs".to_owned()), "{component}");
    }
}

/// A question that nobody answers: past the time of grace our date goes back, where that is configured.
#[tokio::test]
async fn unanswered_date_is_set_back_after_the_time_of_grace() {
    for component in ["portal", "jira"] {
        let bed = Bed::adjusted(|settings| settings.policy.moves.set_back = true).await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        bed.clock.advance(TimeDelta::seconds(400));
        bed.settle().await;
        assert_eq!(bed.ticket(number).await.comments.len(), 1, "{component}: it is asked");
        // Monday; the fifth business day after it is the next Monday.
        bed.clock.advance(TimeDelta::days(7));
        bed.settle().await;
        assert_eq!(
            bed.milestone(number).await.moves[0].state,
            MoveState::Unexplained,
            "{component}: in time"
        );
        bed.clock.advance(TimeDelta::days(1));
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        assert_eq!(milestone.moves.len(), 1, "{component}: our own write is no move: {:?}", milestone.moves);
        assert_eq!(milestone.moves[0].state, MoveState::Withdrawn, "{component}");
        assert_eq!(ticket.due.unwrap_or(day("2026-04-01")), day("2026-04-01"), "{component}");
        assert!(ticket.block.unwrap_or_default().contains("- **Due:** 2026-04-01"), "{component}");
        let said = ticket.comments.last().map(|comment| comment.body.clone()).unwrap_or_default();
        assert!(said.contains("set back to 2026-04-01"), "{component}: {said}");
        let drifts = bed.drifts(number).await;
        assert!(!drifts.iter().any(|kind| kind == "due-differs" || kind == "slip-unexplained"), "{drifts:?}");
        // Silence was no refusal: the same date may be proposed again, and is asked about.
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        let open = bed.milestone(number).await.open_move().map(|moved| moved.state);
        assert_eq!(open, Some(MoveState::Unexplained), "{component}");
    }
}

#[tokio::test]
async fn unanswered_date_stays_where_nothing_else_is_configured() {
    let (bed, number) = opened("jira").await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.clock.advance(TimeDelta::seconds(400));
    bed.settle().await;
    bed.clock.advance(TimeDelta::days(20));
    bed.settle().await;
    assert_eq!(bed.ticket(number).await.due, Some(day("2026-06-15")));
    assert_eq!(bed.milestone(number).await.moves[0].state, MoveState::Unexplained);
}

/// A date that was approved is written to the ticket even where the work was done meanwhile.
#[tokio::test]
async fn approved_date_reaches_a_ticket_that_is_done_by_then() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        let say = "/poam move 2026-03-20 it can be done sooner";
        bed.person_does("ada", number, Act::Comment(say.to_owned())).await;
        bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        assert_eq!(milestone.state, MilestoneState::Done, "{component}");
        assert_eq!(milestone.due, Some(day("2026-03-20")), "{component}");
        let block = ticket.block.unwrap_or_default();
        assert!(block.contains("- **Due:** 2026-03-20"), "{component}: {block}");
        assert_eq!(ticket.due.unwrap_or(day("2026-03-20")), day("2026-03-20"), "{component}");
    }
}

async fn ten(bed: &Bed) -> Vec<MilestoneNumber> {
    let mut numbers = Vec::new();
    for n in 0..10 {
        let text = format!("Disable TLS 1.0 on host {n}; plugin 104743 is clean on the rescan");
        numbers.push(bed.plan(&text, "jira", "2026-04-01").await);
    }
    bed.settle().await;
    numbers
}

fn questions(bed: &Bed) -> usize {
    let comments = bed.tickets().into_iter().flat_map(|ticket| ticket.comments);
    comments.filter(|comment| comment.body.contains("Why?")).count()
}

#[tokio::test]
async fn ten_tickets_redated_at_once_give_one_question() {
    // Asked in time, and after the bridge was away for hours.
    for away in [TimeDelta::seconds(400), TimeDelta::hours(5)] {
        let bed = Bed::new().await;
        let numbers = ten(&bed).await;
        for number in &numbers {
            bed.person_does("ada", *number, Act::SetDue(Some(day("2026-04-20")))).await;
            bed.clock.advance(TimeDelta::seconds(-55));
        }
        bed.clock.advance(away);
        bed.settle().await;
        bed.clock.advance(TimeDelta::seconds(400));
        bed.settle().await;
        assert_eq!(questions(&bed), 1, "after {away}");
        let register = bed.register().await;
        let asked = register.notices.values().find(|notice| !notice.covers.is_empty());
        let asked = asked.map_or(numbers[0], |notice| notice.milestone);
        let why = "/poam why the change freeze was moved to April";
        bed.person_does("ada", asked, Act::Comment(why.to_owned())).await;
        bed.settle().await;
        for number in &numbers {
            let milestone = bed.milestone(*number).await;
            assert_eq!(milestone.moves[0].state, MoveState::Approved, "one answer covers {number}");
            assert_eq!(milestone.due, Some(day("2026-04-20")));
        }
        bed.clock.advance(TimeDelta::hours(30));
        bed.settle().await;
        assert_eq!(questions(&bed), 1, "it is not asked again");
    }
}

/// Whoever approves has not seen the date that came after.
#[tokio::test]
async fn approval_counts_for_the_date_that_stood_there_then() {
    let (bed, number) = opened("jira").await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.person_does("ada", number, Act::Comment("/poam why the vendor ships in June".to_owned())).await;
    bed.person_does("grace", number, Act::Comment("/poam approve".to_owned())).await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-12-15")))).await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.due, Some(day("2026-06-15")), "{:?}", milestone.moves);
    assert_eq!(milestone.open_move().map(|moved| moved.to), Some(Some(day("2026-12-15"))));
}

#[tokio::test]
async fn date_and_reason_between_two_polls_belong_together() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-04-10")))).await;
        bed.person_does("ada", number, Act::Comment("/poam why the window was moved".to_owned())).await;
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        assert_eq!(milestone.due, Some(day("2026-04-10")), "{component}: {:?}", milestone.moves);
    }
}

/// Of an edit of the text GitHub does not say whose it is: that is nobody's bulk change.
#[tokio::test]
async fn dates_moved_by_somebody_unknown_are_asked_about_one_by_one() {
    let bed = Bed::new().await;
    let mut numbers = Vec::new();
    for n in 0..7 {
        let text = format!("Disable TLS 1.0 on host {n}; plugin 104743 is clean on the rescan");
        numbers.push(bed.plan(&text, "portal", "2026-04-01").await);
    }
    bed.settle().await;
    for number in &numbers {
        bed.person_does("ada", *number, Act::SetDue(Some(day("2026-04-20")))).await;
        bed.clock.advance(TimeDelta::seconds(-55));
    }
    bed.settle().await;
    let unknown = |by: &Actor| matches!(by, Actor::Unknown(_));
    for number in &numbers {
        assert!(unknown(&bed.milestone(*number).await.moves[0].by), "{number}");
    }
    bed.clock.advance(TimeDelta::seconds(400));
    bed.settle().await;
    assert_eq!(questions(&bed), 7);
    for notice in bed.register().await.notices.values() {
        assert!(!notice.body.contains("The same person"), "{}", notice.body);
    }
}

/// A decision is told once in the ticket, with the day and why, however it was made.
#[tokio::test]
async fn decision_is_told_in_the_ticket() {
    for component in ["portal", "jira"] {
        for in_ticket in [true, false] {
            let (bed, number) = opened(component).await;
            bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
            let why = "/poam why the vendor ships in June";
            bed.person_does("ada", number, Act::Comment(why.to_owned())).await;
            bed.settle().await;
            if in_ticket {
                let said = "/poam reject June is past the deadline".to_owned();
                bed.person_does("grace", number, Act::Comment(said)).await;
            } else {
                let who =
                    Who { actor: Actor::Person("Grace Example".to_owned()), roles: [Role::Approver].into() };
                let reason = "June is past the deadline".to_owned();
                let reject = Command::Reject { milestone: number, number: None, reason };
                act(bed.world(), &bed.system, &who, vec![reject]).await.expect("they may");
            }
            bed.settle().await;
            let ticket = bed.ticket(number).await;
            let told: Vec<&str> = ticket
                .comments
                .iter()
                .filter(|comment| comment.marker.is_some() && comment.body.contains("rejected"))
                .map(|comment| comment.body.as_str())
                .collect();
            assert_eq!(told.len(), 1, "{component} {in_ticket}: {:?}", ticket.comments);
            for part in [
                "ACME M-1 from 2026-04-01 to 2026-06-15 was rejected by Grace Example on 2026-03-02",
                "June is past the deadline",
                "The due date is 2026-04-01.",
            ] {
                assert!(told[0].contains(part), "{component} {in_ticket}: {part:?} in {}", told[0]);
            }
            let block = ticket.block.unwrap_or_default();
            assert!(block.contains("2026-04-01 to 2026-06-15 rejected by Grace Example"), "{block}");
            assert!(block.contains("**Reason given:** the vendor ships in June"), "{block}");
            bed.clock.advance(TimeDelta::hours(30));
            bed.sweep().await;
            bed.settle().await;
            assert_eq!(bed.ticket(number).await.comments.len(), ticket.comments.len(), "told once");
        }
    }
}

#[tokio::test]
async fn reason_that_a_rule_takes_at_once_is_shown() {
    for component in ["portal", "jira"] {
        let (bed, number) = opened(component).await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-04-10")))).await;
        bed.person_does("ada", number, Act::Comment("/poam why the window was moved".to_owned())).await;
        bed.settle().await;
        let block = bed.ticket(number).await.block.unwrap_or_default();
        let decided = "2026-04-01 to 2026-04-10 approved by rule moves/within-limits on 2026-03-02";
        assert!(block.contains(decided), "{component}: {block}");
        assert!(block.contains("**Reason given:** the window was moved"), "{component}: {block}");
    }
}
