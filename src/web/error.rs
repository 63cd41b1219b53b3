//! What a refusal looks like: problem details for HTTP APIs (RFC 9457).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::store::StoreError;
use crate::sync::SyncError;
use crate::sync::failure::chain;

/// The media type of a problem.
pub(super) const PROBLEM: &str = "application/problem+json";

/// After how many seconds whoever was refused for our sake may try again.
const RETRY: &str = "10";

/// Why a request is not answered as wished. All of it is meant for whoever asked.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// The parameter that is at fault.
    parameter: Option<&'static str>,
    authenticate: Option<&'static str>,
}

#[derive(Serialize)]
struct Details<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

impl Problem {
    /// A problem that says `detail`.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), parameter: None, authenticate: None }
    }

    /// A status that somebody else chose, without a word.
    pub(super) fn plain(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "There is nothing here.",
            StatusCode::METHOD_NOT_ALLOWED => "This cannot be done here.",
            StatusCode::SERVICE_UNAVAILABLE => "This took too long. Try again later.",
            _ if status.is_server_error() => "Something went wrong here. The log says what.",
            _ => "The request cannot be read.",
        };
        Self::new(status, detail)
    }

    /// A parameter that cannot be read.
    pub(super) fn parameter(name: &'static str, detail: impl Into<String>) -> Self {
        Self { parameter: Some(name), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// No token (where `challenge` names no error), or one that opens nothing.
    pub(super) fn unauthorized(detail: &str, challenge: &'static str) -> Self {
        Self { authenticate: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Details {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            parameter: self.parameter,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY));
        }
        if let Some(challenge) = self.authenticate {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = chain(&error), "the store could not answer");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The store does not answer. Try again later.")
    }
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => error.into(),
            error @ (SyncError::Tracker(_)
            | SyncError::Evidence(_)
            | SyncError::Unknown(_)
            | SyncError::Outage(_)
            | SyncError::Held { .. }
            | SyncError::NotCleared(_)) => {
                tracing::error!(error = chain(&error), "a request failed");
                Self::plain(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// What no route has.
pub(super) async fn not_found() -> Problem {
    Problem::plain(StatusCode::NOT_FOUND)
}

/// A method that a route does not have.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::plain(StatusCode::METHOD_NOT_ALLOWED)
}
