//! Time, as the bridge and the peer see it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use poam::clock::{Clock, ManualClock, SystemClock};
use serde_json::json;

use super::exchange::{Person, Stop};

/// More than the five minutes before the bridge asks.
const SETTLED: TimeDelta = TimeDelta::seconds(400);

/// The operating system's clock, moved ahead: what waits for minutes need not be waited for.
#[derive(Default)]
pub(crate) struct AheadClock(Mutex<TimeDelta>);

impl AheadClock {
    /// Moves it on.
    fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for AheadClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How time goes by for both.
#[async_trait]
pub(crate) trait Time: Sync {
    /// Long enough for two changes to be told apart by their time.
    async fn passes(&self) -> Result<(), Stop>;
    /// Long enough for edits to have settled.
    async fn settles(&self) -> Result<(), Stop>;
}

/// The peer has the operating system's time, which goes on by itself; only ours can run ahead of it.
#[async_trait]
impl Time for AheadClock {
    async fn passes(&self) -> Result<(), Stop> {
        Ok(())
    }

    async fn settles(&self) -> Result<(), Stop> {
        self.advance(SETTLED);
        Ok(())
    }
}

/// The peer's time stands still until it is told, as ours.
pub(crate) struct Together {
    pub(crate) ours: Arc<ManualClock>,
    pub(crate) control: Person,
}

impl Together {
    async fn advance(&self, by: TimeDelta) -> Result<(), Stop> {
        let body = json!({"by": format!("PT{}S", by.num_seconds())});
        self.control.call(Method::POST, "/clock", Some(body)).await?;
        self.ours.advance(by);
        Ok(())
    }
}

#[async_trait]
impl Time for Together {
    async fn passes(&self) -> Result<(), Stop> {
        self.advance(TimeDelta::seconds(60)).await
    }

    async fn settles(&self) -> Result<(), Stop> {
        self.advance(SETTLED).await
    }
}
