//! Items.

use std::sync::Arc;

use axum::extract::State;

use super::Answer;
use super::asked::{Asked, missing, object, page};
use crate::register::view::{ItemDetail, ItemView};
use crate::register::{ItemNumber, Status};
use crate::store::{ItemFilter, Scope};
use crate::web::Web;

/// `GET /systems/{system}/items`
pub(super) async fn list(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let filter = ItemFilter {
        statuses: asked.words("status", &Status::ALL, Status::name),
        owner: asked.text("owner").map(str::to_owned),
        text: asked.text("text").map(str::to_owned),
        ..ItemFilter::default()
    };
    let (after, limit) = (asked.after(|text| text.parse::<u32>().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let found = tx.items(&system.id, &filter, after, limit + 1).await?;
    page(&found, limit, |item| item.place.to_string(), ItemView::of)
}

/// `GET /systems/{system}/items/{number}`
pub(super) async fn one(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (mut tx, system) = asked.system(&web).await?;
    let number = ItemNumber::new(asked.part("number")).map_err(|_| missing("item"))?;
    let register = tx.load(&system.id, Scope::item(number.clone())).await?;
    let item = register.items.get(&number).ok_or_else(|| missing("item"))?;
    object(&ItemDetail::of(&register, item))
}
