//! What a ticket proves, as evidence: its transition to done, what is attached to it, what somebody says in it.
//!
//! The bytes go to the evidence store before the row that names them.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use connector_api::{Attachment, Closer, ErrorKind, Status, TicketRef};
use serde_json::json;

use super::mapping::state_name;
use super::{Kept, SyncError, World};
use crate::register::decide::NewEvidence;
use crate::register::journal::canonical;
use crate::register::{Actor, EvidenceKind, EvidenceOf, MilestoneNumber};

/// A transition to done, with all that came with it.
pub struct Closing<'a> {
    /// Of which milestone.
    pub milestone: MilestoneNumber,
    /// Connection.
    pub connection: &'a str,
    /// The ticket.
    pub ticket: &'a TicketRef,
    /// Id of the history entry.
    pub entry: &'a str,
    /// From which status.
    pub from: Option<&'a Status>,
    /// To which status.
    pub to: &'a Status,
    /// What closed it.
    pub closer: Option<&'a Closer>,
    /// Who did it.
    pub by: &'a Actor,
    /// When, by the tracker's clock.
    pub at: DateTime<Utc>,
}

/// The proofs of a transition to done: the transition itself; a merged pull request; results of checks.
pub async fn of_closing(world: &World, closing: &Closing<'_>) -> Result<Vec<NewEvidence>, SyncError> {
    let mut authors = vec![closing.by.clone()];
    if let Some(closer) = closing.closer {
        for account in &closer.authors {
            let author = world.settings.actor(closing.connection, Some(account));
            if !authors.contains(&author) {
                authors.push(author);
            }
        }
    }
    let closer = closing.closer.cloned().unwrap_or_default();
    let mut details = BTreeMap::from([
        ("ticket".to_owned(), closing.ticket.key.clone()),
        ("url".to_owned(), closing.ticket.url.clone()),
        ("to".to_owned(), closing.to.name.clone()),
        ("to_state".to_owned(), state_name(connector_api::TicketState::Done).to_owned()),
        ("history".to_owned(), closing.entry.to_owned()),
    ]);
    let mut detail = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            details.insert(name.to_owned(), value);
        }
    };
    detail("from", closing.from.map(|status| status.name.clone()));
    detail("resolution", closing.to.resolution.clone());
    detail("commit", closer.commit.clone());
    detail("pull_request", closer.pull_request.clone());
    detail("merge_sha", closer.merge_sha.clone());
    let record = json!({
        "connection": closing.connection,
        "by": closing.by.to_string(),
        "at": crate::register::journal::written(closing.at),
        "checks": closer.checks,
        "authors": authors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "details": details,
    });
    let mut proofs = vec![
        kept(
            world,
            Proof {
                of: EvidenceOf::Milestone(closing.milestone),
                kind: EvidenceKind::Transition,
                title: format!("{} set to {} by {}", closing.ticket.key, closing.to.name, closing.by.shown()),
                bytes: canonical(&record).into(),
                media_type: "application/json".to_owned(),
                authors: authors.clone(),
                observed: closing.at,
                source: format!("{} {}", closing.connection, closing.entry),
                details: details.clone(),
            },
        )
        .await?,
    ];
    if let Some(pull_request) = &closer.pull_request {
        let bytes = canonical(&json!({
            "pull_request": pull_request,
            "merge_sha": closer.merge_sha,
            "authors": authors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
        proofs.push(
            kept(
                world,
                Proof {
                    of: EvidenceOf::Milestone(closing.milestone),
                    kind: EvidenceKind::PullRequestReview,
                    title: format!("{} closed by merging {pull_request}", closing.ticket.key),
                    bytes: bytes.into(),
                    media_type: "application/json".to_owned(),
                    authors: authors.clone(),
                    observed: closing.at,
                    source: format!("{} {} pull request", closing.connection, closing.entry),
                    details: details.clone(),
                },
            )
            .await?,
        );
    }
    if !closer.checks.is_empty() {
        proofs.push(
            kept(
                world,
                Proof {
                    of: EvidenceOf::Milestone(closing.milestone),
                    kind: EvidenceKind::TestOutput,
                    title: format!("{} checks on the closing commit", closer.checks.len()),
                    bytes: closer.checks.join("\n").into(),
                    media_type: "text/plain".to_owned(),
                    authors,
                    observed: closing.at,
                    source: format!("{} {} checks", closing.connection, closing.entry),
                    details,
                },
            )
            .await?,
        );
    }
    Ok(proofs)
}

/// An attachment; its bytes only within the cap, else it is named without them.
pub async fn of_attachment(
    world: &World,
    connection: &str,
    milestone: MilestoneNumber,
    ticket: &TicketRef,
    attachment: &Attachment,
) -> Result<NewEvidence, SyncError> {
    let cap = world.settings.attachment_cap;
    let bytes = if attachment.size > cap {
        None
    } else {
        match world.connector(connection)?.attachment_bytes(ticket, attachment, cap).await {
            Ok(bytes) => Some(bytes),
            Err(error) => match error.kind {
                // Named, not held: the engineer sees in the answer that it proves nothing yet.
                ErrorKind::TooLarge { .. }
                | ErrorKind::NotFound
                | ErrorKind::Forbidden(_)
                | ErrorKind::Unsupported(_) => None,
                ErrorKind::RateLimited { .. }
                | ErrorKind::Unavailable(_)
                | ErrorKind::Auth(_)
                | ErrorKind::Conflict
                | ErrorKind::Invalid(_) => return Err(error.into()),
            },
        }
    };
    let author = world.settings.actor(connection, attachment.author.as_ref());
    let kind = if attachment.media_type.starts_with("image/") {
        EvidenceKind::Screenshot
    } else {
        EvidenceKind::Document
    };
    let mut details = BTreeMap::from([
        ("ticket".to_owned(), ticket.key.clone()),
        ("file".to_owned(), attachment.name.clone()),
        ("url".to_owned(), attachment.url.clone()),
    ]);
    if bytes.is_none() {
        details.insert("not_held".to_owned(), format!("larger than {cap} bytes, or not to be fetched"));
    }
    let kept = match &bytes {
        Some(bytes) => Some(world.keep(bytes.clone()).await?),
        None => None,
    };
    let (digest, redacted) = kept.map(|kept| (kept.digest, kept.redacted)).unzip();
    Ok(NewEvidence {
        of: EvidenceOf::Milestone(milestone),
        kind,
        title: format!("{} attached to {}", attachment.name, ticket.key),
        digest,
        size: bytes.as_ref().map_or(attachment.size, |bytes| bytes.len() as u64),
        media_type: attachment.media_type.clone(),
        authors: vec![author],
        observed: attachment.created,
        source: format!("{connection} attachment {}", attachment.id),
        details,
        redacted: redacted.flatten(),
    })
}

/// What somebody gives as evidence in a comment: words are kept; a URL is a reference that is never fetched and
/// satisfies no kind.
pub async fn of_words(
    world: &World,
    connection: &str,
    milestone: MilestoneNumber,
    comment: &connector_api::Comment,
    words: &str,
) -> Result<NewEvidence, SyncError> {
    let author = world.settings.actor(connection, Some(&comment.author));
    let source = format!("{connection} comment {}", comment.id);
    let reference = words.starts_with("https://") || words.starts_with("http://");
    let proof = Proof {
        of: EvidenceOf::Milestone(milestone),
        kind: EvidenceKind::Document,
        title: if reference {
            format!("reference to {words}")
        } else {
            format!("told by {}", author.shown())
        },
        bytes: Bytes::copy_from_slice(words.as_bytes()),
        media_type: "text/plain".to_owned(),
        authors: vec![author],
        observed: comment.updated,
        source,
        details: BTreeMap::from([(if reference { "url" } else { "text" }.to_owned(), words.to_owned())]),
    };
    if reference { Ok(proof.without_bytes()) } else { kept(world, proof).await }
}

/// A proof with its bytes.
struct Proof {
    of: EvidenceOf,
    kind: EvidenceKind,
    title: String,
    bytes: Bytes,
    media_type: String,
    authors: Vec<Actor>,
    observed: DateTime<Utc>,
    source: String,
    details: BTreeMap<String, String>,
}

impl Proof {
    fn without_bytes(self) -> NewEvidence {
        NewEvidence {
            of: self.of,
            kind: self.kind,
            title: self.title,
            digest: None,
            size: 0,
            media_type: self.media_type,
            authors: self.authors,
            observed: self.observed,
            source: self.source,
            details: self.details,
            redacted: None,
        }
    }
}

async fn kept(world: &World, proof: Proof) -> Result<NewEvidence, SyncError> {
    let Kept { digest, redacted } = world.keep(proof.bytes.clone()).await?;
    let size = proof.bytes.len() as u64;
    Ok(NewEvidence { digest: Some(digest), size, redacted, ..proof.without_bytes() })
}
