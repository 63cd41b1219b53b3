//! One seed's world, and its steps.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::fake::{FakeDelivery, FakeSite};
use poam::app::act::{ActError, Who, act};
use poam::clock::Clock;
use poam::register::decide::Command;
use poam::register::{Actor, MilestoneNumber, MilestoneState, Role, Subject};
use poam::sync::engine::Hot;
use poam::sync::{Pass, SyncError, detect};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::people::{People, Site};
use super::seams::{Seamed, Seams};
use crate::bed::{Bed, Ids, Plan};

/// What GRC did in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruled {
    Text(String),
    Owner(Option<String>),
    State(MilestoneState),
}

pub(crate) struct World {
    pub(crate) bed: Bed,
    pub(crate) seams: Arc<Seams>,
    pub(crate) people: Arc<People>,
    /// What GRC did, by milestone, with its place among all deeds.
    pub(crate) ruled: BTreeMap<MilestoneNumber, Vec<(u64, Ruled)>>,
    rng: StdRng,
    waiting: Vec<(Site, FakeDelivery)>,
    /// The search of Jira is stale until then.
    stale: Option<DateTime<Utc>>,
    token: u32,
}

impl World {
    pub(crate) async fn new(seed: u64, template: &Path) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let rate = *[0, 60, 150, 300].choose(&mut rng).expect("a rate");
        let seams = Seams::new(seed, rate);
        let around = seams.clone();
        let ids = Mutex::new(StdRng::seed_from_u64(seed ^ 0x1d5));
        let ids: Ids = Arc::new(move || {
            format!("{:032x}", ids.lock().unwrap_or_else(PoisonError::into_inner).random::<u128>())
        });
        let plan = Plan {
            wrap: Arc::new(move |inner| Arc::new(Seamed { inner, seams: around.clone() })),
            ids,
            template: Some(template),
            adjust: |_| {},
        };
        let bed = Bed::build(plan).await;
        let people = People::new(seed, bed.github.clone(), bed.jira.clone(), bed.clock.clone());
        let between = people.clone();
        seams.set_between(Box::new(move || between.act(true)));
        let mut world = Self {
            bed,
            seams,
            people,
            ruled: BTreeMap::new(),
            rng,
            waiting: Vec::new(),
            stale: None,
            token: 0,
        };
        for _ in 0..2 {
            world.plan("portal").await;
            world.plan("jira").await;
        }
        world
    }

    async fn plan(&mut self, component: &str) {
        self.token += 1;
        let text = format!("Disable TLS 1.0 on host {}; plugin 104743 is clean on the rescan", self.token);
        self.bed.plan(&text, component, "2026-04-01").await;
    }

    /// Runs a part of the bridge; none where the process died in it.
    async fn alive<T>(&mut self, part: impl Future<Output = T>) -> Option<T> {
        let mut part = Box::pin(part);
        let seams = self.seams.clone();
        let done = std::future::poll_fn(|cx| match part.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if seams.crashed() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        drop(part);
        if self.seams.take_crash() {
            self.seams.note("  the process died and was started again".to_owned());
            self.bed.restart().await;
            return None;
        }
        done
    }

    async fn poll(&mut self, connection: &str) -> Option<Hot> {
        let engine = self.bed.engine.clone();
        let polled = self.alive(async move { engine.poll(connection).await }).await?;
        let result = polled.map(|polled| polled.hot);
        match result {
            Ok(hot) => Some(hot),
            Err(error) => {
                self.seams.note(format!("  poll fails: {}", told(&error)));
                None
            }
        }
    }

    async fn pass(&mut self, connection: &str, hot: Hot) -> Option<Pass> {
        let engine = self.bed.engine.clone();
        let result = self.alive(async move { engine.pass(connection, hot).await }).await?;
        match result {
            Ok(pass) => {
                self.seams.note(format!("  {pass:?}"));
                Some(pass)
            }
            Err(error) => {
                self.seams.note(format!("  pass fails: {}", told(&error)));
                None
            }
        }
    }

    fn advance(&mut self, by: TimeDelta) {
        let now = self.bed.clock.now();
        if self.stale.is_some_and(|until| now + by >= until) {
            self.stale = None;
            self.bed.jira.set_search_fresh(true);
        }
        self.bed.clock.advance(by);
    }

    fn connection(&mut self) -> &'static str {
        if self.rng.random() { "github" } else { "jira" }
    }

    /// One step of the seed.
    pub(crate) async fn step(&mut self) {
        let wait = match self.rng.random_range(0..10) {
            0 => TimeDelta::milliseconds(self.rng.random_range(0..900)),
            1..=6 => TimeDelta::seconds(self.rng.random_range(1..60)),
            7 | 8 => TimeDelta::seconds(self.rng.random_range(60..600)),
            _ => TimeDelta::hours(self.rng.random_range(1..30)),
        };
        self.advance(wait);
        let at = self.bed.clock.now();
        self.collect();
        let draw = self.rng.random_range(0..100);
        match draw {
            0..=39 => {
                let said = self.people.act(false);
                self.seams.note(format!("{at} {said}"));
            }
            40..=49 => self.rule().await,
            50..=69 => {
                let connection = self.connection();
                self.seams.note(format!("{at} poll and pass {connection}"));
                if let Some(hot) = self.poll(connection).await {
                    if self.rng.random_ratio(1, 6) {
                        let said = self.people.act(false);
                        self.seams.note(format!("  meanwhile {said}"));
                    }
                    self.pass(connection, hot).await;
                }
            }
            70..=74 => {
                let connection = self.connection();
                self.seams.note(format!("{at} poll {connection}, and no pass"));
                self.poll(connection).await;
            }
            75..=82 => {
                let connection = self.connection();
                self.seams.note(format!("{at} pass {connection}"));
                self.pass(connection, Hot::new()).await;
            }
            83..=85 => {
                let connection = self.connection();
                self.seams.note(format!("{at} sweep {connection}"));
                let engine = self.bed.engine.clone();
                self.alive(async move { engine.sweep(connection).await }).await;
            }
            86..=93 => self.deliver().await,
            94 => {
                self.seams.note(format!("{at} the process is killed between two steps"));
                self.bed.restart().await;
            }
            95 => {
                self.seams.note(format!("{at} Jira's search goes stale"));
                self.bed.jira.set_search_fresh(false);
                self.stale = Some(at + TimeDelta::seconds(100));
            }
            96 | 97 => self.detect().await,
            _ => {
                let component = if self.rng.random() { "portal" } else { "jira" };
                self.seams.note(format!("{at} GRC plans another milestone"));
                self.plan(component).await;
            }
        }
    }

    fn collect(&mut self) {
        let github = self.bed.github.take_deliveries().into_iter().map(|delivery| (Site::Github, delivery));
        self.waiting.extend(github);
        let jira = self.bed.jira.take_deliveries().into_iter().map(|delivery| (Site::Jira, delivery));
        self.waiting.extend(jira);
    }

    /// A webhook comes in, in any order, perhaps twice, perhaps never.
    async fn deliver(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.waiting.len());
        let (site, delivery) =
            if self.rng.random_ratio(1, 4) { self.waiting[at].clone() } else { self.waiting.remove(at) };
        if self.rng.random_ratio(1, 5) {
            return;
        }
        let connection = match site {
            Site::Github => "github",
            Site::Jira => "jira",
        };
        let connector = self.bed.world().connectors[connection].clone();
        let read = connector.read_webhook(&delivery.headers, &delivery.body, &["hush".into()]);
        let read = read.expect("a delivery of the fake reads");
        self.seams.note(format!("{} webhook {} {:?}", self.bed.clock.now(), read.event, read.tickets));
        let engine = self.bed.engine.clone();
        let stored = self.alive(async move { engine.deliver(connection, read).await }).await;
        stored.expect("no exchange").expect("the store works");
        self.pass(connection, Hot::new()).await;
    }

    async fn detect(&mut self) {
        let world = self.bed.world().clone();
        detect::full(&world, &self.bed.system).await.expect("detection works");
    }

    /// GRC decides something in the register.
    async fn rule(&mut self) {
        let register = self.bed.register().await;
        let numbers: Vec<MilestoneNumber> = register.milestones.keys().copied().collect();
        let Some(&(mut milestone)) = numbers.choose(&mut self.rng) else { return };
        self.token += 1;
        let token = self.token;
        let (command, ruled) = match self.rng.random_range(0..12) {
            0..=2 => {
                let text =
                    format!("Replace the cipher suite of host {token}; the scan shows none that is weak");
                let reason = Some(format!("reworded {token}"));
                (Command::Retext { milestone, text: text.clone(), reason }, Some(Ruled::Text(text)))
            }
            3 | 4 => {
                let owner = [Some("Ada Example"), Some("Grace Example"), None];
                let owner = owner.choose(&mut self.rng).copied().flatten().map(str::to_owned);
                (Command::SetOwner { milestone, owner: owner.clone() }, Some(Ruled::Owner(owner)))
            }
            5..=7 => {
                let to = *[
                    MilestoneState::Dropped,
                    MilestoneState::InProgress,
                    MilestoneState::InProgress,
                    MilestoneState::Planned,
                    MilestoneState::Done,
                    MilestoneState::Blocked,
                ]
                .choose(&mut self.rng)
                .expect("a state");
                let reason = Some(format!("decided {token}"));
                (Command::SetState { milestone, to, reason }, Some(Ruled::State(to)))
            }
            8 | 9 => (Command::Approve { milestone, number: None }, None),
            10 => {
                let reason = format!("refused {token}");
                (Command::Reject { milestone, number: None, reason }, None)
            }
            _ => {
                let Some(conflict) = register.conflicts.values().next_back() else { return };
                let Subject::Milestone(of) = conflict.subject else { return };
                milestone = of;
                // What is kept goes out over whatever stands in the ticket by then.
                let ours = Some(conflict.ours.as_str());
                let mut people = self.bed.world().settings.people.values();
                let owner = people.find(|p| p.github.as_deref() == ours || p.jira.as_deref() == ours);
                let ruled = match conflict.field.as_str() {
                    "title" => register.milestones.get(&of).map(|held| Ruled::Text(held.text.clone())),
                    _ => owner.map(|person| Ruled::Owner(Some(person.name.clone()))),
                };
                let reason = format!("looked at {token}");
                let (number, keep) = (conflict.number, "register".to_owned());
                (Command::ResolveConflict { number, keep, reason }, ruled)
            }
        };
        let who = Who { actor: Actor::Local("operator".to_owned()), roles: Role::ALL.into_iter().collect() };
        let shown = format!("{} GRC: {command:?}", self.bed.clock.now());
        let world = self.bed.world().clone();
        match act(&world, &self.bed.system, &who, vec![command]).await {
            Ok((changes, _)) => {
                self.seams.note(shown);
                if let Some(ruled) = ruled.filter(|_| !changes.is_empty()) {
                    let order = self.people.with_ledger(super::people::Ledger::next);
                    self.ruled.entry(milestone).or_default().push((order, ruled));
                }
            }
            Err(ActError::Refused(refusal)) => self.seams.note(format!("{shown} is refused: {refusal}")),
            Err(ActError::Failed(error)) => panic!("{shown}: {}", told(&error)),
        }
    }

    /// The faults stop, and people do too.
    pub(crate) fn calm(&mut self) {
        self.seams.note("calm".to_owned());
        self.seams.calm();
        self.stale = None;
        self.bed.jira.set_search_fresh(true);
    }

    async fn round(&mut self) -> bool {
        let mut worked = false;
        for connection in ["github", "jira"] {
            let hot = self.poll(connection).await.unwrap_or_default();
            let engine = self.bed.engine.clone();
            self.alive(async move { engine.sweep(connection).await }).await;
            if let Some(pass) = self.pass(connection, hot).await {
                worked |= pass.created + pass.written + pass.said > 0 || !pass.failed.is_empty();
            }
        }
        self.detect().await;
        worked
    }

    /// Runs until nothing happens any more, a bounded number of rounds; then nothing may be written.
    pub(crate) async fn settle(&mut self) -> Vec<String> {
        let mut quiet = 0;
        for n in 0..40 {
            self.advance(TimeDelta::seconds(if n < 10 { 600 } else { 60 }));
            self.seams.note(format!("{} calm round {n}", self.bed.clock.now()));
            quiet = if self.round().await { 0 } else { quiet + 1 };
            if n >= 12 && quiet >= 3 {
                break;
            }
        }
        let mut wrong = Vec::new();
        if quiet < 3 {
            wrong.push("it does not settle".to_owned());
        }
        let before = self.writes();
        for n in 0..3 {
            self.advance(TimeDelta::seconds(45));
            self.seams.note(format!("{} quiet round {n}", self.bed.clock.now()));
            self.round().await;
        }
        for (before, after) in before.iter().zip(self.writes()) {
            if after.len() > before.len() {
                wrong.push(format!("writes after it settled: {:?}", &after[before.len()..]));
            }
        }
        wrong
    }

    /// Writes that each site answered.
    fn writes(&self) -> [Vec<String>; 2] {
        let reads = ["bulkfetch", "/search/jql", "/search", "/graphql"];
        [self.bed.github.requests(), self.bed.jira.requests()].map(|mut lines| {
            lines.retain(|line| {
                let path = line.split(' ').nth(1).unwrap_or_default();
                !line.starts_with("GET ") && !reads.iter().any(|read| path.ends_with(read))
            });
            lines
        })
    }
}

/// An error with its causes.
fn told(error: &SyncError) -> String {
    poam::sync::engine::chain(error)
}
