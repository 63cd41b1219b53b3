//! Seeds that once failed, each by the name of what it found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite};
use connector_api::{TicketState, Transport, TransportError};
use connector_jira::Flavor;
use http::{Method, Request, Response};
use poam::register::decide::Command;
use poam::register::{MilestoneNumber, MoveState};

use crate::bed::{Bed, Plan, Wrap, day};

const TEXT: &str = "Disable TLS 1.0 on every load balancer; plugin 104743 is clean on the rescan";

/// Done once, just before a request that edits a ticket.
type Deed = Box<dyn FnOnce() + Send>;

#[derive(Clone, Default)]
struct Before(Arc<Mutex<Option<Deed>>>);

struct Watched(Arc<dyn Transport>, Before);

#[async_trait]
impl Transport for Watched {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if [Method::PATCH, Method::PUT].contains(request.method())
            && let Some(deed) = self.1.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            deed();
        }
        self.0.send(request).await
    }
}

async fn opened(component: &str) -> (Bed, MilestoneNumber, Before) {
    let before = Before::default();
    let around = before.clone();
    let bed = Bed::with(move |inner| Arc::new(Watched(inner, around.clone()))).await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    (bed, number, before)
}

/// Seeds 1444 and 1523: the title was edited between our read and our write, which replaced it without a word.
#[tokio::test]
async fn title_edited_between_our_read_and_our_write_is_kept() {
    for (component, connection) in [("portal", "github"), ("jira", "jira")] {
        let (bed, number, before) = opened(component).await;
        let ticket = bed.ticket(number).await;
        let (github, jira) = (bed.github.clone(), bed.jira.clone());
        let by = bed.account(connection, "grace");
        *before.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(move || {
            let site: &dyn FakeSite = if connection == "github" { &github } else { &jira };
            site.act(&by, &ticket.id, Act::Retitle("Between the two".to_owned())).expect("a title");
        }));
        let text = "Disable TLS 1.1 too; plugin 104743 is clean on the rescan".to_owned();
        let reason = Some("wider".to_owned());
        bed.act(vec![Command::Retext { milestone: number, text, reason }]).await;
        bed.settle().await;
        bed.clock.advance(TimeDelta::seconds(60));
        bed.settle().await;
        assert!(bed.ticket(number).await.title.contains("TLS 1.1"), "{connection}");
        let conflicts: Vec<String> =
            bed.register().await.conflicts.values().map(|conflict| conflict.theirs.clone()).collect();
        assert_eq!(conflicts, ["Between the two"], "{connection}: what was replaced is kept, once");
    }
}

/// Loses the reply to the first create.
struct LostReply(Arc<dyn Transport>, Arc<AtomicBool>);

#[async_trait]
impl Transport for LostReply {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let creates = request.method() == Method::POST && request.uri().path().ends_with("/issue");
        let answer = self.0.send(request).await;
        if creates && !self.1.swap(true, Ordering::Relaxed) {
            return Err(TransportError::Lost("the connection broke off".to_owned()));
        }
        answer
    }
}

/// Seed 1376: the reply to a create was lost, somebody replaced the text and took the hidden line with it, and the
/// search of a Data Center does not give the property that carries the marker too: a second ticket was made.
#[tokio::test]
async fn text_replaced_before_the_ticket_is_bound_on_a_data_center() {
    let lost = Arc::new(AtomicBool::new(false));
    let wrap: Wrap = Arc::new(move |inner| Arc::new(LostReply(inner, lost.clone())));
    let bed = Bed::build(Plan { wrap, flavor: Flavor::DataCenter, ..Plan::default() }).await;
    let number = bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.limp(1, TimeDelta::seconds(10)).await;
    let ticket = bed.tickets().remove(0);
    let by = bed.account("jira", "ada");
    bed.jira.act(&by, &ticket.id, Act::ReplaceText("All new.".to_owned())).expect("a text");
    bed.limp(6, TimeDelta::seconds(60)).await;
    bed.settle().await;
    assert_eq!(bed.tickets().len(), 1, "one ticket");
    assert!(bed.ticket(number).await.text.contains("All new."), "their text stands");
}

/// A title that we write again and again makes no conflict of its own.
#[tokio::test]
async fn our_own_titles_are_no_conflict() {
    for component in ["portal", "jira"] {
        let (bed, number, _) = opened(component).await;
        for n in 0..3 {
            let text = format!("Disable TLS 1.{n} too; plugin 104743 is clean on the rescan");
            let reason = Some("wider".to_owned());
            bed.act(vec![Command::Retext { milestone: number, text, reason }]).await;
            bed.settle().await;
            bed.person_does("ada", number, Act::Retitle(format!("By hand {n}"))).await;
            bed.settle().await;
        }
        assert_eq!(bed.register().await.conflicts.len(), 0, "{component}");
    }
}

/// Seed 1178: a date was noted on a ticket that was done, and approved when work went on. Another date was approved
/// then, and the work was done at the same time: the old note was taken for a reason to leave the ticket as it was.
#[tokio::test]
async fn a_date_noted_once_is_no_reason_after_it_was_approved() {
    let (bed, number, _) = opened("jira").await;
    bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
    bed.person_does("ada", number, Act::SetDue(Some(day("2026-04-10")))).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.moves[0].state, MoveState::Noted);
    bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
    bed.person_does("ada", number, Act::Comment("/poam why the window was moved".to_owned())).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.due, Some(day("2026-04-10")));
    let say = "/poam move 2026-03-20 it can be done sooner";
    bed.person_does("ada", number, Act::Comment(say.to_owned())).await;
    bed.person_does("ada", number, Act::SetState(TicketState::Done)).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.due, Some(day("2026-03-20")));
    assert_eq!(bed.ticket(number).await.due, Some(day("2026-03-20")));
}
