//! The journal.

use std::sync::Arc;

use axum::extract::State;

use super::Answer;
use super::asked::{Asked, page};
use crate::register::view::EntryView;
use crate::web::Web;

/// `GET /systems/{system}/journal`
pub(super) async fn list(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (after, limit) = (asked.after(|text| text.parse::<u64>().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let from = after.unwrap_or(0).saturating_add(1);
    let found = tx.entries(&system.id, from, limit + 1).await?;
    page(&found, limit, |entry| entry.number.to_string(), EntryView::of)
}
