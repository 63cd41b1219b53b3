//! Makes tickets: the write that must happen exactly once.

use std::collections::BTreeSet;

use connector_api::{LABEL, Made, NewTicket, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::request::{Call, Refusal};
use crate::ticket::property;
use crate::{FieldValues, Jira, PROPERTY, adf, wiki, wire};

/// Jira's own limit for a summary, in characters.
const TITLE_LIMIT: usize = 255;

/// A ticket to be made, and what is left out of it because the site refused that.
pub(crate) struct Draft<'a> {
    pub(crate) new: &'a NewTicket,
    without_due: bool,
    without_assignee: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(new: &'a NewTicket) -> Self {
        Self { new, without_due: false, without_assignee: false }
    }

    fn due_field(&self) -> Option<&str> {
        self.new.project.due_field.as_deref().filter(|_| self.new.due.is_some() && !self.without_due)
    }

    pub(crate) fn what(&self) -> String {
        format!("create ticket in {}", self.new.project.project)
    }
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
    pub(crate) async fn create_ticket(&self, draft: &mut Draft<'_>) -> Result<Made> {
        self.learn_address().await?;
        // A refusal means that nothing was made, so the request may go out again without what was refused.
        loop {
            let had_properties = !self.memory().no_properties;
            let call = Call::write(draft.what(), Method::POST, &self.api("/issue"), &[]);
            let answer = self.send(call.body(self.draft_body(draft))).await?;
            let refused = !answer.status.is_success()
                && self.drop_refused(answer.status, &answer.refusal(), draft, had_properties);
            if !refused {
                return Ok(self.made(&answer.json()?, draft));
            }
        }
    }

    pub(crate) fn made(&self, created: &wire::Created, draft: &Draft<'_>) -> Made {
        Made {
            reference: self.reference(&created.id, &created.key, &draft.new.project.project),
            // Jira refuses whom it does not take: it leaves nobody out without a word.
            assignee: draft.new.assignee.clone().filter(|_| !draft.without_assignee),
        }
    }

    /// The ticket as a create takes it.
    pub(crate) fn draft_body(&self, draft: &Draft<'_>) -> Value {
        let new = draft.new;
        let no_properties = self.memory().no_properties;
        let mut fields = FieldValues::new();
        fields.extend(new.project.extra_fields.clone());
        fields.insert("project".to_owned(), json!({"key": new.project.project}));
        let kind = new.project.issue_type.as_deref().unwrap_or("Task");
        fields.insert("issuetype".to_owned(), json!({"name": kind}));
        fields.insert("summary".to_owned(), json!(title(&new.title)));
        fields.insert(
            "description".to_owned(),
            if self.cloud() { adf::fresh(&new.block) } else { wiki::fresh(&new.block) },
        );
        // Where a search does not bring the property back, a label says the same.
        let whole_marker = (no_properties || !self.cloud()).then(|| new.marker.line());
        let mut labels: BTreeSet<String> = new.labels.iter().cloned().chain(whole_marker).collect();
        labels.extend([LABEL.to_owned(), new.marker.label()]);
        fields.insert("labels".to_owned(), json!(labels));
        if let (Some(field), Some(due)) = (draft.due_field(), new.due) {
            fields.insert(field.to_owned(), json!(due.to_string()));
        }
        if let (Some(assignee), false) = (&new.assignee, draft.without_assignee) {
            fields.insert("assignee".to_owned(), self.user_value(&assignee.id));
        }
        let mut body = json!({"fields": fields});
        if !no_properties {
            body["properties"] = json!([{"key": PROPERTY, "value": property(&new.marker)}]);
        }
        body
    }

    /// How a person is named in a field.
    pub(crate) fn user_value(&self, id: &str) -> Value {
        if self.cloud() { json!({"accountId": id}) } else { json!({"name": id}) }
    }

    /// Marks what was refused and can be done without; false where there is no such thing. `had_properties`: whether
    /// the request held any.
    pub(crate) fn drop_refused(
        &self,
        status: StatusCode,
        refusal: &Refusal,
        draft: &mut Draft<'_>,
        had_properties: bool,
    ) -> bool {
        let refusable =
            matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_IMPLEMENTED);
        if !refusable {
            return false;
        }
        let said = refusal.text().to_lowercase();
        let project = &draft.new.project.project;
        let mut dropped = false;
        // A call that is not known may have been cut short of saying so; without properties it surely is.
        let unknown = status == StatusCode::NOT_IMPLEMENTED;
        if had_properties && (unknown || said.contains("propert")) {
            tracing::warn!(%said, "the site takes no issue properties: a label carries the marker");
            self.memory().no_properties = true;
            dropped = true;
        }
        if draft.due_field().is_some_and(|field| refusal.errors.contains_key(field)) {
            tracing::warn!(%project, %said, "the due field is refused: made without it");
            draft.without_due = true;
            dropped = true;
        }
        let assigns = draft.new.assignee.is_some() && !draft.without_assignee;
        if assigns && refusal.errors.contains_key("assignee") {
            tracing::warn!(%project, %said, "the assignee is refused: made without");
            draft.without_assignee = true;
            dropped = true;
        }
        dropped
    }
}
