//! The simulation: a seed drives people, GRC, the bridge, webhooks, clocks, faults at every exchange, and crashes at
//! every seam. Then the faults stop, and the world must settle; the oracles say whether anything was lost.
//!
//! One task, no spawn, a manual clock, ids from the seed: a seed is a trace. `SIM_SEED=n` replays one and prints its
//! steps (with `SIM_DIE=k`: without other faults, and a death at its seam `k`); `SIM_SEEDS=n` runs n of them instead of
//! all, `SIM_FROM=n` begins there.
//!
//! | file | what |
//! |---|---|
//! | `world`, `step` | one seed's world; its steps, and the calm after them |
//! | `people`, `grc` | what people do in trackers and in the register, and the ledger of it |
//! | `seams`, `faults` | where engines take turns, people come between and the process dies; what goes wrong there |
//! | `oracle`, `secrets` | what must be true of a world that has settled, and of the log |
//! | `seeds`, `hints` | seeds that once failed; what marks links and is not believed |

#![expect(clippy::expect_used, reason = "a simulation that cannot be set up fails the test")]

mod faults;
mod grc;
mod hints;
mod oracle;
mod people;
mod seams;
mod secrets;
mod seeds;
mod step;
mod world;

use std::path::PathBuf;

use faults::Happened;
use seams::{Deaths, Weather};
use world::{Scene, World};

/// Seeds on SQLite, and on PostgreSQL, where nothing else is asked for.
const SEEDS: u64 = 2_000;
const POSTGRES_SEEDS: u64 = 200;
/// From so many seeds on, everything that can happen does.
const MANY: usize = 100;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Stores that are migrated already.
struct Stores {
    folder: tempfile::TempDir,
    template: PathBuf,
}

impl Stores {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let template = crate::bed::template(folder.path()).await;
        Self { folder, template }
    }

    /// The URL of a fresh one, in a folder of its own.
    fn fresh(&self) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir_in(self.folder.path()).expect("a temporary folder");
        std::fs::copy(&self.template, folder.path().join("poam.db")).expect("a copy");
        let url = crate::bed::file(folder.path());
        (folder, url)
    }
}

/// What a seed came to.
struct Ran {
    wrong: Vec<String>,
    happened: Happened,
    /// Seams until the faults stopped.
    seams: u64,
    trace: String,
}

/// Runs a scene to its end in a store.
async fn run(scene: &Scene, store: String) -> Ran {
    let log = secrets::Log::keep();
    let mut world = World::new(scene, store).await;
    let fallen = Fallen(&world.seams.clone(), scene.seed);
    for _ in 0..scene.steps {
        world.step().await;
    }
    let seams = world.seams.count();
    world.calm().await;
    let mut wrong = world.settle().await;
    wrong.extend(oracle::check(&world).await);
    wrong.extend(log.secrets());
    world.bed.world().db.close().await;
    std::mem::forget(fallen);
    Ran { wrong, happened: world.seams.happened(), seams, trace: world.seams.last_steps(usize::MAX) }
}

/// Names the seed where something panics.
struct Fallen<'a>(&'a std::sync::Arc<seams::Seams>, u64);

impl Drop for Fallen<'_> {
    fn drop(&mut self) {
        eprintln!("SIM_SEED={} panics; last steps:\n{}", self.1, self.0.last_steps(25));
    }
}

/// What to print of a failure: all of it where one seed was asked for.
fn report(scene: &Scene, ran: &Ran) -> String {
    let lines: Vec<&str> = ran.trace.lines().collect();
    let from = if asked("SIM_SEED").is_some() { 0 } else { lines.len().saturating_sub(25) };
    let die = match scene.weather.deaths {
        Deaths::At(seam) => format!(" SIM_DIE={seam}"),
        Deaths::Drawn(_) => String::new(),
    };
    format!(
        "SIM_SEED={}{die} fails:\n  {}\nlast steps:\n{}",
        scene.seed,
        ran.wrong.join("\n  "),
        lines[from..].join("\n")
    )
}

/// Every `of`-th seed from `nth` on, so that the parts run beside each other.
fn seeds(nth: u64, of: u64, all: u64) -> Vec<u64> {
    let from = asked("SIM_FROM").unwrap_or(0);
    let seeds = match asked("SIM_SEED") {
        Some(seed) => seed..=seed,
        None => from..=from + asked("SIM_SEEDS").map_or(all, |most| most.min(all)) - 1,
    };
    seeds.filter(|seed| seed % of == nth).collect()
}

/// The tally of a part.
#[derive(Default)]
struct Tally {
    failed: Vec<u64>,
    happened: Happened,
    seams: u64,
}

impl Tally {
    fn add(&mut self, scene: &Scene, ran: &Ran) {
        if !ran.wrong.is_empty() {
            eprintln!("{}", report(scene, ran));
            self.failed.push(scene.seed);
        } else if asked("SIM_SEED").is_some() {
            eprintln!("{}", ran.trace);
        }
        self.seams += ran.seams;
        for (name, times) in &ran.happened {
            *self.happened.entry(name).or_default() += times;
        }
    }

