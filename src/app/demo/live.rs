//! The demo's stage: a folder, both sites, the daemon beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connector_api::fake::FakeSite;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::data;
use super::sites::{Deliverer, Sites, serve};
use crate::app::serve::serve_on;
use crate::app::setup::write_private;
use crate::app::{App, Writing};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::register::SystemId;
use crate::sync::World;

/// Why the demo does not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something that it stands on.
    #[error("the demo cannot be set up")]
    SetUp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A step of the story did not come true.
    #[error("the story stopped: {0}")]
    Story(String),
}

impl DemoError {
    /// Of whatever it stands on.
    pub fn of(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::SetUp(Box::new(error))
    }
}

/// Everything that runs.
pub struct Stage {
    /// Where it all is.
    pub folder: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// The sites.
    pub sites: Sites,
    /// The bridge.
    pub world: World,
    /// The system.
    pub system: SystemId,
    /// Where the daemon listens.
    pub address: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Stage {
    /// Sets everything up in `folder` and starts it.
    pub async fn start(folder: &Path) -> Result<Self, DemoError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock = Arc::new(SystemClock);
        let ticking = clock.clone();
        let sites = serve(Arc::new(move || ticking.now()), &tasks, &stop).await.map_err(DemoError::of)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(DemoError::of)?;
        let address = listener.local_addr().map_err(DemoError::of)?;
        std::fs::create_dir_all(folder).map_err(DemoError::of)?;
        let config = folder.join("poam.toml");
        let text = data::config(&sites.github_url, &sites.jira_url, address.port());
        write_private(&config, text.as_bytes()).map_err(DemoError::of)?;
        let read = Config::load(&config, &BTreeMap::new(), &BTreeMap::new()).map_err(DemoError::of)?;
        let app = App::open_with(read, Writing::Task, clock).await.map_err(DemoError::of)?;
        let world = app.world().clone();
        let system = SystemId::new(data::SYSTEM).map_err(DemoError::Story)?;
        let asked = Box::pin(stop.clone().cancelled_owned());
        tasks.spawn(async move {
            if let Err(error) = serve_on(app, listener, asked).await {
                tracing::error!(%error, "the demo's daemon ended");
            }
        });
        let here: Vec<(Arc<dyn FakeSite>, &str)> =
            vec![(Arc::new(sites.github.clone()), "github"), (Arc::new(sites.jira.clone()), "jira")];
        for (site, connection) in here {
            let to = format!("http://{address}/webhooks/{connection}");
            let to = Url::parse(&to).map_err(DemoError::of)?;
            let deliverer = Deliverer::new(site, to).map_err(DemoError::of)?;
            tasks.spawn(deliverer.run(stop.clone()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            config,
            sites,
            world,
            system,
            address: address.to_string(),
            stop,
            tasks,
        })
    }

    /// Stops everything and waits for it.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A moment, in real time: the demo is watched by people.
#[expect(clippy::disallowed_methods, reason = "the demo runs in real time")]
pub async fn moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
