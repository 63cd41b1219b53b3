//! The daemon: its parts, its start and its stop in two stages.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::check::refuse_public;
use super::{App, seal};
use crate::config::{Config, Connection};
use crate::jobs::{Guard, Job, Runner, Running, Timed, Wakes, Watch};
use crate::store::StoreError;
use crate::sync::failure::chain;
use crate::sync::prune::prune;
use crate::sync::sweep::Swept;
use crate::sync::{Pass, SyncError, World, detect, lease};
use crate::web::{Metrics, Web, router};

/// Completes once the process is asked to stop; asked again, it is to stop at once.
pub type Signals = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("{listen} cannot be listened on")]
    Listen {
        /// Address.
        listen: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Leases, cursors and bases of several processes go by one time.
    #[error(
        "this host's clock is {seconds} s off the database server's, and may be {MOST_SKEW} s off at most: set both by \
         NTP"
    )]
    Skew {
        /// By how much.
        seconds: i64,
    },
    /// The store does not answer.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The server failed.
    #[error("the web server failed")]
    Web(#[source] std::io::Error),
    /// It did not stop in time.
    #[error(
        "what was under way did not end within {0} seconds; it was cut off, and will be taken up at the next start"
    )]
    Cut(u32),
}

/// How far this host's clock may be off the database server's, in seconds.
const MOST_SKEW: i64 = 2;

/// Refuses a clock that is off the database server's. What the question itself took is not held against it.
async fn refuse_skew(world: &World) -> Result<(), ServeError> {
    let before = world.clock.now();
    let Some(server) = world.db.server_time().await? else { return Ok(()) };
    let after = world.clock.now();
    let off = if server < before { before - server } else { (server - after).max(TimeDelta::zero()) };
    if off > TimeDelta::seconds(MOST_SKEW) {
        return Err(ServeError::Skew { seconds: off.num_seconds() });
    }
    Ok(())
}

/// SIGTERM or SIGINT.
pub fn signals() -> Signals {
    Box::pin(async {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return std::future::pending().await;
        };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    })
}

/// What runners tell: counts.
struct Watcher {
    metrics: Arc<Metrics>,
}

impl Watch for Watcher {
    fn polled(&self, connection: &str, ok: bool, at: DateTime<Utc>) {
        self.metrics.polled(connection, ok, at);
    }

    fn passed(&self, connection: &str, pass: &Pass) {
        self.metrics.passed(connection, pass);
    }

    fn pass_failed(&self, connection: &str) {
        self.metrics.pass_failed(connection);
    }

    fn redelivered(&self, connection: &str, count: u32) {
        self.metrics.redelivered(connection, count);
    }

    fn swept(&self, connection: &str, swept: Swept) {
        self.metrics.swept(connection, swept);
    }
}

/// Runs until `asked` completes: then nothing new begins, what is under way ends, and the store is closed. Asked
/// again, or past `stop_seconds`, it is cut off; whatever that leaves is taken up at the next start.
pub async fn serve(app: App, asked: Signals) -> Result<(), ServeError> {
    let listen = app.config.server.listen;
    let listener = TcpListener::bind(listen).await.map_err(|source| ServeError::Listen { listen, source })?;
    serve_on(app, listener, asked).await
}

