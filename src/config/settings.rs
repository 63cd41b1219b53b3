//! The single sections that say how the daemon itself runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use secrecy::SecretString;
use url::Url;

use super::section::Section;
use super::site;
use crate::register::policy::{DriftPolicy, MovesPolicy};
use crate::timetable::Timetable;

/// `[server]`.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where people and trackers reach it from outside, for links and webhooks.
    pub public_url: Option<Url>,
    /// Largest webhook that is taken, in bytes.
    pub webhook_bytes: u64,
    /// Seconds that work under way may take to finish when stopped.
    pub stop_seconds: u32,
}

impl Server {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let listen = section.parsed_or("listen", SocketAddr::from(([127, 0, 0, 1], 8484)), |text| {
            text.parse().map_err(|_| {
                format!("{text:?} is no address with a port, such as \"127.0.0.1:8484\" or \"[::]:8484\"")
            })
        });
        let public_url = section.parsed("public_url", site::url);
        // GitHub never sends more than 25 MB.
        let webhook_bytes = section.number("webhook_bytes", 1_024..=104_857_600, 26_214_400).into();
        let stop_seconds = section.number("stop_seconds", 1..=600, 30);
        section.finish();
        Some(Self { listen: listen?, public_url, webhook_bytes, stop_seconds })
    }
}

/// `[store]`.
#[derive(Debug, Clone)]
pub struct Store {
    /// Which database.
    pub url: StoreUrl,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// One `SQLite` file.
    Sqlite(PathBuf),
    /// A `PostgreSQL` URL, which may hold a password.
    Postgres(SecretString),
}

impl Store {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let url = match section.secret_text("url") {
            None if section.given("url") => None,
            None => Some(StoreUrl::Sqlite(section.dir().join("poam.db"))),
            Some((text, origin)) => {
                if has_password(&text) {
                    section.note_secret(&origin);
                }
                store_url(&text, section.dir()).map_err(|what| section.mistake("url", what)).ok()
            }
        };
        section.finish();
        Some(Self { url: url? })
    }
}

fn has_password(url: &str) -> bool {
    Url::parse(url)
        .is_ok_and(|url| url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password"))
}

fn store_url(text: &str, dir: &Path) -> Result<StoreUrl, String> {
    const FORMS: &str = "\"sqlite:poam.db\" or \"postgres://user@host/database\"";
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains([':', '?']) {
            return Err(format!("must name a plain file: {FORMS}"));
        }
        return Ok(StoreUrl::Sqlite(dir.join(path)));
    }
    // The text may hold a password, so no message repeats it.
    let url = Url::parse(text).map_err(|error| format!("is no URL ({error}); write {FORMS}"))?;
    match url.scheme() {
        "postgres" | "postgresql" if url.path().len() > 1 => Ok(StoreUrl::Postgres(text.to_owned().into())),
        "postgres" | "postgresql" => Err("names no database after the host".to_owned()),
        scheme => Err(format!("is of a kind ({scheme}) that is no store; write {FORMS}")),
    }
}

/// `[evidence]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where its bytes are kept.
    pub url: EvidenceUrl,
}

/// Where evidence is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceUrl {
    /// A folder.
    Folder(PathBuf),
    /// A bucket, with a prefix: `s3://bucket/prefix`. Credentials come from the usual AWS variables.
    S3(Url),
}

impl Evidence {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let folder = EvidenceUrl::Folder(section.dir().join("evidence"));
        let url = section.parsed_or("url", folder, |text| evidence_url(text, section.dir()));
        section.finish();
        Some(Self { url: url? })
    }
}

fn evidence_url(text: &str, dir: &Path) -> Result<EvidenceUrl, String> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(EvidenceUrl::Folder(dir.join(text)));
    };
    match scheme {
        "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err("names no folder".to_owned());
            }
            Ok(EvidenceUrl::Folder(dir.join(path)))
        }
        "s3" if cfg!(not(feature = "s3")) => {
            Err("this build keeps evidence in folders only: build with `--features s3` for buckets"
                .to_owned())
        }
        "s3" => {
            let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
            if url.host_str().is_none_or(str::is_empty)
                || !url.username().is_empty()
                || url.password().is_some()
            {
                return Err(format!(
                    "{text:?} is no bucket such as \"s3://bucket/prefix\" (credentials come from AWS_* variables)"
                ));
            }
            Ok(EvidenceUrl::S3(url))
        }
        _ => Err(format!("{text:?} is neither a folder nor a bucket (\"s3://bucket/prefix\")")),
    }
}

/// `[seal]`.
#[derive(Debug, Clone)]
pub struct Seal {
    /// The Ed25519 key in PEM, kept outside the store; none where nothing is sealed.
    pub key_file: Option<PathBuf>,
    /// When every chain is sealed.
    pub schedule: Timetable,
}

impl Seal {
    pub(super) fn read(section: &Section<'_>, zone: Tz) -> Option<Self> {
        let key_file = section.path_of("key_file");
        if let Some(what) = key_file.as_deref().and_then(super::secret::too_open) {
            section.mistake("key_file", what);
        }
        let schedule = timetable(section, "schedule", "0 * * * *", zone);
        section.finish();
        Some(Self { key_file, schedule: schedule? })
    }
}

