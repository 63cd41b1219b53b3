//! `poam bench`: the bridge measured against fake trackers in this process.

use clap::Subcommand;

use super::{Ending, Session, output};
use crate::app::bench::meter::Cost;
use crate::app::bench::stage::Size;
use crate::app::bench::sync::{self, Report};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Requests, time and memory of polls, edits on either side, creations and sweeps.
    Sync {
        /// Links on each kind of tracker.
        #[arg(long, default_value_t = 1_000, value_name = "N")]
        links: u32,
        /// GitHub repositories, and as many Jira projects on one connection.
        #[arg(long, default_value_t = 10, value_name = "R")]
        trackers: u32,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Sync { links, trackers } => {
            let report =
                sync::run(Size { links, trackers }, &|scene| output::note(format!("{scene} ..."))).await?;
            if session.shared.json {
                output::json(&report)?;
            } else {
                show(&report);
            }
            Ok(Ending::Done)
        }
    }
}

fn show(report: &Report) {
    output::line(format!(
        "{} links on each of GitHub ({} repositories) and Jira (one connection, {} projects).",
        report.links, report.trackers, report.trackers
    ));
    let edits = report.edits;
    let both = [
        ("every ticket made".to_owned(), &report.seed),
        ("a poll, nothing changed".to_owned(), &report.idle),
        (format!("{edits} field edits taken"), &report.pull),
        (format!("{edits} closures with a comment taken"), &report.closures),
        (format!("{edits} edits of the register written"), &report.push.cost),
        ("a sweep, nothing changed".to_owned(), &report.sweep),
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (scene, both) in both {
        rows.push(row(&scene, "GitHub", &both.github));
        rows.push(row("", "Jira", &both.jira));
    }
    rows.push(row(&format!("{} tickets made", report.create.tickets), "Jira", &report.create.jira));
    rows.push(row("the poll after it", "Jira", &report.create.jira_next_poll));
    output::table(&["Scene", "Tracker", "Requests", "Wall ms", "CPU ms", "Which"], rows, "");
    output::line(format!(
        "At most {} MiB of memory, the fakes and their tickets included.",
        report.peak_memory_mib
    ));
}

fn row(scene: &str, tracker: &str, cost: &Cost) -> Vec<String> {
    let which: Vec<String> =
        cost.by_endpoint.iter().map(|(name, count)| format!("{count} x {name}")).collect();
    vec![
        scene.to_owned(),
        tracker.to_owned(),
        cost.requests.to_string(),
        cost.wall_ms.to_string(),
        cost.cpu_ms.to_string(),
        which.join("; "),
    ]
}
