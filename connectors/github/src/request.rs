//! One request to GitHub and what its answer means: headers, errors by kind, limits, moved things, pages.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use connector_api::{Error, ErrorKind, Result, Transport};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use crate::auth::Auth;
use crate::wire::{Problem, shown};
use crate::{limits, lock};

/// A moved repository leads to its number, a transferred issue to its new place: two hops, and two to spare.
const MAX_HOPS: usize = 4;
/// Pages of one listing, 100 entries each; a listing that goes on longer is broken.
const MAX_PAGES: usize = 2_000;

/// The site and how it is asked.
pub(crate) struct Site {
    pub(crate) base: Url,
    pub(crate) auth: Auth,
    pub(crate) api_version: String,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// When the token ends, as the last answer that told so told it.
    pub(crate) expires: Mutex<Option<DateTime<Utc>>>,
}

/// In whose name a request is made; all the same for a token, which is a person's everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Acting {
    /// Of the App's installation on this owner's repositories.
    On(String),
    /// Of the App itself.
    App,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    what: String,
    method: Method,
    url: Url,
    body: Option<serde_json::Value>,
    etag: Option<String>,
    accept: &'static [u16],
    writes: bool,
    acting: Acting,
}

impl Call {
    pub(crate) fn get(what: impl Into<String>, url: Url) -> Self {
        let acting = Acting::On(owner_of(&url));
        let (what, method) = (what.into(), Method::GET);
        Self { what, method, url, body: None, etag: None, accept: &[], writes: false, acting }
    }

    pub(crate) fn write(what: impl Into<String>, method: Method, url: Url, body: serde_json::Value) -> Self {
        Self { method, body: Some(body), writes: true, ..Self::get(what, url) }
    }

    /// A question that is too long for an address.
    pub(crate) fn question(what: impl Into<String>, url: Url, body: serde_json::Value) -> Self {
        Self { writes: false, ..Self::write(what, Method::POST, url, body) }
    }

    pub(crate) fn acting(mut self, acting: Acting) -> Self {
        self.acting = acting;
        self
    }

    /// Statuses beside success that the caller reads itself.
    pub(crate) fn accept(mut self, statuses: &'static [u16]) -> Self {
        self.accept = statuses;
        self
    }

    /// Asks only for what changed since the answer that carried this tag.
    pub(crate) fn unless(mut self, etag: Option<String>) -> Self {
        self.etag = etag;
        self
    }

    /// The same request for another page.
    fn page(&self, url: Url) -> Self {
        Self { url, etag: None, ..self.clone() }
    }
}

/// Whose repository an address is about; nobody's where it names none.
fn owner_of(url: &Url) -> String {
    let mut parts = url.path().split('/').skip_while(|part| !matches!(*part, "repos" | "orgs"));
    parts.nth(1).unwrap_or_default().to_owned()
}

/// An answer of the site.
#[derive(Debug)]
pub(crate) struct Answer {
    what: String,
    write: bool,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
    /// Whether the thing asked for has moved.
    pub(crate) moved: bool,
}

/// All pages of a listing.
#[derive(Debug)]
pub(crate) struct Listing<T> {
    pub(crate) entries: Vec<T>,
    /// None were read when nothing changed since the call's tag.
    pub(crate) pages: usize,
    pub(crate) etag: Option<String>,
    pub(crate) server_time: Option<DateTime<Utc>>,
}

impl Site {
    /// The address of something in a repository; `project` is `owner/repository`.
    pub(crate) fn repo_url(&self, project: &str, rest: &[&str]) -> Result<Url> {
        let invalid = || {
            let said = format!("`{}` is not of the form owner/repository", shown(project));
            Error::new("name a repository", ErrorKind::Invalid(said))
        };
        let (owner, name) = project.split_once('/').ok_or_else(invalid)?;
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        if !plain(owner) || !plain(name) {
            return Err(invalid());
        }
        let mut path = vec!["repos", owner, name];
        path.extend_from_slice(rest);
        self.url(&path)
    }

