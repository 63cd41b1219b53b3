//! The connector to GitHub: github.com and GitHub Enterprise Server.
//!
//! | file | what |
//! |---|---|
//! | [`auth`] | signing in: a token, or a GitHub App and its installations' tokens |
//! | `request` | one request and what its answer means: headers, errors by kind, moved things, pages |
//! | [`limits`] | what GitHub allows, and what its refusals say |
//! | `graphql` | questions for many tickets at once |
//! | `wire` | GitHub's JSON, as far as it is read |
//! | `text` | our block and our markers inside a Markdown text |
//! | `poll` | what changed in a repository, asked so that "nothing" costs nothing |
//! | `tickets` | many tickets with few requests |
//! | `write`, `due` | creating and patching; where the due date lives |
//! | `history`, `edits`, `closing` | what happened to tickets, through GraphQL |
//! | `log` | the same through REST, where there is none |
//! | `redeliver` | webhooks that did not arrive, sent again |
//! | `check` | what is missing in permissions |
//! | `webhook` | deliveries, verified and read as hints |
//! | `fake` | a GitHub of our own to run it all against (feature `fakes`) |
//!
//! A ticket's identity is the issue's numeric id. GitHub keeps it through renames; a transfer to another
//! repository gives the issue a new id there, which [`Connector::fetch`] follows through GitHub's redirect and
//! hands back in the reference.

pub mod auth;
mod check;
mod closing;
mod due;
mod edits;
#[cfg(feature = "fakes")]
pub mod fake;
mod graphql;
mod history;
pub mod limits;
mod log;
mod poll;
mod redeliver;
mod request;
mod text;
mod tickets;
mod webhook;
mod wire;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connector_api::{
    Account, Capabilities, Changed, CheckReport, Comment, Connector, Delivery, Error, ErrorKind, Fetched,
    Glance, LogRequest, Made, Marker, NewTicket, Patch, PollFrom, ProjectSpec, Result, Stream, Ticket,
    TicketLog, TicketRef, Transport, WebhookError,
};
use http::Method;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use auth::Auth;
pub use auth::{AppKey, Credentials};
use request::{Call, Site};
use wire::{Issue, IssueComment};

/// How a GitHub site is reached.
#[derive(Debug, Clone)]
pub struct GitHubConfig {
    /// `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise Server.
    pub base_url: Url,
    /// How we sign in.
    pub credentials: Credentials,
    /// The version of the API that is asked for: `2022-11-28`.
    pub api_version: String,
    /// How long after a write a listing may still miss it, in seconds. GitHub promises nothing.
    pub consistency_window_s: u32,
    /// The repositories that are configured: where their issues' due dates live, and whose webhooks are ours.
    pub projects: Vec<ProjectSpec>,
    /// Where GitHub sends this connection's webhooks. Without it none can be asked for again, since a repository may
    /// have hooks that are others'.
    pub webhook_url: Option<Url>,
}

impl GitHubConfig {
    /// The usual settings for a site and a personal access token.
    pub fn new(base_url: Url, token: SecretString) -> Self {
        Self::with(base_url, Credentials::Token(token))
    }

    /// The usual settings for a site.
    pub fn with(base_url: Url, credentials: Credentials) -> Self {
        Self {
            base_url,
            credentials,
            api_version: "2022-11-28".to_owned(),
            consistency_window_s: 120,
            projects: Vec::new(),
            webhook_url: None,
        }
    }
}

/// The value of [`ProjectSpec::due_field`] with which an issue is due when its milestone is.
pub const DUE_FROM_MILESTONE: &str = "milestone";

/// A prefix of [`ProjectSpec::due_field`]: the rest is the name of an issue field of the organization, of type date.
pub const DUE_IN_FIELD: &str = "field:";

/// A prefix in [`connector_api::StateChange::names`]: the rest is a label that stands for the state.
pub const LABEL_STATE: &str = "label:";

/// A connection to a GitHub site.
pub struct GitHub {
    site: Site,
    projects: BTreeMap<String, ProjectSpec>,
    webhook_url: Option<Url>,
    consistency_window_s: u32,
    account: Mutex<Option<Account>>,
    /// Labels known to be there, lower case, by repository: GitHub's label names differ by more than case.
    labels: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// This server wants labels made before they are used.
    labels_first: AtomicBool,
    /// This site has no GraphQL, or not the one that we ask.
    without_graphql: AtomicBool,
    /// GraphQL's ids of tickets, as REST's answers told them.
    nodes: Mutex<BTreeMap<String, String>>,
    /// Issue fields of organizations, by owner and name in lower case.
    fields: Mutex<BTreeMap<(String, String), u64>>,
    /// Webhooks that were asked for again.
    redelivered: Mutex<BTreeSet<String>>,
}

