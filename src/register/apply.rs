//! The only way in which state alters. Reads nothing but the state, the change and the time of its journal row:
//! no clock, no configuration, no rule. So the tables are a fold of the journal.
//!
//! What a change may never do is refused here as well, whoever decided it: a closed item stays closed, a decided move
//! stays decided, and a milestone has at most one open move.

use chrono::{DateTime, Utc};

use super::{
    Change, Evidence, EvidenceOf, Import, Item, ItemNumber, Milestone, MilestoneNumber, MilestoneState, Move,
    MoveState, Register, Status, Token,
};

/// A change that does not fit the state: the journal or the tables are broken, or the state was not loaded whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a change does not fit the state: {0}")]
pub struct Misfit(String);

fn misfit<T>(what: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit(what.into()))
}

/// Applies one change that was recorded `at`: the time of its journal row.
#[expect(
    clippy::too_many_lines,
    reason = "one match over every change: a new one does not build before it is here"
)]
pub fn apply(register: &mut Register, at: DateTime<Utc>, change: &Change) -> Result<(), Misfit> {
    match change {
        // --- system ---
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
        Change::JournalSealed { upto: _, hash: _, key: _, signature: _ } => {}

        // --- items ---
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
            let item = the_item(register, at, item)?;
            item.facts = (**facts).clone();
            item.status_date = status_date.or(item.status_date);
            if let Some(row) = imported {
                item.imported = Some((**row).clone());
            }
        }
        Change::ItemDeadline { item, deadline } => {
            the_item(register, at, item)?.deadline.clone_from(deadline);
        }
        Change::ItemStatus { item, to } => {
            let item = the_open_item(register, at, item)?;
            item.status = *to;
            item.status_since = at;
        }
        Change::ItemClosed { item, disposition, date, reason: _, roles: _ } => {
            let item = the_open_item(register, at, item)?;
            item.status = Status::Closed;
            item.disposition = Some(disposition.clone());
            item.status_date = Some(*date);
            item.status_since = at;
        }
        Change::ItemCorrected { item, correction, facts } => {
            let item = the_item(register, at, item)?;
            item.facts = (**facts).clone();
            item.corrections.push(correction.clone());
        }

        // --- milestones ---
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
                corrections: Vec::new(),
                imported_as: imported_as.clone(),
                changed: at,
            };
            register.milestones.insert(*milestone, added);
        }
        Change::MilestoneServes { milestone, serves } => {
            the_milestone(register, at, *milestone)?.serves.clone_from(serves);
        }
        Change::MilestoneText { milestone, text, original, reason: _ } => {
            let milestone = the_milestone(register, at, *milestone)?;
            milestone.text.clone_from(text);
            if *original {
                milestone.original_text.clone_from(text);
            }
        }
        Change::MilestoneDue { milestone, due } => {
            let milestone = the_milestone(register, at, *milestone)?;
            milestone.original_due = *due;
            milestone.due = *due;
        }
        Change::MilestoneCorrected { milestone, correction, text, due } => {
            let milestone = the_milestone(register, at, *milestone)?;
            if let Some(text) = text {
                // The wording in force follows while it is the original.
                if milestone.text == milestone.original_text {
                    milestone.text.clone_from(text);
                }
                milestone.original_text.clone_from(text);
            }
            if let Some(due) = due {
                milestone.original_due = Some(*due);
                if !milestone.moves.iter().any(|m| m.state == MoveState::Approved) {
                    milestone.due = Some(*due);
                }
            }
            milestone.corrections.push(correction.clone());
        }
        Change::MilestoneExpects { milestone, expects } => {
            the_milestone(register, at, *milestone)?.expects.clone_from(expects);
        }
        Change::MilestoneOwner { milestone, owner } => {
            the_milestone(register, at, *milestone)?.owner.clone_from(owner);
        }
        Change::MilestoneStateChanged { milestone, from, to, at: happened, reason, roles: _ } => {
            let milestone = the_milestone(register, at, *milestone)?;
            if milestone.state != *from {
                return misfit(format!(
                    "{} is {}, not {}",
                    milestone.number,
                    milestone.state.name(),
                    from.name()
                ));
            }
            milestone.state = *to;
            milestone.state_since = *happened;
            milestone.blocked = (*to == MilestoneState::Blocked).then(|| reason.clone().unwrap_or_default());
            match to {
                MilestoneState::Done => milestone.done = Some(*happened),
                MilestoneState::Planned | MilestoneState::InProgress | MilestoneState::Blocked => {
                    milestone.done = None;
                }
                MilestoneState::Verified | MilestoneState::Dropped => {}
            }
        }
        Change::MilestoneClosedWithoutFix { milestone, closed } => {
            the_milestone(register, at, *milestone)?.closed_without_fix.clone_from(closed);
        }
        Change::MilestoneEvidenceAfter { milestone, after } => {
            the_milestone(register, at, *milestone)?.evidence_after = Some(*after);
        }
        Change::MilestoneTicket { milestone, ticket } => {
            the_milestone(register, at, *milestone)?.ticket.clone_from(ticket);
        }
        Change::MilestoneTicketTitle { milestone, title } => {
            the_milestone(register, at, *milestone)?.ticket_title.clone_from(title);
        }

        // --- moves ---
        Change::MoveProposed { milestone, moved } => {
            let milestone = the_milestone(register, at, *milestone)?;
            if moved.number as usize != milestone.moves.len() + 1 {
                return misfit(format!("move {} of {} has no place", moved.number, milestone.number));
            }
            if let (Some(open), true) = (milestone.open_move(), moved.state.is_open()) {
                return misfit(format!("move {} of {} is still open", open.number, milestone.number));
            }
            milestone.moves.push(moved.clone());
        }
        Change::MoveExplained { milestone, number, rationale } => {
            let moved = the_open_move(register, at, *milestone, *number)?;
            moved.rationale = Some(rationale.clone());
            moved.state = MoveState::Explained;
        }
        Change::MoveApproved { milestone, number, decision, roles: _ } => {
            let moved = the_open_move(register, at, *milestone, *number)?;
            moved.state = MoveState::Approved;
            moved.decision = Some(decision.clone());
            let to = moved.to;
            let milestone = the_milestone(register, at, *milestone)?;
            milestone.due = to;
            // A first date set by a move becomes the original.
            if milestone.original_due.is_none() {
                milestone.original_due = to;
            }
        }
        Change::MoveEnded { milestone, number, to, decision, roles: _ } => {
            match to {
                MoveState::Rejected | MoveState::Superseded | MoveState::Withdrawn => {}
                MoveState::Unexplained | MoveState::Explained | MoveState::Approved | MoveState::Noted => {
                    return misfit(format!("no move ends as {}", to.name()));
                }
            }
            let moved = the_open_move(register, at, *milestone, *number)?;
            moved.state = *to;
            moved.decision = Some(decision.clone());
        }

        // --- evidence, drift, conflicts, notices ---
        Change::EvidenceAdded { evidence } => add_evidence(register, at, evidence)?,
        Change::EvidenceRedacted { digest: _, numbers, reason } => {
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
            // To be asked is no progress: the milestone stays as it was.
            for (milestone, number) in &notice.covers {
                the_move(register, *milestone, *number)?.asked = Some(notice.number);
            }
            register.notices.insert(notice.number, notice.clone());
        }

        // --- the reserved chain ---
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
        Change::TrackerResumed { tracker, reason: _, by: _ } => {
            register.halted.remove(tracker);
        }
    }
    Ok(())
}

