//! The real [`Transport`]: one HTTP exchange over the network, bounded in time and size, and paced.
//!
//! One transport serves one connection. It is the edge of the scheduler: the only place below it where anything waits,
//! and only for the connection's pace, which is a matter of fractions of a second. A pause that the tracker asked for
//! is never waited for here but answered at once, so that the work is put off until the pause ends.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use connector_api::error::LimitScope;
use connector_api::{Transport, TransportError};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{Method, Request, Response};
use secrecy::ExposeSecret as _;

use crate::config::{Connection, ProxyChoice, Site};

/// The present time, from whoever keeps it.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What bounds an exchange, and how the site is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Certificates in PEM to trust beside those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// How it is reached.
    pub proxy: ProxyChoice,
    /// Never HTTP/2.
    pub http1_only: bool,
    /// Time for a connection to be made.
    pub connect_timeout: Duration,
    /// Time for the whole exchange, without the wait for the connection's pace.
    pub timeout: Duration,
    /// Largest answer, in bytes, after decompression.
    pub cap: u64,
    /// How fast.
    pub pace: Pace,
}

impl Options {
    /// As a connection asks for, with 10 seconds to connect, 30 in all, and at most 8 MiB.
    pub fn of(connection: &Connection) -> Self {
        let mut pace = Pace::of(connection.site);
        if let Some(per_second) = connection.requests_per_second.and_then(NonZeroU32::new) {
            pace.per_second = per_second;
        }
        Self {
            ca_file: connection.ca_file.clone(),
            proxy: connection.proxy.clone(),
            http1_only: connection.http1_only,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            cap: 8 * 1024 * 1024,
            pace,
        }
    }
}

/// How fast requests may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests a second; as many may leave at once after a rest.
    pub per_second: NonZeroU32,
    /// How many requests a write counts as.
    pub write_cost: NonZeroU32,
}

impl Pace {
    /// GitHub allows about 900 points a minute, where a read costs one and a write five (GitHub, "Rate limits for the
    /// REST API", secondary limits). Jira Cloud's tightest bucket is 50 writes a second on one path (Atlassian, "Rate
    /// limiting"); a Data Center is the operator's own, and gets the same.
    pub fn of(site: Site) -> Self {
        let number = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        match site {
            Site::GitHub => Self { per_second: number(10), write_cost: number(5) },
            Site::JiraCloud | Site::JiraDataCenter => Self { per_second: number(50), write_cost: number(1) },
        }
    }

    /// What a request counts as. GraphQL reads by POST.
    fn cost(self, request: &Request<Bytes>) -> NonZeroU32 {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
            || request.uri().path().ends_with("/graphql");
        if reads { NonZeroU32::MIN } else { self.write_cost }
    }

    fn quota(self) -> Quota {
        // A burst smaller than a write would never let one leave.
        Quota::per_second(self.per_second).allow_burst(self.per_second.max(self.write_cost))
    }
}

/// Why a transport could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of certificates cannot be read.
    #[error("cannot read the certificates in {}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds none.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// The proxy's URL is wrong, or the operating system has no certificates.
    #[error("cannot set up HTTP (are the operating system's CA certificates installed?): {0}")]
    Client(String),
}

/// Sends requests of one connection.
pub struct HttpTransport {
    client: reqwest::Client,
    limiter: DefaultDirectRateLimiter,
    pace: Pace,
    cap: u64,
    pause: Mutex<Option<Pause>>,
    now: Now,
}

/// Why and until when nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Not before this time.
    pub until: DateTime<Utc>,
    /// As the tracker named it.
    pub reason: String,
}

impl HttpTransport {
    /// A transport that tells time by `now`.
    ///
    /// # Errors
    /// When the certificates or the proxy are wrong, or the operating system has no certificates at all.
    pub fn new(options: &Options, now: Now) -> Result<Self, HttpError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("poam-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            // Sites close idle connections sooner or later; a request on one that is being closed is lost.
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if options.http1_only {
            builder = builder.http1_only();
        }
        builder = match &options.proxy {
            ProxyChoice::Environment => builder,
            ProxyChoice::Direct => builder.no_proxy(),
            ProxyChoice::Through(url) => {
                let proxy = reqwest::Proxy::all(url.value.expose_secret());
                builder.proxy(proxy.map_err(|error| HttpError::Client(reason(error)))?)
            }
        };
        if let Some(path) = &options.ca_file {
            let pem =
                std::fs::read(path).map_err(|source| HttpError::CaFile { path: path.clone(), source })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err(HttpError::NoCertificate { path: path.clone() });
            }
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(Self {
            client: builder.build().map_err(|error| HttpError::Client(reason(error)))?,
            limiter: RateLimiter::direct(options.pace.quota()),
            pace: options.pace,
            cap: options.cap,
            pause: Mutex::new(None),
            now,
        })
    }

    /// Sends nothing before `until`. A pause is never shortened by another.
    pub fn pause_until(&self, until: DateTime<Utc>, reason: impl Into<String>) {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if pause.as_ref().is_none_or(|pause| pause.until < until) {
            *pause = Some(Pause { until, reason: reason.into() });
        }
    }

    /// The pause that is in force.
    pub fn paused(&self) -> Option<Pause> {
        let pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.clone().filter(|pause| pause.until > (self.now)())
    }

    fn refuse_while_paused(&self) -> Result<(), TransportError> {
        match self.paused() {
            Some(Pause { until, reason }) => {
                Err(TransportError::Paused { until, reason, scope: LimitScope::Connection })
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    #[tracing::instrument(
        name = "app.exchange.send",
        level = "debug",
        skip_all,
        fields(method = %request.method(), host = request.uri().host(), path = request.uri().path(), status)
    )]
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.refuse_while_paused()?;
        let cost = self.pace.cost(&request);
        let request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent(reason(error)))?;
        self.limiter.until_n_ready(cost).await.map_err(|error| TransportError::NotSent(error.to_string()))?;
        // Another request may have met a limit meanwhile.
        self.refuse_while_paused()?;

        let mut answer = self.client.execute(request).await.map_err(failure)?;
        tracing::Span::current().record("status", answer.status().as_u16());
        let too_large = TransportError::TooLarge { cap: self.cap };
        if answer.content_length().is_some_and(|length| length > self.cap) {
            return Err(too_large);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(failure)? {
            if (body.len() + chunk.len()) as u64 > self.cap {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// Whether a request that failed may have arrived: only where no connection was made it certainly did not.
fn failure(error: reqwest::Error) -> TransportError {
    let unsent = error.is_connect() || error.is_builder();
    let what = if error.is_timeout() { format!("timed out: {}", reason(error)) } else { reason(error) };
    if unsent { TransportError::NotSent(what) } else { TransportError::Lost(what) }
}

/// An error and its causes, without the URL, which may hold what is not for logs.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.ends_with(&next) {
            words = format!("{words}: {next}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
