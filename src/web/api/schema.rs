//! The shape of every object that the API gives, for its description. A test holds real answers against it, member by
//! member.

use serde_json::{Map, Value, json};

use crate::register::{DriftKind, EvidenceKind, MoveState};

/// What a member is.
pub(super) enum Type {
    /// Text.
    Text,
    /// A day: `2026-03-31`.
    Date,
    /// A time: `2026-03-31T15:00:00.000000Z`.
    Time,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    /// An object of this name.
    Is(&'static str),
    /// Any number of them.
    List(&'static Type),
    /// Any names, each with such a value.
    Map(&'static Type),
    /// It, or null.
    Maybe(&'static Type),
}

/// An object. Every member is always there.
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// An object whose members it has as well.
    pub(super) extends: Option<&'static str>,
    pub(super) members: &'static [(&'static str, Type)],
}

use Type::{Date, Flag, Is, List, Map as Names, Maybe, Number, Text, Time, Word};

const MAYBE_TEXT: Type = Maybe(&Text);
const MAYBE_DATE: Type = Maybe(&Date);
const MAYBE_TIME: Type = Maybe(&Time);
const TEXTS: Type = List(&Text);

fn impacts() -> Vec<&'static str> {
    vec!["low", "moderate", "high"]
}

fn ratings() -> Vec<&'static str> {
    vec!["low", "moderate", "high", "critical"]
}

fn deviations() -> Vec<&'static str> {
    vec!["no", "pending", "yes"]
}

fn dispositions() -> Vec<&'static str> {
    vec!["remediated", "false-positive", "duplicate-of", "not-in-boundary", "imported-closed"]
}

fn finding_kinds() -> Vec<&'static str> {
    vec!["design", "implementation", "operating", "documentation", "vulnerability"]
}

fn sources() -> Vec<&'static str> {
    vec!["assessment", "scan", "review", "self_report", "advisory"]
}

fn causes() -> Vec<&'static str> {
    vec!["process", "configuration", "tooling", "training", "third_party"]
}

fn move_states() -> Vec<&'static str> {
    MoveState::ALL.into_iter().map(MoveState::name).collect()
}

fn evidence_kinds() -> Vec<&'static str> {
    EvidenceKind::ALL.into_iter().map(EvidenceKind::name).collect()
}

fn drift_kinds() -> Vec<&'static str> {
    DriftKind::ALL.iter().map(|kind| kind.name()).collect()
}

fn notice_kinds() -> Vec<&'static str> {
    vec!["question", "answer", "acknowledgement", "decision", "reminder"]
}

fn subjects() -> Vec<&'static str> {
    vec!["milestone", "item", "tracker", "connection", "system"]
}

fn proven() -> Vec<&'static str> {
    vec!["milestone", "item", "source"]
}

