//! One seed's world.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::fake::{FakeDelivery, FakeSite};
use connector_jira::Flavor;
use poam::clock::Clock;
use poam::register::{Change, MilestoneNumber, SystemId};
use poam::sync::engine::Hot;
use poam::sync::mapping::Route;
use poam::sync::{Pass, Settings, SyncError};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::faults::Seamed;
use super::grc::Ruled;
use super::people::{People, Site};
use super::seams::{Commits, Deaths, Seams, Weather};
use crate::bed::{Bed, Ids, Plan};

/// What a seed makes of its world before anything happens in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    /// Steps before the faults stop.
    pub(crate) steps: usize,
    /// Whether a second system shares the trackers.
    pub(crate) shared: bool,
    /// How far the trackers' clocks are before ours.
    pub(crate) ahead: TimeDelta,
    /// Which Jira.
    pub(crate) flavor: Flavor,
}

impl Scene {
    /// The scene of a seed: most are small and mild, some big, some rough.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5ce);
        let faults = *[0, 60, 60, 150, 150, 300].choose(&mut rng).expect("a rate");
        let page = *[None, None, Some(1), Some(2)].choose(&mut rng).expect("a page");
        let steps = *[12, 16, 20, 25, 30, 50].choose(&mut rng).expect("steps");
        let ahead = *[0, 0, 0, 0, 40, 180, -180].choose(&mut rng).expect("a difference");
        Self {
            seed,
            weather: Weather { faults, deaths: Deaths::Drawn(faults / 6), page },
            steps,
            shared: rng.random_ratio(1, 4),
            ahead: TimeDelta::seconds(ahead),
            flavor: if rng.random_ratio(1, 4) { Flavor::DataCenter } else { Flavor::Cloud },
        }
    }
}

pub(crate) struct World {
    pub(crate) bed: Bed,
    pub(crate) seams: Arc<Seams>,
    pub(crate) people: Arc<People>,
    pub(crate) systems: Vec<SystemId>,
    /// What GRC did, by milestone, with its place among all deeds.
    pub(crate) ruled: BTreeMap<(SystemId, MilestoneNumber), Vec<(u64, Ruled)>>,
    pub(crate) rng: StdRng,
    /// Webhooks on their way.
    pub(super) waiting: Vec<(Site, FakeDelivery)>,
    /// The search of Jira is stale until then.
    pub(super) stale: Option<DateTime<Utc>>,
    /// By how many milliseconds the trackers' clocks are before ours.
    ahead: Arc<AtomicI64>,
    pub(super) token: u32,
}

/// A second system goes by the same routes.
fn shared(settings: &mut Settings) {
    let acme = settings.systems["ACME"].clone();
    settings.systems.insert("BETA".to_owned(), acme);
    let more: Vec<Route> =
        settings.routes.iter().map(|route| Route { system: "BETA".to_owned(), ..route.clone() }).collect();
    settings.routes.extend(more);
}

/// How a part of the bridge went on.
enum Went<T> {
    Done(T),
    Parked,
    Died,
}

type Part<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Polls a part until it is done, stops for the other's turn, or dies.
async fn goes<T>(part: &mut Part<'_, T>, seams: &Seams) -> Went<T> {
    std::future::poll_fn(|cx| match part.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Went::Done(value)),
        Poll::Pending if seams.died() => Poll::Ready(Went::Died),
        Poll::Pending if seams.take_parked() => Poll::Ready(Went::Parked),
        Poll::Pending => Poll::Pending,
    })
    .await
}

impl World {
    pub(crate) async fn new(scene: &Scene, store: String) -> Self {
        let seams = Seams::new(scene.seed, scene.weather);
        let around = seams.clone();
        let ids = Mutex::new(StdRng::seed_from_u64(scene.seed ^ 0x1d5));
        let ids: Ids = Arc::new(move || {
            format!("{:032x}", ids.lock().unwrap_or_else(PoisonError::into_inner).random::<u128>())
        });
        let ahead = Arc::new(AtomicI64::new(scene.ahead.num_milliseconds()));
        let plan = Plan {
            wrap: Arc::new(move |inner| Arc::new(Seamed { inner, seams: around.clone() })),
            ids,
            store: Some(store),
            seam: Some(Arc::new(Commits(seams.clone()))),
            ahead: ahead.clone(),
            flavor: scene.flavor,
            adjust: if scene.shared { shared } else { |_| {} },
        };
        let bed = Bed::build(plan).await;
        let people = People::new(scene.seed, bed.github.clone(), bed.jira.clone(), bed.clock.clone());
        let between = people.clone();
        seams.set_between(Box::new(move || between.act(true)));
        let mut systems = vec![bed.system.clone()];
        if scene.shared {
            systems.push(SystemId::new("BETA").expect("an id"));
        }
        let mut world = Self {
            bed,
            seams,
            people,
            systems,
            ruled: BTreeMap::new(),
            rng: StdRng::seed_from_u64(scene.seed),
            waiting: Vec::new(),
            stale: None,
            ahead,
            token: 0,
        };
        for system in world.systems.clone().into_iter().skip(1) {
            world.bed.system = system;
            world.bed.record(vec![Change::SystemRecorded { profile: crate::bed::profile() }]).await;
        }
        for component in ["portal", "jira", "portal", "jira"].into_iter().take(world.rng.random_range(2..=4))
        {
            world.plan(component).await;
        }
        world.seams.mute(false);
        world
    }

