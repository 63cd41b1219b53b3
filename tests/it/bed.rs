//! A whole bridge on fakes: SQLite in a temporary folder, a fake GitHub and a fake Jira reached without sockets, a
//! clock that stands still until it is moved. Everything real is the product's own.

#![expect(clippy::expect_used, reason = "a test bed that cannot be set up fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use connector_api::fake::{Act, FakeSite, FakeTicket, RouterTransport};
use connector_api::{Account, Connector, ProjectSpec, Transport};
use connector_github::fake::FakeGithub;
use connector_github::{GitHub, GitHubConfig};
use connector_jira::fake::FakeJira;
use connector_jira::{Auth, Flavor, Jira, JiraConfig};
use poam::clock::{Clock, ManualClock};
use poam::register::decide::{Command, Deciding, NewMilestone, decide_all};
use poam::register::policy::{Calendar, Policy, RuleSet};
use poam::register::{
    Actor, Change, EvidenceKind, Grant, Impact, ItemFacts, ItemNumber, Milestone, MilestoneNumber, Person,
    Rating, Register, Role, SystemId, SystemProfile,
};
use poam::store::{Db, EvidenceStore, OpenOptions, Scope, Seam, Writer};
use poam::sync::engine::Engine;
use poam::sync::lease::Leases;
use poam::sync::mapping::{Disclosure, Route, Tracker};
use poam::sync::open::open;
use poam::sync::{Kind, Settings, SystemSettings, World};

/// The GitHub repository of the bed.
pub(crate) const REPO: &str = "acme/portal";
/// The Jira project of the bed.
pub(crate) const PROJECT: &str = "ACME";

/// Puts something between a connector and its site: faults, counters.
pub(crate) type Wrap = Arc<dyn Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

/// Gives fresh ids.
pub(crate) type Ids = Arc<dyn Fn() -> String + Send + Sync>;

/// What may differ between beds.
pub(crate) struct Plan {
    /// Around every transport.
    pub(crate) wrap: Wrap,
    /// Ids of links.
    pub(crate) ids: Ids,
    /// URL of a store that is migrated already; else a new file.
    pub(crate) store: Option<String>,
    /// What stands at each commit.
    pub(crate) seam: Option<Arc<dyn Seam>>,
    /// By how many milliseconds the trackers' clocks are before ours.
    pub(crate) ahead: Arc<AtomicI64>,
    /// Which Jira.
    pub(crate) flavor: Flavor,
    /// What is set otherwise than usual.
    pub(crate) adjust: fn(&mut Settings),
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            wrap: Arc::new(|inner| inner),
            ids: counted(),
            store: None,
            seam: None,
            ahead: Arc::default(),
            flavor: Flavor::Cloud,
            adjust: |_| {},
        }
    }
}

/// A bridge between two fake sites.
pub(crate) struct Bed {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Engine,
    pub(crate) github: FakeGithub,
    pub(crate) jira: FakeJira,
    pub(crate) system: SystemId,
    wrap: Wrap,
    seam: Option<Arc<dyn Seam>>,
    flavor: Flavor,
    jira_auth: Auth,
    store: String,
    folder: tempfile::TempDir,
}

fn person(name: &str, github: &str, jira: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        email: None,
        github: Some(github.to_owned()),
        jira: Some(jira.to_owned()),
        manager: None,
        roles: roles.iter().map(|role| Grant { system: "ACME".to_owned(), role: *role }).collect(),
    }
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

/// The legacy rules as shipped.
pub(crate) fn rules() -> RuleSet {
    toml::from_str(include_str!("../../config/rules/legacy-rev5.toml")).expect("the shipped rules")
}

