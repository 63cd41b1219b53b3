//! The bridge: links, trackers, `sync`.

mod link;
mod pass;
mod tracker;

use clap::Subcommand;

use super::{Ending, Session, Usage};
use crate::app::App;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Links: which milestone has which ticket.
    #[command(subcommand)]
    Link(link::Command),
    /// Trackers: how they are, and whether the bridge writes to them.
    #[command(subcommand)]
    Tracker(tracker::Command),
    /// Poll and reconcile until nothing is left to do.
    Sync {
        /// Show what would be done; write nothing anywhere.
        #[arg(long)]
        dry_run: bool,
        /// The connection of this tracker alone.
        #[arg(long, value_name = "ID")]
        tracker: Option<String>,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Link(command) => link::run(session, command).await,
        Command::Tracker(command) => tracker::run(session, command).await,
        Command::Sync { dry_run, tracker } => pass::run(session, dry_run, tracker.as_deref()).await,
    }
}

/// Refuses an id that is no tracker of the configuration.
fn known_tracker(app: &App, id: &str) -> Result<(), Usage> {
    let mut ids = app.config.trackers.iter().map(|tracker| tracker.id.as_str());
    if ids.clone().any(|known| known == id) {
        return Ok(());
    }
    let known: Vec<&str> = ids.by_ref().collect();
    let known =
        if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
    Err(Usage(format!("no [[tracker]] has the id {id:?}; {known}")))
}
