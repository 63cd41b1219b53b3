//! `link list|show|open|adopt`.

use std::collections::BTreeSet;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;
use serde::Serialize;

use super::super::register::{item_named, milestone_named};
use super::super::{Ending, Session, Usage, output};
use super::known_tracker;
use crate::app::App;
use crate::app::reserved::needs;
use crate::register::view::LinkView;
use crate::register::{Base, Link, LinkPhase, MilestoneNumber, Role, SystemId};
use crate::store::{LinkFilter, MilestoneFilter, Scope};
use crate::sync::adopt::adopt;
use crate::sync::apart::{self, Apart};
use crate::sync::open::{Opened, open};

/// Who says which milestones get tickets.
const OPENERS: &[Role] = &[Role::Grc, Role::Isso, Role::Owner, Role::SystemOwner];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List links.
    List {
        /// On this tracker.
        #[arg(long, value_name = "ID")]
        tracker: Option<String>,
        /// waiting, creating, linked or missing; may be given several times.
        #[arg(long, value_parser = LinkPhase::parse)]
        phase: Vec<LinkPhase>,
        /// Only those whose last attempt failed.
        #[arg(long)]
        failing: bool,
    },
    /// Show a milestone's link: what was last reconciled, what was last seen, and why both sides are apart.
    Show {
        /// Whose: M-17.
        milestone: String,
    },
    /// Open tickets for milestones that have none, by route.
    Open {
        /// Which: milestone=M-1,M-2, item=V-1, owner=NAME, or all.
        #[arg(long, value_name = "FILTER", default_value = "all")]
        filter: String,
        /// Open them though there are many.
        #[arg(long)]
        yes: bool,
    },
    /// Bind a milestone to a ticket that is there.
    Adopt {
        /// Which: M-17.
        milestone: String,
        /// The ticket: SEC-12, 17, owner/repository#17.
        #[arg(long, value_name = "KEY")]
        ticket: String,
        /// Its tracker; that of the project that the key names, else by route, if not said.
        #[arg(long, value_name = "ID")]
        tracker: Option<String>,
    },
}

/// A link, with what was last reconciled and where both sides are apart.
#[derive(Debug, Serialize)]
struct LinkDetail<'a> {
    #[serde(flatten)]
    link: LinkView<'a>,
    base: &'a Base,
    apart: Vec<Apart>,
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } => true,
            Self::Open { .. } | Self::Adopt { .. } => false,
        }
    }
}

pub(in crate::cli) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    match command {
        Command::List { tracker, phase, failing } => {
            if let Some(tracker) = &tracker {
                known_tracker(&app, tracker)?;
            }
            let system = Some(session.system(&app)?);
            let filter =
                LinkFilter { system, trackers: tracker.into_iter().collect(), phases: phase, failing };
            let found = app.world().db.read().await?.links(&filter, None, u32::MAX).await?;
            list(session, &found)?;
        }
        Command::Show { milestone } => {
            let (system, number) = milestone_named(session, &app, &milestone)?;
            show(session, &app, &system, number).await?;
        }
        Command::Open { filter, yes } => {
            let (system, wanted) = wanted(session, &app, &filter).await?;
            needs(&session.who(&app, &system)?, "open tickets", OPENERS)?;
            let opened = open(app.world(), &system, wanted, yes).await?;
            if session.shared.json {
                output::json(&opened)?;
            } else {
                said(&opened);
            }
            let none = opened.opening.is_empty() && opened.waiting.is_empty();
            if none && !opened.unrouted.is_empty() {
                return Ok(Ending::Failed);
            }
        }
        Command::Adopt { milestone, ticket, tracker } => {
            let (system, number) = milestone_named(session, &app, &milestone)?;
            if let Some(tracker) = &tracker {
                known_tracker(&app, tracker)?;
            }
            let who = session.who(&app, &system)?;
            needs(&who, &format!("adopt {ticket} for {number}"), OPENERS)?;
            let link = adopt(app.world(), &system, number, tracker.as_deref(), &ticket, who.actor).await?;
            if session.shared.json {
                output::json(&LinkView::of(&link))?;
            } else {
                let url = link.url.as_deref().unwrap_or_default();
                output::line(format!("{system}/{number} is worked on in {ticket}: {url}"));
                output::line("The next sync writes what is ours into it.");
            }
        }
    }
    Ok(Ending::Done)
}

