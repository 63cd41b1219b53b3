//! Whether the process is up, and whether it can work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::SecondsFormat;
use http::StatusCode;
use serde_json::{Value, json};

use super::Web;
use super::error::Problem;
use crate::store::StoreError;

/// The process is up.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "up" }))
}

/// The store answers with this release's tables, and the process is not about to stop.
pub(super) async fn readyz(State(web): State<Arc<Web>>) -> Result<Json<Value>, Problem> {
    if web.stopping.is_cancelled() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The process is stopping."));
    }
    store_answers(&web).await?;
    let mut answer = json!({ "status": "ready" });
    let pauses = pauses(&web).await?;
    if !pauses.is_empty() {
        // The trackers' word, not ours: what waits is taken up by itself.
        answer["paused"] = Value::Array(pauses);
    }
    Ok(Json(answer))
}

/// Connections that trackers asked to wait.
async fn pauses(web: &Web) -> Result<Vec<Value>, StoreError> {
    let now = web.world.clock.now();
    let mut read = web.world.db.read().await?;
    let mut pauses = Vec::new();
    for connection in web.world.connectors.keys() {
        for pause in read.pauses(connection, now).await? {
            pauses.push(json!({
                "connection": pause.connection,
                "scope": pause.scope,
                "until": pause.until.to_rfc3339_opts(SecondsFormat::Secs, true),
            }));
        }
    }
    Ok(pauses)
}

/// Reads what each migration made.
async fn store_answers(web: &Web) -> Result<(), StoreError> {
    let mut read = web.world.db.read().await?;
    read.systems().await?;
    read.jobs().await?;
    Ok(())
}
