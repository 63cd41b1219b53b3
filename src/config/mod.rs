//! The configuration: typed, checked, and every mistake reported at once.
//!
//! Three layers: the file, above it the environment (`POAM__SERVER__LISTEN`), above that flags. The environment and
//! flags set single values of single sections. `config/poam.toml` shows every key; relative paths are relative to
//! the file's folder. Read by `app` and the command line only, and handed down by section.
//!
//! | file | what |
//! |---|---|
//! | `settings` | `[server] [store] [evidence] [seal] [schedule] [sync] [commands] [moves] [drift] [rules]` |
//! | `site` | `[[connection]]`, and values that several sections share |
//! | `tracker` | `[[tracker]] [[route]]` |
//! | `people` | `[[system]] [[person]]` |
//! | `notify` | `[ladder] [mail] [[channel]] [oidc]` |
//! | `check` | what must fit across sections |
//! | `reader`, `section`, `layers`, `value` | key by key reading, with every mistake noted |
//! | `initial` | the file that `poam init` writes |

mod check;
mod initial;
mod layers;
mod mistake;
mod notify;
mod people;
mod reader;
mod secret;
mod section;
mod settings;
mod site;
#[cfg(test)]
mod tests;
mod tracker;
mod value;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use initial::initial;
pub use mistake::{ConfigErrors, Mistake};
pub use notify::{
    Audience, Channel, ChannelKind, Ladder, Mail, MailTls, Oidc, QuietHours, Step, StepChannel, When,
};
pub use people::SystemConfig;
pub use secret::{Origin, Secret};
pub use settings::{Commands, Evidence, EvidenceUrl, Rules, Schedule, Seal, Server, Store, StoreUrl, Sync};
pub use site::{Connection, Credentials, Disclosure, ProxyChoice, Site};
pub use tracker::{DueField, Fields, Route, StatusName, Tracker};

use crate::register::Person;
use crate::register::policy::{DriftPolicy, MovesPolicy, Policy};
use reader::Reader;
use section::Section;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// `[store]`.
    pub store: Store,
    /// `[evidence]`.
    pub evidence: Evidence,
    /// `[seal]`.
    pub seal: Seal,
    /// `[schedule]`.
    pub schedule: Schedule,
    /// `[sync]`.
    pub sync: Sync,
    /// `[commands]`.
    pub commands: Commands,
    /// `[moves]`.
    pub moves: MovesPolicy,
    /// `[drift]`.
    pub drift: DriftPolicy,
    /// `[rules]`.
    pub rules: Rules,
    /// `[[system]]`: at least one, ids unique.
    pub systems: Vec<SystemConfig>,
    /// `[[connection]]`: ids unique.
    pub connections: Vec<Connection>,
    /// `[[tracker]]`: ids unique, each on a connection that is there.
    pub trackers: Vec<Tracker>,
    /// `[[route]]`, in order: the first that fits counts.
    pub routes: Vec<Route>,
    /// `[[person]]`: names unique.
    pub people: Vec<Person>,
    /// `[ladder]`.
    pub ladder: Ladder,
    /// `[mail]`; none where no mail is sent.
    pub mail: Option<Mail>,
    /// `[[channel]]`: ids unique.
    pub channels: Vec<Channel>,
    /// `[oidc]`; none where nobody signs in by it.
    pub oidc: Option<Oidc>,
}

