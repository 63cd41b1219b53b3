//! Fresh stores for tests.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use poam::store::{Db, OpenOptions};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tempfile::TempDir;

/// Names the server whose databases the tests may make and drop.
const SERVER: &str = "POAM_TEST_POSTGRES_URL";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Options of tests: nothing here outlives a crash.
pub(crate) fn options() -> OpenOptions {
    OpenOptions { durable: false, connections: 4, ..OpenOptions::default() }
}

/// A store of its own for one test.
pub(crate) struct World {
    /// The store, migrated.
    pub(crate) db: Db,
    /// Its URL.
    pub(crate) url: String,
    folder: Option<TempDir>,
    database: Option<String>,
}

impl World {
    /// A store in a file.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("poam.db").display());
        let db = Db::open(&url, &options()).await.expect("a store");
        db.migrate().await.expect("a schema");
        Self { db, url, folder: Some(folder), database: None }
    }

    /// A database on the server, if there is one.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var(SERVER) else {
            skipped();
            return None;
        };
        let server: PgConnectOptions = url.parse().expect("a URL of PostgreSQL");
        let template = template(&server).await;
        let name = format!("poam_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = server.connect().await.expect("the server");
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        execute(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let url = with_database(&server, &name);
        let db = Db::open(&url, &options()).await.expect("a store");
        Some(Self { db, url, folder: None, database: Some(name) })
    }

    /// Runs SQL as somebody would who has the database and not the program.
    pub(crate) async fn tamper(&self, sql: &str) {
        match &self.db {
            Db::Sqlite { write, .. } => {
                let mut open = write.acquire().await.expect("a connection");
                sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut *open).await.expect("a pragma");
                let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *open).await;
                done.expect("the statement");
            }
            Db::Postgres(pool) => {
                let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(pool).await;
                done.expect("the statement");
            }
        }
    }

    /// Closes it and takes it away.
    pub(crate) async fn end(self) {
        self.db.close().await;
        if let (Some(name), Ok(server)) = (self.database, std::env::var(SERVER)) {
            let mut admin = PgConnection::connect(&server).await.expect("the server");
            execute(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        drop(self.folder);
    }
}

/// Runs a test on SQLite, then on PostgreSQL.
pub(crate) async fn on_both<F>(test: impl Fn(std::sync::Arc<World>) -> F)
where
    F: Future<Output = ()>,
{
    let worlds = [Some(World::sqlite().await), World::postgres().await];
    for world in worlds.into_iter().flatten() {
        let world = std::sync::Arc::new(world);
        test(std::sync::Arc::clone(&world)).await;
        if let Ok(world) = std::sync::Arc::try_unwrap(world) {
            world.end().await;
        }
    }
}

#[expect(clippy::print_stdout, reason = "whoever runs the tests is to see it")]
fn skipped() {
    println!("skipped: no {SERVER}");
}

/// A migrated database to copy, made by whichever test comes first; its name holds what the migrations are.
async fn template(server: &PgConnectOptions) -> String {
    let migrations = concat!(
        include_str!("../../../migrations/0001_register.sql"),
        include_str!("../../../migrations/0002_sync.sql")
    );
    let digest = poam::register::Digest::of(migrations.as_bytes());
    let name = format!("poam_template_{}", &digest.as_str()[..16]);
    let mut admin = server.connect().await.expect("the server");
    sqlx::query("SELECT pg_advisory_lock(7062601)").execute(&mut admin).await.expect("a lock");
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .expect("an answer");
    if !known {
        let new = format!("{name}_new");
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {new} WITH (FORCE)")).await;
        execute(&mut admin, format!("CREATE DATABASE {new}")).await;
        let db = Db::open(&with_database(server, &new), &options()).await.expect("a store");
        db.migrate().await.expect("a schema");
        db.close().await;
        execute(&mut admin, format!("ALTER DATABASE {new} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock(7062601)").execute(&mut admin).await.expect("an unlock");
    name
}

/// An empty database on the server, and its URL.
pub(crate) async fn empty_postgres() -> Option<String> {
    let Ok(url) = std::env::var(SERVER) else {
        skipped();
        return None;
    };
    let server: PgConnectOptions = url.parse().expect("a URL of PostgreSQL");
    let name = format!("poam_empty_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = server.connect().await.expect("the server");
    execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    execute(&mut admin, format!("CREATE DATABASE {name}")).await;
    Some(with_database(&server, &name))
}

async fn execute(admin: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(admin).await.expect("the statement");
}

fn with_database(server: &PgConnectOptions, name: &str) -> String {
    server.clone().database(name).to_url_lossy().to_string()
}
