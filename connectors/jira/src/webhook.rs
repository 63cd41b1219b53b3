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
    let id = match text("x-atlassian-webhook-identifier").filter(|id| !id.is_empty()) {
        Some(id) => id.to_owned(),
        None => hex::encode(Sha256::digest(body)),
    };
    read_body(body, id)
}

/// Reads a body that was verified.
pub(crate) fn read_body(body: &[u8], id: String) -> Result<Delivery, WebhookError> {
    let hook: wire::Hook =
        serde_json::from_slice(body).map_err(|e| WebhookError::Unreadable(e.to_string()))?;
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

/// Whether one of the secrets gives this signature. The comparison takes the same time wherever they differ. A secret
/// that is empty is none: anyone could sign with it.
fn signed(signature: &str, body: &[u8], secrets: &[SecretString]) -> bool {
    let Some(digest) = signature.strip_prefix("sha256=").and_then(|text| hex::decode(text).ok()) else {
        return false;
    };
    let mut fits = false;
    for secret in secrets.iter().filter(|secret| !secret.expose_secret().is_empty()) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| http::HeaderValue::from_str(text).expect("a header");
        pairs.iter().map(|(name, text)| (http::HeaderName::from_static(name), value(text))).collect()
    }

    fn signature(body: &[u8], secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn read_signed(body: &[u8]) -> Result<Delivery, WebhookError> {
        let headers = headers(&[("x-hub-signature", &signature(body, "s"))]);
        read(&headers, body, &[SecretString::from("s")])
    }

    /// The vendor's own example of a signature.
    #[test]
    fn the_published_example_of_a_signature_fits() {
        let text = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        let secret = SecretString::from("It's a Secret to Everybody");
        assert!(signed(text, b"Hello World!", std::slice::from_ref(&secret)));
        assert!(!signed(text, b"Hello World?", std::slice::from_ref(&secret)));
        for bent in [&text[7..], "sha256=", "sha256=zz", "sha1=a4771c39", &text[..text.len() - 2]] {
            assert!(!signed(bent, b"Hello World!", std::slice::from_ref(&secret)), "{bent}");
        }
    }

    #[test]
    fn an_empty_secret_lets_nobody_in() {
        let sign = signature(b"{}", "");
        assert!(!signed(&sign, b"{}", &[SecretString::from("")]));
        assert!(!signed(&sign, b"{}", &[SecretString::from("s"), SecretString::from("")]));
    }

    #[test]
    fn a_repeat_has_the_same_id_with_and_without_the_header() {
        let body = br#"{"webhookEvent":"jira:issue_updated","issue":{"id":"10007","key":"ACME-7"}}"#;
        let sign = signature(body, "s");
        let first = headers(&[("x-hub-signature", &sign), ("x-atlassian-webhook-identifier", "w-1")]);
        let read = read(&first, body, &[SecretString::from("s")]).expect("a delivery");
        assert_eq!((read.id.as_str(), read.project.as_deref()), ("w-1", Some("ACME")));
        let bare = read_signed(body).expect("a delivery");
        assert_eq!(bare.id, hex::encode(Sha256::digest(body)));
    }

    #[test]
    fn a_comment_alone_names_its_issue_by_its_address() {
        let body = br#"{"webhookEvent":"comment_created","comment":{"id":"9",
            "self":"https://jira.example.com/rest/api/2/issue/10013/comment/10082"}}"#;
        assert_eq!(read_signed(body).expect("a delivery").tickets, ["10013"]);
        let elsewhere =
            br#"{"webhookEvent":"comment_created","comment":{"self":"https://x/issue/../comment/1"}}"#;
        assert!(read_signed(elsewhere).expect("a delivery").tickets.is_empty());
    }

    #[test]
    fn what_is_signed_and_unreadable_says_so() {
        for body in [&b"not json"[..], b"{}", b"[]"] {
            assert!(matches!(read_signed(body), Err(WebhookError::Unreadable(_))));
        }
    }
}
