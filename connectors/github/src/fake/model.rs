//! The state of a GitHub site: repositories, issues, people, and who may do what.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, TimeDelta, Utc};
use connector_api::fake::{FakeDelivery, Now};
use secrecy::SecretString;
use url::Url;

use super::apps::{App, Installed};
use super::graph::GraphFault;
use super::hooks::Hooks;
use super::limits::Spent;

/// What a person may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// See it and comment.
    Read,
    /// Close, label and assign too.
    Triage,
    /// Make labels, edit others' texts too.
    Write,
    /// Delete and transfer too.
    Admin,
}

/// Repository id and issue number.
pub(super) type Place = (u64, u64);

/// The longest text of an issue or comment.
pub(super) const LONGEST_BODY: usize = 65_536;

/// Why a deed is refused, in the terms of the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Not Found")]
    NotFound,
    #[error("Must have admin rights to Repository.")]
    Forbidden,
    #[error("Unable to create comment because issue is locked.")]
    Locked,
    #[error("Repository was archived so is read-only.")]
    Archived,
    #[error("Issues has been disabled in this repository.")]
    Disabled,
    #[error("Validation Failed: {resource} {field} {code}")]
    Invalid { resource: &'static str, field: &'static str, code: &'static str, message: Option<String> },
}

pub(super) struct Person {
    pub(super) id: u64,
    pub(super) login: String,
}

pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) private: bool,
    pub(super) archived: bool,
    pub(super) has_issues: bool,
    pub(super) created: DateTime<Utc>,
    pub(super) roles: BTreeMap<String, Permission>,
    /// Label names as first made, by lower case.
    pub(super) labels: BTreeMap<String, (u64, String)>,
    pub(super) issues: BTreeMap<u64, Issue>,
    pub(super) milestones: Vec<Milestone>,
    pub(super) checks: BTreeMap<String, Vec<(u64, String, String)>>,
    pub(super) commits: BTreeMap<String, String>,
    pub(super) last_number: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Milestone {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) due: Option<NaiveDate>,
    pub(super) creator: String,
    pub(super) created: DateTime<Utc>,
}

impl Milestone {
    /// Midnight of the day on the Pacific coast, roughly with its summer time, as GitHub stores it.
    pub(super) fn due_on(&self) -> Option<String> {
        let day = self.due?;
        let hour = if (4..=10).contains(&day.month()) { 7 } else { 8 };
        Some(format!("{day}T{hour:02}:00:00Z"))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) author: String,
    pub(super) closed: Option<(DateTime<Utc>, String)>,
    pub(super) reason: Option<String>,
    pub(super) locked: bool,
    pub(super) labels: BTreeSet<String>,
    pub(super) assignees: Vec<String>,
    pub(super) milestone: Option<u64>,
    /// Values of the organization's fields, by the field's id.
    pub(super) fields: BTreeMap<u64, String>,
    pub(super) comments: Vec<IssueComment>,
    pub(super) events: Vec<Event>,
    /// The texts that it had, oldest first; none where it was never edited.
    pub(super) edits: Vec<TextEdit>,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) pull: Option<Pull>,
}

impl Issue {
    pub(super) fn state(&self) -> &'static str {
        if self.closed.is_some() { "closed" } else { "open" }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) head: String,
    /// When, sha, by whom.
    pub(super) merged: Option<(DateTime<Utc>, String, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct IssueComment {
    pub(super) id: u64,
    pub(super) author: String,
    pub(super) editor: String,
    pub(super) edited: bool,
    pub(super) body: String,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    /// Reaction id, content, by whom.
    pub(super) reactions: Vec<(u64, String, String)>,
}

/// A text that an issue had, from whom and since when.
#[derive(Debug, Clone)]
pub(super) struct TextEdit {
    pub(super) id: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) editor: String,
    pub(super) body: String,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) actor: String,
    pub(super) kind: EventKind,
}

#[derive(Debug, Clone)]
pub(super) enum EventKind {
    Closed { reason: Option<String>, commit: Option<String> },
    Reopened,
    Renamed { from: String, to: String },
    Label { name: String, added: bool },
    Assignee { login: String, added: bool },
    Milestone { title: String, added: bool },
    Transferred,
    CrossReferenced(Place),
}