pub(crate) fn account(id: &str, name: &str) -> Account {
    Account { id: id.to_owned(), name: name.to_owned() }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(|transport| transport).await
    }

    /// A bed whose transports go through `wrap` (faults, counters).
    pub(crate) async fn with(
        wrap: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        Self::build(Plan { wrap: Arc::new(wrap), ..Plan::default() }).await
    }

    /// A bed with other settings.
    pub(crate) async fn adjusted(adjust: fn(&mut Settings)) -> Self {
        Self::build(Plan { adjust, ..Plan::default() }).await
    }

    pub(crate) async fn build(plan: Plan) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::new(start()));
        let now = ticking(&clock, &plan.ahead);
        let base = "http://github.test/".parse().expect("a URL");
        let github = FakeGithub::new(&base, now.clone());
        github.add_user("poam-bot", Some("bot-token"));
        github.add_user("ada", None);
        github.add_user("grace", None);
        github.add_user("mallory", None);
        github.add_repository(REPO, true);
        for login in ["poam-bot", "ada", "grace"] {
            github.grant(REPO, login, connector_github::fake::Permission::Write).expect("a grant");
        }
        github.grant(REPO, "mallory", connector_github::fake::Permission::Triage).expect("a grant");
        github.set_webhook_secret(Some("hush".into()));
        let jira = FakeJira::new(plan.flavor, now);
        jira.set_base_url("http://jira.test");
        jira.set_webhook_secret("hush");
        let jira_auth = jira.add_login(&account("557058:bot", "poam bot"), "bot@example.org", "bot-token");
        let ada_jira = account("557058:ada", "Ada Example");
        for person in
            [&ada_jira, &account("557058:grace", "Grace Example"), &account("557058:mallory", "Mallory")]
        {
            jira.add_person(person);
        }
        jira.set_project(PROJECT, |_| {});
        let store = plan.store.clone().unwrap_or_else(|| file(folder.path()));
        let db = open_store(&store).await;
        if plan.store.is_none() {
            db.migrate().await.expect("a schema");
        }
        let mut settings = settings();
        (plan.adjust)(&mut settings);
        let world = World {
            settings: Arc::new(settings),
            connectors: connectors(&github, &jira, plan.flavor, &jira_auth, &plan.wrap, &clock),
            writer: writer(&db, plan.seam.as_ref()),
            db,
            evidence: EvidenceStore::open("memory://").expect("an evidence store"),
            clock: clock.clone(),
            leases: Leases::new("the bed", |_| false),
            limited: Arc::new(|_| {}),
            ids: plan.ids,
        };
        let bed = Self {
            clock,
            engine: Engine { world, only: None },
            github,
            jira,
            system: SystemId::new("ACME").expect("an id"),
            wrap: plan.wrap,
            seam: plan.seam,
            flavor: plan.flavor,
            jira_auth,
            store,
            folder,
        };
        bed.record(vec![Change::SystemRecorded { profile: profile() }]).await;
        bed
    }

    /// The process died and was started again: nothing is left but the file and the evidence.
    pub(crate) async fn restart(&mut self) {
        let world = &mut self.engine.world;
        world.db.close().await;
        world.db = open_store(&self.store).await;
        world.writer = writer(&world.db, self.seam.as_ref());
        world.connectors =
            connectors(&self.github, &self.jira, self.flavor, &self.jira_auth, &self.wrap, &self.clock);
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn world(&self) -> &World {
        &self.engine.world
    }

    pub(crate) async fn record(&self, changes: Vec<Change>) {
        let (system, now) = (self.system.clone(), self.clock.now());
        self.world()
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    let mut register = tx.load(&system, Scope::All).await?;
                    tx.record(&mut register, now, &Actor::Poam, "command", &changes).await?;
                    Ok::<_, poam::store::StoreError>(())
                })
            })
            .await
            .expect("changes are recorded");
    }

    /// Carries out commands as a local operator with every role.
    pub(crate) async fn act(&self, commands: Vec<Command>) -> Vec<Change> {
        let register = self.register().await;
        let settings = self.world().settings.clone();
        let of = settings.systems.get("ACME").expect("the system");
        let by = Deciding {
            actor: Actor::Local("operator".to_owned()),
            roles: Role::ALL.into_iter().collect(),
            now: self.clock.now(),
            calendar: &of.calendar,
            policy: &settings.policy,
            rules: &of.rules,
            people: &settings.people,
        };
        let changes = decide_all(&register, &by, &commands).expect("the commands are allowed");
        self.record(changes.clone()).await;
        let (system, now) = (self.system.clone(), self.clock.now());
        let numbers: Vec<MilestoneNumber> = self.register().await.milestones.keys().copied().collect();
        self.world()
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    tx.mark_milestones(&system, &numbers, now).await?;
                    Ok::<_, poam::store::StoreError>(())
                })
            })
            .await
            .expect("links are marked");
        changes
    }

    /// Adds an item and a milestone that serves it, and opens its ticket. `component` routes it.
    pub(crate) async fn plan(&self, text: &str, component: &str, due: &str) -> MilestoneNumber {
        let next = self.register().await.system.last_item + 1;
        let item = ItemNumber::ours(next);
        let facts = ItemFacts {
            description: "A weakness".to_owned(),
            controls: vec!["SC-8".to_owned()],
            components: vec![component.to_owned()],
            detector: "scanner".to_owned(),
            detected: Some(day("2026-02-20")),
            rating: Some(Rating::Moderate),
            owner: Some("Ada Example".to_owned()),
            ..ItemFacts::titled(format!("Weakness {next}"))
        };
        let milestone = NewMilestone {
            text: text.to_owned(),
            serves: BTreeSet::from([item.clone()]),
            owner: Some("Ada Example".to_owned()),
            expects: BTreeSet::from([EvidenceKind::Transition]),
            due: Some(day(due)),
            ..NewMilestone::default()
        };
        self.act(vec![
            Command::AddItem { number: Some(item), facts: Box::new(facts) },
            Command::AddMilestone(Box::new(milestone)),
        ])
        .await;
        let number = MilestoneNumber(self.register().await.system.last_milestone);
        open(self.world(), &self.system, Some(BTreeSet::from([number])), false).await.expect("tickets open");
        number
    }

    pub(crate) async fn register(&self) -> Register {
        let mut read = self.world().db.read().await.expect("a reader");
        read.load(&self.system, Scope::All).await.expect("the register")
    }

    pub(crate) async fn milestone(&self, number: MilestoneNumber) -> Milestone {
        self.register().await.milestones.remove(&number).expect("the milestone")
    }

    /// Polls and reconciles both connections until nothing is dirty and due.
    pub(crate) async fn settle(&self) {
        for _ in 0..20 {
            let mut worked = false;
            for connection in ["github", "jira"] {
                let polled = self.engine.poll(connection).await.expect("a poll");
                assert!(polled.failed.is_empty(), "polls fail: {:?}", polled.failed);
                let pass = self.engine.pass(connection, polled.hot).await.expect("a pass");
                assert_eq!(pass.failed, Vec::<String>::new(), "links fail");
                worked |= pass.links > 0;
            }
            if !worked {
                return;
            }
            self.clock.advance(TimeDelta::seconds(1));
        }
        panic!("the bridge does not settle");
    }

    /// Goes on for some rounds, whatever fails.
    pub(crate) async fn limp(&self, rounds: u32, apart: TimeDelta) {
        for _ in 0..rounds {
            for connection in ["github", "jira"] {
                let hot = self.engine.poll(connection).await.unwrap_or_default().hot;
                drop(self.engine.pass(connection, hot).await);
            }
            self.clock.advance(apart);
        }
    }

    /// Reads every ticket, as once a day.
    pub(crate) async fn sweep(&self) {
        for connection in ["github", "jira"] {
            self.engine.sweep(connection).await.expect("a sweep");
        }
    }

    pub(crate) fn tickets(&self) -> Vec<FakeTicket> {
        let mut all = self.github.tickets();
        all.extend(self.jira.tickets());
        all
    }

    /// The ticket of a milestone.
    pub(crate) async fn ticket(&self, number: MilestoneNumber) -> FakeTicket {
        let named = self.milestone(number).await.ticket.expect("a ticket");
        self.site(self.connection(&named.tracker))
            .tickets()
            .into_iter()
            .find(|ticket| ticket.id == named.id)
            .expect("the ticket")
    }

    /// Somebody does something in a milestone's ticket, a minute later.
    pub(crate) async fn person_does(&self, who: &str, number: MilestoneNumber, act: Act) {
        self.clock.advance(TimeDelta::seconds(60));
        let named = self.milestone(number).await.ticket.expect("a ticket");
        let connection = self.connection(&named.tracker);
        self.site(connection).act(&self.account(connection, who), &named.id, act).expect("they may");
    }

    /// Names of the drifts open about a milestone.
    pub(crate) async fn drifts(&self, number: MilestoneNumber) -> Vec<String> {
        let register = self.register().await;
        register
            .drifts
            .values()
            .filter(|drift| {
                drift.settled.is_none() && drift.subject == poam::register::Subject::Milestone(number)
            })
            .map(|drift| drift.kind.name().to_owned())
            .collect()
    }
}

