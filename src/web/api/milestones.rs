//! Milestones and their moves.

use std::sync::Arc;

use axum::extract::State;

use super::Answer;
use super::asked::{Asked, missing, object, page};
use crate::register::journal::written;
use crate::register::view::{MilestoneDetail, MilestoneView, MoveView};
use crate::register::{ItemNumber, MilestoneNumber, MilestoneState, Move};
use crate::store::{MilestoneFilter, Scope};
use crate::web::Web;
use crate::web::error::Problem;

/// `GET /systems/{system}/milestones`
pub(super) async fn list(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let item = |text: &str| ItemNumber::new(text).map_err(|error| Problem::parameter("item", error));
    let filter = MilestoneFilter {
        states: asked.words("state", &MilestoneState::ALL, MilestoneState::name),
        owner: asked.text("owner").map(str::to_owned),
        item: asked.text("item").map(item).transpose()?,
        ..MilestoneFilter::default()
    };
    let (after, limit) = (asked.after(|text| text.parse().ok())?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let found = tx.milestones(&system.id, &filter, after, limit + 1).await?;
    page(&found, limit, |milestone| milestone.number.to_string(), MilestoneView::of)
}

/// `GET /systems/{system}/milestones/{number}`
pub(super) async fn one(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (mut tx, system) = asked.system(&web).await?;
    let number: MilestoneNumber = asked.part("number").parse().map_err(|_| missing("milestone"))?;
    let register = tx.load(&system.id, Scope::milestone(number)).await?;
    let milestone = register.milestones.get(&number).ok_or_else(|| missing("milestone"))?;
    let link = tx.link_of(&system.id, number).await?;
    object(&MilestoneDetail::of(&register, milestone, link.as_ref()))
}

/// `GET /systems/{system}/moves`
pub(super) async fn moves(State(web): State<Arc<Web>>, asked: Asked) -> Answer {
    let (after, limit) = (asked.after(|text| Some(text.to_owned()))?, asked.limit()?);
    let (mut tx, system) = asked.system(&web).await?;
    let mut found = tx.moves(&system.id, asked.since(&system)?).await?;
    if let Some(after) = after {
        // A key that is of no move any more would silently give everything again, or nothing.
        let place = found.iter().position(|moved| key(moved) == after);
        let place = place
            .ok_or_else(|| Problem::parameter("after", "It is not the `next` of a page of this list."))?;
        found.drain(..=place);
    }
    page(&found, limit, key, |(milestone, moved)| MoveView::of(*milestone, moved))
}

/// Moves are listed by time; this tells two of one time apart.
fn key((milestone, moved): &(MilestoneNumber, Move)) -> String {
    format!("{}/{milestone}/{}", written(moved.at), moved.number)
}
