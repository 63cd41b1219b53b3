//! The state of a GitHub site, and what people can do to it. Every deed leaves its events and its webhooks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, TimeDelta, Utc};
use connector_api::fake::{FakeDelivery, Now};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{logins, view};

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
const LONGEST_BODY: usize = 65_536;

/// Why a deed is refused, in the terms of the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Not Found")]
    NotFound,
    #[error("Must have admin rights to Repository.")]
    Forbidden,
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
    last_number: u64,
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
    pub(super) labels: BTreeSet<String>,
    pub(super) assignees: Vec<String>,
    pub(super) milestone: Option<u64>,
    pub(super) comments: Vec<IssueComment>,
    pub(super) events: Vec<Event>,
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
    pub(super) body: String,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    /// Reaction id, content, by whom.
    pub(super) reactions: Vec<(u64, String, String)>,
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
}

/// What is to change; none stays.
#[derive(Debug, Clone, Default)]
pub(super) struct Edit {
    pub(super) title: Option<String>,
    pub(super) body: Option<Option<String>>,
    pub(super) open: Option<bool>,
    pub(super) reason: Option<String>,
    pub(super) labels: Option<BTreeSet<String>>,
    pub(super) assignees: Option<Vec<String>>,
    pub(super) milestone: Option<Option<u64>>,
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
    places: BTreeMap<u64, Place>,
    pub(super) moved: BTreeMap<Place, Place>,
    pub(super) gone: BTreeSet<Place>,
    pub(super) deliveries: Vec<FakeDelivery>,
    pub(super) requests: Vec<String>,
    pub(super) budget: Option<u32>,
    pub(super) secondary: Option<Option<u32>>,
    last_id: u64,
}

