//! One HTTP exchange: the seam at which tests put a fake server or inject a fault.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::error::LimitScope;

/// Sends one request and gives back the whole answer. Implementations bound its time and size; pacing and pauses
/// of the connection live here too. Redirects are not followed: a connector decides.
#[async_trait]
pub trait Transport: Send + Sync {
    /// One exchange. Any status is an answer; an error means that there was none.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError>;
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It never left: no connection could be made.
    #[error("no connection: {0}")]
    NotSent(String),
    /// It may have arrived: timed out, or broken off.
    #[error("no answer: {0}")]
    Lost(String),
    /// The answer is larger than we read.
    #[error("the answer is larger than {cap} bytes")]
    TooLarge {
        /// Bytes.
        cap: u64,
    },
    /// Not sent, because a limit says to wait.
    #[error("paused until {until}: {reason}")]
    Paused {
        /// Not before this time.
        until: DateTime<Utc>,
        /// As the tracker named it.
        reason: String,
        /// How much waits.
        scope: LimitScope,
    },
}

impl TransportError {
    /// Whether the tracker may have done what was asked.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::Paused { .. } => false,
            Self::Lost(_) | Self::TooLarge { .. } => true,
        }
    }
}
