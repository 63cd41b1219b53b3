//! How the fake refuses for the time being: on request, or by the limits that Atlassian states.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use http::Method;
use serde_json::json;

use super::exchange::Reply;
use super::json::problem;
use super::site::Site;
use crate::limits;

/// Why a request is refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many requests at once on one path: 429, `jira-burst-based`.
    Burst,
    /// Too many writes on one ticket: 429, `jira-per-issue-on-write`.
    Ticket,
    /// The tenant's points of this hour are spent: 429, `jira-quota-tenant-based`.
    QuotaTenant,
    /// The app's points of this hour are spent: 429, `jira-quota-global-based`.
    QuotaGlobal,
    /// The older limit by cost, whose reset comes without seconds: 429, `jira-cost-based`.
    Cost,
    /// 429 for a reason that nobody has heard of.
    Unheard,
    /// 429 that names no reason and no time.
    Unnamed,
    /// 429 of a Data Center, or of its proxy.
    DataCenter,
    /// 503 that tells when to come back.
    Overloaded,
}

impl Refusal {
    fn reply(self, now: DateTime<Utc>) -> Reply {
        let hour = now + TimeDelta::seconds(3600 - i64::from(now.minute() * 60 + now.second()));
        let (status, seconds, reason) = match self {
            Self::Burst => (429, Some(3), Some("jira-burst-based")),
            Self::Ticket => (429, Some(2), Some("jira-per-issue-on-write")),
            Self::QuotaTenant => (429, Some((hour - now).num_seconds()), Some("jira-quota-tenant-based")),
            Self::QuotaGlobal => (429, Some((hour - now).num_seconds()), Some("jira-quota-global-based")),
            Self::Cost => (429, None, Some("jira-cost-based")),
            Self::Unheard => (429, Some(20), Some("jira-of-tomorrow")),
            Self::Unnamed => (429, None, None),
            Self::DataCenter => (429, Some(10), None),
            Self::Overloaded => (503, Some(30), None),
        };
        let mut reply = Reply::json(status, &problem("Rate limit exceeded."));
        let mut say = |name, value: String| reply.headers.push((name, value));
        if let Some(seconds) = seconds {
            say("retry-after", seconds.to_string());
        }
        if let Some(reason) = reason {
            say("ratelimit-reason", reason.to_owned());
        }
        match self {
            Self::QuotaTenant | Self::QuotaGlobal => {
                say("x-ratelimit-reset", hour.format("%Y-%m-%dT%H:%M:%SZ").to_string());
                say("ratelimit", format!("\"global-app-quota\";r=0;t={}", (hour - now).num_seconds()));
            }
            Self::Cost => say("x-ratelimit-reset", hour.format("%Y-%m-%dT%H:%MZ").to_string()),
            Self::DataCenter => {
                say("x-ratelimit-limit", "100".to_owned());
                say("x-ratelimit-remaining", "0".to_owned());
                say("x-ratelimit-fillrate", "10".to_owned());
                say("x-ratelimit-interval-seconds", "10".to_owned());
                reply.body = json!({"message": "Rate limit exceeded."}).to_string().into();
            }
            Self::Burst | Self::Ticket | Self::Unheard | Self::Unnamed | Self::Overloaded => {}
        }
        reply
    }
}

impl Site {
    /// Whether this request is refused before anything is done: as it was asked for, or because a limit is reached.
    pub(super) fn refusal(&mut self, method: &Method, path: &str) -> Option<Reply> {
        let now = self.time();
        if let Some(refusal) = self.refusals.pop_front() {
            return refusal.map(|refusal| refusal.reply(now));
        }
        if !self.keeps_limits {
            return None;
        }
        let charges = limits::charges_of(self.flavor, method, path);
        let mut over = None;
        for charge in &charges {
            let per = TimeDelta::from_std(charge.bucket.per).unwrap_or_default();
            let spent = self.spent.entry(charge.bucket.name.clone()).or_default();
            while spent.front().is_some_and(|at| *at + per <= now) {
                spent.pop_front();
            }
            if spent.len() >= charge.bucket.amount as usize {
                over = over.or(Some(charge.bucket.name.starts_with("ticket ")));
            }
        }
        if let Some(of_ticket) = over {
            let refusal = match (self.cloud(), of_ticket) {
                (false, _) => Refusal::DataCenter,
                (true, true) => Refusal::Ticket,
                (true, false) => Refusal::Burst,
            };
            return Some(refusal.reply(now));
        }
        for charge in charges {
            self.spent.entry(charge.bucket.name).or_default().push_back(now);
        }
        None
    }
}
