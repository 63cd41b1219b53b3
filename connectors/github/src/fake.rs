//! A GitHub of our own: a state model behind a thin wire layer with the real shapes.
//!
//! | file | what |
//! |---|---|
//! | `model` | repositories, issues, people, and who may do what |
//! | `issues`, `comments`, `pulls` | what people do; every deed leaves its event and its webhook |
//! | `hooks` | webhook deliveries, and the attempts at them |
//! | `apps` | GitHub Apps, their installations and tokens |
//! | `limits` | the stated limits, enforced where that is asked for |
//! | `graph` | the GraphQL interface, for the questions that the connector asks |
//! | `view` | the model as GitHub's JSON |
//! | `wire` | requests in, answers out: access, tags, limits, headers |
//! | `routes` | what each address does; moved and deleted things |
//! | `pages` | pages of a listing and their links |
//!
//! It is deterministic: ids come from counters, time from the clock it is given.

mod apps;
mod comments;
mod graph;
mod hooks;
mod issues;
mod limits;
mod model;
mod pages;
mod pulls;
mod routes;
mod view;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, Utc};
use connector_api::fake::{Act, FakeDelivery, FakePull, FakeSite, FakeTicket, Now};
use connector_api::{Account, Comment, TicketState};
use secrecy::SecretString;
use url::Url;

pub use graph::GraphFault;
use model::{Edit, Issue, Model, Place, Repo};
pub use model::{Limit, Permission};

use crate::auth::AppKey;
use crate::{lock, text};

/// The label that the default state table reads as work in progress.
pub const IN_PROGRESS: &str = "in-progress";
/// The label that the default state table reads as blocked.
pub const BLOCKED: &str = "blocked";

/// A fake GitHub site.
#[derive(Clone)]
pub struct FakeGithub {
    model: Arc<Mutex<Model>>,
}

impl FakeGithub {
    /// An empty site that answers at `base` (for its addresses in answers) and takes its time from `now`.
    pub fn new(base: &Url, now: Now) -> Self {
        Self { model: Arc::new(Mutex::new(Model::new(base, now))) }
    }

    /// Adds a person, and the token that the API knows them by.
    pub fn add_user(&self, login: &str, token: Option<&str>) -> Account {
        lock(&self.model).add_user(login, token);
        account(login)
    }

    /// Adds a repository, `owner/name`.
    pub fn add_repository(&self, full_name: &str, private: bool) {
        lock(&self.model).add_repository(full_name, private);
    }

    /// Gives a person a role in a repository.
    pub fn grant(&self, full_name: &str, login: &str, permission: Permission) -> Result<(), String> {
        lock(&self.model).repo_mut(full_name)?.roles.insert(login.to_owned(), permission);
        Ok(())
    }

    /// Signs webhooks with `secret` from now on; none sends none.
    pub fn set_webhook_secret(&self, secret: Option<SecretString>) {
        lock(&self.model).secret = secret;
    }

    /// Renames a repository: the old name redirects, as long as no other takes it.
    pub fn rename_repository(&self, from: &str, to: &str) -> Result<(), String> {
        lock(&self.model).rename_repository(from, to)
    }

    /// Archives a repository, or switches its issues off.
    pub fn set_repository(&self, full_name: &str, archived: bool, has_issues: bool) -> Result<(), String> {
        let mut model = lock(&self.model);
        let repo = model.repo_mut(full_name)?;
        (repo.archived, repo.has_issues) = (archived, has_issues);
        Ok(())
    }

    /// Puts an issue into a milestone that is due on a day.
    pub fn set_milestone(&self, ticket: &str, title: &str, due: Option<NaiveDate>) -> Result<(), String> {
        lock(&self.model).set_milestone(ticket, title, due)
    }

    /// Locks an issue's conversation, or unlocks it: then only those with the write role comment.
    pub fn lock_issue(&self, ticket: &str, locked: bool) -> Result<(), String> {
        let mut model = lock(&self.model);
        let place = model.place(ticket)?;
        model.issue_mut(place).map_err(|refusal| refusal.to_string())?.locked = locked;
        Ok(())
    }

    /// Gives an organization an issue field of type date.
    pub fn add_date_field(&self, owner: &str, name: &str) {
        let mut model = lock(&self.model);
        let id = model.next_id();
        model.fields.push((id, owner.to_owned(), name.to_owned()));
    }

    /// Opens a pull request; gives its number.
    pub fn open_pull(&self, full_name: &str, author: &str, title: &str, body: &str) -> Result<u64, String> {
        lock(&self.model).open_pull(full_name, author, title, body)
    }

    /// Requests that are left until this is set anew; none is unlimited, and the start.
    pub fn set_budget(&self, left: Option<u32>) {
        lock(&self.model).budget = left;
    }

