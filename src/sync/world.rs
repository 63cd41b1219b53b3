//! What the engine works with: settings, people, connectors, store, clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use connector_api::{Account, Connector};

use super::lease::Leases;
use super::mapping::{self, Route, Tracker};
use crate::clock::Clock;
use crate::drift::{Standing, Wiring};
use crate::register::decide::Deciding;
use crate::register::policy::{Calendar, Policy, RuleSet};
use crate::register::{Actor, Digest, Milestone, Person, Register, Role, Roles, SystemId};
use crate::store::{Db, EvidenceStore, Pause, StoreError, Writer};

/// The configuration as far as the bridge reads it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Id of this installation, in every marker.
    pub installation: String,
    /// Trackers by id.
    pub trackers: BTreeMap<String, Tracker>,
    /// Routes, first match.
    pub routes: Vec<Route>,
    /// Kind of each connection, which tells where a person's account is.
    pub connections: BTreeMap<String, Kind>,
    /// When the credentials of connections expire whose site does not tell.
    pub expires: BTreeMap<String, DateTime<Utc>>,
    /// People by name.
    pub people: BTreeMap<String, Person>,
    /// Calendar and rules of each system.
    pub systems: BTreeMap<String, SystemSettings>,
    /// Settings of moves and drift.
    pub policy: Policy,
    /// Whether approvals count in tickets.
    pub approve_in_ticket: bool,
    /// Largest attachment kept, in bytes.
    pub attachment_cap: u64,
    /// More creations than this in a pass on one tracker wait for a word.
    pub open_limit: u32,
    /// How many links of a connection are worked on at once.
    pub in_flight: usize,
    /// Above this many links and `brake_percent` in one pass, missing or closed without history halts the tracker.
    pub brake_links: u32,
    /// Per cent.
    pub brake_percent: u32,
}

/// Kinds of tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GitHub.
    Github,
    /// Jira.
    Jira,
}

/// One system's calendar and rules.
#[derive(Debug, Clone)]
pub struct SystemSettings {
    /// Zone and holidays.
    pub calendar: Calendar,
    /// The rule set in force.
    pub rules: RuleSet,
}

