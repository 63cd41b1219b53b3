//! The real [`Transport`]: one HTTP exchange over the network, bounded in time and size, and within the site's limits.
//!
//! One transport serves one connection. It is the edge of the scheduler: the only place below it where anything waits,
//! and only for the connection's pace, which is a matter of fractions of a second ([`super::limits`]). A pause that the
//! tracker asked for is never waited for here but answered at once, so that the work is put off until the pause ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use connector_api::{Charge, Transport, TransportError};
use http::{Method, Request, Response};
use secrecy::ExposeSecret as _;

use super::limits::Limits;
use crate::config::{Connection, ProxyChoice};

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
}

impl Options {
    /// As a connection asks for, with 10 seconds to connect, 30 in all, and at most 8 MiB.
    pub fn of(connection: &Connection) -> Self {
        Self {
            ca_file: connection.ca_file.clone(),
            proxy: connection.proxy.clone(),
            http1_only: connection.http1_only,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            cap: 8 * 1024 * 1024,
        }
    }
}

/// What the exchanges of a connection are bound by beside time and size.
#[derive(Clone)]
pub struct Rules {
    /// The present time.
    pub now: Now,
    /// What a request counts against.
    pub charges: Charges,
    /// Whether a write that takes so long at most may leave: the connection is ours until it has ended.
    pub may_write: MayWrite,
}

/// What a request counts against.
pub type Charges = Arc<dyn Fn(&Request<Bytes>) -> Vec<Charge> + Send + Sync>;
/// Whether a write that takes so long may leave now.
pub type MayWrite = Arc<dyn Fn(Duration) -> bool + Send + Sync>;

/// Whether a request alters nothing there. GraphQL reads by POST, and so do Jira's searches and bulk reads.
pub fn reads(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let by_post = ["/graphql", "/search/jql", "/search", "/bulkfetch"];
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || by_post.iter().any(|end| path.ends_with(end))
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
    /// Allowances and pauses.
    limits: Limits,
    rules: Rules,
    cap: u64,
    /// The longest that an exchange takes once it left.
    longest: Duration,
}

impl HttpTransport {
    /// A transport that goes by these rules.
    ///
    /// # Errors
    /// When the certificates or the proxy are wrong, or the operating system has no certificates at all.
    pub fn new(options: &Options, rules: Rules) -> Result<Self, HttpError> {
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
            limits: Limits::default(),
            rules,
            cap: options.cap,
            longest: options.timeout,
        })
    }

    /// The connection's allowances and pauses.
    pub fn limits(&self) -> &Limits {
        &self.limits
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
        let (charges, reads) = ((self.rules.charges)(&request), reads(&request));
        let now = &*self.rules.now;
        self.limits.refuse_while_paused(&charges, now())?;
        let request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent(reason(error)))?;
        self.limits.spend(&charges, now).await?;
        // Another request may have met a limit meanwhile.
        self.limits.refuse_while_paused(&charges, now())?;
        if !reads && !(self.rules.may_write)(self.longest) {
            let why = "another process may take the connection over before a write would have ended";
            return Err(TransportError::NotSent(why.to_owned()));
        }

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
