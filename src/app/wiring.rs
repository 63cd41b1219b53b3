//! The configuration made into connectors, settings and a store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use connector_api::Transport;
use secrecy::ExposeSecret as _;

use super::connect::{Connected, connect};
use super::http::HttpError;
use super::process;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, EvidenceUrl, StatusName, StoreUrl};
use crate::register::policy::{Calendar, RuleSet};
use crate::register::{Actor, Change, Digest, Person, SystemId};
use crate::store::{Db, EvidenceError, EvidenceStore, OpenOptions, Scope, StoreError, Writer};
use crate::sync::lease::Leases;
use crate::sync::mapping::{Disclosure, Name, Route, Tracker};
use crate::sync::{Engine, Kind, Settings, SystemSettings, World};

/// Rule files that ship with the program: name and text.
pub const RULES: [(&str, &str); 1] =
    [("legacy-rev5.toml", include_str!("../../config/rules/legacy-rev5.toml"))];

/// How many links of a connection are worked on at once: enough to fill the time that answers take, few enough that a
/// limit which one of them meets is not run into by a hundred others.
const IN_FLIGHT: usize = 16;

/// Everything a command or the daemon works with.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The bridge.
    pub engine: Engine,
}

/// Why the program cannot work with its configuration.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The evidence store.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A connection.
    #[error("connection {connection} cannot be set up")]
    Http {
        /// Its id.
        connection: String,
        /// Why.
        #[source]
        source: HttpError,
    },
    /// A GitHub App's private key.
    #[error("connection {connection}: private_key_file")]
    Key {
        /// Its id.
        connection: String,
        /// Why.
        #[source]
        source: connector_github::auth::KeyError,
    },
    /// A sign-in for another kind of site.
    #[error("connection {0}: app_id is for GitHub")]
    NotAnApp(String),
    /// A rule file.
    #[error("the rules in force ({name}) cannot be read: {reason}")]
    Rules {
        /// Name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The configuration names a system that was not recorded yet.
    #[error(
        "the store has no system {0} yet: `poam check`, `poam serve` or any command that writes records it first"
    )]
    NoSystem(SystemId),
}

/// What is opened for, and who carries out writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Nothing is written: for a command that reads, or a dry run. The store is read as it is.
    Nothing,
    /// Whoever submits: for one command.
    Inline,
    /// A task that the daemon spawns.
    Task,
}

/// The store's address as [`Db::open`] takes it.
pub fn store_url(config: &Config) -> String {
    match &config.store.url {
        StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUrl::Postgres(url) => url.expose_secret().to_owned(),
    }
}

fn evidence_url(config: &Config) -> String {
    match &config.evidence.url {
        EvidenceUrl::Folder(path) => path.display().to_string(),
        EvidenceUrl::S3(url) => url.to_string(),
    }
}

/// A fresh id: 32 hexadecimal digits.
#[expect(clippy::disallowed_methods, reason = "the one source of ids outside tests")]
pub fn fresh_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl App {
    /// Opens the store and connects everything; nothing is sent to a tracker yet. What is opened for writing has its
    /// schema brought up to date, and records what the configuration newly says of systems and people; what is opened
    /// for reading writes nothing at all, and is refused where the schema is not this release's.
    pub async fn open(config: Config, writing: Writing) -> Result<Self, OpenError> {
        Self::open_with(config, writing, Arc::new(SystemClock)).await
    }

    /// The same with a clock of the caller's.
    pub async fn open_with(
        config: Config,
        writing: Writing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Self::open_over(config, writing, clock, &BTreeMap::new()).await
    }

    /// The same, where some connections, by id, are reached through transports of the caller's.
    pub async fn open_over(
        config: Config,
        writing: Writing,
        clock: Arc<dyn Clock>,
        given: &BTreeMap<String, Arc<dyn Transport>>,
    ) -> Result<Self, OpenError> {
        let (db, evidence, installation) = match writing {
            Writing::Nothing => read_as_it_is(&config).await?,
            Writing::Inline | Writing::Task => bring_up_to_date(&config, &*clock).await?,
        };
        let leases = Leases::new(
            &process::named(match writing {
                Writing::Nothing | Writing::Inline => "a command",
                Writing::Task => "poam serve",
            }),
            process::died,
        );
        let Connected { connectors, limited } = connect(&config, &clock, &leases, given)?;
        let settings = settings(&db, &config, installation, &*clock).await?;
        let writer = match writing {
            Writing::Nothing | Writing::Inline => Writer::inline(db.clone()),
            Writing::Task => Writer::new(db.clone()),
        };
        let world = World {
            settings: Arc::new(settings),
            connectors: Arc::new(connectors),
            db,
            writer,
            evidence,
            clock,
            leases,
            limited,
            ids: Arc::new(fresh_id),
        };
        Ok(Self { config, engine: Engine { world, only: None } })
    }

    /// Everything that the bridge reaches.
    pub fn world(&self) -> &World {
        &self.engine.world
    }
}