    /// Puts a limit in force from now on; none lifts it.
    pub fn set_limit(&self, limit: Option<Limit>) {
        lock(&self.model).limit = limit;
    }

    /// Enforces the limits that GitHub states: points and content, by the minute and by the hour.
    pub fn enforce_limits(&self) {
        lock(&self.model).spent = Some(limits::Spent::default());
    }

    /// Names the end of the asker's token in every answer from now on.
    pub fn set_token_end(&self, end: Option<DateTime<Utc>>) {
        lock(&self.model).token_end = end;
    }

    /// Registers a GitHub App under a name, installed for these owners. It writes as `name[bot]`.
    pub fn add_app(&self, key: &AppKey, slug: &str, owners: &[&str]) -> Account {
        let mut model = lock(&self.model);
        let installations = owners.iter().map(|owner| (model.next_id(), (*owner).to_owned())).collect();
        let (id, public_key) = key.public();
        model.app = Some(apps::App { id, slug: slug.to_owned(), public_key, installations });
        let login = format!("{slug}[bot]");
        model.add_user(&login, None);
        account(&login)
    }

    /// Sets up a webhook of a repository: what became of its deliveries can be asked from then on.
    pub fn add_hook(&self, full_name: &str, url: &str) -> Result<(), String> {
        let mut model = lock(&self.model);
        let repo = model.repo_mut(full_name)?.id;
        let id = model.next_id();
        model.hooks.all.push((id, repo, url.to_owned()));
        Ok(())
    }

    /// Whether the receiver of webhooks is down: deliveries are lost then.
    pub fn set_receiver_down(&self, down: bool) {
        lock(&self.model).hooks.down = down;
    }

    /// Makes GraphQL fail in a way from now on; none mends it.
    pub fn set_graph_fault(&self, fault: Option<GraphFault>) {
        lock(&self.model).graph_fault = fault;
    }

    fn change(&self, place: Place, by: &Account, edit: Edit) -> Result<(), String> {
        lock(&self.model).edit(place, &by.id, edit).map_err(|refusal| refusal.to_string())
    }
}

/// The account of a login, as the connector names it.
fn account(login: &str) -> Account {
    Account { id: login.to_owned(), name: login.to_owned() }
}

impl FakeSite for FakeGithub {
    fn router(&self) -> axum::Router {
        wire::router(Arc::clone(&self.model))
    }

    fn act(&self, by: &Account, ticket: &str, act: Act) -> Result<(), String> {
        let (place, issue) = {
            let model = lock(&self.model);
            let place = model.place(ticket)?;
            if !model.may(place.0, &by.id, Permission::Read) {
                return Err(format!("{} cannot see the repository", by.id));
            }
            (place, model.issue(place)?.clone())
        };
        let web = |text: String| Some(Some(browser_lines(&text)));
        match act {
            Act::Retitle(title) => self.change(place, by, Edit { title: Some(title), ..Edit::default() }),
            Act::ReplaceText(body) => self.change(place, by, Edit { body: web(body), ..Edit::default() }),
            Act::EditOutside(outside) => {
                let body = match text::first_block(issue.body.as_deref().unwrap_or_default()) {
                    Some(block) => format!("{outside}\n\n{block}"),
                    None => outside,
                };
                self.change(place, by, Edit { body: web(body), ..Edit::default() })
            }
            Act::SetDue(due) => {
                let body = set_due(issue.body.as_deref().unwrap_or_default(), due)?;
                self.change(place, by, Edit { body: web(body), ..Edit::default() })
            }
            Act::SetState(state) => self.change(place, by, state_edit(&issue, state)),
            Act::Assign(to) => {
                let logins = to.into_iter().map(|account| account.id).collect();
                self.change(place, by, Edit { assignees: Some(logins), ..Edit::default() })
            }
            Act::AddLabel(label) => {
                let mut labels = issue.labels.clone();
                labels.insert(label);
                self.change(place, by, Edit { labels: Some(labels), ..Edit::default() })
            }
            Act::RemoveLabel(label) => {
                let mut labels = issue.labels.clone();
                labels.remove(&label);
                self.change(place, by, Edit { labels: Some(labels), ..Edit::default() })
            }
            Act::Comment(body) => {
                lock(&self.model).comment(place, &by.id, &body).map(|_| ()).map_err(|r| r.to_string())
            }
            Act::EditComment(id, body) => {
                lock(&self.model).edit_comment(&id, &by.id, &body).map_err(|r| r.to_string())
            }
            Act::DeleteComment(id) => {
                lock(&self.model).delete_comment(&id, &by.id).map_err(|r| r.to_string())
            }
            Act::Attach { .. } => Err("GitHub issues have no attachments".to_owned()),
            Act::CloseByPullRequest(number, sha) => {
                lock(&self.model).close_by_pull(place, &by.id, number, &sha)
            }
            Act::Move(to) => lock(&self.model).transfer(place, &by.id, &to).map(|_| ()),
            Act::Delete => lock(&self.model).delete(place, &by.id),
        }
    }

