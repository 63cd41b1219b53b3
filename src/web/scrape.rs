//! `/metrics`: what this process counted, and what the store says at this moment, as OpenMetrics text.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Web;
use super::error::Problem;
use super::metrics::Labels;
use crate::store::StoreError;
use crate::sync::failure::chain;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A level per labels.
type Level<const N: usize> = Family<Labels<N>, Gauge>;
/// A number of seconds per labels.
type Seconds<const N: usize> = Family<Labels<N>, Gauge<f64, AtomicU64>>;

/// The text. A store that does not answer leaves its part out, and `poam_store_up` is 0.
pub(super) async fn metrics(State(web): State<Arc<Web>>) -> Result<Response, Problem> {
    let mut store = Registry::with_prefix("poam");
    let up = Gauge::<i64>::default();
    match levels(&web, &mut store).await {
        Ok(()) => {
            up.set(1);
        }
        Err(error) => {
            tracing::error!(error = chain(&error), "the store could not be asked for metrics");
            store = Registry::with_prefix("poam");
        }
    }
    store.register("store_up", "Whether the store answers", up);
    let mut text = String::new();
    encode_registry(&mut text, web.metrics.registry())
        .and_then(|()| encode_registry(&mut text, &store))
        .and_then(|()| encode_eof(&mut text))
        .map_err(|_| Problem::plain(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// What the store says.
async fn levels(web: &Web, registry: &mut Registry) -> Result<(), StoreError> {
    let now = web.world.clock.now();
    let mut read = web.world.db.read().await?;

    let links = level::<2>(registry, "links", "Links by tracker and phase");
    let dirty = level::<1>(registry, "links_dirty", "Links marked for reconciling, by tracker");
    let failing = level::<1>(registry, "links_failing", "Links whose last attempt failed, by tracker");
    for (tracker, counts) in read.link_counts().await? {
        let of = ("tracker", tracker);
        for (phase, count) in [
            ("waiting", counts.waiting),
            ("creating", counts.creating),
            ("linked", counts.linked),
            ("missing", counts.missing),
        ] {
            set(&links, &[of.clone(), ("phase", phase.to_owned())], count);
        }
        let of = [of];
        set(&dirty, &of, counts.dirty);
        set(&failing, &of, counts.failing);
    }

    let halted = level::<1>(registry, "tracker_halted", "1 for each tracker that a brake halted");
    for (tracker, _) in read.halted().await? {
        set(&halted, &[("tracker", tracker)], 1);
    }

    let drifts = level::<2>(registry, "drifts_open", "Open drifts by system and kind");
    let rows =
        level::<1>(registry, "journal_rows", "Rows of each system's journal; `_` is the reserved chain");
    for system in read.chains().await? {
        let of = ("system", system.to_string());
        for (name, count) in read.counts(&system).await? {
            if let Some(kind) = name.strip_prefix("drift.") {
                set(&drifts, &[of.clone(), ("kind", kind.to_owned())], count.unsigned_abs());
            }
        }
        set(&rows, &[of], read.head(&system).await?.number);
    }

    let age = Seconds::<1>::default();
    registry.register_with_unit(
        "poll_age",
        "Time since a connection was last polled with success; none before it was",
        Unit::Seconds,
        age.clone(),
    );
    let pauses = Seconds::<2>::default();
    registry.register_with_unit(
        "pause",
        "Time until a tracker that asked for it is written to or read again, by allowance; none for all of them",
        Unit::Seconds,
        pauses.clone(),
    );
    let failures = level::<1>(registry, "connection_failures", "Failures of a connection in a row");
    let health = read.health().await?;
    for connection in web.world.connectors.keys() {
        let known = health.iter().find(|health| health.connection == *connection);
        let of = [("connection", connection.clone())];
        if let Some(known) = known {
            set(&failures, &of, known.failures.into());
        }
        for pause in read.pauses(connection, now).await? {
            let of = [("connection", connection.clone()), ("scope", pause.scope)];
            pauses.get_or_create(&of).set(seconds_between(now, pause.until));
        }
        // With several processes another may poll; what it told the store counts as well.
        let last = web.metrics.last_poll(connection).max(known.and_then(|known| known.last_ok));
        if let Some(last) = last {
            age.get_or_create(&of).set(seconds_between(last, now));
        }
    }
    Ok(())
}

fn level<const N: usize>(registry: &mut Registry, name: &str, help: &str) -> Level<N> {
    let family = Level::<N>::default();
    registry.register(name, help, family.clone());
    family
}

fn set<const N: usize>(level: &Level<N>, labels: &Labels<N>, value: u64) {
    level.get_or_create(labels).set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// Never negative, also where a clock went back.
fn seconds_between(then: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (now - then).to_std().unwrap_or_default().as_secs_f64()
}
