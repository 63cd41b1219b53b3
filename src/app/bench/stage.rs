//! A bridge between a fake GitHub and a fake Jira, with as many links as asked on each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use connector_api::fake::{FakeSite, Now, RouterTransport};
use connector_api::{Account, Transport};
use connector_github::fake::{FakeGithub, Permission};
use connector_jira::Flavor;
use connector_jira::fake::FakeJira;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::BenchError;
use crate::app::act::{ActError, Who, act};
use crate::app::{App, Writing};
use crate::clock::{Clock as _, ManualClock};
use crate::config::Config;
use crate::register::decide::{Command, NewMilestone};
use crate::register::{Actor, EvidenceKind, ItemFacts, ItemNumber, MilestoneNumber, Rating, Role, SystemId};
use crate::sync::engine::Engine;

/// Kinds of tracker, by their connection's id.
pub const KINDS: [&str; 2] = ["github", "jira"];
/// Milestones that serve one item.
const PER_ITEM: u32 = 10;
/// Milestones added in one transaction.
const BATCH: u32 = 500;
/// Who owns the milestones, and whom edits give them to: name, GitHub login, Jira account id.
pub const PEOPLE: [(&str, &str, &str); 2] =
    [("Ada Example", "ada", "557058:ada"), ("Linus Example", "linus", "557058:linus")];
const BRIDGE: (&str, &str, &str) = ("poam-bridge", "557058:poam-bridge", "poam-bridge@example.com");
const TOKEN: &str = "bench-token";

/// How large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Links on each kind of tracker.
    pub links: u32,
    /// GitHub repositories, and as many Jira projects on one connection.
    pub trackers: u32,
}

