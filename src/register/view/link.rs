//! A link.

use chrono::NaiveDate;
use serde::Serialize;

use super::{Named, Time};
use crate::register::{Link, LinkPhase, MilestoneNumber, SystemId};

/// A link with its ticket as last seen.
#[derive(Debug, Serialize)]
pub struct LinkView<'a> {
    /// 32 hexadecimal digits; the marker carries it.
    pub id: &'a str,
    /// System.
    pub system: &'a SystemId,
    /// Milestone.
    pub milestone: Named<MilestoneNumber>,
    /// Tracker id.
    pub tracker: &'a str,
    /// How far it is.
    pub phase: LinkPhase,
    /// Immutable id of the ticket.
    pub ticket: Option<&'a str>,
    /// Its key or number.
    pub key: Option<&'a str>,
    /// Its project or repository.
    pub project: Option<&'a str>,
    /// Where a person opens it.
    pub url: Option<&'a str>,
    /// The ticket as last seen; none before it was.
    pub observed: Option<ObservedView<'a>>,
    /// The ticket's history is read up to this time, by the tracker's clock.
    pub log_read: Option<Time>,
    /// Marked for reconciling since.
    pub dirty: Option<Time>,
    /// Not before this time.
    pub due_at: Option<Time>,
    /// Failures in a row.
    pub attempts: u32,
    /// The last failure.
    pub error: Option<&'a str>,
    /// The ticket is not found since.
    pub missing_since: Option<Time>,
}

/// A ticket as last seen.
#[derive(Debug, Serialize)]
pub struct ObservedView<'a> {
    /// When we looked.
    pub at: Time,
    /// The tracker's own time of the last change.
    pub updated: Option<Time>,
    /// Title.
    pub title: &'a str,
    /// Status name.
    pub status: &'a str,
    /// What the state table reads it as.
    pub state: &'a str,
    /// Due date.
    pub due: Option<NaiveDate>,
    /// Why the due line cannot be read.
    pub due_unreadable: Option<&'a str>,
    /// Assignee's account id.
    pub assignee: Option<&'a str>,
    /// The person it is mapped to.
    pub assignee_person: Option<&'a str>,
    /// Sprint, version or tracker milestone that ends last.
    pub scheduled: Option<&'a str>,
    /// When that ends.
    pub scheduled_end: Option<NaiveDate>,
    /// Other tickets that carry the marker: keys.
    pub duplicates: &'a [String],
    /// The project it is now in, where no tracker covers it.
    pub moved_away: Option<&'a str>,
    /// Managed labels that were restored so far.
    pub labels_restored: u32,
}

impl<'a> LinkView<'a> {
    /// Of a link.
    pub fn of(link: &'a Link) -> Self {
        let seen = &link.observed;
        let observed = seen.at.map(|at| ObservedView {
            at: Time(at),
            updated: seen.updated.map(Time),
            title: &seen.title,
            status: &seen.status,
            state: &seen.state,
            due: seen.due,
            due_unreadable: seen.due_unreadable.as_deref(),
            assignee: seen.assignee.as_deref(),
            assignee_person: seen.assignee_person.as_deref(),
            scheduled: seen.scheduled.as_ref().map(|(name, _)| name.as_str()),
            scheduled_end: seen.scheduled.as_ref().map(|(_, end)| *end),
            duplicates: &seen.duplicates,
            moved_away: seen.moved_away.as_deref(),
            labels_restored: seen.labels_restored,
        });
        Self {
            id: &link.id,
            system: &link.system,
            milestone: Named(link.milestone),
            tracker: &link.tracker,
            phase: link.phase,
            ticket: link.ticket.as_deref(),
            key: link.key.as_deref(),
            project: link.project.as_deref(),
            url: link.url.as_deref(),
            observed,
            log_read: link.log_read.map(Time),
            dirty: link.dirty.map(Time),
            due_at: link.due_at.map(Time),
            attempts: link.attempts,
            error: link.error.as_deref(),
            missing_since: link.missing_since.map(Time),
        }
    }
}