impl GitHub {
    /// A connection by `config`; nothing is sent yet. `now` is used for limits and tokens alone.
    pub fn new(
        config: GitHubConfig,
        transport: Arc<dyn Transport>,
        now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    ) -> Self {
        let GitHubConfig { base_url, credentials, api_version, consistency_window_s, projects, webhook_url } =
            config;
        let auth = Auth::from(credentials);
        Self {
            site: Site { base: base_url, auth, api_version, transport, now, expires: Mutex::new(None) },
            projects: projects.into_iter().map(|spec| (spec.project.to_lowercase(), spec)).collect(),
            webhook_url,
            consistency_window_s,
            account: Mutex::new(None),
            labels: Mutex::new(BTreeMap::new()),
            labels_first: AtomicBool::new(false),
            without_graphql: AtomicBool::new(false),
            nodes: Mutex::new(BTreeMap::new()),
            fields: Mutex::new(BTreeMap::new()),
            redelivered: Mutex::new(BTreeSet::new()),
        }
    }

    /// Whether tickets there are due by an issue field, which only REST tells.
    fn due_in_field(&self, project: &str) -> bool {
        self.projects.get(&project.to_lowercase()).and_then(due::field).is_some()
    }

    fn lacks_graphql(&self) -> bool {
        self.without_graphql.load(Ordering::Relaxed)
    }

    /// An issue as a ticket; `spec` where the caller has it.
    fn ticket(&self, issue: &Issue, asked: &str, spec: Option<&ProjectSpec>) -> Ticket {
        if let Some(node) = &issue.node_id {
            lock(&self.nodes).insert(issue.id.to_string(), node.clone());
        }
        issue.ticket(asked, spec.or_else(|| self.projects.get(&asked.to_lowercase())))
    }

    /// One issue by its number. One request each.
    async fn fetch_one(&self, reference: &TicketRef) -> Result<Fetched> {
        let what = format!("read {}#{}", reference.project, reference.key);
        let url = self.site.repo_url(&reference.project, &["issues", &reference.key])?;
        let answer = self.site.send(&Call::get(what, url).accept(&[404, 410])).await?;
        match answer.status.as_u16() {
            404 => return Ok(Fetched::Missing(reference.clone())),
            410 => return Ok(Fetched::Gone(reference.clone())),
            _ => {}
        }
        let issue: Issue = answer.json()?;
        // Another id under this number is another ticket, as after a repository was made anew, unless GitHub itself
        // led us there: then it is this one, transferred.
        let same = answer.moved || issue.id.to_string() == reference.id;
        if !same || issue.is_pull_request() {
            return Ok(Fetched::Missing(reference.clone()));
        }
        Ok(Fetched::Found(Box::new(self.ticket(&issue, &reference.project, None))))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Connector for GitHub {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            due_field: true,
            // The timeline names milestones, not their dates.
            due_history: false,
            line_history: !self.lacks_graphql(),
            reactions: true,
            consistency_window_s: self.consistency_window_s,
        }
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        *lock(&self.site.expires)
    }

    async fn check(&self, projects: &[ProjectSpec]) -> Result<CheckReport> {
        check::check(self, projects).await
    }

    async fn account(&self) -> Result<Account> {
        let known = lock(&self.account).clone();
        if let Some(account) = known {
            return Ok(account);
        }
        let (account, _) = auth::account(&self.site).await?;
        *lock(&self.account) = Some(account.clone());
        Ok(account)
    }

    async fn create(&self, new: &NewTicket) -> Result<Made> {
        write::create(self, new).await
    }

