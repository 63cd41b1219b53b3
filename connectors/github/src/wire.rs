//! GitHub's JSON, as far as it is read. Unknown fields are allowed; names that GitHub may add to are text.

use chrono::{DateTime, NaiveDate, Utc};
use connector_api::{
    Account, Comment, Description, LABEL, ProjectSpec, ScheduledEnd, Status, StatusCategory, Ticket,
    TicketRef,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{DUE_FROM_MILESTONE, due, text};

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) login: String,
}

impl User {
    pub(crate) fn account(&self) -> Account {
        Account { id: self.login.clone(), name: self.login.clone() }
    }
}

/// Whoever deleted their account stands here as `ghost`, as on GitHub's own pages.
pub(crate) fn account_or_ghost(user: Option<&User>) -> Account {
    user.map_or_else(|| Account { id: "ghost".to_owned(), name: "ghost".to_owned() }, User::account)
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Label {
    Whole { name: String },
    Name(String),
}

impl Label {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Whole { name } | Self::Name(name) => name,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Milestone {
    pub(crate) number: u64,
    pub(crate) title: String,
    /// GraphQL spells it otherwise.
    #[serde(alias = "dueOn")]
    pub(crate) due_on: Option<DateTime<Utc>>,
}

/// The value of an issue field of the organization.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldValue {
    issue_field_name: Option<String>,
    #[serde(default)]
    value: serde_json::Value,
}

impl FieldValue {
    /// The date it holds, if it is the field of this name.
    fn date(&self, name: &str) -> Option<NaiveDate> {
        let named = self.issue_field_name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        self.value.as_str().filter(|_| named)?.get(..10)?.parse().ok()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) node_id: Option<String>,
    pub(crate) number: u64,
    pub(crate) html_url: String,
    pub(crate) repository_url: Option<String>,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    #[serde(default)]
    pub(crate) labels: Vec<Label>,
    pub(crate) assignee: Option<User>,
    #[serde(default)]
    pub(crate) assignees: Option<Vec<User>>,
    pub(crate) milestone: Option<Milestone>,
    #[serde(default, rename = "issue_field_values")]
    pub(crate) field_values: Option<Vec<FieldValue>>,
    pub(crate) user: Option<User>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) pull_request: Option<IgnoredAny>,
}

impl Issue {
    /// Whether it is a pull request, which GitHub lists among the issues.
    pub(crate) fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }

    /// The ticket it is. `asked` is the repository it was asked of, for answers that do not name theirs.
    pub(crate) fn ticket(&self, asked: &str, spec: Option<&ProjectSpec>) -> Ticket {
        let description: Description = text::read(self.body.as_deref());
        let project = self.repository_url.as_deref().and_then(repository_of_url);
        let scheduled: Vec<ScheduledEnd> = self.milestone.iter().filter_map(Milestone::scheduled).collect();
        let due = match spec {
            Some(spec) if spec.due_field.as_deref() == Some(DUE_FROM_MILESTONE) => {
                scheduled.first().map(|end| end.date)
            }
            Some(spec) => due::field(spec)
                .and_then(|name| self.field_values.iter().flatten().find_map(|value| value.date(name))),
            None => None,
        };
        let assignee = self.assignees.as_ref().and_then(|all| all.first()).or(self.assignee.as_ref());
        Ticket {
            reference: TicketRef {
                id: self.id.to_string(),
                key: self.number.to_string(),
                project: project.unwrap_or_else(|| asked.to_owned()),
                url: self.html_url.clone(),
            },
            title: self.title.clone(),
            description,
            status: status(&self.state, self.state_reason.clone()),
            due,
            scheduled,
            assignee: assignee.map(User::account),
            labels: self.labels.iter().map(|label| plain_label(label.name())).collect(),
            marker: self.body.as_deref().and_then(text::marker),
            author: self.user.as_ref().map(User::account),
            created: self.created_at,
            updated: self.updated_at,
        }
    }
}

/// A label's name. GitHub's names do not differ by case alone, so a repository that had `POAM` before us gives that
/// where we asked for ours.
fn plain_label(name: &str) -> String {
    if name.eq_ignore_ascii_case(LABEL) { LABEL.to_owned() } else { name.to_owned() }
}

impl Milestone {
    /// GitHub keeps the day as its midnight on the Pacific coast (07:00 or 08:00 UTC), other servers as midnight
    /// UTC: the date in UTC is the day that was entered either way.
    pub(crate) fn scheduled(&self) -> Option<ScheduledEnd> {
        let date = self.due_on?.date_naive();
        Some(ScheduledEnd { kind: DUE_FROM_MILESTONE.to_owned(), name: self.title.clone(), date })
    }
}