    fn open_by_hand(&self, by: &Account, project: &str, title: &str, text: &str) -> Result<String, String> {
        let mut model = lock(&self.model);
        let repo = model.repo_mut(project)?.id;
        let new = model::NewIssue {
            title: title.to_owned(),
            body: Some(browser_lines(text)),
            ..model::NewIssue::default()
        };
        let place = model.open(repo, &by.id, new).map_err(|refusal| refusal.to_string())?;
        Ok(model.issue(place)?.id.to_string())
    }

    fn tickets(&self) -> Vec<FakeTicket> {
        let model = lock(&self.model);
        let mut tickets: Vec<(u64, FakeTicket)> = model
            .repos
            .values()
            .flat_map(|repo| repo.issues.values().map(move |issue| (repo, issue)))
            .filter(|(_, issue)| issue.pull.is_none())
            .map(|(repo, issue)| (issue.id, fake_ticket(repo, issue)))
            .collect();
        tickets.sort_by_key(|(id, _)| *id);
        tickets.into_iter().map(|(_, ticket)| ticket).collect()
    }

    fn take_deliveries(&self) -> Vec<FakeDelivery> {
        std::mem::take(&mut lock(&self.model).deliveries)
    }

    fn reactions(&self, comment: &str) -> Vec<String> {
        let model = lock(&self.model);
        let Some((place, at)) = model.comment_place(comment) else { return Vec::new() };
        let comment = model.issue(place).ok().and_then(|issue| issue.comments.get(at));
        comment.map_or_else(Vec::new, |comment| comment.reactions.iter().map(|(_, c, _)| c.clone()).collect())
    }

    fn pulls(&self) -> Vec<FakePull> {
        let model = lock(&self.model);
        let issues =
            model.repos.values().flat_map(|repo| repo.issues.values().map(move |issue| (repo, issue)));
        issues.filter_map(|(repo, issue)| fake_pull(repo, issue)).collect()
    }

    fn requests(&self) -> Vec<String> {
        lock(&self.model).requests.clone()
    }

    /// Nothing to do: GitHub's listings are read from where writes go.
    fn set_search_fresh(&self, _fresh: bool) {}
}

fn fake_ticket(repo: &Repo, issue: &Issue) -> FakeTicket {
    let project = &repo.full_name;
    let body = issue.body.clone().unwrap_or_default();
    let comments = issue.comments.iter().map(|comment| {
        let (body, marker) = text::comment_marker(&comment.body);
        Comment {
            id: comment.id.to_string(),
            author: account(&comment.author),
            last_editor: Some(account(&comment.editor)),
            body,
            created: comment.created,
            updated: comment.updated,
            marker,
        }
    });
    FakeTicket {
        id: issue.id.to_string(),
        key: issue.number.to_string(),
        project: project.clone(),
        path: format!("/{project}/issues/{}", issue.number),
        title: issue.title.clone(),
        block: text::read(Some(&body)).block,
        marker: text::marker(&body),
        text: body,
        status: issue.state().to_owned(),
        state: state_of(issue),
        due: due_of(repo, issue),
        assignee: issue.assignees.first().map(|login| account(login)),
        labels: issue.labels.clone(),
        comments: comments.collect(),
        author: account(&issue.author),
        updated: issue.updated,
    }
}

/// The date of an issue's field, else of its milestone.
fn due_of(repo: &Repo, issue: &Issue) -> Option<NaiveDate> {
    let field = issue.fields.values().find_map(|value| value.parse().ok());
    let milestone = repo.milestones.iter().find(|of| Some(of.number) == issue.milestone);
    field.or_else(|| milestone.and_then(|of| of.due))
}

/// The issue as a pull request, where it is one.
fn fake_pull(repo: &Repo, issue: &Issue) -> Option<FakePull> {
    let pull = issue.pull.as_ref()?;
    let checks = repo.checks.get(&pull.head).into_iter().flatten();
    Some(FakePull {
        number: issue.number,
        project: repo.full_name.clone(),
        path: format!("/{}/pull/{}", repo.full_name, issue.number),
        title: issue.title.clone(),
        text: issue.body.clone().unwrap_or_default(),
        author: account(&issue.author),
        merged: pull.merged.as_ref().map(|(at, sha, by)| (*at, account(by), sha.clone())),
        checks: checks.map(|(_, name, conclusion)| (name.clone(), conclusion.clone())).collect(),
    })
}

