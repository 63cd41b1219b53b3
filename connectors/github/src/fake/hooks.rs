//! Webhook deliveries.

use connector_api::fake::FakeDelivery;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::model::{Model, Place};
use super::view;

impl Model {
    pub(super) fn tell_comment(
        &mut self,
        place: Place,
        by: &str,
        action: &str,
        id: u64,
        mut more: Map<String, Value>,
    ) {
        if let Some(comment) = view::comment(self, place, id) {
            more.insert("comment".to_owned(), comment);
        }
        self.tell(place, by, "issue_comment", action, more);
    }

    /// Makes a webhook delivery.
    pub(super) fn tell(
        &mut self,
        place: Place,
        by: &str,
        event: &str,
        action: &str,
        more: Map<String, Value>,
    ) {
        let Some(secret) = self.secret.clone() else { return };
        let mut body = more;
        body.insert("action".to_owned(), json!(action));
        body.insert("issue".to_owned(), view::issue(self, place));
        body.insert("repository".to_owned(), view::repository(self, place.0, None));
        body.insert("sender".to_owned(), view::user(self, by));
        let body = Value::Object(body).to_string();
        let id = self.next_id();
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put("content-type", "application/json");
        put("user-agent", "GitHub-Hookshot/fake");
        put("x-github-event", event);
        put("x-github-delivery", &format!("{id:08x}-0000-4000-8000-{:012x}", place.0));
        put("x-github-hook-id", "1");
        put("x-github-hook-installation-target-id", &place.0.to_string());
        put("x-github-hook-installation-target-type", "repository");
        if let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) {
            let code = mac.chain_update(&body).finalize().into_bytes();
            put("x-hub-signature-256", &format!("sha256={}", hex::encode(code)));
        }
        self.deliveries.push(FakeDelivery { headers, body: body.into() });
    }
}