/// The store as it stands, its evidence, and the installation's id.
async fn read_as_it_is(config: &Config) -> Result<(Db, EvidenceStore, String), OpenError> {
    let options = OpenOptions { create: false, read_only: true, ..OpenOptions::default() };
    let db = Db::open(&store_url(config), &options).await?;
    db.expect_schema().await?;
    let installation = db.read().await?.installed().await?;
    let evidence = EvidenceStore::open_to_read(&evidence_url(config))?;
    Ok((db, evidence, installation.unwrap_or_else(fresh_id)))
}

/// The same, after the schema and what the configuration says were brought into the store.
async fn bring_up_to_date(
    config: &Config,
    clock: &dyn Clock,
) -> Result<(Db, EvidenceStore, String), OpenError> {
    let db = Db::open(&store_url(config), &OpenOptions::default()).await?;
    db.migrate().await?;
    let evidence = EvidenceStore::open(&evidence_url(config))?;
    record_config(&db, config, clock).await?;
    let mut tx = db.write().await?;
    let installation = tx.installation(&fresh_id()).await?;
    tx.commit().await?;
    Ok((db, evidence, installation))
}

/// Records what the configuration newly says of systems and people. A system's first rules are those shipped.
async fn record_config(db: &Db, config: &Config, clock: &dyn Clock) -> Result<(), OpenError> {
    let now = clock.now();
    let mut tx = db.write().await?;
    let mut chains: Vec<SystemId> = config.systems.iter().map(|system| system.id.clone()).collect();
    chains.push(SystemId::reserved());
    chains.sort();
    tx.lock(&chains).await?;
    for system in &config.systems {
        let mut register = tx.load(&system.id, Scope::System).await?;
        let mut changes = Vec::new();
        if register.system.profile.as_ref() != Some(&system.profile) {
            changes.push(Change::SystemRecorded { profile: system.profile.clone() });
        }
        if register.system.rules.is_empty() {
            for (name, text) in rule_texts(config)? {
                let digest = tx.put_rule_text(&name, &text).await?;
                changes.push(Change::RulesApplied { name, digest });
            }
        }
        tx.record(&mut register, now, &Actor::Poam, "configuration", &changes).await?;
    }
    let reserved = SystemId::reserved();
    let mut register = tx.load(&reserved, Scope::System).await?;
    let mut changes: Vec<Change> = config
        .people
        .iter()
        .filter(|person| register.people.get(&person.name) != Some(person))
        .map(|person| Change::PersonRecorded { person: person.clone() })
        .collect();
    let configured = |name: &String| config.people.iter().any(|person: &Person| person.name == *name);
    let gone = register.people.keys().filter(|name| !configured(name)).cloned();
    changes.extend(gone.map(|name| Change::PersonRemoved { name }));
    tx.record(&mut register, now, &Actor::Poam, "configuration", &changes).await?;
    tx.commit().await?;
    Ok(())
}

/// The rule files as they would be applied: those of `[rules] dir` stand in for those shipped.
pub fn rule_texts(config: &Config) -> Result<Vec<(String, String)>, OpenError> {
    RULES
        .iter()
        .map(|(name, shipped)| {
            let path =
                config.rules.dir.as_deref().map(|dir: &Path| dir.join(name)).filter(|path| path.exists());
            let text = match path {
                None => (*shipped).to_owned(),
                Some(path) => std::fs::read_to_string(&path).map_err(|error| OpenError::Rules {
                    name: path.display().to_string(),
                    reason: error.to_string(),
                })?,
            };
            parse_rules(name, &text)?;
            Ok(((*name).to_owned(), text))
        })
        .collect()
}

