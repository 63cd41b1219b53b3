//! What stands for trackers and connections: an unheard tracker is never taken for a quiet one.

use chrono::{DateTime, SecondsFormat, Utc};

use super::detect::{Context, Wanted, quoted};
use crate::register::{DriftKind, Subject};

/// How the polls of a tracker or connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Polls {
    /// Missed in a row: failed, or due and not made.
    pub missed: u32,
    /// The last that succeeded.
    pub succeeded: Option<DateTime<Utc>>,
}

/// A connection, as far as detection reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionHealth {
    /// Its id.
    pub id: String,
    /// Polls that cover it as a whole; none missed where each tracker is polled by itself.
    pub polls: Polls,
    /// When its token ends, where the site tells.
    pub token_expires: Option<DateTime<Utc>>,
}

/// A tracker, as far as detection reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerHealth {
    /// Its id.
    pub id: String,
    /// Polls of it by itself; none missed where its connection is polled as a whole.
    pub polls: Polls,
}

/// What stands now for one connection.
pub fn detect_connection(health: &ConnectionHealth, ctx: &Context<'_>) -> Vec<Wanted> {
    let subject = Subject::Connection(health.id.clone());
    let mut out: Vec<Wanted> = silent(health.polls, subject.clone(), ctx).into_iter().collect();
    if let Some(expires) = health.token_expires {
        let last = ctx.calendar.day(expires);
        if (last - ctx.today()).num_days() <= i64::from(ctx.policy.drift.token_days) {
            let verb = if expires <= ctx.now { "expired" } else { "expires" };
            let detail = format!("its token {verb} on {last}");
            out.push(Wanted { kind: DriftKind::TokenExpiring, subject, key: String::new(), detail });
        }
    }
    out
}

/// What stands now for one tracker.
pub fn detect_tracker(health: &TrackerHealth, ctx: &Context<'_>) -> Vec<Wanted> {
    let subject = Subject::Tracker(health.id.clone());
    let mut out: Vec<Wanted> = silent(health.polls, subject.clone(), ctx).into_iter().collect();
    if let Some(reason) = ctx.halted.get(&health.id) {
        let detail = format!("halted until `tracker resume`: {}", quoted(reason));
        out.push(Wanted { kind: DriftKind::TrackerHalted, subject, key: String::new(), detail });
    }
    out
}

fn silent(polls: Polls, subject: Subject, ctx: &Context<'_>) -> Option<Wanted> {
    if polls.missed == 0 || polls.missed < ctx.policy.drift.missed_polls {
        return None;
    }
    let detail = match polls.succeeded {
        Some(at) => {
            format!("no poll has succeeded since {}", at.to_rfc3339_opts(SecondsFormat::Secs, true))
        }
        None => "no poll has succeeded yet".to_owned(),
    };
    Some(Wanted { kind: DriftKind::TrackerSilent, subject, key: String::new(), detail })
}
