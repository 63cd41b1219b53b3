//! Writes a patch: the fields in one request, the state in another.

use connector_api::{Patch, Result, Ticket};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::create::title;
use crate::fetch::unreadable;
use crate::request::Call;
use crate::state::closes;
use crate::transition::Moved;
use crate::{FieldValues, Jira, adf, wiki, wire};

impl Jira {
    pub(crate) async fn apply_patch(&self, seen: &Ticket, patch: &Patch) -> Result<Ticket> {
        self.memory().forget_talk(&seen.reference.id);
        let body = self.edit(seen, patch);
        let edits = body["fields"].as_object().is_some_and(|fields| !fields.is_empty())
            || body.get("update").is_some();
        match &patch.state {
            // A workflow may forbid to edit what is closed: so it is edited before it is closed, and after it is
            // opened, where the answer to the edit shows the new state too.
            Some(change) if edits && !closes(change.to) => {
                let moved = self.move_to(seen, change).await?;
                let put = self.put(seen, body).await;
                let after = put.map_err(|e| if moved == Moved::Not { e } else { e.outcome_unknown() })?;
                self.settled(after, change, moved).await
            }
            Some(change) => {
                let ticket = if edits { self.put(seen, body).await? } else { seen.clone() };
                self.change_state(ticket, change).await
            }
            None if edits => self.put(seen, body).await,
            None => Ok(seen.clone()),
        }
    }

    fn edit(&self, seen: &Ticket, patch: &Patch) -> Value {
        let mut fields = FieldValues::new();
        if let Some(text) = &patch.title {
            fields.insert("summary".to_owned(), json!(title(text)));
        }
        if let Some(block) = &patch.block {
            let raw = &seen.description.raw;
            // Written in the form that it came in.
            let old_form = raw.is_string() || !self.cloud();
            let description = if old_form { wiki::splice(raw, block) } else { adf::splice(raw, block) };
            fields.insert("description".to_owned(), description);
        }
        if let (Some(due), Some(field)) = (patch.due, &patch.project.due_field) {
            fields.insert(field.clone(), json!(due.map(|day| day.to_string())));
        }
        if let Some(assignee) = &patch.assignee {
            let value = assignee.as_ref().map_or(Value::Null, |account| self.user_value(&account.id));
            fields.insert("assignee".to_owned(), value);
        }
        let mut body = json!({"fields": fields});
        // Additions and removals, so that labels set meanwhile by others are never lost.
        let add = patch.add_labels.iter().map(|label| json!({"add": label}));
        let remove = patch.remove_labels.iter().map(|label| json!({"remove": label}));
        let labels: Vec<Value> = add.chain(remove).collect();
        if !labels.is_empty() {
            body["update"] = json!({"labels": labels});
        }
        body
    }

    async fn put(&self, seen: &Ticket, body: Value) -> Result<Ticket> {
        self.learn_site().await?;
        let id = &seen.reference.id;
        let what = format!("edit ticket {}", seen.reference.key);
        let mut call = Call::write(&*what, Method::PUT, &self.api("/issue/{id}"), &[id]).body(body);
        if self.cloud() {
            call = call.query("returnIssue", "true");
        }
        let answer = self.send(call).await?.success()?;
        if answer.status == StatusCode::NO_CONTENT || answer.body.is_empty() {
            return self.after(seen).await;
        }
        let mut issue: wire::Issue = answer.json()?;
        if issue.fields.created.is_none() || issue.fields.status.is_none() {
            return self.after(seen).await;
        }
        // The answer leaves properties out.
        let carried = seen.marker.as_ref().map(crate::ticket::property);
        if let Some(property) = carried {
            issue.properties.entry(crate::PROPERTY.to_owned()).or_insert(property);
        }
        self.ticket(&issue).map_err(|why| unreadable(&what, why).outcome_unknown())
    }

    /// The ticket as it is after a write that is done.
    pub(crate) async fn after(&self, seen: &Ticket) -> Result<Ticket> {
        let what = format!("read ticket {} after a write", seen.reference.key);
        let read = self.read_one(&seen.reference.id).await.map_err(connector_api::Error::outcome_unknown)?;
        read.ok_or_else(|| {
            connector_api::Error::new(what, connector_api::ErrorKind::NotFound).outcome_unknown()
        })
    }
}
