//! A fake Jira with two projects, a bot, an engineer, and a clock that tests move.

mod openapi;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use connector_api::contract::Subject;
use connector_api::fake::{FakeSite, Now, RouterTransport};
use connector_api::{
    Account, Connector, Fetched, Marker, NewTicket, Patch, PollFrom, ProjectSpec, StateChange, Stream,
    Ticket, TicketState, Transport, TransportError,
};
use connector_jira::fake::{FakeJira, SPRINT_FIELD};
use connector_jira::{Auth, Flavor, Jira, JiraConfig};
use secrecy::SecretString;
use url::Url;

pub(crate) const PROJECT: &str = "ACME";
pub(crate) const ELSEWHERE: &str = "WEB";
pub(crate) const SECRET: &str = "hook secret";

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) site: FakeJira,
    pub(crate) flavor: Flavor,
    pub(crate) us: Account,
    pub(crate) human: Account,
    auth: Auth,
    clock: Arc<Mutex<DateTime<Utc>>>,
}

pub(crate) fn base() -> Url {
    Url::parse("http://jira.test").expect("an address")
}

pub(crate) fn spec(project: &str) -> ProjectSpec {
    ProjectSpec {
        project: project.to_owned(),
        issue_type: Some("Task".to_owned()),
        due_field: Some("duedate".to_owned()),
        ..ProjectSpec::default()
    }
}

pub(crate) fn account(id: &str, name: &str) -> Account {
    Account { id: id.to_owned(), name: name.to_owned() }
}

impl World {
    pub(crate) fn new(flavor: Flavor) -> Self {
        let world = Self::unwatched(flavor);
        world.site.set_webhook_secret(SECRET);
        if flavor == Flavor::Cloud
            && let Some(watch) = openapi::watch()
        {
            world.site.set_watch(watch);
        }
        world
    }

    /// For many tickets: its exchanges are not looked at, and it sends no webhooks.
    pub(crate) fn unwatched(flavor: Flavor) -> Self {
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
        site.set_project(PROJECT, |_| {});
        site.set_project(ELSEWHERE, |_| {});
        site.add_person(&human);
        let auth = site.add_login(&us, "bridge@acme.test", "token-of-the-tests");
        Self { site, flavor, us, human, auth, clock }
    }

    pub(crate) fn now(&self) -> Now {
        let clock = Arc::clone(&self.clock);
        Arc::new(move || *clock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(RouterTransport(self.site.router()))
    }

    pub(crate) fn config(&self) -> JiraConfig {
        let config = JiraConfig::new(base(), self.flavor, self.auth.clone());
        JiraConfig { sprint_field: Some(SPRINT_FIELD.to_owned()), ..config }
    }

    pub(crate) fn over(&self, transport: Arc<dyn Transport>) -> Jira {
        Jira::new(self.config(), transport, self.now())
    }

    pub(crate) fn connector(&self) -> Jira {
        self.over(self.transport())
    }

    pub(crate) fn subject(&self) -> Subject {
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

/// An exchange with the fake, before and after which a test puts its hand in.
pub(crate) struct Meddling<F> {
    pub(crate) world: World,
    /// Sees the path and the answer, and gives what comes back instead.
    pub(crate) meddle: F,
}

#[async_trait]
impl<F> Transport for Meddling<F>
where
    F: Fn(&str, http::Response<Bytes>) -> Result<http::Response<Bytes>, TransportError> + Send + Sync,
{
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let path = request.uri().path().to_owned();
        let answer = RouterTransport(self.world.site.router()).send(request).await?;
        (self.meddle)(&path, answer)
    }
}

/// The one stream of both projects.
pub(crate) fn stream(jira: &Jira) -> Stream {
    jira.streams(&[spec(PROJECT), spec(ELSEWHERE)]).remove(0)
}

/// The first poll, which reaches an hour back.
pub(crate) async fn poll(world: &World, jira: &Jira, cursor: Option<&str>) -> connector_api::Changed {
    let since = (world.now())() - TimeDelta::hours(1);
    jira.changed_since(&stream(jira), &PollFrom::new(cursor, since)).await.expect("a poll")
}

/// Makes a ticket and reads it.
pub(crate) async fn made(jira: &Jira, new: &NewTicket) -> Ticket {
    let made = jira.create(new).await.expect("a ticket");
    match jira.fetch(&[made.reference]).await.expect("an answer").remove(0) {
        Fetched::Found(ticket) => *ticket,
        other @ (Fetched::Missing(_) | Fetched::Gone(_)) => {
            panic!("a ticket that was just made is there: {other:?}")
        }
    }
}

pub(crate) fn new_ticket(n: u32) -> NewTicket {
    NewTicket {
        project: spec(PROJECT),
        title: format!("[ACME M-{n}] Upgrade"),
        block: "Upgrade **openssl**.\n\n**Due:** 2026-12-15".to_owned(),
        due: day(2026, 12, 15),
        assignee: None,
        labels: ["security".to_owned()].into(),
        marker: Marker { installation: "site".to_owned(), link: format!("{n:032x}") },
    }
}

pub(crate) fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

pub(crate) fn state(to: TicketState, names: &[&str]) -> StateChange {
    StateChange {
        to,
        names: names.iter().map(|&name| name.to_owned()).collect(),
        resolution: None,
        comment: None,
        fields: BTreeMap::new(),
    }
}

pub(crate) fn patch() -> Patch {
    Patch { project: spec(PROJECT), ..Patch::default() }
}

pub(crate) fn sent_since(world: &World, before: usize) -> Vec<String> {
    world.site.requests().split_off(before)
}
