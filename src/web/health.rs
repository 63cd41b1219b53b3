//! Whether the process is up, and whether it can work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
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
    Ok(Json(json!({ "status": "ready" })))
}

/// Reads what each migration made.
async fn store_answers(web: &Web) -> Result<(), StoreError> {
    let mut read = web.world.db.read().await?;
    read.systems().await?;
    read.jobs().await?;
    Ok(())
}
