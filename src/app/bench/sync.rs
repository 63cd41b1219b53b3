//! What it costs to keep links and their tickets in step: polls that find nothing, edits on either side, closures,
//! creations, a sweep.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use connector_api::TicketState;
use connector_api::fake::{Act, FakeTicket};
use serde::Serialize;

use super::BenchError;
use super::meter::{Cost, Meter, peak_memory_mib};
use super::stage::{KINDS, PEOPLE, Size, Stage};
use crate::register::decide::Command;
use crate::register::{Link, MilestoneNumber};
use crate::sync::engine::Hot;

/// Tickets edited in a scene, on each kind of tracker.
const EDITS: u32 = 500;
/// Tickets made in a scene.
const NEW: u32 = 1_000;

/// The same scene on each kind of tracker.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Both {
    /// On GitHub.
    pub github: Cost,
    /// In Jira.
    pub jira: Cost,
}

/// Edits on our side, written to the tickets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Push {
    /// What each kind of tracker was asked.
    #[serde(flatten)]
    pub cost: Both,
    /// Milestones that changed, on both kinds together: each its wording (so title and block) and its owner.
    pub changes: u64,
    /// Requests that wrote.
    pub writes: u64,
    /// Requests that read.
    pub reads: u64,
    /// `writes` for each of `changes`.
    pub requests_per_change: Ratio,
}

/// A ratio: a whole number where it is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Ratio {
    /// Nothing was counted.
    #[default]
    None,
    /// Without a rest.
    Whole(u64),
    /// Any other.
    Broken(f64),
}

impl Ratio {
    /// `of` divided by `by`.
    pub fn new(of: u64, by: u64) -> Self {
        if by == 0 {
            Self::None
        } else if of.is_multiple_of(by) {
            Self::Whole(of / by)
        } else {
            #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
            Self::Broken(of as f64 / by as f64)
        }
    }
}

/// Creations.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Create {
    /// Tickets that were made.
    pub tickets: u32,
    /// Making them, in Jira.
    pub jira: Cost,
    /// The next poll, which sees all of them as new.
    pub jira_next_poll: Cost,
}

/// All scenes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Links on each kind of tracker.
    pub links: u32,
    /// GitHub repositories, and Jira projects on one connection.
    pub trackers: u32,
    /// Setting it up: every ticket is made by the bridge.
    pub seed: Both,
    /// A poll when nothing changed.
    pub idle: Both,
    /// Tickets edited in a scene, on each kind.
    pub edits: u32,
    /// Field edits by engineers, taken.
    pub pull: Both,
    /// Closures with a comment, taken.
    pub closures: Both,
    /// Edits of the register, written.
    pub push: Push,
    /// New tickets.
    pub create: Create,
    /// A daily sweep when nothing changed.
    pub sweep: Both,
    /// The most memory that was held, in MiB, both fakes with all their tickets included.
    pub peak_memory_mib: u64,
}

impl Both {
    fn set(&mut self, kind: &str, cost: Cost) {
        if kind == KINDS[0] {
            self.github = cost;
        } else {
            self.jira = cost;
        }
    }
}

/// Plays every scene at one size. `tell` hears which has begun.
pub async fn run(size: Size, tell: &(dyn Fn(&str) + Sync)) -> Result<Report, BenchError> {
    let edits = EDITS.min(size.links / 4);
    if size.trackers == 0 || edits == 0 {
        return Err(BenchError::Wrong("it takes at least 4 links and 1 tracker".to_owned()));
    }
    let stage = Stage::new(size).await?;
    let mut report = Report { links: size.links, trackers: size.trackers, edits, ..Report::default() };

    tell("making the tickets");
    for kind in KINDS {
        stage.plan(kind, size.links).await?;
        let meter = Meter::start(stage.site(kind));
        stage.pass(kind, Hot::new()).await?;
        report.seed.set(kind, meter.read());
    }
    stage.rest().await?;
    let chosen: BTreeMap<&str, Vec<FakeTicket>> =
        KINDS.into_iter().map(|kind| (kind, spread(stage.site(kind).tickets(), edits * 3))).collect();
    let third = |kind: &str, n: usize| {
        let all = chosen.get(kind).map_or(&[][..], Vec::as_slice);
        all.iter().skip(n).step_by(3).cloned().collect::<Vec<_>>()
    };

    tell("idle");
    for kind in KINDS {
        stage.clock.advance(TimeDelta::minutes(1));
        let meter = Meter::start(stage.site(kind));
        stage.cycle(kind).await?;
        report.idle.set(kind, meter.read());
    }

    tell("field edits");
    for kind in KINDS {
        let to = stage.account(kind, PEOPLE[1]);
        let tickets = third(kind, 0);
        people(&stage, kind, &tickets, &[Act::Assign(Some(to))])?;
        let meter = Meter::start(stage.site(kind));
        stage.cycle(kind).await?;
        report.pull.set(kind, meter.read());
        for link in links(&stage, &tickets).await? {
            if link.observed.assignee_person.as_deref() != Some(PEOPLE[1].0) {
                return Err(BenchError::Wrong(format!("an edit of {} was not taken", link.milestone)));
            }
        }
    }
    stage.rest().await?;

    tell("closures with a comment");
    for kind in KINDS {
        let tickets = third(kind, 1);
        let acts =
            [Act::Comment("Fixed, and rolled out everywhere.".to_owned()), Act::SetState(TicketState::Done)];
        people(&stage, kind, &tickets, &acts)?;
        let meter = Meter::start(stage.site(kind));
        stage.cycle(kind).await?;
        report.closures.set(kind, meter.read());
        if links(&stage, &tickets).await?.iter().any(|link| link.observed.state != "done") {
            return Err(BenchError::Wrong("a closure was not taken".to_owned()));
        }
    }
    stage.rest().await?;

    tell("edits of the register");
    let tickets = KINDS.map(|kind| (kind, third(kind, 2)));
    report.push = push(&stage, &tickets).await?;
    stage.rest().await?;

    tell("new tickets");
    report.create = create(&stage).await?;
    stage.rest().await?;

    tell("a sweep");
    for kind in KINDS {
        let meter = Meter::start(stage.site(kind));
        stage.engine.sweep(kind).await?;
        report.sweep.set(kind, meter.read());
    }
    report.peak_memory_mib = peak_memory_mib();
    stage.end().await?;
    Ok(report)
}

