//! What must be true of a world that has settled.

use std::collections::{BTreeMap, BTreeSet};

use connector_api::TicketState;
use connector_api::fake::FakeTicket;
use poam::register::{
    Actor, DriftKind, Link, LinkPhase, Milestone, MilestoneNumber, MilestoneState, MoveState, Register,
    Subject,
};
use poam::store::{LinkFilter, Seals};
use poam::sync::{detect, mapping};

use super::people::{Deed, Done, Key, People, Site};
use super::world::{Ruled, World};

/// Everything at the end.
struct End<'a> {
    world: &'a World,
    register: Register,
    links: Vec<Link>,
    tickets: BTreeMap<Key, FakeTicket>,
    deeds: BTreeMap<Key, Vec<Deed>>,
    wrong: Vec<String>,
}

/// Every oracle; gives what is wrong.
pub(crate) async fn check(world: &World) -> Vec<String> {
    let mut wrong = journal(world).await;
    wrong.extend(detection(world).await);
    let mut read = world.bed.world().db.read().await.expect("a reader");
    let links = read.links(&LinkFilter::default(), None, 10_000).await.expect("links");
    drop(read);
    let tickets = [Site::Github, Site::Jira]
        .into_iter()
        .flat_map(|site| {
            let tickets = world.people.site(site).tickets();
            tickets.into_iter().map(move |ticket| ((site, ticket.id.clone()), ticket))
        })
        .collect();
    let deeds = world.people.with_ledger(|ledger| ledger.deeds.clone());
    let register = world.bed.register().await;
    let mut end = End { world, register, links, tickets, deeds, wrong };
    end.one_ticket_each();
    end.drifts_once();
    end.said_once();
    for link in end.links.clone() {
        end.link(&link);
    }
    end.wrong
}

/// The chain follows, and what it gives is what the tables hold.
async fn journal(world: &World) -> Vec<String> {
    let mut read = world.bed.world().db.read().await.expect("a reader");
    let all = read.verify_all(&Seals::default()).await.expect("the journal reads");
    all.into_iter().flat_map(|chain| chain.faults).map(|fault| format!("journal: {fault}")).collect()
}