/// Every object.
pub(super) const OBJECTS: &[Object] = &[
    Object {
        name: "System",
        about: "A system: an authorization boundary.",
        extends: None,
        members: &[
            ("id", Text),
            ("name", MAYBE_TEXT),
            ("impact", Maybe(&Word(impacts))),
            ("timezone", MAYBE_TEXT),
            ("csp", MAYBE_TEXT),
            ("cso", MAYBE_TEXT),
            ("class", MAYBE_TEXT),
            ("fedramp_id", MAYBE_TEXT),
            ("ssp_href", MAYBE_TEXT),
            ("certification_package_uri", MAYBE_TEXT),
            ("submission_day", Maybe(&Number)),
            ("process_owner", MAYBE_TEXT),
            ("rules", List(&Is("RuleSetFrom"))),
            ("rule_files", Names(&Text)),
            ("counts", Names(&Number)),
        ],
    },
    Object {
        name: "RuleSetFrom",
        about: "A rule set and the first day on which it applies.",
        extends: None,
        members: &[("set", Text), ("from", Date)],
    },
    Object {
        name: "Item",
        about: "An item: one POA&M entry.",
        extends: None,
        members: &[
            ("number", Text),
            ("title", Text),
            ("description", Text),
            ("status", Word(super::statuses)),
            ("status_since", Time),
            ("status_date", MAYBE_DATE),
            ("disposition", Maybe(&Word(dispositions))),
            ("disposition_detail", MAYBE_TEXT),
            ("kind", Word(finding_kinds)),
            ("source", Word(sources)),
            ("detector", Text),
            ("source_id", MAYBE_TEXT),
            ("controls", TEXTS),
            ("components", TEXTS),
            ("cves", TEXTS),
            ("kev", Flag),
            ("kev_due", MAYBE_DATE),
            ("detected", MAYBE_DATE),
            ("rating", Maybe(&Word(ratings))),
            ("adjusted", Maybe(&Word(ratings))),
            ("effective_rating", Maybe(&Word(ratings))),
            ("risk_adjustment", Word(deviations)),
            ("false_positive", Word(deviations)),
            ("operational_requirement", Word(deviations)),
            ("deviation_rationale", Text),
            ("root_cause", Maybe(&Word(causes))),
            ("risk_statement", Text),
            ("plan", Text),
            ("resources", Text),
            ("owner", MAYBE_TEXT),
            ("contact", Text),
            ("supporting", TEXTS),
            ("scheduled", MAYBE_DATE),
            ("deadline", Maybe(&Is("Deadline"))),
            ("vendor_dependency", Flag),
            ("vendor_checkin", MAYBE_DATE),
            ("vendor_product", MAYBE_TEXT),
            ("documents", Text),
            ("comments", Text),
            ("corrections", List(&Is("Correction"))),
            ("imported", Maybe(&Is("ImportedRow"))),
            ("reviewed", MAYBE_DATE),
            ("changed", Time),
        ],
    },
    Object {
        name: "ItemDetail",
        about: "An item with its milestones, evidence, open drifts and open conflicts.",
        extends: Some("Item"),
        members: &[
            ("milestones", List(&Is("Milestone"))),
            ("evidence", List(&Is("Evidence"))),
            ("drifts", List(&Is("Drift"))),
            ("conflicts", List(&Is("Conflict"))),
        ],
    },
    Object {
        name: "Deadline",
        about: "A date by which an item must be fixed, and the rule that gives it.",
        extends: None,
        members: &[("date", Date), ("rule", Text), ("derivation", Text), ("file", MAYBE_TEXT)],
    },
    Object {
        name: "Correction",
        about: "A typing error put right, with both values kept.",
        extends: None,
        members: &[
            ("field", Text),
            ("from", Text),
            ("to", Text),
            ("reason", Text),
            ("by", Text),
            ("approved_by", Text),
            ("at", Time),
        ],
    },
    Object {
        name: "ImportedRow",
        about: "A row of an imported file.",
        extends: None,
        members: &[("file", Text), ("sheet", Text), ("row", Number)],
    },
    Object {
        name: "Milestone",
        about: "A milestone: one evidenceable step that serves one or more items.",
        extends: None,
        members: &[
            ("number", Text),
            ("text", Text),
            ("original_text", Text),
            ("state", Word(super::states)),
            ("state_since", Time),
            ("serves", TEXTS),
            ("owner", MAYBE_TEXT),
            ("expects", List(&Word(evidence_kinds))),
            ("evidence", List(&Number)),
            ("depends_on", TEXTS),
            ("original_due", MAYBE_DATE),
            ("due", MAYBE_DATE),
            ("moves", List(&Is("Move"))),
            ("blocked", MAYBE_TEXT),
            ("done", MAYBE_TIME),
            ("ticket", Maybe(&Is("Ticket"))),
            ("ticket_title", MAYBE_TEXT),
            ("closed_without_fix", Maybe(&Is("ClosedWithoutFix"))),
            ("evidence_after", MAYBE_TIME),
            ("corrections", List(&Is("Correction"))),
            ("imported_as", Maybe(&Is("ImportedAs"))),
            ("changed", Time),
        ],
    },
    Object {
        name: "MilestoneDetail",
        about: "A milestone with its deadline, proofs, open drifts, open conflicts and link.",
        extends: Some("Milestone"),
        members: &[
            ("deadline", Maybe(&Is("Deadline"))),
            ("proofs", List(&Is("Evidence"))),
            ("drifts", List(&Is("Drift"))),
            ("conflicts", List(&Is("Conflict"))),
            ("link", Maybe(&Is("Link"))),
        ],
    },
    Object {
        name: "Ticket",
        about: "The ticket of a milestone, as the journal names it.",
        extends: None,
        members: &[("tracker", Text), ("id", Text), ("key", Text), ("url", Text)],
    },
    Object {
        name: "ClosedWithoutFix",
        about: "How a ticket was closed without a fix.",
        extends: None,
        members: &[("resolution", Text), ("by", Text), ("at", Time)],
    },
    Object {
        name: "ImportedAs",
        about: "Where an imported workbook has a milestone.",
        extends: None,
        members: &[("item", Text), ("number", Number)],
    },
    Object {
        name: "Move",
        about: "One change of a due date, beside the frozen original.",
        extends: None,
        members: &[
            ("milestone", Text),
            ("number", Number),
            ("from", MAYBE_DATE),
            ("to", MAYBE_DATE),
            ("state", Word(move_states)),
            ("by", Text),
            ("at", Time),
            ("whence", Text),
            ("rationale", Maybe(&Is("Rationale"))),
            ("decision", Maybe(&Is("Decision"))),
            ("asked", Maybe(&Number)),
        ],
    },
    Object {
        name: "Rationale",
        about: "Why a date moved.",
        extends: None,
        members: &[("text", Text), ("by", Text), ("at", Time)],
    },
    Object {
        name: "Decision",
        about: "How a move was decided: by a person, or by a rule.",
        extends: None,
        members: &[("by", Text), ("at", Time), ("reason", MAYBE_TEXT)],
    },
    Object {
        name: "Evidence",
        about: "A stored, hashed proof.",
        extends: None,
        members: &[
            ("number", Number),
            ("about", Word(proven)),
            ("subject", Text),
            ("kind", Word(evidence_kinds)),
            ("title", Text),
            ("digest", MAYBE_TEXT),
            ("size", Number),
            ("media_type", Text),
            ("authors", TEXTS),
            ("observed", Time),
            ("recorded", Time),
            ("source", Text),
            ("details", Names(&Text)),
            ("redacted", MAYBE_TEXT),
        ],
    },
    Object {
        name: "Drift",
        about: "A stated way in which plan, ticket and calendar are apart.",
        extends: None,
        members: &[
            ("number", Number),
            ("kind", Word(drift_kinds)),
            ("meaning", Text),
            ("about", Word(subjects)),
            ("subject", Text),
            ("key", Text),
            ("detail", Text),
            ("opened", Time),
            ("settled", MAYBE_TIME),
            ("settled_by", MAYBE_TEXT),
        ],
    },
    Object {
        name: "Conflict",
        about: "Both sides changed a field; the loser is kept.",
        extends: None,
        members: &[
            ("number", Number),
            ("about", Word(subjects)),
            ("subject", Text),
            ("field", Text),
            ("base", Text),
            ("ours", Text),
            ("theirs", Text),
            ("winner", Text),
            ("at", Time),
            ("resolved", Maybe(&Is("Resolution"))),
        ],
    },
    Object {
        name: "Resolution",
        about: "How a conflict was resolved.",
        extends: None,
        members: &[("by", Text), ("at", Time), ("keep", Text), ("reason", Text)],
    },
    Object {
        name: "Link",
        about: "Milestone and ticket, one to one.",
        extends: None,
        members: &[
            ("id", Text),
            ("system", Text),
            ("milestone", Text),
            ("tracker", Text),
            ("phase", Word(super::phases)),
            ("ticket", MAYBE_TEXT),
            ("key", MAYBE_TEXT),
            ("project", MAYBE_TEXT),
            ("url", MAYBE_TEXT),
            ("observed", Maybe(&Is("Observed"))),
            ("log_read", MAYBE_TIME),
            ("dirty", MAYBE_TIME),
            ("due_at", MAYBE_TIME),
            ("attempts", Number),
            ("error", MAYBE_TEXT),
            ("missing_since", MAYBE_TIME),
        ],
    },
    Object {
        name: "Observed",
        about: "A ticket as it was last seen.",
        extends: None,
        members: &[
            ("at", Time),
            ("updated", MAYBE_TIME),
            ("title", Text),
            ("status", Text),
            ("state", Text),
            ("due", MAYBE_DATE),
            ("due_unreadable", MAYBE_TEXT),
            ("assignee", MAYBE_TEXT),
            ("assignee_person", MAYBE_TEXT),
            ("scheduled", MAYBE_TEXT),
            ("scheduled_end", MAYBE_DATE),
            ("duplicates", TEXTS),
            ("moved_away", MAYBE_TEXT),
            ("labels_restored", Number),
        ],
    },
    Object {
        name: "Notice",
        about: "A message to a ticket.",
        extends: None,
        members: &[
            ("number", Number),
            ("kind", Word(notice_kinds)),
            ("milestone", Text),
            ("answers", Text),
            ("covers", List(&Is("Covered"))),
            ("body", Text),
            ("queued", Time),
        ],
    },
    Object {
        name: "Covered",
        about: "A move that a question is about.",
        extends: None,
        members: &[("milestone", Text), ("move", Number)],
    },
    Object {
        name: "Entry",
        about: "A row of the journal. Its hash is the SHA-256 of the other members in this order, each followed by a \
                line feed.",
        extends: None,
        members: &[
            ("system", Text),
            ("number", Number),
            ("at", Time),
            ("actor", Text),
            ("cause", Text),
            ("subject", Text),
            ("body", Text),
            ("previous", Text),
            ("hash", Text),
        ],
    },
];

