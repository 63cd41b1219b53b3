//! A fake Jira: a state model behind the real shapes of REST v3 (Cloud) or v2 (Data Center).
//!
//! | file | what |
//! |---|---|
//! | `site` | the state and how it changes |
//! | `workflow`, `diff` | statuses and transitions; what a change looks like in a changelog |
//! | `exchange`, `refusal` | one exchange: who asks, and what goes back; limits and their refusals |
//! | `routes` | which call does what |
//! | `search`, `jql`, `project`, `writes`, `edit`, `json` | what the calls do |
//! | `act` | people's hands |
//! | `hooks` | webhooks |
//!
//! It is deterministic: ids come from one counter, times from the clock that is given.

mod act;
mod diff;
mod edit;
mod exchange;
mod hooks;
mod jql;
mod json;
mod project;
mod refusal;
mod routes;
mod search;
mod site;
mod workflow;
mod writes;

use std::sync::{Arc, Mutex};

use axum::Router;
use connector_api::fake::{Act, FakeDelivery, FakeSite, FakeTicket, Now};
use connector_api::{Account, TicketState};
use secrecy::SecretString;
use serde_json::Value;

use crate::markdown::to_markdown;
use crate::{Auth, Flavor, PROPERTY, adf, ticket, wire};

pub use exchange::{Exchange, Watch};
use exchange::{Shared, lock};
pub use project::SPRINT_FIELD;
pub use refusal::Refusal;
use site::{Draft, Issue, Login, Site};
pub use site::{Lacks, Project};

/// A fake Jira site. Clones are the same site.
#[derive(Clone)]
pub struct FakeJira {
    site: Shared,
}

impl FakeJira {
    /// An empty site.
    pub fn new(flavor: Flavor, now: Now) -> Self {
        Self { site: Arc::new(Mutex::new(Site::new(flavor, now))) }
    }

    /// Sets where the site says that it is.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut lock(&self.site).base);
    }

    /// Sets the secret that webhooks are signed with; without one, none are sent.
    pub fn set_webhook_secret(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.site).secret);
    }

    /// Makes calls fail as on a site that lacks them.
    pub fn set_lacks(&self, lacks: Lacks) {
        lock(&self.site).lacks = lacks;
    }

    /// Adds an account that may call the API, and gives its credentials.
    pub fn add_login(&self, account: &Account, email: &str, token: &str) -> Auth {
        let mut site = lock(&self.site);
        site.meet(account);
        let (account, token_) = (account.clone(), token.to_owned());
        site.logins.push(Login { account, email: email.to_owned(), token: token_, cloud_id: None });
        match site.flavor {
            Flavor::Cloud => Auth::Basic { email: email.to_owned(), token: SecretString::from(token) },
            Flavor::DataCenter => Auth::Bearer(SecretString::from(token)),
        }
    }

    /// Adds an account with a scoped token, which is good only below `/ex/jira/{cloud_id}`.
    pub fn add_scoped_login(&self, account: &Account, email: &str, token: &str, cloud_id: &str) -> Auth {
        let auth = self.add_login(account, email, token);
        if let Some(login) = lock(&self.site).logins.last_mut() {
            login.cloud_id = Some(cloud_id.to_owned());
        }
        auth
    }

    /// Answers whoever it does not know as it answers anyone, instead of refusing (Data Center).
    pub fn set_open_to_anyone(&self, open: bool) {
        lock(&self.site).open_to_anyone = open;
    }

    /// Refuses the next requests, one each; `None` lets one through.
    pub fn refuse(&self, refusals: impl IntoIterator<Item = Option<Refusal>>) {
        lock(&self.site).refusals.extend(refusals);
    }

    /// Whether it refuses what goes beyond the limits that Atlassian states.
    pub fn set_keeps_limits(&self, keeps: bool) {
        lock(&self.site).keeps_limits = keeps;
    }

    /// Shows every exchange to `watch`.
    pub fn set_watch(&self, watch: Watch) {
        lock(&self.site).watch = Some(watch);
    }

    /// Forgets where searches under way stood: their tokens have expired.
    pub fn forget_pages(&self) {
        lock(&self.site).pages.clear();
    }

    /// Makes somebody known by name who has done nothing yet.
    pub fn add_person(&self, account: &Account) {
        lock(&self.site).meet(account);
    }

    /// Takes every login of an account away: its token has expired.
    pub fn revoke(&self, account: &str) {
        lock(&self.site).logins.retain(|login| login.account.id != account);
    }

    /// Adds a project, or changes the settings of the one of this key.
    pub fn set_project(&self, key: &str, change: impl FnOnce(&mut Project)) {
        let mut site = lock(&self.site);
        let id = 10_000 + site.projects.len() as u64;
        change(site.projects.entry(key.to_owned()).or_insert_with(|| Project::new(id, key)));
    }

    /// Plans an issue into versions of its project, as a person does.
    pub fn set_versions(&self, by: &Account, ticket: &str, versions: &[&str]) -> Result<(), String> {
        let mut site = lock(&self.site);
        let id = site.find(ticket).ok_or("there is no such issue")?;
        let versions = versions.iter().map(|&name| name.to_owned()).collect();
        site.change(id, by, |issue| issue.versions = versions);
        Ok(())
    }

    /// Sets a further field of an issue, as a person does.
    pub fn set_field(&self, by: &Account, ticket: &str, field: &str, value: Value) -> Result<(), String> {
        let mut site = lock(&self.site);
        let id = site.find(ticket).ok_or("there is no such issue")?;
        site.change(id, by, |issue| {
            issue.custom.insert(field.to_owned(), value);
        });
        Ok(())
    }

    /// Clones an issue with its labels and, as some add-ons do, its properties; gives the clone's id.
    pub fn clone_issue(&self, by: &Account, ticket: &str) -> Result<String, String> {
        let mut site = lock(&self.site);
        let id = site.find(ticket).ok_or("there is no such issue")?;
        let original = site.issues.get(&id).cloned().ok_or("there is no such issue")?;
        site.meet(by);
        let draft = Draft { project: original.project.clone(), kind: original.kind.clone(), by: by.clone() };
        let id = site.create(draft, |issue| {
            issue.summary = format!("CLONE - {}", original.summary);
            issue.description = original.description;
            issue.labels = original.labels;
            issue.properties = original.properties;
        })?;
        Ok(id.to_string())
    }

    /// Archives an issue: no search shows it any more, and nobody can change it.
    pub fn archive(&self, ticket: &str) -> Result<(), String> {
        let mut site = lock(&self.site);
        let id = site.find(ticket).ok_or("there is no such issue")?;
        if let Some(issue) = site.issues.get_mut(&id) {
            issue.archived = true;
        }
        Ok(())
    }

    /// Puts a description in Jira's own form in place of the one that is there, as an editor does.
    pub fn set_description(&self, by: &Account, ticket: &str, raw: &Value) -> Result<(), String> {
        let mut site = lock(&self.site);
        let id = site.find(ticket).ok_or("there is no such issue")?;
        let raw = site.rich_text(raw)?;
        site.change(id, by, |issue| issue.description = raw);
        Ok(())
    }

    /// The description of an issue in Jira's own form.
    pub fn description(&self, ticket: &str) -> Option<Value> {
        let site = lock(&self.site);
        let id = site.find(ticket)?;
        site.issues.get(&id).map(|issue| issue.description.clone())
    }
}

