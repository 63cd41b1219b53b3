//! How a peer is reached: as the bridge reaches a site, with every answer noted, and as people reach it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use bytes::Bytes;
use connector_api::{Transport, TransportError};
use http::{Method, Request, Response, header};
use poam::app::http::{HttpTransport, Now, Options, Rules};
use poam::config::{Origin, ProxyChoice, Secret};
use serde_json::Value;

/// The value of a variable that `scripts/peers` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// The product's own transport; `proxy` and `ca` as for a connection that is configured so.
pub(crate) fn transport(intercepted: bool, now: Now) -> Arc<dyn Transport> {
    let (proxy, ca_file) = if intercepted {
        let value = variable("POAM_PEER_MINUTEHAND_PROXY").into();
        let proxy = ProxyChoice::Through(Secret { value, origin: Origin::Inline });
        (proxy, Some(variable("POAM_PEER_MINUTEHAND_CA").into()))
    } else {
        (ProxyChoice::Direct, None)
    };
    let options = Options {
        ca_file,
        proxy,
        http1_only: true,
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(30),
        cap: 8 << 20,
    };
    let rules = Rules { now, charges: Arc::new(|_| Vec::new()), may_write: Arc::new(|_| true) };
    Arc::new(HttpTransport::new(&options, rules).expect("a transport"))
}

/// Notes what the bridge's requests were and what the peer does not know.
#[derive(Default)]
pub(crate) struct Notes {
    /// Requests that change something there.
    pub(crate) writes: Vec<String>,
    /// Calls that the peer answered as unknown, each once, that were not told yet.
    lacking: Vec<String>,
    met: BTreeSet<String>,
}

impl Notes {
    /// What the peer turned out to lack since this was last asked.
    pub(crate) fn take_lacking(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lacking)
    }
}

/// A transport that notes what goes through it.
pub(crate) struct Noting {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) notes: Arc<Mutex<Notes>>,
}

#[async_trait]
impl Transport for Noting {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self.inner.send(request).await?;
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let questions = ["/search/jql", "/bulkfetch", "/graphql"];
        let reads = method == Method::GET || questions.iter().any(|question| path.ends_with(question));
        if !reads {
            notes.writes.push(format!("{method} {path}"));
        }
        if unknown(answer.status().as_u16()) {
            let call = format!("{method} {}", template(&path));
            let said = format!("{} to {call}: {}", answer.status().as_u16(), words(answer.body()));
            if notes.met.insert(call) {
                notes.lacking.push(said);
            }
        }
        Ok(answer)
    }
}

/// Whether a status says that the peer has no such thing.
fn unknown(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 501)
}

/// A path with its numbers taken out.
fn template(path: &str) -> String {
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // The version of Jira's API is no number of anything.
    let version = |at: usize| at == 3 && path.starts_with("/rest/api/");
    let parts = path.split('/').enumerate();
    let plain = parts.map(|(at, part)| if number(&part) && !version(at) { "{id}" } else { part });
    plain.collect::<Vec<_>>().join("/")
}

/// What an answer says, in one short line.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
    let said = parsed["message"].as_str().or(parsed["errorMessages"][0].as_str()).unwrap_or(&text);
    said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// Why a stage of the life did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The peer has no such thing, as it said itself.
    Lacks(String),
    /// Something is wrong: with the peer, or with us.
    Wrong(String),
}

/// A claim about what must hold.
pub(crate) fn hold(fact: bool, otherwise: impl std::fmt::Display) -> Result<(), Stop> {
    if fact { Ok(()) } else { Err(Stop::Wrong(otherwise.to_string())) }
}

/// Somebody with an account on a peer.
pub(crate) struct Person {
    transport: Arc<dyn Transport>,
    base: String,
    credentials: String,
}

impl Person {
    /// By a token alone.
    pub(crate) fn bearer(transport: &Arc<dyn Transport>, base: &str, token: &str) -> Self {
        Self { transport: transport.clone(), base: base.to_owned(), credentials: format!("Bearer {token}") }
    }

    /// By an e-mail address and a token.
    pub(crate) fn basic(transport: &Arc<dyn Transport>, base: &str, email: &str, token: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{email}:{token}"));
        Self { transport: transport.clone(), base: base.to_owned(), credentials: format!("Basic {pair}") }
    }

    /// One call of the peer's own API, and its answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Stop> {
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, &self.credentials)
            .header(header::CONTENT_TYPE, "application/json")
            .body(bytes)
            .map_err(|error| Stop::Wrong(error.to_string()))?;
        let answer =
            self.transport.send(request).await.map_err(|error| Stop::Wrong(format!("{path}: {error}")))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(serde_json::from_slice(answer.body()).unwrap_or_default());
        }
        let said = format!("{} to {method} {path}: {}", status.as_u16(), words(answer.body()));
        Err(if unknown(status.as_u16()) { Stop::Lacks(said) } else { Stop::Wrong(said) })
    }
}
