//! The HTTP side, over the real router, a real database file and the fakes: no socket, no waiting.

#![expect(clippy::expect_used, reason = "a test that cannot be set up fails")]

mod api;
mod auth;
mod hooks;
mod probes;
mod sample;
mod shape;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use poam::clock::Clock as _;
use poam::register::{Actor, Change, Digest, SystemId};
use poam::store::{Scope, StoreError};
use poam::sync::{Engine, World};
use poam::web::{Metrics, Web, router};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::bed::Bed;

/// A cap that real deliveries fit into.
const CAP: u64 = 100_000;

/// The router of a bed, and what it told the world outside.
struct Site {
    bed: Bed,
    router: Router,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
    woken: Arc<Mutex<Vec<String>>>,
}

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that it is a refusal in its one form, and gives its words.
    fn problem(&self, status: StatusCode) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        let body = self.json();
        assert_eq!(body["status"], status.as_u16());
        assert_eq!(body["title"], status.canonical_reason().unwrap_or_default());
        assert_eq!(self.headers.contains_key("retry-after"), status == StatusCode::SERVICE_UNAVAILABLE);
        body["detail"].as_str().expect("words").to_owned()
    }
}

impl Site {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A site whose `Web` is changed before it is used.
    async fn with(change: impl FnOnce(&mut Web)) -> Self {
        let bed = Bed::new().await;
        let (metrics, stopping) = (Arc::new(Metrics::new()), CancellationToken::new());
        let woken = Arc::new(Mutex::new(Vec::new()));
        let wakes = woken.clone();
        let mut web = Web {
            world: bed.world().clone(),
            engine: bed.engine.clone(),
            secrets: BTreeMap::from([
                ("github".to_owned(), vec![SecretString::from("hush")]),
                ("jira".to_owned(), vec![SecretString::from("hush")]),
            ]),
            webhook_cap: CAP,
            wake: Arc::new(move |connection| {
                wakes.lock().unwrap_or_else(PoisonError::into_inner).push(connection.to_owned());
            }),
            metrics: metrics.clone(),
            stopping: stopping.clone(),
        };
        change(&mut web);
        Self { bed, router: router(web), metrics, stopping, woken }
    }

    /// Sends a request as it is.
    async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }

    /// A plain GET.
    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// A GET with a token.
    async fn read(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// Who was woken since the last call.
    fn woken(&self) -> Vec<String> {
        std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A token that is valid for a day.
    async fn token(&self, token: &str, systems: &[&str]) {
        self.token_until(token, systems, Some(self.bed.clock.now() + TimeDelta::days(1))).await;
    }

    async fn token_until(&self, token: &str, systems: &[&str], expires: Option<DateTime<Utc>>) {
        let added = Change::TokenAdded {
            name: token.to_owned(),
            digest: Digest::of(token.as_bytes()),
            expires,
            systems: systems.iter().map(|system| (*system).to_owned()).collect(),
        };
        record(self.bed.world(), SystemId::reserved(), vec![added]).await;
    }
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.expect("never fails").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("text");
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Records changes in a chain.
async fn record(world: &World, system: SystemId, changes: Vec<Change>) {
    let now = world.clock.now();
    let done = world.writer.submit(move |tx| {
        Box::pin(async move {
            let mut register = tx.load(&system, Scope::All).await?;
            tx.record(&mut register, now, &Actor::Poam, "command", &changes).await?;
            Ok::<_, StoreError>(())
        })
    });
    done.await.expect("changes are recorded");
}

/// A world with another store behind it.
fn over(world: &World, db: poam::store::Db) -> World {
    World { writer: poam::store::Writer::inline(db.clone()), db, ..world.clone() }
}

/// The same site over another store.
fn replace_store(web: &mut Web, db: poam::store::Db) {
    web.world = over(&web.world, db);
    web.engine = Engine { world: web.world.clone(), only: None };
}
