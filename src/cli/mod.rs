//! The command line: one small file per group of commands. Tables for people, `--json` for programs.
//!
//! Exit codes: 0 done, 1 refused or a check failed, 2 usage or configuration.

mod audit;
#[cfg(feature = "fakes")]
mod bench;
mod output;
mod person;
mod register;
mod run;
mod sync;
mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::app::act::Who;
use crate::app::{App, Writing};
use crate::config::Config;
use crate::register::SystemId;
use crate::register::decide::Refusal;

/// Keeps the authoritative POA&M and one tracker ticket per milestone in step, both ways.
#[derive(Debug, Parser)]
#[command(name = "poam", version, about, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
struct Shared {
    /// The configuration file.
    #[arg(long, global = true, env = "POAM_CONFIG", default_value = "poam.toml", value_name = "FILE")]
    config: PathBuf,
    /// The system; may be left out when the store holds one.
    #[arg(long, global = true, value_name = "ID")]
    system: Option<String>,
    /// Act as this person of the configuration, with their roles; else as whoever runs the command.
    #[arg(long = "as", global = true, env = "POAM_AS", value_name = "NAME")]
    person: Option<String>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Run(run::Command),
    #[command(flatten)]
    Register(register::Command),
    #[command(flatten)]
    Sync(sync::Command),
    #[command(flatten)]
    Audit(audit::Command),
    #[command(flatten)]
    Person(person::Command),
    /// Measure the bridge against fake trackers in this process.
    #[cfg(feature = "fakes")]
    #[command(subcommand)]
    Bench(bench::Command),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Done.
    Done,
    /// Refused, or a check failed.
    Failed,
}

/// A mistake in the call or the configuration: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Parses the arguments, runs the command, prints the chain of errors once.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    if let Err(error) = crate::app::logging::init(&env) {
        output::complain(&anyhow::Error::from(error));
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&anyhow::Error::from(error));
            return ExitCode::from(1);
        }
    };
    let session = Session { shared: arguments.shared, env };
    match runtime.block_on(session.run(arguments.command)) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Failed) => ExitCode::from(1),
        Err(error) => {
            output::complain(&error);
            let usage = error.is::<Usage>() || error.is::<crate::config::ConfigErrors>();
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// What a command runs in.
struct Session {
    shared: Shared,
    env: BTreeMap<String, String>,
}

impl Session {
    async fn run(self, command: Command) -> anyhow::Result<Ending> {
        match command {
            Command::Run(command) => run::run(&self, command).await,
            Command::Register(command) => register::run(&self, command).await,
            Command::Sync(command) => sync::run(&self, command).await,
            Command::Audit(command) => audit::run(&self, command).await,
            Command::Person(command) => person::run(&self, command).await,
            #[cfg(feature = "fakes")]
            Command::Bench(command) => bench::run(&self, command).await,
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Arguments::command(), "poam", &mut std::io::stdout());
                Ok(Ending::Done)
            }
        }
    }

    /// The configuration.
    fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.shared.config, &self.env, &BTreeMap::new())?)
    }

    /// The application, for one command that writes.
    async fn app(&self) -> anyhow::Result<App> {
        Ok(Box::pin(App::open(self.config()?, Writing::Inline)).await?)
    }

    /// The application, for one command that reads, or a dry run: the store is read as it is, and nothing is written.
    async fn reading(&self) -> anyhow::Result<App> {
        Ok(Box::pin(App::open(self.config()?, Writing::Nothing)).await?)
    }

    /// The system that a command is about: the one named, else the only one.
    fn system(&self, app: &App) -> anyhow::Result<SystemId> {
        let known =
            || app.config.systems.iter().map(|system| system.id.to_string()).collect::<Vec<_>>().join(", ");
        match &self.shared.system {
            Some(id) => {
                let found = app.config.systems.iter().find(|system| system.id.as_str() == id);
                let found = found.ok_or_else(|| {
                    Usage(format!("no [[system]] has the id {id:?}; there are {}", known()))
                })?;
                Ok(found.id.clone())
            }
            None => match app.config.systems.as_slice() {
                [system] => Ok(system.id.clone()),
                [] => Err(Usage("the configuration has no [[system]]".to_owned()).into()),
                _ => Err(Usage(format!("name the system: --system ID, one of {}", known())).into()),
            },
        }
    }

    /// The chain that a command is about: a system's, or `_`, which holds tokens, people and trackers.
    fn chain(&self, app: &App) -> anyhow::Result<SystemId> {
        match self.shared.system.as_deref() {
            Some(SystemId::RESERVED) => Ok(SystemId::reserved()),
            Some(_) | None => self.system(app),
        }
    }

    /// A name such as `ACME/M-17` or `M-17`: the system it names, else the one of the call, and the rest.
    fn named<'a>(&self, app: &App, name: &'a str) -> anyhow::Result<(SystemId, &'a str)> {
        match name.split_once('/') {
            Some((system, rest)) if app.config.systems.iter().any(|known| known.id.as_str() == system) => {
                Ok((SystemId::new(system).map_err(Usage)?, rest))
            }
            Some(_) | None => Ok((self.system(app)?, name)),
        }
    }

    /// Whoever acts.
    fn who(&self, app: &App, system: &SystemId) -> anyhow::Result<Who> {
        Ok(self.acting(app, system)?)
    }

    /// The same, with a refusal that is not mixed with other errors.
    fn acting(&self, app: &App, system: &SystemId) -> Result<Who, Refusal> {
        let user =
            self.env.get("USER").or_else(|| self.env.get("LOGNAME")).map_or("operator", String::as_str);
        crate::app::act::who(app.world(), system, self.shared.person.as_deref(), user)
    }
}
