//! Webhooks that did not arrive, sent again. GitHub does not try by itself, keeps a delivery for three days, and gives
//! a repetition the same id, so that one that came after all is dropped (webhooks guide, "Handling failed webhook
//! deliveries").

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Error, ErrorKind, Result};
use http::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::request::{Acting, Call, Listing};
use crate::{GitHub, lock};

/// How long a delivery is kept there.
const KEPT: TimeDelta = TimeDelta::days(3);
/// Pages of deliveries, 100 each: more than a hook makes in three days is a flood, and the poll sees what it told.
const PAGES: usize = 50;

#[derive(Deserialize)]
struct Hook {
    id: u64,
    config: HookConfig,
}

#[derive(Deserialize)]
struct HookConfig {
    url: Option<String>,
}

/// One attempt at a delivery.
#[derive(Deserialize)]
struct Attempt {
    id: u64,
    guid: String,
    delivered_at: DateTime<Utc>,
    #[serde(default)]
    redelivery: bool,
    status_code: u16,
}

/// A list of deliveries, and in whose name it is read.
struct Hooked {
    url: Url,
    acting: Option<Acting>,
}

pub(crate) async fn redeliver(github: &GitHub, since: DateTime<Utc>) -> Result<u32> {
    let since = since.max((github.site.now)() - KEPT);
    let hooks = hooks(github).await?;
    if hooks.is_empty() {
        return Err(Error::unsupported("webhooks that we may look after"));
    }
    let mut asked = 0;
    for hook in hooks {
        for attempt in failed(github, &hook, since).await? {
            let mut url = hook.url.clone();
            url.set_query(None);
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.extend([attempt.id.to_string().as_str(), "attempts"]);
            }
            let mut call = Call::write("send a webhook again", Method::POST, url, json!({}));
            call = hook.acting.clone().into_iter().fold(call, Call::acting);
            github.site.send(&call).await?;
            lock(&github.redelivered).insert(attempt.guid);
            asked += 1;
        }
    }
    Ok(asked)
}

/// The hooks that send to us, as far as we may read them.
async fn hooks(github: &GitHub) -> Result<Vec<Hooked>> {
    let mut found = Vec::new();
    if github.site.auth.is_app() {
        // An App has one hook, which is its own.
        let url = github.site.url(&["app", "hook", "deliveries"])?;
        found.push(Hooked { url, acting: Some(Acting::App) });
        return Ok(found);
    }
    let Some(ours) = &github.webhook_url else { return Ok(found) };
    for spec in github.projects.values() {
        let mut url = github.site.repo_url(&spec.project, &["hooks"])?;
        url.query_pairs_mut().append_pair("per_page", "100");
        let call = Call::get(format!("list the webhooks of {}", spec.project), url);
        let hooks = match github.site.list::<Hook>(call).await {
            Ok(hooks) => hooks.entries,
            // Only who administers a repository sees its hooks.
            Err(Error { kind: ErrorKind::NotFound | ErrorKind::Forbidden(_), .. }) => continue,
            Err(error) => return Err(error),
        };
        for hook in hooks.into_iter().filter(|hook| hook.config.url.as_deref() == Some(ours.as_str())) {
            let id = hook.id.to_string();
            let url = github.site.repo_url(&spec.project, &["hooks", &id, "deliveries"])?;
            found.push(Hooked { url, acting: None });
        }
    }
    Ok(found)
}

/// The last attempt of each delivery that never arrived and was not asked for again yet, oldest first.
async fn failed(github: &GitHub, hook: &Hooked, since: DateTime<Utc>) -> Result<Vec<Attempt>> {
    let mut url = hook.url.clone();
    url.query_pairs_mut().append_pair("per_page", "100");
    let mut call = Call::get("list a webhook's deliveries", url);
    call = hook.acting.clone().into_iter().fold(call, Call::acting);
    // Newest first.
    let enough = |listing: &Listing<Attempt>| {
        listing.pages >= PAGES || listing.entries.last().is_some_and(|last| last.delivered_at < since)
    };
    let (listing, ..) = github.site.list_until::<Attempt>(call, enough).await?;
    let mut deliveries: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for attempt in listing.entries {
        deliveries.entry(attempt.guid.clone()).or_default().push(attempt);
    }
    let asked = lock(&github.redelivered).clone();
    let lost = |attempts: &Vec<Attempt>| {
        attempts.iter().all(|attempt| !attempt.redelivery && !(200..300).contains(&attempt.status_code))
    };
    let mut failed: Vec<Attempt> = deliveries
        .into_values()
        .filter(lost)
        .filter_map(|attempts| attempts.into_iter().next())
        .filter(|attempt| attempt.delivered_at >= since && !asked.contains(&attempt.guid))
        .collect();
    failed.sort_by_key(|attempt| (attempt.delivered_at, attempt.id));
    Ok(failed)
}
