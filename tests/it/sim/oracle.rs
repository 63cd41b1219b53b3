//! What must be true of a world that has settled.

mod fields;
mod log;

use std::collections::{BTreeMap, BTreeSet};

use connector_api::fake::FakeTicket;
use poam::register::{DriftKind, Link, LinkPhase, MilestoneNumber, Register, Subject, SystemId};
use poam::store::{LinkFilter, Scope, Seals, Sending};
use poam::sync::detect;

use super::people::{Deed, Done, Key, Site};
use super::world::World;

/// Everything of one system at the end.
struct End<'a> {
    world: &'a World,
    register: Register,
    links: Vec<Link>,
    sendings: Vec<Sending>,
    tickets: &'a BTreeMap<Key, FakeTicket>,
    deeds: BTreeMap<Key, Vec<Deed>>,
    wrong: Vec<String>,
}

/// Every oracle; gives what is wrong.
pub(crate) async fn check(world: &World) -> Vec<String> {
    let mut wrong = journal(world).await;
    let mut read = world.bed.world().db.read().await.expect("a reader");
    let links = read.links(&LinkFilter::default(), None, 10_000).await.expect("links");
    drop(read);
    let tickets: BTreeMap<Key, FakeTicket> = [Site::Github, Site::Jira]
        .into_iter()
        .flat_map(|site| {
            let tickets = world.people.site(site).tickets();
            tickets.into_iter().map(move |ticket| ((site, ticket.id.clone()), ticket))
        })
        .collect();
    wrong.extend(one_ticket_each(world, &links, &tickets));
    wrong.extend(carried_once(&tickets));
    for system in &world.systems {
        wrong.extend(detection(world, system).await);
        let register = register(world, system).await;
        let links: Vec<Link> = links.iter().filter(|link| link.system == *system).cloned().collect();
        let mut read = world.bed.world().db.read().await.expect("a reader");
        let mut sendings = Vec::new();
        for link in &links {
            sendings.extend(read.sendings_of(&link.id).await.expect("sendings"));
        }
        drop(read);
        let deeds = world.people.with_ledger(|ledger| ledger.deeds.clone());
        let mut end = End { world, register, links, sendings, tickets: &tickets, deeds, wrong: Vec::new() };
        end.drifts_once();
        end.said_once();
        for link in end.links.clone() {
            end.link(&link);
        }
        wrong.extend(end.wrong);
    }
    wrong
}

async fn register(world: &World, system: &SystemId) -> Register {
    let mut read = world.bed.world().db.read().await.expect("a reader");
    read.load(system, Scope::All).await.expect("the register")
}

/// The chain follows, and what it gives is what the tables hold.
async fn journal(world: &World) -> Vec<String> {
    let mut read = world.bed.world().db.read().await.expect("a reader");
    let all = read.verify_all(&Seals::default()).await.expect("the journal reads");
    all.into_iter().flat_map(|chain| chain.faults).map(|fault| format!("journal: {fault}")).collect()
}

/// What is open is what detection wants: detecting once more changes nothing.
async fn detection(world: &World, system: &SystemId) -> Vec<String> {
    let before = register(world, system).await;
    detect::full(world.bed.world(), system).await.expect("detection works");
    let after = register(world, system).await;
    let open = |register: &Register| -> BTreeSet<String> {
        let open = register.drifts.values().filter(|drift| drift.settled.is_none());
        open.map(|drift| format!("{} {} {}: {}", drift.kind.name(), drift.subject, drift.key, drift.detail))
            .collect()
    };
    open(&before)
        .symmetric_difference(&open(&after))
        .map(|drift| format!("detection is behind: {drift}"))
        .collect()
}

/// No two tickets of ours for one link, and none that no link holds.
fn one_ticket_each(world: &World, links: &[Link], tickets: &BTreeMap<Key, FakeTicket>) -> Vec<String> {
    let mut wrong = Vec::new();
    let clones = world.people.with_ledger(|ledger| ledger.clones.clone());
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, ticket) in tickets {
        let Some(marker) = &ticket.marker else { continue };
        if !clones.contains(key) {
            held.entry(marker.link.clone()).or_default().push(ticket.key.clone());
        }
    }
    for (link, keys) in held {
        if keys.len() > 1 {
            wrong.push(format!("several tickets were made for link {link}: {keys:?}"));
        }
    }
    for link in links.iter().filter(|link| matches!(link.phase, LinkPhase::Creating)) {
        wrong.push(format!("{}: its ticket was never made: {:?}", link.milestone, link.error));
    }
    let bound: BTreeSet<Key> = links.iter().filter_map(key_of).collect();
    for (key, ticket) in tickets {
        if !clones.contains(key) && !bound.contains(key) {
            wrong.push(format!("ticket {} belongs to no link", ticket.key));
        }
    }
    wrong
}

/// No message of ours stands twice in a ticket.
fn carried_once(tickets: &BTreeMap<Key, FakeTicket>) -> Vec<String> {
    let mut wrong = Vec::new();
    for ticket in tickets.values() {
        let mut carried = BTreeSet::new();
        for marker in ticket.comments.iter().filter_map(|comment| comment.marker.as_ref()) {
            if !carried.insert(marker) {
                wrong.push(format!("message {marker} stands twice in {}", ticket.key));
            }
        }
    }
    wrong
}

