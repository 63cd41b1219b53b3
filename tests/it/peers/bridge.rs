//! The bridge on one connection over the network: SQLite in a temporary folder, and everything else the product's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connector_api::{Account, Connector, ProjectSpec};
use poam::clock::{Clock, SystemClock};
use poam::register::decide::{Command, Deciding, NewMilestone, decide_all};
use poam::register::policy::{Calendar, Policy};
use poam::register::{
    Actor, Change, EvidenceKind, Grant, Impact, ItemFacts, ItemNumber, Milestone, MilestoneNumber, Person,
    Rating, Register, Role, Subject, SystemId, SystemProfile,
};
use poam::store::{Db, EvidenceStore, OpenOptions, Scope, Seals, StoreError, Writer};
use poam::sync::engine::Engine;
use poam::sync::mapping::{Disclosure, Route, Tracker};
use poam::sync::open::open;
use poam::sync::{Kind, Settings, SystemSettings, World};

use super::exchange::{Notes, Stop, hold};
use crate::bed::{day, rules};

/// The one connection, and its tracker.
const CONNECTION: &str = "peer";

/// What differs between the peers.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) project: ProjectSpec,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notes: Arc<Mutex<Notes>>,
    /// The engineer's and the approver's accounts.
    pub(crate) engineer: Account,
    pub(crate) approver: Account,
}

/// What rounds of the bridge did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) created: u32,
    pub(crate) written: u32,
    pub(crate) said: u32,
}

/// A bridge between a register and a peer.
pub(crate) struct Bridge {
    engine: Engine,
    system: SystemId,
    notes: Arc<Mutex<Notes>>,
    _folder: tempfile::TempDir,
}

fn wrong(what: &str) -> impl Fn(StoreError) -> Stop {
    move |error| Stop::Wrong(format!("{what}: {error}"))
}