/// Everything that is measured.
pub struct Stage {
    /// The bridge.
    pub engine: Engine,
    /// Its clock, which stands still until it is moved.
    pub clock: Arc<ManualClock>,
    /// The system.
    pub system: SystemId,
    /// The size.
    pub size: Size,
    github: FakeGithub,
    jira: FakeJira,
    folder: PathBuf,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Stage {
    /// Sets the bridge up in a temporary folder: no items yet.
    pub async fn new(size: Size) -> Result<Self, BenchError> {
        let folder = std::env::temp_dir().join(format!("poam-bench-{}", crate::app::wiring::fresh_id()));
        std::fs::create_dir_all(&folder).map_err(BenchError::of)?;
        Self::in_folder(&folder, size).await
    }

    /// The same in a folder of the caller's.
    pub async fn in_folder(folder: &Path, size: Size) -> Result<Self, BenchError> {
        let clock = Arc::new(ManualClock::new(start()));
        let ticking = clock.clone();
        let now: Now = Arc::new(move || ticking.now());
        let github = github(size, now.clone()).map_err(BenchError::Wrong)?;
        let jira = jira(size, now);
        let sites: [(&str, Arc<dyn Transport>); 2] = [
            (KINDS[0], Arc::new(RouterTransport(github.router()))),
            (KINDS[1], Arc::new(RouterTransport(jira.router()))),
        ];
        let sites = sites.into_iter().map(|(id, transport)| (id.to_owned(), transport)).collect();
        let config = config_in(folder, size)?;
        let app =
            App::open_over(config, Writing::Task, clock.clone(), &sites).await.map_err(BenchError::of)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (writer, until) = (app.world().writer.clone(), stop.clone());
        tasks.spawn(async move { writer.run(until).await });
        let (engine, folder) = (app.engine, folder.to_owned());
        Ok(Self { engine, clock, system: system()?, size, github, jira, folder, stop, tasks })
    }

    /// A site by its connection's id.
    pub fn site(&self, kind: &str) -> &dyn FakeSite {
        if kind == KINDS[0] { &self.github } else { &self.jira }
    }

    /// Somebody's account on a site.
    pub fn account(&self, kind: &str, (name, github, jira): (&str, &str, &str)) -> Account {
        Account { id: if kind == KINDS[0] { github } else { jira }.to_owned(), name: name.to_owned() }
    }

    /// Adds milestones on a kind of tracker and opens their tickets, which a pass then makes.
    pub async fn plan(&self, kind: &str, count: u32) -> Result<(), BenchError> {
        let numbers = self.plan_only(kind, count).await?;
        crate::sync::open::open(&self.engine.world, &self.system, Some(numbers), true).await?;
        Ok(())
    }

    /// Adds milestones on a kind of tracker, spread evenly over its projects. Gives their numbers.
    pub async fn plan_only(&self, kind: &str, count: u32) -> Result<BTreeSet<MilestoneNumber>, BenchError> {
        let mut numbers = BTreeSet::new();
        let mut done = 0;
        while done < count {
            let batch = BATCH.min(count - done);
            numbers.extend(self.plan_batch(kind, done, batch).await?);
            done += batch;
        }
        Ok(numbers)
    }

    async fn plan_batch(
        &self,
        kind: &str,
        from: u32,
        count: u32,
    ) -> Result<Vec<MilestoneNumber>, BenchError> {
        let (last_item, last_milestone) = self.last().await?;
        let today = self.clock.now().date_naive();
        let mut commands = Vec::new();
        for n in 0..count.div_ceil(PER_ITEM) {
            let number = ItemNumber::ours(last_item + n + 1);
            let tracker = (from / PER_ITEM + n) % self.size.trackers;
            let facts = facts(&format!("{kind}-{tracker}"), n, today);
            commands.push(Command::AddItem { number: Some(number.clone()), facts: Box::new(facts) });
            for step in 0..PER_ITEM.min(count - n * PER_ITEM) {
                commands.push(Command::AddMilestone(Box::new(milestone(number.clone(), step, today))));
            }
        }
        act(&self.engine.world, &self.system, &operator(), commands).await.map_err(failed)?;
        Ok((last_milestone + 1..=last_milestone + count).map(MilestoneNumber).collect())
    }

    async fn last(&self) -> Result<(u32, u32), BenchError> {
        let mut read = self.engine.world.db.read().await.map_err(BenchError::of)?;
        let register = read.load(&self.system, crate::store::Scope::System).await.map_err(BenchError::of)?;
        Ok((register.system.last_item, register.system.last_milestone))
    }

    /// Carries out commands, many in each transaction.
    pub async fn command(&self, commands: Vec<Command>) -> Result<(), BenchError> {
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let some: Vec<Command> = commands.by_ref().take(100).collect();
            act(&self.engine.world, &self.system, &operator(), some).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Passes over a connection until one finds nothing to do. Gives how many links were looked at.
    pub async fn pass(&self, kind: &str, hot: crate::sync::engine::Hot) -> Result<u32, BenchError> {
        let mut links = 0;
        let mut hot = Some(hot);
        loop {
            let pass = self.engine.pass(kind, hot.take().unwrap_or_default()).await?;
            if let Some(first) = pass.failed.first() {
                let count = pass.failed.len();
                return Err(BenchError::Wrong(format!("{count} links failed, the first: {first}")));
            }
            if pass.links == 0 && pass.created == 0 && pass.said == 0 {
                return Ok(links);
            }
            links += pass.links;
        }
    }

    /// A poll, and passes until nothing is left to do.
    pub async fn cycle(&self, kind: &str) -> Result<u32, BenchError> {
        let polled = self.engine.poll(kind).await?;
        self.pass(kind, polled.hot).await
    }

    /// Cycles, twenty minutes apart, until one finds nothing: then no overlap repeats what is known.
    pub async fn rest(&self) -> Result<(), BenchError> {
        for _ in 0..10 {
            self.clock.advance(TimeDelta::minutes(20));
            let mut links = 0;
            for kind in KINDS {
                links += self.cycle(kind).await?;
            }
            if links == 0 {
                return Ok(());
            }
        }
        Err(BenchError::Wrong("the bridge does not come to rest".to_owned()))
    }

    /// Stops the writer and removes the folder.
    pub async fn end(self) -> Result<(), BenchError> {
        let folder = self.folder.clone();
        self.close().await;
        std::fs::remove_dir_all(&folder).map_err(BenchError::of)
    }

    /// Stops the writer; the folder stays.
    pub async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.engine.world.db.close().await;
    }
}

fn failed(error: ActError) -> BenchError {
    match error {
        ActError::Refused(refusal) => BenchError::Wrong(refusal.to_string()),
        ActError::Failed(error) => error.into(),
    }
}

fn operator() -> Who {
    Who { actor: Actor::Local("bench".to_owned()), roles: Role::ALL.into_iter().collect() }
}

/// The system.
pub fn system() -> Result<SystemId, BenchError> {
    SystemId::new("BENCH").map_err(BenchError::Wrong)
}

/// A Monday morning, at which the clock stands first.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_442_000, 0).unwrap_or_default()
}