impl End<'_> {
    fn fail(&mut self, link: &Link, what: String) {
        self.wrong
            .push(format!("{}/{} ({} {:?}): {what}", link.system, link.milestone, link.tracker, link.key));
    }

    /// At most one drift is open for a kind, subject and key.
    fn drifts_once(&mut self) {
        let mut open = BTreeSet::new();
        for drift in self.register.drifts.values().filter(|drift| drift.settled.is_none()) {
            if !open.insert((drift.kind, drift.subject.clone(), drift.key.clone())) {
                self.wrong.push(format!("open twice: {} {} {}", drift.kind.name(), drift.subject, drift.key));
            }
        }
    }

    /// A move is asked about once, a comment is answered once for each way it reads, a due line once for each edit that is
    /// put right, a message arrives once.
    fn said_once(&mut self) {
        let mut asked = BTreeSet::new();
        let mut answers: BTreeMap<(MilestoneNumber, String), usize> = BTreeMap::new();
        for notice in self.register.notices.values() {
            for covered in &notice.covers {
                if !asked.insert(*covered) {
                    self.wrong.push(format!("asked twice about move {} of {}", covered.1, covered.0));
                }
            }
            if !notice.answers.is_empty() {
                *answers.entry((notice.milestone, notice.answers.clone())).or_default() += 1;
            }
        }
        let mut versions: BTreeMap<String, usize> = BTreeMap::new();
        for deed in self.deeds.values().flatten() {
            if let Done::Said(id, _) = &deed.what {
                *versions.entry(id.clone()).or_default() += 1;
            }
        }
        for ((milestone, comment), times) in answers {
            // A due line that was put right is answered once for each edit.
            let edit = usize::from(comment.starts_with("due-line:"));
            if times > versions.get(&comment).copied().unwrap_or(edit) {
                self.wrong.push(format!("{milestone}: comment {comment} is answered {times} times"));
            }
        }
        for sending in self.sendings.clone() {
            let link = self.links.iter().find(|link| link.id == sending.link).cloned();
            let Some(link) = link.filter(|link| link.phase == LinkPhase::Linked) else { continue };
            let Some(ticket) = key_of(&link).and_then(|key| self.tickets.get(&key)) else { continue };
            let arrived =
                ticket.comments.iter().any(|comment| comment.marker.as_ref() == Some(&sending.marker));
            let reacted = sending.comment_id.as_ref().is_some_and(|id| id.starts_with("reaction"));
            if !(arrived || reacted) || sending.comment_id.is_none() {
                self.fail(&link, format!("message {} did not arrive: {:?}", sending.marker, sending.error));
            }
        }
    }

    fn has_drift(&self, number: MilestoneNumber, kinds: &[DriftKind]) -> bool {
        self.register.drifts.values().any(|drift| {
            drift.settled.is_none()
                && drift.subject == Subject::Milestone(number)
                && kinds.contains(&drift.kind)
        })
    }

    /// Whether a loser is kept in a conflict of that field.
    fn lost_visibly(&self, number: MilestoneNumber, field: &str, value: &str) -> bool {
        self.register.conflicts.values().any(|conflict| {
            conflict.subject == Subject::Milestone(number)
                && conflict.field == field
                && (conflict.ours.contains(value) || conflict.theirs.contains(value))
        })
    }

    fn link(&mut self, link: &Link) {
        let Some(key) = key_of(link) else { return };
        let Some(milestone) = self.register.milestones.get(&link.milestone).cloned() else { return };
        let Some(ticket) = self.tickets.get(&key).cloned() else {
            if link.phase != LinkPhase::Missing {
                self.fail(link, "its ticket is gone, and the link does not say so".to_owned());
            }
            if !milestone.state.is_over() && !self.has_drift(link.milestone, &[DriftKind::TicketMissing]) {
                self.fail(link, "its ticket is gone, and no drift says so".to_owned());
            }
            return;
        };
        if link.phase != LinkPhase::Linked {
            self.fail(link, format!("its ticket is there, and the link is {}", link.phase.name()));
        }
        if link.dirty.is_some() || link.error.is_some() {
            self.fail(link, format!("not settled: dirty {:?}, error {:?}", link.dirty, link.error));
        }
        let deeds = self.deeds.get(&key).cloned().unwrap_or_default();
        let ruled = self.world.ruled.get(&(link.system.clone(), link.milestone)).cloned().unwrap_or_default();
        self.title(link, &milestone, &ticket, &deeds, &ruled);
        self.state(link, &milestone, &ticket, &deeds, &ruled);
        self.due(link, &milestone, &ticket, &deeds, key.0);
        self.assignee(link, &milestone, &ticket, &deeds, &ruled, key.0);
        self.text(link, &milestone, &ticket, &deeds, key.0);
        self.labels(link, &ticket, &deeds);
        self.commands(link, &milestone, &deeds);
        self.comments(link, &ticket, &deeds);
    }
}

/// The ticket of a link.
fn key_of(link: &Link) -> Option<Key> {
    let site = if link.tracker == "gh" { Site::Github } else { Site::Jira };
    Some((site, link.ticket.clone()?))
}