impl Bridge {
    pub(crate) async fn new(plan: Plan) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("poam.db").display());
        let options = OpenOptions { create: true, durable: false, read_only: false, connections: 2 };
        let db = Db::open(&url, &options).await.expect("a store");
        db.migrate().await.expect("a schema");
        // What is made in a peer outlives a run on it, so ids do not begin anew.
        let first = u64::try_from(SystemClock.now().timestamp_micros()).expect("a time after 1970");
        let ids = AtomicU64::new(first);
        let world = World {
            settings: Arc::new(settings(&plan, format!("{first:032x}"))),
            connectors: Arc::new(BTreeMap::from([(CONNECTION.to_owned(), plan.connector)])),
            writer: Writer::inline(db.clone()),
            db,
            evidence: EvidenceStore::open("memory://").expect("an evidence store"),
            clock: plan.clock,
            leases: poam::sync::lease::Leases::new("the bridge to a peer", |_| false),
            limited: Arc::new(|_| {}),
            ids: Arc::new(move || format!("{:032x}", ids.fetch_add(1, Ordering::Relaxed))),
        };
        let system = SystemId::new("ACME").expect("an id");
        let bridge =
            Self { engine: Engine { world, only: None }, system, notes: plan.notes, _folder: folder };
        bridge.record(vec![Change::SystemRecorded { profile: profile() }]).await;
        bridge
    }

    pub(crate) fn world(&self) -> &World {
        &self.engine.world
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn record(&self, changes: Vec<Change>) {
        let (system, now) = (self.system.clone(), self.world().clock.now());
        let recorded = self.world().writer.submit(move |tx| {
            Box::pin(async move {
                let mut register = tx.load(&system, Scope::All).await?;
                tx.record(&mut register, now, &Actor::Poam, "command", &changes).await?;
                Ok::<_, StoreError>(())
            })
        });
        recorded.await.expect("changes are recorded");
    }

    /// Plans a milestone for an item, found `found` and due `due`, and lets its ticket be opened.
    pub(crate) async fn plan(&self, text: &str, found: &str, due: &str) -> MilestoneNumber {
        let item = ItemNumber::ours(1);
        let facts = ItemFacts {
            description: "A weakness".to_owned(),
            controls: vec!["SC-8".to_owned()],
            detector: "scanner".to_owned(),
            detected: Some(day(found)),
            rating: Some(Rating::Moderate),
            owner: Some("Eva Engineer".to_owned()),
            ..ItemFacts::titled("Weakness 1".to_owned())
        };
        let milestone = NewMilestone {
            text: text.to_owned(),
            serves: BTreeSet::from([item.clone()]),
            owner: Some("Eva Engineer".to_owned()),
            expects: BTreeSet::from([EvidenceKind::Transition]),
            due: Some(day(due)),
            ..NewMilestone::default()
        };
        let commands = [
            Command::AddItem { number: Some(item), facts: Box::new(facts) },
            Command::AddMilestone(Box::new(milestone)),
        ];
        let changes = {
            let settings = &self.world().settings;
            let of = settings.systems.get("ACME").expect("the system");
            let by = Deciding {
                actor: Actor::Local("operator".to_owned()),
                roles: Role::ALL.into_iter().collect(),
                now: self.world().clock.now(),
                calendar: &of.calendar,
                policy: &settings.policy,
                rules: &of.rules,
                people: &settings.people,
            };
            decide_all(&self.register().await, &by, &commands).expect("the plan is allowed")
        };
        self.record(changes).await;
        let number = MilestoneNumber(1);
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

    /// Polls and reconciles until a round changes nothing.
    pub(crate) async fn settle(&self) -> Result<Done, Stop> {
        let mut done = Done::default();
        for _ in 0..10 {
            let round = self.round().await?;
            if round == Done::default() {
                return Ok(done);
            }
            done.created += round.created;
            done.written += round.written;
            done.said += round.said;
        }
        Err(Stop::Wrong("the bridge does not settle".to_owned()))
    }

    /// One poll and one pass.
    pub(crate) async fn round(&self) -> Result<Done, Stop> {
        let told = |error: poam::sync::SyncError| Stop::Wrong(poam::sync::failure::chain(&error));
        let hot = self.engine.poll(CONNECTION).await.map_err(told)?.hot;
        let pass = self.engine.pass(CONNECTION, hot).await.map_err(told)?;
        hold(pass.failed.is_empty(), pass.failed.join("; "))?;
        Ok(Done { created: pass.created, written: pass.written, said: pass.said })
    }

    /// Reads every ticket that is linked.
    pub(crate) async fn sweep(&self) -> Result<(), Stop> {
        let swept = self.engine.sweep(CONNECTION).await;
        let swept = swept.map_err(|error| Stop::Wrong(poam::sync::failure::chain(&error)))?;
        hold((swept.links, swept.missing) == (1, 0), format!("{swept:?}"))
    }

    /// What the site lets our account do.
    pub(crate) async fn check(&self) -> Result<(), Stop> {
        let connector = self.world().connector(CONNECTION).expect("the connector");
        let projects: Vec<ProjectSpec> =
            self.world().settings.trackers.values().map(|tracker| tracker.project.clone()).collect();
        let report = connector
            .check(&projects)
            .await
            .map_err(|error| Stop::Wrong(poam::sync::failure::chain(&error)))?;
        hold(report.problems.is_empty(), format!("{:?}", report.problems))?;
        hold(report.account.is_some(), "nobody knows who we are")
    }

    /// Names of the drifts that are open about a milestone.
    pub(crate) async fn drifts(&self, number: MilestoneNumber) -> BTreeSet<String> {
        let register = self.register().await;
        let open = register
            .drifts
            .values()
            .filter(|drift| drift.settled.is_none() && drift.subject == Subject::Milestone(number));
        open.map(|drift| drift.kind.name().to_owned()).collect()
    }

    /// How many changes the journal has, once every one of them is verified and replayed.
    pub(crate) async fn verified(&self) -> Result<usize, Stop> {
        let mut read = self.world().db.read().await.map_err(wrong("read"))?;
        let chains = read.verify_all(&Seals::default()).await.map_err(wrong("verify"))?;
        let faults: Vec<String> = chains.into_iter().flat_map(|chain| chain.faults).collect();
        hold(faults.is_empty(), faults.join("; "))?;
        Ok(read.entries(&self.system, 1, 10_000).await.map_err(wrong("read the journal"))?.len())
    }
}

fn settings(plan: &Plan, installation: String) -> Settings {
    let person = |name: &str, account: &Account, roles: &[Role]| Person {
        name: name.to_owned(),
        email: None,
        github: (plan.kind == Kind::Github).then(|| account.id.clone()),
        jira: (plan.kind == Kind::Jira).then(|| account.id.clone()),
        manager: None,
        roles: roles.iter().map(|role| Grant { system: "ACME".to_owned(), role: *role }).collect(),
    };
    let people = [
        person("Eva Engineer", &plan.engineer, &[Role::Engineer, Role::Owner]),
        person("Grace Approver", &plan.approver, &[Role::Approver]),
    ];
    let tracker = Tracker {
        id: "peer".to_owned(),
        connection: CONNECTION.to_owned(),
        project: plan.project.clone(),
        states: Vec::new(),
        resolutions: BTreeMap::new(),
        transition_fields: BTreeMap::new(),
        disclosure: Disclosure::Minimal,
    };
    let of =
        SystemSettings { calendar: Calendar { zone: chrono_tz::UTC, holidays: Vec::new() }, rules: rules() };
    Settings {
        installation,
        trackers: BTreeMap::from([(tracker.id.clone(), tracker)]),
        routes: vec![Route { system: "ACME".to_owned(), component: None, tracker: "peer".to_owned() }],
        connections: BTreeMap::from([(CONNECTION.to_owned(), plan.kind)]),
        expires: BTreeMap::new(),
        people: people.into_iter().map(|person| (person.name.clone(), person)).collect(),
        systems: BTreeMap::from([("ACME".to_owned(), of)]),
        policy: Policy::default(),
        approve_in_ticket: true,
        attachment_cap: 1 << 20,
        open_limit: 25,
        in_flight: 1,
        brake_links: 20,
        brake_percent: 10,
    }
}

fn profile() -> SystemProfile {
    SystemProfile {
        name: "ACME Payroll".to_owned(),
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
