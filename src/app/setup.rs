//! `poam init`: a folder with a configuration, a store and a first system.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::wiring::{App, OpenError, Writing};
use crate::config::{Config, ConfigErrors, StoreUrl, initial};
use crate::register::{Impact, SystemId};

/// Why nothing was set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Something stands there already.
    #[error("{0} is there already; nothing was changed")]
    Exists(PathBuf),
    /// A file or folder cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration that was written is refused.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The store cannot be set up.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Writes `DIR/poam.toml` and sets up the store that it names. Gives the file's path.
pub async fn init(
    dir: &Path,
    system: &SystemId,
    name: &str,
    impact: Impact,
    env: &BTreeMap<String, String>,
) -> Result<PathBuf, SetupError> {
    let file = dir.join("poam.toml");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SetupError::Write { path, source }
    };
    std::fs::create_dir_all(dir).map_err(failed(dir))?;
    if file.exists() {
        return Err(SetupError::Exists(file));
    }
    let port = free_port().map_err(failed(&file))?;
    write_private(&file, initial(system, name, impact, port).as_bytes()).map_err(failed(&file))?;
    let config = Config::load(&file, env, &BTreeMap::new())?;
    // The store and the evidence are its owner's alone, as the configuration is.
    if let StoreUrl::Sqlite(path) = &config.store.url
        && !path.exists()
    {
        write_private(path, b"").map_err(failed(path))?;
    }
    let app = App::open(config, Writing::Inline).await?;
    app.world().db.close().await;
    Ok(file)
}

/// A port of loopback that is free now.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Writes a file that only its owner reads: secrets may be put into it.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
