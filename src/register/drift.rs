//! Drift: a stated way in which plan, ticket and calendar are apart. What opens it is decided in `crate::drift`;
//! here is the record.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ItemNumber, MilestoneNumber};

/// Declares the kinds once: variant, name, and what it means.
macro_rules! kinds {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// The kinds of drift.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum DriftKind {
            $(#[doc = $meaning] $variant,)*
        }

        impl DriftKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in one line.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

kinds! {
    SlipUnexplained "slip-unexplained" "a later date has no rationale";
    SlipUnapproved "slip-unapproved" "a moved date waits for an approver";
    DueDiffers "due-differs" "ticket and plan dates differ and no open move says why";
    DueDiffersFromRule "due-differs-from-rule" "a recorded date is not what its rule gives";
    DeadlineAtRisk "deadline-at-risk" "the due date or open work is later than the deadline allows";
    PastDeadline "past-deadline" "the deadline has passed";
    Overdue "overdue" "the due day has ended";
    ScheduledAfterDue "scheduled-after-due" "a sprint, version or tracker milestone ends after the due date";
    DoneWithoutEvidence "done-without-evidence" "done, and an expected kind of evidence is missing";
    ClosedWithoutFix "closed-without-fix" "the ticket was closed without a fix";
    Reopened "reopened" "the ticket was reopened after it was done";
    ReopenedAfterClosure "reopened-after-closure" "the ticket was reopened after the item was closed";
    Blocked "blocked" "the milestone is blocked";
    TicketMissing "ticket-missing" "the ticket is not found, or not visible to us";
    TicketMovedAway "ticket-moved-away" "the ticket is now in a project that no tracker covers";
    DuplicateMarker "duplicate-marker" "another ticket carries this milestone's marker";
    Unlinked "unlinked" "the milestone has no ticket though a route gives it one";
    Unowned "unowned" "no person owns it";
    OwnerUnmapped "owner-unmapped" "the owner has no account on the tracker, or the assignee no person";
    Incomplete "incomplete" "something that an open item must have is missing";
    Stale "stale" "nothing changed for a long time";
    Unreviewed "unreviewed" "not confirmed in a recorded review";
    EvaluationLate "evaluation-late" "the evaluation is not done in time";
    VendorCheckinLate "vendor-checkin-late" "the last check-in with the vendor will be too old on the submission day";
    AcceptanceExpiring "acceptance-expiring" "a risk acceptance is about to expire";
    AcceptanceExpired "acceptance-expired" "a risk acceptance has expired";
    ValidationWaiting "validation-waiting" "validation has waited too long";
    Recurred "recurred" "a scan sees a closed weakness again";
    AbsentFromImport "absent-from-import" "a newer workbook lacks this open item";
    Conflict "conflict" "both sides changed a field";
    SubmissionLate "submission-late" "no snapshot was recorded by the submission day";
    TrackerSilent "tracker-silent" "polls of the tracker fail";
    TrackerHalted "tracker-halted" "a brake stopped writing to the tracker";
    TokenExpiring "token-expiring" "the connection's token is about to expire";
    NoticeBounced "notice-bounced" "a notice could not be delivered";
}

impl DriftKind {
    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("{name:?} is no kind of drift; known are {}", known.join(", "))
        })
    }
}

/// What a drift is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A milestone.
    Milestone(MilestoneNumber),
    /// An item.
    Item(ItemNumber),
    /// A tracker, by its id.
    Tracker(String),
    /// A connection, by its id.
    Connection(String),
    /// The system as a whole.
    System,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Milestone(number) => write!(f, "{number}"),
            Self::Item(number) => write!(f, "{number}"),
            Self::Tracker(id) => write!(f, "tracker {id}"),
            Self::Connection(id) => write!(f, "connection {id}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// One drift. At most one is open for the same kind, subject and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Numbered per system.
    pub number: u32,
    /// Its kind.
    pub kind: DriftKind,
    /// What it is about.
    pub subject: Subject,
    /// What tells two of a kind on one subject apart: a move's number, a due date, a field. Often empty.
    pub key: String,
    /// In words, with the values that are apart.
    pub detail: String,
    /// Since when.
    pub opened: DateTime<Utc>,
    /// Until when.
    pub settled: Option<DateTime<Utc>>,
    /// What settled it.
    pub settled_by: Option<String>,
}
