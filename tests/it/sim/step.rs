//! The steps of a seed, and the calm after them.

use chrono::TimeDelta;
use connector_api::fake::FakeSite;
use poam::clock::Clock;
use poam::sync::detect;
use poam::sync::engine::Hot;
use rand::Rng;
use rand::seq::SliceRandom;

use super::world::World;

impl World {
    /// One step of the seed.
    pub(crate) async fn step(&mut self) {
        let wait = match self.rng.random_range(0..10) {
            0 => TimeDelta::milliseconds(self.rng.random_range(0..900)),
            1..=6 => TimeDelta::seconds(self.rng.random_range(1..60)),
            7 | 8 => TimeDelta::seconds(self.rng.random_range(60..600)),
            _ => TimeDelta::hours(self.rng.random_range(1..30)),
        };
        self.advance(wait).await;
        let at = self.bed.clock.now();
        self.collect();
        let draw = self.rng.random_range(0..104);
        match draw {
            0..=39 => {
                let said = self.people.act(false);
                self.seams.note(format!("{at} {said}"));
            }
            40..=49 => self.rule().await,
            50..=67 => {
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
            68..=71 => {
                let connection = self.connection();
                self.seams.note(format!("{at} poll {connection}, and no pass"));
                self.poll(connection).await;
            }
            72..=78 => {
                let connection = self.connection();
                self.seams.note(format!("{at} pass {connection}"));
                self.pass(connection, Hot::new()).await;
            }
            79..=82 => {
                self.seams.note(format!("{at} both connections at once"));
                self.both().await;
            }
            83..=85 => {
                let connection = self.connection();
                self.seams.note(format!("{at} sweep {connection}"));
                self.sweep(connection).await;
            }
            86..=93 => self.deliver().await,
            94 => {
                self.seams.note(format!("{at} the process is killed between two steps"));
                self.bed.restart().await;
            }
            95 => {
                self.seams.note(format!("{at} Jira's search goes stale"));
                self.seams.happens("stale search");
                self.bed.jira.set_search_fresh(false);
                self.stale = Some(at + TimeDelta::seconds(100));
            }
            96 | 97 => self.detect().await,
            98 => {
                let by =
                    TimeDelta::seconds(*[-90, -20, 45, 300].get(self.rng.random_range(0..4)).unwrap_or(&0));
                self.seams.note(format!("{at} our clock jumps by {by}"));
                self.jump(by);
            }
            _ => {
                let component = if self.rng.random() { "portal" } else { "jira" };
                self.seams.note(format!("{at} GRC plans another milestone"));
                self.plan(component).await;
            }
        }
    }

    /// Polls and passes of both connections that take turns.
    async fn both(&mut self) {
        let part = |connection: &'static str| {
            let engine = self.bed.engine.clone();
            Box::pin(async move {
                let hot = engine.poll(connection).await.unwrap_or_default().hot;
                engine.pass(connection, hot).await
            })
        };
        let results = self.turns([part("github"), part("jira")]).await;
        for result in results.into_iter().flatten() {
            self.passed(result);
        }
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
        self.arrives(site, &delivery).await;
    }

    async fn detect(&mut self) {
        for system in self.systems.clone() {
            let world = self.bed.world().clone();
            let detected = self.alive(async move { detect::full(&world, &system).await }).await;
            if let Some(detected) = detected {
                detected.expect("detection works");
            }
        }
    }

    /// The faults stop, and people do too. Webhooks that are still on their way come, old as they are.
    pub(crate) async fn calm(&mut self) {
        self.seams.note("calm".to_owned());
        self.seams.calm();
        self.fresh();
        self.collect();
        self.waiting.shuffle(&mut self.rng);
        for (site, delivery) in std::mem::take(&mut self.waiting).into_iter().take(2) {
            self.arrives(site, &delivery).await;
        }
    }

    /// A poll and a pass of each connection; `whole` with a sweep and detection. Gives whether anything was done.
    async fn round(&mut self, whole: bool) -> bool {
        let mut worked = false;
        for connection in ["github", "jira"] {
            let hot = self.poll(connection).await.unwrap_or_default();
            if whole {
                self.sweep(connection).await;
            }
            if let Some(pass) = self.pass(connection, hot).await {
                worked |= pass.created + pass.written + pass.said > 0 || !pass.failed.is_empty();
            }
        }
        if whole {
            self.detect().await;
        }
        worked
    }

    /// Runs until nothing happens any more, a bounded number of rounds; then nothing may be written.
    pub(crate) async fn settle(&mut self) -> Vec<String> {
        let mut quiet = 0;
        for n in 0..40 {
            // What failed last waits up to an hour.
            self.advance(TimeDelta::seconds(if n < 3 { 3600 } else { 60 })).await;
            self.seams.note(format!("{} calm round {n}", self.bed.clock.now()));
            quiet = if self.round(n == 0 || n == 3).await { 0 } else { quiet + 1 };
            if n >= 4 && quiet >= 2 {
                break;
            }
        }
        let mut wrong = Vec::new();
        if quiet < 2 {
            wrong.push("it does not settle".to_owned());
        }
        let before = self.writes();
        for n in 0..2 {
            self.advance(TimeDelta::seconds(45)).await;
            self.seams.note(format!("{} quiet round {n}", self.bed.clock.now()));
            self.round(n == 0).await;
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
