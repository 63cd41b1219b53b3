//! What the fake Jira holds, and how it changes: every change leaves its history and its webhooks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use connector_api::Account;
use connector_api::fake::{FakeDelivery, Now};
use serde_json::Value;

use super::diff::diff;
use super::exchange::Watch;
use super::refusal::Refusal;
use super::workflow::{RESOLUTIONS, Way};
use crate::Flavor;

/// The whole site.
pub(super) struct Site {
    pub(super) flavor: Flavor,
    /// Where it is, without a slash at the end.
    pub(super) base: String,
    pub(super) now: Now,
    pub(super) logins: Vec<Login>,
    /// Names of everybody who was seen here, by id.
    pub(super) people: BTreeMap<String, String>,
    pub(super) projects: BTreeMap<String, Project>,
    pub(super) issues: BTreeMap<u64, Issue>,
    /// What a search sees while it is stale.
    pub(super) index: Option<BTreeMap<u64, Issue>>,
    /// Pages of searches still to come, by token.
    pub(super) pages: BTreeMap<u64, Later>,
    pub(super) deliveries: Vec<FakeDelivery>,
    pub(super) requests: Vec<String>,
    pub(super) secret: String,
    pub(super) lacks: Lacks,
    /// How the next requests are refused, or not.
    pub(super) refusals: VecDeque<Option<Refusal>>,
    /// Whether it refuses what goes beyond the stated limits, and what was spent lately of each.
    pub(super) keeps_limits: bool,
    pub(super) spent: BTreeMap<String, VecDeque<DateTime<Utc>>>,
    /// Whether those whose credentials are good for nothing are answered as anyone is (Data Center).
    pub(super) open_to_anyone: bool,
    pub(super) watch: Option<Watch>,
    last_id: u64,
}

/// Calls that a site may be made to lack.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lacks {
    /// Issue properties, also within the creation of an issue.
    pub properties: bool,
    /// Making or reading many issues, or reading many histories, at once.
    pub bulk: bool,
}

/// What is still to come of a search, and what its further pages must be asked with.
pub(super) struct Later {
    pub(super) ids: Vec<u64>,
    pub(super) reconciled: Vec<String>,
}

/// Somebody who may call the API.
pub(super) struct Login {
    pub(super) account: Account,
    pub(super) email: String,
    pub(super) token: String,
    /// For a scoped token, the id of the site at the gateway, where alone it is good.
    pub(super) cloud_id: Option<String>,
}

/// A project's settings.
#[derive(Debug, Clone)]
pub struct Project {
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) issued: u64,
    /// Its types of issue by name.
    pub types: Vec<String>,
    /// The due date field on its screens: `duedate`, a custom field, or none.
    pub due_field: Option<String>,
    /// Further fields on its screens, each with whether it is demanded when an issue is made.
    pub fields: BTreeMap<String, bool>,
    /// Whether a resolution must be given when an issue is done.
    pub resolution_required: bool,
    /// Further fields that must be given when an issue is done.
    pub done_fields: BTreeSet<String>,
    /// Whether issues that are done cannot be edited.
    pub locked_when_done: bool,
    /// Whether issues go step by step, instead of from every status to every other.
    pub strict: bool,
    /// Permissions that API accounts lack here, by key: `EDIT_ISSUES`.
    pub denied: BTreeSet<String>,
    /// Accounts that cannot be assigned here, by id.
    pub unassignable: BTreeSet<String>,
    /// Whether anyone can read it.
    pub public: bool,
    /// Versions, each with its release date.
    pub versions: BTreeMap<String, Option<NaiveDate>>,
}

impl Project {
    pub(super) fn new(id: u64, key: &str) -> Self {
        Self {
            id,
            key: key.to_owned(),
            issued: 0,
            types: vec!["Task".to_owned(), "Bug".to_owned()],
            due_field: Some("duedate".to_owned()),
            fields: BTreeMap::new(),
            resolution_required: false,
            done_fields: BTreeSet::new(),
            locked_when_done: false,
            strict: false,
            denied: BTreeSet::new(),
            unassignable: BTreeSet::new(),
            public: false,
            versions: BTreeMap::new(),
        }
    }