/// Ids that count up.
fn counted() -> Ids {
    let ids = AtomicU64::new(0);
    Arc::new(move || format!("{:032x}", ids.fetch_add(1, Ordering::Relaxed) + 0xabc))
}

/// The bed's clock, as fakes and connectors take the time; so many milliseconds before it.
fn ticking(clock: &Arc<ManualClock>, ahead: &Arc<AtomicI64>) -> connector_api::fake::Now {
    let (clock, ahead) = (clock.clone(), ahead.clone());
    Arc::new(move || clock.now() + TimeDelta::milliseconds(ahead.load(Ordering::Relaxed)))
}

/// A schema that is ready to be copied, in `folder`.
pub(crate) async fn template(folder: &Path) -> std::path::PathBuf {
    let db = open_store(&file(folder)).await;
    db.migrate().await.expect("a schema");
    db.close().await;
    folder.join("poam.db")
}

/// The URL of the store's file in a folder.
pub(crate) fn file(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("poam.db").display())
}

async fn open_store(url: &str) -> Db {
    let options = OpenOptions { create: true, durable: false, read_only: false, connections: 2 };
    Db::open(url, &options).await.expect("a store")
}

fn writer(db: &Db, seam: Option<&Arc<dyn Seam>>) -> Writer {
    match seam {
        Some(seam) => Writer::seamed(db.clone(), seam.clone()),
        None => Writer::inline(db.clone()),
    }
}

