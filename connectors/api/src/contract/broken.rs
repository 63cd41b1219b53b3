//! Answers that are none: a login page, a body cut short, silence after the deed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;

use super::{Subject, must};
use crate::fake::{FakeSite, RouterTransport};
use crate::{ErrorKind, Outcome, PollFrom, Transport, TransportError};

/// How an answer is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// A page for people comes instead.
    Html,
    /// The body ends in its middle.
    CutShort,
    /// A server error that says nothing.
    ServerError,
    /// No answer at all.
    Lost,
}

const BREAKS: [Break; 4] = [Break::Html, Break::CutShort, Break::ServerError, Break::Lost];

/// Passes everything on, and breaks answers: all of them, or only that of the request that makes a ticket.
struct Breaking {
    site: Arc<dyn FakeSite>,
    how: Break,
    only_creates: bool,
}

#[async_trait]
impl Transport for Breaking {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let before = self.site.tickets().len();
        let answer = RouterTransport(self.site.router()).send(request).await?;
        if self.only_creates && self.site.tickets().len() == before {
            return Ok(answer);
        }
        match self.how {
            Break::Html => {
                let page = Bytes::from_static(b"<!DOCTYPE html><html><body>Please sign in</body></html>");
                let mut broken = http::Response::new(page);
                let html = http::HeaderValue::from_static("text/html; charset=utf-8");
                broken.headers_mut().insert(http::header::CONTENT_TYPE, html);
                Ok(broken)
            }
            Break::CutShort => {
                let (mut parts, body) = answer.into_parts();
                parts.headers.remove(http::header::CONTENT_LENGTH);
                Ok(http::Response::from_parts(parts, body.slice(..body.len() / 2)))
            }
            Break::ServerError => {
                let mut broken = http::Response::new(Bytes::new());
                *broken.status_mut() = http::StatusCode::BAD_GATEWAY;
                Ok(broken)
            }
            Break::Lost => Err(TransportError::Lost("connection reset".to_owned())),
        }
    }
}

pub(super) async fn answers_that_are_none(s: &Subject) {
    let made = s.create("Behind a broken proxy").await;
    for how in BREAKS {
        let broken =
            |only_creates| (s.connect)(Arc::new(Breaking { site: Arc::clone(&s.site), how, only_creates }));
        let fetched = broken(false).fetch(std::slice::from_ref(&made.reference)).await;
        let kind = fetched.map_err(|e| e.kind);
        assert!(
            matches!(kind, Err(ErrorKind::Unavailable(_))),
            "a fetch whose answer is broken ({how:?}) is unavailable, never missing: {kind:?}"
        );
        let connector = broken(false);
        for stream in connector.streams(std::slice::from_ref(&s.project)) {
            let since = (s.now)() - TimeDelta::hours(1);
            let kind = connector
                .changed_since(&stream, &PollFrom::new(None, since))
                .await
                .map(|c| c.cursor)
                .map_err(|e| e.kind);
            assert!(
                matches!(kind, Err(ErrorKind::Unavailable(_))),
                "a poll whose answer is broken ({how:?}) concludes nothing: {kind:?}"
            );
        }

        let new = s.new_ticket("Made, and the answer was lost");
        let before = s.site.tickets().len();
        let Err(error) = broken(true).create(&new).await else {
            panic!("a create whose answer is broken ({how:?}) must not seem done")
        };
        assert_eq!(s.site.tickets().len(), before + 1, "the ticket was made");
        assert_eq!(error.outcome, Outcome::Unknown, "nobody knows whether it was made ({how:?})");
        assert!(
            matches!(error.kind, ErrorKind::Unavailable(_)),
            "a broken answer ({how:?}) is unavailable: {:?}",
            error.kind
        );
        let connector = s.connector();
        (s.advance)(TimeDelta::seconds(i64::from(connector.capabilities().consistency_window_s) + 1));
        let found = must("find_marker", connector.find_marker(&s.project, &new.marker).await);
        assert_eq!(found.len(), 1, "and its marker finds it, once ({how:?})");
    }
}
