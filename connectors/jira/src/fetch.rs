//! Reads tickets whose ids are known: from the database, not the search index.

use std::collections::HashMap;

use bytes::Bytes;
use connector_api::{Attachment, Error, ErrorKind, Fetched, Marker, Outcome, Result, Ticket, TicketRef};
use http::{Method, StatusCode, header};
use serde_json::json;
use url::Url;

use crate::request::Call;
use crate::ticket::read_property;
use crate::{Jira, PROPERTY, wire};

/// Jira's limit for issues in one request.
pub(crate) const PER_REQUEST: usize = 100;

impl Jira {
    pub(crate) async fn fetch_all(&self, tickets: &[TicketRef]) -> Result<Vec<Fetched>> {
        if tickets.is_empty() {
            return Ok(Vec::new());
        }
        self.learn_site().await?;
        let fields = self.ticket_fields();
        let ids: Vec<&str> = tickets.iter().map(|ticket| ticket.id.as_str()).collect();
        let mut found: HashMap<String, Ticket> = HashMap::new();
        for issue in self.issues("fetch tickets", &ids, &fields).await? {
            let ticket = self.ticket(&issue).map_err(|why| unreadable("fetch tickets", why))?;
            found.insert(issue.id, ticket);
        }
        let fetched = |asked: &TicketRef| match found.get(&asked.id) {
            Some(ticket) => Fetched::Found(Box::new(ticket.clone())),
            None => Fetched::Missing(asked.clone()),
        };
        Ok(tickets.iter().map(fetched).collect())
    }

    /// The issues of these ids that are there, in as few requests as the site allows.
    pub(crate) async fn issues(
        &self,
        what: &str,
        ids: &[&str],
        fields: &[String],
    ) -> Result<Vec<wire::Issue>> {
        let mut issues = Vec::with_capacity(ids.len());
        let mut rest = ids;
        let mut size = PER_REQUEST;
        // One ticket alone is cheaper by GET, and just as current.
        while self.cloud() && rest.len() > 1 && size > 1 && !self.memory().no_bulk_fetch {
            let (some, later) = rest.split_at(rest.len().min(size));
            match self.bulk(what, some, fields).await {
                Ok(Some(page)) => issues.extend(page),
                Ok(None) => break,
                // Fewer at a time, until what they hold together is not larger than we read.
                Err(Error { kind: ErrorKind::TooLarge { .. }, .. }) => {
                    size = some.len() / 4;
                    continue;
                }
                Err(error) => return Err(error),
            }
            rest = later;
        }
        for &id in rest {
            issues.extend(self.issue(what, id, fields, None).await?);
        }
        Ok(issues)
    }

    async fn bulk(&self, what: &str, ids: &[&str], fields: &[String]) -> Result<Option<Vec<wire::Issue>>> {
        let mut body = json!({"issueIdsOrKeys": ids, "fields": fields});
        let properties = self.ticket_properties();
        if !properties.is_empty() {
            body["properties"] = json!(properties);
        }
        let call = Call::read(what, Method::POST, &self.api("/issue/bulkfetch"), &[]).body(body);
        let answer = self.send(call).await?;
        if answer.lacks_call() {
            tracing::debug!(status = %answer.status, "this site reads issues one by one");
            self.memory().no_bulk_fetch = true;
            return Ok(None);
        }
        let page: wire::BulkIssues = answer.json()?;
        if !page.issue_errors.is_empty() {
            // These are said to be worth another try; without them, tickets would look missing.
            let why = format!("{} of {} issues could not be read", page.issue_errors.len(), ids.len());
            return Err(Error::new(what, ErrorKind::Unavailable(why)));
        }
        Ok(Some(page.issues))
    }

    /// One issue; none where it is not found or another one answers.
    pub(crate) async fn issue(
        &self,
        what: &str,
        id: &str,
        fields: &[String],
        expand: Option<&str>,
    ) -> Result<Option<wire::Issue>> {
        Ok(self.issue_called(what, id, fields, expand).await?.filter(|issue| issue.id == id))
    }

