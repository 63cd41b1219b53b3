//! What poam-bridge asks of a tracker, in words that no tracker owns.
//!
//! A [`Connector`] turns these calls into requests of one kind of tracker and their answers back; it holds no
//! state that matters, never sleeps and never retries. Every request goes through a [`Transport`], so that the
//! same connector code runs against the real site, against a fake, and under injected faults.
//!
//! | file | what |
//! |---|---|
//! | [`ticket`] | a ticket as observed, its status, comments, attachments |
//! | [`due`] | the due line of our block, where a site has no field for the date |
//! | [`log`] | the entries of a ticket's history: taken once each, by their ids |
//! | [`mod@write`] | what we ask to be written: a new ticket, a patch, a comment; the marker |
//! | [`webhook`] | a delivery, verified and read as a hint |
//! | [`error`] | kinds of failure: the kind decides what happens next |
//! | [`transport`] | one HTTP exchange |
//! | [`limit`] | what a site allows, as data |
//! | `fake` | what every fake tracker offers to those who drive and check it (feature `fakes`) |
//! | `contract` | the suite that every connector passes against its fake (feature `contract`) |

#[cfg(feature = "contract")]
pub mod contract;
pub mod due;
pub mod error;
#[cfg(feature = "fakes")]
pub mod fake;
pub mod limit;
pub mod log;
pub mod ticket;
pub mod transport;
pub mod webhook;
pub mod write;

pub use error::{Error, ErrorKind, Outcome, Result};
pub use limit::{Bucket, Charge};
pub use log::{Closer, HistoryEntry, HistoryKind, LogRequest, TicketLog};
pub use ticket::{
    Account, Attachment, Comment, Description, Fetched, Glance, ScheduledEnd, Status, StatusCategory, Ticket,
    TicketRef,
};
pub use transport::{Transport, TransportError};
pub use webhook::{Delivery, WebhookError};
pub use write::{Block, Made, Marker, NewTicket, Patch, StateChange, TicketState};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// One kind of tracker, reached through one connection (an account on a site).
///
/// Optional powers default to [`ErrorKind::Unsupported`]; the caller falls back.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What this site can do, as far as it is known without asking: never fails, never sends.
    fn capabilities(&self) -> Capabilities;

    /// Asks the site who we are and whether each of `projects` can be read and written as configured.
    ///
    /// Reports every problem at once. An error means that the site could not be asked at all.
    async fn check(&self, projects: &[ProjectSpec]) -> Result<CheckReport>;

    /// The account that this connection writes as. Asks the site once and remembers the answer.
    async fn account(&self) -> Result<Account>;

    /// When the credentials stop working, as far as the site has told so far.
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Makes one ticket with its marker, in one request. On [`Outcome::Unknown`] it may exist: look for its marker
    /// past the consistency window before trying again.
    async fn create(&self, new: &NewTicket) -> Result<Made>;

    /// Makes several tickets in as few requests as the site allows: one answer each, in the order asked.
    async fn create_many(&self, new: &[NewTicket]) -> Vec<Result<Made>> {
        let mut made = Vec::with_capacity(new.len());
        for new in new {
            made.push(self.create(new).await);
        }
        made
    }

    /// Every ticket of `project` that carries `marker`, oldest first, whoever made it.
    async fn find_marker(&self, project: &ProjectSpec, marker: &Marker) -> Result<Vec<Ticket>>;

    /// The tickets as they are now, in the order asked, with as few requests as the site allows.
    async fn fetch(&self, tickets: &[TicketRef]) -> Result<Vec<Fetched>>;

    /// The ticket that people call `key` in `project`, as somebody named it; none where there is none, or none that we
    /// may see.
    async fn ticket_by_key(&self, _project: &ProjectSpec, _key: &str) -> Result<Option<Ticket>> {
        Err(Error::unsupported("look-ups by key"))
    }

    /// The streams that must be polled to see every change in `projects`: one per connection, or one per project.
    fn streams(&self, projects: &[ProjectSpec]) -> Vec<Stream>;

    /// Which of these tickets are still there, for the daily sweep, in as few requests as the site allows: one answer
    /// each, in the order asked. Cheaper than [`Connector::fetch`] where a site lists tickets without their content.
    async fn survey(&self, tickets: &[TicketRef]) -> Result<Vec<Glance>> {
        let found = self.fetch(tickets).await?;
        Ok(found.into_iter().map(Glance::from).collect())
    }

    /// One poll of a stream, all pages read. An error means that nothing may be concluded and the cursor stays where
    /// it was.
    async fn changed_since(&self, stream: &Stream, from: &PollFrom<'_>) -> Result<Changed>;

    /// Asks the site to send again the webhooks that it could not deliver since `since`; gives how many.
    async fn redeliver(&self, _since: DateTime<Utc>) -> Result<u32> {
        Err(Error::unsupported("redelivery of webhooks"))
    }

    /// The history, comments and attachments of tickets, with as few requests as the site allows. A ticket that is
    /// not there, or not to be seen by us, has no log in the answer and holds back no other's.
    async fn read_log(&self, requests: &[LogRequest]) -> Result<Vec<TicketLog>>;

    /// Carries out `patch` on the ticket, last seen as `seen`: everything in one request, except that a change of
    /// state may need one more where the site has transitions. Gives back the ticket as it is afterwards.
    async fn apply(&self, seen: &Ticket, patch: &Patch) -> Result<Ticket>;

    /// Writes a comment that carries `marker` out of readers' sight. `body` is Markdown.
    async fn comment(&self, ticket: &TicketRef, body: &str, marker: &str) -> Result<Comment>;

    /// Answers a comment with a small sign of success instead of words.
    async fn react(&self, _ticket: &TicketRef, _comment: &str) -> Result<()> {
        Err(Error::unsupported("reactions"))
    }

    /// The bytes of an attachment; refused with [`ErrorKind::TooLarge`] above `cap` bytes, without reading it all.
    async fn attachment_bytes(
        &self,
        _ticket: &TicketRef,
        _attachment: &Attachment,
        _cap: u64,
    ) -> Result<Bytes> {
        Err(Error::unsupported("attachments"))
    }

    /// Checks a delivery's signature against any of `secrets` (several while one is being rotated) in constant
    /// time, then reads it. What it says is a hint where to look, never data.
    fn read_webhook(
        &self,
        headers: &http::HeaderMap,
        body: &[u8],
        secrets: &[SecretString],
    ) -> std::result::Result<Delivery, WebhookError>;
}

