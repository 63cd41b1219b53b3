//! What an open item must have.

use super::{Item, MilestoneState, Register};

/// Everything that an item lacks to be open, each in words.
pub fn missing(register: &Register, item: &Item) -> Vec<String> {
    let facts = &item.facts;
    let mut missing = Vec::new();
    let mut lack = |lacking: bool, what: &str| {
        if lacking {
            missing.push(what.to_owned());
        }
    };
    lack(facts.title.is_empty(), "a title");
    lack(facts.controls.is_empty(), "a control");
    lack(facts.detector.is_empty(), "the source that detected it");
    lack(facts.detected.is_none(), "the original detection date");
    lack(facts.rating.is_none(), "the original risk rating");
    lack(facts.owner.is_none(), "an owner");
    lack(facts.scheduled.is_none(), "the scheduled completion date");
    let milestones: Vec<_> =
        register.milestones_of(&item.number).filter(|m| m.state != MilestoneState::Dropped).collect();
    lack(milestones.is_empty(), "a milestone");
    for milestone in milestones {
        lack(milestone.due.is_none(), &format!("a due date of {}", milestone.number));
        lack(milestone.owner.is_none(), &format!("an owner of {}", milestone.number));
    }
    missing
}
