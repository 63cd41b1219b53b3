//! What programs see of the register: the JSON objects of `--json` and of the API, the same in both.
//!
//! Every member is always there, `null` where nothing is known. Items are named as `V-12`, milestones as `M-17`;
//! dates are ISO 8601 days in the system's calendar, times RFC 3339 in UTC with six decimals, so that they sort as
//! text; whoever acted stands as in the journal (`person:Dana`, `rule:moves`). A member may be added; none is renamed
//! or changes its type.

mod drift;
mod evidence;
mod item;
mod journal;
mod link;
mod milestone;
mod moves;
mod notice;
mod person;
mod system;
mod token;

use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::journal::written;

pub use drift::{ConflictView, DriftView, ResolutionView};
use drift::{open_conflicts, open_drifts};
pub use evidence::EvidenceView;
pub use item::{CorrectionView, ImportedView, ItemDetail, ItemView};
pub use journal::EntryView;
pub use link::{LinkView, ObservedView};
pub use milestone::{ClosedWithoutFixView, ImportedAsView, MilestoneDetail, MilestoneView};
pub use moves::{DecisionView, MoveView, RationaleView};
pub use notice::{CoveredView, NoticeView};
pub use person::PersonView;
pub use system::SystemView;
pub use token::TokenView;

/// Something as it is written out: `M-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<T>(pub T);

impl<T: Display> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// A time, always with six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&written(self.0))
    }
}
