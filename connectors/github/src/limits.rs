//! What GitHub allows, and what its refusals say (REST guide, "Rate limits for the REST API"; GraphQL guide, "Rate
//! limits and query limits").
//!
//! The hourly budget differs by account and plan, so it is not stated here: its headers are reacted to. An Enterprise
//! Server has its limits off unless its administrator sets them.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use connector_api::error::LimitScope;
use connector_api::{Bucket, Charge, ErrorKind};
use http::Method;

use crate::request::{Answer, number_header};

/// A secondary limit that names no time asks for at least a minute.
const SECONDARY_WAIT: TimeDelta = TimeDelta::seconds(60);
/// No limit of GitHub's lasts longer; a header that says so is wrong.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// Points of the REST interface: 900 a minute.
pub const REST: &str = "points per minute";
/// Points of the GraphQL interface: 2,000 a minute.
pub const GRAPHQL: &str = "GraphQL points per minute";
/// What makes content that people are told of: 80 a minute.
pub const CONTENT_PER_MINUTE: &str = "content per minute";
/// The same: 500 an hour.
pub const CONTENT_PER_HOUR: &str = "content per hour";

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// What a request of this connector counts against. A read costs 1 point, a write 5; a ticket, comment, reaction,
/// label or milestone that is made is content too.
pub fn charges(request: &http::Request<Bytes>) -> Vec<Charge> {
    let path = request.uri().path();
    let charge = |name: &str, amount, per, cost| Charge {
        bucket: Bucket { name: name.to_owned(), amount, per },
        cost,
    };
    // All that is asked there are queries.
    if path.ends_with("/graphql") {
        return vec![charge(GRAPHQL, 2_000, MINUTE, 1)];
    }
    let cost = if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) { 1 } else { 5 };
    let mut all = vec![charge(REST, 900, MINUTE, cost)];
    let makes = ["/issues", "/comments", "/reactions", "/labels", "/milestones"];
    if *request.method() == Method::POST && makes.iter().any(|end| path.ends_with(end)) {
        all.push(charge(CONTENT_PER_MINUTE, 80, MINUTE, 1));
        all.push(charge(CONTENT_PER_HOUR, 500, HOUR, 1));
    }
    all
}

/// What a refusal says about limits: `Retry-After` first, then an exhausted budget, then the words of a secondary
/// limit, which asks for a minute at least. A 429 is a limit whatever it says; any other 403 is a matter of
/// permission. `now` is ours; a reset is measured by the site's own clock.
pub(crate) fn refusal(answer: &Answer, said: &str, now: DateTime<Utc>) -> Option<ErrorKind> {
    let said = said.to_ascii_lowercase();
    let secondary = said.contains("secondary rate limit") || said.contains("abuse");
    let limited = secondary || said.contains("rate limit") || answer.status.as_u16() == 429;
    let exhausted = number_header(&answer.headers, "x-ratelimit-remaining") == Some(0);
    let wait = if let Some(seconds) = number_header(&answer.headers, "retry-after") {
        TimeDelta::try_seconds(seconds).unwrap_or(LONGEST_WAIT)
    } else if exhausted && !secondary {
        let reset = number_header(&answer.headers, "x-ratelimit-reset");
        let reset = reset.and_then(|at| DateTime::from_timestamp(at, 0));
        reset.map_or(SECONDARY_WAIT, |reset| reset - answer.server_time().unwrap_or(now))
    } else if limited {
        SECONDARY_WAIT
    } else {
        return None;
    };
    let content = said.contains("content creation");
    Some(ErrorKind::RateLimited {
        until: now + wait.clamp(TimeDelta::seconds(1), LONGEST_WAIT),
        reason: if secondary { "secondary rate limit" } else { "rate limit" }.to_owned(),
        scope: if content {
            LimitScope::Bucket(CONTENT_PER_MINUTE.to_owned())
        } else {
            LimitScope::Connection
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_where_github_counts_it() {
        for (method, path, wanted) in [
            ("GET", "/repos/a/b/issues?since=x", vec![(REST, 1)]),
            ("PATCH", "/repos/a/b/issues/7", vec![(REST, 5)]),
            ("POST", "/repos/a/b/issues", vec![(REST, 5), (CONTENT_PER_MINUTE, 1), (CONTENT_PER_HOUR, 1)]),
            (
                "POST",
                "/api/v3/repos/a/b/issues/7/comments",
                vec![(REST, 5), (CONTENT_PER_MINUTE, 1), (CONTENT_PER_HOUR, 1)],
            ),
            ("POST", "/repos/a/b/hooks/1/deliveries/2/attempts", vec![(REST, 5)]),
            ("POST", "/graphql", vec![(GRAPHQL, 1)]),
            ("POST", "/api/graphql", vec![(GRAPHQL, 1)]),
        ] {
            let request = http::Request::builder().method(method).uri(path).body(Bytes::new());
            let charges = request.map(|request| charges(&request)).unwrap_or_default();
            let told: Vec<_> = charges.iter().map(|c| (c.bucket.name.as_str(), c.cost)).collect();
            assert_eq!(told, wanted, "{method} {path}");
            for charge in &charges {
                assert!(charge.cost <= charge.bucket.amount, "a single request always fits");
            }
        }
    }
}
