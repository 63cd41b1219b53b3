//! Setting up and running: `init`, `check`, `serve`, `demo`, `import`, `plan apply`, `rules apply`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;

use super::{Ending, Session, Usage, output};
use crate::app::act::{act_for, judge};
use crate::app::import::{How, import};
use crate::app::{App, Writing, check, rules, setup};
use crate::exchange::plan_file;
use crate::register::decide::Refusal;
use crate::register::{Digest, Impact, SystemId};
use crate::store::Scope;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set up a folder: a configuration, a store, a first system.
    Init {
        /// The folder; made where there is none.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// The system's name in words.
        #[arg(long)]
        name: String,
        /// FIPS 199 impact level.
        #[arg(long, value_parser = impact)]
        impact: Impact,
    },
    /// Report every mistake in the configuration and every missing permission at once.
    Check,
    /// Run the daemon: polls, webhooks, API.
    Serve,
    /// Show the whole of it on fake trackers, with nothing else needed.
    #[cfg(feature = "fakes")]
    Demo {
        /// Play the whole story by itself, narrated, and stop.
        #[arg(long)]
        script: bool,
        /// Where to put it all, kept afterwards; else in a temporary folder.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Take what a FedRAMP POA&M workbook (template v2.1 or v3.0) says, as it says it.
    Import {
        /// The workbook.
        file: PathBuf,
        /// Show what would be taken; take nothing.
        #[arg(long)]
        dry_run: bool,
        /// A row whose number is that of an item made here is the same weakness; else it is refused.
        #[arg(long)]
        join: bool,
    },
    /// Plans in bulk.
    #[command(subcommand)]
    Plan(Plan),
    /// The rules in force.
    #[command(subcommand)]
    Rules(Rules),
}

#[derive(Debug, Subcommand)]
pub(super) enum Plan {
    /// Add the items and milestones of a TOML or CSV file: all or none.
    Apply {
        /// The file.
        file: PathBuf,
        /// Show what would be added; add nothing.
        #[arg(long)]
        dry_run: bool,
        /// Apply a file that was applied already: what it adds is added once more.
        #[arg(long)]
        again: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Rules {
    /// Put the rule files in force: shows what changes, and with --yes takes it and journals each new deadline.
    Apply {
        /// Take the change.
        #[arg(long)]
        yes: bool,
    },
}

fn impact(text: &str) -> Result<Impact, String> {
    match text {
        "low" => Ok(Impact::Low),
        "moderate" => Ok(Impact::Moderate),
        "high" => Ok(Impact::High),
        _ => Err(format!("{text:?} is none of low, moderate and high")),
    }
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Init { dir, name, impact } => init(session, &dir, &name, impact).await,
        Command::Check => checked(session).await,
        Command::Serve => {
            let app = App::open(session.config()?, Writing::Task).await?;
            crate::app::serve::serve(app, crate::app::serve::signals()).await?;
            Ok(Ending::Done)
        }
        #[cfg(feature = "fakes")]
        Command::Demo { script, dir } => {
            let asked = crate::app::serve::signals();
            crate::app::demo::run(script, dir, asked, &|text| output::line(text)).await?;
            Ok(Ending::Done)
        }
        Command::Import { file, dry_run, join } => imported(session, &file, How { dry_run, join }).await,
        Command::Plan(Plan::Apply { file, dry_run, again }) => planned(session, &file, dry_run, again).await,
        Command::Rules(Rules::Apply { yes }) => applied(session, yes).await,
    }
}

async fn init(session: &Session, dir: &Path, name: &str, impact: Impact) -> anyhow::Result<Ending> {
    let id =
        session.shared.system.as_deref().ok_or_else(|| Usage("name the system: --system ID".to_owned()))?;
    let system = SystemId::new(id).map_err(Usage)?;
    if system == SystemId::reserved() {
        return Err(Usage("the id \"_\" is reserved".to_owned()).into());
    }
    let file = setup::init(dir, &system, name, impact, &session.env).await?;
    if session.shared.json {
        output::json(&serde_json::json!({ "config": file, "system": system }))?;
    } else {
        output::line(format!("{} and its store are set up for {system}.", file.display()));
        output::line(format!("Next: poam --config {} import WORKBOOK.xlsx", file.display()));
    }
    Ok(Ending::Done)
}

async fn checked(session: &Session) -> anyhow::Result<Ending> {
    let app = session.app().await?;
    let findings = check::check(&app).await;
    if session.shared.json {
        output::json(&findings)?;
    } else {
        for problem in &findings.problems {
            output::line(format!("problem: {problem}"));
        }
        for note in &findings.notes {
            output::line(format!("note: {note}"));
        }
        let word = if findings.problems.is_empty() { "Nothing is wrong." } else { "To be put right." };
        let problems = output::count(findings.problems.len(), "problem", "problems");
        let notes = output::count(findings.notes.len(), "note", "notes");
        output::line(format!("{problems}, {notes}. {word}"));
    }
    Ok(if findings.problems.is_empty() { Ending::Done } else { Ending::Failed })
}

async fn imported(session: &Session, file: &Path, how: How) -> anyhow::Result<Ending> {
    let app = if how.dry_run { session.reading().await? } else { session.app().await? };
    let system = session.system(&app)?;
    let who = session.who(&app, &system)?;
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let name = file
        .file_name()
        .map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned());
    let bar = output::progress(0, "importing");
    let told = bar.clone();
    let progress = move |done: usize, of: usize| {
        told.set_length(of as u64);
        told.set_position(done as u64);
    };
    let report = import(app.world(), &system, &who, &name, bytes.into(), how, &progress).await?;
    bar.finish_and_clear();
    if session.shared.json {
        output::json(&report)?;
    } else {
        for line in &report.plan {
            output::line(line);
        }
        for warning in &report.warnings {
            output::note(format!("warning: {warning}"));
        }
        for refused in &report.refused {
            output::note(format!("refused: {refused}"));
        }
        let verb = if how.dry_run { "would be " } else { "" };
        output::line(format!(
            "{} read: {} {verb}created, {} {verb}changed, {} unchanged, {} refused, {}.",
            output::count(report.read, "row", "rows"),
            output::count(report.created, "item", "items"),
            report.changed,
            report.unchanged,
            report.refused.len(),
            output::count(report.warnings.len(), "warning", "warnings"),
        ));
    }
    Ok(if report.refused.is_empty() { Ending::Done } else { Ending::Failed })
}

