//! A move.

use chrono::NaiveDate;
use serde::Serialize;

use super::{Named, Time};
use crate::register::{Actor, Decision, MilestoneNumber, Move, MoveState, Rationale};

/// One change of a due date.
#[derive(Debug, Serialize)]
pub struct MoveView<'a> {
    /// Of which milestone.
    pub milestone: Named<MilestoneNumber>,
    /// From 1 within its milestone.
    pub number: u32,
    /// The date in force when it was proposed.
    pub from: Option<NaiveDate>,
    /// The proposed date; none is a cleared one.
    pub to: Option<NaiveDate>,
    /// Where it stands.
    pub state: MoveState,
    /// Who moved it.
    pub by: &'a Actor,
    /// When.
    pub at: Time,
    /// Whence: the ticket's history id, a command, a file.
    pub whence: &'a str,
    /// Why.
    pub rationale: Option<RationaleView<'a>>,
    /// How it was decided.
    pub decision: Option<DecisionView<'a>>,
    /// The notice that asks about it.
    pub asked: Option<u32>,
}

/// Why a date moved.
#[derive(Debug, Serialize)]
pub struct RationaleView<'a> {
    /// In their words.
    pub text: &'a str,
    /// Whose.
    pub by: &'a Actor,
    /// When.
    pub at: Time,
}

/// How a move was decided.
#[derive(Debug, Serialize)]
pub struct DecisionView<'a> {
    /// By whom: a person, or the rule by its identifier.
    pub by: &'a Actor,
    /// When.
    pub at: Time,
    /// Why, where they said so.
    pub reason: Option<&'a str>,
}

impl<'a> MoveView<'a> {
    /// Of a milestone's move.
    pub fn of(milestone: MilestoneNumber, moved: &'a Move) -> Self {
        let rationale = |why: &'a Rationale| RationaleView { text: &why.text, by: &why.by, at: Time(why.at) };
        let decision = |decision: &'a Decision| DecisionView {
            by: &decision.by,
            at: Time(decision.at),
            reason: decision.reason.as_deref(),
        };
        Self {
            milestone: Named(milestone),
            number: moved.number,
            from: moved.from,
            to: moved.to,
            state: moved.state,
            by: &moved.by,
            at: Time(moved.at),
            whence: &moved.whence,
            rationale: moved.rationale.as_ref().map(rationale),
            decision: moved.decision.as_ref().map(decision),
            asked: moved.asked,
        }
    }
}
