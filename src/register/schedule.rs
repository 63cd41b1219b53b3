//! Moves: changes of a due date, kept beside the frozen original.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Actor;

/// Where a move stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    /// Nobody has said why.
    Unexplained,
    /// Explained; waits for an approver.
    Explained,
    /// In force.
    Approved,
    /// Refused; the register keeps its date.
    Rejected,
    /// Another edit came after it.
    Superseded,
    /// The date went back to ours.
    Withdrawn,
    /// Recorded on a milestone that is over: nothing is asked.
    Noted,
}

impl MoveState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Unexplained,
        Self::Explained,
        Self::Approved,
        Self::Rejected,
        Self::Superseded,
        Self::Withdrawn,
        Self::Noted,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unexplained => "unexplained",
            Self::Explained => "explained",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
            Self::Noted => "noted",
        }
    }

    /// Whether it waits for somebody.
    pub fn is_open(self) -> bool {
        match self {
            Self::Unexplained | Self::Explained => true,
            Self::Approved | Self::Rejected | Self::Superseded | Self::Withdrawn | Self::Noted => false,
        }
    }
}

/// Why a date moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rationale {
    /// In their words.
    pub text: String,
    /// Whose.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// How a move was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// By whom: a person, or the rule by its identifier.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One change of a due date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Numbered from 1 within its milestone.
    pub number: u32,
    /// The date in force when it was proposed.
    pub from: Option<NaiveDate>,
    /// The proposed date; none is a cleared one, which can be explained but never approved.
    pub to: Option<NaiveDate>,
    /// Who moved it.
    pub by: Actor,
    /// When it was moved, by the clock of where it was.
    pub at: DateTime<Utc>,
    /// Whence: the ticket's history id, a command, a file.
    pub whence: String,
    /// Why.
    pub rationale: Option<Rationale>,
    /// Where it stands.
    pub state: MoveState,
    /// How it was decided.
    pub decision: Option<Decision>,
    /// The notice that asks about it.
    pub asked: Option<u32>,
}
