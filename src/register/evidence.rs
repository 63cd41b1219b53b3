//! Evidence: a stored, hashed proof.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Actor, ItemNumber, MilestoneNumber};

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// Checks and takes one that is written out.
    pub fn new(text: &str) -> Result<Self, String> {
        let fine = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fine {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} is no SHA-256 digest (64 lower-case hexadecimal digits)"))
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// What a proof is, as assessors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// The ticket's own transition to done: from, to, who, when, closing commit or pull request.
    Transition,
    /// A change request or ticket of the change process.
    ChangeRequest,
    /// A difference of configuration.
    ConfigurationDiff,
    /// A record of a deployment.
    DeploymentRecord,
    /// A reviewed and merged pull request.
    PullRequestReview,
    /// A new scan.
    Rescan,
    /// Output of a test or check.
    TestOutput,
    /// A document.
    Document,
    /// A picture of a screen.
    Screenshot,
    /// A person's word that it is so.
    SignOff,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Transition,
        Self::ChangeRequest,
        Self::ConfigurationDiff,
        Self::DeploymentRecord,
        Self::PullRequestReview,
        Self::Rescan,
        Self::TestOutput,
        Self::Document,
        Self::Screenshot,
        Self::SignOff,
    ];

    /// Its name in files, commands and tickets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::ChangeRequest => "change-request",
            Self::ConfigurationDiff => "configuration-diff",
            Self::DeploymentRecord => "deployment-record",
            Self::PullRequestReview => "pull-request-review",
            Self::Rescan => "rescan",
            Self::TestOutput => "test-output",
            Self::Document => "document",
            Self::Screenshot => "screenshot",
            Self::SignOff => "sign-off",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("{name:?} is no evidence kind; known are {}", known.join(", "))
        })
    }
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceOf {
    /// That a milestone's work was done.
    Milestone(MilestoneNumber),
    /// Something about an item.
    Item(ItemNumber),
    /// Where data came from: an imported file.
    Source(String),
}

/// One proof. Its bytes are in the evidence store under their digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Numbered per system.
    pub number: u32,
    /// What it proves.
    pub of: EvidenceOf,
    /// Its kind.
    pub kind: EvidenceKind,
    /// One line that says what it is.
    pub title: String,
    /// Of its bytes; none for a reference whose bytes we do not hold.
    pub digest: Option<Digest>,
    /// How many bytes.
    pub size: u64,
    /// Their media type.
    pub media_type: String,
    /// Evidence authors: whoever moved the ticket to done, wrote or merged the change, or attached the proof.
    pub authors: Vec<Actor>,
    /// When what it shows was so.
    pub observed: DateTime<Utc>,
    /// When it was recorded.
    pub recorded: DateTime<Utc>,
    /// Ticket history id, command or import it came by; unique per ticket, so that none is taken twice.
    pub source: String,
    /// More about it, in plain words by name: `from`, `to`, `resolution`, `merge_sha`, `url`.
    pub details: BTreeMap<String, String>,
    /// Why its bytes were removed, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<String>,
}

impl Evidence {
    /// Whether it proves something by itself: its bytes are or were held here. A ticket's own transition is recorded in
    /// words and needs none; a mere reference proves nothing.
    pub fn is_held(&self) -> bool {
        self.digest.is_some() || self.kind == EvidenceKind::Transition
    }
}