    pub(super) fn type_id(&self, name: &str) -> Option<u64> {
        let at = self.types.iter().position(|kind| kind.eq_ignore_ascii_case(name))?;
        Some(self.id * 10 + at as u64)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) key: String,
    pub(super) project: String,
    pub(super) kind: String,
    pub(super) summary: String,
    pub(super) description: Value,
    /// Name of the status.
    pub(super) status: String,
    pub(super) resolution: Option<String>,
    pub(super) due: Option<NaiveDate>,
    pub(super) custom: BTreeMap<String, Value>,
    pub(super) assignee: Option<Account>,
    pub(super) reporter: Account,
    pub(super) labels: BTreeSet<String>,
    pub(super) versions: BTreeSet<String>,
    pub(super) properties: BTreeMap<String, Value>,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) comments: Vec<Comment>,
    pub(super) history: Vec<History>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) former_keys: Vec<String>,
    /// Out of every search, and read-only.
    pub(super) archived: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) author: Account,
    pub(super) editor: Account,
    pub(super) body: Value,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct History {
    pub(super) id: u64,
    pub(super) author: Account,
    pub(super) created: DateTime<Utc>,
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Item {
    pub(super) field: String,
    pub(super) field_id: String,
    pub(super) from: Option<String>,
    pub(super) from_text: Option<String>,
    pub(super) to: Option<String>,
    pub(super) to_text: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attachment {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) bytes: Bytes,
    pub(super) author: Account,
    pub(super) created: DateTime<Utc>,
}

/// An issue to be made.
pub(super) struct Draft {
    pub(super) project: String,
    pub(super) kind: String,
    pub(super) by: Account,
}

impl Site {
    pub(super) fn new(flavor: Flavor, now: Now) -> Self {
        Self {
            flavor,
            base: "http://jira.test".to_owned(),
            now,
            logins: Vec::new(),
            people: BTreeMap::new(),
            projects: BTreeMap::new(),
            issues: BTreeMap::new(),
            index: None,
            pages: BTreeMap::new(),
            deliveries: Vec::new(),
            requests: Vec::new(),
            secret: String::new(),
            lacks: Lacks::default(),
            refusals: VecDeque::new(),
            keeps_limits: false,
            spent: BTreeMap::new(),
            open_to_anyone: false,
            watch: None,
            last_id: 10_000,
        }
    }

    pub(super) fn cloud(&self) -> bool {
        self.flavor == Flavor::Cloud
    }

    /// Now, as exactly as Jira writes times.
    pub(super) fn time(&self) -> DateTime<Utc> {
        (self.now)().trunc_subsecs(3)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn meet(&mut self, account: &Account) {
        self.people.insert(account.id.clone(), account.name.clone());
    }

    /// An account by its id; one that was never seen is named by it.
    pub(super) fn person(&self, id: &str) -> Account {
        Account { id: id.to_owned(), name: self.people.get(id).cloned().unwrap_or_else(|| id.to_owned()) }
    }

    /// An issue by its id or its key, present or former, in any case.
    pub(super) fn find(&self, id_or_key: &str) -> Option<u64> {
        if let Ok(id) = id_or_key.parse::<u64>() {
            return self.issues.contains_key(&id).then_some(id);
        }
        let is = |key: &String| key.eq_ignore_ascii_case(id_or_key);
        let current = self.issues.values().find(|issue| is(&issue.key));
        let found = current.or_else(|| self.issues.values().find(|issue| issue.former_keys.iter().any(is)));
        found.map(|issue| issue.id)
    }

    /// Makes an issue, whose fields `fill` sets.
    pub(super) fn create(&mut self, draft: Draft, fill: impl FnOnce(&mut Issue)) -> Result<u64, String> {
        let id = self.next_id();
        let at = self.time();
        let project =
            self.projects.get_mut(&draft.project).ok_or_else(|| format!("no project {}", draft.project))?;
        project.issued += 1;
        let mut issue = Issue {
            id,
            key: format!("{}-{}", draft.project, project.issued),
            project: draft.project,
            kind: draft.kind,
            summary: String::new(),
            description: Value::Null,
            status: "To Do".to_owned(),
            resolution: None,
            due: None,
            custom: BTreeMap::new(),
            assignee: None,
            reporter: draft.by.clone(),
            labels: BTreeSet::new(),
            versions: BTreeSet::new(),
            properties: BTreeMap::new(),
            created: at,
            updated: at,
            comments: Vec::new(),
            history: Vec::new(),
            attachments: Vec::new(),
            former_keys: Vec::new(),
            archived: false,
        };
        fill(&mut issue);
        self.issues.insert(id, issue);
        self.deliver_issue("jira:issue_created", id, &draft.by, None);
        Ok(id)
    }

    /// Changes an issue. What differs afterwards makes one entry of its history.
    pub(super) fn change(&mut self, id: u64, by: &Account, with: impl FnOnce(&mut Issue)) {
        let (at, history_id) = (self.time(), self.last_id + 1);
        let Some(issue) = self.issues.get_mut(&id) else { return };
        let before = issue.clone();
        with(issue);
        let items = diff(&before, issue);
        if items.is_empty() {
            return;
        }
        // No two states of an issue have the same time, even where the clock stands still.
        issue.updated = at.max(before.updated + TimeDelta::milliseconds(1));
        let entry = History { id: history_id, author: by.clone(), created: issue.updated, items };
        issue.history.push(entry.clone());
        self.last_id = history_id;
        self.deliver_issue("jira:issue_updated", id, by, Some(&entry));
    }

    /// Brings an issue along one transition.
    pub(super) fn transit(
        &mut self,
        id: u64,
        by: &Account,
        way: &Way,
        resolution: Option<String>,
        more: impl FnOnce(&mut Issue),
    ) {
        self.change(id, by, |issue| {
            more(issue);
            way.to.clone_into(&mut issue.status);
            issue.resolution = match way.to {
                "Done" => Some(resolution.unwrap_or_else(|| RESOLUTIONS[0].to_owned())),
                _ => None,
            };
        });
    }

    pub(super) fn add_comment(&mut self, id: u64, by: &Account, body: Value) -> Option<u64> {
        let comment_id = self.next_id();
        let now = self.time();
        let issue = self.issues.get_mut(&id)?;
        let at = now.max(issue.updated + TimeDelta::milliseconds(1));
        let comment = Comment {
            id: comment_id,
            author: by.clone(),
            editor: by.clone(),
            body,
            created: at,
            updated: at,
        };
        issue.comments.push(comment.clone());
        issue.updated = at;
        self.deliver_comment("comment_created", id, &comment);
        Some(comment_id)
    }

    pub(super) fn edit_comment(&mut self, id: u64, comment: u64, by: &Account, body: Value) -> Option<()> {
        let now = self.time();
        let issue = self.issues.get_mut(&id)?;
        let at = now.max(issue.updated + TimeDelta::milliseconds(1));
        let comment = issue.comments.iter_mut().find(|c| c.id == comment)?;
        comment.body = body;
        comment.editor = by.clone();
        comment.updated = at;
        let comment = comment.clone();
        issue.updated = at;
        self.deliver_comment("comment_updated", id, &comment);
        Some(())
    }

    pub(super) fn delete_comment(&mut self, id: u64, comment: u64) -> Option<()> {
        let now = self.time();
        let issue = self.issues.get_mut(&id)?;
        let at = issue.comments.iter().position(|c| c.id == comment)?;
        let comment = issue.comments.remove(at);
        issue.updated = now.max(issue.updated + TimeDelta::milliseconds(1));
        self.deliver_comment("comment_deleted", id, &comment);
        Some(())
    }

    pub(super) fn delete(&mut self, id: u64, by: &Account) {
        self.deliver_issue("jira:issue_deleted", id, by, None);
        self.issues.remove(&id);
    }
}
