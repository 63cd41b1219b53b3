//! What an open item and a done milestone must have: pure, so that the guard of a command and the detection of drift
//! ask the same question.

use std::collections::BTreeSet;
use std::fmt;

use super::{EvidenceKind, Item, Milestone, MilestoneNumber, MilestoneState, Register};

/// One thing that an item lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// Weakness name.
    Title,
    /// Weakness description.
    Description,
    /// Controls.
    Controls,
    /// Weakness detector source.
    Detector,
    /// Original detection date.
    Detected,
    /// Original risk rating.
    Rating,
    /// The one person who owns it.
    Owner,
    /// Scheduled completion date.
    Scheduled,
    /// Not one milestone that was not dropped.
    Milestones,
    /// A milestone that is not over has no due date.
    MilestoneDue(MilestoneNumber),
    /// A milestone that is not over has no owner.
    MilestoneOwner(MilestoneNumber),
    /// A milestone that is not over does not say what will prove it.
    MilestoneEvidence(MilestoneNumber),
}

impl Gap {
    /// Whether a person is what is missing: drift detection has a kind of its own for that.
    pub fn is_of_owner(self) -> bool {
        match self {
            Self::Owner | Self::MilestoneOwner(_) => true,
            Self::Title
            | Self::Description
            | Self::Controls
            | Self::Detector
            | Self::Detected
            | Self::Rating
            | Self::Scheduled
            | Self::Milestones
            | Self::MilestoneDue(_)
            | Self::MilestoneEvidence(_) => false,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title => f.write_str("title"),
            Self::Description => f.write_str("description"),
            Self::Controls => f.write_str("controls"),
            Self::Detector => f.write_str("detector"),
            Self::Detected => f.write_str("original detection date"),
            Self::Rating => f.write_str("original risk rating"),
            Self::Owner => f.write_str("owner"),
            Self::Scheduled => f.write_str("scheduled completion date"),
            Self::Milestones => f.write_str("a milestone"),
            Self::MilestoneDue(number) => write!(f, "due date of {number}"),
            Self::MilestoneOwner(number) => write!(f, "owner of {number}"),
            Self::MilestoneEvidence(number) => write!(f, "expected evidence of {number}"),
        }
    }
}

/// All that `item` lacks of what an open item must have (NIST SP 800-53 CA-5; POA&M Completion Guide, columns B to L
/// and S), given the milestones that serve it. A milestone that is over is asked for nothing.
pub fn gaps<'a>(item: &Item, milestones: impl IntoIterator<Item = &'a Milestone>) -> Vec<Gap> {
    let facts = &item.facts;
    let blank = |text: &str| text.trim().is_empty();
    let mut gaps: Vec<Gap> = [
        (blank(&facts.title), Gap::Title),
        (blank(&facts.description), Gap::Description),
        (facts.controls.iter().all(|control| blank(control)), Gap::Controls),
        (blank(&facts.detector), Gap::Detector),
        (facts.detected.is_none(), Gap::Detected),
        (facts.rating.is_none(), Gap::Rating),
        (facts.owner.as_deref().is_none_or(blank), Gap::Owner),
        (facts.scheduled.is_none(), Gap::Scheduled),
    ]
    .into_iter()
    .filter_map(|(lacks, gap)| lacks.then_some(gap))
    .collect();

    let mut planned = false;
    let mut of_milestones = Vec::new();
    for milestone in milestones {
        planned |= milestone.state != MilestoneState::Dropped;
        if milestone.state.is_over() {
            continue;
        }
        if milestone.due.is_none() {
            of_milestones.push(Gap::MilestoneDue(milestone.number));
        }
        if milestone.owner.as_deref().is_none_or(blank) {
            of_milestones.push(Gap::MilestoneOwner(milestone.number));
        }
        if milestone.expects.is_empty() {
            of_milestones.push(Gap::MilestoneEvidence(milestone.number));
        }
    }
    if !planned {
        gaps.push(Gap::Milestones);
    }
    gaps.extend(of_milestones);
    gaps
}

/// The same in words, for a refusal that names everything missing at once. Reads every loaded milestone.
pub fn missing(register: &Register, item: &Item) -> Vec<String> {
    gaps(item, register.milestones_of(&item.number)).iter().map(ToString::to_string).collect()
}

/// The kinds of evidence that `milestone` expects and does not have. Its evidence must be loaded.
///
/// A proof counts if it is held here ([`Evidence::is_held`](super::Evidence::is_held)) and, after a rejected validation,
/// only if what it shows is newer than the rejection.
pub fn missing_evidence(register: &Register, milestone: &Milestone) -> BTreeSet<EvidenceKind> {
    let mut missing = milestone.expects.clone();
    for evidence in milestone.evidence.iter().filter_map(|number| register.evidence.get(number)) {
        if evidence.is_held() && milestone.evidence_after.is_none_or(|after| evidence.observed > after) {
            missing.remove(&evidence.kind);
        }
    }
    missing
}
