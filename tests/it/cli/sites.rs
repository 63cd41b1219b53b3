//! A fake GitHub and a fake Jira on loopback, and a place whose configuration names them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use connector_api::Account;
use connector_api::fake::{Act, FakeSite, Now};
use connector_github::fake::{FakeGithub, Permission};
use connector_jira::Flavor;
use connector_jira::fake::FakeJira;

use super::Place;

pub(crate) const REPO: &str = "acme/portal";
pub(crate) const PROJECT: &str = "SEC";

/// Both sites, and a place.
pub(crate) struct Sites {
    pub(crate) github: FakeGithub,
    pub(crate) jira: FakeJira,
    pub(crate) place: Place,
}

#[expect(clippy::disallowed_methods, reason = "the program under test reads the same clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn account(id: &str, name: &str) -> Account {
    Account { id: id.to_owned(), name: name.to_owned() }
}

/// Serves a site; gives its address.
async fn serve(router: impl FnOnce(&str) -> axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let router = router(&base);
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

impl Sites {
    pub(crate) async fn new() -> Self {
        Self::with("bot-token").await
    }

    /// With this token for GitHub in the configuration; `bot-token` is the one that is accepted.
    pub(crate) async fn with(token: &str) -> Self {
        let clock: Now = Arc::new(now);
        let mut github = None;
        let ticking = clock.clone();
        let github_at = serve(|base| {
            let made = FakeGithub::new(&base.parse().expect("a URL"), ticking);
            made.add_user("poam-bot", Some("bot-token"));
            made.add_user("ada", None);
            made.add_repository(REPO, true);
            for login in ["poam-bot", "ada"] {
                made.grant(REPO, login, Permission::Write).expect("a grant");
            }
            let router = made.router();
            github = Some(made);
            router
        })
        .await;
        let mut jira = None;
        let jira_at = serve(|base| {
            let made = FakeJira::new(Flavor::Cloud, clock);
            made.set_base_url(base);
            made.add_login(&account("557058:bot", "poam bot"), "bot@example.org", "bot-token");
            made.add_person(&account("557058:ada", "Ada Example"));
            made.set_project(PROJECT, |_| {});
            let router = made.router();
            jira = Some(made);
            router
        })
        .await;
        let place = Place::with(&format!(
            r#"
[moves]
settle_seconds = 0

[[connection]]
id = "github"
kind = "github"
url = "{github_at}/"
token = "{token}"
proxy = "none"

[[connection]]
id = "jira"
kind = "jira"
url = "{jira_at}"
email = "bot@example.org"
token = "bot-token"
proxy = "none"

[[tracker]]
id = "gh"
connection = "github"
repo = "{REPO}"

[[tracker]]
id = "jr"
connection = "jira"
project = "{PROJECT}"

[[route]]
system = "ACME"
component = "portal"
tracker = "jr"

[[route]]
system = "ACME"
component = "logs"
tracker = "gh"
"#
        ));
        Self { github: github.expect("a site"), jira: jira.expect("a site"), place }
    }

    /// `V-1` with `M-1` goes to Jira, `V-2` with `M-2` to GitHub.
    pub(crate) fn plan(&self) {
        self.place.plan();
        self.place.ok(&["item", "edit", "V-2", "--component", "logs"]);
        self.place.ok(&[
            "milestone",
            "add",
            "--text",
            "Keep audit logs for 365 days",
            "--serves",
            "V-2",
            "--owner",
            "Ada Example",
            "--due",
            "2199-04-01",
        ]);
    }

    /// Ada does something in a ticket.
    pub(crate) fn ada_does(&self, ticket: &str, act: Act) {
        self.jira.act(&account("557058:ada", "Ada Example"), ticket, act).expect("she may");
    }

    /// A ticket that somebody opens by hand in Jira; gives its key.
    pub(crate) fn by_hand(&self, title: &str) -> String {
        let ada = account("557058:ada", "Ada Example");
        let id = self.jira.open_by_hand(&ada, PROJECT, title, "Some words").expect("a ticket");
        let tickets = self.jira.tickets();
        tickets.into_iter().find(|ticket| ticket.id == id).expect("the ticket").key
    }
}
