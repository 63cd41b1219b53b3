//! Adoption: a milestone is bound to a ticket that somebody made by hand, or that was lost and found.

use std::collections::BTreeSet;

use connector_api::{HistoryKind, LogRequest, Ticket};

use super::mapping::{Tracker, route};
use super::{SyncError, World};
use crate::drift;
use crate::register::decide::{Command, Refusal, decide};
use crate::register::{
    Actor, Base, Link, LinkPhase, MilestoneNumber, Observed, Subject, SystemId, TicketName,
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
/// the one whose project the key names, else the one that routes give. The base is empty, so the next pass writes what
/// is ours; dates that were edited before are no moves of the plan, while everything else of the ticket's history
/// counts, a closure with its proofs too.
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
    let edits: Vec<String> = connector
        .read_log(&[request])
        .await?
        .into_iter()
        .flat_map(|log| log.entries)
        .filter(|entry| matches!(entry.kind, HistoryKind::Due { .. }))
        .map(|entry| entry.id)
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
    /// Edits of the due date from before.
    edits: Vec<String>,
    by: Actor,
    what: String,
}

impl Adopting {
    async fn bind(self, tx: &mut Tx, world: &World) -> Result<Result<Link, Refusal>, SyncError> {
        let now = world.clock.now();
        tx.lock(std::slice::from_ref(&self.system)).await?;
        let mut register = tx.load(&self.system, Scope::milestone(self.milestone)).await?;
        if !register.milestones.contains_key(&self.milestone) {
            return Ok(Err(Refusal::new(self.what, format!("there is no {}", self.milestone))));
        }
        let held = tx.link_of(&self.system, self.milestone).await?;
        let because = self.against(tx, world, held.as_ref()).await?;
        if !because.is_empty() {
            return Ok(Err(Refusal { what: self.what, because }));
        }
        let reference = &self.ticket.reference;
        let fresh = held.is_none();
        let mut link = held.unwrap_or_else(|| Link {
            id: (world.ids)(),
            system: self.system.clone(),
            milestone: self.milestone,
            tracker: self.tracker.id.clone(),
            phase: LinkPhase::Linked,
            ticket: None,
            key: None,
            project: None,
            url: None,
            create_sent: None,
            base: Base::default(),
            observed: Observed::default(),
            log_read: None,
            dirty: None,
            due_at: None,
            attempts: 0,
            error: None,
            missing_since: None,
            version: 0,
        });
        link.tracker.clone_from(&self.tracker.id);
        link.phase = LinkPhase::Linked;
        link.ticket = Some(reference.id.clone());
        link.key = Some(reference.key.clone());
        link.project = Some(reference.project.clone());
        link.url = Some(reference.url.clone());
        link.create_sent = None;
        link.base = Base::default();
        link.observed = Observed::default();
        link.log_read = None;
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
        tx.take_entries(&link.id, &self.edits, now).await?;
        let ticket = TicketName {
            tracker: link.tracker.clone(),
            id: reference.id.clone(),
            key: reference.key.clone(),
            url: reference.url.clone(),
        };
        let named = Command::Ticket { milestone: self.milestone, ticket: Some(ticket) };
        let decided = {
            let by = world.settings.deciding(&self.system, self.by.clone(), now)?;
            decide(&register, &by, &named)
        };
        let changes = match decided {
            Ok(changes) => changes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        tx.record(&mut register, now, &self.by, "command", &changes).await?;
        let subjects = BTreeSet::from([Subject::Milestone(self.milestone)]);
        let standing = world.settings.standing(&self.system)?;
        drift::redetect(tx, &mut register, &subjects, Some(&link), &standing, now).await?;
        Ok(Ok(link))
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