    /// Someone plans a milestone in one of the systems.
    pub(super) async fn plan(&mut self, component: &str) {
        self.choose_system();
        self.token += 1;
        let text = format!("Disable TLS 1.0 on host {}; plugin 104743 is clean on the rescan", self.token);
        self.seams.mute(true);
        self.bed.plan(&text, component, "2026-04-01").await;
        self.seams.mute(false);
    }

    /// The system that the next command is about.
    pub(super) fn choose_system(&mut self) {
        self.bed.system = self.systems.choose(&mut self.rng).expect("a system").clone();
    }

    /// Runs a part of the bridge; none where the process died in it.
    pub(super) async fn alive<T>(&mut self, part: impl Future<Output = T>) -> Option<T> {
        let mut part: Part<'_, T> = Box::pin(part);
        let went = goes(&mut part, &self.seams).await;
        drop(part);
        self.outlives(went).await
    }

    async fn outlives<T>(&mut self, went: Went<T>) -> Option<T> {
        match went {
            Went::Done(value) if !self.seams.died() => Some(value),
            Went::Done(_) | Went::Parked | Went::Died => {
                let place = self.seams.take_death();
                self.seams.note(format!("  the process is started again after {place:?}"));
                self.bed.restart().await;
                None
            }
        }
    }

    /// Runs two parts that take turns at exchanges, as the seed says. If the process dies in one, it dies in both.
    pub(super) async fn turns<T>(&mut self, parts: [Part<'_, T>; 2]) -> [Option<T>; 2] {
        let mut parts = parts.map(Some);
        let mut results = [None, None];
        self.seams.set_turns(true);
        while parts.iter().any(Option::is_some) {
            let at = usize::from(parts[0].is_none() || parts[1].is_some() && self.rng.random());
            let Some(part) = parts[at].as_mut() else { continue };
            match goes(part, &self.seams).await {
                Went::Done(value) => {
                    parts[at] = None;
                    results[at] = Some(value);
                }
                Went::Parked => {}
                Went::Died => break,
            }
        }
        self.seams.set_turns(false);
        drop(parts);
        if self.seams.died() {
            self.outlives::<()>(Went::Died).await;
        }
        results
    }

    pub(super) async fn poll(&mut self, connection: &str) -> Option<Hot> {
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

    pub(super) async fn pass(&mut self, connection: &str, hot: Hot) -> Option<Pass> {
        let engine = self.bed.engine.clone();
        let result = self.alive(async move { engine.pass(connection, hot).await }).await?;
        self.passed(result)
    }

    pub(super) fn passed(&self, result: Result<Pass, SyncError>) -> Option<Pass> {
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

    pub(super) async fn sweep(&mut self, connection: &str) {
        let engine = self.bed.engine.clone();
        if let Some(Err(error)) = self.alive(async move { engine.sweep(connection).await }).await {
            self.seams.note(format!("  sweep fails: {}", told(&error)));
        }
    }

    /// Time goes on; what sites carry out late happens on its way.
    pub(super) async fn advance(&mut self, by: TimeDelta) {
        let to = self.bed.clock.now() + by;
        while let Some(late) = self.seams.take_late(to) {
            self.bed.clock.set(late.due.max(self.bed.clock.now()));
            self.seams.note(format!("  late: {} {}", late.request.method(), late.request.uri()));
            drop(late.to.send(late.request).await);
        }
        self.bed.clock.set(to);
        self.seams.set_now(to);
        if self.stale.is_some_and(|until| to >= until) {
            self.fresh();
        }
    }

    pub(super) fn fresh(&mut self) {
        self.stale = None;
        self.bed.jira.set_search_fresh(true);
    }

    /// Our clock is put right or wrong; the trackers' go on as before.
    pub(super) fn jump(&mut self, by: TimeDelta) {
        self.bed.clock.advance(by);
        self.seams.set_now(self.bed.clock.now());
        self.ahead.fetch_sub(by.num_milliseconds(), Ordering::Relaxed);
    }

    pub(super) fn connection(&mut self) -> &'static str {
        if self.rng.random() { "github" } else { "jira" }
    }

    /// What the sites posted since.
    pub(super) fn collect(&mut self) {
        let github = self.bed.github.take_deliveries().into_iter().map(|delivery| (Site::Github, delivery));
        self.waiting.extend(github);
        let jira = self.bed.jira.take_deliveries().into_iter().map(|delivery| (Site::Jira, delivery));
        self.waiting.extend(jira);
    }

    /// A webhook arrives.
    pub(super) async fn arrives(&mut self, site: Site, delivery: &FakeDelivery) {
        let connection = match site {
            Site::Github => "github",
            Site::Jira => "jira",
        };
        let connector = self.bed.world().connectors[connection].clone();
        let read = connector.read_webhook(&delivery.headers, &delivery.body, &["hush".into()]);
        let read = read.expect("a delivery of the fake reads");
        self.seams.note(format!("{} webhook {} {:?}", self.bed.clock.now(), read.event, read.tickets));
        let engine = self.bed.engine.clone();
        match self.alive(async move { engine.deliver(connection, read).await }).await {
            Some(stored) => drop(stored.expect("the store works")),
            None => return,
        }
        self.pass(connection, Hot::new()).await;
    }
}

/// An error with its causes.
pub(super) fn told(error: &SyncError) -> String {
    poam::sync::failure::chain(error)
}
