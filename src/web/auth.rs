//! Who may read what: bearer tokens (RFC 6750), of which the store holds digests alone.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};

use super::Web;
use super::error::Problem;
use crate::register::{Digest, SystemId};

/// All that lies below needs a token, also what is not there.
const GUARDED: &str = "/api/v1";
/// What describes the API needs none.
pub(super) const OPEN: &str = "/api/v1/openapi.json";

/// Whoever showed a token that is valid now: the proof of it that handlers ask for.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    systems: Vec<String>,
}

impl Reader {
    /// Whether the token opens a system. The reserved chain, which holds tokens and persons, is no system.
    pub(super) fn may_read(&self, system: &SystemId) -> bool {
        system.as_str() != SystemId::RESERVED
            && self.systems.iter().any(|given| given == "*" || given == system.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    /// Where [`guard`] let nobody in, nobody reads.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// Lets nobody without a valid token below [`GUARDED`].
pub(super) async fn guard(State(web): State<Arc<Web>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let below = path.strip_prefix(GUARDED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if below && path != OPEN {
        match reader(&web, request.headers()).await {
            Ok(reader) => {
                request.extensions_mut().insert(reader);
            }
            Err(problem) => return problem.into_response(),
        }
    }
    next.run(request).await
}

/// Unknown, expired and revoked tokens are refused in the same words.
async fn reader(web: &Web, headers: &HeaderMap) -> Result<Reader, Problem> {
    let given = bearer(headers).ok_or_else(missing)?;
    let mut read = web.world.db.read().await?;
    let token = read.token_by_digest(&Digest::of(given.as_bytes())).await?;
    let now = web.world.clock.now();
    token
        .filter(|token| token.revoked.is_none() && token.expires.is_none_or(|expires| now < expires))
        .map(|token| Reader { systems: token.systems })
        .ok_or_else(|| {
            Problem::unauthorized(
                "This token is not known, has expired, or was revoked.",
                "Bearer realm=\"poam\", error=\"invalid_token\"",
            )
        })
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn missing() -> Problem {
    Problem::unauthorized(
        "This needs a token: `poam token add` makes one. Send it as `Authorization: Bearer TOKEN`.",
        "Bearer realm=\"poam\"",
    )
}
