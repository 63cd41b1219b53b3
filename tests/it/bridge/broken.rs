//! A ticket that cannot be read holds up nothing but its own link.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::fake::Act;
use connector_api::{TicketState, Transport, TransportError};
use http::{Request, Response};
use poam::register::{LinkPhase, MilestoneState};
use poam::sync::engine::Hot;

use super::TEXT;
use crate::bed::Bed;

/// Answers nonsense to whatever asks for one ticket.
struct Garbled {
    inner: Arc<dyn Transport>,
    /// Its id, and its number or key.
    ticket: Arc<Mutex<Option<(String, String)>>>,
}

#[async_trait]
impl Transport for Garbled {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let broken = self.ticket.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asks = broken.is_some_and(|(id, key)| {
            let body = String::from_utf8_lossy(request.body());
            let path = request.uri().path();
            body.contains(&format!("\"{id}\""))
                || path.ends_with(&format!("/{id}"))
                || path.ends_with(&format!("/{key}"))
        });
        let mut answer = self.inner.send(request).await?;
        if asks {
            *answer.body_mut() = Bytes::from_static(b"{\"issues\": [{\"id\": 7}], \"id\": true}");
        }
        Ok(answer)
    }
}

#[tokio::test]
async fn one_unreadable_ticket_blocks_only_its_link() {
    for (component, connection) in [("portal", "github"), ("jira", "jira")] {
        let broken = Arc::new(Mutex::new(None));
        let around = broken.clone();
        let bed = Bed::with(move |inner| Arc::new(Garbled { inner, ticket: around.clone() })).await;
        let mut numbers = Vec::new();
        for _ in 0..4 {
            numbers.push(bed.plan(TEXT, component, "2026-04-01").await);
        }
        bed.settle().await;
        for number in &numbers {
            bed.person_does("ada", *number, Act::SetState(TicketState::InProgress)).await;
        }
        let bad = bed.ticket(numbers[1]).await;
        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some((bad.id, bad.key));
        let (system, now, all) = (bed.system.clone(), poam::clock::Clock::now(&*bed.clock), numbers.clone());
        bed.world()
            .writer
            .submit(move |tx| Box::pin(async move { tx.mark_milestones(&system, &all, now).await }))
            .await
            .expect("marked");
        let pass = bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!(pass.failed.len(), 1, "{connection}: {pass:?}");
        let swept = bed.engine.sweep(connection).await.expect("a sweep");
        assert_eq!((swept.unread, swept.missing), (1, 0), "{connection}: not read is not missing");
        for (n, number) in numbers.iter().enumerate() {
            let wanted = if n == 1 { MilestoneState::Planned } else { MilestoneState::InProgress };
            assert_eq!(bed.milestone(*number).await.state, wanted, "{connection}: {number}");
        }
        *broken.lock().unwrap_or_else(PoisonError::into_inner) = None;
        bed.limp(3, TimeDelta::minutes(10)).await;
        assert_eq!(bed.milestone(numbers[1]).await.state, MilestoneState::InProgress, "{connection}");
        let mut read = bed.world().db.read().await.expect("a reader");
        let link = read.link_of(&bed.system, numbers[1]).await.expect("the store").expect("a link");
        assert_eq!((link.phase, link.error), (LinkPhase::Linked, None), "{connection}");
    }
}
