//! Deliveries: the signature over the raw bytes first, then hints where to look.

use connector_api::{Delivery, WebhookError};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use crate::request::text_header;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    repository: Option<Repository>,
    issue: Option<Issue>,
    changes: Option<Changes>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Debug, Deserialize)]
struct Issue {
    id: u64,
    pull_request: Option<serde::de::IgnoredAny>,
}

/// A transfer names the issue's new self.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Changes {
    new_issue: Option<Issue>,
}

pub(crate) fn read(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
) -> Result<Delivery, WebhookError> {
    verify(headers, body, secrets)?;
    let missing = |name: &str| WebhookError::Unreadable(format!("it has no {name} header"));
    let id = text_header(headers, "x-github-delivery").ok_or_else(|| missing("X-GitHub-Delivery"))?;
    let event = text_header(headers, "x-github-event").ok_or_else(|| missing("X-GitHub-Event"))?;
    let body: Body = serde_json::from_slice(&json_of(headers, body)?)
        .map_err(|error| WebhookError::Unreadable(error.to_string()))?;
    let moved = body.changes.and_then(|changes| changes.new_issue);
    let tickets = [body.issue, moved]
        .into_iter()
        .flatten()
        .filter(|issue| issue.pull_request.is_none())
        .map(|issue| issue.id.to_string())
        .collect();
    Ok(Delivery {
        id: id.to_owned(),
        event: event.to_owned(),
        project: body.repository.map(|repository| repository.full_name),
        tickets,
    })
}

/// Compares in constant time, with every secret.
fn verify(headers: &HeaderMap, body: &[u8], secrets: &[SecretString]) -> Result<(), WebhookError> {
    let signature =
        text_header(headers, "x-hub-signature-256").and_then(|value| value.strip_prefix("sha256="));
    let signature = signature.and_then(|text| hex::decode(text).ok()).ok_or(WebhookError::Signature)?;
    let fits = |secret: &SecretString| {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
        // An empty secret would accept what anyone can sign.
        !secret.expose_secret().is_empty() && mac.chain_update(body).verify_slice(&signature).is_ok()
    };
    if secrets.iter().fold(false, |fitted, secret| fits(secret) | fitted) {
        Ok(())
    } else {
        Err(WebhookError::Signature)
    }
}

/// The JSON of a delivery, also where the hook was set to send it as a form.
fn json_of<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, WebhookError> {
    let form = text_header(headers, header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !form {
        return Ok(body.into());
    }
    url::form_urlencoded::parse(body)
        .find(|(name, _)| name == "payload")
        .map(|(_, payload)| payload.into_owned().into_bytes().into())
        .ok_or_else(|| WebhookError::Unreadable("the form has no payload".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(body: &[u8], secret: &str, event: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        if let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
            let code = mac.chain_update(body).finalize().into_bytes();
            put("x-hub-signature-256", format!("sha256={}", hex::encode(code)));
        }
        put("x-github-event", event.to_owned());
        put("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned());
        headers
    }

    #[test]
    fn the_published_example_verifies() {
        // The test value of GitHub's page on validating deliveries.
        let mut headers = HeaderMap::new();
        let value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        headers.insert("x-hub-signature-256", http::HeaderValue::from_static(value));
        let secret = SecretString::from("It's a Secret to Everybody");
        assert_eq!(verify(&headers, b"Hello, World!", std::slice::from_ref(&secret)), Ok(()));
        assert_eq!(verify(&headers, b"Hello, World.", &[secret]), Err(WebhookError::Signature));
    }

    #[test]
    fn signed_rubbish_is_unreadable_and_an_empty_secret_signs_nothing() {
        let secret = SecretString::from("s3");
        let broken =
            read(&signed(b"{\"issue\":", "s3", "issues"), b"{\"issue\":", std::slice::from_ref(&secret));
        assert!(matches!(broken, Err(WebhookError::Unreadable(_))), "{broken:?}");
        let empty = read(&signed(b"{}", "", "issues"), b"{}", &[SecretString::from("")]);
        assert_eq!(empty, Err(WebhookError::Signature));
    }

    #[test]
    fn a_form_is_read_too() {
        let body = b"payload=%7B%22issue%22%3A%7B%22id%22%3A7%7D%2C%22repository%22%3A%7B%22full_name%22%3A%22a%2Fb%22%7D%7D";
        let mut headers = signed(body, "s3", "issues");
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        let read = read(&headers, body, &[SecretString::from("s3")]);
        let project = Some("a/b".to_owned());
        assert!(matches!(read, Ok(d) if d.tickets == ["7"] && d.project == project));
    }

    #[test]
    fn a_pull_request_is_no_ticket() {
        let body = br#"{"issue":{"id":7,"pull_request":{}},"repository":{"full_name":"a/b"}}"#;
        let read = read(&signed(body, "s3", "issue_comment"), body, &[SecretString::from("s3")]);
        assert!(matches!(read, Ok(d) if d.tickets.is_empty()));
    }
}