fn list(session: &Session, found: &[Link]) -> anyhow::Result<()> {
    if session.shared.json {
        return output::json(&found.iter().map(LinkView::of).collect::<Vec<_>>());
    }
    let rows = found.iter().map(|link| {
        let seen = &link.observed;
        vec![
            link.milestone.to_string(),
            link.tracker.clone(),
            link.key.clone().unwrap_or_else(|| "-".to_owned()),
            link.phase.name().to_owned(),
            output::or_dash(Some(&seen.status)),
            output::day(seen.due),
            if link.dirty.is_some() { "yes".to_owned() } else { "no".to_owned() },
            output::or_dash(link.error.as_deref()),
        ]
    });
    let headers = ["Of", "Tracker", "Ticket", "Phase", "Status", "Due there", "Marked", "Error"];
    output::table(&headers, rows.collect(), "There is no such link.");
    Ok(())
}

async fn show(
    session: &Session,
    app: &App,
    system: &SystemId,
    number: MilestoneNumber,
) -> anyhow::Result<()> {
    let mut read = app.world().db.read().await?;
    let register = read.load(system, Scope::milestone(number)).await?;
    let milestone =
        register.milestones.get(&number).with_context(|| format!("{system} has no milestone {number}"))?;
    let link = read.link_of(system, number).await?.with_context(|| {
        format!("{system}/{number} has no link: `poam link open --filter milestone={number}` opens a ticket")
    })?;
    let apart = apart::apart(&register, milestone, &link);
    if session.shared.json {
        return output::json(&LinkDetail { link: LinkView::of(&link), base: &link.base, apart });
    }
    let seen = &link.observed;
    let time = |at: Option<DateTime<Utc>>| at.map(output::time).unwrap_or_default();
    output::heading(format!("{system}/{number}: {}", milestone.text));
    output::facts(vec![
        ("Tracker", link.tracker.clone()),
        ("Phase", link.phase.name().to_owned()),
        ("Ticket", link.key.clone().unwrap_or_else(|| "none yet".to_owned())),
        ("Address", link.url.clone().unwrap_or_default()),
        ("Missing since", time(link.missing_since)),
        ("Marked since", time(link.dirty)),
        ("Not before", time(link.due_at)),
        (
            "Error",
            link.error.as_ref().map(|e| format!("{e} ({} in a row)", link.attempts)).unwrap_or_default(),
        ),
        ("Seen", time(seen.at)),
        (
            "Planned into",
            seen.scheduled.as_ref().map(|(name, end)| format!("{name}, until {end}")).unwrap_or_default(),
        ),
        ("Also marked", seen.duplicates.join(", ")),
        ("Moved to", seen.moved_away.clone().unwrap_or_default()),
        (
            "Labels put back",
            if seen.labels_restored == 0 { String::new() } else { seen.labels_restored.to_string() },
        ),
    ]);
    output::line("");
    output::table(
        &["Field", "Register", "Ticket", "Reconciled"],
        if seen.at.is_some() {
            sides(apart::sides(&register, milestone, &link), &link.base)
        } else {
            Vec::new()
        },
        "The ticket was not seen yet.",
    );
    if apart.is_empty() && seen.at.is_some() {
        output::line("Both sides agree.");
    }
    for field in &apart {
        output::line(format!("{} is apart: {}.", field.field, field.why));
    }
    Ok(())
}

