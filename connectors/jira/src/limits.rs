//! What Jira allows, as data, and what its answers say about it.
//!
//! Sources: Atlassian, "Rate limiting" of the Jira Cloud platform (12 August 2026): burst limits by path and method,
//! limits of writes on one issue, `RateLimit-Reason`, `X-RateLimit-*`, `RateLimit`; "Adjusting your code for rate
//! limiting" of Jira Data Center: `X-RateLimit-Interval-Seconds`, `Retry-After`.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use connector_api::error::LimitScope;
use connector_api::{Bucket, Charge};
use http::{HeaderMap, Method, StatusCode};

use crate::Flavor;

/// The longest wait that we take from a header: the hour at which Jira's quotas start anew. Data Center sends
/// absurd values where a quota is zero.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);
/// The wait where a connection must stop and nothing tells for how long.
const CONNECTION_WAIT: TimeDelta = TimeDelta::seconds(60);
/// The same for one allowance: where Atlassian's own recipe begins.
const BUCKET_WAIT: TimeDelta = TimeDelta::seconds(5);
/// What all requests to a Data Center count against: its limits are the operator's own, so this is only a courtesy.
const DATA_CENTER_PER_SECOND: u32 = 50;

/// What a request counts against: on Cloud its path and method, and its ticket where it writes to one; on Data Center
/// one allowance for all.
pub fn charges(flavor: Flavor, request: &http::Request<Bytes>) -> Vec<Charge> {
    charges_of(flavor, request.method(), request.uri().path())
}

pub(crate) fn charges_of(flavor: Flavor, method: &Method, path: &str) -> Vec<Charge> {
    let charge = |name: String, amount, seconds| Charge {
        bucket: Bucket { name, amount, per: Duration::from_secs(seconds) },
        cost: 1,
    };
    if flavor == Flavor::DataCenter {
        return vec![charge("requests".to_owned(), DATA_CENTER_PER_SECOND, 1)];
    }
    let mut charges = vec![charge(endpoint(method, path), burst(method, path), 1)];
    if *method != Method::GET
        && let Some(ticket) = ticket(path)
    {
        charges.push(charge(of_ticket(ticket), 20, 2));
        charges.push(charge(format!("{} in 30 s", of_ticket(ticket)), 100, 30));
    }
    charges
}

/// Requests a second on one path by one method.
fn burst(method: &Method, path: &str) -> u32 {
    match (method.as_str(), &*template(path)) {
        ("GET", "/issue/{issueIdOrKey}/changelog") => 200,
        ("GET", "/issue/{issueIdOrKey}") | ("POST", "/search/approximate-count") => 150,
        ("GET" | "POST", _) => 100,
        _ => 50,
    }
}

fn endpoint(method: &Method, path: &str) -> String {
    format!("{method} {}", template(path))
}

fn of_ticket(id: &str) -> String {
    format!("ticket {id}")
}

/// What follows `/rest/api/N` in a path, wherever the site is mounted.
pub(crate) fn below_api(path: &str) -> &str {
    let tail = path.split_once("/rest/api/").map(|(_, rest)| rest);
    tail.and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(path)
}

/// The words after `/issue` that are calls of their own and no issue.
const NO_ISSUE: [&str; 3] = ["bulk", "bulkfetch", "createmeta"];

/// A path below `/rest/api/N` with its variable parts named as Atlassian's description names them.
pub(crate) fn template(path: &str) -> String {
    let mut before = "";
    let mut parts = Vec::new();
    for part in below_api(path).split('/') {
        parts.push(match before {
            "issue" if !NO_ISSUE.contains(&part) => "{issueIdOrKey}",
            "comment" | "content" | "attachment" if part != "content" => "{id}",
            "project" | "createmeta" => "{projectIdOrKey}",
            "issuetypes" => "{issueTypeId}",
            "properties" => "{propertyKey}",
            _ => part,
        });
        before = part;
    }
    parts.join("/")
}

/// The ticket that a path is about.
fn ticket(path: &str) -> Option<&str> {
    let id = below_api(path).strip_prefix("/issue/")?.split('/').next()?;
    (!id.is_empty() && !NO_ISSUE.contains(&id)).then_some(id)
}

/// That a site asks to wait, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// How much must wait.
    pub scope: LimitScope,
    /// Not before this time.
    pub until: DateTime<Utc>,
    /// As the site named it.
    pub reason: String,
}

