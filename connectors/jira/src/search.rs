//! Searches: all pages of one, whatever its site calls a page.

use chrono::{DateTime, Utc};
use connector_api::{Error, ErrorKind, Result};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::request::{Answer, Call, server_time};
use crate::{Jira, wire};

/// How often a list may shift under our reading before we give it up.
const RESTARTS: usize = 3;

/// What is searched for, and how much of it is wanted.
pub(crate) struct Query<'a> {
    /// What it is for: the beginning of every error about it.
    pub(crate) what: &'a str,
    pub(crate) jql: String,
    pub(crate) fields: &'a [String],
    /// Issue properties to come along (Cloud).
    pub(crate) properties: &'a [&'static str],
    /// Issues asked for per page; a site may give fewer.
    pub(crate) page: usize,
    /// Ids of issues that are to be judged as they are, however far the index lags (Cloud; at most 50).
    pub(crate) reconcile: &'a [u64],
}

/// A finished search: all its pages.
pub(crate) struct Found<T> {
    pub(crate) issues: Vec<T>,
    /// The site's time at the first page.
    pub(crate) at: Option<DateTime<Utc>>,
}

/// Where the next page begins.
#[derive(Clone, Copy)]
enum Start<'a> {
    Token(Option<&'a str>),
    /// At this place in the list.
    At(usize),
}

impl Jira {
    /// All pages of a search.
    pub(crate) async fn search<T: DeserializeOwned + wire::Identified>(
        &self,
        query: &Query<'_>,
    ) -> Result<Found<T>> {
        if self.cloud() { self.search_by_token(query).await } else { self.search_by_place(query).await }
    }

    async fn search_by_token<T: DeserializeOwned>(&self, query: &Query<'_>) -> Result<Found<T>> {
        let mut found = Found { issues: Vec::new(), at: None };
        let mut token: Option<String> = None;
        let mut size = query.page;
        loop {
            let answer = self.page(query, Start::Token(token.as_deref()), &mut size).await?;
            if answer.status == StatusCode::BAD_REQUEST && token.is_some() {
                // It took the same search before: what it does not take is its own token.
                let why = format!("it does not go on with its own list: {}", answer.refusal().text());
                return Err(Error::new(query.what, ErrorKind::Unavailable(why)));
            }
            found.at = found.at.or_else(|| server_time(&answer.headers));
            let page: wire::SearchPage<T> = answer.json()?;
            found.issues.extend(page.issues);
            token = page.next_page_token;
            if token.is_none() || page.is_last == Some(true) {
                return Ok(found);
            }
        }
    }

    /// Data Center counts places in a list that is made anew for each page. So each page begins with the last issue of
    /// the one before: where that is another one, the list has shifted, and an issue may have been skipped.
    async fn search_by_place<T: DeserializeOwned + wire::Identified>(
        &self,
        query: &Query<'_>,
    ) -> Result<Found<T>> {
        let mut at = None;
        let mut size = query.page;
        'anew: for _ in 0..RESTARTS {
            let mut issues: Vec<T> = Vec::new();
            loop {
                let start = issues.len().saturating_sub(1);
                let answer = self.page(query, Start::At(start), &mut size).await?;
                at = at.or_else(|| server_time(&answer.headers));
                let page: wire::SearchPage<T> = answer.json()?;
                let mut fresh = page.issues.into_iter();
                if let Some(last) = issues.last()
                    && fresh.next().is_none_or(|first| first.id() != last.id())
                {
                    continue 'anew;
                }
                let before = issues.len();
                issues.extend(fresh);
                if page.total.is_none_or(|total| issues.len() >= total) {
                    return Ok(Found { issues, at });
                }
                if issues.len() == before {
                    continue 'anew;
                }
            }
        }
        let why = "its list keeps shifting while it is read".to_owned();
        Err(Error::new(query.what, ErrorKind::Unavailable(why)))
    }

    /// One page; a smaller one where it would be larger than we read.
    async fn page(&self, query: &Query<'_>, start: Start<'_>, size: &mut usize) -> Result<Answer> {
        loop {
            match self.page_of(query, start, *size).await {
                // Two at least: the first repeats what came before.
                Err(Error { kind: ErrorKind::TooLarge { .. }, .. }) if *size > 2 => {
                    *size = (*size / 4).max(2);
                }
                answer => return answer,
            }
        }
    }

    async fn page_of(&self, query: &Query<'_>, start: Start<'_>, size: usize) -> Result<Answer> {
        let mut body = json!({"jql": query.jql, "fields": query.fields, "maxResults": size});
        let path = match start {
            Start::Token(token) => {
                if let Some(token) = token {
                    body["nextPageToken"] = json!(token);
                }
                if !query.properties.is_empty() && !self.memory().no_properties {
                    body["properties"] = json!(query.properties);
                }
                if !query.reconcile.is_empty() {
                    body["reconcileIssues"] = json!(query.reconcile);
                }
                "/search/jql"
            }
            Start::At(place) => {
                body["startAt"] = json!(place);
                "/search"
            }
        };
        let call = Call::read(query.what, Method::POST, &self.api(path), &[]).body(body.clone());
        let answer = self.send(call).await?;
        if let (StatusCode::METHOD_NOT_ALLOWED, Start::At(place)) = (answer.status, start) {
            let call = Call::read(query.what, Method::GET, &self.api("/search"), &[])
                .query("jql", query.jql.clone())
                .query("fields", query.fields.join(","))
                .query("startAt", place.to_string())
                .query("maxResults", size.to_string());
            return self.send(call).await;
        }
        let unknown = answer.status == StatusCode::NOT_IMPLEMENTED;
        let refused = unknown || answer.status == StatusCode::BAD_REQUEST;
        let named = answer.refusal().text().to_lowercase().contains("propert");
        if body.get("properties").is_some() && (named && refused || unknown) {
            self.memory().no_properties |= named;
            if let Some(body) = body.as_object_mut() {
                body.remove("properties");
            }
            return self.send(Call::read(query.what, Method::POST, &self.api(path), &[]).body(body)).await;
        }
        Ok(answer)
    }
}

/// A string in JQL.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_jql_cannot_break_out() {
        assert_eq!(quote(r#"A" OR project = "B\"#), r#""A\" OR project = \"B\\""#);
    }
}