#[derive(Debug, Clone, Default)]
pub(super) struct NewIssue {
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) labels: BTreeSet<String>,
    pub(super) assignees: Vec<String>,
    pub(super) milestone: Option<u64>,
    pub(super) fields: BTreeMap<u64, String>,
}

/// What is to change; none stays.
#[derive(Debug, Clone, Default)]
#[expect(clippy::option_option, reason = "left alone, emptied and set are three things")]
pub(super) struct Edit {
    pub(super) title: Option<String>,
    pub(super) body: Option<Option<String>>,
    pub(super) open: Option<bool>,
    pub(super) reason: Option<String>,
    pub(super) labels: Option<BTreeSet<String>>,
    pub(super) assignees: Option<Vec<String>>,
    pub(super) milestone: Option<Option<u64>>,
}

/// A limit that is in force, whatever was asked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// On writes, for so many seconds, or without a time.
    Secondary(Option<u32>),
    /// On making content, without a time.
    Content,
    /// On everything, with a 429 that says nothing.
    Unknown,
}

pub(super) struct Model {
    /// Without a slash at its end.
    pub(super) base: String,
    pub(super) now: Now,
    pub(super) secret: Option<SecretString>,
    pub(super) people: BTreeMap<String, Person>,
    /// Token to login.
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) repos: BTreeMap<u64, Repo>,
    /// Names in lower case, old ones too.
    names: BTreeMap<String, u64>,
    pub(super) places: BTreeMap<u64, Place>,
    pub(super) moved: BTreeMap<Place, Place>,
    pub(super) gone: BTreeSet<Place>,
    pub(super) deliveries: Vec<FakeDelivery>,
    pub(super) requests: Vec<String>,
    pub(super) budget: Option<u32>,
    pub(super) limit: Option<Limit>,
    pub(super) graph_fault: Option<GraphFault>,
    /// Date fields of organizations: id, owner, name.
    pub(super) fields: Vec<(u64, String, String)>,
    pub(super) app: Option<App>,
    /// Tokens that installations were given.
    pub(super) installed: BTreeMap<String, Installed>,
    pub(super) hooks: Hooks,
    /// When each token of a person ends, where it does.
    pub(super) token_end: Option<DateTime<Utc>>,
    /// The stated limits are enforced, by what was spent lately.
    pub(super) spent: Option<Spent>,
    last_id: u64,
}

pub(super) type Done<T = ()> = Result<T, Refusal>;