    pub(crate) fn url(&self, path: &[&str]) -> Result<Url> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        } else {
            let said = format!("the base address {} cannot have a path", self.base);
            return Err(Error::new("form an address", ErrorKind::Invalid(said)));
        }
        Ok(url)
    }

    /// Sends a request, follows what has moved, and turns every failure into an error.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer> {
        let mut url = call.url.clone();
        for hop in 0..=MAX_HOPS {
            let answer = self.exchange(call, &url, hop > 0).await?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
                return self.judge(call, answer);
            }
            url = self.next_place(call, &url, &answer)?;
        }
        Err(unavailable(call, "it moves on and on"))
    }

    async fn exchange(&self, call: &Call, url: &Url, moved: bool) -> Result<Answer> {
        let fail = |what: &str| Error::new(&*call.what, ErrorKind::Invalid(what.to_owned()));
        let bearer: SecretString = match &self.auth {
            Auth::Token(token) => token.clone(),
            // Boxed: to get a token is a request of its own.
            Auth::App(app) => Box::pin(app.bearer(self, &call.acting)).await?,
        };
        let mut token =
            HeaderValue::try_from(format!("Bearer {}", bearer.expose_secret())).map_err(|_| {
                Error::new(
                    &*call.what,
                    ErrorKind::Auth("the token has characters that no token has".to_owned()),
                )
            })?;
        token.set_sensitive(true);
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", &self.api_version)
            .header(header::USER_AGENT, concat!("poam-bridge/", env!("CARGO_PKG_VERSION")))
            .header(header::AUTHORIZATION, token);
        if let Some(etag) = &call.etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(body).map_err(|_| fail("the request cannot be formed"))?;
        let answer =
            self.transport.send(request).await.map_err(|source| Error::transport(&*call.what, source))?;
        let (parts, body) = answer.into_parts();
        if let Some(at) = text_header(&parts.headers, EXPIRY).and_then(expiry) {
            *lock(&self.expires) = Some(at);
        }
        if let (Auth::App(app), 401) = (&self.auth, parts.status.as_u16()) {
            app.forget().await;
        }
        Ok(Answer {
            what: call.what.clone(),
            write: call.writes,
            status: parts.status,
            headers: parts.headers,
            body,
            moved,
        })
    }

    /// Where something has moved to. Never to another host: it would be handed our token.
    fn next_place(&self, call: &Call, from: &Url, answer: &Answer) -> Result<Url> {
        let place = text_header(&answer.headers, header::LOCATION.as_str()).and_then(|to| from.join(to).ok());
        match place {
            Some(url) if url.origin() == self.base.origin() => Ok(url),
            Some(url) => {
                let host = url.host_str().unwrap_or("another host");
                Err(unavailable(call, &format!("it points us to {}, which is not this site", shown(host))))
            }
            None => Err(unavailable(call, "it moved, without saying where")),
        }
    }

    /// What an answer comes to: the statuses that the call accepts are its caller's to read.
    pub(crate) fn judge(&self, call: &Call, answer: Answer) -> Result<Answer> {
        let status = answer.status.as_u16();
        if answer.status.is_success() || status == 304 {
            return Ok(answer);
        }
        if answer.status.is_server_error() && !call.accept.contains(&status) {
            return Err(unavailable(call, &format!("it answers {status}")));
        }
        // A page for people instead of the API's own words comes from something in between.
        if !answer.is_json() && !answer.status.is_server_error() {
            return Err(unavailable(call, &format!("it answers {status} without a word of the API")));
        }
        let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = |kind| Error::new(&*call.what, kind);
        if matches!(status, 403 | 429)
            && let Some(kind) = limits::refusal(&answer, &problem.message, (self.now)())
        {
            return Err(error(kind));
        }
        if call.accept.contains(&status) {
            return Ok(answer);
        }
        let said = problem.sentence();
        Err(error(match status {
            401 => ErrorKind::Auth(said),
            403 | 451 => ErrorKind::Forbidden(match text_header(&answer.headers, "x-github-sso") {
                Some(_) => {
                    format!("{said} (the token must be authorized for the organization's single sign-on)")
                }
                None => said,
            }),
            404 | 410 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            _ => ErrorKind::Invalid(said),
        }))
    }

    /// Reads a listing to its end by following its `Link` headers.
    pub(crate) async fn list<T: DeserializeOwned>(&self, call: Call) -> Result<Listing<T>> {
        self.list_until(call, |listing| listing.pages == MAX_PAGES).await.and_then(|(listing, call, more)| {
            if more { Err(unavailable(&call, "the listing does not end")) } else { Ok(listing) }
        })
    }

    /// Reads pages of a listing until its end, or until `enough` of it was read; tells whether there is more.
    pub(crate) async fn list_until<T: DeserializeOwned>(
        &self,
        call: Call,
        enough: impl Fn(&Listing<T>) -> bool + Send,
    ) -> Result<(Listing<T>, Call, bool)> {
        let first = self.send(&call).await?;
        let mut listing = Listing {
            etag: text_header(&first.headers, header::ETAG.as_str()).map(str::to_owned),
            server_time: first.server_time(),
            entries: Vec::new(),
            pages: 0,
        };
        if first.status == StatusCode::NOT_MODIFIED {
            return Ok((listing, call, false));
        }
        listing.entries = first.json()?;
        listing.pages = 1;
        let mut next = self.next_page(&call, &first)?;
        while let Some(url) = next {
            if enough(&listing) {
                return Ok((listing, call, true));
            }
            let page = call.page(url);
            let answer = self.send(&page).await?;
            let entries: Vec<T> = answer.json()?;
            listing.entries.extend(entries);
            listing.pages += 1;
            next = self.next_page(&page, &answer)?;
        }
        Ok((listing, call, false))
    }

    fn next_page(&self, call: &Call, answer: &Answer) -> Result<Option<Url>> {
        let Some(next) =
            answer.headers.get_all(header::LINK).iter().find_map(|value| next_link(value.to_str().ok()?))
        else {
            return Ok(None);
        };
        match self.base.join(&next) {
            Ok(url) if url.origin() == self.base.origin() && url != call.url => Ok(Some(url)),
            _ => Err(unavailable(call, "the next page is not on this site")),
        }
    }
}

