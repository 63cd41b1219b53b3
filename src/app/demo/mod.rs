//! `poam demo`: the whole of it on fake trackers, with nothing else needed.
//!
//! | file | what |
//! |---|---|
//! | [`live`] | the stage: a folder, both sites, the daemon |
//! | [`story`] | the story that plays by itself |
//! | [`data`] | a workbook, a plan and a configuration, all invented |
//! | [`sites`] | the fake GitHub and the fake Jira, served, and their webhooks delivered |
//! | [`pages`] | a plain page per ticket, where a visitor does what engineers do |

pub mod data;
pub mod live;
pub mod pages;
pub mod sites;
pub mod story;

use std::path::{Path, PathBuf};

pub use live::DemoError;
use live::Stage;

use super::serve::Signals;

/// Runs the demo in `folder` (a temporary one where none is given, removed at the end): plays the story where `script`
/// is set, else stays until `asked` completes.
pub async fn run(
    script: bool,
    folder: Option<PathBuf>,
    asked: Signals,
    tell: story::Tell<'_>,
) -> Result<(), DemoError> {
    let (folder, temporary) = match folder {
        Some(folder) => (folder, false),
        None => (std::env::temp_dir().join(format!("poam-demo-{}", super::wiring::fresh_id())), true),
    };
    let stage = Stage::start(&folder).await?;
    let played = if script { story::play(&stage, tell).await } else { visit(&stage, asked, tell).await };
    stage.stop().await;
    if temporary && let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(folder = %folder.display(), %error, "the demo's folder could not be removed");
    }
    played
}

/// Opens everything for a visitor and stays.
async fn visit(stage: &Stage, asked: Signals, tell: story::Tell<'_>) -> Result<(), DemoError> {
    story::prepare(stage, tell).await?;
    tell(String::new());
    tell(format!("Demo GitHub   {}demo", stage.sites.github_url));
    tell(format!("Demo Jira     {}demo", stage.sites.jira_url));
    tell(format!("Bridge        http://{}/healthz", stage.address));
    tell(String::new());
    tell("Open a ticket, move its due date, and see the question come within two seconds (edits settle for 1 second".into());
    tell("here, usually for 5 minutes). Answer it with /poam why REASON. In another terminal:".into());
    tell(String::new());
    let config = shown(&stage.config);
    for command in ["drift list", "milestone list", "move list", "item show V-1", "audit verify"] {
        tell(format!("  poam --config {config} {command}"));
    }
    tell(String::new());
    tell("Ctrl-C ends the demo and removes its folder.".into());
    asked.await;
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
