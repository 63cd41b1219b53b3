//! A fake GitHub with two repositories, a bot, an engineer, and a clock that tests move.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared between test files")]

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use connector_api::contract::Subject;
use connector_api::fake::{FakeSite, Now, RouterTransport};
use connector_api::{
    Account, Connector, Fetched, Marker, NewTicket, ProjectSpec, Result, Ticket, TicketState, Transport,
};
use connector_github::fake::{BLOCKED, FakeGithub, IN_PROGRESS, Permission};
use connector_github::{DUE_FROM_MILESTONE, GitHub, GitHubConfig, LABEL_STATE};
use secrecy::SecretString;
use serde_json::Value;
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

pub fn base() -> Url {
    #[expect(clippy::expect_used, reason = "a constant")]
    Url::parse("http://github.fake").expect("an address")
}

pub fn spec(project: &str) -> ProjectSpec {
    ProjectSpec { project: project.to_owned(), ..ProjectSpec::default() }
}

/// [`REPO`], with its due dates there.
pub fn due_spec(place: &str) -> ProjectSpec {
    ProjectSpec { due_field: Some(place.to_owned()), ..spec(REPO) }
}

pub fn new(n: u64) -> NewTicket {
    NewTicket {
        project: spec(REPO),
        title: format!("[ACME M-{n}] Upgrade openssl"),
        block: "Upgrade openssl.\n\n- **Due:** 2026-12-15".to_owned(),
        due: None,
        assignee: None,
        labels: std::collections::BTreeSet::new(),
        marker: Marker { installation: "inst-1".to_owned(), link: format!("{n:012x}{n:020x}") },
    }
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
        let world = Self { site, us, human, clock };
        for repo in [REPO, ELSEWHERE] {
            world.add_repository(repo);
        }
        world
    }

    /// A repository in which both may do everything.
    pub fn add_repository(&self, name: &str) {
        self.site.add_repository(name, true);
        for who in ["poam-bot", "dana"] {
            assert_eq!(self.site.grant(name, who, Permission::Admin), Ok(()));
        }
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
        let project = due_spec(DUE_FROM_MILESTONE);
        let (world, spec) = (self.clone(), project.clone());
        let connect = move |transport| Arc::new(world.due_in(&spec, transport)) as Arc<dyn Connector>;
        Subject { project, connect: Box::new(connect), ..self.subject() }
    }

    /// A connection to which this project is configured.
    pub fn due_in(&self, project: &ProjectSpec, transport: Arc<dyn Transport>) -> GitHub {
        let projects = vec![project.clone()];
        let config = GitHubConfig { projects, ..GitHubConfig::new(base(), SecretString::from(TOKEN)) };
        GitHub::new(config, transport, self.now())
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
        other @ (Fetched::Missing(_) | Fetched::Gone(_)) => {
            panic!("a ticket that was just made is there: {other:?}")
        }
    }
}

#[expect(clippy::expect_used, reason = "a test says what it expects")]
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> http::Response<Bytes> {
    let mut answer = http::Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Bytes::from(body.to_owned())).expect("an answer")
}

/// A request past the connector, as someone else's program would send it.
#[expect(clippy::expect_used, reason = "a test says what it expects")]
pub async fn raw(world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("user-agent", "test")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Bytes::from(body.to_string()))
        .expect("a request");
    let answer = RouterTransport(world.site.router()).send(request).await.expect("an answer");
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}
