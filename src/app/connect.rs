//! The configured connections made into connectors, each over its own transport.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use connector_api::error::LimitScope;
use connector_api::{Bucket, Charge, Connector, Transport};
use connector_github::{AppKey, GitHub, GitHubConfig};
use connector_jira::{Auth, Flavor, Jira, JiraConfig};

use super::http::{Charges, HttpTransport, Now, Options, Rules};
use super::limits;
use super::wiring::OpenError;
use crate::clock::Clock;
use crate::config::{self, Config, Connection, Credentials, Site};
use crate::sync::Limited;
use crate::sync::lease::Leases;

/// All connections.
pub(super) struct Connected {
    /// By connection id.
    pub(super) connectors: BTreeMap<String, Arc<dyn Connector>>,
    /// Pauses the transport that a limit is about.
    pub(super) limited: Limited,
}

/// Connects everything; nothing is sent yet. Connections in `given`, by id, are reached through those transports.
pub(super) fn connect(
    config: &Config,
    clock: &Arc<dyn Clock>,
    leases: &Leases,
    given: &BTreeMap<String, Arc<dyn Transport>>,
) -> Result<Connected, OpenError> {
    let mut connectors = BTreeMap::new();
    let mut transports = BTreeMap::new();
    for connection in &config.connections {
        let ticking = clock.clone();
        let now: Now = Arc::new(move || ticking.now());
        let transport = match given.get(&connection.id) {
            Some(given) => given.clone(),
            None => {
                let network = network(connection, now.clone(), clock, leases)?;
                transports.insert(connection.id.clone(), network.clone());
                network
            }
        };
        connectors.insert(connection.id.clone(), connector(config, connection, transport, now)?);
    }
    Ok(Connected { connectors, limited: limited(transports) })
}

/// Pauses the transport that a limit is about, at once.
fn limited(transports: BTreeMap<String, Arc<HttpTransport>>) -> Limited {
    Arc::new(move |pause| {
        if let Some(transport) = transports.get(&pause.connection) {
            let held = limits::Pause { until: pause.until, reason: pause.reason.clone() };
            transport.limits().pause(&LimitScope::named(&pause.scope), held);
        }
    })
}

/// One connection's transport over the network.
fn network(
    connection: &Connection,
    now: Now,
    clock: &Arc<dyn Clock>,
    leases: &Leases,
) -> Result<Arc<HttpTransport>, OpenError> {
    let (id, held, clock) = (connection.id.clone(), leases.clone(), clock.clone());
    let rules = Rules {
        now,
        charges: charges(connection),
        may_write: Arc::new(move |longest| {
            let longest = TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX);
            held.covers(&id, clock.now(), longest)
        }),
    };
    let transport = HttpTransport::new(&Options::of(connection), rules)
        .map_err(|source| OpenError::Http { connection: connection.id.clone(), source })?;
    Ok(Arc::new(transport))
}

/// One connection's connector.
fn connector(
    config: &Config,
    connection: &Connection,
    transport: Arc<dyn Transport>,
    now: Now,
) -> Result<Arc<dyn Connector>, OpenError> {
    let projects = config
        .trackers
        .iter()
        .filter(|tracker| tracker.connection == connection.id)
        .map(config::Tracker::spec)
        .collect();
    Ok(match (connection.site, &connection.credentials) {
        (Site::GitHub, credentials) => {
            let credentials = match credentials {
                Credentials::Token(token) | Credentials::Basic { token, .. } => {
                    connector_github::Credentials::Token(token.value.clone())
                }
                Credentials::App { id, private_key } => {
                    let key = AppKey::new(id.clone(), &private_key.value)
                        .map_err(|source| OpenError::Key { connection: connection.id.clone(), source })?;
                    connector_github::Credentials::App(key)
                }
            };
            let mut github = GitHubConfig::with(connection.url.clone(), credentials);
            github.consistency_window_s = github.consistency_window_s.max(config.sync.create_window_seconds);
            github.projects = projects;
            let hooks =
                |url: &url::Url| format!("{}/webhooks/{}", url.as_str().trim_end_matches('/'), connection.id);
            github.webhook_url = config.server.public_url.as_ref().and_then(|url| hooks(url).parse().ok());
            Arc::new(GitHub::new(github, transport, now))
        }
        (Site::JiraCloud | Site::JiraDataCenter, credentials) => {
            let auth = match credentials {
                Credentials::Token(token) => Auth::Bearer(token.value.clone()),
                Credentials::Basic { user, token } => {
                    Auth::Basic { email: user.clone(), token: token.value.clone() }
                }
                Credentials::App { .. } => return Err(OpenError::NotAnApp(connection.id.clone())),
            };
            let flavor = if connection.site == Site::JiraCloud { Flavor::Cloud } else { Flavor::DataCenter };
            let mut jira = JiraConfig::new(connection.url.clone(), flavor, auth);
            jira.projects = projects;
            Arc::new(Jira::new(jira, transport, now))
        }
    })
}

/// What a request counts against on a connection: what its kind of site allows, and what the operator allows besides.
fn charges(connection: &Connection) -> Charges {
    let site = connection.site;
    let own = connection.requests_per_second.map(|amount| Charge {
        bucket: Bucket { name: "requests_per_second".to_owned(), amount, per: Duration::from_secs(1) },
        cost: 1,
    });
    Arc::new(move |request| {
        let mut charges = match site {
            Site::GitHub => connector_github::limits::charges(request),
            Site::JiraCloud => connector_jira::limits::charges(Flavor::Cloud, request),
            Site::JiraDataCenter => connector_jira::limits::charges(Flavor::DataCenter, request),
        };
        charges.extend(own.clone());
        charges
    })
}
