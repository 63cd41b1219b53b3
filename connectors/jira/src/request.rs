//! One exchange with the site: address, credentials, and what its answers mean.

use std::collections::BTreeMap;

use base64::Engine as _;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use connector_api::error::LimitScope;
use connector_api::{Error, ErrorKind, Outcome, Result};
use http::{HeaderMap, Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::limits::{self, Wait};
use crate::{Auth, Jira};

/// A request to be sent.
pub(crate) struct Call {
    /// What it is for: the beginning of every error about it.
    pub(crate) what: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    /// Whether it changes something there; a search by POST does not.
    pub(crate) writes: bool,
    /// Sent without credentials, to see what anyone sees.
    pub(crate) anonymous: bool,
}

impl Call {
    /// A request that changes nothing. Each `{name}` in `template` takes the next of `args`.
    pub(crate) fn read(what: impl Into<String>, method: Method, template: &str, args: &[&str]) -> Self {
        let mut path = String::new();
        let mut args = args.iter();
        for part in template.split_inclusive('}') {
            match (part.split_once('{'), args.len()) {
                (Some((fixed, _)), 1..) => {
                    path.push_str(fixed);
                    path.extend(args.next().map(|arg| segment(arg)));
                }
                _ => path.push_str(part),
            }
        }
        let (query, body) = (Vec::new(), None);
        Self { what: what.into(), method, path, query, body, writes: false, anonymous: false }
    }

    /// A request that changes something.
    pub(crate) fn write(what: impl Into<String>, method: Method, template: &str, args: &[&str]) -> Self {
        Self { writes: true, ..Self::read(what, method, template, args) }
    }

    pub(crate) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(self.what.clone(), kind)
    }

    fn limited(&self, wait: Wait) -> Error {
        let Wait { scope, until, reason } = wait;
        self.error(ErrorKind::RateLimited { until, reason, scope })
    }

    /// An error after which nobody knows whether a write was done.
    pub(crate) fn broken(&self, why: impl Into<String>) -> Error {
        let error = self.error(ErrorKind::Unavailable(why.into()));
        if self.writes { error.outcome_unknown() } else { error }
    }
}

/// A path segment, with what would end or change it escaped.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// An answer of the API: any status but those that no caller handles itself.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) call: Call,
}

/// What Jira says when it refuses something.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    #[serde(rename = "errorMessages")]
    pub(crate) messages: Vec<String>,
    pub(crate) errors: BTreeMap<String, Value>,
    message: Option<String>,
}

impl Refusal {
    /// All that was said, in one sentence.
    pub(crate) fn text(&self) -> String {
        let field = |(field, said): (&String, &Value)| {
            format!("{field}: {}", said.as_str().map_or_else(|| said.to_string(), str::to_owned))
        };
        let mut parts: Vec<String> = self.errors.iter().map(field).collect();
        parts.extend(self.messages.iter().cloned());
        parts.extend(self.message.clone());
        parts.join("; ")
    }
}

impl Answer {
    /// The answer's JSON where it is a success.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T> {
        let answer = self.success()?;
        serde_json::from_slice(&answer.body)
            .map_err(|e| answer.call.broken(format!("its answer is not what the API gives: {e}")))
    }

    /// The answer itself where it is a success.
    pub(crate) fn success(self) -> Result<Self> {
        if self.status.is_success() { Ok(self) } else { Err(self.error()) }
    }

    /// What was refused, and why.
    pub(crate) fn refusal(&self) -> Refusal {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the site says that it does not know this call.
    pub(crate) fn lacks_call(&self) -> bool {
        matches!(
            self.status,
            StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::GONE
                | StatusCode::NOT_IMPLEMENTED
        )
    }

    /// The error that the status stands for.
    pub(crate) fn error(&self) -> Error {
        let said = self.refusal().text();
        let said = if said.is_empty() { format!("HTTP {}", self.status.as_u16()) } else { said };
        match kind_of(self.status, &said) {
            Some(kind) => self.call.error(kind),
            None => self.call.broken(format!("HTTP {}: {}", self.status.as_u16(), glimpse(&self.body))),
        }
    }
}

/// What a refusal means; none for a status that tells nothing about what was done.
pub(crate) fn kind_of(status: StatusCode, said: &str) -> Option<ErrorKind> {
    let said = said.to_owned();
    Some(match status {
        StatusCode::UNAUTHORIZED => ErrorKind::Auth(said),
        StatusCode::FORBIDDEN => ErrorKind::Forbidden(said),
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            tracing::debug!(%said, "not known to this site");
            ErrorKind::Unsupported("such call")
        }
        status if status.is_client_error() => ErrorKind::Invalid(said),
        _ => return None,
    })
}