fn github_spec() -> ProjectSpec {
    ProjectSpec { project: REPO.to_owned(), ..ProjectSpec::default() }
}

fn jira_spec() -> ProjectSpec {
    ProjectSpec {
        project: PROJECT.to_owned(),
        issue_type: Some("Task".to_owned()),
        due_field: Some("duedate".to_owned()),
        ..ProjectSpec::default()
    }
}

/// Connectors that remember nothing yet.
fn connectors(
    github: &FakeGithub,
    jira: &FakeJira,
    flavor: Flavor,
    auth: &Auth,
    wrap: &Wrap,
    clock: &Arc<ManualClock>,
) -> Arc<BTreeMap<String, Arc<dyn Connector>>> {
    let to_github: Arc<dyn Connector> = Arc::new(GitHub::new(
        GitHubConfig::new("http://github.test/".parse().expect("a URL"), "bot-token".into()),
        wrap(Arc::new(RouterTransport(github.router()))),
        ticking(clock, &Arc::default()),
    ));
    let base = "http://jira.test".parse().expect("a URL");
    let mut config = JiraConfig::new(base, flavor, auth.clone());
    config.projects = vec![jira_spec()];
    let transport = wrap(Arc::new(RouterTransport(jira.router())));
    let to_jira: Arc<dyn Connector> = Arc::new(Jira::new(config, transport, ticking(clock, &Arc::default())));
    Arc::new(BTreeMap::from([("github".to_owned(), to_github), ("jira".to_owned(), to_jira)]))
}

fn settings() -> Settings {
    let people: BTreeMap<String, Person> = [
        person("Ada Example", "ada", "557058:ada", &[Role::Engineer, Role::Owner]),
        person("Grace Example", "grace", "557058:grace", &[Role::Approver, Role::Grc]),
    ]
    .into_iter()
    .map(|person| (person.name.clone(), person))
    .collect();
    Settings {
        installation: "1f".repeat(16),
        trackers: BTreeMap::from([
            ("gh".to_owned(), tracker("gh", "github", github_spec())),
            ("jr".to_owned(), tracker("jr", "jira", jira_spec())),
        ]),
        routes: vec![
            Route { system: "ACME".to_owned(), component: Some("jira".to_owned()), tracker: "jr".to_owned() },
            Route { system: "ACME".to_owned(), component: None, tracker: "gh".to_owned() },
        ],
        connections: BTreeMap::from([("github".to_owned(), Kind::Github), ("jira".to_owned(), Kind::Jira)]),
        expires: BTreeMap::new(),
        people,
        systems: BTreeMap::from([(
            "ACME".to_owned(),
            SystemSettings {
                calendar: Calendar { zone: chrono_tz::UTC, holidays: Vec::new() },
                rules: rules(),
            },
        )]),
        policy: Policy::default(),
        approve_in_ticket: true,
        attachment_cap: 1 << 20,
        open_limit: 25,
        in_flight: 1,
        brake_links: 20,
        brake_percent: 10,
    }
}

fn tracker(id: &str, connection: &str, project: ProjectSpec) -> Tracker {
    Tracker {
        id: id.to_owned(),
        connection: connection.to_owned(),
        project,
        states: Vec::new(),
        resolutions: BTreeMap::new(),
        transition_fields: BTreeMap::new(),
        disclosure: Disclosure::Minimal,
    }
}

pub(crate) fn profile() -> SystemProfile {
    SystemProfile {
        name: "ACME Portal".to_owned(),
        impact: Impact::Moderate,
        timezone: chrono_tz::UTC,
        csp: None,
        cso: None,
        class: None,
        fedramp_id: None,
        ssp_href: None,
        certification_package_uri: None,
        submission_day: None,
        process_owner: None,
        rules: Vec::new(),
    }
}

impl Bed {
    /// The connection of a tracker.
    fn connection(&self, tracker: &str) -> &str {
        &self.world().settings.trackers[tracker].connection
    }

    /// A site by its connection.
    pub(crate) fn site(&self, connection: &str) -> &dyn FakeSite {
        if connection == "github" { &self.github } else { &self.jira }
    }

    /// Somebody's account on a connection.
    pub(crate) fn account(&self, connection: &str, who: &str) -> Account {
        if connection == "github" { account(who, who) } else { account(&format!("557058:{who}"), who) }
    }
}