impl Object {
    /// As JSON Schema.
    pub(super) fn schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.all().map(|(name, kind)| ((*name).to_owned(), kind.schema())).collect();
        let required: Vec<&str> = self.all().map(|(name, _)| *name).collect();
        json!({ "type": "object", "description": self.about, "required": required, "properties": properties })
    }

    /// Its members, and those of what it extends.
    fn all(&self) -> impl Iterator<Item = &'static (&'static str, Type)> + '_ {
        let more = OBJECTS.iter().filter(|object| Some(object.name) == self.extends);
        more.flat_map(|object| object.members).chain(self.members)
    }
}

impl Type {
    fn schema(&self) -> Value {
        match self {
            Text => json!({ "type": "string" }),
            Date => json!({ "type": "string", "format": "date" }),
            Time => json!({ "type": "string", "format": "date-time" }),
            Number => json!({ "type": "integer", "minimum": 0 }),
            Flag => json!({ "type": "boolean" }),
            Word(words) => json!({ "type": "string", "enum": words() }),
            Is(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            List(of) => json!({ "type": "array", "items": of.schema() }),
            Names(of) => json!({ "type": "object", "additionalProperties": of.schema() }),
            Maybe(of) => json!({ "anyOf": [of.schema(), { "type": "null" }] }),
        }
    }
}
