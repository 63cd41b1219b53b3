//! Makes a ticket: the write that must happen exactly once.

use std::collections::BTreeSet;

use connector_api::{LABEL, Made, NewTicket, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::request::{Answer, Call};
use crate::ticket::property;
use crate::{FieldValues, Jira, PROPERTY, adf, wiki, wire};

/// Jira's own limit for a summary, in characters.
const TITLE_LIMIT: usize = 255;

/// What is left out of a request because the site refused it.
#[derive(Default)]
struct Without {
    properties: bool,
    due: bool,
    assignee: bool,
}

/// A title that Jira takes: on one line and not too long.
pub(crate) fn title(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let spaced = spaced.trim();
    if spaced.chars().count() <= TITLE_LIMIT {
        return spaced.to_owned();
    }
    let mut cut: String = spaced.chars().take(TITLE_LIMIT - 1).collect();
    cut.push('\u{2026}');
    cut
}

impl Jira {
    pub(crate) async fn create_ticket(&self, new: &NewTicket) -> Result<Made> {
        let mut without = Without { properties: self.memory().no_properties, ..Without::default() };
        // A refusal means that nothing was made, so the request may go out again without what was refused.
        let created: wire::Created = loop {
            let answer = self.send(self.create_call(new, &without)).await?;
            if answer.status.is_success() || !self.drop_refused(&answer, new, &mut without) {
                break answer.json()?;
            }
        };
        Ok(Made {
            reference: self.reference(&created.id, &created.key, &new.project.project),
            // Jira refuses whom it does not take: it leaves nobody out without a word.
            assignee: new.assignee.clone().filter(|_| !without.assignee),
        })
    }

    fn create_call(&self, new: &NewTicket, without: &Without) -> Call {
        let mut fields = FieldValues::new();
        fields.extend(new.project.extra_fields.clone());
        fields.insert("project".to_owned(), json!({"key": new.project.project}));
        let kind = new.project.issue_type.as_deref().unwrap_or("Task");
        fields.insert("issuetype".to_owned(), json!({"name": kind}));
        fields.insert("summary".to_owned(), json!(title(&new.title)));
        fields.insert("description".to_owned(), self.fresh_description(new));
        fields.insert("labels".to_owned(), json!(labels(new)));
        if let (Some(field), Some(due), false) = (&new.project.due_field, new.due, without.due) {
            fields.insert(field.clone(), json!(due.to_string()));
        }
        if let (Some(assignee), false) = (&new.assignee, without.assignee) {
            fields.insert("assignee".to_owned(), self.user_value(&assignee.id));
        }
        let mut body = json!({"fields": fields});
        if !without.properties {
            body["properties"] = json!([{"key": PROPERTY, "value": property(&new.marker)}]);
        }
        let what = format!("create ticket in {}", new.project.project);
        Call::write(what, Method::POST, &self.api("/issue"), &[]).body(body)
    }

    fn fresh_description(&self, new: &NewTicket) -> Value {
        if self.cloud() {
            adf::fresh(&new.block, Some(&new.marker))
        } else {
            wiki::fresh(&new.block, Some(&new.marker))
        }
    }

    /// How a person is named in a field.
    pub(crate) fn user_value(&self, id: &str) -> Value {
        if self.cloud() { json!({"accountId": id}) } else { json!({"name": id}) }
    }

    /// Marks what was refused and can be done without; false where there is no such thing.
    fn drop_refused(&self, answer: &Answer, new: &NewTicket, without: &mut Without) -> bool {
        let refusable = matches!(
            answer.status,
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_IMPLEMENTED
        );
        if !refusable {
            return false;
        }
        let refusal = answer.refusal();
        let said = refusal.text().to_lowercase();
        let mut dropped = false;
        // A call that is not known may have been cut short of saying so; without properties it surely is.
        let unknown = answer.status == StatusCode::NOT_IMPLEMENTED;
        if !without.properties && (unknown || said.contains("propert")) {
            tracing::warn!(%said, "the site takes no issue properties: the label and the text carry the marker");
            self.memory().no_properties = true;
            without.properties = true;
            dropped = true;
        }
        let due = new.project.due_field.as_deref().filter(|_| new.due.is_some() && !without.due);
        if due.is_some_and(|field| refusal.errors.contains_key(field)) {
            tracing::warn!(project = %new.project.project, %said, "the due field is refused: made without it");
            without.due = true;
            dropped = true;
        }
        if new.assignee.is_some() && !without.assignee && refusal.errors.contains_key("assignee") {
            tracing::warn!(project = %new.project.project, %said, "the assignee is refused: made without");
            without.assignee = true;
            dropped = true;
        }
        dropped
    }
}

fn labels(new: &NewTicket) -> BTreeSet<String> {
    let mut labels = new.labels.clone();
    labels.insert(LABEL.to_owned());
    labels.insert(new.marker.label());
    labels
}