/// The same on a listener of the caller's.
pub async fn serve_on(app: App, listener: TcpListener, asked: Signals) -> Result<(), ServeError> {
    let App { config, engine } = app;
    let world = engine.world.clone();
    refuse_skew(&world).await?;
    let metrics = Arc::new(Metrics::new());
    let wakes = Wakes::of(config.connections.iter().map(|connection| connection.id.clone()));
    let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
    let (tasks, writing) = (TaskTracker::new(), TaskTracker::new());
    writing.spawn({
        let (writer, hard) = (world.writer.clone(), hard.clone());
        async move { writer.run(hard).await }
    });
    let watch: Arc<dyn Watch> = Arc::new(Watcher { metrics: metrics.clone() });
    for connection in &config.connections {
        let running = Running {
            engine: engine.clone(),
            connection: connection.id.clone(),
            poll: config.schedule.poll.clone(),
            sweep: config.schedule.sweep.clone(),
            guard: guard(&config, &world, connection),
            watch: watch.clone(),
        };
        tasks.spawn(Runner::new(running).run(wakes.clone(), soft.clone()));
    }
    tasks.spawn(detection(&world, config.schedule.detect.clone()).run(soft.clone()));
    tasks.spawn(pruning(&world, config.schedule.sweep.clone()).run(soft.clone()));
    if let Some(sealing) = sealing(&world, &config) {
        tasks.spawn(sealing.run(soft.clone()));
    }
    let waking = wakes.clone();
    let web = Web {
        world: world.clone(),
        engine,
        secrets: config
            .connections
            .iter()
            .map(|connection| {
                let secrets = connection.webhook_secrets.iter().map(|secret| secret.value.clone()).collect();
                (connection.id.clone(), secrets)
            })
            .collect(),
        webhook_cap: config.server.webhook_bytes,
        wake: Arc::new(move |connection| waking.wake(connection)),
        metrics,
        stopping: soft.clone(),
    };
    let serving = {
        let soft = soft.clone();
        tasks.spawn(async move {
            axum::serve(listener, router(web)).with_graceful_shutdown(soft.cancelled_owned()).await
        })
    };
    tracing::info!(listen = %config.server.listen, "poam-bridge serves");
    let ended = tokio::select! {
        () = asked => None,
        ended = serving => Some(ended),
    };
    tracing::info!("stopping: what is under way ends first");
    soft.cancel();
    tasks.close();
    let limit = Duration::from_secs(config.server.stop_seconds.into());
    let in_time = tokio::select! {
        () = tasks.wait() => true,
        () = signals() => false,
        () = wait(limit) => false,
    };
    // What was cut off may still be on its way: its leases run out by themselves.
    if in_time && let Err(error) = lease::release(&world).await {
        tracing::warn!(error = %chain(&error), "the leases could not be given up; they run out by themselves");
    }
    hard.cancel();
    writing.close();
    writing.wait().await;
    world.db.close().await;
    if let Some(Ok(Err(error))) = ended {
        return Err(ServeError::Web(error));
    }
    if in_time { Ok(()) } else { Err(ServeError::Cut(config.server.stop_seconds)) }
}

#[expect(clippy::disallowed_methods, reason = "the end of the daemon's patience is a matter of real time")]
async fn wait(limit: Duration) {
    tokio::time::sleep(limit).await;
}

/// Before anything is written: a project that anyone can read is refused, unless the configuration allows it.
fn guard(config: &Config, world: &World, connection: &Connection) -> Guard {
    let (config, world, id) = (config.clone(), world.clone(), connection.id.clone());
    Box::new(move || {
        let (config, world, id) = (config.clone(), world.clone(), id.clone());
        Box::pin(async move { refuse_public(&config, &world, &id).await })
    })
}

/// A job that one process alone does, of all on the store.
fn alone(
    world: &World,
    job: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
) -> Job {
    let world = world.clone();
    Box::new(move || {
        let (world, job) = (world.clone(), job());
        Box::pin(async move {
            match lease::hold_store(&world).await {
                Ok(()) => job.await,
                Err(SyncError::Held { .. }) => Ok(()),
                Err(error) => Err(chain(&error)),
            }
        })
    })
}

/// The full pass of drift detection.
fn detection(world: &World, when: crate::timetable::Timetable) -> Timed {
    let of = world.clone();
    Timed {
        name: "detect",
        when,
        clock: world.clock.clone(),
        at_start: true,
        job: alone(world, move || {
            let world = of.clone();
            Box::pin(async move {
                for system in world.settings.systems.keys() {
                    let system = crate::register::SystemId::new(system)?;
                    detect::full(&world, &system).await.map_err(|error| chain(&error))?;
                }
                Ok(())
            })
        }),
    }
}

/// What has served is forgotten.
fn pruning(world: &World, when: crate::timetable::Timetable) -> Timed {
    let of = world.clone();
    Timed {
        name: "prune",
        when,
        clock: world.clock.clone(),
        at_start: false,
        job: alone(world, move || {
            let world = of.clone();
            Box::pin(async move { prune(&world).await.map(drop).map_err(|error| chain(&error)) })
        }),
    }
}

/// Seals of every chain, where a key is configured.
fn sealing(world: &World, config: &Config) -> Option<Timed> {
    let file = config.seal.key_file.clone()?;
    let of = world.clone();
    Some(Timed {
        name: "seal",
        when: config.seal.schedule.clone(),
        clock: world.clock.clone(),
        at_start: false,
        job: alone(world, move || {
            let (world, file) = (of.clone(), file.clone());
            Box::pin(async move {
                let key = seal::key(Some(&file)).map_err(|error| chain(&error))?;
                let chains = {
                    let mut read = world.db.read().await.map_err(|error| chain(&error))?;
                    read.chains().await.map_err(|error| chain(&error))?
                };
                seal::seal_all(&world, chains, &key).await.map_err(|error| chain(&error))?;
                Ok(())
            })
        }),
    })
}
