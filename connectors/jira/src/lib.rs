//! The connector to Jira: Cloud through REST v3, Data Center through REST v2.
//!
//! | file | what |
//! |---|---|
//! | `request` | one exchange: address, credentials, what answers mean |
//! | `wire` | Jira's JSON |
//! | `markup`, `markdown`, `adf`, `wiki`, `sign` | text: Markdown to and from ADF and wiki text, our block in it |
//! | `ticket` | an issue as a [`connector_api::Ticket`] |
//! | `memory`, `site` | what was learned of the site: all of it can be forgotten |
//! | `create`, `create_many`, `apply`, `transition`, `state`, `comment` | writing |
//! | [`limits`] | what the site allows, as data |
//! | `search`, `poll`, `fetch`, `history`, `survey` | reading |
//! | `check` | whether the account may do what it must |
//! | `webhook` | deliveries |
//! | [`fake`] | a fake Jira (feature `fakes`) |

#![allow(
    clippy::result_large_err,
    reason = "the error that every connector gives; failing is not a hot path"
)]

mod adf;
mod apply;
mod check;
mod comment;
mod create;
mod create_many;
#[cfg(feature = "fakes")]
pub mod fake;
mod fetch;
mod history;
pub mod limits;
mod markdown;
mod markup;
mod memory;
mod poll;
#[cfg(all(test, feature = "fakes"))]
mod real_payloads;
mod request;
mod search;
mod sign;
mod site;
mod state;
mod survey;
#[cfg(test)]
mod text_laws;
mod ticket;
mod transition;
mod webhook;
mod wiki;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use connector_api::{
    Account, Attachment, Capabilities, Changed, CheckReport, Comment, Connector, Delivery, Fetched, Glance,
    LogRequest, Made, Marker, NewTicket, Patch, PollFrom, ProjectSpec, Result, Stream, Ticket, TicketLog,
    TicketRef, Transport, WebhookError,
};
use http::HeaderMap;
use secrecy::SecretString;
use url::Url;

use create::Draft;
use memory::Memory;

/// The issue property that carries a ticket's marker.
pub const PROPERTY: &str = "poam.sync";

/// Which of the two Jiras a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// Jira Cloud: REST v3, ADF, account ids.
    Cloud,
    /// Jira Data Center: REST v2, wiki text, user names.
    DataCenter,
}

/// How we log in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// An e-mail address and an API token.
    Basic {
        /// The account's address (Data Center: its user name).
        email: String,
        /// Its token.
        token: SecretString,
    },
    /// A scoped token or a Data Center personal access token.
    Bearer(SecretString),
}

/// What the connector must know of a connection.
#[derive(Debug, Clone)]
pub struct JiraConfig {
    /// Where the API is, without `/rest`: `https://acme.atlassian.net`, `https://api.atlassian.com/ex/jira/ID`,
    /// `https://jira.example.com/context`.
    pub base_url: Url,
    /// Where people open tickets, if that is not `base_url`; behind Atlassian's gateway (`/ex/jira/ID`) the site is
    /// asked for it.
    pub browse_url: Option<Url>,
    /// Which Jira.
    pub flavor: Flavor,
    /// Credentials.
    pub auth: Auth,
    /// The projects of this connection, so that each one's due field is known before it is first named in a call.
    pub projects: Vec<ProjectSpec>,
    /// The custom field that holds the sprint, if it is known; otherwise the site is asked once, when it is
    /// first needed.
    pub sprint_field: Option<String>,
}

impl JiraConfig {
    /// A connection with nothing but what it must have.
    pub fn new(base_url: Url, flavor: Flavor, auth: Auth) -> Self {
        Self { base_url, browse_url: None, flavor, auth, projects: Vec::new(), sprint_field: None }
    }
}

/// Where the connector takes the time from.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A connection to a Jira site.
pub struct Jira {
    config: JiraConfig,
    transport: Arc<dyn Transport>,
    now: Now,
    memory: Mutex<Memory>,
}

