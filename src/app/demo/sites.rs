//! The fake GitHub and the fake Jira on loopback, and their webhooks on their way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use connector_api::Account;
use connector_api::fake::{FakeSite, Now};
use connector_github::fake::{FakeGithub, Permission};
use connector_jira::Flavor;
use connector_jira::fake::FakeJira;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::data::{BRIDGE, PEOPLE, PROJECT, REPOSITORY, TOKEN, WEBHOOK_SECRET};
use super::pages::{self, Kind};

/// Why the fake sites are not there.
#[derive(Debug, thiserror::Error)]
pub enum SitesError {
    /// No port of loopback could be taken.
    #[error("no port could be opened on this computer")]
    Port(#[from] io::Error),
    /// The address of a site is no address.
    #[error("a site's address cannot be written")]
    Address(#[from] url::ParseError),
    /// The fakes refuse their own data.
    #[error("the fake sites cannot be set up: {0}")]
    Data(String),
    /// No client for webhooks.
    #[error("no client for webhooks could be made")]
    Client(#[from] reqwest::Error),
}

/// Both sites, served.
#[derive(Clone)]
pub struct Sites {
    /// The fake GitHub, with the repository of [`super::data`] and everybody in it.
    pub github: FakeGithub,
    /// Where it is: its API, and its pages from `/demo` on.
    pub github_url: Url,
    /// The fake Jira Cloud, with the project of [`super::data`] and everybody in it.
    pub jira: FakeJira,
    /// Where it is.
    pub jira_url: Url,
}

/// Serves both sites on free ports of loopback until `stop`, by tasks in `tasks`. They take their time from `now`.
///
/// # Errors
/// [`SitesError`], where there is no free port.
pub async fn serve(now: Now, tasks: &TaskTracker, stop: &CancellationToken) -> Result<Sites, SitesError> {
    let (github_listener, github_url) = listen().await?;
    let (jira_listener, jira_url) = listen().await?;
    let github = github(&github_url, now.clone()).map_err(SitesError::Data)?;
    let jira = jira(&jira_url, now);
    let accounts = |id: fn(&super::data::Character) -> &'static str| -> Vec<Account> {
        PEOPLE.iter().map(|who| account(id(who), who.name)).collect()
    };
    let on_github = pages::router(Arc::new(github.clone()), Kind::GitHub, accounts(|who| who.github));
    let on_jira = pages::router(Arc::new(jira.clone()), Kind::Jira, accounts(|who| who.jira));
    for (listener, router) in [(github_listener, on_github), (jira_listener, on_jira)] {
        tasks.spawn(run(listener, router, stop.clone()));
    }
    Ok(Sites { github, github_url, jira, jira_url })
}

async fn listen() -> Result<(TcpListener, Url), SitesError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = Url::parse(&format!("http://{}/", listener.local_addr()?))?;
    Ok((listener, url))
}

async fn run(listener: TcpListener, router: Router, stop: CancellationToken) {
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "a fake site of the demo ended");
    }
}

fn account(id: &str, name: &str) -> Account {
    Account { id: id.to_owned(), name: name.to_owned() }
}

/// A GitHub at `url` as the demo's configuration expects it.
pub fn github(url: &Url, now: Now) -> Result<FakeGithub, String> {
    let site = FakeGithub::new(url, now);
    let (bridge, ..) = BRIDGE;
    site.add_user(bridge, Some(TOKEN));
    site.add_repository(REPOSITORY, true);
    site.grant(REPOSITORY, bridge, Permission::Write)?;
    for who in PEOPLE {
        site.add_user(who.github, None);
        site.grant(REPOSITORY, who.github, Permission::Write)?;
    }
    site.set_webhook_secret(Some(WEBHOOK_SECRET.into()));
    Ok(site)
}

/// A Jira at `url` as the demo's configuration expects it.
pub fn jira(url: &Url, now: Now) -> FakeJira {
    let site = FakeJira::new(Flavor::Cloud, now);
    site.set_base_url(url.as_str());
    let (_, bridge, email) = BRIDGE;
    site.add_login(&account(bridge, "poam-bridge"), email, TOKEN);
    for who in PEOPLE {
        site.add_person(&account(who.jira, who.name));
    }
    site.set_project(PROJECT, |_| {});
    site.set_webhook_secret(WEBHOOK_SECRET);
    site
}

/// How often deliveries are looked for.
const TICK: Duration = Duration::from_millis(100);

/// Posts a fake site's webhooks to the bridge, in order, each once: what is lost is lost, as with the real sites, and
/// found by the next poll.
pub struct Deliverer {
    site: Arc<dyn FakeSite>,
    to: Url,
    client: reqwest::Client,
}

impl Deliverer {
    /// For the webhooks of `site`, to `to`.
    ///
    /// # Errors
    /// [`SitesError::Client`].
    pub fn new(site: Arc<dyn FakeSite>, to: Url) -> Result<Self, SitesError> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { site, to, client })
    }

    /// Posts what has come up; gives how many the bridge accepted.
    pub async fn deliver(&self) -> usize {
        let mut accepted = 0;
        for delivery in self.site.take_deliveries() {
            let post = self.client.post(self.to.clone()).headers(delivery.headers).body(delivery.body);
            match post.send().await.and_then(reqwest::Response::error_for_status) {
                Ok(_) => accepted += 1,
                Err(error) => tracing::debug!(%error, "a webhook of the demo was not accepted"),
            }
        }
        accepted
    }

    /// Posts whatever comes up until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.deliver().await;
        }
    }
}
