//! Which tickets are still there, for the daily sweep: lists of ids, then the ones that no list named.

use std::collections::{HashMap, HashSet};

use connector_api::{Glance, LABEL, Result, TicketRef};

use crate::fetch::PER_REQUEST;
use crate::search::{Found, Query};
use crate::{Jira, wire};

/// Ids per page: Cloud gives so many where nothing else is asked for; a Data Center gives as many as it is set to.
const PAGE: usize = 5000;
const WHAT: &str = "look which tickets are there";

impl Jira {
    pub(crate) async fn survey_all(&self, tickets: &[TicketRef]) -> Result<Vec<Glance>> {
        let at_once = self.cloud() && !self.memory().no_bulk_fetch && tickets.len() <= PER_REQUEST;
        let listed = if at_once || tickets.len() <= 1 { HashSet::new() } else { self.listed().await? };
        // A search shows neither what lost its label, nor what is archived, nor what the index has not met yet.
        let unsure: Vec<&str> =
            tickets.iter().map(|ticket| ticket.id.as_str()).filter(|id| !listed.contains(*id)).collect();
        let fields = ["updated".to_owned()];
        let read = self.issues(WHAT, &unsure, &fields).await?;
        let read: HashMap<String, wire::Issue> =
            read.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
        let glance = |ticket: &TicketRef| match read.get(&ticket.id) {
            Some(issue) => Glance::There { updated: issue.fields.updated.map(|at| at.0) },
            None if listed.contains(&ticket.id) => Glance::There { updated: None },
            None => Glance::Missing,
        };
        Ok(tickets.iter().map(glance).collect())
    }

    /// The ids of all tickets with our label that a search shows.
    async fn listed(&self) -> Result<HashSet<String>> {
        let query = Query {
            what: WHAT,
            jql: format!("labels = {LABEL} ORDER BY created ASC"),
            fields: &["id".to_owned()],
            properties: &[],
            page: PAGE,
            reconcile: &[],
        };
        let found: Found<wire::Listed> = self.search(&query).await?;
        Ok(found.issues.into_iter().map(|issue| issue.id).collect())
    }
}
