//! A fake GitHub with two repositories, a bot, an engineer, and a clock that tests move.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared between test files")]

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::contract::Subject;
use connector_api::fake::{FakeSite, Now, RouterTransport};
use connector_api::{
    Account, Connector, Fetched, NewTicket, ProjectSpec, Result, Ticket, TicketState, Transport,
};
use connector_github::fake::{BLOCKED, FakeGithub, IN_PROGRESS, Permission};
use connector_github::{DUE_FROM_MILESTONE, GitHub, GitHubConfig, LABEL_STATE};
use secrecy::SecretString;
use url::Url;

pub const REPO: &str = "acme/api";
pub const ELSEWHERE: &str = "acme/web";
pub const TOKEN: &str = "ghp_botTokenOfTheTests";
pub const SECRET: &str = "hook secret";

#[derive(Clone)]
pub struct World {
    pub site: FakeGithub,
    pub us: Account,
    pub human: Account,
    clock: Arc<Mutex<DateTime<Utc>>>,
}

fn base() -> Url {
    #[expect(clippy::expect_used, reason = "a constant")]
    Url::parse("http://github.fake").expect("an address")
}

pub fn spec(project: &str) -> ProjectSpec {
    ProjectSpec { project: project.to_owned(), ..ProjectSpec::default() }
}

impl World {
    pub fn new() -> Self {
        let start = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let clock = Arc::new(Mutex::new(start));
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || *clock.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let site = FakeGithub::new(&base(), now);
        let us = site.add_user("poam-bot", Some(TOKEN));
        let human = site.add_user("dana", None);
        site.set_webhook_secret(Some(SecretString::from(SECRET)));
        for repo in [REPO, ELSEWHERE] {
            site.add_repository(repo, true);
            for who in ["poam-bot", "dana"] {
                assert_eq!(site.grant(repo, who, Permission::Admin), Ok(()));
            }
        }
        Self { site, us, human, clock }
    }

    pub fn now(&self) -> Now {
        let clock = Arc::clone(&self.clock);
        Arc::new(move || *clock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    pub fn over(&self, transport: Arc<dyn Transport>) -> GitHub {
        GitHub::new(GitHubConfig::new(base(), SecretString::from(TOKEN)), transport, self.now())
    }

    pub fn with_token(&self, token: &str) -> GitHub {
        let config = GitHubConfig::new(base(), SecretString::from(token));
        GitHub::new(config, Arc::new(RouterTransport(self.site.router())), self.now())
    }

    pub fn connector(&self) -> GitHub {
        self.over(Arc::new(RouterTransport(self.site.router())))
    }

    /// Tickets of [`REPO`] are due with their milestones.
    pub fn due_with_milestones(&self) -> Subject {
        let project = ProjectSpec { due_field: Some(DUE_FROM_MILESTONE.to_owned()), ..spec(REPO) };
        let (world, projects) = (self.clone(), vec![project.clone()]);
        let connect = move |transport| {
            let config = GitHubConfig {
                projects: projects.clone(),
                ..GitHubConfig::new(base(), SecretString::from(TOKEN))
            };
            Arc::new(GitHub::new(config, transport, world.now())) as Arc<dyn Connector>
        };
        Subject { project, connect: Box::new(connect), ..self.subject() }
    }

    pub fn subject(&self) -> Subject {
        let (connect, mover) = (self.clone(), self.clone());
        let label = |name: &str| vec![format!("{LABEL_STATE}{name}")];
        Subject {
            connect: Box::new(move |transport| Arc::new(connect.over(transport)) as Arc<dyn Connector>),
            site: Arc::new(self.site.clone()) as Arc<dyn FakeSite>,
            project: spec(REPO),
            elsewhere: spec(ELSEWHERE),
            us: self.us.clone(),
            human: self.human.clone(),
            secret: SecretString::from(SECRET),
            states: vec![
                (TicketState::InProgress, label(IN_PROGRESS)),
                (TicketState::Blocked, label(BLOCKED)),
                (TicketState::Done, vec!["closed".to_owned()]),
                (TicketState::Dropped, vec!["closed".to_owned()]),
                (TicketState::Open, vec!["open".to_owned()]),
            ],
            now: self.now(),
            advance: Box::new(move |by| mover.advance(by)),
        }
    }
}

/// Makes a ticket and reads it.
pub async fn made(github: &GitHub, new: &NewTicket) -> Result<Ticket> {
    let made = github.create(new).await?;
    match github.fetch(&[made.reference]).await?.remove(0) {
        Fetched::Found(ticket) => Ok(*ticket),
        other => panic!("a ticket that was just made is there: {other:?}"),
    }
}