    async fn find_marker(&self, project: &ProjectSpec, marker: &Marker) -> Result<Vec<Ticket>> {
        let mut url = self.site.repo_url(&project.project, &["issues"])?;
        url.query_pairs_mut()
            .append_pair("state", "all")
            .append_pair("labels", &marker.label())
            .append_pair("sort", "created")
            .append_pair("direction", "asc")
            .append_pair("per_page", "100");
        let call = Call::get(format!("look for {} in {}", marker.line(), project.project), url);
        let issues = self.site.list::<Issue>(call).await?.entries;
        let mut tickets: Vec<Ticket> = issues
            .iter()
            .filter(|issue| !issue.is_pull_request())
            .map(|issue| self.ticket(issue, &project.project, Some(project)))
            // Who replaced the text took the hidden line with it: then the label alone tells.
            .filter(|ticket| ticket.marker.as_ref().is_none_or(|carried| carried == marker))
            .map(|ticket| Ticket { marker: Some(marker.clone()), ..ticket })
            .collect();
        tickets
            .sort_by_key(|ticket| (ticket.created, ticket.reference.id.parse::<u64>().unwrap_or(u64::MAX)));
        tickets.dedup_by(|a, b| a.reference.id == b.reference.id);
        Ok(tickets)
    }

    async fn fetch(&self, tickets: &[TicketRef]) -> Result<Vec<Fetched>> {
        tickets::fetch(self, tickets).await
    }

    async fn survey(&self, tickets: &[TicketRef]) -> Result<Vec<Glance>> {
        tickets::survey(self, tickets).await
    }

    async fn ticket_by_key(&self, project: &ProjectSpec, key: &str) -> Result<Option<Ticket>> {
        let what = format!("read {}#{key}", project.project);
        let number: u64 = match key.parse() {
            Ok(number) => number,
            Err(_) => return Ok(None),
        };
        let url = self.site.repo_url(&project.project, &["issues", &number.to_string()])?;
        let answer = self.site.send(&Call::get(what, url).accept(&[404, 410])).await?;
        if matches!(answer.status.as_u16(), 404 | 410) {
            return Ok(None);
        }
        let issue: Issue = answer.json()?;
        let ticket = || self.ticket(&issue, &project.project, Some(project));
        Ok((!issue.is_pull_request()).then(ticket))
    }

    fn streams(&self, projects: &[ProjectSpec]) -> Vec<Stream> {
        projects
            .iter()
            .map(|project| Stream { name: project.project.clone(), projects: vec![project.clone()] })
            .collect()
    }

    async fn changed_since(&self, stream: &Stream, from: &PollFrom<'_>) -> Result<Changed> {
        poll::poll(self, stream, from.cursor, from.since).await
    }

    async fn read_log(&self, requests: &[LogRequest]) -> Result<Vec<TicketLog>> {
        if let Some(logs) = history::read(self, requests).await? {
            return Ok(logs);
        }
        let mut logs = Vec::with_capacity(requests.len());
        for request in requests {
            match log::read(self, request).await {
                Ok(log) => logs.push(log),
                // A ticket that is not there has no log, and must not hold back the others'.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(logs)
    }

    async fn redeliver(&self, since: DateTime<Utc>) -> Result<u32> {
        redeliver::redeliver(self, since).await
    }

    async fn apply(&self, seen: &Ticket, patch: &Patch) -> Result<Ticket> {
        write::apply(self, seen, patch).await
    }

    async fn comment(&self, ticket: &TicketRef, body: &str, marker: &str) -> Result<Comment> {
        let url = self.site.repo_url(&ticket.project, &["issues", &ticket.key, "comments"])?;
        let body = json!({ "body": text::with_comment_marker(body, marker) });
        let what = format!("comment on {}#{}", ticket.project, ticket.key);
        let answer = self.site.send(&Call::write(what, Method::POST, url, body)).await?;
        Ok(answer.json::<IssueComment>()?.comment())
    }

    async fn react(&self, ticket: &TicketRef, comment: &str) -> Result<()> {
        let url = self.site.repo_url(&ticket.project, &["issues", "comments", comment, "reactions"])?;
        let what = format!("react to a comment on {}#{}", ticket.project, ticket.key);
        let call = Call::write(what, Method::POST, url, json!({ "content": "+1" }));
        match self.site.send(&call).await {
            Ok(_) => Ok(()),
            // The comment was deleted meanwhile, or the site knows no reactions: the answer goes another way, where
            // this one would fail for ever.
            Err(error) if error.kind == ErrorKind::NotFound => Err(Error::unsupported("a reaction there")),
            Err(error) => Err(error),
        }
    }

    fn read_webhook(
        &self,
        headers: &http::HeaderMap,
        body: &[u8],
        secrets: &[SecretString],
    ) -> std::result::Result<Delivery, WebhookError> {
        webhook::read(headers, body, secrets)
    }
}
