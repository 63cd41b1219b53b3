//! The webhooks that changes cause.

use bytes::Bytes;
use connector_api::Account;
use connector_api::fake::FakeDelivery;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sha2::Sha256;

use super::json::{Selection, item_json};
use super::site::{Comment, History, Site};

impl Site {
    pub(super) fn deliver_issue(&mut self, event: &str, id: u64, by: &Account, entry: Option<&History>) {
        let Some(issue) = self.issues.get(&id).filter(|_| !self.secret.is_empty()) else { return };
        let mut body = json!({
            "timestamp": self.time().timestamp_millis(), "webhookEvent": event, "user": self.user_json(by),
            "issue": self.issue_json(issue, &Selection::All, &[]),
        });
        if event != "jira:issue_deleted" {
            let kind = if event == "jira:issue_created" { "issue_created" } else { "issue_generic" };
            body["issue_event_type_name"] = json!(kind);
        }
        if let Some(entry) = entry {
            let items: Vec<Value> = entry.items.iter().map(item_json).collect();
            body["changelog"] = json!({"id": entry.id.to_string(), "items": items});
        }
        self.deliver(&body);
    }

    pub(super) fn deliver_comment(&mut self, event: &str, id: u64, comment: &Comment) {
        let Some(issue) = self.issues.get(&id).filter(|_| !self.secret.is_empty()) else { return };
        let mut body = json!({
            "timestamp": self.time().timestamp_millis(), "webhookEvent": event,
            "comment": self.comment_json(issue, comment),
        });
        // Cloud tells a little of the issue, Data Center nothing.
        if self.cloud() {
            let few = ["summary", "issuetype", "project", "assignee", "status"].map(str::to_owned);
            body["issue"] = self.issue_json(issue, &Selection::Named(few.to_vec()), &[]);
        }
        self.deliver(&body);
    }

    fn deliver(&mut self, body: &Value) {
        let body = Bytes::from(body.to_string());
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        put("content-type", "application/json; charset=UTF-8");
        put("x-atlassian-webhook-identifier", &format!("fake-{}", self.next_id()));
        put("x-atlassian-webhook-flow", "Primary");
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) {
            mac.update(&body);
            put("x-hub-signature", &format!("sha256={}", hex::encode(mac.finalize().into_bytes())));
        }
        self.deliveries.push(FakeDelivery { headers, body });
    }
}
