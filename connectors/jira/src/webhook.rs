//! Deliveries: verified over their raw bytes, then read for what they are about.

use connector_api::{Delivery, WebhookError};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ticket::project_of;
use crate::wire;

pub(crate) fn read(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
) -> Result<Delivery, WebhookError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = text("x-hub-signature").ok_or(WebhookError::Signature)?;
    if !signed(signature, body, secrets) {
        return Err(WebhookError::Signature);
    }
    let hook: wire::Hook =
        serde_json::from_slice(body).map_err(|e| WebhookError::Unreadable(e.to_string()))?;
    let id = match text("x-atlassian-webhook-identifier").filter(|id| !id.is_empty()) {
        Some(id) => id.to_owned(),
        None => hex::encode(Sha256::digest(body)),
    };
    let event = hook.webhook_event.ok_or_else(|| WebhookError::Unreadable("it names no event".to_owned()))?;
    let mut tickets = Vec::new();
    let mut project = None;
    if let Some(issue) = &hook.issue {
        tickets.extend(plain_id(&issue.id));
        project = issue.fields["project"]["key"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| issue.key.as_deref().map(project_of));
    } else if let Some(address) = hook.comment.as_ref().and_then(|comment| comment.address.as_deref()) {
        // Data Center sends a comment without its issue; its address names the issue.
        tickets.extend(issue_in(address));
    }
    Ok(Delivery { id, event, project, tickets })
}

/// Whether one of the secrets gives this signature. The comparison takes the same time wherever they differ.
fn signed(signature: &str, body: &[u8], secrets: &[SecretString]) -> bool {
    let Some(digest) = signature.strip_prefix("sha256=").and_then(|text| hex::decode(text).ok()) else {
        return false;
    };
    let mut fits = false;
    for secret in secrets {
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) {
            mac.update(body);
            fits |= mac.verify_slice(&digest).is_ok();
        }
    }
    fits
}

fn plain_id(id: &Value) -> Option<String> {
    let text = id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()))?;
    (!text.is_empty()).then_some(text)
}

fn issue_in(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("/issue/")?;
    let id = rest.split('/').next()?;
    (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then(|| id.to_owned())
}