async fn planned(session: &Session, file: &Path, dry_run: bool, again: bool) -> anyhow::Result<Ending> {
    let app = if dry_run { session.reading().await? } else { session.app().await? };
    let system = session.system(&app)?;
    let who = session.who(&app, &system)?;
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let name = file.display().to_string();
    let cause = format!("plan {}", Digest::of(text.as_bytes()));
    let last = {
        let mut read = app.world().db.read().await?;
        if !again && read.has_cause(&system, &cause).await? {
            let why = "the same file was applied already; --again adds once more what it adds";
            return Err(Refusal::new(format!("apply {name}"), why).into());
        }
        read.load(&system, Scope::System).await?.system.last_item
    };
    let (places, commands): (Vec<String>, Vec<_>) = plan_file::commands(&name, &text, &system, last)?
        .into_iter()
        .map(|planned| (planned.place, planned.command))
        .unzip();
    let refused = judge(app.world(), &system, &who, &commands).await?;
    if !refused.is_empty() {
        let because = refused.iter().map(|(n, refusal)| format!("{}: {refusal}", places[*n])).collect();
        return Err(plan_file::PlanError { file: name, because }.into());
    }
    let count = commands.len();
    if dry_run {
        for command in &commands {
            output::line(plan_file::in_words(command));
        }
        return Ok(Ending::Done);
    }
    let (changes, _) = act_for(app.world(), &system, &who, &cause, commands).await?;
    if session.shared.json {
        let subjects: Vec<String> = changes.iter().map(crate::register::Change::subject).collect();
        output::json(&serde_json::json!({ "entries": count, "changes": subjects }))?;
    } else {
        let (entries, changes) = (output::count(count, "entry", "entries"), changes.len());
        let changes = output::count(changes, "change", "changes");
        output::line(format!("{entries} of {name} planned ({changes})."));
    }
    Ok(Ending::Done)
}

async fn applied(session: &Session, yes: bool) -> anyhow::Result<Ending> {
    let app = if yes { session.app().await? } else { session.reading().await? };
    let report = rules::apply(&app, yes, |system| session.acting(&app, system)).await?;
    if session.shared.json {
        output::json(&report)?;
    } else {
        for line in &report.lines {
            output::line(line);
        }
        let end = match (report.lines.is_empty(), yes) {
            (true, _) => "The rules in force are those of the files.",
            (false, true) => "The rules are in force.",
            (false, false) => "Nothing was changed; --yes puts them in force.",
        };
        output::line(end);
    }
    Ok(Ending::Done)
}
