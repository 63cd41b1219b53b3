//! A fake Jira with two projects, a bot, an engineer, and a clock that tests move.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared between test files")]
#![allow(clippy::expect_used, clippy::print_stderr, reason = "tests; a skipped one says so")]

mod openapi;

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::contract::Subject;
use connector_api::fake::{FakeSite, Now, RouterTransport};
use connector_api::{Account, Connector, Fetched, NewTicket, ProjectSpec, Ticket, TicketState, Transport};
use connector_jira::fake::{FakeJira, SPRINT_FIELD};
use connector_jira::{Auth, Flavor, Jira, JiraConfig};
use secrecy::SecretString;
use url::Url;

pub const PROJECT: &str = "ACME";
pub const ELSEWHERE: &str = "WEB";
pub const SECRET: &str = "hook secret";

#[derive(Clone)]
pub struct World {
    pub site: FakeJira,
    pub flavor: Flavor,
    pub us: Account,
    pub human: Account,
    auth: Auth,
    clock: Arc<Mutex<DateTime<Utc>>>,
}

pub fn base() -> Url {
    Url::parse("http://jira.test").expect("an address")
}

pub fn spec(project: &str) -> ProjectSpec {
    ProjectSpec {
        project: project.to_owned(),
        issue_type: Some("Task".to_owned()),
        due_field: Some("duedate".to_owned()),
        ..ProjectSpec::default()
    }
}

pub fn account(id: &str, name: &str) -> Account {
    Account { id: id.to_owned(), name: name.to_owned() }
}

impl World {
    pub fn new(flavor: Flavor) -> Self {
        let start = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let clock = Arc::new(Mutex::new(start));
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || *clock.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let site = FakeJira::new(flavor, now);
        let us = account("712020:b0t", "POA&M Bridge");
        let human = account("5b10:dana", "Dana");
        site.set_base_url(base().as_str());
        site.set_webhook_secret(SECRET);
        site.set_project(PROJECT, |_| {});
        site.set_project(ELSEWHERE, |_| {});
        site.add_person(&human);
        if flavor == Flavor::Cloud
            && let Some(watch) = openapi::watch()
        {
            site.set_watch(watch);
        }
        let auth = site.add_login(&us, "bridge@acme.test", "token-of-the-tests");
        Self { site, flavor, us, human, auth, clock }
    }

    pub fn now(&self) -> Now {
        let clock = Arc::clone(&self.clock);
        Arc::new(move || *clock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(RouterTransport(self.site.router()))
    }

    pub fn config(&self) -> JiraConfig {
        let config = JiraConfig::new(base(), self.flavor, self.auth.clone());
        JiraConfig { sprint_field: Some(SPRINT_FIELD.to_owned()), ..config }
    }

    pub fn over(&self, transport: Arc<dyn Transport>) -> Jira {
        Jira::new(self.config(), transport, self.now())
    }

    pub fn connector(&self) -> Jira {
        self.over(self.transport())
    }

    pub fn subject(&self) -> Subject {
        let (connect, mover) = (self.clone(), self.clone());
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        Subject {
            connect: Box::new(move |transport| Arc::new(connect.over(transport)) as Arc<dyn Connector>),
            site: Arc::new(self.site.clone()) as Arc<dyn FakeSite>,
            project: spec(PROJECT),
            elsewhere: spec(ELSEWHERE),
            us: self.us.clone(),
            human: self.human.clone(),
            secret: SecretString::from(SECRET),
            states: vec![
                (TicketState::InProgress, names(&["In Progress", "In Review"])),
                (TicketState::Blocked, names(&["Blocked"])),
                (TicketState::Done, names(&["Done"])),
                (TicketState::Dropped, names(&["Won't Do"])),
                (TicketState::Open, names(&["To Do"])),
            ],
            now: self.now(),
            advance: Box::new(move |by| mover.advance(by)),
        }
    }
}

/// Makes a ticket and reads it.
pub async fn made(jira: &Jira, new: &NewTicket) -> Ticket {
    let made = jira.create(new).await.expect("a ticket");
    match jira.fetch(&[made.reference]).await.expect("an answer").remove(0) {
        Fetched::Found(ticket) => *ticket,
        other => panic!("a ticket that was just made is there: {other:?}"),
    }
}