impl Config {
    /// Reads `path`, then lays `env` (all of the process's variables) and `flags` (key path to value:
    /// `server.listen`) over it.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn load(
        path: &Path,
        env: &BTreeMap<String, String>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = if error.kind() == ErrorKind::NotFound {
                "there is no such file; `poam init DIR --system ID --name NAME --impact LEVEL` writes one"
                    .to_owned()
            } else if error.kind() == ErrorKind::InvalidData {
                "is no UTF-8 text".to_owned()
            } else {
                format!("cannot be read: {error}")
            };
            let source = path.display().to_string();
            ConfigErrors { mistakes: vec![Mistake { source, line: None, key: String::new(), what }] }
        })?;
        let mut reader = Reader::new(path.display().to_string(), folder(path), &text, env, flags);
        let config = Self::read(&mut reader, path);
        if reader.holds_secret()
            && let Some(what) = secret::too_open(path)
        {
            reader.file_mistake(what);
        }
        finish(reader, config)
    }

    /// The same for a text that is not read from a file; `path` names it and the folder that paths are relative to.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn parse(
        text: &str,
        path: &Path,
        env: &BTreeMap<String, String>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(path.display().to_string(), folder(path), text, env, flags);
        let config = Self::read(&mut reader, path);
        finish(reader, config)
    }

    /// The settings of decisions and detection.
    pub fn policy(&self) -> Policy {
        Policy { moves: self.moves.clone(), drift: self.drift.clone() }
    }

    /// The connection with this id.
    pub fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    /// The tracker with this id.
    pub fn tracker(&self, id: &str) -> Option<&Tracker> {
        self.trackers.iter().find(|tracker| tracker.id == id)
    }

    /// Reads all sections; none where a mistake leaves one without what it must have.
    fn read(reader: &mut Reader<'_>, path: &Path) -> Option<Self> {
        let table = reader.parse();
        let reader = &*reader;
        let root = reader.root(&table);

        let server = Server::read(&root.section("server"));
        let store = Store::read(&root.section("store"));
        let evidence = Evidence::read(&root.section("evidence"));
        let schedule = root.section("schedule");
        let zone = settings::zone(&schedule, "zone").unwrap_or(chrono_tz::Tz::UTC);
        let schedule = Schedule::read(&schedule, zone);
        let seal = Seal::read(&root.section("seal"), zone);
        let sync = Sync::read(&root.section("sync"));
        let commands = Commands::read(&root.section("commands"));
        let moves = settings::moves(&root.section("moves"));
        let drift = settings::drift(&root.section("drift"));
        let rules = Rules::read(&root.section("rules"));
        let ladder = Ladder::read(&root.section("ladder"));
        let mail = Mail::read(&root.section("mail"));
        let oidc = Oidc::read(&root.section("oidc"));

        let connections = each(&root, "connection", Connection::read);
        let kinds = check::kinds(&connections);
        let parts = check::Parts {
            systems: each(&root, "system", SystemConfig::read),
            trackers: each(&root, "tracker", |section| Tracker::read(section, &kinds)),
            connections,
            routes: each(&root, "route", Route::read),
            people: each(&root, "person", people::person),
            channels: each(&root, "channel", Channel::read),
        };
        root.finish();
        reader.finish();
        if reader.is_whole() {
            check::across(&root, &parts, &ladder, &rules);
        }

        Some(Self {
            file: path.to_owned(),
            server: server?,
            store: store?,
            evidence: evidence?,
            seal: seal?,
            schedule: schedule?,
            sync,
            commands,
            moves,
            drift,
            rules,
            systems: all(parts.systems)?,
            connections: all(parts.connections)?,
            trackers: all(parts.trackers)?,
            routes: all(parts.routes)?,
            people: all(parts.people)?,
            ladder: ladder.0,
            mail,
            channels: all(parts.channels)?,
            oidc,
        })
    }
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// What was read, unless there were mistakes.
fn finish(reader: Reader<'_>, config: Option<Config>) -> Result<Config, ConfigErrors> {
    match (reader.into_errors(), config) {
        (None, Some(config)) => Ok(config),
        (Some(errors), _) => Err(errors),
        (None, None) => unreachable!("what could not be read was noted as a mistake"),
    }
}

/// An element of an array with its section, which knows where it stands; none where it could not be read.
type Placed<'a, T> = (Section<'a>, Option<T>);

/// Reads every element of an array.
fn each<'a, T>(
    root: &Section<'a>,
    key: &str,
    mut read: impl FnMut(&Section<'a>) -> Option<T>,
) -> Vec<Placed<'a, T>> {
    root.sections(key)
        .into_iter()
        .map(|section| {
            let value = read(&section);
            section.finish();
            (section, value)
        })
        .collect()
}

/// The elements, if all could be read.
fn all<T>(parts: Vec<Placed<'_, T>>) -> Option<Vec<T>> {
    parts.into_iter().map(|(_, value)| value).collect()
}