/// Both sides as they are, and as they were when they were last reconciled, where that differs.
fn sides(sides: [(&'static str, String, String); 4], base: &Base) -> Vec<Vec<String>> {
    let word = |text: &Option<String>| output::or_dash(text.as_deref());
    let due = |day: Option<NaiveDate>| day.map_or_else(|| "none".to_owned(), |day| day.to_string());
    let bases = [
        base.title.as_ref().map(|p| (p.ours.clone(), p.theirs.clone())),
        base.state.as_ref().map(|p| (p.ours.clone(), p.theirs.clone())),
        base.due.as_ref().map(|p| (due(p.ours), due(p.theirs))),
        base.assignee.as_ref().map(|p| (word(&p.ours), word(&p.theirs))),
    ];
    sides
        .into_iter()
        .zip(bases)
        .map(|((field, ours, theirs), base)| {
            let base = match base {
                None => "never".to_owned(),
                Some(pair) if pair == (ours.clone(), theirs.clone()) => "as they are".to_owned(),
                Some((base_ours, base_theirs)) if base_ours == base_theirs => base_ours,
                Some((base_ours, base_theirs)) => format!("{base_ours} / {base_theirs}"),
            };
            vec![field.to_owned(), ours, theirs, base]
        })
        .collect()
}

/// The system and the milestones that a filter means; none is all of them.
async fn wanted(
    session: &Session,
    app: &App,
    filter: &str,
) -> anyhow::Result<(SystemId, Option<BTreeSet<MilestoneNumber>>)> {
    let wrong =
        || Usage(format!("{filter:?} is no filter; known are milestone=M-1,M-2, item=V-1, owner=NAME, all"));
    if filter == "all" {
        return Ok((session.system(app)?, None));
    }
    let (key, value) = filter.split_once('=').ok_or_else(wrong)?;
    let (system, only) = match key {
        "milestone" => {
            let mut system = None;
            let mut numbers = BTreeSet::new();
            for name in value.split(',') {
                let (of, number) = milestone_named(session, app, name.trim())?;
                if system.replace(of.clone()).is_some_and(|before| before != of) {
                    return Err(Usage("the milestones are of several systems".to_owned()).into());
                }
                numbers.insert(number);
            }
            let system = system.ok_or_else(wrong)?;
            let mut read = app.world().db.read().await?;
            for number in &numbers {
                read.milestone(&system, *number)
                    .await?
                    .with_context(|| format!("{system} has no milestone {number}"))?;
            }
            return Ok((system, Some(numbers)));
        }
        "item" => {
            let (system, item) = item_named(session, app, value)?;
            app.world()
                .db
                .read()
                .await?
                .item(&system, &item)
                .await?
                .with_context(|| format!("{system} has no item {item}"))?;
            (system, MilestoneFilter { item: Some(item), ..MilestoneFilter::default() })
        }
        "owner" => {
            if !app.config.people.iter().any(|person| person.name == value) {
                return Err(Usage(format!("no [[person]] has the name {value:?}")).into());
            }
            let filter = MilestoneFilter { owner: Some(value.to_owned()), ..MilestoneFilter::default() };
            (session.system(app)?, filter)
        }
        _ => return Err(wrong().into()),
    };
    let found = app.world().db.read().await?.milestones(&system, &only, None, u32::MAX).await?;
    Ok((system, Some(found.into_iter().map(|milestone| milestone.number).collect())))
}

fn said(opened: &Opened) {
    const SHOWN: usize = 10;
    let names = |all: &[String]| {
        let more = all.len().saturating_sub(SHOWN);
        let listed = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        if more == 0 { listed } else { format!("{listed} and {more} more") }
    };
    if !opened.opening.is_empty() {
        output::line(format!(
            "Tickets will be made for {}: {}.",
            opened.opening.len(),
            names(&opened.opening)
        ));
    }
    if !opened.waiting.is_empty() {
        output::line(format!(
            "{} wait, since they are many at once; --yes opens them: {}.",
            opened.waiting.len(),
            names(&opened.waiting)
        ));
    }
    if !opened.unrouted.is_empty() {
        output::note(format!(
            "No [[route]] gives a tracker to {}: {}.",
            opened.unrouted.len(),
            names(&opened.unrouted)
        ));
    }
    if opened.opening.is_empty() && opened.waiting.is_empty() && opened.unrouted.is_empty() {
        output::line("Nothing is to be opened: what the filter finds has tickets, or needs none.");
    }
}