fn state_of(issue: &Issue) -> TicketState {
    match (issue.closed.is_some(), issue.reason.as_deref()) {
        (true, Some("not_planned" | "duplicate")) => TicketState::Dropped,
        (true, _) => TicketState::Done,
        (false, _) if issue.labels.contains(BLOCKED) => TicketState::Blocked,
        (false, _) if issue.labels.contains(IN_PROGRESS) => TicketState::InProgress,
        (false, _) => TicketState::Open,
    }
}

/// What a person does to bring an issue to a state: close or reopen it, and set its labels.
fn state_edit(issue: &Issue, state: TicketState) -> Edit {
    let mut labels = issue.labels.clone();
    labels.remove(BLOCKED);
    labels.remove(IN_PROGRESS);
    let (open, reason, label) = match state {
        TicketState::Open => (true, "reopened", None),
        TicketState::InProgress => (true, "reopened", Some(IN_PROGRESS)),
        TicketState::Blocked => (true, "reopened", Some(BLOCKED)),
        TicketState::Done => (false, "completed", None),
        TicketState::Dropped => (false, "not_planned", None),
    };
    labels.extend(label.map(str::to_owned));
    Edit {
        open: Some(open),
        reason: Some(reason.to_owned()),
        labels: (labels != issue.labels).then_some(labels),
        ..Edit::default()
    }
}

/// Text as browsers send it from a form.
fn browser_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Edits the due line of our block, as a person would: only the date in it changes.
fn set_due(body: &str, due: Option<NaiveDate>) -> Result<String, String> {
    let block = text::first_block(body).ok_or("our block is not in the text")?;
    let mut lines: Vec<String> = block.lines().map(str::to_owned).collect();
    let is_due = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ");
        line.starts_with("Due:") || line.starts_with("**Due:**")
    };
    let day = due.map(|day| day.to_string());
    match (lines.iter().position(|line| is_due(line)), day) {
        (Some(at), day) => {
            if let Some(line) = lines.get_mut(at) {
                *line = match (date_in(line), day) {
                    (Some(old), day) => line.replacen(&old, day.as_deref().unwrap_or_default(), 1),
                    (None, day) => {
                        let (head, _) = line.split_once("Due:").unwrap_or_default();
                        let bold = if head.ends_with("**") { "**" } else { "" };
                        format!("{head}Due:{bold} {}", day.unwrap_or_default())
                    }
                };
            }
        }
        (None, Some(day)) => {
            let end = lines.len().saturating_sub(1);
            lines.insert(end, format!("**Due:** {day}"));
        }
        (None, None) => {}
    }
    Ok(body.replacen(block, &lines.join("\n"), 1))
}

fn date_in(line: &str) -> Option<String> {
    let words = line.split(|c: char| !(c.is_ascii_digit() || c == '-'));
    words.filter(|word| word.len() == 10).find(|word| word.parse::<NaiveDate>().is_ok()).map(str::to_owned)
}

/// Logins as a set.
fn logins(list: &[String]) -> BTreeSet<&str> {
    list.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_line_is_edited_as_a_person_would() -> Result<(), String> {
        let day = NaiveDate::from_ymd_opt(2027, 1, 20);
        for (line, set, cleared) in [
            ("**Due:** 2026-12-15", "**Due:** 2027-01-20", "**Due:** "),
            (
                "Due: 2026-12-15 (was 2026-11-01)",
                "Due: 2027-01-20 (was 2026-11-01)",
                "Due:  (was 2026-11-01)",
            ),
            ("- **Due:** 2026-12-15", "- **Due:** 2027-01-20", "- **Due:** "),
            ("- **Due:** none", "- **Due:** 2027-01-20", "- **Due:** "),
            ("Due:", "Due: 2027-01-20", "Due: "),
        ] {
            let body = text::splice("Notes 2026-12-15", &format!("Act.\n{line}"), None);
            let edited = set_due(&body, day)?;
            assert!(edited.starts_with("Notes 2026-12-15"), "nothing outside changes");
            assert_eq!(text::read(Some(&edited)).block, Some(format!("Act.\n{set}")));
            assert_eq!(text::read(Some(&set_due(&body, None)?)).block, Some(format!("Act.\n{cleared}")));
        }
        let without = text::splice("", "Act.", None);
        let added = text::read(Some(&set_due(&without, day)?)).block;
        assert_eq!(added.as_deref(), Some("Act.\n**Due:** 2027-01-20"));
        assert!(set_due("no block", day).is_err());
        Ok(())
    }
}