impl Jira {
    /// A connection that sends through `transport`. Nothing is sent yet.
    pub fn new(config: JiraConfig, transport: Arc<dyn Transport>, now: Now) -> Self {
        let mut memory = Memory::default();
        memory.sprint_field.clone_from(&config.sprint_field);
        memory.fields_known = config.sprint_field.is_some();
        memory.learn_projects(&config.projects);
        Self { config, transport, now, memory: Mutex::new(memory) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_account(&self) -> Option<Account> {
        self.memory().account.clone()
    }

    fn cloud(&self) -> bool {
        self.config.flavor == Flavor::Cloud
    }

    /// A path template of this site's API version.
    fn api(&self, tail: &str) -> String {
        let version = if self.cloud() { 3 } else { 2 };
        format!("/rest/api/{version}{tail}")
    }
}

#[async_trait]
impl Connector for Jira {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            due_field: true,
            due_history: true,
            line_history: false,
            reactions: false,
            consistency_window_s: 120,
        }
    }

    async fn check(&self, projects: &[ProjectSpec]) -> Result<CheckReport> {
        self.memory().learn_projects(projects);
        self.check_site(projects).await
    }

    async fn account(&self) -> Result<Account> {
        if let Some(account) = self.known_account() {
            return Ok(account);
        }
        let (account, _) = self.ask_account().await?;
        Ok(account)
    }

    async fn create(&self, new: &NewTicket) -> Result<Made> {
        self.memory().learn_projects(std::slice::from_ref(&new.project));
        self.create_ticket(&mut Draft::new(new)).await
    }

    async fn create_many(&self, new: &[NewTicket]) -> Vec<Result<Made>> {
        for new in new {
            self.memory().learn_projects(std::slice::from_ref(&new.project));
        }
        self.create_tickets(new).await
    }

    async fn find_marker(&self, project: &ProjectSpec, marker: &Marker) -> Result<Vec<Ticket>> {
        self.memory().learn_projects(std::slice::from_ref(project));
        self.search_marker(marker).await
    }

    async fn fetch(&self, tickets: &[TicketRef]) -> Result<Vec<Fetched>> {
        self.fetch_all(tickets).await
    }

    async fn ticket_by_key(&self, project: &ProjectSpec, key: &str) -> Result<Option<Ticket>> {
        // A number alone would be taken for an id.
        let key = if key.contains('-') { key.to_owned() } else { format!("{}-{key}", project.project) };
        self.by_key(&key).await
    }

    fn streams(&self, projects: &[ProjectSpec]) -> Vec<Stream> {
        if projects.is_empty() {
            return Vec::new();
        }
        vec![Stream { name: "all".to_owned(), projects: projects.to_vec() }]
    }

    async fn changed_since(&self, stream: &Stream, from: &PollFrom<'_>) -> Result<Changed> {
        self.memory().learn_projects(&stream.projects);
        self.poll(stream, from).await
    }

    async fn survey(&self, tickets: &[TicketRef]) -> Result<Vec<Glance>> {
        self.survey_all(tickets).await
    }

    async fn read_log(&self, requests: &[LogRequest]) -> Result<Vec<TicketLog>> {
        self.read_logs(requests).await
    }

    async fn apply(&self, seen: &Ticket, patch: &Patch) -> Result<Ticket> {
        if !patch.project.project.is_empty() {
            self.memory().learn_projects(std::slice::from_ref(&patch.project));
        }
        self.apply_patch(seen, patch).await
    }

    async fn comment(&self, ticket: &TicketRef, body: &str, marker: &str) -> Result<Comment> {
        self.write_comment(ticket, body, marker).await
    }

    async fn attachment_bytes(
        &self,
        _ticket: &TicketRef,
        attachment: &Attachment,
        cap: u64,
    ) -> Result<Bytes> {
        self.attachment(attachment, cap).await
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[SecretString],
    ) -> std::result::Result<Delivery, WebhookError> {
        webhook::read(headers, body, secrets)
    }
}

/// Field values by id, as they are sent.
type FieldValues = BTreeMap<String, serde_json::Value>;
