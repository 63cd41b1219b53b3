//! What goes wrong at an exchange with a tracker.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use connector_api::{Transport, TransportError};
use http::{Method, Request, Response, Uri};
use rand::Rng;
use rand::rngs::StdRng;

use super::seams::{Late, Place, Seams};

/// How often each thing happened, by its name.
pub(crate) type Happened = BTreeMap<&'static str, u64>;

/// What happens at an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection.
    NotSent,
    /// It never arrived, and nobody knows.
    LostBefore,
    /// It was done, and the answer is lost.
    LostAfter,
    /// A create is lost to us, and the site carries it out this many seconds later.
    Late(u32),
    /// The site says to wait so many seconds, in one of its ways.
    Limited(u32, usize),
    /// 500, nothing done.
    Broken,
    /// 500, though it was done.
    BrokenAfter,
    /// A page of a proxy, nothing done.
    Page,
    /// A page of a proxy, though it was done.
    PageAfter,
    /// Somebody acts just before it arrives.
    Between,
}

/// Every name under which something can happen. A run of many seeds meets them all.
pub(crate) const NAMES: [&str; 17] = [
    "no connection",
    "lost before",
    "lost after it was done",
    "slow create",
    "limit of GitHub",
    "limit of Jira",
    "500",
    "500 after it was done",
    "page of a proxy",
    "page of a proxy after it was done",
    "edit between",
    "short page",
    "stale search",
    "death before an exchange",
    "death after an exchange",
    "death before a commit",
    "death after a commit",
];

fn any(rng: &mut StdRng, creates: bool) -> Fault {
    match rng.random_range(0..20) {
        6..=11 if creates => Fault::Late(rng.random_range(1..100)),
        0 => Fault::NotSent,
        1 => Fault::LostBefore,
        2..=5 => Fault::LostAfter,
        6..=10 => Fault::Limited(rng.random_range(1..90), rng.random_range(0..8)),
        11 => Fault::Broken,
        12 => Fault::BrokenAfter,
        13 => Fault::Page,
        14 => Fault::PageAfter,
        _ => Fault::Between,
    }
}

impl Fault {
    fn name(self, to: &Uri) -> &'static str {
        match self {
            Self::NotSent => "no connection",
            Self::LostBefore => "lost before",
            Self::LostAfter => "lost after it was done",
            Self::Late(_) => "slow create",
            Self::Limited(..) if is_jira(to) => "limit of Jira",
            Self::Limited(..) => "limit of GitHub",
            Self::Broken => "500",
            Self::BrokenAfter => "500 after it was done",
            Self::Page => "page of a proxy",
            Self::PageAfter => "page of a proxy after it was done",
            Self::Between => "edit between",
        }
    }
}

fn is_jira(to: &Uri) -> bool {
    to.host() == Some("jira.test")
}

/// Whether a request makes a ticket, or many.
fn is_create(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let makes = ["/issues", "/rest/api/3/issue", "/rest/api/3/issue/bulk", "/rest/api/2/issue"];
    request.method() == Method::POST && makes.iter().any(|end| path.ends_with(end))
}

/// A transport with seams.
pub(crate) struct Seamed {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) seams: Arc<Seams>,
}

impl Seamed {
    async fn done(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = self.inner.send(request).await;
        self.seams.pass(Place::AfterExchange).await;
        answer
    }
}

#[async_trait]
impl Transport for Seamed {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.seams.turn().await;
        if let Some(page) = self.seams.page() {
            shorten(&mut request, page);
        }
        let line = format!("{} {}", request.method(), request.uri());
        let creates = is_create(&request);
        let fault = self.seams.draw(|rng| any(rng, creates));
        if let Some(fault) = fault {
            self.seams.happens(fault.name(request.uri()));
        }
        let number = self.seams.pass(Place::BeforeExchange).await;
        let shown = fault.map(|fault| format!(": {fault:?}")).unwrap_or_default();
        self.seams.note(format!("    seam {number} {line}{shown}"));
        let answer = match fault {
            None => self.done(request).await,
            Some(Fault::Between) => {
                self.seams.come_between();
                self.done(request).await
            }
            Some(Fault::NotSent) => Err(TransportError::NotSent("refused".to_owned())),
            Some(Fault::LostBefore) => Err(TransportError::Lost("timed out".to_owned())),
            Some(Fault::Late(seconds)) => {
                let due = self.seams.now() + TimeDelta::seconds(seconds.into());
                self.seams.postpone(Late { due, request, to: self.inner.clone() });
                Err(TransportError::Lost("timed out".to_owned()))
            }
            Some(Fault::Limited(wait, way)) => Ok(limited(request.uri(), wait, way, self.seams.now())),
            Some(Fault::Broken) => Ok(answer(500, "application/json", OOPS, &[])),
            Some(Fault::Page) => Ok(answer(502, "text/html", PAGE, &[])),
            Some(Fault::LostAfter) => {
                self.done(request).await?;
                Err(TransportError::Lost("the connection broke off".to_owned()))
            }
            Some(Fault::BrokenAfter) => {
                self.done(request).await?;
                Ok(answer(500, "application/json", OOPS, &[]))
            }
            Some(Fault::PageAfter) => {
                self.done(request).await?;
                Ok(answer(502, "text/html", PAGE, &[]))
            }
        };
        if answer.as_ref().is_ok_and(goes_on) {
            self.seams.happens("short page");
        }
        answer
    }
}