/// The item, changed now.
fn the_item<'a>(
    register: &'a mut Register,
    at: DateTime<Utc>,
    number: &ItemNumber,
) -> Result<&'a mut Item, Misfit> {
    match register.items.get_mut(number) {
        Some(item) => {
            item.changed = at;
            Ok(item)
        }
        None => misfit(format!("no item {number}")),
    }
}

/// The item, changed now, unless it is closed: what is closed has no other status any more.
fn the_open_item<'a>(
    register: &'a mut Register,
    at: DateTime<Utc>,
    number: &ItemNumber,
) -> Result<&'a mut Item, Misfit> {
    let item = the_item(register, at, number)?;
    if item.is_open() { Ok(item) } else { misfit(format!("item {number} is closed, and stays so")) }
}

/// The milestone, changed now.
fn the_milestone(
    register: &mut Register,
    at: DateTime<Utc>,
    number: MilestoneNumber,
) -> Result<&mut Milestone, Misfit> {
    match register.milestones.get_mut(&number) {
        Some(milestone) => {
            milestone.changed = at;
            Ok(milestone)
        }
        None => misfit(format!("no milestone {number}")),
    }
}

/// A move.
fn the_move(register: &mut Register, milestone: MilestoneNumber, number: u32) -> Result<&mut Move, Misfit> {
    let held = register.milestones.get_mut(&milestone).map(|milestone| &mut milestone.moves);
    match held.into_iter().flatten().find(|m| m.number == number) {
        Some(moved) => Ok(moved),
        None => misfit(format!("no move {number} of {milestone}")),
    }
}

/// A move that is not decided yet, with its milestone changed now.
fn the_open_move(
    register: &mut Register,
    at: DateTime<Utc>,
    milestone: MilestoneNumber,
    number: u32,
) -> Result<&mut Move, Misfit> {
    the_milestone(register, at, milestone)?;
    let moved = the_move(register, milestone, number)?;
    if moved.state.is_open() {
        Ok(moved)
    } else {
        misfit(format!("move {number} of {milestone} is {} already", moved.state.name()))
    }
}

fn add_evidence(register: &mut Register, at: DateTime<Utc>, evidence: &Evidence) -> Result<(), Misfit> {
    if register.evidence.contains_key(&evidence.number) {
        return misfit(format!("evidence {} is there already", evidence.number));
    }
    match &evidence.of {
        EvidenceOf::Milestone(number) => {
            the_milestone(register, at, *number)?.evidence.push(evidence.number);
        }
        EvidenceOf::Item(number) => {
            the_item(register, at, number)?;
        }
        EvidenceOf::Source(_) => {}
    }
    register.system.last_evidence = register.system.last_evidence.max(evidence.number);
    register.evidence.insert(evidence.number, evidence.clone());
    Ok(())
}