/// What an answer says about waiting: one that refuses (429, 503), or one that comes through and tells that the next
/// one would not.
pub fn wait(
    flavor: Flavor,
    method: &Method,
    path: &str,
    status: StatusCode,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Option<Wait> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let told = || {
        text("retry-after")
            .and_then(|value| retry_after(value, now))
            .or_else(|| text("x-ratelimit-reset").and_then(reset_time))
    };
    let bounded = |scope, until: DateTime<Utc>, reason: String| {
        let until = until.clamp(now + TimeDelta::seconds(1), now + LONGEST_WAIT);
        Some(Wait { scope, until, reason })
    };
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            let reason = text("ratelimit-reason").unwrap_or("not named").to_owned();
            let scope = match (reason.as_str(), ticket(path)) {
                ("jira-burst-based", _) => LimitScope::Bucket(endpoint(method, path)),
                ("jira-per-issue-on-write", Some(ticket)) => LimitScope::Bucket(of_ticket(ticket)),
                // A quota, the older cost limit, or something that we do not know.
                _ => LimitScope::Connection,
            };
            let usual = match scope {
                LimitScope::Connection => interval(flavor, headers).unwrap_or(CONNECTION_WAIT),
                LimitScope::Bucket(_) => BUCKET_WAIT,
            };
            bounded(scope, told().unwrap_or(now + usual), reason)
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let until = text("retry-after").and_then(|value| retry_after(value, now))?;
            bounded(LimitScope::Connection, until, "HTTP 503".to_owned())
        }
        _ => {
            if let Some((policy, seconds)) = text("ratelimit").and_then(exhausted) {
                return bounded(LimitScope::Connection, now + seconds, policy);
            }
            if flavor == Flavor::DataCenter {
                let none_left = text("x-ratelimit-remaining") == Some("0");
                let span = interval(flavor, headers).filter(|_| none_left)?;
                return bounded(LimitScope::Connection, now + span, "x-ratelimit-remaining".to_owned());
            }
            let near = text("x-ratelimit-nearlimit").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let scope = LimitScope::Bucket(endpoint(method, path));
            near.then(|| bounded(scope, now, "x-ratelimit-nearlimit".to_owned())).flatten()
        }
    }
}

/// How long a Data Center takes to fill its allowance again.
fn interval(flavor: Flavor, headers: &HeaderMap) -> Option<TimeDelta> {
    let text = headers.get("x-ratelimit-interval-seconds")?.to_str().ok()?;
    let seconds = text.trim().parse().ok()?;
    (flavor == Flavor::DataCenter).then(|| TimeDelta::try_seconds(seconds)).flatten()
}

/// The first policy of a structured `RateLimit` header that has nothing left (`r=0`), and when it has again (`t`).
fn exhausted(text: &str) -> Option<(String, TimeDelta)> {
    text.split(',').find_map(|policy| {
        let (name, parameters) = policy.split_once(';')?;
        let number = |key: &str| {
            let mut pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(name, _)| *name == key)?.1.parse::<i64>().ok()
        };
        let seconds = TimeDelta::try_seconds(number("t")?.clamp(0, LONGEST_WAIT.num_seconds()))?;
        (number("r") == Some(0)).then(|| (name.trim().trim_matches('"').to_owned(), seconds))
    })
}

/// Seconds, or an HTTP date.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = text.parse::<i64>().unwrap_or(i64::MAX).min(LONGEST_WAIT.num_seconds());
        return Some(now + TimeDelta::seconds(seconds));
    }
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}

