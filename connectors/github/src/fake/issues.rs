//! What people do to issues.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::logins;
use super::model::{
    Done, Edit, EventKind, Issue, LONGEST_BODY, Milestone, Model, NewIssue, Permission, Place, Refusal,
    TextEdit, blank, invalid,
};
use super::view;

impl Model {
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
    pub(super) fn adopt_labels(
        &mut self,
        repo: u64,
        by: &str,
        names: &BTreeSet<String>,
    ) -> Done<BTreeSet<String>> {
        let known = &self.repos.get(&repo).ok_or(Refusal::NotFound)?.labels;
        let all_known = names.iter().all(|name| known.contains_key(&name.to_lowercase()));
        if !all_known && !self.may(repo, by, Permission::Write) {
            return Err(Refusal::Forbidden);
        }
        for name in names {
            if name.is_empty() || name.chars().count() > 50 {
                return Err(invalid("Label", "name", "invalid"));
            }
            self.add_label(repo, name);
        }
        let known = &self.repos.get(&repo).ok_or(Refusal::NotFound)?.labels;
        Ok(names.iter().filter_map(|n| known.get(&n.to_lowercase())).map(|(_, name)| name.clone()).collect())
    }

    pub(super) fn check_text(
        &self,
        repo: u64,
        title: Option<&str>,
        body: Option<&str>,
        assignees: &[String],
    ) -> Done {
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
        let labels = self.adopt_labels(repo, by, &new.labels)?;
        let (id, at) = (self.next_id(), self.time());
        let found = self.repos.get_mut(&repo).ok_or(Refusal::NotFound)?;
        found.last_number += 1;
        let place = (repo, found.last_number);
        let mut issue = blank(id, place.1, by, at, new.title, new.body);
        issue.fields = new.fields;
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
        let labels = edit.labels.as_ref().map(|labels| self.adopt_labels(repo, by, labels)).transpose()?;

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

    #[expect(clippy::option_option, reason = "left alone, emptied and set are three things")]
    pub(super) fn edit_text(
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
            self.keep_text(place, by, old, body.clone().unwrap_or_default())?;
            self.issue_mut(place)?.body = body;
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.touch(place, by, "edited", json!({ "changes": changes }))
    }

    /// Keeps a new text in the history of edits. The first one brings the text before it along, as it was written.
    fn keep_text(&mut self, place: Place, by: &str, old: &Issue, body: String) -> Done {
        let (first, id, at) = (self.next_id(), self.next_id(), self.time());
        let edits = &mut self.issue_mut(place)?.edits;
        if edits.is_empty() {
            let (editor, body) = (old.author.clone(), old.body.clone().unwrap_or_default());
            edits.push(TextEdit { id: first, at: old.created, editor, body });
        }
        edits.push(TextEdit { id, at, editor: by.to_owned(), body });
        Ok(())
    }

    pub(super) fn set_open(
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
    pub(super) fn touch(&mut self, place: Place, by: &str, action: &str, more: Value) -> Done {
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

    pub(super) fn milestone_title(&self, repo: u64, number: u64) -> Option<String> {
        let milestones = &self.repos.get(&repo)?.milestones;
        milestones.iter().find(|m| m.number == number).map(|m| m.title.clone())
    }

    /// Sets a field of the organization, or clears it.
    pub(super) fn set_field(&mut self, place: Place, by: &str, field: u64, value: Option<String>) -> Done {
        self.allow(place.0, by, Permission::Write)?;
        if !self.fields.iter().any(|(known, ..)| *known == field) {
            return Err(invalid("IssueFieldValue", "field_id", "invalid"));
        }
        let fields = &mut self.issue_mut(place)?.fields;
        match value {
            Some(value) => fields.insert(field, value),
            None => Some(fields.remove(&field).ok_or(Refusal::NotFound)?),
        };
        self.touch(place, by, "edited", json!({}))
    }

    pub(super) fn add_milestone(
        &mut self,
        repo: u64,
        by: &str,
        title: &str,
        due: Option<NaiveDate>,
    ) -> Done<u64> {
        self.allow(repo, by, Permission::Write)?;
        let (id, created) = (self.next_id(), self.time());
        let milestones = &mut self.repos.get_mut(&repo).ok_or(Refusal::NotFound)?.milestones;
        if milestones.iter().any(|of| of.title == title) {
            return Err(invalid("Milestone", "title", "already_exists"));
        }
        let (number, title, creator) = (milestones.len() as u64 + 1, title.to_owned(), by.to_owned());
        milestones.push(Milestone { id, number, title, due, creator, created });
        Ok(number)
    }

    pub(super) fn set_milestone(
        &mut self,
        ticket: &str,
        title: &str,
        due: Option<NaiveDate>,
    ) -> Result<(), String> {
        let place = self.place(ticket)?;
        let repo = self.repos.get_mut(&place.0).ok_or("no repository")?;
        let Some(owner) =
            repo.roles.iter().find(|(_, role)| **role >= Permission::Write).map(|(l, _)| l.clone())
        else {
            return Err("nobody may set milestones".to_owned());
        };
        let number = if let Some(known) = repo.milestones.iter_mut().find(|m| m.title == title) {
            known.due = due;
            known.number
        } else {
            self.add_milestone(place.0, &owner, title, due).map_err(|refusal| refusal.to_string())?
        };
        let edit = Edit { milestone: Some(Some(number)), ..Edit::default() };
        self.edit(place, &owner, edit).map_err(|refusal| refusal.to_string())
    }

    /// A transfer gives the issue a new id and number; the old place redirects.
    pub(super) fn transfer(&mut self, place: Place, by: &str, to: &str) -> Result<Place, String> {
        let target = self.repo_mut(to)?.id;
        for repo in [place.0, target] {
            self.allow(repo, by, Permission::Write).map_err(|refusal| refusal.to_string())?;
        }
        let old = self.issue(place)?.clone();
        let (id, at) = (self.next_id(), self.time());
        let labels = self.adopt_labels(target, by, &old.labels).map_err(|refusal| refusal.to_string())?;
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
}

/// What went and what came.
fn differences(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<(String, bool)> {
    let went = old.difference(new).map(|name| (name.clone(), false));
    went.chain(new.difference(old).map(|name| (name.clone(), true))).collect()
}
