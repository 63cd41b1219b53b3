//! What is kept of a connection: how far it was read, which webhooks came, until when it is paused, how it is.

use chrono::{DateTime, Utc};

use super::column::{Reading, micros};
use super::table::{fetch, table};
use super::tx::on;
use super::{StoreError, Tx};

table! {
    /// How far a stream was read.
    CursorRow in "cursor" key "connection, stream" {
        connection: String,
        stream: String,
        value: String,
        at: DateTime<Utc>,
    }
}

table! {
    /// A pause.
    PauseRow in "pause" key "connection, scope" {
        connection: String,
        scope: String,
        until: DateTime<Utc>,
        reason: String,
    }
}

table! {
    /// How a connection is.
    HealthRow in "health" key "connection" {
        connection: String,
        last_ok: Option<DateTime<Utc>>,
        last_error: Option<DateTime<Utc>>,
        error: Option<String>,
        failures: i64,
        expires: Option<DateTime<Utc>>,
    }
}

/// How far a stream of a connection was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// As the connector wrote it.
    pub value: String,
    /// When it was set.
    pub at: DateTime<Utc>,
}

/// A connection, or a part of it, on which nothing is asked until a time, as the tracker told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Connection id.
    pub connection: String,
    /// Which part: empty for all of it, else the connector's name for it.
    pub scope: String,
    /// Until when.
    pub until: DateTime<Utc>,
    /// What the tracker said.
    pub reason: String,
}

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Connection id.
    pub connection: String,
    /// When it last answered as it should.
    pub last_ok: Option<DateTime<Utc>>,
    /// When it last failed.
    pub last_error: Option<DateTime<Utc>>,
    /// The last failure; stays after it answers again.
    pub error: Option<String>,
    /// Failures in a row; 0 while it is well.
    pub failures: u32,
    /// When its credentials stop working, as far as the site told when it last answered.
    pub expires: Option<DateTime<Utc>>,
}

impl Tx {
    /// How far a stream was read; none before it was.
    pub async fn cursor(&mut self, connection: &str, stream: &str) -> Result<Option<Cursor>, StoreError> {
        const SQL: &str = "SELECT * FROM cursor WHERE connection = $1 AND stream = $2";
        let row = fetch!(self, CursorRow, SQL, connection, stream)?.pop();
        Ok(row.map(|row| Cursor { value: row.value, at: row.at }))
    }

    /// Sets how far a stream was read: in the transaction that marks what was found on the way.
    pub async fn set_cursor(
        &mut self,
        connection: &str,
        stream: &str,
        value: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = CursorRow {
            connection: connection.to_owned(),
            stream: stream.to_owned(),
            value: value.to_owned(),
            at: micros(at),
        };
        CursorRow::upsert(self, &[row]).await
    }

    /// Takes a webhook's delivery: false where it came before.
    pub async fn take_delivery(
        &mut self,
        connection: &str,
        id: &str,
        event: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO delivery (connection, id, event, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (connection, id) DO NOTHING";
        let done = on!(self, c => {
            let query = sqlx::query(SQL).bind(connection).bind(id).bind(event).bind(micros(at));
            query.execute(c).await.map(|done| done.rows_affected())
        })?;
        Ok(done == 1)
    }

    /// Forgets deliveries from before a time. Gives how many.
    pub async fn prune_deliveries(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = on!(self, c => {
            let done = sqlx::query("DELETE FROM delivery WHERE at < $1").bind(micros(before)).execute(c).await;
            done.map(|done| done.rows_affected())
        })?;
        Ok(done)
    }

    /// Pauses a connection or a part of it; a later end is never brought forward.
    pub async fn set_pause(&mut self, pause: &Pause) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO pause (connection, scope, until, reason) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (connection, scope) DO UPDATE SET until = excluded.until, reason = excluded.reason \
             WHERE pause.until < excluded.until";
        on!(self, c => {
            let query = sqlx::query(SQL).bind(&pause.connection).bind(&pause.scope).bind(micros(pause.until));
            query.bind(&pause.reason).execute(c).await.map(drop)
        })?;
        Ok(())
    }

    /// Pauses of a connection that have not ended; those that have are removed by [`Self::prune_pauses`].
    pub async fn pauses(&mut self, connection: &str, now: DateTime<Utc>) -> Result<Vec<Pause>, StoreError> {
        const SQL: &str = "SELECT * FROM pause WHERE connection = $1 AND until > $2 ORDER BY scope";
        let rows = fetch!(self, PauseRow, SQL, connection, micros(now))?;
        let pause = |row: PauseRow| Pause {
            connection: row.connection,
            scope: row.scope,
            until: row.until,
            reason: row.reason,
        };
        Ok(rows.into_iter().map(pause).collect())
    }

    /// Removes pauses that ended before a time. Gives how many.
    pub async fn prune_pauses(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = on!(self, c => {
            let done = sqlx::query("DELETE FROM pause WHERE until < $1").bind(micros(before)).execute(c).await;
            done.map(|done| done.rows_affected())
        })?;
        Ok(done)
    }

    /// A connection answered as it should, and told that its credentials work until `expires`.
    pub async fn record_success(
        &mut self,
        connection: &str,
        at: DateTime<Utc>,
        expires: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO health (connection, last_ok, failures, expires) VALUES ($1, $2, 0, $3) \
             ON CONFLICT (connection) DO UPDATE SET last_ok = excluded.last_ok, failures = 0, \
             expires = excluded.expires";
        on!(self, c => {
            let query = sqlx::query(SQL).bind(connection).bind(micros(at)).bind(expires.map(micros));
            query.execute(c).await.map(drop)
        })?;
        Ok(())
    }

    /// A connection failed.
    pub async fn record_failure(
        &mut self,
        connection: &str,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO health (connection, last_error, error, failures) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (connection) DO UPDATE SET last_error = excluded.last_error, \
             error = excluded.error, failures = health.failures + 1";
        on!(self, c => {
            sqlx::query(SQL).bind(connection).bind(micros(at)).bind(error).execute(c).await.map(drop)
        })?;
        Ok(())
    }

    /// How every connection is that was ever asked, by its id.
    pub async fn health(&mut self) -> Result<Vec<Health>, StoreError> {
        let rows = fetch!(self, HealthRow, "SELECT * FROM health ORDER BY connection")?;
        rows.into_iter()
            .map(|row| {
                let read = Reading { table: "health", row: &row.connection };
                let failures = read.number("failures", row.failures)?;
                Ok(Health {
                    connection: row.connection,
                    last_ok: row.last_ok,
                    last_error: row.last_error,
                    error: row.error,
                    failures,
                    expires: row.expires,
                })
            })
            .collect()
    }
}
