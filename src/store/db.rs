//! Opening a store and bringing it to this release's schema.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, SqlSafeStr, SqlitePool};

use super::StoreError;
use super::error::{is_no_table, is_out_of_reach, is_read_only};
use super::tx::{Open, Tx, on};

/// Every migration, oldest first: version, name, text.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "register", include_str!("../../migrations/0001_register.sql")),
    (2, "sync", include_str!("../../migrations/0002_sync.sql")),
    (3, "connection", include_str!("../../migrations/0003_connection.sql")),
    (4, "stream health", include_str!("../../migrations/0004_stream_health.sql")),
];

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Makes the file where there is none (SQLite).
    pub create: bool,
    /// Waits for the disk at each commit (SQLite). Only tests do without.
    pub durable: bool,
    /// Opens it for reading alone: nothing is made, and no write is possible. For a store whose files or folder may not
    /// be written.
    pub read_only: bool,
    /// How many connections: readers of SQLite (which has one writer beside them), all of PostgreSQL.
    pub connections: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { create: true, durable: true, read_only: false, connections: 8 }
    }
}

/// A store. Clones share its connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// One file, in WAL mode: one connection writes, several read.
    Sqlite {
        /// The one connection that writes.
        write: SqlitePool,
        /// Connections that only read.
        read: SqlitePool,
    },
    /// A database on a server.
    Postgres(PgPool),
}

