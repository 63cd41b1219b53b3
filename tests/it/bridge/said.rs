//! What people say in tickets, and who is heard.

use chrono::TimeDelta;
use connector_api::fake::Act;
use poam::register::{MilestoneNumber, MilestoneState, MoveState};

use super::TEXT;
use crate::bed::{Bed, day};

async fn moved(component: &str) -> (Bed, MilestoneNumber) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.settle().await;
    (bed, number)
}

async fn state(bed: &Bed, number: MilestoneNumber) -> MoveState {
    bed.milestone(number).await.moves[0].state
}

/// Comments of ours.
async fn ours(bed: &Bed, number: MilestoneNumber) -> Vec<String> {
    let comments = bed.ticket(number).await.comments;
    comments.into_iter().filter(|comment| comment.marker.is_some()).map(|comment| comment.body).collect()
}

#[tokio::test]
async fn comment_edited_by_another_into_a_command_is_not_obeyed() {
    for (component, editor) in [("portal", "grace"), ("jira", "mallory")] {
        let (bed, number) = moved(component).await;
        bed.person_does("ada", number, Act::Comment("Looking at it.".to_owned())).await;
        bed.settle().await;
        let id = bed.ticket(number).await.comments.pop().map(|comment| comment.id).unwrap_or_default();
        let forged = "/poam why forged by somebody else entirely".to_owned();
        bed.person_does(editor, number, Act::EditComment(id, forged)).await;
        bed.settle().await;
        assert_eq!(state(&bed, number).await, MoveState::Unexplained, "{component}");
        let said = ours(&bed, number).await;
        assert_eq!(said.len(), 1, "{component}: {said:?}");
        assert!(said[0].contains("not certainly by its author"), "{component}: {said:?}");
        bed.clock.advance(TimeDelta::hours(3));
        bed.sweep().await;
        bed.settle().await;
        let said = ours(&bed, number).await.into_iter().filter(|body| body.contains("not certainly")).count();
        assert_eq!(said, 1, "{component}: said once");
    }
}

#[tokio::test]
async fn refused_comment_is_judged_again_after_its_author_edits_it() {
    // GitHub does not tell who edited a comment, so there it takes a new one.
    let (bed, number) = moved("jira").await;
    bed.person_does("ada", number, Act::Comment("/poam why short".to_owned())).await;
    bed.settle().await;
    assert_eq!(state(&bed, number).await, MoveState::Unexplained);
    let comments = bed.ticket(number).await.comments;
    let id = comments.iter().find(|comment| comment.body.contains("short")).map(|comment| comment.id.clone());
    let better = "/poam why the vendor ships the fix in June".to_owned();
    bed.person_does("ada", number, Act::EditComment(id.unwrap_or_default(), better)).await;
    bed.settle().await;
    assert_eq!(state(&bed, number).await, MoveState::Explained);
}

#[tokio::test]
async fn comment_edited_after_it_was_obeyed_stays_obeyed() {
    let (bed, number) = moved("jira").await;
    bed.person_does("ada", number, Act::Comment("/poam why the vendor ships the fix in June".to_owned()))
        .await;
    bed.settle().await;
    let comments = bed.ticket(number).await.comments;
    let id = comments.iter().find(|comment| comment.body.contains("June")).map(|comment| comment.id.clone());
    let other = "/poam why it was something else altogether".to_owned();
    bed.person_does("ada", number, Act::EditComment(id.unwrap_or_default(), other)).await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    let why = milestone.moves[0].rationale.as_ref().map(|why| why.text.as_str());
    assert_eq!(why, Some("the vendor ships the fix in June"));
}

#[tokio::test]
async fn reply_that_quotes_the_question_is_a_reason() {
    for component in ["portal", "jira"] {
        let (bed, number) = moved(component).await;
        bed.clock.advance(TimeDelta::seconds(400));
        bed.settle().await;
        let question = ours(&bed, number).await.pop().unwrap_or_default();
        let quoted: String = question.lines().map(|line| format!("> {line}\n")).collect();
        let reply = format!("{quoted}\nThe vendor ships the fix in June.");
        bed.person_does("ada", number, Act::Comment(reply)).await;
        bed.settle().await;
        let milestone = bed.milestone(number).await;
        let why = milestone.moves[0].rationale.as_ref().map(|why| why.text.clone()).unwrap_or_default();
        assert_eq!(why, "The vendor ships the fix in June.", "{component}");
    }
}

#[tokio::test]
async fn stranger_gets_silence_and_a_wrong_word_an_answer() {
    for component in ["portal", "jira"] {
        let (bed, number) = moved(component).await;
        bed.person_does("mallory", number, Act::Comment("/poam why because I can say so".to_owned())).await;
        bed.settle().await;
        assert_eq!(ours(&bed, number).await, Vec::<String>::new(), "{component}");
        bed.person_does("ada", number, Act::Comment("/poam approv".to_owned())).await;
        bed.settle().await;
        let said = ours(&bed, number).await;
        assert_eq!(said.len(), 1, "{component}: {said:?}");
        assert!(said[0].contains("approve"), "{component}: {said:?}");
        assert_eq!(state(&bed, number).await, MoveState::Unexplained, "{component}");
    }
}

/// What was said with a date edit, by whom, and how far from it.
async fn edit_with(who: &str, words: &str, apart: TimeDelta, forged_by: Option<&str>) -> Option<String> {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.settle().await;
    bed.person_does(who, number, Act::SetDue(Some(day("2026-06-15")))).await;
    bed.clock.advance(apart - TimeDelta::seconds(60));
    bed.person_does(who, number, Act::Comment(words.to_owned())).await;
    if let Some(editor) = forged_by {
        let id = bed.ticket(number).await.comments.pop().map(|comment| comment.id).unwrap_or_default();
        bed.person_does(editor, number, Act::EditComment(id, "forged by somebody else".to_owned())).await;
    }
    bed.settle().await;
    bed.milestone(number).await.moves[0].rationale.as_ref().map(|why| why.text.clone())
}

#[tokio::test]
async fn only_a_comment_of_the_same_act_is_a_reason() {
    let words = "the vendor ships in June";
    let (same, later) = (TimeDelta::zero(), TimeDelta::seconds(1));
    for (who, said, apart, forged_by, taken) in [
        ("ada", words, same, None, Some(words)),
        ("ada", words, later, None, None),
        ("mallory", words, same, None, None),
        ("ada", words, same, Some("mallory"), None),
        ("ada", "/poam evidence the scan of June is clean", same, None, None),
        ("ada", "poam: evidence the scan of June is clean", same, None, None),
        ("ada", "[~557058:bot] evidence the scan of June is clean", same, None, None),
    ] {
        let found = edit_with(who, said, apart, forged_by).await;
        assert_eq!(found.as_deref(), taken, "{who}: {said:?} {apart} {forged_by:?}");
    }
}

#[tokio::test]
async fn work_that_had_not_begun_is_planned_again_after_a_block() {
    for component in ["portal", "jira"] {
        let bed = Bed::new().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        for (say, state) in [
            ("/poam blocked no window for the change", MilestoneState::Blocked),
            ("/poam unblocked", MilestoneState::Planned),
        ] {
            bed.person_does("ada", number, Act::Comment(say.to_owned())).await;
            bed.settle().await;
            assert_eq!(bed.milestone(number).await.state, state, "{component}: {say}");
        }
    }
}