impl Answer {
    /// The answer's content.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let failed = |said: String| {
            let error = Error::new(&*self.what, ErrorKind::Unavailable(said));
            if self.write { error.outcome_unknown() } else { error }
        };
        if !self.is_json() {
            return Err(failed("the answer is not from the API (no JSON)".to_owned()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| failed(format!("the answer cannot be read: {error}")))
    }

    /// The site's clock.
    pub(crate) fn server_time(&self) -> Option<DateTime<Utc>> {
        let date = text_header(&self.headers, header::DATE.as_str())?;
        DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc())
    }

    fn is_json(&self) -> bool {
        text_header(&self.headers, header::CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("json"))
    }
}

pub(crate) fn number_header(headers: &HeaderMap, name: &str) -> Option<i64> {
    text_header(headers, name)?.trim().parse().ok()
}

pub(crate) fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn unavailable(call: &Call, said: &str) -> Error {
    let error = Error::new(&*call.what, ErrorKind::Unavailable(said.to_owned()));
    if call.writes { error.outcome_unknown() } else { error }
}

/// The header in which GitHub tells when a token ends.
pub(crate) const EXPIRY: &str = "github-authentication-token-expiration";

/// `2027-05-01 12:00:00 UTC`, or with an offset in place of `UTC`.
pub(crate) fn expiry(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim().replace("UTC", "+0000");
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S %z").ok().map(|at| at.to_utc())
}

/// The address with `rel="next"` in a `Link` header.
fn next_link(value: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, tail)) = rest.split_once('<') {
        let (url, tail) = tail.split_once('>')?;
        let (parameters, after) = tail.split_once(',').unwrap_or((tail, ""));
        if parameters.split(';').any(|p| p.trim() == "rel=\"next\"" || p.trim() == "rel=next") {
            return Some(url.to_owned());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{expiry, next_link, owner_of};

    #[test]
    fn a_tokens_end_is_read_with_its_zone() {
        let at = |text: &str| expiry(text).map(|at| at.to_rfc3339());
        assert_eq!(at("2027-05-01 12:00:00 UTC").as_deref(), Some("2027-05-01T12:00:00+00:00"));
        assert_eq!(at("2027-05-01 12:00:00 -0700").as_deref(), Some("2027-05-01T19:00:00+00:00"));
        assert_eq!(at("soon"), None);
    }

    #[test]
    fn an_address_tells_whose_repository_it_is_about() {
        for (text, owner) in [
            ("https://a.example/api/v3/repos/acme/api/issues", "acme"),
            ("https://a.example/user", ""),
            ("https://a.example/repositories/7/issues", ""),
        ] {
            assert_eq!(url::Url::parse(text).map(|url| owner_of(&url)), Ok(owner.to_owned()));
        }
    }

    #[test]
    fn the_next_page_is_the_one_called_next() {
        let value =
            r#"<https://a.example/x?page=1>; rel="prev", <https://a.example/x?a=1,2&page=3>; rel="next""#;
        assert_eq!(next_link(value).as_deref(), Some("https://a.example/x?a=1,2&page=3"));
        assert_eq!(next_link(r#"<https://a.example/x?page=1>; rel="first""#), None);
        assert_eq!(next_link(""), None);
        assert_eq!(next_link("<unclosed"), None);
    }
}
