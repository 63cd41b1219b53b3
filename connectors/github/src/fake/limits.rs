//! The limits that GitHub states, enforced: what was spent within the last minute and hour.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;

use super::model::{Limit, Model};
use super::routes::Reply;

/// What counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rest,
    Graph,
    Content,
}

/// Kind, how much of it, within how many seconds.
const STATED: [(Kind, u32, i64); 4] =
    [(Kind::Rest, 900, 60), (Kind::Graph, 2_000, 60), (Kind::Content, 80, 60), (Kind::Content, 500, 3_600)];

/// What was spent lately, oldest first.
#[derive(Debug, Default)]
pub(super) struct Spent(VecDeque<(DateTime<Utc>, Kind, u32)>);

fn kinds(method: &Method, path: &str) -> Vec<(Kind, u32)> {
    if path.ends_with("/graphql") {
        return vec![(Kind::Graph, 1)];
    }
    let mut all = vec![(Kind::Rest, if *method == Method::GET { 1 } else { 5 })];
    let last = path.rsplit('/').next().unwrap_or_default();
    if *method == Method::POST
        && matches!(last, "issues" | "comments" | "reactions" | "labels" | "milestones")
    {
        all.push((Kind::Content, 1));
    }
    all
}

fn secondary(status: u16, words: &str, retry_after: Option<i64>) -> Reply {
    let mut reply = Reply::problem(status, words);
    reply.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    reply
}

const SECONDARY: &str =
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
const CONTENT: &str =
    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation.";

/// Refuses a request that a limit forbids, and counts one that passes.
pub(super) fn admit(model: &mut Model, method: &Method, path: &str) -> Result<(), Reply> {
    if model.budget == Some(0) {
        return Err(Reply::problem(403, "API rate limit exceeded for this user."));
    }
    let kinds = kinds(method, path);
    let writes = *method != Method::GET && !path.ends_with("/graphql");
    match model.limit {
        Some(Limit::Secondary(after)) if writes => {
            return Err(secondary(403, SECONDARY, after.map(i64::from)));
        }
        Some(Limit::Content) if kinds.iter().any(|(kind, _)| *kind == Kind::Content) => {
            return Err(secondary(403, CONTENT, None));
        }
        Some(Limit::Unknown) => return Err(secondary(429, "Slow down.", None)),
        Some(Limit::Secondary(_) | Limit::Content) | None => {}
    }
    let now = model.time();
    let Some(Spent(spent)) = &mut model.spent else { return Ok(()) };
    while spent.front().is_some_and(|(at, ..)| now - *at >= TimeDelta::hours(1)) {
        spent.pop_front();
    }
    for (kind, cost) in &kinds {
        for (_, most, seconds) in STATED.iter().filter(|(stated, ..)| stated == kind) {
            let recent = || {
                let within = TimeDelta::seconds(*seconds);
                spent.iter().filter(move |(at, of, _)| of == kind && now - *at < within)
            };
            if recent().map(|(.., cost)| cost).sum::<u32>() + cost > *most {
                let oldest = recent().map(|(at, ..)| *at).min().unwrap_or(now);
                let wait = (oldest + TimeDelta::seconds(*seconds) - now).num_seconds();
                let words = if *kind == Kind::Content { CONTENT } else { SECONDARY };
                return Err(secondary(403, words, Some(wait)));
            }
        }
    }
    spent.extend(kinds.into_iter().map(|(kind, cost)| (now, kind, cost)));
    Ok(())
}
