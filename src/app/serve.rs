//! The daemon: its parts, its start and its stop in two stages.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::check::refuse_public;
use super::http::HttpTransport;
use super::{App, seal};
use crate::config::{Config, Connection};
use crate::jobs::{Guard, Runner, Running, Timed, Wakes, Watch};
use crate::sync::engine::chain;
use crate::sync::prune::prune;
use crate::sync::sweep::Swept;
use crate::sync::{Pass, World, detect};
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
    /// The server failed.
    #[error("the web server failed")]
    Web(#[source] std::io::Error),
    /// It did not stop in time.
    #[error(
        "what was under way did not end within {0} seconds; it was cut off, and will be taken up at the next start"
    )]
    Cut(u32),
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

/// What runners tell: counts, and the pause of a transport.
struct Watcher {
    metrics: Arc<Metrics>,
    transports: BTreeMap<String, Arc<HttpTransport>>,
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

    fn swept(&self, connection: &str, swept: Swept) {
        self.metrics.swept(connection, swept);
    }

    fn pause(&self, connection: &str, until: DateTime<Utc>, reason: &str) {
        if let Some(transport) = self.transports.get(connection) {
            transport.pause_until(until, reason);
        }
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
    let App { config, engine, transports } = app;
    let world = engine.world.clone();
    let metrics = Arc::new(Metrics::new());
    let wakes = Wakes::of(config.connections.iter().map(|connection| connection.id.clone()));
    let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
    let (tasks, writing) = (TaskTracker::new(), TaskTracker::new());
    writing.spawn({
        let (writer, hard) = (world.writer.clone(), hard.clone());
        async move { writer.run(hard).await }
    });
    let watch: Arc<dyn Watch> = Arc::new(Watcher { metrics: metrics.clone(), transports });
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

/// The full pass of drift detection.
fn detection(world: &World, when: crate::timetable::Timetable) -> Timed {
    let of = world.clone();
    Timed {
        name: "detect",
        when,
        clock: world.clock.clone(),
        at_start: true,
        job: Box::new(move || {
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
        job: Box::new(move || {
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
        job: Box::new(move || {
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
