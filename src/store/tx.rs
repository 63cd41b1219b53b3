//! A transaction, on whichever database.

use sqlx::{Postgres, Sqlite, Transaction};

use super::StoreError;
use crate::register::SystemId;
use crate::register::journal::GENESIS;

/// The driver's own transaction.
pub(super) enum Open {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction. Everything in the store is read and written through one; [`Tx::commit`] alone keeps anything.
pub struct Tx {
    pub(super) open: Open,
    writes: bool,
    /// Locked chains, and how many savepoints were open when each was: one that is rolled back gives its locks up.
    locked: Vec<(SystemId, u32)>,
    savepoints: u32,
}

/// Runs one body on whichever database the transaction is: it is compiled once per driver.
macro_rules! on {
    ($tx:expr, $connection:ident => $body:expr) => {
        match &mut $tx.open {
            $crate::store::tx::Open::Sqlite(open) => {
                let $connection = &mut **open;
                $body
            }
            $crate::store::tx::Open::Postgres(open) => {
                let $connection = &mut **open;
                $body
            }
        }
    };
}
pub(super) use on;

impl Tx {
    pub(super) fn new(open: Open, writes: bool) -> Self {
        Self { open, writes, locked: Vec::new(), savepoints: 0 }
    }

    /// Keeps everything that was written.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.open {
            Open::Sqlite(open) => open.commit().await?,
            Open::Postgres(open) => open.commit().await?,
        }
        Ok(())
    }

    /// Begins a part that can be given up alone. Parts nest; each ends by [`Self::rollback_to`] or [`Self::release`].
    pub async fn savepoint(&mut self) -> Result<(), StoreError> {
        on!(self, c => sqlx::query("SAVEPOINT part").execute(c).await.map(drop))?;
        self.savepoints += 1;
        Ok(())
    }

    /// Gives up the innermost part: everything since its [`Self::savepoint`], and the chains locked since.
    pub async fn rollback_to(&mut self) -> Result<(), StoreError> {
        on!(self, c => sqlx::query("ROLLBACK TO SAVEPOINT part").execute(c).await.map(drop))?;
        self.locked.retain(|(_, depth)| *depth < self.savepoints);
        self.release().await
    }

    /// Ends the innermost part and keeps it, as far as what surrounds it is kept.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        on!(self, c => sqlx::query("RELEASE SAVEPOINT part").execute(c).await.map(drop))?;
        self.savepoints -= 1;
        for (_, depth) in &mut self.locked {
            *depth = (*depth).min(self.savepoints);
        }
        Ok(())
    }

    /// Locks chains until the end of the transaction, in the order of their ids, so that two transactions never wait
    /// for each other. A chain that is not there begins. To be called once, with all that a command will write.
    pub async fn lock(&mut self, systems: &[SystemId]) -> Result<(), StoreError> {
        const LOCK: &str = "INSERT INTO chain (system, number, hash, at, lock) VALUES ($1, 0, $2, NULL, 1) \
             ON CONFLICT (system) DO UPDATE SET lock = chain.lock + 1";
        let mut wanted: Vec<&SystemId> = systems.iter().filter(|id| !self.holds(id)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for id in wanted {
            on!(self, c => sqlx::query(LOCK).bind(id.as_str()).bind(GENESIS).execute(c).await.map(drop))?;
            self.locked.push((id.clone(), self.savepoints));
        }
        Ok(())
    }

    /// Whether this transaction has locked a chain.
    pub(super) fn holds(&self, system: &SystemId) -> bool {
        self.locked.iter().any(|(id, _)| id == system)
    }

    /// Whether it was begun to write.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }
}
