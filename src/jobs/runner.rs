//! The runner of one connection.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::ErrorKind;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sync::engine::{Hot, chain};
use crate::sync::sweep::Swept;
use crate::sync::{Engine, Pass, SyncError};
use crate::timetable::Timetable;

/// How long a runner rests at most: what nobody woke it for is seen then.
const REST: Duration = Duration::from_secs(1);

/// When a sweep that failed is tried again.
const SWEEP_AGAIN: TimeDelta = TimeDelta::minutes(10);

/// Wakes runners by connection.
#[derive(Clone, Default)]
pub struct Wakes(Arc<BTreeMap<String, Arc<Notify>>>);

impl Wakes {
    /// For these connections.
    pub fn of(connections: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(connections.into_iter().map(|id| (id, Arc::new(Notify::new()))).collect()))
    }

    /// Tells a connection's runner that something is to be done.
    pub fn wake(&self, connection: &str) {
        if let Some(notify) = self.0.get(connection) {
            notify.notify_one();
        }
    }

    fn get(&self, connection: &str) -> Arc<Notify> {
        self.0.get(connection).cloned().unwrap_or_default()
    }
}

/// What a runner tells those who watch it.
pub trait Watch: Send + Sync {
    /// A poll ended.
    fn polled(&self, connection: &str, ok: bool, at: DateTime<Utc>);
    /// A pass ended.
    fn passed(&self, connection: &str, pass: &Pass);
    /// A pass could not be made.
    fn pass_failed(&self, connection: &str);
    /// A sweep ended.
    fn swept(&self, connection: &str, swept: Swept);
    /// The tracker asks the whole connection to wait.
    fn pause(&self, connection: &str, until: DateTime<Utc>, reason: &str);
}

/// What must be known before anything is written on a connection. Asked for again at each poll until it is, and at each
/// sweep: nobody tells when a repository is made public.
pub type Guard = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), SyncError>> + Send>> + Send + Sync>;

/// What a runner runs with.
pub struct Running {
    /// The bridge.
    pub engine: Engine,
    /// Connection id.
    pub connection: String,
    /// When to poll.
    pub poll: Timetable,
    /// When to sweep.
    pub sweep: Timetable,
    /// What is looked at before anything is written.
    pub guard: Guard,
    /// Who watches it.
    pub watch: Arc<dyn Watch>,
}

/// Polls, sweeps and reconciles one connection.
pub struct Runner {
    with: Running,
    next_poll: DateTime<Utc>,
    next_sweep: Option<DateTime<Utc>>,
    /// Not before then.
    resume: Option<DateTime<Utc>>,
    /// Whether the guard lets it write.
    cleared: bool,
}

impl Runner {
    /// A runner that polls at once: what happened while nobody looked counts.
    pub fn new(with: Running) -> Self {
        let now = with.engine.world.clock.now();
        let next_sweep = with.sweep.next_after(now);
        Self { with, next_poll: now, next_sweep, resume: None, cleared: false }
    }

    /// Runs until `stop`; what is under way is finished first.
    pub async fn run(mut self, wakes: Wakes, stop: CancellationToken) {
        let notify = wakes.get(&self.with.connection);
        while !stop.is_cancelled() {
            self.turn().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = notify.notified() => {}
                () = rest(REST) => {}
            }
        }
    }

    /// Does what is due now: a poll, a sweep, a pass over what is marked.
    pub async fn turn(&mut self) {
        let clock = self.with.engine.world.clock.clone();
        let now = clock.now();
        if self.resume.is_some_and(|at| at > now) {
            return;
        }
        self.resume = None;
        let mut hot = Hot::new();
        if self.next_poll <= now {
            hot = self.poll_once(now).await;
            self.next_poll = self.with.poll.next_after(clock.now()).unwrap_or(now + TimeDelta::minutes(1));
        }
        if self.ready() && self.next_sweep.is_some_and(|at| at <= now) {
            let done = self.sweep_once().await;
            let next = self.with.sweep.next_after(clock.now());
            let again = (!done).then(|| clock.now() + SWEEP_AGAIN);
            self.next_sweep = again.into_iter().chain(next).min();
        }
        if self.ready() {
            self.pass_once(hot).await;
        }
    }

    fn ready(&self) -> bool {
        self.cleared && self.resume.is_none()
    }

    async fn poll_once(&mut self, now: DateTime<Utc>) -> Hot {
        let (engine, connection) = (&self.with.engine, &self.with.connection);
        if !self.cleared {
            self.cleared = match (self.with.guard)().await {
                Ok(()) => true,
                Err(error) => {
                    self.poll_failed(&SyncError::NotCleared(Box::new(error)), now).await;
                    return Hot::new();
                }
            };
        }
        match engine.poll(connection).await {
            Ok(polled) => {
                self.with.watch.polled(connection, polled.failed.is_empty(), now);
                self.keep_health(None).await;
                self.resume = polled.failed.into_iter().find_map(|(_, error)| self.pause_of(&error.into()));
                polled.hot
            }
            Err(error) => {
                self.poll_failed(&error, now).await;
                Hot::new()
            }
        }
    }

    async fn poll_failed(&mut self, error: &SyncError, now: DateTime<Utc>) {
        let connection = &self.with.connection;
        tracing::warn!(connection, error = %chain(error), "a poll failed");
        self.with.watch.polled(connection, false, now);
        self.keep_health(Some(error)).await;
        self.resume = self.pause_of(error);
    }

    async fn keep_health(&self, failure: Option<&SyncError>) {
        let connection = &self.with.connection;
        if let Err(error) = self.with.engine.keep_health(connection, failure).await {
            tracing::error!(connection, error = %chain(&error), "the store failed");
        }
    }

    /// Gives whether it was made.
    async fn sweep_once(&mut self) -> bool {
        let connection = &self.with.connection;
        // What was private may be public by now.
        if let Err(error) = (self.with.guard)().await {
            self.cleared = false;
            self.poll_failed(&SyncError::NotCleared(Box::new(error)), self.with.engine.world.clock.now())
                .await;
            return false;
        }
        match self.with.engine.sweep(connection).await {
            Ok(swept) => {
                self.with.watch.swept(connection, swept);
                true
            }
            Err(error) => {
                tracing::warn!(connection, error = %chain(&error), "a sweep failed");
                self.resume = self.pause_of(&error);
                false
            }
        }
    }

    async fn pass_once(&mut self, hot: Hot) {
        let connection = &self.with.connection;
        match self.with.engine.pass(connection, hot).await {
            Ok(pass) => self.with.watch.passed(connection, &pass),
            Err(error) => {
                self.with.watch.pass_failed(connection);
                tracing::warn!(connection, error = %chain(&error), "a pass failed");
                let soon = self.with.engine.world.clock.now() + TimeDelta::seconds(5);
                self.resume = self.pause_of(&error).or(Some(soon));
            }
        }
    }

    /// Until when the connection is to wait, if the tracker said so.
    fn pause_of(&self, error: &SyncError) -> Option<DateTime<Utc>> {
        let error = match error {
            SyncError::Tracker(error) => error,
            SyncError::NotCleared(error) => return self.pause_of(error),
            SyncError::Store(_) | SyncError::Evidence(_) | SyncError::Unknown(_) | SyncError::Outage(_) => {
                return None;
            }
        };
        let ErrorKind::RateLimited { until, reason, .. } = &error.kind else { return None };
        self.with.watch.pause(&self.with.connection, *until, reason);
        Some(*until)
    }
}

#[expect(clippy::disallowed_methods, reason = "the scheduler is where the program waits")]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}
