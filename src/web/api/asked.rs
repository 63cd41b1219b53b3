//! What somebody asks of the API, checked against the route that they took.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Path};
use axum::response::IntoResponse as _;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use url::form_urlencoded;

use super::{Answer, Kind, ROUTES, full};
use crate::register::{System, SystemId};
use crate::store::{StoreError, Tx};
use crate::web::Web;
use crate::web::auth::Reader;
use crate::web::error::Problem;

/// Rows of a page, if not said otherwise.
const PAGE: u32 = 100;
/// Rows of a page at most.
const MOST: u32 = 1_000;

/// A request by somebody with a token.
pub(super) struct Asked {
    reader: Reader,
    path: BTreeMap<String, String>,
    query: BTreeMap<&'static str, String>,
}

/// Some of many, and where the next page begins.
#[derive(Serialize)]
struct Page<V> {
    data: Vec<V>,
    next: Option<String>,
}

impl FromRequestParts<Arc<Web>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Problem> {
        let reader = Reader::from_request_parts(parts, web).await?;
        let matched = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        let route = ROUTES.iter().find(|route| full(route.path) == matched);
        let route = route.ok_or_else(|| Problem::plain(StatusCode::NOT_FOUND))?;
        let mut query = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            let Some(param) = route.query.iter().find(|param| param.name == name) else {
                let known: Vec<_> = route.query.iter().map(|param| param.name).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail = format!("{name:?} is no parameter of this; known are: {known}.");
                return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
            };
            if query.insert(param.name, value.into_owned()).is_some() {
                return Err(Problem::parameter(param.name, "It is given twice."));
            }
            check(param.name, &param.kind, &query[param.name])?;
        }
        let Path(path) =
            Path::from_request_parts(parts, web).await.map_err(|_| Problem::plain(StatusCode::NOT_FOUND))?;
        Ok(Self { reader, path, query })
    }
}

/// Whether a value is what its parameter may be. What has a reading of its own is checked where it is read.
fn check(name: &'static str, kind: &Kind, value: &str) -> Result<(), Problem> {
    let fine = match kind {
        Kind::Text | Kind::Since => true,
        Kind::Number => value.parse::<u32>().is_ok(),
        Kind::Flag => matches!(value, "true" | "false"),
        Kind::Words(known) => value.split(',').all(|word| known().contains(&word)),
    };
    if fine {
        return Ok(());
    }
    let wanted = match kind {
        Kind::Text | Kind::Since => String::new(),
        Kind::Number => "a number".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Words(known) => format!("one or more of {}, with commas between", known().join(", ")),
    };
    Err(Problem::parameter(name, format!("{value:?} is not {wanted}.")))
}

impl Asked {
    /// A part of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A parameter as it was given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The words that were given, each read by its name.
    pub(super) fn words<T: Copy>(&self, name: &str, all: &[T], called: impl Fn(T) -> &'static str) -> Vec<T> {
        let given: Vec<&str> = self.text(name).map(|text| text.split(',').collect()).unwrap_or_default();
        all.iter().copied().filter(|one| given.contains(&called(*one))).collect()
    }

    /// Where the page begins, as an earlier page told it.
    pub(super) fn after<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let wrong = || Problem::parameter("after", "It is not the `next` of a page of this list.");
        self.text("after").map(|text| read(text).ok_or_else(wrong)).transpose()
    }

    /// How many rows the page has at most.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let Some(text) = self.text("limit") else { return Ok(PAGE) };
        let wrong = || Problem::parameter("limit", format!("{text} is not between 1 and {MOST}."));
        text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(wrong)
    }

    /// A time, or the beginning of a day in the system's zone.
    pub(super) fn since(&self, system: &System) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.text("since") else { return Ok(None) };
        let zone = system.profile.as_ref().map_or(chrono_tz::UTC, |profile| profile.timezone);
        let day = |day: NaiveDate| {
            zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest().map(|at| at.to_utc())
        };
        let time = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
        let at = time.or_else(|| text.parse().ok().and_then(day));
        let wrong = || {
            let detail = format!("{text:?} is no day as 2026-03-31 and no time as 2026-03-31T15:00:00Z.");
            Problem::parameter("since", detail)
        };
        at.map(Some).ok_or_else(wrong)
    }

    /// Systems that are there and that the token opens.
    pub(super) async fn systems(&self, tx: &mut Tx) -> Result<Vec<System>, StoreError> {
        let mut systems = tx.systems().await?;
        systems.retain(|system| self.reader.may_read(&system.id));
        Ok(systems)
    }

    /// The system of the path, with a transaction that reads. One outside the token's scope is not there.
    pub(super) async fn system(&self, web: &Web) -> Result<(Tx, System), Problem> {
        let missing = || Problem::new(StatusCode::NOT_FOUND, "No system that this token opens has this id.");
        let id = SystemId::new(self.part("system")).map_err(|_| missing())?;
        let mut tx = web.world.db.read().await?;
        let system = self.systems(&mut tx).await?.into_iter().find(|system| system.id == id);
        Ok((tx, system.ok_or_else(missing)?))
    }
}

/// One object.
pub(super) fn object(view: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(view).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::plain(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let mut response = Body::from(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A page of what was found, which is one more than the page holds where another page follows. `key` is what the
/// next page begins after.
pub(super) fn page<'a, T, V: Serialize>(
    found: &'a [T],
    limit: u32,
    key: impl Fn(&T) -> String,
    view: impl Fn(&'a T) -> V,
) -> Answer {
    let shown = found.get(..limit as usize).unwrap_or(found);
    let next = if shown.len() < found.len() { shown.last().map(key) } else { None };
    object(&Page { data: shown.iter().map(view).collect(), next })
}

/// One of many that is not there.
pub(super) fn missing(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("This system has no such {what}."))
}