fn facts(component: &str, n: u32, today: NaiveDate) -> ItemFacts {
    ItemFacts {
        description: "A weakness that was found by a scan".to_owned(),
        controls: vec!["SI-2".to_owned()],
        components: vec![component.to_owned()],
        detector: "scanner".to_owned(),
        detected: Some(today),
        rating: Some(Rating::Low),
        owner: Some(PEOPLE[0].0.to_owned()),
        ..ItemFacts::titled(format!("Weakness {n} of {component}"))
    }
}

fn milestone(item: ItemNumber, step: u32, today: NaiveDate) -> NewMilestone {
    NewMilestone {
        text: format!("Package {step} is at its fixed version on every host, and the rescan shows it"),
        serves: BTreeSet::from([item]),
        owner: Some(PEOPLE[0].0.to_owned()),
        expects: BTreeSet::from([EvidenceKind::Transition]),
        due: today.checked_add_days(Days::new(90)),
        ..NewMilestone::default()
    }
}

fn repository(n: u32) -> String {
    format!("acme/service-{n}")
}

/// Letters alone: `PAAB`.
fn project(n: u32) -> String {
    let letter = |n: u32| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    ['P', letter(n / 676), letter(n / 26), letter(n)].iter().collect()
}

fn github(size: Size, now: Now) -> Result<FakeGithub, String> {
    let base = "http://127.0.0.1:7001/".parse().map_err(|error| format!("{error}"))?;
    let site = FakeGithub::new(&base, now);
    site.add_user(BRIDGE.0, Some(TOKEN));
    for (_, login, _) in PEOPLE {
        site.add_user(login, None);
    }
    for n in 0..size.trackers {
        site.add_repository(&repository(n), true);
        for login in [BRIDGE.0, PEOPLE[0].1, PEOPLE[1].1] {
            site.grant(&repository(n), login, Permission::Write)?;
        }
    }
    Ok(site)
}

fn jira(size: Size, now: Now) -> FakeJira {
    let site = FakeJira::new(Flavor::Cloud, now);
    site.set_base_url("http://127.0.0.1:7002");
    let bridge = Account { id: BRIDGE.1.to_owned(), name: BRIDGE.0.to_owned() };
    site.add_login(&bridge, BRIDGE.2, TOKEN);
    for (name, _, id) in PEOPLE {
        site.add_person(&Account { id: id.to_owned(), name: name.to_owned() });
    }
    for n in 0..size.trackers {
        site.set_project(&project(n), |_| {});
    }
    site
}

/// The configuration of a bridge in `folder`.
pub fn config_in(folder: &Path, size: Size) -> Result<Config, BenchError> {
    let nothing = BTreeMap::new();
    Config::parse(&config(size), &folder.join("poam.toml"), &nothing, &nothing).map_err(BenchError::of)
}

/// Each tracker has one component, by which its milestones are routed.
fn config(size: Size) -> String {
    let mut text = format!(
        r#"[server]
listen = "127.0.0.1:1"

[[system]]
id = "BENCH"
name = "Bench"
impact = "moderate"

[[connection]]
id = "github"
kind = "github"
url = "http://127.0.0.1:7001/"
token = "{TOKEN}"

[[connection]]
id = "jira"
kind = "jira"
flavor = "cloud"
url = "http://127.0.0.1:7002/"
email = "{}"
token = "{TOKEN}"
"#,
        BRIDGE.2
    );
    for (name, github, jira) in PEOPLE {
        let roles = r#"[{ system = "BENCH", role = "owner" }]"#;
        let _ = write!(
            text,
            "\n[[person]]\nname = {name:?}\ngithub = {github:?}\njira = {jira:?}\nroles = {roles}\n"
        );
    }
    for n in 0..size.trackers {
        for (kind, key, name) in [("github", "repo", repository(n)), ("jira", "project", project(n))] {
            let _ = write!(
                text,
                "\n[[tracker]]\nid = \"{kind}-{n}\"\nconnection = \"{kind}\"\n{key} = {name:?}\n\n[[route]]\nsystem = \"BENCH\"\n\
                 component = \"{kind}-{n}\"\ntracker = \"{kind}-{n}\"\n"
            );
        }
    }
    text
}
