//! Questions to GitHub's GraphQL interface: many tickets in one request, with what REST does not tell.
//!
//! Not every site has it, or knows every field that we ask for. What such a site answers is remembered, and the REST
//! interface is used instead.

use std::sync::atomic::Ordering;

use connector_api::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::GitHub;
use crate::limits;
use crate::request::{Acting, Call, Site};
use crate::wire::shown;

/// Nodes of one question; GitHub takes no more ids at once, nor answers more of them in time.
const AT_ONCE: usize = 100;

/// A question by its name in its text.
pub(crate) struct Query {
    name: &'static str,
    text: &'static str,
}

/// Tickets, whole.
pub(crate) const TICKETS: Query = Query { name: "Tickets", text: include_str!("graphql/tickets.graphql") };
/// Whether tickets are there, and when they changed.
pub(crate) const GLANCES: Query = Query { name: "Glances", text: include_str!("graphql/glances.graphql") };
/// What happened to tickets.
pub(crate) const LOGS: Query = Query { name: "Logs", text: include_str!("graphql/logs.graphql") };

/// What a question gave.
enum Reply<T> {
    /// All that was asked for; what is not there is null.
    Whole(T),
    /// Some of it could not be given, as it says.
    Partial(String),
    /// Nothing: it was too much at once, or the interface is down.
    Overloaded(String),
    /// This site cannot answer such questions.
    Lacking(String),
}

/// A node that was asked for.
pub(crate) enum Node<T> {
    /// As it is.
    Shown(T),
    /// There is none, or none that we may see.
    Absent,
    /// The site fails on this one.
    Unreadable,
}

#[derive(Deserialize)]
struct Body<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<Option<T>>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Vec<Value>,
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    code: Option<String>,
}

impl Problem {
    fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    fn is_limit(&self) -> bool {
        self.is("RATE_LIMITED") || self.message.to_ascii_lowercase().contains("secondary rate limit")
    }

    /// Whether the answer is good without it: what is not there is null, and what closed a ticket may be out of sight
    /// for us, as it may be through REST.
    fn is_harmless(&self) -> bool {
        self.is("NOT_FOUND") || (self.is("FORBIDDEN") && self.path.iter().any(|step| step == "closer"))
    }

    /// Whether the site does not understand the question, or does not answer it to this token at all.
    fn is_lack(&self) -> bool {
        self.is("INSUFFICIENT_SCOPES") || self.extensions.as_ref().is_some_and(|more| more.code.is_some())
    }
}

impl Site {
    /// `https://api.github.com/graphql`, or `https://HOST/api/graphql` of an Enterprise Server.
    fn graphql_url(&self) -> Result<Url> {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        match path.strip_suffix("/api/v3") {
            Some(before) => url.set_path(&format!("{before}/api/graphql")),
            None => return self.url(&["graphql"]),
        }
        Ok(url)
    }

    async fn query<T: DeserializeOwned>(
        &self,
        what: &str,
        owner: &str,
        query: &Query,
        variables: &Value,
    ) -> Result<Reply<T>> {
        let body = json!({ "query": query.text, "operationName": query.name, "variables": variables });
        let call = Call::question(what, self.graphql_url()?, body).acting(Acting::On(owner.to_owned()));
        let answer = self.send(&call.accept(&[403, 404, 501, 502, 504])).await?;
        match answer.status.as_u16() {
            403 | 404 | 501 => return Ok(Reply::Lacking(format!("it answers {}", answer.status))),
            502 | 504 => return Ok(Reply::Overloaded(format!("it answers {}", answer.status))),
            _ => {}
        }
        let body: Body<T> = answer.json()?;
        let said = body.errors.iter().map(|problem| shown(&problem.message)).collect::<Vec<_>>().join("; ");
        if body.errors.iter().any(Problem::is_limit) {
            let kind = limits::refusal(&answer, &format!("rate limit: {said}"), (self.now)());
            return Err(Error::new(what, kind.unwrap_or(ErrorKind::Unavailable(said))));
        }
        Ok(match body.data {
            Some(data) if body.errors.iter().all(Problem::is_harmless) => Reply::Whole(data),
            Some(_) => Reply::Partial(said),
            None if body.errors.iter().any(Problem::is_lack) => Reply::Lacking(said),
            // A question that took too long.
            None => Reply::Overloaded(said),
        })
    }
}

impl GitHub {
    /// The nodes of these ids, in their order: up to 100 a request, and fewer where the site cannot give so much.
    /// None where the site has no such interface. `variables` are those beside the ids.
    pub(crate) async fn nodes<T: DeserializeOwned + Send>(
        &self,
        what: &str,
        owner: &str,
        query: &Query,
        ids: &[String],
        variables: impl Fn() -> Value + Sync + Send,
    ) -> Result<Option<Vec<Node<T>>>> {
        if self.without_graphql.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut shown = Vec::with_capacity(ids.len());
        let mut open: Vec<&[String]> = ids.chunks(AT_ONCE).rev().collect();
        while let Some(chunk) = open.pop() {
            let mut asked = variables();
            if let Some(asked) = asked.as_object_mut() {
                asked.insert("ids".to_owned(), json!(chunk));
            }
            let reply = match self.site.query::<Nodes<T>>(what, owner, query, &asked).await {
                Err(Error { kind: ErrorKind::TooLarge { cap }, .. }) => {
                    Reply::Partial(format!("the answer is larger than {cap} bytes"))
                }
                reply => reply?,
            };
            match reply {
                Reply::Whole(Nodes { nodes }) if nodes.len() == chunk.len() => {
                    shown.extend(nodes.into_iter().map(|node| node.map_or(Node::Absent, Node::Shown)));
                }
                Reply::Lacking(said) => {
                    tracing::info!(%said, "the site has no GraphQL that we can use: REST takes its place");
                    self.without_graphql.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                Reply::Whole(_) | Reply::Partial(_) | Reply::Overloaded(_) if chunk.len() > 1 => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    open.extend([second, first]);
                }
                Reply::Overloaded(said) => return Err(Error::new(what, ErrorKind::Unavailable(said))),
                Reply::Partial(said) => {
                    tracing::warn!(node = chunk.first(), said, "the site cannot show one of its tickets");
                    shown.push(Node::Unreadable);
                }
                Reply::Whole(_) => {
                    let said = "it answers more or less than was asked".to_owned();
                    return Err(Error::new(what, ErrorKind::Unavailable(said)));
                }
            }
        }
        Ok(Some(shown))
    }
}
