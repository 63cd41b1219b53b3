//! What can go wrong between us and a tracker. The kind decides what happens next; nothing here retries.

use chrono::{DateTime, Utc};

use crate::TransportError;

/// A connector's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {kind}")]
pub struct Error {
    /// What was tried: `create ticket in ACME`.
    pub what: String,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// Whether the write, if it was one, may have happened all the same.
    pub outcome: Outcome,
    /// The failure of the exchange itself.
    #[source]
    pub source: Option<Box<TransportError>>,
}

/// Whether the tracker may have done what we asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It refused or was never reached: nothing happened there.
    NotDone,
    /// Nobody knows: no answer, a broken one, or a server error.
    Unknown,
}

/// Kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The tracker asks us to wait.
    #[error("the tracker asks to wait until {until} ({reason})")]
    RateLimited {
        /// Not before this time.
        until: DateTime<Utc>,
        /// What it named as the reason (`jira-burst-based`, `secondary rate limit`, ...).
        reason: String,
        /// How much must wait.
        scope: LimitScope,
    },
    /// No answer, a server error, or an answer that is not from the API (an HTML page).
    #[error("the tracker cannot be reached or does not answer as it should: {0}")]
    Unavailable(String),
    /// The credentials are not accepted.
    #[error("the tracker does not accept our credentials: {0}")]
    Auth(String),
    /// The credentials are accepted, but this is not allowed.
    #[error("the tracker does not allow it: {0}")]
    Forbidden(String),
    /// Not there, or not to be seen by us.
    #[error("not found, or not visible to us")]
    NotFound,
    /// Another write came between; read again.
    #[error("the ticket was changed meanwhile")]
    Conflict,
    /// The tracker says that the request is wrong; trying again as it is cannot help.
    #[error("the tracker refuses it: {0}")]
    Invalid(String),
    /// This site cannot do it; the caller falls back.
    #[error("this site has no {0}")]
    Unsupported(&'static str),
    /// An answer or attachment over its size cap.
    #[error("larger than the cap of {cap} bytes")]
    TooLarge {
        /// The cap.
        cap: u64,
    },
}

/// How much of a connection must wait when a limit was hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitScope {
    /// Everything on the connection.
    Connection,
    /// One allowance, by its name ([`crate::limit::Bucket`]).
    Bucket(String),
}

impl LimitScope {
    /// The allowance's name; empty for the whole connection.
    pub fn name(&self) -> &str {
        match self {
            Self::Connection => "",
            Self::Bucket(name) => name,
        }
    }

    /// The scope of that name.
    pub fn named(name: &str) -> Self {
        if name.is_empty() { Self::Connection } else { Self::Bucket(name.to_owned()) }
    }
}

impl Error {
    /// An error in which nothing was done there.
    pub fn new(what: impl Into<String>, kind: ErrorKind) -> Self {
        Self { what: what.into(), kind, outcome: Outcome::NotDone, source: None }
    }

    /// The error of a power that a connector does not have.
    pub fn unsupported(power: &'static str) -> Self {
        Self::new(power, ErrorKind::Unsupported(power))
    }

    /// The same error, of a write whose outcome nobody knows.
    #[must_use]
    pub fn outcome_unknown(mut self) -> Self {
        self.outcome = Outcome::Unknown;
        self
    }

    /// The error of an exchange that failed. A write that may have arrived has an unknown outcome.
    pub fn transport(what: impl Into<String>, source: TransportError) -> Self {
        let outcome = if source.may_have_arrived() { Outcome::Unknown } else { Outcome::NotDone };
        let kind = match &source {
            TransportError::TooLarge { cap } => ErrorKind::TooLarge { cap: *cap },
            TransportError::Paused { until, reason, scope } => {
                ErrorKind::RateLimited { until: *until, reason: reason.clone(), scope: scope.clone() }
            }
            TransportError::NotSent(_) | TransportError::Lost(_) => {
                ErrorKind::Unavailable(source.to_string())
            }
        };
        Self { what: what.into(), kind, outcome, source: Some(Box::new(source)) }
    }
}
