//! How each stream of a connection is: what is polled by itself, a repository or a whole Jira.

use chrono::{DateTime, Utc};

use super::column::{Reading, micros};
use super::table::{fetch, table};
use super::tx::on;
use super::{Health, StoreError, Tx};

table! {
    /// How a stream is.
    StreamRow in "stream_health" key "connection, stream" {
        connection: String,
        stream: String,
        last_ok: Option<DateTime<Utc>>,
        last_error: Option<DateTime<Utc>>,
        error: Option<String>,
        failures: i64,
    }
}

/// How a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHealth {
    /// The connector's name for it.
    pub stream: String,
    /// As of a connection.
    pub health: Health,
}

impl Tx {
    /// A poll of a stream ended: as it should, or with this failure.
    pub async fn record_stream(
        &mut self,
        connection: &str,
        stream: &str,
        failure: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const WELL: &str = "INSERT INTO stream_health (connection, stream, last_ok, failures) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (connection, stream) DO UPDATE SET last_ok = excluded.last_ok, failures = 0";
        const FAILED: &str = "INSERT INTO stream_health (connection, stream, last_error, error, failures) \
             VALUES ($1, $2, $3, $4, 1) \
             ON CONFLICT (connection, stream) DO UPDATE SET last_error = excluded.last_error, \
             error = excluded.error, failures = stream_health.failures + 1";
        let at = micros(at);
        match failure {
            None => on!(self, c => {
                sqlx::query(WELL).bind(connection).bind(stream).bind(at).execute(c).await.map(drop)
            }),
            Some(error) => on!(self, c => {
                let query = sqlx::query(FAILED).bind(connection).bind(stream).bind(at).bind(error);
                query.execute(c).await.map(drop)
            }),
        }?;
        Ok(())
    }

    /// How every stream is that was ever polled.
    pub async fn stream_health(&mut self) -> Result<Vec<StreamHealth>, StoreError> {
        let rows = fetch!(self, StreamRow, "SELECT * FROM stream_health ORDER BY connection, stream")?;
        rows.into_iter()
            .map(|row| {
                let read = Reading { table: "stream_health", row: &row.stream };
                let failures = read.number("failures", row.failures)?;
                let health = Health {
                    connection: row.connection,
                    last_ok: row.last_ok,
                    last_error: row.last_error,
                    error: row.error,
                    failures,
                    expires: None,
                };
                Ok(StreamHealth { stream: row.stream, health })
            })
            .collect()
    }
}
