//! The runner of one connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use connector_api::ErrorKind;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;
use crate::sync::engine::{Hot, chain};
use crate::sync::poll::Swept;
use crate::sync::{Engine, Pass, SyncError};
use crate::timetable::Timetable;

/// How long a runner rests at most: what nobody woke it for is seen then.
const REST: Duration = Duration::from_secs(1);

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

/// Polls, sweeps and reconciles one connection until it is told to stop.
pub struct Runner {
    /// The bridge.
    pub engine: Engine,
    /// Connection id.
    pub connection: String,
    /// When to poll.
    pub poll: Timetable,
    /// When to sweep.
    pub sweep: Timetable,
    /// Who wakes it.
    pub wakes: Wakes,
    /// Who watches it.
    pub watch: Arc<dyn Watch>,
}

impl Runner {
    /// Runs until `stop`; what is under way is finished first.
    pub async fn run(self, stop: CancellationToken) {
        let notify = self.wakes.get(&self.connection);
        let clock = self.engine.world.clock.clone();
        // The first poll is at once: what happened while nobody looked counts.
        let mut next_poll = clock.now();
        let mut next_sweep = self.sweep.next_after(clock.now());
        let mut resume: Option<DateTime<Utc>> = None;
        while !stop.is_cancelled() {
            let now = clock.now();
            if resume.is_none_or(|at| at <= now) {
                let mut hot = Hot::new();
                resume = None;
                if next_poll <= now {
                    let (found, wait) = self.poll_once(now).await;
                    hot = found;
                    resume = wait;
                    next_poll =
                        self.poll.next_after(clock.now()).unwrap_or(now + chrono::TimeDelta::minutes(1));
                }
                if resume.is_none() && next_sweep.is_some_and(|at| at <= now) {
                    resume = self.sweep_once().await;
                    next_sweep = self.sweep.next_after(clock.now());
                }
                if resume.is_none() {
                    resume = self.pass_once(hot).await;
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = notify.notified() => {}
                () = rest(REST) => {}
            }
        }
    }

    async fn poll_once(&self, now: DateTime<Utc>) -> (Hot, Option<DateTime<Utc>>) {
        let polled = self.engine.poll(&self.connection).await;
        let fine = polled.as_ref().is_ok_and(|polled| polled.failed.is_empty());
        self.watch.polled(&self.connection, fine, now);
        let failure = polled.as_ref().err().map(|error| chain(error));
        if let Err(error) = self.keep_health(failure, now).await {
            tracing::error!(connection = self.connection, error = %chain(&error), "the store failed");
        }
        match polled {
            Ok(polled) => {
                let wait = polled.failed.into_iter().find_map(|(_, error)| self.pause_of(&error.into()));
                (polled.hot, wait)
            }
            Err(error) => {
                tracing::warn!(connection = self.connection, error = %chain(&error), "a poll failed");
                (Hot::new(), self.pause_of(&error))
            }
        }
    }

    async fn keep_health(&self, failure: Option<String>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let connection = self.connection.clone();
        self.engine
            .world
            .writer
            .submit(move |tx| {
                Box::pin(async move {
                    match failure {
                        None => tx.record_success(&connection, now).await,
                        Some(error) => tx.record_failure(&connection, now, &error).await,
                    }
                })
            })
            .await
    }

    async fn sweep_once(&self) -> Option<DateTime<Utc>> {
        match self.engine.sweep(&self.connection).await {
            Ok(swept) => {
                self.watch.swept(&self.connection, swept);
                None
            }
            Err(error) => {
                tracing::warn!(connection = self.connection, error = %chain(&error), "a sweep failed");
                self.pause_of(&error)
            }
        }
    }

    async fn pass_once(&self, hot: Hot) -> Option<DateTime<Utc>> {
        match self.engine.pass(&self.connection, hot).await {
            Ok(pass) => {
                self.watch.passed(&self.connection, &pass);
                None
            }
            Err(error) => {
                self.watch.pass_failed(&self.connection);
                tracing::warn!(connection = self.connection, error = %chain(&error), "a pass failed");
                self.pause_of(&error)
                    .or_else(|| Some(self.engine.world.clock.now() + chrono::TimeDelta::seconds(5)))
            }
        }
    }

    /// Until when the connection is to wait, if the tracker said so.
    fn pause_of(&self, error: &SyncError) -> Option<DateTime<Utc>> {
        let SyncError::Tracker(error) = error else { return None };
        let ErrorKind::RateLimited { until, reason, .. } = &error.kind else { return None };
        self.watch.pause(&self.connection, *until, reason);
        Some(*until)
    }
}

#[expect(clippy::disallowed_methods, reason = "the scheduler is where the program waits")]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}
