//! Writes comments.
//!
//! The marker goes into a small last line of the text. A comment property would be less to see, but no documented
//! call gives properties back along with comments, and some sites refuse them.

use connector_api::{Comment, Result, TicketRef};
use http::Method;
use serde_json::{Value, json};

use crate::request::Call;
use crate::{Jira, adf, sign, ticket, wiki, wire};

impl Jira {
    pub(crate) async fn write_comment(&self, to: &TicketRef, body: &str, marker: &str) -> Result<Comment> {
        self.memory().forget_talk(&to.id);
        let line = sign::write_comment(marker);
        let text = if self.cloud() {
            adf::document_signed(body, &line)
        } else {
            Value::String(wiki::document_signed(body, &line))
        };
        let what = format!("comment on {}", to.key);
        let call = Call::write(what, Method::POST, &self.api("/issue/{id}/comment"), &[&to.id])
            .body(json!({"body": text}));
        let written: wire::Comment = self.send(call).await?.json()?;
        Ok(ticket::comment(&written))
    }
}
