//! What we ask to be written.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{Account, ProjectSpec, TicketRef};

/// Marks a ticket as one that this installation made for one link. It counts only while the ticket is being made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Marker {
    /// The installation that made it, so that two installations sharing a project never take each other's.
    pub installation: String,
    /// The link it was made for: 32 hexadecimal digits.
    pub link: String,
}

impl Marker {
    /// The label that carries it where a search must find it: `poam-` and the first 12 digits of the link.
    pub fn label(&self) -> String {
        format!("poam-{}", self.link.get(..12).unwrap_or(&self.link))
    }

    /// The hidden line that carries it in a text: `poam:INSTALLATION/LINK`.
    pub fn line(&self) -> String {
        format!("poam:{}/{}", self.installation, self.link)
    }

    /// Reads a hidden line back.
    pub fn parse(text: &str) -> Option<Self> {
        let (installation, link) = text.trim().strip_prefix("poam:")?.split_once('/')?;
        let plain = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (plain(installation) && plain(link))
            .then(|| Self { installation: installation.to_owned(), link: link.to_owned() })
    }
}

/// Our managed block: Markdown of paragraphs, `- ` list items, `**bold**` and links, nothing else.
pub type Block = String;

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// Where.
    pub project: ProjectSpec,
    /// Its title.
    pub title: String,
    /// The managed block, which is all of its text at first.
    pub block: Block,
    /// Its due date, for the due field where there is one.
    pub due: Option<NaiveDate>,
    /// Who is to work on it.
    pub assignee: Option<Account>,
    /// Its labels; the marker's is added by the connector, and so is [`crate::LABEL`].
    pub labels: BTreeSet<String>,
    /// Its marker.
    pub marker: Marker,
}

/// A ticket that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Which.
    pub reference: TicketRef,
    /// Who it went to: a site may leave out the one asked for without a word.
    pub assignee: Option<Account>,
}

/// Changes to one ticket; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// The whole title.
    pub title: Option<String>,
    /// The managed block; text outside it is kept as it was seen.
    pub block: Option<Block>,
    /// The due field; `Some(None)` clears it.
    pub due: Option<Option<NaiveDate>>,
    /// The assignee; `Some(None)` clears it.
    pub assignee: Option<Option<Account>>,
    /// Labels to add.
    pub add_labels: BTreeSet<String>,
    /// Labels to take away.
    pub remove_labels: BTreeSet<String>,
    /// The state.
    pub state: Option<StateChange>,
    /// Where fields live, for the due date.
    pub project: ProjectSpec,
}

impl Patch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.block.is_none()
            && self.due.is_none()
            && self.assignee.is_none()
            && self.add_labels.is_empty()
            && self.remove_labels.is_empty()
            && self.state.is_none()
    }
}

/// A change of state that the register asks for, in its own words and in those of the tracker's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// What the ticket is to read as.
    pub to: TicketState,
    /// The status names that are configured to read so, best first; the connector takes the first it can reach,
    /// else any status of the fitting category.
    pub names: Vec<String>,
    /// A resolution for `Done` and `Dropped` where the site wants one.
    pub resolution: Option<String>,
    /// A comment to be made with the transition, where the site can do both in one request.
    pub comment: Option<String>,
    /// Fields that the transition demands, by id, as configured.
    pub fields: std::collections::BTreeMap<String, serde_json::Value>,
}

/// How a ticket's status reads to the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Waiting to be begun.
    Open,
    /// Being worked on.
    InProgress,
    /// Begun, and held up.
    Blocked,
    /// Finished: submitted as evidence.
    Done,
    /// Closed without a fix (Won't Do, Duplicate, `not_planned`): completes nothing.
    Dropped,
}
