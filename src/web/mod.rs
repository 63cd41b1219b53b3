//! The daemon's HTTP side: webhooks, health, metrics, and the read-only API.
//!
//! | file | what |
//! |---|---|
//! | `hooks` | `POST /webhooks/{connection}`: verify, store, mark dirty, answer |
//! | `api` | `GET /api/v1/...`: the register as JSON, behind tokens, and its description |
//! | `auth` | who may read what |
//! | `health` | whether the process is up and can work |
//! | `metrics`, `scrape` | counts for Prometheus |
//! | `layers` | what every request goes through |
//! | `error` | what a refusal looks like: `application/problem+json` |
//!
//! Bodies and secrets are never logged, and no error of ours is ever told to whoever asked: it is logged once, and
//! the answer says only what they can do about it.

mod api;
mod auth;
mod error;
mod health;
mod hooks;
mod layers;
mod metrics;
mod scrape;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::sync::{Engine, World};

pub use metrics::Metrics;

/// What the HTTP side works with.
pub struct Web {
    /// Store, clock, connectors.
    pub world: World,
    /// Takes deliveries.
    pub engine: Engine,
    /// Which secrets may sign a connection's webhooks: several while one is being rotated. A connection without any
    /// takes none.
    pub secrets: BTreeMap<String, Vec<SecretString>>,
    /// Largest webhook that is read, in bytes.
    pub webhook_cap: u64,
    /// Tells a connection's runner that something is to be done. Must not wait.
    pub wake: Arc<dyn Fn(&str) + Send + Sync>,
    /// Counts, shared with the runners.
    pub metrics: Arc<Metrics>,
    /// Cancelled once the process is to stop: it is not ready from then on, and still answers what comes.
    pub stopping: CancellationToken,
}

/// Every route with what it goes through. Stopping in good order is up to whoever serves it.
pub fn router(web: Web) -> Router {
    let web = Arc::new(web);
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(scrape::metrics))
        .route("/webhooks/{connection}", post(hooks::deliver))
        .merge(api::routes())
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed);
    layers::around(router, &web).with_state(web)
}
