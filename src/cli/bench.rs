//! `poam bench`: the bridge measured against fake trackers in this process.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Ending, Session, output};
use crate::app::bench::meter::Cost;
use crate::app::bench::register;
use crate::app::bench::stage::Size;
use crate::app::bench::sync::{self, Report};
use crate::app::wiring::fresh_id;

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
    /// Drift passes, pages, start, verification and memory of a large register.
    Register {
        /// Open milestones.
        #[arg(long, default_value_t = 10_000, value_name = "N")]
        milestones: u32,
        /// Measure what an earlier run filled, and fill nothing.
        #[arg(long, hide = true, value_name = "DIR")]
        measure: Option<PathBuf>,
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
        Command::Register { measure: Some(folder), .. } => {
            output::json(&register::measure(&folder).await?)?;
            Ok(Ending::Done)
        }
        Command::Register { milestones, measure: None } => {
            let folder = std::env::temp_dir().join(format!("poam-bench-{}", fresh_id()));
            std::fs::create_dir_all(&folder)?;
            let measured = in_another_process(&folder, milestones).await;
            std::fs::remove_dir_all(&folder)?;
            let report = measured?;
            if session.shared.json {
                output::json(&report)?;
            } else {
                show_register(&report);
            }
            Ok(Ending::Done)
        }
    }
}

/// Fills a store here and measures it in a process of its own, whose memory holds nothing else.
async fn in_another_process(folder: &Path, milestones: u32) -> anyhow::Result<register::Report> {
    output::note("filling the register ...");
    register::fill(folder, milestones).await?;
    output::note("measuring ...");
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["bench", "register", "--json", "--measure"]).arg(folder);
    let answer = command.stderr(std::process::Stdio::inherit()).output()?;
    anyhow::ensure!(answer.status.success(), "the measuring process ended with {}", answer.status);
    Ok(serde_json::from_slice(&answer.stdout)?)
}

fn show_register(report: &register::Report) {
    output::line(format!("{} open milestones, {} rows in the journal.", report.milestones, report.changes));
    let mut rows = vec![
        vec!["start".to_owned(), format!("{:.1} ms", report.start_ms)],
        vec!["full drift pass, nothing new".to_owned(), format!("{:.0} ms", report.drift_pass_ms)],
        vec!["memory after it, at most".to_owned(), format!("{} MiB", report.drift_pass_peak_mib)],
    ];
    rows.extend(
        report
            .pages
            .iter()
            .map(|page| vec![format!("{} ({} rows)", page.name, page.rows), format!("{:.1} ms", page.ms)]),
    );
    rows.push(vec!["one item as of a day".to_owned(), format!("{:.1} ms", report.as_of_item_ms)]);
    rows.push(vec!["audit verify".to_owned(), format!("{:.0} ms", report.verify_ms)]);
    rows.push(vec![
        "audit verify, for a million changes".to_owned(),
        format!("{:.1} s", report.verify_ms_per_million / 1000.0),
    ]);
    rows.push(vec!["memory in all, at most".to_owned(), format!("{} MiB", report.peak_mib)]);
    output::table(&["What", "Figure"], rows, "");
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
