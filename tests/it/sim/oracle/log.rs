//! What a log tells: states, dates, comments and proofs, each taken once and in its order.

use std::collections::{BTreeMap, BTreeSet};

use connector_api::TicketState;
use connector_api::fake::FakeTicket;
use poam::register::{Actor, DriftKind, Link, Milestone, MilestoneState, MoveState};
use poam::sync::mapping;

use super::End;
use crate::sim::grc::Ruled;
use crate::sim::people::{Deed, Done, Site};

impl End<'_> {
    pub(super) fn state(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        ruled: &[(u64, Ruled)],
    ) {
        let apart = match (milestone.state, ticket.state) {
            (
                MilestoneState::Planned | MilestoneState::InProgress,
                TicketState::Open | TicketState::InProgress,
            )
            | (MilestoneState::Done | MilestoneState::Verified, TicketState::Done)
            // Over on both sides; what GRC dropped stays dropped.
            | (MilestoneState::Dropped, TicketState::Dropped | TicketState::Done) => false,
            // The register's word, or the ticket's label; both are shown.
            (MilestoneState::Blocked, TicketState::Open | TicketState::InProgress | TicketState::Blocked) => {
                !self.has_drift(link.milestone, &[DriftKind::Blocked])
            }
            (MilestoneState::Planned | MilestoneState::InProgress, TicketState::Blocked) => {
                // Somebody said since that work goes on.
                let unblocked = deeds.iter().any(|deed| {
                    matches!(&deed.what, Done::Said(_, text) if text.contains("unblocked"))
                });
                let went_on = ruled.iter().any(|(_, what)| matches!(what, Ruled::State(MilestoneState::InProgress)));
                !(unblocked || went_on)
            }
            (_, TicketState::Dropped) => !self.has_drift(link.milestone, &[DriftKind::ClosedWithoutFix]),
            (
                MilestoneState::Done | MilestoneState::Verified | MilestoneState::Dropped,
                TicketState::Open | TicketState::InProgress | TicketState::Blocked,
            )
            | (
                MilestoneState::Planned | MilestoneState::InProgress | MilestoneState::Blocked,
                TicketState::Done,
            ) => !self.has_drift(link.milestone, &[DriftKind::Reopened, DriftKind::ReopenedAfterClosure]),
        };
        if apart {
            self.fail(
                link,
                format!(
                    "state {:?} ({}), milestone {}, closed without fix {:?}, and nothing says why",
                    ticket.state,
                    ticket.status,
                    milestone.state.name(),
                    milestone.closed_without_fix
                ),
            );
        }
        // Who acts last in the ticket is heard, unless GRC ruled afterwards.
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::State(state) => Some((deed.order, *state)),
            _ => None,
        });
        let last_rule = ruled.iter().rev().find_map(|(order, what)| match what {
            Ruled::State(state) => Some((*order, *state)),
            Ruled::Text(_) | Ruled::Owner(_) => None,
        });
        let Some((order, state)) = last else { return };
        let commanded = deeds.iter().any(|deed| {
            deed.order > order && matches!(&deed.what, Done::Said(_, text) if text.contains("blocked"))
        });
        if commanded || last_rule.is_some_and(|(ruled, _)| ruled > order) {
            return;
        }
        let heard = match state {
            TicketState::Done => milestone.state.is_over() || milestone.closed_without_fix.is_some(),
            TicketState::Dropped => {
                milestone.closed_without_fix.is_some() || milestone.state == MilestoneState::Dropped
            }
            TicketState::Open | TicketState::InProgress | TicketState::Blocked => {
                matches!(milestone.state, MilestoneState::Dropped | MilestoneState::Verified)
                    || !milestone.state.is_over() && milestone.closed_without_fix.is_none()
            }
        };
        if !heard {
            self.fail(link, format!("{state:?} in the ticket is lost: milestone {}", milestone.state.name()));
        }
    }

    pub(super) fn due(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        site: Site,
    ) {
        let shown = match site {
            Site::Jira => ticket.due,
            Site::Github => match mapping::due_line(ticket.block.as_deref()) {
                mapping::DueLine::Date(date) => Some(date),
                mapping::DueLine::Cleared => None,
                other => return self.fail(link, format!("the due line is {other:?}")),
            },
        };
        if shown != milestone.due {
            let over = milestone.state.is_over();
            let named = milestone.moves.iter().rev().find(|moved| moved.to == shown);
            let fine = named.is_some_and(|moved| match moved.state {
                MoveState::Unexplained | MoveState::Explained => true,
                MoveState::Rejected => over || self.has_drift(link.milestone, &[DriftKind::DueDiffers]),
                MoveState::Noted => over,
                MoveState::Approved | MoveState::Superseded | MoveState::Withdrawn => false,
            });
            if !fine {
                self.fail(
                    link,
                    format!(
                        "due {shown:?}, plan {:?}, and nothing says why: {:?}",
                        milestone.due, milestone.moves
                    ),
                );
            }
        }
        // Jira's history tells of each edit; in a block only what was looked at can be seen.
        let in_force: BTreeSet<_> = milestone
            .moves
            .iter()
            .filter(|moved| moved.state == MoveState::Approved)
            .map(|moved| moved.to)
            .chain([milestone.original_due])
            .collect();
        let dates = deeds.iter().filter_map(|deed| match deed.what {
            Done::Due(due) => Some(due),
            _ => None,
        });
        let lost: Vec<_> = dates
            .filter(|due| !in_force.contains(due) && !milestone.moves.iter().any(|moved| moved.to == *due))
            .collect();
        if site == Site::Jira && !lost.is_empty() {
            self.fail(link, format!("dates that became no move: {lost:?}"));
        }
        if milestone.moves.iter().filter(|moved| moved.state.is_open()).count() > 1 {
            self.fail(link, "several moves are open".to_owned());
        }
        for moved in milestone.moves.iter().filter(|moved| moved.state == MoveState::Approved) {
            let by = moved.decision.as_ref().map(|decision| decision.by.clone());
            let fine = match &by {
                Some(Actor::Person(name)) => {
                    name == "Grace Example" && moved.by != Actor::Person(name.clone())
                }
                Some(Actor::Rule(_) | Actor::Local(_)) => true,
                Some(Actor::Account(..) | Actor::Unknown(_) | Actor::Token(_) | Actor::Poam) | None => false,
            };
            if !fine || moved.to.is_none() {
                self.fail(link, format!("approved by {by:?}: {moved:?}"));
            }
        }
    }

    /// What somebody else wrote into a comment is never obeyed; each proof is kept once, each file too.
    pub(super) fn commands(&mut self, link: &Link, milestone: &Milestone, deeds: &[Deed]) {
        let mut sources: BTreeMap<String, usize> = BTreeMap::new();
        for number in &milestone.evidence {
            if let Some(evidence) = self.register.evidence.get(number) {
                *sources.entry(format!("{} {}", evidence.source, evidence.title)).or_default() += 1;
            }
        }
        for (source, times) in sources {
            if times > 1 {
                self.fail(link, format!("evidence {source} was taken {times} times"));
            }
        }
        let forged = |text: &str| text.contains("forged");
        for moved in &milestone.moves {
            if moved.rationale.as_ref().is_some_and(|why| forged(&why.text)) {
                self.fail(link, format!("a forged comment is obeyed: {moved:?}"));
            }
        }
        for deed in deeds {
            if let Done::File(name) = &deed.what {
                let kept = milestone
                    .evidence
                    .iter()
                    .filter_map(|number| self.register.evidence.get(number))
                    .filter(|evidence| evidence.details.get("file") == Some(name))
                    .count();
                if kept != 1 {
                    self.fail(link, format!("file {name} is kept {kept} times"));
                }
            }
        }
    }

    /// What people said stands as they said it.
    pub(super) fn comments(&mut self, link: &Link, ticket: &FakeTicket, deeds: &[Deed]) {
        let mut last: BTreeMap<&str, &str> = BTreeMap::new();
        for deed in deeds {
            if let Done::Said(id, text) = &deed.what {
                last.insert(id, text);
            }
        }
        for (id, text) in last {
            // Jira keeps no Markdown: what it gives back of a quote is spelled otherwise.
            let stands = |body: &str| body == text || link.tracker != "gh" && text.starts_with('>');
            if !ticket.comments.iter().any(|comment| comment.id == id && stands(&comment.body)) {
                self.fail(link, format!("comment {id} is not as it was written: {text:?}"));
            }
        }
    }
}