/// Reads a rule file.
pub fn parse_rules(name: &str, text: &str) -> Result<RuleSet, OpenError> {
    let mut rules: RuleSet = toml::from_str(text)
        .map_err(|error| OpenError::Rules { name: name.to_owned(), reason: error.to_string() })?;
    rules.file = Some(Digest::of(text.as_bytes()));
    Ok(rules)
}

async fn settings(
    db: &Db,
    config: &Config,
    installation: String,
    clock: &dyn Clock,
) -> Result<Settings, OpenError> {
    let mut systems = BTreeMap::new();
    let mut read = db.read().await?;
    for system in &config.systems {
        let register = read.load(&system.id, Scope::System).await?;
        let calendar = Calendar { zone: system.profile.timezone, holidays: config.drift.holidays.clone() };
        let today = calendar.day(clock.now());
        let in_force = system
            .profile
            .rules
            .iter()
            .filter(|rule| rule.from <= today)
            .max_by_key(|rule| rule.from)
            .map_or("legacy-rev5", |rule| rule.set.as_str());
        let name = format!("{in_force}.toml");
        let active = register.system.rules.iter().find(|(known, _)| *known == name);
        let (name, digest) = match active.or_else(|| register.system.rules.first()) {
            Some((name, digest)) => (name.clone(), digest.clone()),
            None => return Err(OpenError::NoSystem(system.id.clone())),
        };
        if active.is_none() {
            tracing::warn!(system = %system.id, wanted = in_force, used = name, "this release has no such rule set yet");
        }
        let text = read.rule_text(&digest).await?.ok_or_else(|| OpenError::Rules {
            name: name.clone(),
            reason: format!("the store has no text of {digest}"),
        })?;
        let rules = parse_rules(&name, &text)?;
        systems.insert(system.id.to_string(), SystemSettings { calendar, rules });
    }
    Ok(Settings {
        installation,
        trackers: config.trackers.iter().map(|tracker| (tracker.id.clone(), tracker_of(tracker))).collect(),
        routes: config
            .routes
            .iter()
            .map(|route| Route {
                system: route.system.clone(),
                component: route.component.clone(),
                tracker: route.tracker.clone(),
            })
            .collect(),
        connections: config
            .connections
            .iter()
            .map(|connection| {
                let kind = if connection.site.is_jira() { Kind::Jira } else { Kind::Github };
                (connection.id.clone(), kind)
            })
            .collect(),
        expires: config
            .connections
            .iter()
            .filter_map(|connection| Some((connection.id.clone(), connection.expires_at()?)))
            .collect(),
        people: config.people.iter().map(|person| (person.name.clone(), person.clone())).collect(),
        systems,
        policy: config.policy(),
        approve_in_ticket: config.commands.approve_in_ticket,
        attachment_cap: config.sync.attachment_bytes,
        open_limit: config.sync.open_limit,
        in_flight: IN_FLIGHT,
        brake_links: config.sync.brake_links,
        brake_percent: config.sync.brake_percent,
    })
}

fn tracker_of(tracker: &config::Tracker) -> Tracker {
    Tracker {
        id: tracker.id.clone(),
        connection: tracker.connection.clone(),
        project: tracker.spec(),
        states: tracker
            .states
            .iter()
            .map(|(name, state)| {
                let name = match name {
                    StatusName::Status(name) => Name::Status(name.clone()),
                    StatusName::Resolution(name) => Name::Resolution(name.clone()),
                    StatusName::Label(name) => Name::Label(name.clone()),
                };
                (name, *state)
            })
            .collect(),
        resolutions: tracker.fields.resolution.clone(),
        transition_fields: tracker.fields.transition.clone(),
        disclosure: match tracker.disclosure {
            config::Disclosure::Minimal => Disclosure::Minimal,
            config::Disclosure::Full => Disclosure::Full,
        },
    }
}
