//! Drifts and conflicts: numbered per system, so that a page begins after a number.

use std::sync::Arc;

use axum::extract::State;

use super::Answer;
use super::asked::{Asked, page};
use crate::register::view::{ConflictView, DriftView};
use crate::web::Web;

/// `GET /systems/{system}/drifts`
pub(super) async fn list(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (after, limit) = (asked.after(|text| text.parse::<u32>().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let mut found = tx.drifts(&system.id, asked.flag("open")).await?;
    found.retain(|drift| after.is_none_or(|after| drift.number > after));
    page(&found, limit, |drift| drift.number.to_string(), DriftView::of)
}

/// `GET /systems/{system}/conflicts`
pub(super) async fn conflicts(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (after, limit) = (asked.after(|text| text.parse::<u32>().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let mut found = tx.conflicts(&system.id, asked.flag("open")).await?;
    found.retain(|conflict| after.is_none_or(|after| conflict.number > after));
    page(&found, limit, |conflict| conflict.number.to_string(), ConflictView::of)
}