/// A status. Whatever is not `closed` counts as not finished.
pub(crate) fn status(state: &str, reason: Option<String>) -> Status {
    let category = if state == "closed" { StatusCategory::Done } else { StatusCategory::Todo };
    Status { name: state.to_owned(), category, resolution: reason }
}

/// `owner/repository` out of `https://host/.../repos/owner/repository`.
pub(crate) fn repository_of_url(url: &str) -> Option<String> {
    let (_, tail) = url.rsplit_once("/repos/")?;
    let mut parts = tail.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    (!owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IssueComment {
    pub(crate) id: u64,
    pub(crate) user: Option<User>,
    pub(crate) body: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl IssueComment {
    /// The comment. This interface does not tell who edited: an edited one has no known last editor.
    pub(crate) fn comment(&self) -> Comment {
        let author = account_or_ghost(self.user.as_ref());
        let untouched = self.created_at == self.updated_at && self.user.is_some();
        let (body, marker) = text::comment_marker(self.body.as_deref().unwrap_or_default());
        Comment {
            id: self.id.to_string(),
            last_editor: untouched.then(|| author.clone()),
            author,
            body,
            created: self.created_at,
            updated: self.updated_at,
            marker,
        }
    }
}

/// An entry of the timeline that is about the issue itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) node_id: Option<String>,
    #[serde(rename = "event")]
    pub(crate) name: String,
    pub(crate) actor: Option<User>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) commit_id: Option<String>,
    pub(crate) commit_url: Option<String>,
    pub(crate) state_reason: Option<String>,
    pub(crate) label: Option<EventLabel>,
    pub(crate) assignee: Option<User>,
    pub(crate) rename: Option<Rename>,
    pub(crate) source: Option<Source>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EventLabel {
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rename {
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Source {
    pub(crate) issue: Option<SourceIssue>,
}

/// What mentioned the issue.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SourceIssue {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) repository_url: Option<String>,
    pub(crate) pull_request: Option<SourcePull>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SourcePull {
    pub(crate) merged_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pull {
    pub(crate) html_url: String,
    #[serde(default)]
    pub(crate) merged: bool,
    pub(crate) merge_commit_sha: Option<String>,
    pub(crate) user: Option<User>,
    pub(crate) merged_by: Option<User>,
    pub(crate) head: Option<PullHead>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PullHead {
    pub(crate) sha: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Commit {
    pub(crate) author: Option<MaybeUser>,
    pub(crate) committer: Option<MaybeUser>,
}

/// GitHub answers `{}` for an author without an account.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MaybeUser {
    pub(crate) login: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CheckRuns {
    pub(crate) check_runs: Vec<CheckRun>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CheckRun {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Repository {
    pub(crate) full_name: String,
    #[serde(default)]
    pub(crate) private: bool,
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) has_issues: bool,
    pub(crate) permissions: Option<Permissions>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "as GitHub lists them")]
pub(crate) struct Permissions {
    pub(crate) admin: bool,
    pub(crate) maintain: bool,
    pub(crate) push: bool,
    pub(crate) triage: bool,
}

/// An error's body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) errors: Vec<serde_json::Value>,
}

impl Problem {
    /// One line that names each field it complains about.
    pub(crate) fn sentence(&self) -> String {
        let mut out = shown(&self.message);
        for (n, error) in self.errors.iter().take(8).enumerate() {
            out.push_str(if n == 0 { ": " } else { "; " });
            if let Some(text) = error.as_str() {
                out.push_str(&shown(text));
                continue;
            }
            let text = |key: &str| error.get(key).and_then(serde_json::Value::as_str).map(shown);
            let said: Vec<_> = [text("field"), text("code"), text("message")].into_iter().flatten().collect();
            out.push_str(&said.join(" "));
        }
        out
    }

    /// Whether it complains about a field, or a thing, of this name.
    pub(crate) fn is_about(&self, name: &str) -> bool {
        let said = |error: &serde_json::Value, key: &str| {
            let text = error.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
            text.to_ascii_lowercase().starts_with(name)
        };
        self.errors.iter().any(|error| said(error, "field") || said(error, "resource"))
    }

    /// Whether it only says that the thing is there already.
    pub(crate) fn already_exists(&self) -> bool {
        self.errors
            .iter()
            .any(|e| e.get("code").and_then(serde_json::Value::as_str) == Some("already_exists"))
    }
}

/// A foreign text as it may stand in our messages: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
