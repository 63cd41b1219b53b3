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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use std::sync::Mutex;

    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use bytes::Bytes;
    use connector_api::fake::{Act, RouterTransport};
    use connector_api::{Connector, Delivery};
    use connector_github::{GitHub, GitHubConfig};

    use super::*;

    type Inbox = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

    async fn take(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
        inbox.lock().expect("an inbox").push((headers, body));
        StatusCode::ACCEPTED
    }

    fn now() -> Now {
        Arc::new(|| chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default())
    }

    fn get(url: &Url, path: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        client.get(url.join(path).expect("an address"))
    }

    #[tokio::test]
    async fn both_sites_answer_under_the_addresses_they_name_until_stopped() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let sites = serve(now(), &tasks, &stop).await.expect("two sites");
        let ada = account("ada", "Ada Example");
        sites.github.open_by_hand(&ada, REPOSITORY, "A bug", "Text").expect("an issue");
        let jane = account("557058:ada", "Ada Example");
        sites.jira.open_by_hand(&jane, PROJECT, "A task", "Text").expect("an issue");
        let site: [(&dyn FakeSite, &Url, &str); 2] =
            [(&sites.github, &sites.github_url, "A bug"), (&sites.jira, &sites.jira_url, "A task")];
        for (site, url, title) in site {
            for ticket in site.tickets() {
                let page = get(url, &ticket.path).send().await.expect("an answer");
                assert_eq!(page.status(), StatusCode::OK);
                assert!(page.text().await.expect("a page").contains(title));
            }
        }
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert!(get(&sites.github_url, "/demo").send().await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn webhooks_arrive_in_order_and_signed() {
        let inbox = Inbox::default();
        let (listener, url) = listen().await.expect("a port");
        let stop = CancellationToken::new();
        let hooks = Router::new().route("/webhooks/github", post(take)).with_state(inbox.clone());
        let bridge = tokio::spawn(run(listener, hooks, stop.clone()));

        let base = Url::parse("http://127.0.0.1:4321/").expect("an address");
        let site = github(&base, now()).expect("a site");
        let to = url.join("webhooks/github").expect("an address");
        let deliverer = Deliverer::new(Arc::new(site.clone()), to).expect("a client");
        assert_eq!(deliverer.deliver().await, 0);

        let ada = account("ada", "Ada Example");
        let id = site.open_by_hand(&ada, REPOSITORY, "A bug", "Text").expect("an issue");
        site.act(&ada, &id, Act::Comment("Hello".to_owned())).expect("a comment");
        assert_eq!(deliverer.deliver().await, 2);
        assert_eq!(deliverer.deliver().await, 0, "each once");

        let connector = GitHub::new(
            GitHubConfig::new(base, TOKEN.into()),
            Arc::new(RouterTransport(site.router())),
            now(),
        );
        let read: Vec<Delivery> = inbox
            .lock()
            .expect("an inbox")
            .iter()
            .map(|(headers, body)| {
                connector.read_webhook(headers, body, &[WEBHOOK_SECRET.into()]).expect("it is signed")
            })
            .collect();
        let events: Vec<(&str, &[String])> =
            read.iter().map(|delivery| (delivery.event.as_str(), delivery.tickets.as_slice())).collect();
        assert_eq!(events, [("issues", &[id.clone()][..]), ("issue_comment", &[id.clone()][..])]);

        stop.cancel();
        bridge.await.expect("the bridge ends");
        site.act(&ada, &id, Act::Comment("Again".to_owned())).expect("a comment");
        assert_eq!(deliverer.deliver().await, 0, "what nobody takes is lost");
    }

    #[tokio::test]
    async fn a_deliverer_ends_when_it_is_stopped() {
        let base = Url::parse("http://127.0.0.1:9/").expect("an address");
        let site = Arc::new(jira(&base, now()));
        let stop = CancellationToken::new();
        stop.cancel();
        Deliverer::new(site, base).expect("a client").run(stop).await;
    }
}
