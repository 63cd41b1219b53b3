//! `tracker list|halt|resume`.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde::Serialize;

use super::super::{Ending, Session, output};
use super::known_tracker;
use crate::app::App;
use crate::app::reserved::set_tracker;
use crate::register::SystemId;
use crate::register::view::Time;
use crate::store::Health;
use crate::sync::{detect, health};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List trackers: their links, and how their connections are.
    List,
    /// Stop writing to a tracker and taking what it says.
    Halt {
        /// Its id in the configuration.
        tracker: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let a halted tracker go on.
    Resume {
        /// Its id in the configuration.
        tracker: String,
        /// Why it may.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// A tracker and how it is.
#[derive(Debug, Serialize)]
struct TrackerView {
    id: String,
    connection: String,
    project: String,
    /// Why it is halted.
    halted: Option<String>,
    links: Links,
    health: Option<HealthView>,
    /// What the tracker asked to wait with.
    paused: Vec<PauseView>,
}

#[derive(Debug, Serialize)]
struct Links {
    waiting: u64,
    creating: u64,
    linked: u64,
    missing: u64,
    dirty: u64,
    failing: u64,
}

/// How it is, or its connection where that is polled as a whole; none where it was never asked.
#[derive(Debug, Serialize)]
struct PauseView {
    /// The allowance; empty for the whole connection.
    scope: String,
    until: Time,
    reason: String,
}

#[derive(Debug, Serialize)]
struct HealthView {
    last_ok: Option<Time>,
    last_error: Option<Time>,
    error: Option<String>,
    failures: u32,
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List => true,
            Self::Halt { .. } | Self::Resume { .. } => false,
        }
    }
}

impl HealthView {
    fn of(health: &Health) -> Self {
        Self {
            last_ok: health.last_ok.map(Time),
            last_error: health.last_error.map(Time),
            error: health.error.clone(),
            failures: health.failures,
        }
    }
}

pub(in crate::cli) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    let (tracker, reason, on) = match command {
        Command::List => return list(session, &app).await,
        Command::Halt { tracker, reason } => (tracker, reason, false),
        Command::Resume { tracker, reason } => (tracker, reason, true),
    };
    known_tracker(&app, &tracker)?;
    let who = session.who(&app, &SystemId::reserved())?;
    set_tracker(app.world(), &who, &tracker, on, &reason).await?;
    for system in &app.config.systems {
        detect::connections(app.world(), &system.id).await?;
    }
    if session.shared.json {
        let view = all(&app).await?.into_iter().find(|view| view.id == tracker);
        output::json(&view)?;
    } else {
        output::line(format!("{tracker} {}.", if on { "goes on" } else { "is halted" }));
    }
    Ok(Ending::Done)
}

async fn list(session: &Session, app: &App) -> anyhow::Result<Ending> {
    let all = all(app).await?;
    if session.shared.json {
        output::json(&all)?;
        return Ok(Ending::Done);
    }
    let rows = all.iter().map(|tracker| {
        let links = &tracker.links;
        vec![
            tracker.id.clone(),
            tracker.project.clone(),
            links.linked.to_string(),
            (links.creating + links.waiting).to_string(),
            links.missing.to_string(),
            links.dirty.to_string(),
            links.failing.to_string(),
            standing(tracker),
        ]
    });
    let headers = ["Id", "Project", "Linked", "To make", "Missing", "Marked", "Failing", "Standing"];
    output::table(&headers, rows.collect(), "The configuration has no [[tracker]].");
    Ok(Ending::Done)
}

/// How a tracker stands, in words.
fn standing(tracker: &TrackerView) -> String {
    let time = |at: Option<Time>| at.map_or_else(|| "never".to_owned(), |Time(at)| output::time(at));
    let mut words = Vec::new();
    if let Some(why) = &tracker.halted {
        words.push(format!("halted: {why}"));
    }
    match &tracker.health {
        None => words.push("never asked".to_owned()),
        Some(health) if health.failures == 0 => words.push(format!("well at {}", time(health.last_ok))),
        Some(health) => words.push(format!(
            "failed {} times, last at {}: {}",
            health.failures,
            time(health.last_error),
            health.error.as_deref().unwrap_or("-")
        )),
    }
    for pause in &tracker.paused {
        let what = if pause.scope.is_empty() { "paused" } else { pause.scope.as_str() };
        words.push(format!("{what} until {}: {}", output::time(pause.until.0), pause.reason));
    }
    words.join("; ")
}

async fn all(app: &App) -> anyhow::Result<Vec<TrackerView>> {
    let mut read = app.world().db.read().await?;
    let mut counts = read.link_counts().await?;
    let halted = read.halted().await?;
    let health = read.health().await?;
    let now = app.world().clock.now();
    let mut paused = BTreeMap::new();
    for connection in &app.config.connections {
        paused.insert(connection.id.clone(), read.pauses(&connection.id, now).await?);
    }
    let streams = read.stream_health().await?;
    Ok(app
        .config
        .trackers
        .iter()
        .map(|tracker| {
            let counts = counts.remove(&tracker.id).unwrap_or_default();
            let paused = paused.get(&tracker.connection).into_iter().flatten().map(|pause| PauseView {
                scope: pause.scope.clone(),
                until: Time(pause.until),
                reason: pause.reason.clone(),
            });
            let world = app.world();
            let known = world.settings.tracker(&tracker.id).ok();
            let own = known.and_then(|known| health::of_tracker(world, known, &streams));
            let connection = health.iter().find(|health| health.connection == tracker.connection);
            TrackerView {
                paused: paused.collect(),
                id: tracker.id.clone(),
                connection: tracker.connection.clone(),
                project: tracker.project.clone(),
                halted: halted.get(&tracker.id).cloned(),
                links: Links {
                    waiting: counts.waiting,
                    creating: counts.creating,
                    linked: counts.linked,
                    missing: counts.missing,
                    dirty: counts.dirty,
                    failing: counts.failing,
                },
                health: own.or(connection).map(HealthView::of),
            }
        })
        .collect())
}
