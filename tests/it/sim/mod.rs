//! The simulation: a seed drives people, GRC, the bridge, webhooks, the clock, faults at every exchange and crashes.
//! Then the faults stop, and the world must settle; the oracles say whether anything was lost.
//!
//! One task, no spawn, a manual clock, ids from the seed: a seed is a trace. `SIM_SEED=n` replays one and prints its
//! steps; `SIM_SEEDS=n` runs n of them instead of 200, `SIM_FROM=n` begins there.

#![expect(clippy::expect_used, reason = "a simulation that cannot be set up fails the test")]

mod oracle;
mod people;
mod seams;
mod world;

use std::path::Path;

use world::World;

/// Seeds where nothing else is asked for.
const SEEDS: u64 = 200;
/// Steps of a seed before the faults stop.
const STEPS: usize = 60;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Every `of`-th seed from `nth` on, so that the seeds run beside each other.
fn run(nth: u64, of: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let template = runtime.block_on(crate::bed::template(folder.path()));
    let seeds: Vec<u64> = match asked("SIM_SEED") {
        Some(seed) => vec![seed],
        None => {
            let from = asked("SIM_FROM").unwrap_or(0);
            (from..from + asked("SIM_SEEDS").unwrap_or(SEEDS)).collect()
        }
    };
    let mut failed = Vec::new();
    let mut exchanges = 0;
    for seed in seeds.into_iter().filter(|seed| seed % of == nth) {
        match runtime.block_on(seed_settles(seed, &template)) {
            Ok(made) => exchanges += made,
            Err(report) => {
                eprintln!("{report}");
                failed.push(seed);
            }
        }
    }
    eprintln!("{exchanges} exchanges");
    assert!(failed.is_empty(), "seeds that fail: {failed:?}; SIM_SEED=n replays one");
}

/// A seed is a trace: the same steps, the same exchanges, the same faults.
#[test]
fn a_seed_is_a_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let template = runtime.block_on(crate::bed::template(folder.path()));
    for seed in [3, 10, 17] {
        let trace = || {
            runtime.block_on(async {
                let mut world = World::new(seed, &template).await;
                for _ in 0..STEPS {
                    world.step().await;
                }
                world.seams.last_steps(usize::MAX)
            })
        };
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

/// Runs one seed; gives how many exchanges it made, or what is wrong.
async fn seed_settles(seed: u64, template: &Path) -> Result<u64, String> {
    let mut world = World::new(seed, template).await;
    let fallen = Fallen(&world.seams.clone(), seed);
    for _ in 0..STEPS {
        world.step().await;
    }
    world.calm();
    let mut wrong = world.settle().await;
    wrong.extend(oracle::check(&world).await);
    std::mem::forget(fallen);
    let shown = asked("SIM_SEED").is_some();
    if wrong.is_empty() {
        if shown {
            eprintln!("{}", world.seams.last_steps(usize::MAX));
        }
        return Ok(world.seams.count());
    }
    let steps = world.seams.last_steps(if shown { usize::MAX } else { 25 });
    Err(format!("SIM_SEED={seed} fails:\n  {}\nlast steps:\n{steps}", wrong.join("\n  ")))
}

/// Names the seed where something panics.
struct Fallen<'a>(&'a std::sync::Arc<seams::Seams>, u64);

impl Drop for Fallen<'_> {
    fn drop(&mut self) {
        eprintln!("SIM_SEED={} panics; last steps:\n{}", self.1, self.0.last_steps(25));
    }
}

#[test]
fn seeds_settle_0() {
    run(0, 2);
}

#[test]
fn seeds_settle_1() {
    run(1, 2);
}