/// ISO 8601 in UTC, with seconds or (as seen on the older cost limits) without.
fn reset_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let bare = text.trim_end_matches('Z');
    NaiveDateTime::parse_from_str(bare, "%Y-%m-%dT%H:%M").ok().map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::*;

    fn request(method: &str, path: &str) -> http::Request<Bytes> {
        let address = format!("https://acme.atlassian.net{path}?x=1");
        http::Request::builder().method(method).uri(address).body(Bytes::new()).expect("a request")
    }

    #[test]
    fn every_request_counts_against_what_atlassian_states() {
        let table = [
            ("GET", "/rest/api/3/myself", "GET /myself", 100),
            ("POST", "/rest/api/3/search/jql", "POST /search/jql", 100),
            ("POST", "/rest/api/3/search/approximate-count", "POST /search/approximate-count", 150),
            ("POST", "/rest/api/3/issue/bulk", "POST /issue/bulk", 100),
            ("GET", "/rest/api/3/issue/10042", "GET /issue/{issueIdOrKey}", 150),
            ("GET", "/rest/api/3/issue/10042/changelog", "GET /issue/{issueIdOrKey}/changelog", 200),
            ("GET", "/rest/api/3/issue/10042/comment", "GET /issue/{issueIdOrKey}/comment", 100),
            (
                "GET",
                "/rest/api/3/issue/createmeta/ACME/issuetypes/7",
                "GET /issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}",
                100,
            ),
        ];
        for (method, path, name, amount) in table {
            let charges = charges(Flavor::Cloud, &request(method, path));
            let told: Vec<_> =
                charges.iter().map(|c| (c.bucket.name.as_str(), c.bucket.amount, c.cost)).collect();
            assert_eq!(told, [(name, amount, 1)], "{method} {path}");
        }
    }

    #[test]
    fn a_write_counts_for_its_ticket_too_wherever_the_site_is() {
        for (method, path, name, amount) in [
            ("PUT", "/rest/api/3/issue/10042", "PUT /issue/{issueIdOrKey}", 50),
            ("DELETE", "/rest/api/3/issue/10042", "DELETE /issue/{issueIdOrKey}", 50),
            (
                "POST",
                "/ex/jira/cloud-1/rest/api/3/issue/10042/transitions",
                "POST /issue/{issueIdOrKey}/transitions",
                100,
            ),
            ("PUT", "/rest/api/3/issue/10042/comment/7", "PUT /issue/{issueIdOrKey}/comment/{id}", 50),
        ] {
            let charges = charges(Flavor::Cloud, &request(method, path));
            let told: Vec<_> = charges
                .iter()
                .map(|c| (c.bucket.name.as_str(), c.bucket.amount, c.bucket.per.as_secs()))
                .collect();
            let wanted = [(name, amount, 1), ("ticket 10042", 20, 2), ("ticket 10042 in 30 s", 100, 30)];
            assert_eq!(told, wanted, "{method} {path}");
        }
    }

    #[test]
    fn a_data_center_has_one_allowance_for_all() {
        for path in ["/rest/api/2/search", "/context/rest/api/2/issue/10042"] {
            let charges = charges(Flavor::DataCenter, &request("PUT", path));
            let names: Vec<_> = charges.iter().map(|c| c.bucket.name.as_str()).collect();
            assert_eq!(names, ["requests"]);
        }
    }

    fn of(flavor: Flavor, status: u16, headers: &[(&'static str, &str)]) -> Option<(LimitScope, i64)> {
        let value = |text: &str| http::HeaderValue::from_str(text).expect("a header");
        let map: HeaderMap =
            headers.iter().map(|(name, text)| (http::HeaderName::from_static(name), value(text))).collect();
        let status = StatusCode::from_u16(status).expect("a status");
        let now = DateTime::UNIX_EPOCH;
        wait(flavor, &Method::PUT, "/rest/api/3/issue/10042", status, &map, now)
            .map(|wait| (wait.scope, (wait.until - now).num_seconds()))
    }

    /// Flavour, status and headers of an answer; who must wait, and for how many seconds.
    type Case<'a> = (Flavor, u16, &'a [(&'static str, &'a str)], Option<LimitScope>, i64);

    /// What is refused is in `tests/it/errors.rs`; here is what comes through and warns, and 503.
    #[test]
    fn answers_that_come_through_warn_of_the_next() {
        let all = || Some(LimitScope::Connection);
        let endpoint = || Some(LimitScope::Bucket("PUT /issue/{issueIdOrKey}".to_owned()));
        let quota = r#""burst";r=40;t=1, "global-app-quota";r=0;t=1847"#;
        let (cloud, own) = (Flavor::Cloud, Flavor::DataCenter);
        let table: &[Case<'_>] = &[
            (cloud, 200, &[], None, 0),
            (cloud, 200, &[("x-ratelimit-nearlimit", "true")], endpoint(), 1),
            (cloud, 200, &[("x-ratelimit-nearlimit", "false"), ("x-ratelimit-remaining", "0")], None, 0),
            (cloud, 200, &[("ratelimit", quota)], all(), 1847),
            (cloud, 200, &[("ratelimit", quota), ("x-ratelimit-nearlimit", "true")], all(), 1847),
            (cloud, 200, &[("ratelimit", r#""global-app-quota";t=1847"#)], None, 0),
            (cloud, 200, &[("ratelimit", r#""global-app-quota";r=0;t=9223372036854775807"#)], all(), 3600),
            (cloud, 200, &[("beta-ratelimit", quota)], None, 0),
            (cloud, 200, &[("ratelimit", "no structure")], None, 0),
            (cloud, 503, &[], None, 0),
            (cloud, 503, &[("retry-after", "30")], all(), 30),
            (own, 200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-interval-seconds", "60")], all(), 60),
            (own, 200, &[("x-ratelimit-remaining", "3"), ("x-ratelimit-interval-seconds", "60")], None, 0),
            (own, 429, &[("x-ratelimit-interval-seconds", "10")], all(), 10),
            (own, 429, &[("retry-after", "9223372036854775807")], all(), 3600),
        ];
        for (flavor, status, headers, scope, seconds) in table {
            let wanted = scope.clone().map(|scope| (scope, *seconds));
            assert_eq!(of(*flavor, *status, headers), wanted, "{flavor:?} {status} {headers:?}");
        }
    }

    #[test]
    fn reads_resets_with_and_without_seconds() {
        for text in ["2026-06-05T06:00Z", "2026-06-05T06:00:00Z", "2026-06-05T08:00:00+02:00"] {
            assert_eq!(reset_time(text).map(|at| at.timestamp()), Some(1_780_639_200), "{text}");
        }
        assert_eq!(reset_time("soon"), None);
    }

    #[test]
    fn clamps_absurd_waits() {
        let now = DateTime::UNIX_EPOCH;
        for absurd in ["9223372036854775807", "99999999999999999999999", "86400"] {
            assert_eq!(retry_after(absurd, now), Some(now + LONGEST_WAIT), "{absurd}");
        }
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:30 GMT", now), Some(now + TimeDelta::seconds(30)));
        assert_eq!(retry_after("-5", now), None);
    }
}
