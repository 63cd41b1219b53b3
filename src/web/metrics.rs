//! Counts of what this process did, for Prometheus. What the store knows is read at each scrape instead.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::sync::Pass;
use crate::sync::sweep::Swept;

/// Labels: names and values.
pub(super) type Labels<const N: usize> = [(&'static str, String); N];

/// A counter per labels.
type Count<const N: usize> = Family<Labels<N>, Counter>;

/// Upper bounds of the buckets of request durations, in seconds: from a plain read to the time limit.
const BOUNDS: [f64; 12] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How a webhook was answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hook {
    Accepted,
    Repeated,
    TooLarge,
    UnknownConnection,
    BadSignature,
    Unreadable,
    NotStored,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeated => "repeated",
            Self::TooLarge => "too_large",
            Self::UnknownConnection => "unknown_connection",
            Self::BadSignature => "bad_signature",
            Self::Unreadable => "unreadable",
            Self::NotStored => "not_stored",
        }
    }
}

/// What this process counts. Runners and routes share one.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    hooks: Count<2>,
    polls: Count<2>,
    passes: Count<2>,
    reconciled: Count<1>,
    created: Count<1>,
    written: Count<1>,
    said: Count<1>,
    failures: Count<1>,
    swept: Count<1>,
    only_swept: Count<1>,
    redelivered: Count<1>,
    requests: Count<3>,
    durations: Family<Labels<1>, Histogram, fn() -> Histogram>,
    /// When each connection was last polled with success.
    polled: Mutex<BTreeMap<String, DateTime<Utc>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("poam");
        let durations: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BOUNDS));
        registry.register_with_unit(
            "http_request_duration",
            "How long HTTP requests took, by route",
            Unit::Seconds,
            durations.clone(),
        );
        Self {
            hooks: count(&mut registry, "webhooks", "Webhooks by connection and how they were answered"),
            polls: count(&mut registry, "polls", "Polls by connection and outcome"),
            passes: count(&mut registry, "passes", "Passes over dirty links, by connection and outcome"),
            reconciled: count(&mut registry, "links_reconciled", "Links looked at in a pass"),
            created: count(&mut registry, "tickets_created", "Tickets made"),
            written: count(&mut registry, "tickets_written", "Patches written to tickets"),
            said: count(&mut registry, "comments_written", "Comments written to tickets"),
            failures: count(&mut registry, "link_failures", "Links that failed in a pass"),
            swept: count(&mut registry, "links_swept", "Links looked at in a sweep"),
            only_swept: count(
                &mut registry,
                "changes_only_swept",
                "Changed tickets that a sweep found and no poll or webhook had told",
            ),
            redelivered: count(
                &mut registry,
                "webhooks_redelivered",
                "Webhooks that a site was asked to send again, since it could not deliver them",
            ),
            requests: count(&mut registry, "http_requests", "HTTP requests by route, method and status"),
            durations,
            polled: Mutex::new(BTreeMap::new()),
            registry,
        }
    }

    /// A runner's pass over a connection ended.
    pub fn passed(&self, connection: &str, pass: &Pass) {
        let of = [("connection", connection.to_owned())];
        self.passes.get_or_create(&outcome(connection, true)).inc();
        self.reconciled.get_or_create(&of).inc_by(pass.links.into());
        self.created.get_or_create(&of).inc_by(pass.created.into());
        self.written.get_or_create(&of).inc_by(pass.written.into());
        self.said.get_or_create(&of).inc_by(pass.said.into());
        self.failures.get_or_create(&of).inc_by(pass.failed.len() as u64);
    }

    /// A runner's pass over a connection failed as a whole.
    pub fn pass_failed(&self, connection: &str) {
        self.passes.get_or_create(&outcome(connection, false)).inc();
    }

    /// A poll of a connection ended at `at`; `ok` where all of it was read.
    pub fn polled(&self, connection: &str, ok: bool, at: DateTime<Utc>) {
        self.polls.get_or_create(&outcome(connection, ok)).inc();
        if ok {
            let mut polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
            polled.insert(connection.to_owned(), at);
        }
    }

    /// A sweep of a connection ended.
    pub fn swept(&self, connection: &str, swept: Swept) {
        let of = [("connection", connection.to_owned())];
        self.swept.get_or_create(&of).inc_by(swept.links.into());
        self.only_swept.get_or_create(&of).inc_by(swept.only_here.into());
    }

    /// A site was asked to send webhooks again.
    pub fn redelivered(&self, connection: &str, count: u32) {
        self.redelivered.get_or_create(&[("connection", connection.to_owned())]).inc_by(count.into());
    }

    /// A webhook was answered.
    pub(super) fn hook(&self, connection: &str, how: Hook) {
        let labels = [("connection", connection.to_owned()), ("outcome", how.name().to_owned())];
        self.hooks.get_or_create(&labels).inc();
    }

    /// A request was answered.
    pub(super) fn request(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let route = ("route", route.to_owned());
        let labels = [route.clone(), ("method", method.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&[route]).observe(took.as_secs_f64());
    }

    /// When a connection was last polled with success by this process.
    pub(super) fn last_poll(&self, connection: &str) -> Option<DateTime<Utc>> {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner).get(connection).copied()
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }
}

fn outcome(connection: &str, ok: bool) -> Labels<2> {
    let outcome = if ok { "ok" } else { "failed" };
    [("connection", connection.to_owned()), ("outcome", outcome.to_owned())]
}

fn count<const N: usize>(registry: &mut Registry, name: &str, help: &str) -> Count<N> {
    let family = Count::<N>::default();
    registry.register(name, help, family.clone());
    family
}