impl Db {
    /// Opens `sqlite:FILE`, a plain file name, or `postgres://...`. Nothing is migrated yet.
    ///
    /// # Errors
    /// [`StoreError::Open`] names the file or the database, never a password.
    pub async fn open(url: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url, options).await;
        }
        let known = if url.starts_with("sqlite:") {
            SqliteConnectOptions::from_str(url).map_err(|_| StoreError::Url(url.to_owned()))?
        } else if url.is_empty() || url.contains("://") {
            return Err(StoreError::Url(url.split_once('@').map_or(url, |(_, rest)| rest).to_owned()));
        } else {
            SqliteConnectOptions::new().filename(Path::new(url))
        };
        Self::open_sqlite(known, options).await
    }

    async fn open_sqlite(known: SqliteConnectOptions, options: &OpenOptions) -> Result<Self, StoreError> {
        let store = known.get_filename().display().to_string();
        if options.read_only && !known.get_filename().exists() {
            return Err(StoreError::NotSetUp { store });
        }
        let failed = |source: sqlx::Error| {
            if is_read_only(&source) {
                StoreError::ReadOnly { store: store.clone() }
            } else {
                StoreError::Open { store: store.clone(), source }
            }
        };
        let shared = known
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(256)
            .optimize_on_close(true, 400);
        let reader = shared.clone().optimize_on_close(false, None).read_only(true);
        let reading = SqlitePoolOptions::new().max_connections(options.connections.max(1));
        if options.read_only {
            let reader = reachable(reader).await.map_err(failed)?;
            let write = SqlitePoolOptions::new().connect_lazy_with(reader.clone());
            return Ok(Self::Sqlite { write, read: reading.connect_lazy_with(reader) });
        }
        let writer = shared
            .create_if_missing(options.create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if options.durable { SqliteSynchronous::Full } else { SqliteSynchronous::Off });
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            // Where a full disk or a trigger ended a transaction, the driver still counts it as open, and would begin no
            // other: such a connection is given up.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(writer)
            .await
            .map_err(failed)?;
        let read = reading.connect_with(reader).await.map_err(failed)?;
        Ok(Self::Sqlite { write, read })
    }

    async fn open_postgres(url: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        let known = PgConnectOptions::from_str(url)
            .map_err(|_| {
                StoreError::Url(url.split_once('@').map_or("postgres://", |(_, rest)| rest).to_owned())
            })?
            .application_name("poam");
        let failed = |source| StoreError::Open { store: place_of(&known), source };
        // A pool would try again until its time is over before it says that nobody is there.
        known.connect().await.map_err(failed)?.close().await.map_err(failed)?;
        let pool = PgPoolOptions::new()
            .max_connections(options.connections.max(2))
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(known);
        Ok(Self::Postgres(pool))
    }

    /// The time by the database server's clock; none where there is no server.
    pub async fn server_time(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(None),
            Self::Postgres(pool) => {
                let time = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?;
                Ok(Some(time))
            }
        }
    }

    /// Where it is, for a person: the file, or host and database.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite { write, .. } => write.connect_options().get_filename().display().to_string(),
            Self::Postgres(pool) => place_of(&pool.connect_options()),
        }
    }

    /// Brings the schema to this release's; all of it or nothing on SQLite, step by step on PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] where a later release has been here.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_to(i64::MAX).await
    }

    /// Like [`Self::migrate`], up to a version: for tests of migrations on what an older release left.
    pub async fn migrate_to(&self, last: i64) -> Result<(), StoreError> {
        let migrations = MIGRATIONS
            .into_iter()
            .filter(|(version, _, _)| *version <= last)
            .map(|(version, name, text)| {
                Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
            })
            .collect();
        let migrator = Migrator::with_migrations(migrations);
        let done = match self {
            // SQLite's migrator takes no lock of its own; two processes may start at once.
            Self::Sqlite { write, .. } => {
                let mut tx = match write.begin_with("BEGIN IMMEDIATE").await {
                    Ok(tx) => tx,
                    Err(error) => return Err(self.refused(error)),
                };
                // A file that can only be read lets a transaction begin, and refuses the first write.
                if let Err(error) = sqlx::query("PRAGMA user_version = 0").execute(&mut *tx).await {
                    return Err(self.refused(error));
                }
                match migrator.run(&mut *tx).await {
                    Ok(()) => tx.commit().await.map_err(MigrateError::Execute),
                    Err(error) => Err(error),
                }
            }
            Self::Postgres(pool) => migrator.run(pool).await,
        };
        done.map_err(|source| {
            let known = latest();
            if let MigrateError::VersionMissing(found) = source
                && found > known
            {
                return StoreError::NewerSchema { store: self.place(), found, known };
            }
            StoreError::Migrate { store: self.place(), source }
        })
    }

    /// Refuses a store whose schema is not this release's: for whoever reads and must not migrate.
    ///
    /// # Errors
    /// [`StoreError::NotSetUp`], [`StoreError::OlderSchema`] or [`StoreError::NewerSchema`].
    pub async fn expect_schema(&self) -> Result<(), StoreError> {
        const SQL: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
        let mut tx = self.read().await?;
        let found: Result<Option<i64>, sqlx::Error> =
            on!(tx, c => sqlx::query_scalar(SQL).fetch_one(c).await);
        let store = self.place();
        let known = latest();
        match found {
            Ok(Some(found)) if found == known => Ok(()),
            Ok(Some(found)) if found > known => Err(StoreError::NewerSchema { store, found, known }),
            Ok(Some(found)) => Err(StoreError::OlderSchema { store, found, known }),
            Ok(None) => Err(StoreError::NotSetUp { store }),
            Err(error) if error.as_database_error().is_some_and(is_no_table) => {
                Err(StoreError::NotSetUp { store })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A transaction that reads: it sees one state of the store throughout, and keeps nobody waiting.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let open = match self {
            Self::Sqlite { read, .. } => Open::Sqlite(read.begin().await?),
            Self::Postgres(pool) => {
                Open::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Tx::new(open, false))
    }

    /// A transaction that writes. Dropped without [`Tx::commit`] it leaves nothing behind. On SQLite there is one at
    /// a time, so it must not be held across network, file or sleep.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        let open = match self {
            Self::Sqlite { write, .. } => {
                Open::Sqlite(write.begin_with("BEGIN IMMEDIATE").await.map_err(|e| self.refused(e))?)
            }
            Self::Postgres(pool) => {
                Open::Postgres(pool.begin_with("BEGIN READ WRITE").await.map_err(|e| self.refused(e))?)
            }
        };
        Ok(Tx::new(open, true))
    }

    /// Closes every connection; waits for those in use.
    pub async fn close(&self) {
        match self {
            // The writer last: it folds the write-ahead log into the file.
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    fn refused(&self, error: sqlx::Error) -> StoreError {
        if is_read_only(&error) { StoreError::ReadOnly { store: self.place() } } else { error.into() }
    }
}

/// The schema of this release.
fn latest() -> i64 {
    MIGRATIONS.iter().map(|(version, _, _)| *version).max().unwrap_or_default()
}

/// How a file is read that may not be written. SQLite makes shared memory beside a file in WAL mode; where it cannot,
/// and nothing waits in a log, nobody is writing there, and the file is read as it stands.
async fn reachable(options: SqliteConnectOptions) -> Result<SqliteConnectOptions, sqlx::Error> {
    let tried = async {
        let mut connection = options.connect().await?;
        sqlx::query("SELECT COUNT(*) FROM sqlite_master").execute(&mut connection).await?;
        connection.close().await
    };
    let Err(error) = tried.await else { return Ok(options) };
    let mut log = options.get_filename().as_os_str().to_owned();
    log.push("-wal");
    let logged = std::fs::metadata(Path::new(&log)).is_ok_and(|log| log.len() > 0);
    if logged || !error.as_database_error().is_some_and(is_out_of_reach) {
        return Err(error);
    }
    Ok(options.immutable(true))
}

fn place_of(options: &PgConnectOptions) -> String {
    let host = options.get_socket().map_or_else(|| options.get_host().into(), |path| path.to_string_lossy());
    format!("postgres://{}/{}", host, options.get_database().unwrap_or_default())
}
