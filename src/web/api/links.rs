//! Links, and the notices that go to their tickets.

use std::sync::Arc;

use axum::extract::State;

use super::Answer;
use super::asked::{Asked, page};
use crate::register::view::{LinkView, NoticeView};
use crate::register::{LinkPhase, MilestoneNumber};
use crate::store::LinkFilter;
use crate::web::Web;

/// `GET /systems/{system}/links`
pub(super) async fn list(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (after, limit) = (asked.after(|text| text.parse::<MilestoneNumber>().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let filter = LinkFilter {
        system: Some(system.id.clone()),
        trackers: asked.text("tracker").map(str::to_owned).into_iter().collect(),
        phases: asked.words("phase", &super::PHASES, LinkPhase::name),
        failing: asked.flag("failing"),
    };
    let after = after.map(|milestone| (&system.id, milestone));
    let found = tx.links(&filter, after, limit + 1).await?;
    page(&found, limit, |link| link.milestone.to_string(), LinkView::of)
}

/// `GET /systems/{system}/notices`
pub(super) async fn notices(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (after, limit) = (asked.after(|text| text.parse::<u32>().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let found = tx.notices(&system.id, after, limit + 1).await?;
    page(&found, limit, |notice| notice.number.to_string(), NoticeView::of)
}
