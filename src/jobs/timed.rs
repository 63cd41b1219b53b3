//! Jobs by a timetable that belong to no connection: the full pass of drift detection, seals.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::timetable::Timetable;

/// What a job does: an error is logged, and the next time comes as it would.
pub type Job = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// A job and when it is due.
pub struct Timed {
    /// Its name, for the log.
    pub name: &'static str,
    /// When.
    pub when: Timetable,
    /// What.
    pub job: Job,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Whether it runs at the start as well.
    pub at_start: bool,
}

impl Timed {
    /// Runs until `stop`; what is under way is finished first.
    pub async fn run(self, stop: CancellationToken) {
        let mut due =
            if self.at_start { Some(self.clock.now()) } else { self.when.next_after(self.clock.now()) };
        while !stop.is_cancelled() {
            let Some(at) = due else { return };
            if at <= self.clock.now() {
                if let Err(error) = (self.job)().await {
                    tracing::error!(job = self.name, error, "a job failed");
                }
                due = self.when.next_after(self.clock.now());
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = rest() => {}
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the scheduler is where the program waits")]
async fn rest() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}