/// Everything the engine reaches, shared.
#[derive(Clone)]
pub struct World {
    /// Settings.
    pub settings: Arc<Settings>,
    /// Connectors by connection id.
    pub connectors: Arc<BTreeMap<String, Arc<dyn Connector>>>,
    /// The store, for reading.
    pub db: Db,
    /// The one writer.
    pub writer: Writer,
    /// Bytes of evidence.
    pub evidence: EvidenceStore,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told of each limit that a tracker names, at once.
    pub limited: Limited,
    /// Which connections this process may poll and write.
    pub leases: Leases,
    /// Fresh ids: 32 hexadecimal digits each.
    pub ids: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Takes note of a limit that a tracker named.
pub type Limited = Arc<dyn Fn(&Pause) + Send + Sync>;

/// What can go wrong in the bridge.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The tracker failed.
    #[error("the tracker failed")]
    Tracker(#[from] connector_api::Error),
    /// The evidence store failed.
    #[error("the evidence store failed")]
    Evidence(#[from] crate::store::EvidenceError),
    /// A connection gave nothing of what it was asked for, ticket by ticket.
    #[error("{0} gives none of the tickets that it is asked for")]
    Outage(String),
    /// Whether anyone can read what is written on a connection could not be found out.
    #[error("whether its projects are public is not known, so nothing is written to them")]
    NotCleared(#[source] Box<SyncError>),
    /// Another process does it.
    #[error("{what} is held by {by}; free at {} at the latest", .free.to_rfc3339_opts(SecondsFormat::Secs, true))]
    Held {
        /// `connection jira`, `store`.
        what: String,
        /// The process.
        by: String,
        /// When it can be taken over, unless it is prolonged.
        free: DateTime<Utc>,
    },
    /// A tracker or connection that the configuration does not know.
    #[error("{0} is not configured")]
    Unknown(String),
}

impl Settings {
    /// The person behind an account on a connection.
    pub fn person_of(&self, connection: &str, account: &Account) -> Option<&Person> {
        let kind = self.connections.get(connection)?;
        self.people.values().find(|person| {
            let id = match kind {
                Kind::Github => person.github.as_deref(),
                Kind::Jira => person.jira.as_deref(),
            };
            id.is_some_and(|id| id.eq_ignore_ascii_case(&account.id))
        })
    }

    /// The account of a person on a connection.
    pub fn account_of(&self, connection: &str, name: &str) -> Option<Account> {
        let person = self.people.get(name)?;
        let id = match self.connections.get(connection)? {
            Kind::Github => person.github.clone(),
            Kind::Jira => person.jira.clone(),
        }?;
        Some(Account { id, name: person.name.clone() })
    }

    /// Whoever an account is, as the journal names them.
    pub fn actor(&self, connection: &str, account: Option<&Account>) -> Actor {
        match account {
            None => Actor::Unknown(connection.to_owned()),
            Some(account) => match self.person_of(connection, account) {
                Some(person) => Actor::Person(person.name.clone()),
                None => Actor::Account(connection.to_owned(), account.id.clone()),
            },
        }
    }

    /// What an actor may do in a system.
    pub fn roles(&self, actor: &Actor, system: &SystemId) -> Roles {
        match actor {
            Actor::Person(name) => {
                self.people.get(name).map(|p| p.roles_in(system.as_str())).unwrap_or_default()
            }
            // A rule decides what policy lets it decide.
            Actor::Rule(_) => Roles::from([Role::Approver]),
            Actor::Account(..) | Actor::Unknown(_) | Actor::Token(_) | Actor::Local(_) | Actor::Poam => {
                Roles::new()
            }
        }
    }

    /// The tracker of that id.
    pub fn tracker(&self, id: &str) -> Result<&Tracker, SyncError> {
        self.trackers.get(id).ok_or_else(|| SyncError::Unknown(format!("tracker {id}")))
    }

    /// A system's calendar and rules.
    pub fn system(&self, id: &SystemId) -> Result<&SystemSettings, SyncError> {
        self.systems.get(id.as_str()).ok_or_else(|| SyncError::Unknown(format!("system {id}")))
    }

    /// Trackers on a connection.
    pub fn trackers_on<'a>(&'a self, connection: &'a str) -> impl Iterator<Item = &'a Tracker> + 'a {
        self.trackers.values().filter(move |tracker| tracker.connection == connection)
    }

    /// Whoever decides, as `decide` wants it.
    pub fn deciding<'a>(
        &'a self,
        system: &SystemId,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Deciding<'a>, SyncError> {
        let roles = self.roles(&actor, system);
        let of = self.system(system)?;
        Ok(Deciding {
            actor,
            roles,
            now,
            calendar: &of.calendar,
            policy: &self.policy,
            rules: &of.rules,
            people: &self.people,
        })
    }
}

impl Settings {
    /// What drift detection of a system reads beside the store.
    pub fn standing(&self, system: &SystemId) -> Result<Standing<'_>, SyncError> {
        let of = self.system(system)?;
        Ok(Standing {
            calendar: &of.calendar,
            policy: &self.policy,
            rules: &of.rules,
            people: &self.people,
            wiring: self,
        })
    }
}

impl Wiring for Settings {
    fn tracker_for<'a>(&'a self, register: &Register, milestone: &Milestone) -> Option<&'a str> {
        mapping::route(&self.routes, register, milestone)
    }

    fn has_account(&self, tracker: &str, person: &Person) -> bool {
        self.trackers.get(tracker).and_then(|tracker| self.connections.get(&tracker.connection)).is_some_and(
            |kind| match kind {
                Kind::Github => person.github.is_some(),
                Kind::Jira => person.jira.is_some(),
            },
        )
    }
}

/// Bytes of a proof as they are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Of the bytes.
    pub digest: Digest,
    /// Why the same bytes were removed before, in any system: they are not stored again.
    pub redacted: Option<String>,
}

impl World {
    /// Stores the bytes of a proof before the row that names them. Bytes that were redacted once never come back: every
    /// proof goes through here.
    pub async fn keep(&self, bytes: Bytes) -> Result<Kept, SyncError> {
        let digest = Digest::of(&bytes);
        let known = self.db.read().await?.evidence_with(&digest).await?;
        let redacted = known.into_iter().find_map(|(_, evidence)| evidence.redacted);
        if redacted.is_none() {
            self.evidence.put(bytes).await?;
        }
        Ok(Kept { digest, redacted })
    }

    /// The connector of a connection.
    pub fn connector(&self, connection: &str) -> Result<&Arc<dyn Connector>, SyncError> {
        self.connectors.get(connection).ok_or_else(|| SyncError::Unknown(format!("connection {connection}")))
    }
}
