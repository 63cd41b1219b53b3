//! Searches: one stream for the whole connection, and the search for a marker.

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Changed, Error, ErrorKind, LABEL, Marker, ProjectSpec, Result, Stream, Ticket};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fetch::unreadable;
use crate::request::{Answer, Call, server_time};
use crate::{Jira, wire};

/// Tickets asked for per page. With fields, Jira gives no more than this.
const PAGE: usize = 100;
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

/// A finished search: all its pages.
struct Found {
    issues: Vec<wire::Issue>,
    /// The site's time at the first page.
    at: Option<DateTime<Utc>>,
}

impl Jira {
    pub(crate) async fn poll(
        &self,
        stream: &Stream,
        cursor: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<Changed> {
        let cursor = match cursor {
            Some(text) => serde_json::from_str(text).map_err(|e| {
                Error::new("poll", ErrorKind::Invalid(format!("the cursor cannot be read: {e}")))
            })?,
            None => Cursor { since, seen: Vec::new() },
        };
        let mut fields = self.ticket_fields();
        fields.extend(["comment".to_owned(), "attachment".to_owned()]);
        let mut minutes = minutes_back(self.site_now(), cursor.since);
        let found = loop {
            let found = self.search_projects(&stream.projects, minutes, &fields).await?;
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
    ) -> Result<Found> {
        let mut names: Vec<&str> = projects.iter().map(|spec| spec.project.as_str()).collect();
        loop {
            let list = names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            let jql = format!(
                "labels = {LABEL} AND project in ({list}) AND updated >= \"-{minutes}m\" ORDER BY updated ASC"
            );
            let error = match self.search("poll", &jql, fields).await {
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

    pub(crate) async fn search_marker(&self, _project: &ProjectSpec, marker: &Marker) -> Result<Vec<Ticket>> {
        // Not bound to the project: a ticket that was moved right away is still the one.
        let jql = format!("labels = {} ORDER BY created ASC", quote(&marker.label()));
        let what = "look for a marker";
        let found = self.search(what, &jql, &self.ticket_fields()).await?;
        let label_alone = self.memory().no_properties;
        let mut tickets = Vec::new();
        for issue in &found.issues {
            let mut ticket = self.ticket(issue).map_err(|why| unreadable(what, why))?;
            if ticket.marker.is_none() && !self.cloud() && !label_alone {
                // The search of Data Center gives no properties, and whoever replaces the text takes the line with it.
                let Some(whole) = self.read_one(&issue.id).await? else { continue };
                ticket = whole;
            }
            let ours = match &ticket.marker {
                Some(carried) => carried == marker,
                None => label_alone,
            };
            if ours {
                ticket.marker = Some(marker.clone());
                tickets.push(ticket);
            }
        }
        let number = |ticket: &Ticket| ticket.reference.id.parse::<u64>().unwrap_or(u64::MAX);
        tickets.sort_by_key(|ticket| (ticket.created, number(ticket)));
        Ok(tickets)
    }

    /// All pages of a search.
    async fn search(&self, what: &str, jql: &str, fields: &[String]) -> Result<Found> {
        let mut found = Found { issues: Vec::new(), at: None };
        let mut token = None;
        loop {
            let answer = self.search_page(what, jql, fields, token.as_deref(), found.issues.len()).await?;
            if found.at.is_none() {
                found.at = server_time(&answer.headers);
            }
            let page: wire::SearchPage = answer.json()?;
            let count = page.issues.len();
            found.issues.extend(page.issues);
            let last = if self.cloud() {
                token = page.next_page_token;
                token.is_none() || page.is_last == Some(true)
            } else {
                count == 0 || page.total.is_none_or(|total| found.issues.len() >= total)
            };
            if last {
                return Ok(found);
            }
        }
    }

    async fn search_page(
        &self,
        what: &str,
        jql: &str,
        fields: &[String],
        token: Option<&str>,
        start: usize,
    ) -> Result<Answer> {
        let properties = self.ticket_properties();
        let mut body = json!({"jql": jql, "fields": fields, "maxResults": PAGE});
        if !properties.is_empty() {
            body["properties"] = json!(properties);
        }
        let path = if self.cloud() {
            if let Some(token) = token {
                body["nextPageToken"] = json!(token);
            }
            "/search/jql"
        } else {
            // Data Center knows no properties in a search; the line in the text tells the same.
            if let Some(body) = body.as_object_mut() {
                body.remove("properties");
            }
            body["startAt"] = json!(start);
            "/search"
        };
        let call = Call::read(what, Method::POST, &self.api(path), &[]).body(body.clone());
        let answer = self.send(call).await?;
        if answer.status == StatusCode::METHOD_NOT_ALLOWED && !self.cloud() {
            let call = Call::read(what, Method::GET, &self.api("/search"), &[])
                .query("jql", jql)
                .query("fields", fields.join(","))
                .query("startAt", start.to_string())
                .query("maxResults", PAGE.to_string());
            return self.send(call).await;
        }
        let refused = matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED);
        let named = answer.refusal().text().to_lowercase().contains("propert");
        if body.get("properties").is_some()
            && (named && refused || answer.status == StatusCode::NOT_IMPLEMENTED)
        {
            self.memory().no_properties |= named;
            if let Some(body) = body.as_object_mut() {
                body.remove("properties");
            }
            return self.send(Call::read(what, Method::POST, &self.api(path), &[]).body(body)).await;
        }
        Ok(answer)
    }
}

/// Whole minutes to ask for so that nothing since `since` is missed.
fn minutes_back(now: DateTime<Utc>, since: DateTime<Utc>) -> i64 {
    let seconds = (now - since).num_seconds().max(0);
    seconds.div_euclid(60) + 1 + OVERLAP.num_minutes()
}

/// A string in JQL.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
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

    #[test]
    fn quotes_in_jql_cannot_break_out() {
        assert_eq!(quote(r#"A" OR project = "B\"#), r#""A\" OR project = \"B\\""#);
    }
}