impl Model {
    pub(super) fn new(base: &Url, now: Now) -> Self {
        Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            now,
            secret: None,
            people: BTreeMap::new(),
            tokens: BTreeMap::new(),
            repos: BTreeMap::new(),
            names: BTreeMap::new(),
            places: BTreeMap::new(),
            moved: BTreeMap::new(),
            gone: BTreeSet::new(),
            deliveries: Vec::new(),
            requests: Vec::new(),
            budget: None,
            limit: None,
            graph_fault: None,
            fields: Vec::new(),
            app: None,
            installed: BTreeMap::new(),
            hooks: Hooks::default(),
            token_end: None,
            spent: None,
            last_id: 1_000,
        }
    }

    /// GitHub's times are whole seconds.
    pub(super) fn time(&self) -> DateTime<Utc> {
        (self.now)().trunc_subsecs(0)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn add_user(&mut self, login: &str, token: Option<&str>) {
        if !self.people.contains_key(login) {
            let id = self.next_id();
            self.people.insert(login.to_owned(), Person { id, login: login.to_owned() });
        }
        if let Some(token) = token {
            self.tokens.insert(token.to_owned(), login.to_owned());
        }
    }

    pub(super) fn add_repository(&mut self, full_name: &str, private: bool) {
        let id = self.next_id();
        self.names.insert(full_name.to_lowercase(), id);
        let repo = Repo {
            id,
            full_name: full_name.to_owned(),
            private,
            archived: false,
            has_issues: true,
            created: self.time(),
            roles: BTreeMap::new(),
            labels: BTreeMap::new(),
            issues: BTreeMap::new(),
            milestones: Vec::new(),
            checks: BTreeMap::new(),
            commits: BTreeMap::new(),
            last_number: 0,
        };
        self.repos.insert(id, repo);
    }

    pub(super) fn rename_repository(&mut self, from: &str, to: &str) -> Result<(), String> {
        let id = self.repo_mut(from)?.id;
        to.clone_into(&mut self.repo_mut(from)?.full_name);
        self.names.insert(to.to_lowercase(), id);
        Ok(())
    }

    /// The repository of a name, and whether that is still its name.
    pub(super) fn named(&self, full_name: &str) -> Option<(u64, bool)> {
        let id = *self.names.get(&full_name.to_lowercase())?;
        let current = self.repos.get(&id)?.full_name.eq_ignore_ascii_case(full_name);
        Some((id, current))
    }

    pub(super) fn repo_mut(&mut self, full_name: &str) -> Result<&mut Repo, String> {
        let id = self.names.get(&full_name.to_lowercase());
        id.and_then(|id| self.repos.get_mut(id)).ok_or_else(|| format!("there is no repository {full_name}"))
    }

    pub(super) fn role(&self, repo: u64, login: &str) -> Option<Permission> {
        let repo = self.repos.get(&repo)?;
        let role = repo.roles.get(login).copied();
        role.or_else(|| (!repo.private && self.people.contains_key(login)).then_some(Permission::Read))
    }

    pub(super) fn may(&self, repo: u64, login: &str, wanted: Permission) -> bool {
        self.role(repo, login).is_some_and(|role| role >= wanted)
    }

    pub(super) fn place(&self, ticket: &str) -> Result<Place, String> {
        let id = ticket.parse::<u64>().ok();
        id.and_then(|id| self.places.get(&id).copied()).ok_or_else(|| format!("there is no ticket {ticket}"))
    }

    pub(super) fn issue(&self, (repo, number): Place) -> Result<&Issue, String> {
        let issue = self.repos.get(&repo).and_then(|repo| repo.issues.get(&number));
        issue.ok_or_else(|| format!("there is no issue {number}"))
    }

    pub(super) fn issue_mut(&mut self, (repo, number): Place) -> Done<&mut Issue> {
        let issue = self.repos.get_mut(&repo).and_then(|repo| repo.issues.get_mut(&number));
        issue.ok_or(Refusal::NotFound)
    }

    /// Whether a person may do this kind of thing in a repository as it is now.
    pub(super) fn allow(&self, repo: u64, by: &str, wanted: Permission) -> Done {
        let found = self.repos.get(&repo).ok_or(Refusal::NotFound)?;
        if !self.may(repo, by, Permission::Read) {
            Err(Refusal::NotFound)
        } else if found.archived {
            Err(Refusal::Archived)
        } else if !found.has_issues {
            Err(Refusal::Disabled)
        } else if !self.may(repo, by, wanted) {
            Err(Refusal::Forbidden)
        } else {
            Ok(())
        }
    }

    pub(super) fn event(&mut self, place: Place, actor: &str, kind: EventKind) -> Done {
        let event = Event { id: self.next_id(), at: self.time(), actor: actor.to_owned(), kind };
        self.issue_mut(place)?.events.push(event);
        Ok(())
    }

    /// When the hour's budget is whole again.
    pub(super) fn budget_reset(&self) -> DateTime<Utc> {
        let now = self.time();
        let into = now.timestamp().rem_euclid(3_600);
        now + TimeDelta::seconds(3_600 - into)
    }
}

pub(super) fn invalid(resource: &'static str, field: &'static str, code: &'static str) -> Refusal {
    Refusal::Invalid { resource, field, code, message: None }
}

pub(super) fn blank(
    id: u64,
    number: u64,
    by: &str,
    at: DateTime<Utc>,
    title: String,
    body: Option<String>,
) -> Issue {
    Issue {
        id,
        number,
        title,
        body,
        author: by.to_owned(),
        closed: None,
        reason: None,
        locked: false,
        labels: BTreeSet::new(),
        assignees: Vec::new(),
        milestone: None,
        fields: BTreeMap::new(),
        comments: Vec::new(),
        events: Vec::new(),
        edits: Vec::new(),
        created: at,
        updated: at,
        pull: None,
    }
}
