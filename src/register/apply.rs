//! The only way in which state alters. Reads nothing but the state, the change and the time of its journal row:
//! no clock, no configuration, no rule. So the tables are a fold of the journal.

use chrono::{DateTime, Utc};

use super::{
    Change, Evidence, EvidenceOf, Import, Item, ItemNumber, Milestone, MilestoneNumber, MilestoneState, Move,
    MoveState, Register, Status, Token,
};

/// A change that does not fit the state: the journal or the tables are broken, or the state was not loaded whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a change does not fit the state: {0}")]
pub struct Misfit(String);

type Applied = Result<(), Misfit>;

fn misfit<T>(what: impl std::fmt::Display) -> Result<T, Misfit> {
    Err(Misfit(what.to_string()))
}

/// Applies one change that was recorded `at`.
pub fn apply(register: &mut Register, at: DateTime<Utc>, change: &Change) -> Applied {
    match change {
        Change::SystemRecorded { profile } => register.system.profile = Some(profile.clone()),
        Change::RulesApplied { name, digest } => {
            let rules = &mut register.system.rules;
            rules.retain(|(known, _)| known != name);
            rules.push((name.clone(), digest.clone()));
            rules.sort();
        }
        Change::ImportStarted { file, name, rows } => {
            let import = Import { name: name.clone(), rows: *rows, started: at, finished: None };
            register.imports.insert(file.clone(), import);
        }
        Change::ImportFinished { file } => match register.imports.get_mut(file) {
            Some(import) => import.finished = Some(at),
            None => return misfit(format!("no import of {file}")),
        },
        Change::JournalSealed { .. } => {}

        Change::ItemAdded { .. }
        | Change::ItemFactsChanged { .. }
        | Change::ItemDeadline { .. }
        | Change::ItemStatus { .. }
        | Change::ItemClosed { .. }
        | Change::ItemCorrected { .. } => return apply_item(register, at, change),

        Change::MilestoneAdded { .. }
        | Change::MilestoneServes { .. }
        | Change::MilestoneText { .. }
        | Change::MilestoneDue { .. }
        | Change::MilestoneExpects { .. }
        | Change::MilestoneOwner { .. }
        | Change::MilestoneStateChanged { .. }
        | Change::MilestoneClosedWithoutFix { .. }
        | Change::MilestoneEvidenceAfter { .. }
        | Change::MilestoneTicket { .. }
        | Change::MilestoneTicketTitle { .. } => return apply_milestone(register, at, change),

        Change::MoveProposed { .. }
        | Change::MoveExplained { .. }
        | Change::MoveApproved { .. }
        | Change::MoveEnded { .. } => return apply_move(register, at, change),

        Change::EvidenceAdded { evidence } => return add_evidence(register, at, evidence),
        Change::EvidenceRedacted { numbers, reason, .. } => {
            for number in numbers {
                match register.evidence.get_mut(number) {
                    Some(evidence) => evidence.redacted = Some(reason.clone()),
                    None => return misfit(format!("no evidence {number}")),
                }
            }
        }
        Change::DriftOpened { drift } => {
            register.system.last_drift = register.system.last_drift.max(drift.number);
            register.drifts.insert(drift.number, drift.clone());
        }
        Change::DriftDetail { number, detail } => match register.drifts.get_mut(number) {
            Some(drift) => drift.detail.clone_from(detail),
            None => return misfit(format!("no drift {number}")),
        },
        Change::DriftSettled { number, by } => match register.drifts.get_mut(number) {
            Some(drift) => {
                drift.settled = Some(at);
                drift.settled_by = Some(by.clone());
            }
            None => return misfit(format!("no drift {number}")),
        },
        Change::ConflictFound { conflict } => {
            register.system.last_conflict = register.system.last_conflict.max(conflict.number);
            register.conflicts.insert(conflict.number, conflict.clone());
        }
        Change::ConflictResolved { number, resolution } => match register.conflicts.get_mut(number) {
            Some(conflict) => conflict.resolved = Some(resolution.clone()),
            None => return misfit(format!("no conflict {number}")),
        },
        Change::NoticeQueued { notice } => {
            register.system.last_notice = register.system.last_notice.max(notice.number);
            register.notices.insert(notice.number, notice.clone());
            for (milestone, number) in &notice.covers {
                the_move(register, *milestone, *number)?.asked = Some(notice.number);
            }
        }

        Change::PersonRecorded { person } => {
            register.people.insert(person.name.clone(), person.clone());
        }
        Change::PersonRemoved { name } => {
            register.people.remove(name);
        }
        Change::TokenAdded { name, digest, expires, systems } => {
            let token = Token {
                name: name.clone(),
                digest: digest.clone(),
                added: at,
                expires: *expires,
                systems: systems.clone(),
                revoked: None,
            };
            register.tokens.insert(name.clone(), token);
        }
        Change::TokenRevoked { name } => match register.tokens.get_mut(name) {
            Some(token) => token.revoked = Some(at),
            None => return misfit(format!("no token {name:?}")),
        },
        Change::TrackerHalted { tracker, reason } => {
            register.halted.insert(tracker.clone(), reason.clone());
        }
        Change::TrackerResumed { tracker, .. } => {
            register.halted.remove(tracker);
        }
    }
    Ok(())
}

