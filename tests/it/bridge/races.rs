//! Somebody edits a ticket between our read and our write.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connector_api::fake::{Act, FakeSite as _};
use connector_api::{Transport, TransportError};
use http::{Method, Request, Response};
use poam::register::MilestoneNumber;
use poam::register::decide::Command;
use poam::sync::engine::Hot;

use super::TEXT;
use crate::bed::Bed;

/// What happens just before the next request of that method and end of the path.
type Next = Arc<Mutex<Option<(Method, String, Box<dyn FnOnce() + Send>)>>>;

struct Between {
    inner: Arc<dyn Transport>,
    next: Next,
}

#[async_trait]
impl Transport for Between {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let fits = |(method, path, _): &mut (Method, String, Box<dyn FnOnce() + Send>)| {
            request.method() == method && request.uri().path().ends_with(path.as_str())
        };
        let act = self.next.lock().unwrap_or_else(PoisonError::into_inner).take_if(fits);
        if let Some((.., act)) = act {
            act();
        }
        self.inner.send(request).await
    }
}

/// A bridge whose milestone is worded anew, and somebody who does this before that request of the pass.
async fn raced(component: &str, method: Method, path: &str, act: Act) -> (Bed, MilestoneNumber) {
    let next = Next::default();
    let around = next.clone();
    let bed = Bed::with(move |inner| Arc::new(Between { inner, next: around.clone() })).await;
    let number = bed.plan(TEXT, component, "2026-04-01").await;
    bed.settle().await;
    let ticket = bed.ticket(number).await;
    bed.clock.advance(chrono::TimeDelta::seconds(60));
    let text = "Disable TLS 1.1 too; plugin 104743 is clean on the rescan".to_owned();
    bed.act(vec![Command::Retext { milestone: number, text, reason: Some("wider".to_owned()) }]).await;
    let connection = if component == "jira" { "jira" } else { "github" };
    let ada = bed.account(connection, "ada");
    let does: Box<dyn FnOnce() + Send> = if component == "jira" {
        let (site, id) = (bed.jira.clone(), ticket.id.clone());
        Box::new(move || site.act(&ada, &id, act).expect("it may be done"))
    } else {
        let (site, id) = (bed.github.clone(), ticket.id.clone());
        Box::new(move || site.act(&ada, &id, act).expect("it may be done"))
    };
    let path = path.replace("{id}", &ticket.id).replace("{key}", &ticket.key);
    *next.lock().unwrap_or_else(PoisonError::into_inner) = Some((method, path, does));
    let pass = bed.engine.pass(connection, Hot::new()).await.expect("a pass");
    assert_eq!(pass.failed, Vec::<String>::new());
    assert!(next.lock().unwrap_or_else(PoisonError::into_inner).is_none(), "the request was made");
    bed.clock.advance(chrono::TimeDelta::seconds(1));
    bed.settle().await;
    (bed, number)
}

async fn kept(bed: &Bed, field: &str) -> Vec<String> {
    let conflicts = bed.register().await.conflicts.into_values();
    conflicts.filter(|conflict| conflict.field == field).map(|conflict| conflict.theirs).collect()
}

fn notes() -> Act {
    Act::EditOutside("Team notes.\n\nKeep them.".to_owned())
}

/// Without a history of texts the ticket is looked at once more just before it is written.
#[tokio::test]
async fn text_edited_before_the_second_look_is_not_overwritten() {
    let (bed, number) = raced("portal", Method::GET, "/issues/{key}/timeline", notes()).await;
    let ticket = bed.ticket(number).await;
    assert!(ticket.text.contains("Team notes.") && ticket.text.contains("Keep them."), "{}", ticket.text);
    assert!(ticket.block.unwrap_or_default().contains("TLS 1.1"), "our block is written all the same");
}

/// Jira's history tells what a write replaced.
#[tokio::test]
async fn text_that_a_write_replaced_unseen_is_kept() {
    let (bed, number) = raced("jira", Method::PUT, "/issue/{id}", notes()).await;
    let kept = kept(&bed, "description").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].contains("Team notes."), "{kept:?}");
    assert!(bed.ticket(number).await.block.unwrap_or_default().contains("TLS 1.1"));
}

#[tokio::test]
async fn title_that_a_write_replaced_unseen_is_kept() {
    for (component, method, path) in
        [("portal", Method::PATCH, "/issues/{key}"), ("jira", Method::PUT, "/issue/{id}")]
    {
        let act = Act::Retitle("Their own words".to_owned());
        let (bed, number) = raced(component, method, path, act).await;
        assert_eq!(kept(&bed, "title").await, ["Their own words"], "{component}");
        assert!(bed.ticket(number).await.title.contains("TLS 1.1"), "{component}");
    }
}

/// Writes that replace nothing unseen are no conflicts, however often both sides edit.
#[tokio::test]
async fn edits_in_turn_lose_nothing() {
    for component in ["portal", "jira"] {
        let bed = Bed::new().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        for n in 0..3 {
            bed.person_does("ada", number, Act::EditOutside(format!("Notes {n}."))).await;
            bed.settle().await;
            let text = format!("Disable TLS 1.{n} too; plugin 104743 is clean on the rescan");
            bed.act(vec![Command::Retext { milestone: number, text, reason: Some("wider".to_owned()) }])
                .await;
            bed.settle().await;
        }
        assert!(bed.register().await.conflicts.is_empty(), "{component}");
        assert!(bed.ticket(number).await.text.contains("Notes 2."), "{component}");
    }
}