    fn end(self, seeds: usize) {
        eprintln!("{seeds} seeds, {} seams, {:?}", self.seams, self.happened);
        assert!(self.failed.is_empty(), "seeds that fail: {:?}; SIM_SEED=n replays one", self.failed);
        if seeds >= MANY {
            let never: Vec<_> =
                faults::NAMES.iter().filter(|name| !self.happened.contains_key(**name)).collect();
            assert!(never.is_empty(), "never happened: {never:?}");
        }
    }
}

/// The scene of a seed, or what the environment makes of it.
fn scene(seed: u64) -> Scene {
    match asked("SIM_DIE") {
        Some(seam) => dying(seed, Deaths::At(seam)),
        None => Scene::of(seed),
    }
}

/// A short scene without other faults than the death of the process.
fn dying(seed: u64, deaths: Deaths) -> Scene {
    let weather = Weather { faults: 0, deaths, page: None };
    Scene { weather, steps: 18, shared: false, ..Scene::of(seed) }
}

fn on_sqlite(nth: u64, of: u64) {
    let seeds = seeds(nth, of, SEEDS);
    let tally = runtime().block_on(async {
        let stores = Stores::new().await;
        let mut tally = Tally::default();
        for seed in &seeds {
            let (_folder, store) = stores.fresh();
            let scene = scene(*seed);
            tally.add(&scene, &run(&scene, store).await);
        }
        tally
    });
    tally.end(seeds.len());
}

fn on_postgres(nth: u64, of: u64) {
    let seeds = seeds(nth, of, POSTGRES_SEEDS);
    let tally = runtime().block_on(async {
        let mut tally = Tally::default();
        for seed in &seeds {
            let Some(database) = crate::store::world::World::postgres().await else { return tally };
            let scene = scene(*seed);
            tally.add(&scene, &run(&scene, database.url.clone()).await);
            database.end().await;
        }
        tally
    });
    tally.end(seeds.len());
}

/// The same seed, step by step: what was done, sent, answered and found.
fn traces(seed: u64) -> [String; 2] {
    let once = || {
        runtime().block_on(async {
            let stores = Stores::new().await;
            let (_folder, store) = stores.fresh();
            run(&Scene::of(seed), store).await.trace
        })
    };
    [once(), once()]
}

#[test]
fn a_seed_is_a_trace() {
    for seed in 0..12 {
        let [first, second] = traces(seed);
        assert_eq!(first, second, "seed {seed}");
    }
}

/// The process dies once, at each seam of a seed in turn.
fn dies_at_every_seam(seed: u64) {
    let seed = asked("SIM_SEED").unwrap_or(seed);
    let tally = runtime().block_on(async {
        let stores = Stores::new().await;
        let (_folder, store) = stores.fresh();
        let all = run(&dying(seed, Deaths::Drawn(0)), store).await.seams;
        let mut tally = Tally::default();
        for seam in 1..=all {
            let (_folder, store) = stores.fresh();
            let scene = dying(seed, Deaths::At(seam));
            let ran = run(&scene, store).await;
            let deaths: u64 = ran
                .happened
                .iter()
                .filter(|(name, _)| name.starts_with("death"))
                .map(|(_, times)| times)
                .sum();
            assert_eq!(deaths, 1, "SIM_SEED={seed} SIM_DIE={seam}");
            tally.add(&scene, &ran);
        }
        tally
    });
    tally.end(0);
}

macro_rules! parts {
    ($($name:ident: $run:expr;)*) => {
        $(#[test]
        fn $name() {
            $run;
        })*
    };
}

parts! {
    seeds_settle_00: on_sqlite(0, 16);
    seeds_settle_01: on_sqlite(1, 16);
    seeds_settle_02: on_sqlite(2, 16);
    seeds_settle_03: on_sqlite(3, 16);
    seeds_settle_04: on_sqlite(4, 16);
    seeds_settle_05: on_sqlite(5, 16);
    seeds_settle_06: on_sqlite(6, 16);
    seeds_settle_07: on_sqlite(7, 16);
    seeds_settle_08: on_sqlite(8, 16);
    seeds_settle_09: on_sqlite(9, 16);
    seeds_settle_10: on_sqlite(10, 16);
    seeds_settle_11: on_sqlite(11, 16);
    seeds_settle_12: on_sqlite(12, 16);
    seeds_settle_13: on_sqlite(13, 16);
    seeds_settle_14: on_sqlite(14, 16);
    seeds_settle_15: on_sqlite(15, 16);
    seeds_settle_on_postgres_0: on_postgres(0, 4);
    seeds_settle_on_postgres_1: on_postgres(1, 4);
    seeds_settle_on_postgres_2: on_postgres(2, 4);
    seeds_settle_on_postgres_3: on_postgres(3, 4);
    a_death_at_every_seam_0: dies_at_every_seam(5);
    a_death_at_every_seam_1: dies_at_every_seam(8);
}
