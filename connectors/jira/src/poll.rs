//! What changed: one stream for the whole connection; and what carries a marker.

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{
    Changed, Error, ErrorKind, LABEL, Marker, PollFrom, ProjectSpec, Result, Stream, Ticket,
};
use serde::{Deserialize, Serialize};

use crate::fetch::unreadable;
use crate::search::{Found, Query, quote};
use crate::{Jira, wire};

/// Tickets asked for per page. With fields, Jira gives no more than this.
const PAGE: usize = 100;
/// Jira's limit for issues that a search is to show as they are.
const RECONCILED: usize = 50;
/// How far each poll reaches back behind the one before: the index may lag.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// How long what was seen is remembered: what the next poll can repeat, and the rounding of its minutes.
const REMEMBER: TimeDelta = TimeDelta::minutes(10);

/// Where a stream goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// The site's time when the last poll was answered.
    since: DateTime<Utc>,
    /// Ids, and times of change in milliseconds, that the overlap will bring again.
    seen: Vec<(String, i64)>,
}

impl Jira {
    pub(crate) async fn poll(&self, stream: &Stream, from: &PollFrom<'_>) -> Result<Changed> {
        self.learn_site().await?;
        let cursor = match from.cursor {
            Some(text) => serde_json::from_str(text).map_err(|e| {
                Error::new("poll", ErrorKind::Invalid(format!("the cursor cannot be read: {e}")))
            })?,
            None => Cursor { since: from.since, seen: Vec::new() },
        };
        let mut fields = self.ticket_fields();
        fields.extend(["comment".to_owned(), "attachment".to_owned()]);
        // The same list on every page, as Jira wants it.
        let written: Vec<u64> =
            from.written.iter().filter_map(|id| id.parse().ok()).take(RECONCILED).collect();
        let mut minutes = minutes_back(self.site_now(), cursor.since);
        let found = loop {
            let found = self.search_projects(&stream.projects, minutes, &fields, &written).await?;
            // The site's clock may be further than we thought: then the search began too late.
            let needed = found.at.map_or(0, |at| minutes_back(at, cursor.since));
            if needed <= minutes {
                break found;
            }
            minutes = needed;
        };
        let at = found.at.unwrap_or_else(|| self.site_now());
        let mut changed = Changed { server_time: found.at, ..Changed::default() };
        let mut seen: Vec<(String, i64)> = Vec::new();
        for issue in &found.issues {
            let ticket = self.ticket(issue).map_err(|why| unreadable("poll", why))?;
            let mark = (issue.id.clone(), ticket.updated.timestamp_millis());
            let again = cursor.seen.contains(&mark) || seen.contains(&mark);
            if ticket.updated >= at - REMEMBER {
                seen.push(mark);
            }
            if again {
                continue;
            }
            if let Some(talk) = self.talk(issue) {
                self.memory().keep_talk(&issue.id, talk);
            }
            changed.tickets.push(ticket);
        }
        let next = Cursor { since: at.max(cursor.since), seen };
        changed.cursor = serde_json::to_string(&next)
            .map_err(|e| Error::new("poll", ErrorKind::Invalid(e.to_string())))?;
        Ok(changed)
    }

    /// The search of a stream. A project that the site does not know would make it refuse the whole search, and
    /// all the others with it: such a project is left out and named in the log; `check` tells what to do.
    async fn search_projects(
        &self,
        projects: &[ProjectSpec],
        minutes: i64,
        fields: &[String],
        written: &[u64],
    ) -> Result<Found<wire::Issue>> {
        let mut names: Vec<&str> = projects.iter().map(|spec| spec.project.as_str()).collect();
        loop {
            let list = names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            let jql = format!(
                "labels = {LABEL} AND project in ({list}) AND updated >= \"-{minutes}m\" ORDER BY updated ASC"
            );
            let properties = self.ticket_properties();
            let query =
                Query { what: "poll", jql, fields, properties: &properties, page: PAGE, reconcile: written };
            let error = match self.search(&query).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let ErrorKind::Invalid(said) = &error.kind else { return Err(error) };
            let (bad, good): (Vec<&str>, Vec<&str>) =
                names.iter().partition(|name| said.contains(&format!("'{name}'")));
            if bad.is_empty() || good.is_empty() {
                return Err(error);
            }
            tracing::warn!(projects = ?bad, %said, "left out of the poll: not to be seen on this site");
            names = good;
        }
    }

    pub(crate) async fn search_marker(&self, marker: &Marker) -> Result<Vec<Ticket>> {
        self.learn_site().await?;
        let what = "look for a marker";
        let query = Query {
            what,
            // Not bound to the project: a ticket that was moved right away is still the one.
            jql: format!("labels = {} ORDER BY created ASC", quote(&marker.label())),
            fields: &self.ticket_fields(),
            properties: &self.ticket_properties(),
            page: PAGE,
            reconcile: &[],
        };
        let found: Found<wire::Issue> = self.search(&query).await?;
        let mut tickets = Vec::new();
        for issue in &found.issues {
            let mut ticket = self.ticket(issue).map_err(|why| unreadable(what, why))?;
            // Where a search brings no properties along, and somebody took the whole marker off the labels.
            if ticket.marker.is_none() {
                ticket.marker = self.held_marker(&issue.id).await?;
            }
            // What is left of a marker on a site that keeps no properties: the label that was searched for.
            if ticket.marker.is_none() && self.memory().no_properties {
                ticket.marker = Some(marker.clone());
            }
            tickets.extend(Some(ticket).filter(|ticket| ticket.marker.as_ref() == Some(marker)));
        }
        let number = |ticket: &Ticket| ticket.reference.id.parse::<u64>().unwrap_or(u64::MAX);
        tickets.sort_by_key(|ticket| (ticket.created, number(ticket)));
        Ok(tickets)
    }
}

/// Whole minutes to ask for so that nothing since `since` is missed.
fn minutes_back(now: DateTime<Utc>, since: DateTime<Utc>) -> i64 {
    let seconds = (now - since).num_seconds().max(0);
    seconds.div_euclid(60) + 1 + OVERLAP.num_minutes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_enough_minutes() {
        let since = DateTime::UNIX_EPOCH;
        assert_eq!(minutes_back(since, since), 6);
        assert_eq!(minutes_back(since + TimeDelta::seconds(60), since), 7);
        assert_eq!(minutes_back(since + TimeDelta::seconds(119), since), 7);
        assert_eq!(minutes_back(since - TimeDelta::hours(1), since), 6, "a clock behind never asks for less");
    }
}
