//! Adoption: a milestone is bound to a ticket that somebody made by hand, or that was lost and found.

use std::collections::BTreeSet;

use connector_api::{HistoryEntry, HistoryKind, LogRequest, Ticket};

use super::mapping::{self, TicketDue, Tracker, route, ticket_due};
use super::take::cause_of;
use super::{SyncError, World};
use crate::drift;
use crate::register::decide::{Command, ProposedMove, Refusal, decide, decide_all};
use crate::register::{
    Actor, Base, Link, LinkPhase, Milestone, MilestoneNumber, Observed, Pair, Register, Subject, SystemId,
    TicketName,
};
use crate::store::{Scope, Tx};

/// Why a ticket was not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// Something is against it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The tracker or the store failed.
    #[error("the ticket could not be adopted")]
    Failed(#[from] SyncError),
}

impl From<connector_api::Error> for AdoptError {
    fn from(error: connector_api::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<crate::store::StoreError> for AdoptError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Binds a milestone to the ticket of a key: `SEC-12`, `17`, `owner/repository#17`. The tracker is the one named, else
/// the one whose project the key names, else the one that routes give.
///
/// What stands in the ticket is its people's: their title stays after our prefix, and is noted; a due date of theirs
/// that is not the plan's is a proposed move, as any date found in a ticket. Earlier edits of the date are no moves of
/// the plan, while everything else of the ticket's history counts, a closure with its proofs too. A milestone whose own
/// lost ticket is found again goes on from what was last reconciled.
///
/// Nothing is written to the tracker here.
pub async fn adopt(
    world: &World,
    system: &SystemId,
    milestone: MilestoneNumber,
    tracker: Option<&str>,
    key: &str,
    by: Actor,
) -> Result<Link, AdoptError> {
    let what = format!("adopt {key} for {milestone}");
    let refuse = |why: String| AdoptError::Refused(Refusal::new(&what, why));
    let (project, short) = parts(key);
    let tracker = choose(world, system, milestone, tracker, project, &what).await?;
    let connector = world.connector(&tracker.connection)?;
    let ticket = connector.ticket_by_key(&tracker.project, short).await?;
    let Some(ticket) = ticket else {
        return Err(refuse(format!(
            "{} has no ticket {short}, or it is not visible to us (tracker {})",
            tracker.project.project, tracker.id
        )));
    };
    if !ticket.reference.project.eq_ignore_ascii_case(&tracker.project.project) {
        return Err(refuse(format!(
            "it is in {} now, which is not the project of the tracker {}",
            ticket.reference.project, tracker.id
        )));
    }
    let request = LogRequest { ticket: ticket.reference.clone(), since: None };
    let edits: Vec<HistoryEntry> = connector
        .read_log(&[request])
        .await?
        .into_iter()
        .flat_map(|log| log.entries)
        .filter(|entry| matches!(entry.kind, HistoryKind::Due { .. }))
        .collect();
    let adopting =
        Adopting { system: system.clone(), milestone, tracker: tracker.clone(), ticket, edits, by, what };
    let outer = world.clone();
    let bound =
        world.writer.submit(move |tx| Box::pin(async move { adopting.bind(tx, &outer).await })).await?;
    bound.map_err(AdoptError::Refused)
}

/// The project that a key names, and the key within it.
fn parts(key: &str) -> (Option<&str>, &str) {
    if let Some((project, number)) = key.rsplit_once('#') {
        return (Some(project).filter(|project| !project.is_empty()), number);
    }
    match key.rsplit_once('-') {
        Some((project, number)) if number.bytes().all(|b| b.is_ascii_digit()) => (Some(project), key),
        Some(_) | None => (None, key),
    }
}

async fn choose<'a>(
    world: &'a World,
    system: &SystemId,
    milestone: MilestoneNumber,
    named: Option<&str>,
    project: Option<&str>,
    what: &str,
) -> Result<&'a Tracker, AdoptError> {
    let settings = &world.settings;
    if let Some(id) = named {
        return Ok(settings.tracker(id)?);
    }
    if let Some(project) = project {
        let mut fits = settings.trackers.values().filter(|t| t.project.project.eq_ignore_ascii_case(project));
        let why = match (fits.next(), fits.next()) {
            (Some(tracker), None) => return Ok(tracker),
            (None, _) => format!("no tracker has the project {project}"),
            (Some(one), Some(other)) => {
                format!("the trackers {} and {} have the project {project}: name one", one.id, other.id)
            }
        };
        return Err(Refusal::new(what, why).into());
    }
    let register = world.db.read().await?.load(system, Scope::milestone(milestone)).await?;
    let held = register.milestones.get(&milestone);
    let found = held.and_then(|held| route(&settings.routes, &register, held));
    match found {
        Some(id) => Ok(settings.tracker(id)?),
        None => Err(Refusal::new(what, "no route gives it a tracker: name one").into()),
    }
}