fn the_item<'a>(register: &'a mut Register, number: &ItemNumber) -> Result<&'a mut Item, Misfit> {
    match register.items.get_mut(number) {
        Some(item) => Ok(item),
        None => misfit(format!("no item {number}")),
    }
}

fn the_milestone(register: &mut Register, number: MilestoneNumber) -> Result<&mut Milestone, Misfit> {
    match register.milestones.get_mut(&number) {
        Some(milestone) => Ok(milestone),
        None => misfit(format!("no milestone {number}")),
    }
}

fn the_move(register: &mut Register, milestone: MilestoneNumber, number: u32) -> Result<&mut Move, Misfit> {
    match the_milestone(register, milestone)?.moves.iter_mut().find(|m| m.number == number) {
        Some(moved) => Ok(moved),
        None => misfit(format!("no move {number} of {milestone}")),
    }
}

fn apply_item(register: &mut Register, at: DateTime<Utc>, change: &Change) -> Applied {
    match change {
        Change::ItemAdded { item, facts, status, disposition, status_date, deadline, imported } => {
            if register.items.contains_key(item) {
                return misfit(format!("item {item} is there already"));
            }
            let system = &mut register.system;
            system.items += 1;
            system.last_item = system.last_item.max(item.ordinal().unwrap_or(0));
            let added = Item {
                number: item.clone(),
                place: system.items,
                facts: (**facts).clone(),
                status: *status,
                disposition: disposition.clone(),
                status_since: at,
                status_date: *status_date,
                deadline: deadline.clone(),
                corrections: Vec::new(),
                imported: imported.as_deref().cloned(),
                reviewed: None,
                changed: at,
            };
            register.items.insert(item.clone(), added);
        }
        Change::ItemFactsChanged { item, facts, status_date, imported } => {
            let item = the_item(register, item)?;
            item.facts = (**facts).clone();
            item.status_date = status_date.or(item.status_date);
            if let Some(row) = imported {
                item.imported = Some((**row).clone());
            }
            item.changed = at;
        }
        Change::ItemDeadline { item, deadline } => {
            let item = the_item(register, item)?;
            item.deadline.clone_from(deadline);
            item.changed = at;
        }
        Change::ItemStatus { item, to } => {
            let item = the_item(register, item)?;
            item.status = *to;
            item.status_since = at;
            item.changed = at;
        }
        Change::ItemClosed { item, disposition, date, .. } => {
            let item = the_item(register, item)?;
            item.status = Status::Closed;
            item.disposition = Some(disposition.clone());
            item.status_date = Some(*date);
            item.status_since = at;
            item.changed = at;
        }
        Change::ItemCorrected { item, correction, facts } => {
            let item = the_item(register, item)?;
            item.facts = (**facts).clone();
            item.corrections.push(correction.clone());
            item.changed = at;
        }
        other => return misfit(format!("{} is no change of an item", other.subject())),
    }
    Ok(())
}

