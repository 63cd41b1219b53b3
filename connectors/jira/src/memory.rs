//! What a connection has learned of its site. Losing it costs a few requests, nothing else.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Account, Attachment, Comment, ProjectSpec, StatusCategory};
use http::HeaderMap;
use url::Url;

use crate::limits::Wait;
use crate::wire::Transition;
use crate::{Jira, request};

/// How long the comments and attachments that a poll brought along may stand for a reading of their own.
const TALK_KEEPS: TimeDelta = TimeDelta::seconds(60);

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) account: Option<Account>,
    /// The site's clock minus ours.
    pub(crate) ahead: Option<TimeDelta>,
    /// Where the due date lives, by project; none means in the text.
    due_fields: BTreeMap<String, Option<String>>,
    /// Where people open the site, where that is not where its API is.
    pub(crate) browse_url: Option<Url>,
    pub(crate) sprint_field: Option<String>,
    /// Whether the site was asked for its fields.
    pub(crate) fields_known: bool,
    /// Why and until when nothing is to be sent at all.
    pub(crate) paused: Option<Wait>,
    /// Calls that the site does not have.
    pub(crate) no_properties: bool,
    pub(crate) no_bulk_create: bool,
    pub(crate) no_bulk_fetch: bool,
    pub(crate) no_bulk_log: bool,
    /// Category of a status, by the status's id.
    pub(crate) categories: HashMap<String, StatusCategory>,
    /// Type id of an issue, by the issue's id.
    pub(crate) types: HashMap<String, String>,
    /// Transitions out of a status.
    pub(crate) transitions: HashMap<Place, Vec<Transition>>,
    /// What the last poll brought along, by ticket id: used once.
    talk: HashMap<String, Talk>,
}

/// Where an issue stands in a workflow: what its transitions depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) project: String,
    pub(crate) issue_type: String,
    /// Name of the status.
    pub(crate) status: String,
}

/// Comments and attachments of one ticket.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    /// When the ticket they belong to had last changed.
    pub(crate) updated: DateTime<Utc>,
    /// When they were read, by our clock.
    pub(crate) read: DateTime<Utc>,
    /// All its comments; none where it came with only some of them.
    pub(crate) comments: Option<Vec<Comment>>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Memory {
    pub(crate) fn learn_projects(&mut self, projects: &[ProjectSpec]) {
        for spec in projects {
            self.due_fields.insert(spec.project.clone(), spec.due_field.clone());
        }
    }

    /// The due field of a project; of one that we know nothing of, Jira's own.
    pub(crate) fn due_field(&self, project: &str) -> Option<String> {
        self.due_fields.get(project).cloned().unwrap_or_else(|| Some("duedate".to_owned()))
    }

    /// Every field that holds a due date somewhere on this connection.
    pub(crate) fn all_due_fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.due_fields.values().flatten().cloned().collect();
        fields.push("duedate".to_owned());
        fields.sort();
        fields.dedup();
        fields
    }

    pub(crate) fn keep_talk(&mut self, ticket: &str, talk: Talk) {
        let oldest = talk.read - TALK_KEEPS;
        self.talk.retain(|_, kept| kept.read >= oldest);
        if self.talk.get(ticket).is_none_or(|kept| kept.updated <= talk.updated) {
            self.talk.insert(ticket.to_owned(), talk);
        }
    }

    /// What a poll just brought along for this ticket, unless a later change is known. Gone once taken.
    pub(crate) fn take_talk(
        &mut self,
        ticket: &str,
        now: DateTime<Utc>,
        latest: Option<DateTime<Utc>>,
    ) -> Option<Talk> {
        let talk = self.talk.remove(ticket)?;
        let fresh = now - talk.read <= TALK_KEEPS && latest.is_none_or(|latest| latest <= talk.updated);
        fresh.then_some(talk)
    }

    /// Drops what a poll brought along where the ticket was since seen changed.
    pub(crate) fn outdate_talk(&mut self, ticket: &str, updated: DateTime<Utc>) {
        if self.talk.get(ticket).is_some_and(|kept| kept.updated < updated) {
            self.talk.remove(ticket);
        }
    }

    pub(crate) fn forget_talk(&mut self, ticket: &str) {
        self.talk.remove(ticket);
    }
}

impl Jira {
    /// Remembers how far the site's clock is from ours.
    pub(crate) fn note_clock(&self, headers: &HeaderMap) {
        if let Some(theirs) = request::server_time(headers) {
            let ahead = theirs - (self.now)();
            self.memory().ahead = Some(ahead);
        }
    }

    /// The site's time, as well as it is known.
    pub(crate) fn site_now(&self) -> DateTime<Utc> {
        (self.now)() + self.memory().ahead.unwrap_or_default()
    }
}
