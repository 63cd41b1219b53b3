//! What every fake tracker offers beside its wire: people's hands on it, and a plain view for those who check.
//!
//! A fake is a state model behind a thin wire layer with the real shapes, paging, errors and webhooks. The
//! simulation, the contract suite, the demo and the bench all work on fakes through [`FakeSite`].

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;

use crate::{Account, Comment, Marker, TicketState, Transport, TransportError};

/// Where a fake takes its time from.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A fake tracker site.
pub trait FakeSite: Send + Sync {
    /// Its HTTP side.
    fn router(&self) -> axum::Router;

    /// A person does something to a ticket, as in the tracker's own pages: history and webhooks follow.
    /// `ticket` is the immutable id. The error says why a real site would not let them.
    fn act(&self, by: &Account, ticket: &str, act: Act) -> Result<(), String>;

    /// A person opens a ticket by hand; gives its immutable id.
    fn open_by_hand(&self, by: &Account, project: &str, title: &str, text: &str) -> Result<String, String>;

    /// Every ticket there is, deleted ones left out, oldest first.
    fn tickets(&self) -> Vec<FakeTicket>;

    /// The webhook deliveries that came up since the last call, in order, as they would be posted.
    fn take_deliveries(&self) -> Vec<FakeDelivery>;

    /// The reactions to a comment (by its id), as the site names them: `+1`. Empty on a site that has none.
    fn reactions(&self, _comment: &str) -> Vec<String> {
        Vec::new()
    }

    /// Every pull request there is, by number. Empty on a site that has none.
    fn pulls(&self) -> Vec<FakePull> {
        Vec::new()
    }

    /// Requests answered so far, as `GET /repos/{owner}/{repo}/issues 304`, oldest first.
    fn requests(&self) -> Vec<String>;

    /// Whether a search now shows the latest writes; `false` makes it stale until set back.
    fn set_search_fresh(&self, fresh: bool);
}

/// What a person can do to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Give it another title.
    Retitle(String),
    /// Set or clear its due date: the field where there is one, else the due line of our block.
    SetDue(Option<NaiveDate>),
    /// Bring it to a state, by the usual status of that name (GitHub: close, reopen, label).
    SetState(TicketState),
    /// Assign it, or nobody.
    Assign(Option<Account>),
    /// Add a label.
    AddLabel(String),
    /// Take a label away.
    RemoveLabel(String),
    /// Replace the whole text (GitHub: Markdown; Jira: plain paragraphs), our block with it.
    ReplaceText(String),
    /// Replace what stands outside our block.
    EditOutside(String),
    /// Write a comment.
    Comment(String),
    /// Change a comment (by its id), as whoever acts.
    EditComment(String, String),
    /// Delete a comment.
    DeleteComment(String),
    /// Attach a file.
    Attach {
        /// Name.
        name: String,
        /// Content.
        bytes: Bytes,
    },
    /// Close it by merging a pull request that names it (GitHub only): number of the pull request, merge sha.
    CloseByPullRequest(u64, String),
    /// Move it to another project or repository.
    Move(String),
    /// Delete it.
    Delete,
}

/// A plain view of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeTicket {
    /// Immutable id.
    pub id: String,
    /// Key or number.
    pub key: String,
    /// Project or repository.
    pub project: String,
    /// Path of its page on this site.
    pub path: String,
    /// Title.
    pub title: String,
    /// Whole text as plain text or Markdown.
    pub text: String,
    /// Our block in it.
    pub block: Option<String>,
    /// Status name.
    pub status: String,
    /// What the default state table reads it as.
    pub state: TicketState,
    /// Due field.
    pub due: Option<NaiveDate>,
    /// Assignee.
    pub assignee: Option<Account>,
    /// Labels.
    pub labels: BTreeSet<String>,
    /// Marker, if it has one.
    pub marker: Option<Marker>,
    /// Comments, oldest first.
    pub comments: Vec<Comment>,
    /// Who made it.
    pub author: Account,
    /// Last change.
    pub updated: DateTime<Utc>,
}

/// A plain view of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakePull {
    /// Number, from the same row as tickets'.
    pub number: u64,
    /// Repository.
    pub project: String,
    /// Path of its page on this site.
    pub path: String,
    /// Title.
    pub title: String,
    /// Text.
    pub text: String,
    /// Who opened it.
    pub author: Account,
    /// When it was merged, by whom and as which commit, if it was.
    pub merged: Option<(DateTime<Utc>, Account, String)>,
    /// Checks on its head: name and conclusion.
    pub checks: Vec<(String, String)>,
}

/// A webhook delivery as it would be posted.
#[derive(Debug, Clone)]
pub struct FakeDelivery {
    /// Headers, signature included.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// A transport straight into a router, without sockets.
#[derive(Clone)]
pub struct RouterTransport(pub axum::Router);

/// As the real transport caps what it reads.
const ANSWER_CAP: usize = 8 * 1024 * 1024;

#[async_trait]
impl Transport for RouterTransport {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let request = request.map(axum::body::Body::from);
        let answer = match self.0.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_CAP)
            .collect()
            .await
            .map_err(|_| TransportError::TooLarge { cap: ANSWER_CAP as u64 })?
            .to_bytes();
        Ok(http::Response::from_parts(parts, body))
    }
}
