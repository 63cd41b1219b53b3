//! What can go wrong in the store.

use std::sync::Arc;

use crate::register::{SystemId, apply::Misfit, change::UnknownChange};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row was saved by another since it was read: read it again.
    #[error("{what} {id} was changed by another since it was read")]
    Stale {
        /// Which table.
        what: &'static str,
        /// Which row.
        id: String,
    },
    /// A row cannot be read as what it should hold.
    #[error("row {row} of table `{table}` cannot be read: {reason}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Its key.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store may only be read.
    #[error("the store {store} can only be read: check the rights of the file and of its folder")]
    ReadOnly {
        /// Its file, or the database's host and name.
        store: String,
    },
    /// The store cannot be opened.
    #[error("the store {store} cannot be opened")]
    Open {
        /// Its file, or the database's host and name.
        store: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// `store.url` is of no known kind.
    #[error("{0:?} is no store: give a file, `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`")]
    Url(String),
    /// A later release has written here.
    #[error(
        "the store {store} has schema {found}, and this release knows {known}: it was written by a later release"
    )]
    NewerSchema {
        /// Its file, or the database's host and name.
        store: String,
        /// Version found.
        found: i64,
        /// Latest version known.
        known: i64,
    },
    /// An older release wrote here, and whoever reads does not migrate.
    #[error(
        "the store {store} has schema {found}, and this release reads {known}: `poam check`, `poam serve` or any command \
         that writes brings it up to date first"
    )]
    OlderSchema {
        /// Its file, or the database's host and name.
        store: String,
        /// Version found.
        found: i64,
        /// Version of this release.
        known: i64,
    },
    /// There is nothing to read.
    #[error(
        "the store {store} is not set up yet: `poam check`, `poam serve` or any command that writes does that first"
    )]
    NotSetUp {
        /// Its file, or the database's host and name.
        store: String,
    },
    /// A migration failed; nothing of it was kept.
    #[error("the store {store} cannot be brought to this release's schema")]
    Migrate {
        /// Its file, or the database's host and name.
        store: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A change does not fit the state.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A change cannot be written or read.
    #[error(transparent)]
    UnknownChange(#[from] UnknownChange),
    /// A chain was to be written without its lock: a mistake in the program.
    #[error("the chain of {system} was written without being locked first")]
    Unlocked {
        /// Chain.
        system: SystemId,
    },
    /// A value that the databases do not keep alike.
    #[error("a change of {subject} holds a NUL character, which cannot be stored")]
    Unstorable {
        /// What the change is about.
        subject: String,
    },
    /// Another transaction was in the way; the same command may succeed when it is tried again.
    #[error("another transaction was in the way")]
    Busy(#[source] sqlx::Error),
    /// The transaction that held this command could not be committed; nothing of it was kept.
    #[error("nothing was kept")]
    NotCommitted(#[source] Arc<StoreError>),
    /// The writer has stopped, or the command ended in a panic.
    #[error("the command was not carried out: the writer stopped, or the command failed unexpectedly")]
    Stopped,
    /// The database refused or is not reachable.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same command may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Stale { .. } | Self::Busy(_) | Self::Stopped => true,
            Self::NotCommitted(cause) => cause.is_transient(),
            Self::Database(source) => {
                matches!(source, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
            }
            Self::Corrupt { .. }
            | Self::ReadOnly { .. }
            | Self::Open { .. }
            | Self::Url(_)
            | Self::NewerSchema { .. }
            | Self::OlderSchema { .. }
            | Self::NotSetUp { .. }
            | Self::Migrate { .. }
            | Self::Misfit(_)
            | Self::UnknownChange(_)
            | Self::Unlocked { .. }
            | Self::Unstorable { .. } => false,
        }
    }

    /// A row that cannot be read.
    pub(super) fn corrupt(
        table: &'static str,
        row: impl std::fmt::Display,
        reason: impl std::fmt::Display,
    ) -> Self {
        Self::Corrupt { table, row: row.to_string(), reason: reason.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_read_only(&error) {
            return Self::ReadOnly { store: "in use".to_owned() };
        }
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            // PostgreSQL: serialization failure, deadlock, lock not available. SQLite: busy and its extended codes, locked.
            Some("40001" | "40P01" | "55P03" | "5" | "6" | "261" | "517" | "773") => Self::Busy(error),
            _ => Self::Database(error),
        }
    }
}

/// Whether a table is missing. SQLite gives that no code of its own.
pub(super) fn is_no_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}

/// Whether SQLite could not open a file, or another that it needs beside it.
pub(super) fn is_out_of_reach(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    // SQLITE_CANTOPEN (14) and SQLITE_READONLY (8) carry their number in the lowest byte of the extended codes.
    code.is_some_and(|code| matches!(code & 0xff, 14 | 8))
}

/// Whether PostgreSQL gave a transaction up because another was in its way: a serialization failure or a deadlock. The
/// same command may succeed at once when it is carried out again.
pub(super) fn lost_to_another(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<sqlx::Error>()?.as_database_error()?.code())
        .any(|code| matches!(code.as_ref(), "40001" | "40P01"))
}

/// Whether a database refused because it may only be read.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    match error.code().as_deref() {
        // PostgreSQL: read-only transaction, or a standby that cannot begin a writing one.
        Some("25006" | "0A000") => true,
        // SQLite: SQLITE_READONLY (8) and its extended codes carry 8 in the lowest byte.
        Some(code) => code.parse::<u32>().is_ok_and(|code| code & 0xff == 8 && code < 0x1_0000),
        None => false,
    }
}
