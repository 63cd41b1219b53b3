//! What changed in a repository, asked so that "nothing" costs nothing.
//!
//! The listing is asked for with the `ETag` of its last answer; GitHub's 304 does not count against the limit. The
//! tag covers one page of one address, so:
//! - the address stays the same, byte for byte, for as long as it can: `since` moves on only when the listing has
//!   grown, and a ledger in the cursor drops what was handed over already;
//! - the newest come first, because then every change shows on the first page, whose tag is the one we keep.
//!   Entries that move while we page are then met twice rather than skipped; one that leaves the listing
//!   meanwhile can hide its neighbour, so a listing of several pages is read twice before `since` passes it.
//!
//! GitHub's times are whole seconds. What changed within the last two is not yet final: another edit in the same
//! second would look the same in a tag, so no tag is kept and such entries come again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use connector_api::{Changed, Error, ErrorKind, LABEL, Result, Stream, Ticket};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::GitHub;
use crate::request::{Call, Listing};
use crate::wire::Issue;

/// How far `since` stays behind the newest change seen.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);
/// How old a change must be for nothing to be added to its second.
const SETTLED: TimeDelta = TimeDelta::seconds(2);
/// A listing with more entries moves `since` on.
const GROWN: usize = 50;
/// Entries of the ledger; what does not fit is handed over again, which is harmless.
const LEDGER: usize = 1_000;

/// Where the next poll goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    since: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// The last run had several pages and is to be repeated before `since` moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    /// Handed over already: issue id to a digest of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<u64, String>,
}

/// An issue of a listing.
struct Entry {
    id: u64,
    updated: DateTime<Utc>,
    digest: String,
    /// None for a pull request.
    ticket: Option<Ticket>,
}

pub(crate) async fn poll(
    github: &GitHub,
    stream: &Stream,
    cursor: Option<&str>,
    since: DateTime<Utc>,
) -> Result<Changed> {
    let what = format!("poll {}", stream.name);
    let Some(spec) = stream.projects.first() else {
        return Err(Error::new(what, ErrorKind::Invalid("a stream without a repository".to_owned())));
    };
    let old = match cursor {
        Some(text) => serde_json::from_str(text)
            .map_err(|e| Error::new(&*what, ErrorKind::Invalid(format!("the cursor cannot be read: {e}"))))?,
        None => Cursor { since: whole_second(since), etag: None, again: false, seen: BTreeMap::new() },
    };
    let mut url = github.site.repo_url(&spec.project, &["issues"])?;
    url.query_pairs_mut()
        .append_pair("state", "all")
        .append_pair("labels", LABEL)
        .append_pair("since", &old.since.to_rfc3339_opts(SecondsFormat::Secs, true))
        .append_pair("sort", "updated")
        .append_pair("direction", "desc")
        .append_pair("per_page", "100");
    let call = Call::get(what, url).unless(old.etag.clone());
    let Listing { entries, pages, etag, server_time } = github.site.list::<serde_json::Value>(call).await?;
    let server = server_time.unwrap_or_else(|| (github.site.now)());
    if pages == 0 {
        let cursor = cursor.unwrap_or_default().to_owned();
        return Ok(Changed { tickets: Vec::new(), cursor, server_time: Some(server) });
    }
    let entries = read(github, &stream.name, spec, entries)?;
    let next = old.clone().after(&entries, pages, etag, server);
    let tickets = entries
        .into_iter()
        .rev()
        .filter(|entry| old.seen.get(&entry.id) != Some(&entry.digest))
        .filter_map(|entry| entry.ticket)
        .collect();
    let cursor = serde_json::to_string(&next)
        .map_err(|e| Error::new("write a cursor", ErrorKind::Invalid(e.to_string())))?;
    Ok(Changed { tickets, cursor, server_time: Some(server) })
}

/// The entries of a listing, each once: the first met is the newest.
fn read(
    github: &GitHub,
    stream: &str,
    spec: &connector_api::ProjectSpec,
    values: Vec<serde_json::Value>,
) -> Result<Vec<Entry>> {
    let mut met = BTreeSet::new();
    let mut entries = Vec::with_capacity(values.len());
    for value in values {
        let digest = Sha256::digest(value.to_string().as_bytes());
        let digest = hex::encode(digest.get(..8).unwrap_or_default());
        let issue: Issue = serde_json::from_value(value).map_err(|error| {
            let said = format!("an issue in the listing cannot be read: {error}");
            Error::new(format!("poll {stream}"), ErrorKind::Unavailable(said))
        })?;
        if met.insert(issue.id) {
            let ticket = (!issue.is_pull_request()).then(|| github.ticket(&issue, &spec.project, Some(spec)));
            entries.push(Entry { id: issue.id, updated: issue.updated_at, digest, ticket });
        }
    }
    Ok(entries)
}

