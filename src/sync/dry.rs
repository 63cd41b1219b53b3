//! A dry run: what a pass would do, as data. Asks trackers, and writes nothing anywhere.

use std::collections::{BTreeMap, BTreeSet};

use connector_api::{Fetched, Patch};

use super::SyncError;
use super::batch::Answers;
use super::engine::{Engine, Hot, needs_log};
use super::failure::chain;
use super::mapping::{self, Tracker, read_state, state_name};
use super::merge::merge;
use super::reconcile::{Held, patch_of, sides_of};
use crate::register::{Link, LinkPhase};
use crate::store::Scope;

/// One line of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// `ACME/M-17`.
    pub milestone: String,
    /// Tracker id.
    pub tracker: String,
    /// Ticket key, where there is one.
    pub ticket: Option<String>,
    /// What would be done, in words.
    pub plan: String,
}

impl Engine {
    /// What the next pass over a connection would do: for links that are marked and for those that a poll would mark.
    /// Both sides are merged as they are now; what a ticket's history would tell first is not read, and is named.
    pub async fn dry_run(&self, connection: &str) -> Result<Vec<Line>, SyncError> {
        let world = &self.world;
        let halted = self.halted().await?;
        let trackers: Vec<&Tracker> = self.trackers_on(connection).collect();
        let live: Vec<String> =
            trackers.iter().map(|t| t.id.clone()).filter(|id| !halted.contains_key(id)).collect();
        let mut plan: Vec<Line> = trackers
            .iter()
            .filter_map(|tracker| {
                let reason = halted.get(&tracker.id)?;
                Some(Line {
                    milestone: String::new(),
                    tracker: tracker.id.clone(),
                    ticket: None,
                    plan: format!("nothing: it is halted ({reason})"),
                })
            })
            .collect();
        let hot = self.would_poll(connection, &live).await?;
        let mut links: BTreeMap<String, Link> =
            self.dirty(connection).await?.into_iter().map(|link| (link.id.clone(), link)).collect();
        let mut read = world.db.read().await?;
        let seen: Vec<String> = hot.keys().cloned().collect();
        for link in read.links_of_tickets(&live, &seen).await? {
            let brought = link.ticket.as_ref().and_then(|id| hot.get(id));
            if brought.is_some_and(|ticket| link.is_news(ticket.updated)) {
                links.entry(link.id.clone()).or_insert(link);
            }
        }
        drop(read);
        let mut links: Vec<Link> = links.into_values().collect();
        links.sort_by(|a, b| (&a.system, a.milestone).cmp(&(&b.system, b.milestone)));
        let bound: Vec<Link> = links.iter().filter(|link| is_bound(link)).cloned().collect();
        let Answers { had: mut found, broken } = self.fetch(connection, &bound, &hot).await?;
        found.extend(hot.into_iter().map(|(id, ticket)| (id, Fetched::Found(Box::new(ticket)))));
        for link in &links {
            let steps = if is_bound(link) {
                let id = link.ticket.clone().unwrap_or_default();
                match (broken.get(&id), found.get(&id)) {
                    (Some(error), _) => vec![format!("nothing: {}", chain(error))],
                    (None, Some(found)) => self.would_reconcile(link, found).await?,
                    (None, None) => vec!["nothing: the site gives none of what it is asked for".to_owned()],
                }
            } else {
                self.would_create(link).await?
            };
            plan.extend(steps.into_iter().map(|step| Line {
                milestone: format!("{}/{}", link.system, link.milestone),
                tracker: link.tracker.clone(),
                ticket: link.key.clone(),
                plan: step,
            }));
        }
        Ok(plan)
    }

    /// The tickets that a poll would bring now; cursors stay where they are.
    async fn would_poll(&self, connection: &str, live: &[String]) -> Result<Hot, SyncError> {
        let world = &self.world;
        let connector = world.connector(connection)?;
        let projects: Vec<_> = self
            .trackers_on(connection)
            .filter(|tracker| live.contains(&tracker.id))
            .map(|tracker| tracker.project.clone())
            .collect();
        let mut hot = Hot::new();
        for stream in connector.streams(&projects) {
            let begin = self.begin(connection, &stream.name).await?;
            let changed = connector.changed_since(&stream, &begin.from()).await?;
            hot.extend(changed.tickets.into_iter().map(|ticket| (ticket.reference.id.clone(), ticket)));
        }
        Ok(hot)
    }