#[derive(Clone)]
struct Adopting {
    system: SystemId,
    milestone: MilestoneNumber,
    tracker: Tracker,
    ticket: Ticket,
    /// Edits of the due date from before, oldest first.
    edits: Vec<HistoryEntry>,
    by: Actor,
    what: String,
}

impl Adopting {
    async fn bind(self, tx: &mut Tx, world: &World) -> Result<Result<Link, Refusal>, SyncError> {
        let now = world.clock.now();
        tx.lock(std::slice::from_ref(&self.system)).await?;
        let mut register = tx.load(&self.system, Scope::milestone(self.milestone)).await?;
        let Some(milestone) = register.milestones.get(&self.milestone).cloned() else {
            return Ok(Err(Refusal::new(self.what, format!("there is no {}", self.milestone))));
        };
        let held = tx.link_of(&self.system, self.milestone).await?;
        let because = self.against(tx, world, held.as_ref()).await?;
        if !because.is_empty() {
            return Ok(Err(Refusal { what: self.what, because }));
        }
        let reference = &self.ticket.reference;
        let fresh = held.is_none();
        let found_again = held.as_ref().is_some_and(|link| link.ticket.as_ref() == Some(&reference.id));
        let mut link =
            held.unwrap_or_else(|| Link::new((world.ids)(), &self.system, self.milestone, &self.tracker.id));
        let mut commands = vec![Command::Ticket {
            milestone: self.milestone,
            ticket: Some(TicketName {
                tracker: self.tracker.id.clone(),
                id: reference.id.clone(),
                key: reference.key.clone(),
                url: reference.url.clone(),
            }),
        }];
        let mut date = None;
        if !found_again {
            let capabilities = world.connector(&self.tracker.connection)?.capabilities();
            let in_field = self.tracker.due_in_field(capabilities.due_field);
            let their = ticket_due(in_field, &self.ticket);
            let prefix = mapping::prefix(&self.system, &milestone);
            let (title, noted) =
                (mapping::title(&prefix, &milestone.text), mapping::title_text(&prefix, &self.ticket.title));
            link.base = Base {
                title: Some(Pair { ours: title.clone(), theirs: self.ticket.title.clone() }),
                due: their.readable.then_some(Pair { ours: milestone.due, theirs: their.date }),
                ..Base::default()
            };
            link.observed = Observed::default();
            link.log_read = None;
            let title = (noted != mapping::title_text(&prefix, &title)).then(|| noted.to_owned());
            commands.push(Command::TicketTitle { milestone: self.milestone, title });
            date = self.date_found(world, &milestone, &their, in_field && capabilities.due_history);
        }
        let decided = {
            let by = world.settings.deciding(&self.system, self.by.clone(), now)?;
            decide_all(&register, &by, &commands)
        };
        let changes = match decided {
            Ok(changes) => changes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        link.tracker.clone_from(&self.tracker.id);
        link.phase = LinkPhase::Linked;
        link.ticket = Some(reference.id.clone());
        link.key = Some(reference.key.clone());
        link.project = Some(reference.project.clone());
        link.url = Some(reference.url.clone());
        link.create_sent = None;
        link.dirty = Some(now);
        link.due_at = None;
        link.attempts = 0;
        link.error = None;
        link.missing_since = None;
        if fresh {
            tx.insert_link(&link).await?;
        } else {
            tx.save_link(&mut link).await?;
        }
        if !found_again {
            let edits: Vec<String> = self.edits.iter().map(|entry| entry.id.clone()).collect();
            tx.take_entries(&link.id, &edits, now).await?;
        }
        tx.record(&mut register, now, &self.by, "command", &changes).await?;
        if let Some(date) = date {
            self.propose(tx, world, &mut register, date).await?;
        }
        let subjects = BTreeSet::from([Subject::Milestone(self.milestone)]);
        let standing = world.settings.standing(&self.system)?;
        drift::redetect(tx, &mut register, &subjects, Some(&link), &standing, now).await?;
        Ok(Ok(link))
    }

    /// The ticket's due date, where it is not the plan's: proposed by whoever set it last, as far as that is told. A
    /// ticket without one gets ours.
    fn date_found(
        &self,
        world: &World,
        milestone: &Milestone,
        their: &TicketDue,
        told: bool,
    ) -> Option<ProposedMove> {
        let to = their.date.filter(|_| their.readable && their.date != milestone.due)?;
        let set = |entry: &&HistoryEntry| matches!(entry.kind, HistoryKind::Due { to: last, .. } if last == Some(to));
        let (by, at, entry) = match self.edits.iter().rev().find(set) {
            Some(entry) => (entry.by.as_ref(), entry.at, entry.id.as_str()),
            // A history that does not tell of it leaves only that the ticket was made with it.
            None if told => (self.ticket.author.as_ref(), self.ticket.created, "created"),
            None => (None, self.ticket.updated, "adopted"),
        };
        let connection = &self.tracker.connection;
        Some(ProposedMove {
            milestone: self.milestone,
            to: Some(to),
            by: world.settings.actor(connection, by),
            at,
            whence: cause_of(connection, &self.ticket.reference.id, entry),
            rationale: None,
            settles: true,
        })
    }

    /// Takes the date as every other that a ticket shows.
    async fn propose(
        &self,
        tx: &mut Tx,
        world: &World,
        register: &mut Register,
        proposed: ProposedMove,
    ) -> Result<(), SyncError> {
        let (now, actor, cause) = (world.clock.now(), proposed.by.clone(), proposed.whence.clone());
        let command = Command::Propose(Box::new(proposed));
        let decided = {
            let by = world.settings.deciding(&self.system, actor.clone(), now)?;
            decide(register, &by, &command)
        };
        match decided {
            Ok(changes) => drop(tx.record(register, now, &actor, &cause, &changes).await?),
            Err(refusal) => {
                tracing::warn!(milestone = %self.milestone, %refusal, "the register refuses what the ticket says");
            }
        }
        Ok(())
    }

    /// What is against it. A refusal after a write would leave the write: so all of it is looked at before.
    async fn against(
        &self,
        tx: &mut Tx,
        world: &World,
        held: Option<&Link>,
    ) -> Result<Vec<String>, SyncError> {
        let mut because = Vec::new();
        let id = &self.ticket.reference.id;
        let here: Vec<String> =
            world.settings.trackers_on(&self.tracker.connection).map(|tracker| tracker.id.clone()).collect();
        for other in tx.links_of_tickets(&here, std::slice::from_ref(id)).await? {
            if other.milestone != self.milestone || other.system != self.system {
                because.push(format!("it is the ticket of {}/{}", other.system, other.milestone));
            }
        }
        if let Some(marker) = &self.ticket.marker
            && marker.installation == world.settings.installation
            && held.is_none_or(|link| link.id != marker.link)
            && let Some(other) = tx.link(&marker.link).await?
        {
            because.push(format!("it carries the marker of {}/{}", other.system, other.milestone));
        }
        if let Some(link) = held {
            match link.phase {
                LinkPhase::Linked if link.ticket.as_ref() == Some(id) => {
                    because.push("it is its ticket already".to_owned());
                }
                LinkPhase::Linked => {
                    let key = link.key.as_deref().unwrap_or_default();
                    because.push(format!("{} has the ticket {key}", self.milestone));
                }
                LinkPhase::Creating if link.create_sent.is_some() => because.push(format!(
                    "a ticket is being made for {}: once it is there, or could not be made, try again",
                    self.milestone
                )),
                LinkPhase::Creating | LinkPhase::Waiting | LinkPhase::Missing => {}
            }
        }
        Ok(because)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_people_write_them() {
        assert_eq!(parts("SEC-12"), (Some("SEC"), "SEC-12"));
        assert_eq!(parts("acme/portal#17"), (Some("acme/portal"), "17"));
        assert_eq!(parts("#17"), (None, "17"));
        assert_eq!(parts("17"), (None, "17"));
        assert_eq!(parts("no-number"), (None, "no-number"));
    }
}