/// Something that the site may refuse, with the plain fallback that is used then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Tickets have a due date field of their own; otherwise the due line in the managed block carries it.
    pub due_field: bool,
    /// The history names every edit of the due date field; otherwise each observed value counts as a move by
    /// `unknown`.
    pub due_history: bool,
    /// The same of the due line in the managed block.
    pub line_history: bool,
    /// A comment can be answered with a reaction; otherwise with one line.
    pub reactions: bool,
    /// How long after a write a search may still miss it, in seconds.
    pub consistency_window_s: u32,
}

impl Capabilities {
    /// Whether the history tells every edit of the text with what stood there before: an edit that comes between our
    /// read and our write then shows there. Sites whose history has the due date, in a field or on its line, tell it.
    pub fn text_history(&self) -> bool {
        self.due_history || self.line_history
    }
}

/// A tracker as the connector must know it: which project, and where its fields live.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectSpec {
    /// `owner/repository`, or a Jira project key.
    pub project: String,
    /// Jira issue type by name; unused by GitHub.
    pub issue_type: Option<String>,
    /// Where the due date lives: `duedate`, `customfield_10042`; none means the managed block's line.
    pub due_field: Option<String>,
    /// Fields that the site demands on creation, by id, as configured.
    pub extra_fields: std::collections::BTreeMap<String, serde_json::Value>,
}

/// What `check` found.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// Who we are there.
    pub account: Option<Account>,
    /// Name and version of the site, as it says.
    pub site: String,
    /// Each missing permission or wrong name, in full sentences that say what to do.
    pub problems: Vec<String>,
    /// What will work in a plainer way, and how.
    pub notes: Vec<String>,
    /// The projects that anyone can read, as far as the site tells.
    pub public_projects: std::collections::BTreeSet<String>,
}

/// One thing to poll. `name` is stable and keys the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// `all` for a whole connection, or the project's name.
    pub name: String,
    /// The projects that it covers.
    pub projects: Vec<ProjectSpec>,
}

/// Where a poll starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollFrom<'a> {
    /// As this connector wrote it at the end of the last poll; none on the first.
    pub cursor: Option<&'a str>,
    /// Where the first poll starts.
    pub since: DateTime<Utc>,
    /// Immutable ids of tickets that we wrote lately, newest first: a site whose search lags is asked to show these as
    /// they are.
    pub written: &'a [String],
}

impl<'a> PollFrom<'a> {
    /// Goes on at `cursor`, or starts at `since`, with nothing written lately.
    pub fn new(cursor: Option<&'a str>, since: DateTime<Utc>) -> Self {
        Self { cursor, since, written: &[] }
    }
}

/// What a poll of a stream found.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// Tickets that carry our label and changed; each whole, so that it can be used as the observation.
    pub tickets: Vec<Ticket>,
    /// Where the next poll goes on; opaque to all but the connector that wrote it.
    pub cursor: String,
    /// The site's own clock when it answered, from its `Date` header.
    pub server_time: Option<DateTime<Utc>>,
}

/// The label that every ticket of ours carries, so that one search finds them all.
pub const LABEL: &str = "poam";