    async fn would_create(&self, link: &Link) -> Result<Vec<String>, SyncError> {
        if link.phase == LinkPhase::Waiting {
            return Ok(Vec::new());
        }
        let tracker = self.world.settings.tracker(&link.tracker)?;
        let mut read = self.world.db.read().await?;
        let register = read.load(&link.system, Scope::milestone(link.milestone)).await?;
        let Some(milestone) = register.milestones.get(&link.milestone) else { return Ok(Vec::new()) };
        if milestone.state.is_over() {
            return Ok(vec![format!("no ticket: the milestone is {}", milestone.state.name())]);
        }
        let title = mapping::our_title(&register, milestone);
        let due = milestone.due.map_or_else(|| "no due date".to_owned(), |due| format!("due {due}"));
        let make = format!("make a ticket in {}: {title:?}, {due}", tracker.project.project);
        Ok(vec![match link.create_sent {
            None => make,
            Some(_) => format!("look for the ticket of the attempt whose answer was lost; else {make}"),
        }])
    }

    async fn would_reconcile(&self, link: &Link, found: &Fetched) -> Result<Vec<String>, SyncError> {
        let Fetched::Found(ticket) = found else {
            return Ok(vec!["note that the ticket is not found, or not visible to us".to_owned()]);
        };
        let world = &self.world;
        let tracker = world.settings.tracker(&link.tracker)?;
        let mut read = world.db.read().await?;
        let register = read.load(&link.system, Scope::milestone(link.milestone)).await?;
        let Some(milestone) = register.milestones.get(&link.milestone) else { return Ok(Vec::new()) };
        let mut plans = Vec::new();
        if needs_log(link, ticket) {
            let from = link.log_read.map_or_else(
                || "all of its history".to_owned(),
                |read| {
                    format!("its history since {}", read.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
                },
            );
            let state = read_state(&tracker.states, &ticket.status, &ticket.labels);
            plans.push(format!(
                "read {from}, comments too: what it tells is taken first (the ticket is {:?}, which reads {})",
                ticket.status.name,
                state_name(state)
            ));
        }
        let held = Held { world, register: &register, milestone, tracker };
        let sides = sides_of(&held, ticket)?;
        let merged = merge(&sides, &link.base);
        for clash in &merged.conflicts {
            plans.push(format!(
                "keep a conflict: both sides changed the {}, ours {:?}, theirs {:?}; the {}'s stands",
                clash.field, clash.ours, clash.theirs, clash.winner
            ));
        }
        if merged.take_assignee
            && let Some(account) = &sides.their_assignee
        {
            match world.settings.person_of(&tracker.connection, account) {
                Some(person) => plans.push(format!("make {} the owner", person.name)),
                None => plans.push(format!("note that {} is the account of no person", account.id)),
            }
        }
        plans.extend(in_words(&patch_of(tracker, Some(milestone), &sides, &merged)));
        for sending in read.sendings_of(&link.id).await? {
            if sending.comment_id.is_none() && sending.due_at.is_some_and(|due| due <= world.clock.now()) {
                plans.push(format!("write notice {} into the ticket", sending.notice));
            }
        }
        if plans.is_empty() {
            plans.push("nothing: both sides agree, or are apart with a reason".to_owned());
        }
        Ok(plans)
    }
}

fn is_bound(link: &Link) -> bool {
    match link.phase {
        LinkPhase::Waiting | LinkPhase::Creating => false,
        LinkPhase::Linked | LinkPhase::Missing => true,
    }
}

/// What a patch writes, a line each.
fn in_words(patch: &Patch) -> Vec<String> {
    let day = |due: Option<chrono::NaiveDate>| due.map_or_else(|| "none".to_owned(), |due| due.to_string());
    let listed = |labels: &BTreeSet<String>| labels.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if let Some(title) = &patch.title {
        lines.push(format!("set the title to {title:?}"));
    }
    if patch.block.is_some() {
        lines.push("write the managed block".to_owned());
    }
    if let Some(due) = patch.due {
        lines.push(format!("set the due date to {}", day(due)));
    }
    if let Some(assignee) = &patch.assignee {
        let who = assignee.as_ref().map_or("nobody", |account| account.name.as_str());
        lines.push(format!("assign it to {who}"));
    }
    if !patch.add_labels.is_empty() {
        lines.push(format!("put back the labels {}", listed(&patch.add_labels)));
    }
    if !patch.remove_labels.is_empty() {
        lines.push(format!("take away the labels {}", listed(&patch.remove_labels)));
    }
    if let Some(state) = &patch.state {
        lines.push(format!("bring it to {}", state_name(state.to)));
    }
    lines
}
