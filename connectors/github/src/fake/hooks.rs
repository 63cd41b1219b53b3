//! Webhooks: deliveries, and the list of attempts at them where a hook was set up through the API's own pages.

use chrono::{DateTime, Utc};
use connector_api::fake::FakeDelivery;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::model::{Model, Place};
use super::routes::{Answer, Reply};
use super::view::{self, time};

/// Hooks that were set up, and what became of their deliveries.
#[derive(Default)]
pub(super) struct Hooks {
    /// Id, repository, address.
    pub(super) all: Vec<(u64, u64, String)>,
    /// The receiver does not answer.
    pub(super) down: bool,
    attempts: Vec<Attempt>,
}

/// One attempt at a delivery.
struct Attempt {
    id: u64,
    hook: u64,
    guid: String,
    at: DateTime<Utc>,
    again: bool,
    arrived: bool,
    delivery: FakeDelivery,
}

impl Attempt {
    fn view(&self) -> Value {
        let (status, code) = if self.arrived { ("OK", 202) } else { ("Bad Gateway", 502) };
        json!({ "id": self.id, "guid": self.guid, "delivered_at": time(self.at), "redelivery": self.again,
            "duration": 0.1, "status": status, "status_code": code, "event": "issues", "action": null,
            "installation_id": null, "repository_id": null, "throttled_at": null })
    }
}

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
        let guid = headers.get("x-github-delivery").and_then(|id| id.to_str().ok()).unwrap_or_default();
        let guid = guid.to_owned();
        let delivery = FakeDelivery { headers, body: body.into() };
        let hook = self.hooks.all.iter().find(|(_, repo, _)| *repo == place.0).map(|(id, ..)| *id);
        match hook {
            Some(hook) => self.attempt(hook, guid, delivery, false),
            None => self.deliveries.push(delivery),
        }
    }

    fn attempt(&mut self, hook: u64, guid: String, delivery: FakeDelivery, again: bool) {
        let (id, at, arrived) = (self.next_id(), self.time(), !self.hooks.down);
        if arrived {
            self.deliveries.push(delivery.clone());
        }
        self.hooks.attempts.push(Attempt { id, hook, guid, at, again, arrived, delivery });
    }

    /// Attempts at a hook's deliveries, or at all of the App's, newest first.
    pub(super) fn attempts_of(&self, hook: Option<u64>) -> Vec<Value> {
        let of =
            self.hooks.attempts.iter().rev().filter(|attempt| hook.is_none_or(|hook| attempt.hook == hook));
        of.map(Attempt::view).collect()
    }

    /// Makes a delivery once more.
    pub(super) fn deliver_again(&mut self, hook: Option<u64>, id: &str) -> Answer {
        let of = self
            .hooks
            .attempts
            .iter()
            .find(|attempt| attempt.id.to_string() == id && hook.is_none_or(|hook| attempt.hook == hook));
        let attempt = of.ok_or_else(Reply::not_found)?;
        let (hook, guid, delivery) = (attempt.hook, attempt.guid.clone(), attempt.delivery.clone());
        self.attempt(hook, guid, delivery, true);
        Ok(Reply { status: 202, body: json!({}), headers: Vec::new() })
    }
}
