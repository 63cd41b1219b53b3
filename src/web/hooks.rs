//! Webhooks: verified, stored so that a repeat is known, and taken as a hint where to look. What one says is never
//! data. Answered once it is stored: what is not answered so, the sender sends again.

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use connector_api::WebhookError;
use http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use secrecy::{ExposeSecret as _, SecretString};

use super::Web;
use super::error::Problem;
use super::metrics::Hook;

/// Takes a delivery.
pub(super) async fn deliver(
    State(web): State<Arc<Web>>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    let (outcome, response) = match take(&web, &connection, request).await {
        Ok(new) => (if new { Hook::Accepted } else { Hook::Repeated }, StatusCode::ACCEPTED.into_response()),
        Err((outcome, problem)) => (outcome, problem.into_response()),
    };
    // Only our own connections make labels: a stranger must not be able to make more of them.
    let known = web.world.connectors.contains_key(&connection);
    web.metrics.hook(if known { &connection } else { "unknown" }, outcome);
    response
}

/// Takes a delivery; says whether it was new.
async fn take(web: &Web, connection: &str, request: Request) -> Result<bool, (Hook, Problem)> {
    let (parts, body) = request.into_parts();
    let body = read(&parts.headers, body, web.webhook_cap).await?;
    let Some(connector) = web.world.connectors.get(connection) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "No connection has this id.");
        return Err((Hook::UnknownConnection, problem));
    };
    let delivery = match connector.read_webhook(&parts.headers, &body, &secrets(web, connection)) {
        Ok(delivery) => delivery,
        Err(WebhookError::Signature) => {
            tracing::warn!(connection, "a webhook's signature is missing, or fits none of the secrets");
            let detail = "The signature is missing, or fits none of the connection's secrets.";
            return Err((Hook::BadSignature, Problem::new(StatusCode::UNAUTHORIZED, detail)));
        }
        Err(WebhookError::Unreadable(reason)) => {
            // The reason may quote the body, which is the tracker's to keep.
            drop(reason);
            tracing::warn!(connection, bytes = body.len(), "a signed webhook cannot be read");
            let detail = "The delivery is signed, yet is no webhook of this kind of tracker.";
            return Err((Hook::Unreadable, Problem::new(StatusCode::BAD_REQUEST, detail)));
        }
    };
    let event = delivery.event.clone();
    match web.engine.deliver(connection, delivery).await {
        Ok(new) => {
            tracing::debug!(connection, event, new, "a webhook was taken");
            if new {
                (web.wake)(connection);
            }
            Ok(new)
        }
        Err(error) => {
            tracing::error!(
                connection,
                error = crate::sync::failure::chain(&error),
                "a webhook was not stored"
            );
            let detail = "The delivery could not be stored. Send it again.";
            Err((Hook::NotStored, Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)))
        }
    }
}

/// The secrets of a connection; an empty one signs nothing, since anybody has it.
fn secrets(web: &Web, connection: &str) -> Vec<SecretString> {
    let given = web.secrets.get(connection).into_iter().flatten();
    given.filter(|secret| !secret.expose_secret().is_empty()).cloned().collect()
}

/// The whole body, if it is within the cap. One that says it is larger is not read.
async fn read(headers: &HeaderMap, body: Body, cap: u64) -> Result<Bytes, (Hook, Problem)> {
    let too_large = || {
        let detail = format!("A delivery may have {cap} bytes.");
        (Hook::TooLarge, Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
    };
    let says = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if says.is_some_and(|length| length > cap) {
        return Err(too_large());
    }
    match to_bytes(body, usize::try_from(cap).unwrap_or(usize::MAX)).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => Err(too_large()),
        Err(_) => Err((Hook::Unreadable, Problem::plain(StatusCode::BAD_REQUEST))),
    }
}