type Done<T = ()> = Result<T, Refusal>;

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
            secondary: None,
            last_id: 1_000,
        }
    }

    /// GitHub's times are whole seconds.
    pub(super) fn time(&self) -> DateTime<Utc> {
        (self.now)().trunc_subsecs(0)
    }

    fn next_id(&mut self) -> u64 {
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
        self.repo_mut(from)?.full_name = to.to_owned();
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

    fn issue_mut(&mut self, (repo, number): Place) -> Done<&mut Issue> {
        let issue = self.repos.get_mut(&repo).and_then(|repo| repo.issues.get_mut(&number));
        issue.ok_or(Refusal::NotFound)
    }

    /// Whether a person may do this kind of thing in a repository as it is now.
    fn allow(&self, repo: u64, by: &str, wanted: Permission) -> Done {
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

    fn event(&mut self, place: Place, actor: &str, kind: EventKind) -> Done {
        let event = Event { id: self.next_id(), at: self.time(), actor: actor.to_owned(), kind };
        self.issue_mut(place)?.events.push(event);
        Ok(())
    }

    pub(super) fn add_label(&mut self, repo: u64, name: &str) -> Option<u64> {
        let id = self.next_id();
        let labels = &mut self.repos.get_mut(&repo)?.labels;
        if labels.contains_key(&name.to_lowercase()) {
            return None;
        }
        labels.insert(name.to_lowercase(), (id, name.to_owned()));
        Some(id)
    }

    /// The labels under the names that the repository has for them; unknown ones are made.
    fn adopt_labels(&mut self, repo: u64, names: &BTreeSet<String>) -> Done<BTreeSet<String>> {
        for name in names {
            if name.is_empty() || name.chars().count() > 50 {
                return Err(invalid("Label", "name", "invalid"));
            }
            self.add_label(repo, name);
        }
        let known = &self.repos.get(&repo).ok_or(Refusal::NotFound)?.labels;
        Ok(names.iter().filter_map(|n| known.get(&n.to_lowercase())).map(|(_, name)| name.clone()).collect())
    }

    fn check_text(&self, repo: u64, title: Option<&str>, body: Option<&str>, assignees: &[String]) -> Done {
        if title.is_some_and(|title| title.trim().is_empty()) {
            return Err(invalid("Issue", "title", "missing_field"));
        }
        if title.is_some_and(|title| title.chars().count() > 256) {
            let message = Some("title is too long (maximum is 256 characters)".to_owned());
            return Err(Refusal::Invalid { resource: "Issue", field: "title", code: "custom", message });
        }
        if body.is_some_and(|body| body.chars().count() > LONGEST_BODY) {
            let message = Some(format!("body is too long (maximum is {LONGEST_BODY} characters)"));
            return Err(Refusal::Invalid { resource: "Issue", field: "body", code: "custom", message });
        }
        let roles = &self.repos.get(&repo).ok_or(Refusal::NotFound)?.roles;
        if assignees.iter().any(|login| !roles.contains_key(login)) {
            return Err(invalid("Issue", "assignees", "invalid"));
        }
        Ok(())
    }

    pub(super) fn open(&mut self, repo: u64, by: &str, mut new: NewIssue) -> Done<Place> {
        self.allow(repo, by, Permission::Read)?;
        if !self.may(repo, by, Permission::Triage) {
            new = NewIssue { title: new.title, body: new.body, ..NewIssue::default() };
        }
        self.check_text(repo, Some(&new.title), new.body.as_deref(), &new.assignees)?;
        let labels = self.adopt_labels(repo, &new.labels)?;
        let (id, at) = (self.next_id(), self.time());
        let found = self.repos.get_mut(&repo).ok_or(Refusal::NotFound)?;
        found.last_number += 1;
        let place = (repo, found.last_number);
        let issue = blank(id, place.1, by, at, new.title, new.body);
        found.issues.insert(place.1, issue);
        self.places.insert(id, place);
        self.tell(place, by, "issues", "opened", Map::new());
        let edit = Edit {
            labels: Some(labels),
            assignees: Some(new.assignees),
            milestone: new.milestone.map(Some),
            ..Edit::default()
        };
        self.edit(place, by, edit)?;
        Ok(place)
    }

    pub(super) fn edit(&mut self, place: Place, by: &str, mut edit: Edit) -> Done {
        let repo = place.0;
        let old = self.issue(place).map_err(|_| Refusal::NotFound)?.clone();
        let triage = self.may(repo, by, Permission::Triage);
        self.allow(repo, by, if old.author == by { Permission::Read } else { Permission::Triage })?;
        if !triage {
            (edit.labels, edit.assignees, edit.milestone) = (None, None, None);
        }
        let body = edit.body.as_ref().and_then(|body| body.as_deref());
        let assignees = edit.assignees.clone().unwrap_or_default();
        self.check_text(repo, edit.title.as_deref(), body, &assignees)?;
        let labels = edit.labels.as_ref().map(|labels| self.adopt_labels(repo, labels)).transpose()?;

        self.edit_text(place, by, &old, edit.title, edit.body)?;
        if let Some(new) = labels {
            for (name, added) in differences(&old.labels, &new) {
                self.event(place, by, EventKind::Label { name: name.clone(), added })?;
                self.issue_mut(place)?.labels.clone_from(&new);
                let label = json!({ "label": { "name": name } });
                self.touch(place, by, if added { "labeled" } else { "unlabeled" }, label)?;
            }
        }
        if let Some(new) = edit.assignees {
            let (before, after) = (logins(&old.assignees), logins(&new));
            let came: Vec<_> = after.difference(&before).map(|login| ((*login).to_owned(), true)).collect();
            let went = before.difference(&after).map(|login| ((*login).to_owned(), false));
            for (login, added) in went.chain(came) {
                self.event(place, by, EventKind::Assignee { login: login.clone(), added })?;
                self.issue_mut(place)?.assignees.clone_from(&new);
                let assignee = json!({ "assignee": { "login": login } });
                self.touch(place, by, if added { "assigned" } else { "unassigned" }, assignee)?;
            }
        }
        if let Some(new) = edit.milestone.filter(|new| *new != old.milestone) {
            for (number, added) in [(old.milestone, false), (new, true)] {
                let Some(title) = number.and_then(|number| self.milestone_title(repo, number)) else {
                    continue;
                };
                self.event(place, by, EventKind::Milestone { title, added })?;
                self.issue_mut(place)?.milestone = number.filter(|_| added);
                self.touch(place, by, if added { "milestoned" } else { "demilestoned" }, json!({}))?;
            }
        }
        if let Some(open) = edit.open.filter(|open| *open != old.closed.is_none()) {
            self.set_open(place, by, open, edit.reason, None)?;
        }
        Ok(())
    }

    fn edit_text(
        &mut self,
        place: Place,
        by: &str,
        old: &Issue,
        title: Option<String>,
        body: Option<Option<String>>,
    ) -> Done {
        let mut changes = Map::new();
        if let Some(to) = title.filter(|title| *title != old.title) {
            let from = old.title.clone();
            changes.insert("title".to_owned(), json!({ "from": from }));
            self.event(place, by, EventKind::Renamed { from, to: to.clone() })?;
            self.issue_mut(place)?.title = to;
        }
        if let Some(body) = body.filter(|body| *body != old.body) {
            changes.insert("body".to_owned(), json!({ "from": old.body.clone().unwrap_or_default() }));
            self.issue_mut(place)?.body = body;
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.touch(place, by, "edited", json!({ "changes": changes }))
    }

    fn set_open(
        &mut self,
        place: Place,
        by: &str,
        open: bool,
        reason: Option<String>,
        commit: Option<String>,
    ) -> Done {
        let at = self.time();
        if open {
            self.event(place, by, EventKind::Reopened)?;
        } else {
            let reason = reason.clone().or_else(|| Some("completed".to_owned()));
            self.event(place, by, EventKind::Closed { reason, commit })?;
        }
        let issue = self.issue_mut(place)?;
        issue.closed = (!open).then(|| (at, by.to_owned()));
        let default = if open { "reopened" } else { "completed" };
        issue.reason = reason.or_else(|| Some(default.to_owned()));
        self.touch(place, by, if open { "reopened" } else { "closed" }, json!({}))
    }

    /// Notes that an issue changed now, and tells the hook.
    fn touch(&mut self, place: Place, by: &str, action: &str, more: Value) -> Done {
        let at = self.time();
        self.issue_mut(place)?.updated = at;
        let more = match more {
            Value::Object(more) => more,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        self.tell(place, by, "issues", action, more);
        Ok(())
    }

    fn milestone_title(&self, repo: u64, number: u64) -> Option<String> {
        let milestones = &self.repos.get(&repo)?.milestones;
        milestones.iter().find(|m| m.number == number).map(|m| m.title.clone())
    }

    pub(super) fn set_milestone(
        &mut self,
        ticket: &str,
        title: &str,
        due: Option<NaiveDate>,
    ) -> Result<(), String> {
        let place = self.place(ticket)?;
        let (id, created) = (self.next_id(), self.time());
        let repo = self.repos.get_mut(&place.0).ok_or("no repository")?;
        let Some(owner) =
            repo.roles.iter().find(|(_, role)| **role >= Permission::Write).map(|(l, _)| l.clone())
        else {
            return Err("nobody may set milestones".to_owned());
        };
        let number = match repo.milestones.iter_mut().find(|m| m.title == title) {
            Some(known) => {
                known.due = due;
                known.number
            }
            None => {
                let number = repo.milestones.len() as u64 + 1;
                let title = title.to_owned();
                let creator = owner.clone();
                repo.milestones.push(Milestone { id, number, title, due, creator, created });
                number
            }
        };
        let edit = Edit { milestone: Some(Some(number)), ..Edit::default() };
        self.edit(place, &owner, edit).map_err(|refusal| refusal.to_string())
    }

    pub(super) fn comment(&mut self, place: Place, by: &str, body: &str) -> Done<u64> {
        self.allow(place.0, by, Permission::Read)?;
        if body.trim().is_empty() {
            return Err(invalid("IssueComment", "body", "missing_field"));
        }
        self.check_text(place.0, None, Some(body), &[])?;
        let (id, at) = (self.next_id(), self.time());
        let issue = self.issue_mut(place)?;
        issue.updated = at;
        issue.comments.push(IssueComment {
            id,
            author: by.to_owned(),
            editor: by.to_owned(),
            body: body.to_owned(),
            created: at,
            updated: at,
            reactions: Vec::new(),
        });
        self.tell_comment(place, by, "created", id, Map::new());
        Ok(id)
    }

    pub(super) fn comment_place(&self, id: &str) -> Option<(Place, usize)> {
        let id = id.parse::<u64>().ok()?;
        self.repos.values().flat_map(|repo| repo.issues.values().map(move |issue| (repo.id, issue))).find_map(
            |(repo, issue)| {
                let at = issue.comments.iter().position(|comment| comment.id == id)?;
                Some(((repo, issue.number), at))
            },
        )
    }

    /// A comment that its author or someone with write access is about to change.
    fn own_comment(&self, id: &str, by: &str) -> Done<(Place, usize)> {
        let (place, at) = self.comment_place(id).ok_or(Refusal::NotFound)?;
        let comments = &self.issue(place).map_err(|_| Refusal::NotFound)?.comments;
        let own = comments.get(at).is_some_and(|comment| comment.author == by);
        self.allow(place.0, by, if own { Permission::Read } else { Permission::Write })?;
        Ok((place, at))
    }

    pub(super) fn edit_comment(&mut self, id: &str, by: &str, body: &str) -> Done {
        let (place, at) = self.own_comment(id, by)?;
        self.check_text(place.0, None, Some(body), &[])?;
        let now = self.time();
        let issue = self.issue_mut(place)?;
        let Some(comment) = issue.comments.get_mut(at) else { return Err(Refusal::NotFound) };
        let from = std::mem::replace(&mut comment.body, body.to_owned());
        by.clone_into(&mut comment.editor);
        comment.updated = now;
        issue.updated = now;
        let id = comment.id;
        let mut more = Map::new();
        more.insert("changes".to_owned(), json!({ "body": { "from": from } }));
        self.tell_comment(place, by, "edited", id, more);
        Ok(())
    }

    /// GitHub does not count this as a change of the issue: only the webhook tells.
    pub(super) fn delete_comment(&mut self, id: &str, by: &str) -> Done {
        let (place, at) = self.own_comment(id, by)?;
        let id = self.issue(place).ok().and_then(|i| i.comments.get(at)).map_or(0, |c| c.id);
        self.tell_comment(place, by, "deleted", id, Map::new());
        self.issue_mut(place)?.comments.remove(at);
        Ok(())
    }

    /// Gives a reaction's id and whether it is new.
    pub(super) fn react(&mut self, id: &str, by: &str, content: &str) -> Done<(u64, bool)> {
        const KNOWN: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];
        let (place, at) = self.comment_place(id).ok_or(Refusal::NotFound)?;
        self.allow(place.0, by, Permission::Read)?;
        if !KNOWN.contains(&content) {
            return Err(invalid("Reaction", "content", "invalid"));
        }
        let new = self.next_id();
        let Some(comment) = self.issue_mut(place)?.comments.get_mut(at) else {
            return Err(Refusal::NotFound);
        };
        if let Some((old, ..)) = comment.reactions.iter().find(|(_, c, who)| c == content && who == by) {
            return Ok((*old, false));
        }
        comment.reactions.push((new, content.to_owned(), by.to_owned()));
        Ok((new, true))
    }

    pub(super) fn open_pull(
        &mut self,
        full_name: &str,
        author: &str,
        title: &str,
        body: &str,
    ) -> Result<u64, String> {
        let repo = self.repo_mut(full_name)?;
        let (id, number) = (repo.id, repo.last_number + 1);
        self.insert_pull((id, number), author, title, body);
        Ok(number)
    }

    fn insert_pull(&mut self, place: Place, author: &str, title: &str, body: &str) {
        let (id, at, check) = (self.next_id(), self.time(), self.next_id());
        let head = sha_of(&format!("head {id}"));
        let Some(repo) = self.repos.get_mut(&place.0) else { return };
        let mut issue = blank(id, place.1, author, at, title.to_owned(), Some(body.to_owned()));
        issue.pull = Some(Pull { head: head.clone(), merged: None });
        repo.last_number = repo.last_number.max(place.1);
        repo.checks.insert(head, vec![(check, "test".to_owned(), "success".to_owned())]);
        repo.issues.insert(place.1, issue);
    }

    /// Merges a pull request that closes the issue; makes one when there is none of that number.
    pub(super) fn close_by_pull(
        &mut self,
        place: Place,
        by: &str,
        number: u64,
        sha: &str,
    ) -> Result<(), String> {
        self.allow(place.0, by, Permission::Write).map_err(|refusal| refusal.to_string())?;
        let pull = (place.0, number);
        match self.issue(pull) {
            Err(_) => self.insert_pull(pull, by, "Fix it", &format!("Fixes #{}", place.1)),
            Ok(issue) if issue.pull.as_ref().is_some_and(|pull| pull.merged.is_none()) => {}
            Ok(_) => return Err(format!("{number} is not an open pull request")),
        }
        let at = self.time();
        let merge = |model: &mut Self| -> Done {
            let issue = model.issue_mut(pull)?;
            issue.closed = Some((at, by.to_owned()));
            issue.updated = at;
            let author = issue.author.clone();
            if let Some(pull) = &mut issue.pull {
                pull.merged = Some((at, sha.to_owned(), by.to_owned()));
            }
            if let Some(repo) = model.repos.get_mut(&place.0) {
                repo.commits.insert(sha.to_owned(), author.clone());
            }
            model.event(place, &author, EventKind::CrossReferenced(pull))?;
            if model.issue(place).is_ok_and(|issue| issue.closed.is_none()) {
                model.set_open(place, by, false, Some("completed".to_owned()), Some(sha.to_owned()))?;
            }
            Ok(())
        };
        merge(self).map_err(|refusal| refusal.to_string())
    }

    /// A transfer gives the issue a new id and number; the old place redirects.
    pub(super) fn transfer(&mut self, place: Place, by: &str, to: &str) -> Result<Place, String> {
        let target = self.repo_mut(to)?.id;
        for repo in [place.0, target] {
            self.allow(repo, by, Permission::Write).map_err(|refusal| refusal.to_string())?;
        }
        let old = self.issue(place)?.clone();
        let (id, at) = (self.next_id(), self.time());
        let labels = self.adopt_labels(target, &old.labels).map_err(|refusal| refusal.to_string())?;
        let repo = self.repos.get_mut(&target).ok_or("no repository")?;
        repo.last_number += 1;
        let new = (target, repo.last_number);
        let assignees =
            old.assignees.iter().filter(|login| repo.roles.contains_key(*login)).cloned().collect();
        let issue =
            Issue { id, number: new.1, labels, assignees, milestone: None, updated: at, ..old.clone() };
        repo.issues.insert(new.1, issue);
        let mut changes = Map::new();
        changes.insert("changes".to_owned(), view::transfer(self, new));
        self.tell(place, by, "issues", "transferred", changes);
        if let Some(repo) = self.repos.get_mut(&place.0) {
            repo.issues.remove(&place.1);
        }
        self.places.remove(&old.id);
        self.places.insert(id, new);
        self.moved.insert(place, new);
        self.event(new, by, EventKind::Transferred).map_err(|refusal| refusal.to_string())?;
        self.tell(new, by, "issues", "opened", Map::new());
        Ok(new)
    }

    pub(super) fn delete(&mut self, place: Place, by: &str) -> Result<(), String> {
        self.allow(place.0, by, Permission::Admin).map_err(|refusal| refusal.to_string())?;
        self.tell(place, by, "issues", "deleted", Map::new());
        let removed = self.repos.get_mut(&place.0).and_then(|repo| repo.issues.remove(&place.1));
        self.places.retain(|id, _| removed.as_ref().is_none_or(|issue| issue.id != *id));
        self.gone.insert(place);
        Ok(())
    }

    fn tell_comment(&mut self, place: Place, by: &str, action: &str, id: u64, mut more: Map<String, Value>) {
        if let Some(comment) = view::comment(self, place, id) {
            more.insert("comment".to_owned(), comment);
        }
        self.tell(place, by, "issue_comment", action, more);
    }

    /// Makes a webhook delivery.
    fn tell(&mut self, place: Place, by: &str, event: &str, action: &str, more: Map<String, Value>) {
        let Some(secret) = self.secret.clone() else { return };
        let mut body = more;
        body.insert("action".to_owned(), json!(action));
        body.insert("issue".to_owned(), view::issue(self, place));
        body.insert("repository".to_owned(), view::repository(self, place.0, None));
        body.insert("sender".to_owned(), view::user(self, by));
        let body = Value::Object(body).to_string();
        let id = self.next_id();
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put("content-type", "application/json");
        put("user-agent", "GitHub-Hookshot/fake");
        put("x-github-event", event);
        put("x-github-delivery", &format!("{id:08x}-0000-4000-8000-{:012x}", place.0));
        put("x-github-hook-id", "1");
        put("x-github-hook-installation-target-id", &place.0.to_string());
        put("x-github-hook-installation-target-type", "repository");
        if let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) {
            let code = mac.chain_update(&body).finalize().into_bytes();
            put("x-hub-signature-256", &format!("sha256={}", hex::encode(code)));
        }
        self.deliveries.push(FakeDelivery { headers, body: body.into() });
    }

    /// When the hour's budget is whole again.
    pub(super) fn budget_reset(&self) -> DateTime<Utc> {
        let now = self.time();
        let into = now.timestamp().rem_euclid(3_600);
        now + TimeDelta::seconds(3_600 - into)
    }
}

fn invalid(resource: &'static str, field: &'static str, code: &'static str) -> Refusal {
    Refusal::Invalid { resource, field, code, message: None }
}

fn sha_of(text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.get(..40).unwrap_or_default().to_owned()
}

/// What went and what came.
fn differences(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<(String, bool)> {
    let went = old.difference(new).map(|name| (name.clone(), false));
    went.chain(new.difference(old).map(|name| (name.clone(), true))).collect()
}

fn blank(id: u64, number: u64, by: &str, at: DateTime<Utc>, title: String, body: Option<String>) -> Issue {
    Issue {
        id,
        number,
        title,
        body,
        author: by.to_owned(),
        closed: None,
        reason: None,
        labels: BTreeSet::new(),
        assignees: Vec::new(),
        milestone: None,
        comments: Vec::new(),
        events: Vec::new(),
        created: at,
        updated: at,
        pull: None,
    }
}