/// What is open is what detection wants: detecting once more changes nothing.
async fn detection(world: &World) -> Vec<String> {
    let bed = &world.bed;
    let before = bed.register().await;
    detect::full(bed.world(), &bed.system).await.expect("detection works");
    let after = bed.register().await;
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

impl End<'_> {
    fn fail(&mut self, link: &Link, what: String) {
        self.wrong.push(format!("{} ({} {:?}): {what}", link.milestone, link.tracker, link.key));
    }

    /// No two tickets of ours for one link, and none that no link holds.
    fn one_ticket_each(&mut self) {
        let clones = self.world.people.with_ledger(|ledger| ledger.clones.clone());
        let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, ticket) in &self.tickets {
            let Some(marker) = &ticket.marker else { continue };
            if !clones.contains(key) {
                held.entry(marker.link.clone()).or_default().push(ticket.key.clone());
            }
        }
        for (link, keys) in held {
            if keys.len() > 1 {
                self.wrong.push(format!("several tickets were made for link {link}: {keys:?}"));
            }
        }
        for link in self.links.clone() {
            if matches!(link.phase, LinkPhase::Creating) {
                self.fail(&link, format!("its ticket was never made: {:?}", link.error));
            }
        }
        let bound: BTreeSet<Key> = self.links.iter().filter_map(key_of).collect();
        for (key, ticket) in &self.tickets {
            if !clones.contains(key) && !bound.contains(key) {
                self.wrong.push(format!("ticket {} belongs to no link", ticket.key));
            }
        }
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
        for ticket in self.tickets.values() {
            let mut carried = BTreeSet::new();
            for marker in ticket.comments.iter().filter_map(|comment| comment.marker.as_ref()) {
                if !carried.insert(marker) {
                    self.wrong.push(format!("message {marker} stands twice in {}", ticket.key));
                }
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
        let ruled = self.world.ruled.get(&link.milestone).cloned().unwrap_or_default();
        self.title(link, &milestone, &ticket, &deeds, &ruled);
        self.state(link, &milestone, &ticket, &deeds, &ruled);
        self.due(link, &milestone, &ticket, &deeds, key.0);
        self.assignee(link, &milestone, &ticket, &deeds, &ruled, key.0);
        self.text(link, &milestone, &ticket, &deeds, key.0);
        self.labels(link, &ticket, &deeds);
        self.commands(link, &milestone, &deeds);
    }

    fn title(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        ruled: &[(u64, Ruled)],
    ) {
        let prefix = mapping::prefix(&link.system, milestone);
        let text = milestone.ticket_title.as_deref().unwrap_or(&milestone.text);
        let wanted = mapping::title(&prefix, text);
        if ticket.title != wanted {
            self.fail(link, format!("title {:?}, and the register says {wanted:?}", ticket.title));
        }
        let last_rule = ruled.iter().rev().find_map(|(order, what)| match what {
            Ruled::Text(text) => Some((*order, text.clone())),
            Ruled::Owner(_) | Ruled::State(_) => None,
        });
        if let Some((_, text)) = &last_rule
            && milestone.text != *text
        {
            self.fail(link, format!("GRC's text {text:?} is lost"));
        }
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Title(title) => Some((deed.order, title.clone())),
            _ => None,
        });
        let Some((order, title)) = last else { return };
        let text = title.split_once("] ").map_or(title.as_str(), |(_, text)| text);
        let overwritten = last_rule.is_some_and(|(ruled, _)| ruled > order);
        if !(ticket.title.contains(text) || overwritten || self.lost_visibly(link.milestone, "title", text)) {
            self.fail(link, format!("title {title:?} is lost; it is {:?}", ticket.title));
        }
    }

    fn state(
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

    fn due(&mut self, link: &Link, milestone: &Milestone, ticket: &FakeTicket, deeds: &[Deed], site: Site) {
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

    fn assignee(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        ruled: &[(u64, Ruled)],
        site: Site,
    ) {
        let person = |id: &str| {
            ["ada", "grace"].into_iter().find(|who| People::account(site, who).id == id).map(
                |who| match who {
                    "ada" => "Ada Example".to_owned(),
                    _ => "Grace Example".to_owned(),
                },
            )
        };
        let theirs = ticket.assignee.as_ref().map(|account| account.id.clone());
        let theirs_person = theirs.as_deref().and_then(person);
        let named = milestone.state.is_over()
            || milestone.closed_without_fix.is_some()
            || self.has_drift(link.milestone, &[DriftKind::Unowned, DriftKind::OwnerUnmapped]);
        if theirs_person != milestone.owner && !named {
            self.fail(
                link,
                format!("assignee {theirs:?}, owner {:?}, and nothing says why", milestone.owner),
            );
        }
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Assignee(id) => Some((deed.order, id.clone())),
            _ => None,
        });
        let last_rule = ruled.iter().rev().find_map(|(order, what)| match what {
            Ruled::Owner(owner) => Some((*order, owner.clone())),
            Ruled::Text(_) | Ruled::State(_) => None,
        });
        // A command names an owner too, and is taken when it is read.
        let commanded = deeds
            .iter()
            .any(|deed| matches!(&deed.what, Done::Said(_, text) if text.contains("/poam owner")));
        if commanded {
            return;
        }
        match (last, last_rule) {
            (Some((order, id)), rule) if rule.as_ref().is_none_or(|(ruled, _)| *ruled < order) => {
                // What is taken away with the closing comes back with the reopening.
                let closed =
                    |deed: &Deed| matches!(deed.what, Done::State(TicketState::Done | TicketState::Dropped));
                let back = id.is_none() && theirs_person == milestone.owner && deeds.iter().any(closed);
                if theirs != id && !back {
                    self.fail(link, format!("assignee {id:?} is lost; it is {theirs:?}"));
                }
            }
            (_, Some((_, owner))) => {
                let value = owner.as_deref().unwrap_or("");
                let account = |name: &str| {
                    let who = if name.starts_with("Ada") { "ada" } else { "grace" };
                    People::account(site, who).id
                };
                let kept = owner
                    .as_deref()
                    .is_some_and(|name| self.lost_visibly(link.milestone, "assignee", &account(name)));
                // A level that went there and back between two looks has not changed.
                let before = ruled.iter().filter(|(_, what)| *what == Ruled::Owner(owner.clone())).count();
                let unassigned = deeds.iter().any(|deed| deed.what == Done::Assignee(None));
                let back =
                    before > 1 || owner.as_deref() == Some("Ada Example") || owner.is_none() && unassigned;
                let cleared_and_lost =
                    owner.is_none() && self.lost_visibly(link.milestone, "assignee", value);
                if milestone.owner != owner && !kept && !cleared_and_lost && !back {
                    self.fail(link, format!("owner {owner:?} is lost; it is {:?}", milestone.owner));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, link: &Link, milestone: &Milestone, ticket: &FakeTicket, deeds: &[Deed], site: Site) {
        let shown = match site {
            Site::Github => match mapping::due_line(ticket.block.as_deref()) {
                mapping::DueLine::Date(date) => Some(date),
                _ => None,
            },
            Site::Jira => milestone.due,
        };
        let block = mapping::block(
            &self.register,
            milestone,
            mapping::Disclosure::Minimal,
            mapping::Shown { due: shown, in_field: site == Site::Jira },
        );
        if ticket.block.as_deref() != Some(&block) {
            self.fail(link, format!("the block is {:?} and should be {block:?}", ticket.block));
        }
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Outside(text) => Some(text.clone()),
            _ => None,
        });
        let Some(text) = last else { return };
        let stands = match site {
            Site::Github => {
                let theirs = text.replace('\n', "\r\n");
                ticket
                    .text
                    .strip_prefix(&theirs)
                    .is_some_and(|rest| rest.trim_start().starts_with("<!-- poam:begin"))
            }
            Site::Jira => text.split("\n\n").all(|part| ticket.text.contains(part)),
        };
        if !stands {
            self.fail(link, format!("their text {text:?} is lost; it is {:?}", ticket.text));
        }
    }

    fn labels(&mut self, link: &Link, ticket: &FakeTicket, deeds: &[Deed]) {
        if !ticket.labels.contains("poam") {
            self.fail(link, "the label `poam` is missing".to_owned());
        }
        let mut last: BTreeMap<&str, bool> = BTreeMap::new();
        for deed in deeds {
            if let Done::Label(name, there) = &deed.what
                && !matches!(name.as_str(), "poam" | "blocked")
            {
                last.insert(name, *there);
            }
        }
        for (name, there) in last {
            if ticket.labels.contains(name) != there {
                self.fail(link, format!("label {name}: somebody's edit is lost"));
            }
        }
    }

    /// What somebody else wrote into a comment is never obeyed; each proof is kept once, each file too.
    fn commands(&mut self, link: &Link, milestone: &Milestone, deeds: &[Deed]) {
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
}

/// The ticket of a link.
fn key_of(link: &Link) -> Option<Key> {
    let site = if link.tracker == "gh" { Site::Github } else { Site::Jira };
    Some((site, link.ticket.clone()?))
}