impl FakeSite for FakeJira {
    fn router(&self) -> Router {
        exchange::router(self.site.clone())
    }

    fn act(&self, by: &Account, ticket: &str, act: Act) -> Result<(), String> {
        lock(&self.site).act(by, ticket, act)
    }

    fn open_by_hand(&self, by: &Account, project: &str, title: &str, text: &str) -> Result<String, String> {
        let mut site = lock(&self.site);
        site.meet(by);
        let kind = site.projects.get(project).and_then(|p| p.types.first().cloned());
        let kind = kind.ok_or_else(|| format!("there is no project {project}"))?;
        let description = act::rich(site.cloud(), text);
        let draft = Draft { project: project.to_owned(), kind, by: by.clone() };
        let id = site.create(draft, |issue| {
            title.clone_into(&mut issue.summary);
            issue.description = description;
        })?;
        Ok(id.to_string())
    }

    fn tickets(&self) -> Vec<FakeTicket> {
        let site = lock(&self.site);
        site.issues.values().map(|issue| view(&site, issue)).collect()
    }

    fn take_deliveries(&self) -> Vec<FakeDelivery> {
        std::mem::take(&mut lock(&self.site).deliveries)
    }

    fn requests(&self) -> Vec<String> {
        lock(&self.site).requests.clone()
    }

    fn set_search_fresh(&self, fresh: bool) {
        let mut site = lock(&self.site);
        if fresh {
            site.index = None;
        } else if site.index.is_none() {
            let now = site.issues.clone();
            site.index = Some(now);
        }
    }
}

fn view(site: &Site, issue: &Issue) -> FakeTicket {
    let (description, line) = site.read(&issue.description);
    let plain = issue.description.as_str().map(str::to_owned);
    let text = plain.unwrap_or_else(|| to_markdown(&adf::read_nodes(&issue.description)));
    let comments = issue.comments.iter().filter_map(|comment| {
        let read: wire::Comment = serde_json::from_value(site.comment_json(issue, comment)).ok()?;
        Some(ticket::comment(&read))
    });
    let due_field = site.projects.get(&issue.project).and_then(|project| project.due_field.clone());
    let due = match due_field.as_deref() {
        None => None,
        Some("duedate") => issue.due,
        Some(field) => issue.custom.get(field).and_then(|v| ticket::date(v.as_str()?)),
    };
    FakeTicket {
        id: issue.id.to_string(),
        key: issue.key.clone(),
        project: issue.project.clone(),
        path: format!("/browse/{}", issue.key),
        title: issue.summary.clone(),
        text,
        block: description.block,
        status: issue.status.clone(),
        state: state(issue),
        due,
        assignee: issue.assignee.clone(),
        labels: issue.labels.clone(),
        marker: ticket::marker(issue.properties.get(PROPERTY), &issue.labels, line),
        comments: comments.collect(),
        author: issue.reporter.clone(),
        updated: issue.updated,
    }
}

fn state(issue: &Issue) -> TicketState {
    match (issue.status.as_str(), issue.resolution.as_deref()) {
        ("Done", None | Some("Done")) => TicketState::Done,
        ("Done", Some(_)) => TicketState::Dropped,
        ("Blocked", _) => TicketState::Blocked,
        ("To Do", _) => TicketState::Open,
        _ => TicketState::InProgress,
    }
}