impl Cursor {
    /// The cursor after a whole listing was read.
    fn after(mut self, entries: &[Entry], pages: usize, etag: Option<String>, server: DateTime<Utc>) -> Self {
        let settled = |entry: &&Entry| entry.updated < server - SETTLED;
        let newest = entries.iter().map(|entry| entry.updated).max();
        let candidate = newest.map(|newest| whole_second(newest.min(server) - OVERLAP));
        let candidate = candidate.filter(|candidate| *candidate > self.since);
        self.etag = etag.filter(|_| entries.iter().all(|entry| settled(&entry)));
        if pages > 1 && !self.again {
            self.again = true;
            self.etag = None;
        } else {
            self.again = false;
            if let Some(candidate) = candidate
                && (pages > 1 || entries.len() > GROWN)
            {
                self.since = candidate;
                self.etag = None;
            }
        }
        self.seen = entries
            .iter()
            .filter(settled)
            .filter(|entry| entry.updated >= self.since)
            .take(LEDGER)
            .map(|entry| (entry.id, entry.digest.clone()))
            .collect();
        self
    }
}

fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::seconds(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap_or_default()
    }

    fn start() -> Cursor {
        Cursor { since: at(0), etag: None, again: false, seen: BTreeMap::new() }
    }

    fn entries(n: u64, updated: i64) -> Vec<Entry> {
        (0..n)
            .map(|id| Entry { id, updated: at(updated), digest: format!("{id:016x}"), ticket: None })
            .collect()
    }

    fn tag() -> String {
        "W/\"x\"".to_owned()
    }

    #[test]
    fn a_small_answer_keeps_its_address_and_its_tag() {
        let next = start().after(&entries(3, 500), 1, Some(tag()), at(900));
        assert_eq!((next.since, next.etag, next.again), (at(0), Some(tag()), false));
        assert_eq!(next.seen.len(), 3);
    }

    #[test]
    fn a_grown_answer_moves_on_behind_the_newest_and_behind_the_server() {
        let next = start().after(&entries(60, 500), 1, Some(tag()), at(900));
        assert_eq!((next.since, next.etag), (at(440), None));
        assert_eq!(next.seen.len(), 60, "what the overlap repeats is known");
        let ahead = start().after(&entries(60, 500), 1, Some(tag()), at(400));
        assert_eq!(ahead.since, at(340), "never past the server's own time");
        let stays = start().after(&entries(60, 30), 1, Some(tag()), at(900));
        assert_eq!((stays.since, stays.etag), (at(0), Some(tag())), "never backwards");
    }

    #[test]
    fn several_pages_are_read_twice_before_moving_on() {
        let once = start().after(&entries(250, 500), 3, Some(tag()), at(900));
        assert_eq!((once.since, once.etag.clone(), once.again), (at(0), None, true));
        let twice = once.after(&entries(250, 500), 3, Some(tag()), at(960));
        assert_eq!((twice.since, twice.etag, twice.again), (at(440), None, false));
    }

    #[test]
    fn a_burst_within_the_overlap_ends_in_a_tag() {
        let mut cursor = Cursor { since: at(440), ..start() };
        for n in 0..2 {
            cursor = cursor.after(&entries(250, 500), 3, Some(tag()), at(900 + n * 60));
        }
        assert_eq!((cursor.since, cursor.etag, cursor.again), (at(440), Some(tag()), false));
    }

    #[test]
    fn what_changed_just_now_is_asked_again() {
        let next = start().after(&entries(3, 899), 1, Some(tag()), at(900));
        assert_eq!(next.etag, None);
        assert!(next.seen.is_empty());
    }

    #[test]
    fn a_cursor_reads_back() -> serde_json::Result<()> {
        let cursor = Cursor { again: true, ..start().after(&entries(2, 500), 1, Some(tag()), at(900)) };
        assert_eq!(serde_json::from_str::<Cursor>(&serde_json::to_string(&cursor)?)?, cursor);
        assert_eq!(serde_json::from_str::<Cursor>(r#"{"since":"2027-01-15T08:00:00Z"}"#)?, start());
        Ok(())
    }
}
