//! What a failure says, and when what failed is tried again. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::ErrorKind;

/// Whether the site understood and refuses, so that asking for something else makes sense.
pub(super) fn is_refusal(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Forbidden(_) | ErrorKind::Invalid(_) | ErrorKind::Unsupported(_) => true,
        ErrorKind::RateLimited { .. }
        | ErrorKind::Unavailable(_)
        | ErrorKind::Auth(_)
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::TooLarge { .. } => false,
    }
}

/// When to try again, as the error's kind says.
pub(super) fn retry_at(now: DateTime<Utc>, error: &connector_api::Error, attempts: u32) -> DateTime<Utc> {
    match &error.kind {
        ErrorKind::RateLimited { until, .. } => (*until).max(now + TimeDelta::seconds(1)),
        ErrorKind::Conflict => now,
        ErrorKind::Unavailable(_) | ErrorKind::TooLarge { .. } | ErrorKind::NotFound => {
            now + backoff(attempts)
        }
        // People must act: look seldom.
        ErrorKind::Auth(_) | ErrorKind::Forbidden(_) | ErrorKind::Invalid(_) | ErrorKind::Unsupported(_) => {
            now + backoff(attempts).max(TimeDelta::minutes(5))
        }
    }
}

/// 5 s, doubled at each failure in a row, at most an hour.
pub(super) fn backoff(attempts: u32) -> TimeDelta {
    TimeDelta::seconds((5_i64 << attempts.min(10)).min(3600))
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        // Some errors say their cause's words.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