impl Jira {
    /// Sends a request. Statuses that mean the same for every call come back as errors; the rest is the caller's.
    /// While the site wants to be left alone, nothing is sent.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer> {
        if let Some(wait) = self.paused() {
            return Err(call.limited(wait));
        }
        let request = self.request(&call).map_err(|e| call.error(ErrorKind::Invalid(e)))?;
        let answer = self.transport.send(request).await.map_err(|e| transport_error(&call, e))?;
        let (parts, body) = answer.into_parts();
        let answer = Answer { status: parts.status, headers: parts.headers, body, call };
        self.note_clock(&answer.headers);
        if let Some(wait) = self.asked_to_wait(&answer) {
            return Err(wait);
        }
        if answer.call.anonymous {
            return Ok(answer);
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(answer.error());
        }
        self.reject_strangers(&answer)?;
        match answer.status {
            status if status.is_redirection() && !answer.call.path.starts_with("/rest/api/3/attachment") => {
                Err(answer.call.broken(format!("HTTP {}: it redirects elsewhere", status.as_u16())))
            }
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                Err(answer.error())
            }
            _ => Ok(answer),
        }
    }

    /// The pause of the whole connection that is in force.
    fn paused(&self) -> Option<Wait> {
        let wait = self.memory().paused.clone()?;
        (wait.until > (self.now)()).then_some(wait)
    }

    /// The error of an answer that refuses for the time being. One that comes through and tells that the next would
    /// not is kept in mind; what concerns one allowance alone is the business of whoever paces requests.
    fn asked_to_wait(&self, answer: &Answer) -> Option<Error> {
        let call = &answer.call;
        let now = (self.now)();
        let wait =
            limits::wait(self.config.flavor, &call.method, &call.path, answer.status, &answer.headers, now)?;
        if wait.scope == LimitScope::Connection {
            self.memory().paused = Some(wait.clone());
        }
        match answer.status {
            // Unlike 429, this may come from behind the deed.
            StatusCode::SERVICE_UNAVAILABLE if call.writes => Some(call.limited(wait).outcome_unknown()),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(call.limited(wait)),
            _ => None,
        }
    }

    fn request(&self, call: &Call) -> std::result::Result<http::Request<Bytes>, String> {
        let mut url = self.address(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query.iter().map(|(k, v)| (*k, v.as_str())));
        }
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("poam-bridge/", env!("CARGO_PKG_VERSION")));
        if !call.anonymous {
            request = request.header(header::AUTHORIZATION, self.credentials());
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        request.body(body).map_err(|e| e.to_string())
    }

    /// The address of `path` below the base URL, whose own path is kept.
    pub(crate) fn address(&self, path: &str) -> Url {
        let mut url = self.config.base_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path("");
        // The path is escaped already; joining keeps its escapes.
        url.join(&format!("{base}{path}")).unwrap_or(url)
    }

    pub(crate) fn credentials(&self) -> String {
        match &self.config.auth {
            Auth::Basic { email, token } => {
                let pair = format!("{email}:{}", token.expose_secret());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Auth::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        }
    }

    /// Jira may answer a caller whose credentials it does not accept as if nobody had logged in: then an empty
    /// list means nothing.
    fn reject_strangers(&self, answer: &Answer) -> Result<()> {
        let text = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok());
        let anonymous = text("x-ausername").is_some_and(|name| name.eq_ignore_ascii_case("anonymous"));
        let refused = text("x-seraph-loginreason")
            .is_some_and(|reason| reason.contains("FAILED") || reason.contains("DENIED"));
        let named = text(if self.cloud() { "x-aaccountid" } else { "x-ausername" }).map(unescape);
        let other = match (named, self.known_account()) {
            (Some(id), Some(own)) => !id.eq_ignore_ascii_case(&own.id),
            _ => false,
        };
        if !(anonymous || refused || other) {
            return Ok(());
        }
        let error = answer.call.error(ErrorKind::Auth("it answered as to somebody else".to_owned()));
        let done = answer.call.writes && answer.status.is_success();
        Err(if done { error.outcome_unknown() } else { error })
    }
}

fn transport_error(call: &Call, source: connector_api::TransportError) -> Error {
    let error = Error::transport(call.what.clone(), source);
    // A read that was lost is simply not done.
    if call.writes { error } else { Error { outcome: Outcome::NotDone, ..error } }
}

/// A name out of a header, where Jira writes it as in an address.
fn unescape(text: &str) -> String {
    let text = text.replace('+', "%2B");
    url::form_urlencoded::parse(text.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

/// The beginning of a body, for a message.
fn glimpse(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(160).collect()
}

/// The site's own clock.
pub(crate) fn server_time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_the_path_and_escapes_what_it_puts_in() {
        let call =
            Call::read("x", Method::GET, "/rest/api/3/issue/{id}/comment/{comment}", &["A B/../1?", "7"]);
        assert_eq!(call.path, "/rest/api/3/issue/A%20B%2F..%2F1%3F/comment/7");
    }
}
