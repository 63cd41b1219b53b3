//! The runner of one connection.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sync::engine::Hot;
use crate::sync::failure::chain;
use crate::sync::sweep::Swept;
use crate::sync::{Engine, Pass, SyncError, lease};
use crate::timetable::Timetable;

/// How long a runner rests at most: what nobody woke it for is seen then.
const REST: Duration = Duration::from_secs(1);

/// How often a process that stands by asks whether it may take over.
const STAND_BY: TimeDelta = TimeDelta::seconds(5);
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
    /// The site was asked to send webhooks again that it could not deliver.
    fn redelivered(&self, connection: &str, count: u32);
    /// A sweep ended.
    fn swept(&self, connection: &str, swept: Swept);
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
    /// Whether this process had the connection at the last turn.
    held: bool,
}

impl Runner {
    /// A runner that polls at once: what happened while nobody looked counts.
    pub fn new(with: Running) -> Self {
        let now = with.engine.world.clock.now();
        let next_sweep = with.sweep.next_after(now);
        Self { with, next_poll: now, next_sweep, resume: None, cleared: false, held: true }
    }

    /// Runs until `stop`; what is under way is finished first.
    pub async fn run(mut self, wakes: Wakes, stop: CancellationToken) {
        let notify = wakes.get(&self.with.connection);
        while !stop.is_cancelled() {
            if self.turn().await {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = notify.notified() => {}
                () = rest(REST) => {}
            }
        }
    }

    /// Does what is due now: a poll, a pass over what is marked, a sweep. Gives whether there is more to do at once.
    pub async fn turn(&mut self) -> bool {
        let clock = self.with.engine.world.clock.clone();
        let now = clock.now();
        if self.resume.is_some_and(|at| at > now) {
            return false;
        }
        self.resume = None;
        // What another process holds, that one does.
        if let Err(error) = lease::hold(&self.with.engine.world, &self.with.connection).await {
            self.stands_by(&error);
            return false;
        }
        if !self.held {
            self.held = true;
            self.next_poll = now;
        }
        self.obey_pauses().await;
        if self.resume.is_some() {
            return false;
        }
        let sweeps = self.next_sweep.is_some_and(|at| at <= now);
        if sweeps {
            // What was private may be public by now: that is asked before anything is written.
            self.cleared = false;
            self.next_poll = now;
        }
        let mut hot = Hot::new();
        if self.next_poll <= now {
            hot = self.poll_once(now).await;
            self.next_poll = self.with.poll.next_after(clock.now()).unwrap_or(now + TimeDelta::minutes(1));
        }
        let mut more = false;
        if self.ready() {
            more = self.pass_once(hot).await;
        }
        // What people wait for goes first.
        if self.ready() && sweeps {
            let done = self.sweep_once().await;
            let next = self.with.sweep.next_after(clock.now());
            let again = (!done).then(|| clock.now() + SWEEP_AGAIN);
            self.next_sweep = again.into_iter().chain(next).min();
        }
        more && self.ready()
    }

    /// Another process has the connection, or the store does not say.
    fn stands_by(&mut self, error: &SyncError) {
        let connection = &self.with.connection;
        if !matches!(error, SyncError::Held { .. }) {
            tracing::error!(connection, error = %chain(error), "the connection cannot be taken");
        } else if self.held {
            tracing::warn!(connection, error = %chain(error), "another process has the connection now");
        }
        self.held = false;
        // Asked again soon, but not as often as there is work.
        self.resume = Some(self.with.engine.world.clock.now() + STAND_BY);
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
                for (_, error) in polled.failed {
                    self.limited(&error.into()).await;
                }
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
        self.limited(error).await;
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
        match self.with.engine.redeliver(connection).await {
            Ok(count) => self.with.watch.redelivered(connection, count),
            Err(error) => {
                tracing::warn!(connection, error = %chain(&error), "webhooks could not be sent again");
            }
        }
        match self.with.engine.sweep(connection).await {
            Ok(swept) => {
                self.with.watch.swept(connection, swept);
                true
            }
            Err(error) => {
                tracing::warn!(connection, error = %chain(&error), "a sweep failed");
                self.limited(&error).await;
                false
            }
        }
    }

    /// Gives whether more is left than a pass does.
    async fn pass_once(&mut self, hot: Hot) -> bool {
        let connection = &self.with.connection;
        match self.with.engine.pass(connection, hot).await {
            Ok(pass) => {
                self.with.watch.passed(connection, &pass);
                self.resume = pass.paused;
                pass.more
            }
            Err(error) => {
                self.with.watch.pass_failed(connection);
                tracing::warn!(connection, error = %chain(&error), "a pass failed");
                self.limited(&error).await;
                let soon = self.with.engine.world.clock.now() + TimeDelta::seconds(5);
                self.resume = self.resume.or(Some(soon));
                false
            }
        }
    }

    /// Takes note of what a failure says of limits: nothing is done before they end.
    async fn limited(&mut self, error: &SyncError) {
        let (engine, connection) = (&self.with.engine, &self.with.connection);
        match engine.limited(connection, error).await {
            Ok(until) => self.resume = until,
            Err(error) => tracing::error!(connection, error = %chain(&error), "the store failed"),
        }
    }

    /// Pauses that are in force, as the store knows them: met before this process was started, or by another.
    async fn obey_pauses(&mut self) {
        let (engine, connection) = (&self.with.engine, &self.with.connection);
        match engine.pauses(connection).await {
            Ok(pauses) => {
                for pause in &pauses {
                    (engine.world.limited)(pause);
                }
                let whole = pauses.iter().filter(|pause| pause.scope.is_empty());
                self.resume = whole.map(|pause| pause.until).max();
            }
            Err(error) => tracing::error!(connection, error = %chain(&error), "the store failed"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the scheduler is where the program waits")]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}