    /// The issue of an id or a key; one that was moved answers to its former keys too.
    async fn issue_called(
        &self,
        what: &str,
        id: &str,
        fields: &[String],
        expand: Option<&str>,
    ) -> Result<Option<wire::Issue>> {
        let mut call =
            Call::read(what, Method::GET, &self.api("/issue/{id}"), &[id]).query("fields", fields.join(","));
        let properties = self.ticket_properties();
        if !properties.is_empty() {
            call = call.query("properties", properties.join(","));
        }
        if let Some(expand) = expand {
            call = call.query("expand", expand);
        }
        let answer = self.send(call).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status == StatusCode::NOT_IMPLEMENTED && !properties.is_empty() {
            self.memory().no_properties = true;
            return Box::pin(self.issue_called(what, id, fields, expand)).await;
        }
        Ok(Some(answer.json()?))
    }

    /// The ticket of a key, as somebody named it.
    pub(crate) async fn by_key(&self, key: &str) -> Result<Option<Ticket>> {
        self.learn_site().await?;
        let what = format!("read {key}");
        let Some(issue) = self.issue_called(&what, key, &self.ticket_fields(), None).await? else {
            return Ok(None);
        };
        self.ticket(&issue).map(Some).map_err(|why| unreadable(&what, why))
    }

    /// One ticket, as it is now.
    pub(crate) async fn read_one(&self, id: &str) -> Result<Option<Ticket>> {
        let what = format!("read ticket {id}");
        let Some(issue) = self.issue(&what, id, &self.ticket_fields(), None).await? else { return Ok(None) };
        self.ticket(&issue).map(Some).map_err(|why| unreadable(&what, why))
    }

    /// The marker in a ticket's property.
    pub(crate) async fn held_marker(&self, id: &str) -> Result<Option<Marker>> {
        if self.memory().no_properties {
            return Ok(None);
        }
        let template = self.api("/issue/{id}/properties/{key}");
        let answer = self.send(Call::read("read a marker", Method::GET, &template, &[id, PROPERTY])).await?;
        if answer.lacks_call() {
            return Ok(None);
        }
        let property: wire::Property = answer.json()?;
        Ok(read_property(&property.value))
    }

    pub(crate) async fn attachment(&self, attachment: &Attachment, cap: u64) -> Result<Bytes> {
        let what = format!("read attachment {}", attachment.id);
        let too_large = || Error::new(what.clone(), ErrorKind::TooLarge { cap });
        if attachment.size > cap {
            return Err(too_large());
        }
        let call = if self.cloud() {
            let template = self.api("/attachment/content/{id}");
            // Else the answer is a redirect to a media host, which our credentials must not go to.
            Call::read(&*what, Method::GET, &template, &[&attachment.id]).query("redirect", "false")
        } else {
            Call::read(&*what, Method::GET, &self.own_path(&attachment.url, &what)?, &[])
        };
        let answer = self.send(call).await?;
        let bytes = if answer.status.is_redirection() {
            self.follow(&what, &answer.headers).await?
        } else {
            answer.success()?.body
        };
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > cap { Err(too_large()) } else { Ok(bytes) }
    }

    /// The path of an attachment on this very site; anything else is not fetched.
    fn own_path(&self, url: &str, what: &str) -> Result<String> {
        let base = &self.config.base_url;
        let url = Url::parse(url).ok().filter(|url| url.origin() == base.origin());
        let path = url.and_then(|url| {
            let below = url.path().strip_prefix(base.path().trim_end_matches('/'))?.to_owned();
            Some(below)
        });
        path.ok_or_else(|| Error::new(what, ErrorKind::Invalid("its address is not on this site".to_owned())))
    }

    /// Follows a redirect once, without our credentials.
    async fn follow(&self, what: &str, headers: &http::HeaderMap) -> Result<Bytes> {
        let bad = |why: &str| Error::new(what, ErrorKind::Unavailable(why.to_owned()));
        let target = headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
        let target = target.and_then(|to| self.config.base_url.join(to).ok());
        let target =
            target.filter(|to| to.scheme() == "https" || to.origin() == self.config.base_url.origin());
        let target = target.ok_or_else(|| bad("it redirects to no usable address"))?;
        let request =
            http::Request::get(target.as_str()).body(Bytes::new()).map_err(|e| bad(&e.to_string()))?;
        let answer = self
            .transport
            .send(request)
            .await
            .map_err(|source| Error { outcome: Outcome::NotDone, ..Error::transport(what, source) })?;
        if answer.status().is_success() {
            Ok(answer.into_body())
        } else {
            Err(bad(&format!("the media host answers HTTP {}", answer.status().as_u16())))
        }
    }
}

pub(crate) fn unreadable(what: &str, why: String) -> Error {
    Error::new(what, ErrorKind::Unavailable(why))
}