/// So many tickets, as evenly from every project as they divide.
fn spread(tickets: Vec<FakeTicket>, count: u32) -> Vec<FakeTicket> {
    let mut by_project: BTreeMap<String, Vec<FakeTicket>> = BTreeMap::new();
    for ticket in tickets {
        by_project.entry(ticket.project.clone()).or_default().push(ticket);
    }
    let mut chosen = Vec::new();
    let mut round = 0;
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    while chosen.len() < wanted {
        let row: Vec<_> = by_project.values().filter_map(|tickets| tickets.get(round).cloned()).collect();
        if row.is_empty() {
            break;
        }
        chosen.extend(row);
        round += 1;
    }
    chosen.truncate(wanted);
    chosen
}

/// Engineers do the same in each ticket, a second apart.
fn people(stage: &Stage, kind: &str, tickets: &[FakeTicket], acts: &[Act]) -> Result<(), BenchError> {
    let by = stage.account(kind, PEOPLE[0]);
    for ticket in tickets {
        stage.clock.advance(TimeDelta::seconds(1));
        for act in acts {
            stage.site(kind).act(&by, &ticket.id, act.clone()).map_err(BenchError::Wrong)?;
        }
    }
    stage.clock.advance(TimeDelta::seconds(10));
    Ok(())
}

/// The milestone that a ticket's title names: `[BENCH M-17] ...`.
fn milestone_of(ticket: &FakeTicket) -> Option<MilestoneNumber> {
    let (_, rest) = ticket.title.split_once(" M-")?;
    rest.split(']').next()?.parse().ok().map(MilestoneNumber)
}

async fn links(stage: &Stage, tickets: &[FakeTicket]) -> Result<Vec<Link>, BenchError> {
    let numbers = tickets.iter().filter_map(milestone_of).collect();
    let mut read = stage.engine.world.db.read().await.map_err(BenchError::of)?;
    read.links_of(&stage.system, &numbers).await.map_err(BenchError::of)
}

/// How the reworded milestones end.
const WORDING: &str = "and a second rescan shows it";

/// Another wording and another owner, which are the ticket's title, block and assignee.
fn reworded(milestone: MilestoneNumber) -> [Command; 2] {
    [
        Command::Retext {
            milestone,
            text: format!("Package {} is at its fixed version, {WORDING}", milestone.0),
            reason: Some("The plan was made more exact".to_owned()),
        },
        Command::SetOwner { milestone, owner: Some(PEOPLE[1].0.to_owned()) },
    ]
}

/// Writes edits of the register to these tickets.
async fn push(stage: &Stage, tickets: &[(&str, Vec<FakeTicket>)]) -> Result<Push, BenchError> {
    let mut done = Push::default();
    for (kind, tickets) in tickets {
        let commands = tickets.iter().filter_map(milestone_of).flat_map(reworded).collect();
        stage.command(commands).await?;
        let meter = Meter::start(stage.site(kind));
        stage.pass(kind, Hot::new()).await?;
        let cost = meter.read();
        done.changes += tickets.len() as u64;
        done.writes += cost.writes();
        done.reads += cost.requests - cost.writes();
        done.cost.set(kind, cost);
        let after = stage.site(kind).tickets();
        let written = after.iter().filter(|ticket| ticket.title.ends_with(WORDING)).count();
        if written != tickets.len() {
            return Err(BenchError::Wrong(format!("{written} of {} tickets were written", tickets.len())));
        }
    }
    done.requests_per_change = Ratio::new(done.writes, done.changes);
    Ok(done)
}

/// Makes new tickets in Jira, and polls once more.
async fn create(stage: &Stage) -> Result<Create, BenchError> {
    let mut done = Create::default();
    let before = stage.site("jira").tickets().len();
    done.tickets = NEW;
    stage.plan("jira", NEW).await?;
    let meter = Meter::start(stage.site("jira"));
    stage.pass("jira", Hot::new()).await?;
    done.jira = meter.read();
    let made = stage.site("jira").tickets().len() - before;
    if made != NEW as usize {
        return Err(BenchError::Wrong(format!("{made} tickets were made, not {NEW}")));
    }
    stage.clock.advance(TimeDelta::minutes(1));
    let meter = Meter::start(stage.site("jira"));
    stage.cycle("jira").await?;
    done.jira_next_poll = meter.read();
    Ok(done)
}