/// `[schedule]`.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The zone that every timetable is in.
    pub zone: Tz,
    /// When trackers are asked for what changed.
    pub poll: Timetable,
    /// When every link is read, to find what no poll and no webhook told.
    pub sweep: Timetable,
    /// When drift is looked for throughout, for what only the calendar changes.
    pub detect: Timetable,
}

impl Schedule {
    pub(super) fn read(section: &Section<'_>, zone: Tz) -> Option<Self> {
        let poll = timetable(section, "poll", "* * * * *", zone);
        let sweep = timetable(section, "sweep", "30 3 * * *", zone);
        let detect = timetable(section, "detect", "*/15 * * * *", zone);
        section.finish();
        Some(Self { zone, poll: poll?, sweep: sweep?, detect: detect? })
    }
}

/// A cron expression, or the default.
fn timetable(section: &Section<'_>, key: &str, default: &str, zone: Tz) -> Option<Timetable> {
    let default = Timetable::parse(default, zone).ok()?;
    section.parsed_or(key, default, |text| Timetable::parse(text, zone))
}

/// A time zone by its IANA name.
pub(super) fn zone(section: &Section<'_>, key: &str) -> Option<Tz> {
    section.parsed(key, |text| {
        text.parse::<Tz>().map_err(|_| {
            let near =
                super::mistake::suggestion(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
            format!("{text:?} is no time zone such as \"America/New_York\" or \"UTC\"{near}")
        })
    })
}

/// `[sync]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// Seconds for which a search may miss a ticket just made: after an unknown outcome of a create, its marker is
    /// looked for past this time before another attempt. A longer window of the site's own counts instead.
    pub create_window_seconds: u32,
    /// Tickets made in one pass on one tracker; more wait for `poam link open --yes`.
    pub open_limit: u32,
    /// A brake needs more links than this to be suspect,
    pub brake_links: u32,
    /// and more than this share of the tracker's links, in percent.
    pub brake_percent: u32,
    /// Largest attachment whose bytes are kept as evidence; of a larger one only what the tracker says of it.
    pub attachment_bytes: u64,
}

impl Sync {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let sync = Self {
            create_window_seconds: section.number("create_window_seconds", 0..=86_400, 120),
            open_limit: section.number("open_limit", 0..=100_000, 25),
            brake_links: section.number("brake_links", 0..=1_000_000, 20),
            brake_percent: section.number("brake_percent", 1..=100, 10),
            attachment_bytes: section.number("attachment_bytes", 0..=1_073_741_824, 10_485_760).into(),
        };
        section.finish();
        sync
    }
}

/// `[commands]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// Whether `/poam approve` and `/poam reject` are obeyed in tickets.
    pub approve_in_ticket: bool,
}

impl Commands {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let commands = Self { approve_in_ticket: section.truth("approve_in_ticket", true) };
        section.finish();
        commands
    }
}

/// `[moves]`.
pub(super) fn moves(section: &Section<'_>) -> MovesPolicy {
    let default = MovesPolicy::default();
    let moves = MovesPolicy {
        settle_seconds: section.number("settle_seconds", 0..=86_400, default.settle_seconds),
        rationale_words: section.number("rationale_words", 1..=100, default.rationale_words),
        approve_by_rule: section.truth("approve_by_rule", default.approve_by_rule),
        total_days: section.number("total_days", 0..=3_650, default.total_days),
        set_back: section.truth("set_back", default.set_back),
        bulk_moves: section.number("bulk_moves", 1..=10_000, default.bulk_moves),
        bulk_minutes: section.number("bulk_minutes", 1..=1_440, default.bulk_minutes),
    };
    section.finish();
    moves
}

/// `[drift]`.
pub(super) fn drift(section: &Section<'_>) -> DriftPolicy {
    let default = DriftPolicy::default();
    let days = |key, default| section.number(key, 0..=3_650, default);
    let drift = DriftPolicy {
        grace_business_days: days("grace_business_days", default.grace_business_days),
        at_risk_days: days("at_risk_days", default.at_risk_days),
        stale_days: days("stale_days", default.stale_days),
        review_days: days("review_days", default.review_days),
        validation_days: days("validation_days", default.validation_days),
        vendor_checkin_days: days("vendor_checkin_days", default.vendor_checkin_days),
        token_days: days("token_days", default.token_days),
        missed_polls: section.number("missed_polls", 1..=10_000, default.missed_polls),
        holidays: section.dates("holidays"),
    };
    section.finish();
    drift
}

/// `[rules]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// A folder whose files stand in for those that ship with the program.
    pub dir: Option<PathBuf>,
}

impl Rules {
    /// Rule sets that ship with the program.
    pub const SHIPPED: [&'static str; 2] = ["legacy-rev5", "vdr-2026"];

    pub(super) fn read(section: &Section<'_>) -> Self {
        let dir = section.path_of("dir");
        if let Some(dir) = dir.as_deref().filter(|dir| !dir.is_dir()) {
            section.mistake("dir", format!("{} is no folder", dir.display()));
        }
        section.finish();
        Self { dir }
    }
}
