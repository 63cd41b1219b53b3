//! Systems.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;

use super::Answer;
use super::asked::{Asked, object, page};
use crate::register::System;
use crate::register::view::SystemView;
use crate::web::Web;

type Counted = (System, BTreeMap<String, i64>);

/// `GET /systems`: all on one page, since they are few.
pub(super) async fn list(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let mut tx = web.world.db.read().await?;
    let mut found: Vec<Counted> = Vec::new();
    for system in asked.systems(&mut tx).await? {
        let counts = tx.counts(&system.id).await?;
        found.push((system, counts));
    }
    page(
        &found,
        u32::MAX,
        |(system, _)| system.id.to_string(),
        |(system, counts)| SystemView::of(system, counts),
    )
}

/// `GET /systems/{system}`
pub(super) async fn one(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (mut tx, system) = asked.system(&web).await?;
    let counts = tx.counts(&system.id).await?;
    object(&SystemView::of(&system, &counts))
}
