//! Both sides changed a field: a decision on it is carried out on both.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use connector_api::fake::Act;
use poam::app::act::{ActError, Who, act};
use poam::register::decide::Command;
use poam::register::{Actor, Conflict, MilestoneNumber, Role};

use super::TEXT;
use crate::bed::Bed;

const OURS: &str = "Disable TLS 1.0 and 1.1 on every load balancer; plugin 104743 is clean on the rescan";
const THEIRS: &str = "Turn TLS 1.0 off on both load balancers; plugin 104743 is clean on the rescan";

/// A milestone of which the register words the text anew while an engineer gives the ticket another title.
async fn titles_apart(component: &str) -> (Bed, MilestoneNumber) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    bed.person_does("ada", number, Act::Retitle(THEIRS.to_owned())).await;
    let reason = Some("TLS 1.1 is weak too".to_owned());
    bed.act(vec![Command::Retext { milestone: number, text: OURS.to_owned(), reason }]).await;
    bed.settle().await;
    (bed, number)
}

/// A milestone that the register gives to Grace while its ticket is assigned to somebody else, or to nobody.
async fn owners_apart(component: &str, to: Option<&str>) -> (Bed, MilestoneNumber) {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    let connection = if component == "jira" { "jira" } else { "github" };
    let to = to.map(|who| bed.account(connection, who));
    bed.person_does("ada", number, Act::Assign(to)).await;
    let owner = Some("Grace Example".to_owned());
    bed.act(vec![Command::SetOwner { milestone: number, owner }]).await;
    bed.settle().await;
    (bed, number)
}

async fn only_conflict(bed: &Bed) -> Conflict {
    let conflicts: Vec<Conflict> = bed.register().await.conflicts.into_values().collect();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    conflicts.into_iter().next().expect("one")
}

async fn resolve(bed: &Bed, keep: &str) -> Result<(), ActError> {
    let who = Who { actor: Actor::Person("Grace Example".to_owned()), roles: [Role::Grc].into() };
    let command = Command::ResolveConflict {
        number: only_conflict(bed).await.number,
        keep: keep.to_owned(),
        reason: "agreed with the team".to_owned(),
    };
    act(bed.world(), &bed.system, &who, vec![command]).await?;
    bed.settle().await;
    assert!(only_conflict(bed).await.resolved.is_some());
    Ok(())
}

#[tokio::test]
async fn title_of_the_tracker_that_is_kept_becomes_the_text() {
    for component in ["portal", "jira"] {
        let (bed, number) = titles_apart(component).await;
        assert_eq!(bed.ticket(number).await.title, format!("[ACME M-1] {OURS}"), "{component}");
        resolve(&bed, "tracker").await.expect("carried out");
        assert_eq!(bed.milestone(number).await.text, THEIRS, "{component}");
        assert_eq!(bed.milestone(number).await.original_text, TEXT, "{component}");
        assert_eq!(bed.ticket(number).await.title, format!("[ACME M-1] {THEIRS}"), "{component}");
    }
}

#[tokio::test]
async fn title_of_the_register_that_is_kept_goes_out_again() {
    for component in ["portal", "jira"] {
        let (bed, number) = titles_apart(component).await;
        bed.person_does("ada", number, Act::Retitle(format!("[ACME M-1] {THEIRS}"))).await;
        bed.settle().await;
        assert_eq!(bed.ticket(number).await.title, format!("[ACME M-1] {THEIRS}"), "{component}: it stays");
        resolve(&bed, "register").await.expect("carried out");
        assert_eq!(bed.ticket(number).await.title, format!("[ACME M-1] {OURS}"), "{component}");
        assert_eq!(bed.milestone(number).await.text, OURS, "{component}");
    }
}

#[tokio::test]
async fn owner_of_the_register_that_is_kept_is_assigned() {
    for component in ["portal", "jira"] {
        for theirs in [None, Some("mallory")] {
            let (bed, number) = owners_apart(component, theirs).await;
            resolve(&bed, "register").await.expect("carried out");
            let owner = bed.milestone(number).await.owner;
            assert_eq!(owner.as_deref(), Some("Grace Example"), "{component} {theirs:?}");
            let assignee = bed.ticket(number).await.assignee.map(|account| account.id);
            assert!(assignee.is_some_and(|id| id.ends_with("grace")), "{component} {theirs:?}");
        }
    }
}

#[tokio::test]
async fn assignee_of_the_tracker_that_is_kept_must_be_a_person() {
    let (bed, number) = owners_apart("jira", Some("mallory")).await;
    let why = resolve(&bed, "tracker").await.expect_err("nobody is mapped").to_string();
    assert!(why.contains("557058:mallory is the account of no person of the register"), "{why}");
    assert!(only_conflict(&bed).await.resolved.is_none(), "nothing is half done");
    assert_eq!(bed.milestone(number).await.owner.as_deref(), Some("Grace Example"));
    let (bed, number) = owners_apart("jira", None).await;
    resolve(&bed, "tracker").await.expect("carried out");
    assert_eq!(bed.milestone(number).await.owner, None);
}
