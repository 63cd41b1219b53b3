//! Polls and webhooks are hints: what a listing that broke off or a webhook that comes late says is not believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite};
use connector_api::{Transport, TransportError};
use http::{Request, Response};
use poam::register::MilestoneState;
use poam::register::decide::Command;
use poam::sync::engine::Hot;

use super::faults::shorten;
use crate::bed::Bed;

const TEXT: &str = "Disable TLS 1.0 on every load balancer; plugin 104743 is clean on the rescan";

/// Listings have one entry a page; once armed, the next that is not the first is lost.
struct Breaking(Arc<dyn Transport>, Arc<AtomicBool>);

#[async_trait]
impl Transport for Breaking {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        shorten(&mut request, 1);
        let query = request.uri().query().unwrap_or_default();
        let further =
            query.contains("&page=") || String::from_utf8_lossy(request.body()).contains("nextPageToken");
        if further && self.1.swap(false, Ordering::Relaxed) {
            return Err(TransportError::Lost("the connection broke off".to_owned()));
        }
        self.0.send(request).await
    }
}

#[tokio::test]
async fn listing_that_breaks_off_moves_no_cursor() {
    for (component, connection) in [("portal", "github"), ("jira", "jira")] {
        let armed = Arc::new(AtomicBool::new(false));
        let around = armed.clone();
        let bed = Bed::with(move |inner| Arc::new(Breaking(inner, around.clone()))).await;
        let mut numbers = Vec::new();
        for _ in 0..3 {
            numbers.push(bed.plan(TEXT, component, "2026-04-01").await);
        }
        bed.settle().await;
        bed.clock.advance(TimeDelta::minutes(30));
        bed.settle().await;
        for number in &numbers {
            bed.person_does("ada", *number, Act::Retitle(format!("By hand {number}"))).await;
        }
        armed.store(true, Ordering::Relaxed);
        assert!(bed.engine.poll(connection).await.is_err(), "{connection}: the listing breaks off");
        assert!(!armed.load(Ordering::Relaxed), "{connection}: on a page that is not the first");
        // Longer than any overlap.
        bed.clock.advance(TimeDelta::minutes(30));
        bed.settle().await;
        for number in numbers {
            let title = bed.ticket(number).await.title;
            assert_eq!(title, format!("[ACME {number}] By hand {number}"), "{connection}: it was seen");
        }
    }
}

/// What a poll brought may be old by the time it is used: nothing is written by it.
#[tokio::test]
async fn text_edited_between_the_poll_and_the_pass_stands() {
    for (component, connection) in [("portal", "github"), ("jira", "jira")] {
        let bed = Bed::new().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        bed.person_does("ada", number, Act::AddLabel("team-a".to_owned())).await;
        let hot = bed.engine.poll(connection).await.expect("a poll").hot;
        bed.person_does("ada", number, Act::EditOutside("Notes of the team.".to_owned())).await;
        let reason = Some("waiting for access".to_owned());
        bed.act(vec![Command::SetState { milestone: number, to: MilestoneState::Blocked, reason }]).await;
        bed.engine.pass(connection, hot).await.expect("a pass");
        bed.settle().await;
        let ticket = bed.ticket(number).await;
        assert!(ticket.text.contains("Notes of the team."), "{connection}: {}", ticket.text);
        assert!(ticket.block.is_some_and(|block| block.contains("locked")), "{connection}: the block is new");
    }
}

#[tokio::test]
async fn webhook_that_comes_late_is_not_believed() {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, "portal", "2026-04-01").await;
    bed.settle().await;
    drop(bed.github.take_deliveries());
    bed.person_does("grace", number, Act::Assign(None)).await;
    let late = bed.github.take_deliveries();
    assert!(!late.is_empty(), "it is told that nobody has the ticket");
    bed.person_does("grace", number, Act::Assign(Some(bed.account("github", "grace")))).await;
    bed.settle().await;
    assert_eq!(bed.milestone(number).await.owner.as_deref(), Some("Grace Example"));
    for delivery in late {
        let connector = bed.world().connectors["github"].clone();
        let read = connector.read_webhook(&delivery.headers, &delivery.body, &["hush".into()]);
        bed.engine.deliver("github", read.expect("it is signed")).await.expect("it is stored");
        bed.engine.pass("github", Hot::new()).await.expect("a pass");
    }
    assert_eq!(bed.milestone(number).await.owner.as_deref(), Some("Grace Example"), "the ticket says so");
    let assignee = bed.ticket(number).await.assignee.map(|account| account.id);
    assert_eq!(assignee.as_deref(), Some("grace"));
}
