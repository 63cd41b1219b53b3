//! Limits that a tracker names: kept in the store, so that they hold after a restart and in every process.

use chrono::{DateTime, Utc};
use connector_api::ErrorKind;
use connector_api::error::LimitScope;

use super::SyncError;
use super::engine::Engine;
use crate::store::{Pause, StoreError};

impl Engine {
    /// Takes note of a limit, where the error names one. Gives until when nothing may be sent at all.
    pub async fn limited(
        &self,
        connection: &str,
        error: &SyncError,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut error = error;
        while let SyncError::NotCleared(cause) = error {
            error = cause;
        }
        let SyncError::Tracker(error) = error else { return Ok(None) };
        let ErrorKind::RateLimited { until, reason, scope } = &error.kind else { return Ok(None) };
        let whole = (*scope == LimitScope::Connection).then_some(*until);
        if error.source.is_some() {
            // Our own transport held it back, for a pause that is known or for a pace that nobody else need know.
            return Ok(whole);
        }
        let pause = Pause {
            connection: connection.to_owned(),
            scope: scope.name().to_owned(),
            until: *until,
            reason: reason.clone(),
        };
        tracing::warn!(connection, scope = pause.scope, %until, reason, "the tracker asks to wait");
        (self.world.limited)(&pause);
        self.world.writer.submit(move |tx| Box::pin(async move { tx.set_pause(&pause).await })).await?;
        Ok(whole)
    }

    /// Pauses of a connection that are in force, whichever process met them.
    pub async fn pauses(&self, connection: &str) -> Result<Vec<Pause>, StoreError> {
        let mut read = self.world.db.read().await?;
        read.pauses(connection, self.world.clock.now()).await
    }
}