fn apply_milestone(register: &mut Register, at: DateTime<Utc>, change: &Change) -> Applied {
    let number = match change {
        Change::MilestoneAdded {
            milestone,
            text,
            serves,
            owner,
            expects,
            depends_on,
            due,
            state,
            imported_as,
            wording_allowed: _,
        } => {
            if register.milestones.contains_key(milestone) {
                return misfit(format!("milestone {milestone} is there already"));
            }
            register.system.last_milestone = register.system.last_milestone.max(milestone.0);
            let added = Milestone {
                number: *milestone,
                text: text.clone(),
                original_text: text.clone(),
                serves: serves.clone(),
                owner: owner.clone(),
                expects: expects.clone(),
                depends_on: depends_on.clone(),
                original_due: *due,
                due: *due,
                moves: Vec::new(),
                state: *state,
                state_since: at,
                blocked: None,
                done: state.is_over().then_some(at),
                evidence: Vec::new(),
                ticket: None,
                ticket_title: None,
                closed_without_fix: None,
                evidence_after: None,
                imported_as: imported_as.clone(),
                changed: at,
            };
            register.milestones.insert(*milestone, added);
            return Ok(());
        }
        Change::MilestoneServes { milestone, .. }
        | Change::MilestoneText { milestone, .. }
        | Change::MilestoneDue { milestone, .. }
        | Change::MilestoneExpects { milestone, .. }
        | Change::MilestoneOwner { milestone, .. }
        | Change::MilestoneStateChanged { milestone, .. }
        | Change::MilestoneClosedWithoutFix { milestone, .. }
        | Change::MilestoneEvidenceAfter { milestone, .. }
        | Change::MilestoneTicket { milestone, .. }
        | Change::MilestoneTicketTitle { milestone, .. } => *milestone,
        other => return misfit(format!("{} is no change of a milestone", other.subject())),
    };
    let milestone = the_milestone(register, number)?;
    milestone.changed = at;
    match change {
        Change::MilestoneServes { serves, .. } => milestone.serves.clone_from(serves),
        Change::MilestoneText { text, original, .. } => {
            milestone.text.clone_from(text);
            if *original {
                milestone.original_text.clone_from(text);
            }
        }
        Change::MilestoneDue { due, .. } => {
            milestone.original_due = *due;
            milestone.due = *due;
        }
        Change::MilestoneExpects { expects, .. } => milestone.expects.clone_from(expects),
        Change::MilestoneOwner { owner, .. } => milestone.owner.clone_from(owner),
        Change::MilestoneStateChanged { from, to, at: happened, reason, .. } => {
            if milestone.state != *from {
                return misfit(format!("{number} is {}, not {}", milestone.state.name(), from.name()));
            }
            milestone.state = *to;
            milestone.state_since = *happened;
            milestone.blocked = (*to == MilestoneState::Blocked).then(|| reason.clone().unwrap_or_default());
            match to {
                MilestoneState::Done => milestone.done = Some(*happened),
                MilestoneState::Planned | MilestoneState::InProgress | MilestoneState::Blocked => {
                    milestone.done = None
                }
                MilestoneState::Verified | MilestoneState::Dropped => {}
            }
        }
        Change::MilestoneClosedWithoutFix { closed, .. } => milestone.closed_without_fix.clone_from(closed),
        Change::MilestoneEvidenceAfter { after, .. } => milestone.evidence_after = Some(*after),
        Change::MilestoneTicket { ticket, .. } => milestone.ticket.clone_from(ticket),
        Change::MilestoneTicketTitle { title, .. } => milestone.ticket_title.clone_from(title),
        other => return misfit(format!("{} is no change of a milestone", other.subject())),
    }
    Ok(())
}

fn apply_move(register: &mut Register, at: DateTime<Utc>, change: &Change) -> Applied {
    match change {
        Change::MoveProposed { milestone, moved } => {
            let milestone = the_milestone(register, *milestone)?;
            if moved.number as usize != milestone.moves.len() + 1 {
                return misfit(format!("move {} of {} has no place", moved.number, milestone.number));
            }
            milestone.moves.push(moved.clone());
            milestone.changed = at;
        }
        Change::MoveExplained { milestone, number, rationale } => {
            let moved = the_move(register, *milestone, *number)?;
            moved.rationale = Some(rationale.clone());
            if moved.state == MoveState::Unexplained {
                moved.state = MoveState::Explained;
            }
            the_milestone(register, *milestone)?.changed = at;
        }
        Change::MoveApproved { milestone, number, decision, .. } => {
            let moved = the_move(register, *milestone, *number)?;
            moved.state = MoveState::Approved;
            moved.decision = Some(decision.clone());
            let to = moved.to;
            let milestone = the_milestone(register, *milestone)?;
            milestone.due = to;
            // A first date set by a move becomes the original.
            if milestone.original_due.is_none() {
                milestone.original_due = to;
            }
            milestone.changed = at;
        }
        Change::MoveEnded { milestone, number, to, decision, .. } => {
            let moved = the_move(register, *milestone, *number)?;
            moved.state = *to;
            moved.decision = Some(decision.clone());
            the_milestone(register, *milestone)?.changed = at;
        }
        other => return misfit(format!("{} is no change of a move", other.subject())),
    }
    Ok(())
}

fn add_evidence(register: &mut Register, at: DateTime<Utc>, evidence: &Evidence) -> Applied {
    register.system.last_evidence = register.system.last_evidence.max(evidence.number);
    match &evidence.of {
        EvidenceOf::Milestone(number) => {
            let milestone = the_milestone(register, *number)?;
            milestone.evidence.push(evidence.number);
            milestone.changed = at;
        }
        EvidenceOf::Item(number) => the_item(register, number)?.changed = at,
        EvidenceOf::Source(_) => {}
    }
    register.evidence.insert(evidence.number, evidence.clone());
    Ok(())
}
