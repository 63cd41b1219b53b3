//! The history: `audit verify|log|seal`, `redact`.

mod log;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Ending, Session, output};
use crate::app::reserved::needs;
use crate::app::{redact, seal};
use crate::register::{Digest, Role, SystemId};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The history: whether it is whole, what it says, sealing it.
    #[command(subcommand)]
    Audit(Audit),
    /// Remove the bytes of a proof; its digest, and who removed it and why, stay.
    Redact {
        /// SHA-256 of the bytes: 64 lower-case hexadecimal digits.
        #[arg(value_parser = Digest::new)]
        digest: Digest,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every hash, replay the history and compare what it gives with the tables. All systems, if none is named.
    Verify(verify::Verify),
    /// Show rows of the history: the last ones, if nothing is said.
    Log(log::Log),
    /// Sign the head of the history with the key of `[seal]`: of every system, or of the one named. As JSON it is the
    /// seal to keep elsewhere; a list, if no system is named.
    Seal,
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Audit(Audit::Verify(wanted)) => verify::run(session, wanted).await,
        Command::Audit(Audit::Log(wanted)) => log::run(session, wanted).await,
        Command::Audit(Audit::Seal) => sealed(session).await,
        Command::Redact { digest, reason } => redacted(session, &digest, &reason).await,
    }
}

async fn sealed(session: &Session) -> anyhow::Result<Ending> {
    let app = session.app().await?;
    let file: Option<&PathBuf> = app.config.seal.key_file.as_ref();
    let key = seal::key(file.map(PathBuf::as_path))?;
    let systems: Vec<SystemId> = if session.shared.system.is_some() {
        vec![session.chain(&app)?]
    } else {
        let configured = app.config.systems.iter().map(|system| system.id.clone());
        configured.chain([SystemId::reserved()]).collect()
    };
    for system in &systems {
        needs(&session.who(&app, system)?, &format!("seal {system}"), &[Role::Grc, Role::Isso])?;
    }
    let seals = seal::seal_all(app.world(), systems, &key).await?;
    if session.shared.json {
        // One that was asked for by name is kept in a file of its own.
        match (seals.as_slice(), &session.shared.system) {
            ([seal], Some(_)) => output::json(seal)?,
            _ => output::json(&seals)?,
        }
        return Ok(Ending::Done);
    }
    for seal in &seals {
        output::line(format!("{} is sealed up to row {} by the key {}.", seal.system, seal.upto, seal.key));
    }
    output::line(
        "Keep what `--json` prints where this host cannot rewrite it; `audit verify --seal FILE` checks by it.",
    );
    Ok(Ending::Done)
}

async fn redacted(session: &Session, digest: &Digest, reason: &str) -> anyhow::Result<Ending> {
    let app = session.app().await?;
    let who = |system: &SystemId| session.acting(&app, system);
    let done = redact::redact(app.world(), digest, reason, who).await?;
    if session.shared.json {
        output::json(&done)?;
        return Ok(Ending::Done);
    }
    for (system, numbers) in &done.evidence {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        output::line(format!(
            "{system}: the bytes of evidence {} are removed; its digest stays.",
            numbers.join(", ")
        ));
    }
    Ok(Ending::Done)
}
