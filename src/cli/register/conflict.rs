//! `conflict list`, `conflict resolve`.

use clap::{Subcommand, ValueEnum};

use super::super::{Ending, Session, output};
use super::carry_out;
use crate::register::decide;
use crate::register::view::ConflictView;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List fields that both sides changed: those unresolved.
    List {
        /// Resolved ones too.
        #[arg(long)]
        all: bool,
    },
    /// Say which value stands.
    Resolve {
        /// Its number, as `conflict list` shows it.
        number: u32,
        /// Whose value stands.
        #[arg(long)]
        keep: Side,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Side {
    /// Ours.
    Register,
    /// The tracker's, or the imported file's.
    Tracker,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Tracker => "tracker",
        }
    }
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List { .. } => true,
            Self::Resolve { .. } => false,
        }
    }
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    let system = session.system(&app)?;
    match command {
        Command::List { all } => {
            let mut read = app.world().db.read().await?;
            let found = read.conflicts(&system, !all).await?;
            if session.shared.json {
                output::json(&found.iter().map(ConflictView::of).collect::<Vec<_>>())?;
                return Ok(Ending::Done);
            }
            let rows = found.iter().map(|conflict| {
                let mut row = vec![
                    conflict.number.to_string(),
                    conflict.subject.to_string(),
                    conflict.field.clone(),
                    output::or_dash(Some(&conflict.ours)),
                    output::or_dash(Some(&conflict.theirs)),
                    conflict.winner.clone(),
                ];
                if all {
                    row.push(conflict.resolved.as_ref().map_or_else(
                        || "-".to_owned(),
                        |how| format!("{} kept by {}: {}", how.keep, how.by, how.reason),
                    ));
                }
                row
            });
            let mut headers = vec!["No", "About", "Field", "Ours", "Theirs", "Stands"];
            if all {
                headers.push("Resolved");
            }
            output::table(&headers, rows.collect(), "No conflict is open.");
        }
        Command::Resolve { number, keep, reason } => {
            let keep = keep.name().to_owned();
            let command = decide::Command::ResolveConflict { number, keep: keep.clone(), reason };
            carry_out(session, &app, &system, vec![command]).await?;
            let mut read = app.world().db.read().await?;
            let all = read.conflicts(&system, false).await?;
            match all.iter().find(|conflict| conflict.number == number) {
                Some(conflict) if session.shared.json => output::json(&ConflictView::of(conflict))?,
                Some(_) | None => {
                    output::line(format!("Conflict {number} is resolved: the {keep}'s value stands."));
                }
            }
        }
    }
    Ok(Ending::Done)
}