/// Asks for shorter pages than the connector does, so that small listings have several, which shift while they are
/// read.
pub(super) fn shorten(request: &mut Request<Bytes>, page: u32) {
    let uri = request.uri().to_string();
    if uri.contains("per_page=100") {
        let short = uri.replace("per_page=100", &format!("per_page={page}"));
        *request.uri_mut() = short.parse().unwrap_or_else(|why| panic!("{short}: {why}"));
    }
    if let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(request.body())
        && body.get("maxResults").is_some()
    {
        body["maxResults"] = page.into();
        *request.body_mut() = Bytes::from(body.to_string());
    }
}

/// Whether a listing has another page.
fn goes_on(answer: &Response<Bytes>) -> bool {
    let link = answer.headers().get("link").and_then(|link| link.to_str().ok());
    let token = b"\"nextPageToken\":\"";
    link.is_some_and(|link| link.contains("rel=\"next\""))
        || answer.body().windows(token.len()).any(|window| window == token)
}

fn answer(status: u16, kind: &str, body: &'static str, headers: &[(&str, String)]) -> Response<Bytes> {
    let mut response = Response::builder().status(status).header("content-type", kind);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Bytes::from_static(body.as_bytes())).unwrap_or_default()
}

const PAGE: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";
const OOPS: &str = "{\"message\":\"oops\"}";
const LIMIT: &str = "{\"message\":\"API rate limit exceeded\"}";
const SECONDARY: &str = "{\"message\":\"You have exceeded a secondary rate limit. Please wait.\"}";
const CONTENT: &str = "{\"message\":\"You have exceeded a secondary rate limit and have been temporarily blocked from content creation.\"}";
const QUOTA: &str = "{\"errorMessages\":[\"Rate limit exceeded\"],\"errors\":{}}";

/// Every way in which the two sites say that a limit is reached.
fn limited(to: &Uri, wait: u32, way: usize, now: DateTime<Utc>) -> Response<Bytes> {
    let seconds = ("retry-after", wait.to_string());
    let until = now + TimeDelta::seconds(wait.into());
    if is_jira(to) {
        let reason = |name: &str| ("ratelimit-reason", name.to_owned());
        let reset = ("x-ratelimit-reset", until.to_rfc3339_opts(SecondsFormat::Secs, true));
        let headers = match way {
            0 => vec![seconds, reason("jira-quota-global-based")],
            1 => vec![seconds, reason("jira-quota-tenant-based")],
            2 => vec![seconds, reason("jira-burst-based")],
            3 => vec![seconds, reason("jira-per-issue-on-write")],
            4 => vec![
                ("x-ratelimit-reset", until.format("%Y-%m-%dT%H:%MZ").to_string()),
                reason("jira-cost-based"),
            ],
            5 => vec![reset, reason("jira-new-reason")],
            6 => vec![("retry-after", until.to_rfc2822())],
            _ => Vec::new(),
        };
        return answer(429, "application/json", QUOTA, &headers);
    }
    let spent = ("x-ratelimit-remaining", "0".to_owned());
    let reset = ("x-ratelimit-reset", until.timestamp().to_string());
    let (status, body, headers) = match way {
        0 => (429, LIMIT, vec![seconds]),
        1 => (403, LIMIT, vec![spent, reset]),
        2 => (403, SECONDARY, vec![seconds]),
        3 => (403, SECONDARY, Vec::new()),
        4 => (429, SECONDARY, vec![spent, reset]),
        5 => (403, CONTENT, vec![seconds]),
        6 => (429, LIMIT, vec![spent]),
        _ => (429, LIMIT, Vec::new()),
    };
    answer(status, "application/json", body, &headers)
}
