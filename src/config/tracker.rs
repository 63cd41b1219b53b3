//! `[[tracker]]` and `[[route]]`: which project tickets go to, and how its words and fields are read.

use std::collections::BTreeMap;

use connector_api::{ProjectSpec, TicketState};
use serde_json::Value;
use toml::de::DeValue;

use super::section::Section;
use super::site::{Disclosure, Site, id};
use super::value::{integer, one_of};

/// `[[tracker]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracker {
    /// Its id.
    pub id: String,
    /// The connection it is on.
    pub connection: String,
    /// `owner/repository`, or a Jira project key.
    pub project: String,
    /// Jira issue type; none on GitHub.
    pub issue_type: Option<String>,
    /// Where fields live.
    pub fields: Fields,
    /// What statuses mean, in the order written: the first that fits a ticket counts, before the default table.
    pub states: Vec<(StatusName, TicketState)>,
    /// How much its tickets tell.
    pub disclosure: Disclosure,
    /// Whether it may be a public repository.
    pub allow_public: bool,
}

/// Where fields live, and what the site demands.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    /// The due date.
    pub due: DueField,
    /// Fields that the site demands on creation, by id.
    pub extra: BTreeMap<String, Value>,
    /// The resolution that a transition to `done` or `dropped` sets.
    pub resolution: BTreeMap<TicketState, String>,
    /// Fields that transitions to a state demand, by id.
    pub transition: BTreeMap<TicketState, BTreeMap<String, Value>>,
}

/// Where the due date lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueField {
    /// Jira's own due date.
    Duedate,
    /// A Jira custom field of type date: `customfield_10042`.
    Custom(String),
    /// A line in the managed block.
    Block,
    /// The due date of the ticket's GitHub milestone.
    Milestone,
    /// An issue field of the GitHub organization, of type date, by name: `field:Target date`.
    OrgField(String),
}

/// What a status is told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusName {
    /// The status's own name; on GitHub `open` or `closed`.
    Status(String),
    /// `resolution:NAME`: Jira's resolution, GitHub's reason of closing.
    Resolution(String),
    /// `label:NAME`.
    Label(String),
}

impl Tracker {
    /// The tracker as a connector must know it.
    pub fn spec(&self) -> ProjectSpec {
        let due_field = match &self.fields.due {
            DueField::Duedate => Some("duedate".to_owned()),
            DueField::Custom(field) => Some(field.clone()),
            DueField::Milestone => Some("milestone".to_owned()),
            DueField::OrgField(name) => Some(format!("field:{name}")),
            DueField::Block => None,
        };
        ProjectSpec {
            project: self.project.clone(),
            issue_type: self.issue_type.clone(),
            due_field,
            extra_fields: self.fields.extra.clone(),
        }
    }

    /// A tracker; `kinds` tells the kind of each connection, where that could be read.
    pub(super) fn read(section: &Section<'_>, kinds: &BTreeMap<String, Option<Site>>) -> Option<Self> {
        let id = section.required_parsed("id", id);
        let connection = section.required("connection");
        let jira = connection.as_ref().and_then(|id| kinds.get(id).copied().flatten()).map(Site::is_jira);
        let project = project(section, jira);
        let issue_type = section.text("issue_type");
        if jira == Some(false) && issue_type.is_some() {
            section.mistake("issue_type", "is for Jira");
        }
        let fields = fields(&section.section("fields"), jira);
        let states = states(&section.section("states"), jira);
        let disclosure = Disclosure::read(section);
        let allow_public = section.truth("allow_public", false);
        let issue_type = (jira == Some(true)).then(|| issue_type.unwrap_or_else(|| "Task".to_owned()));
        Some(Self {
            id: id?,
            connection: connection?,
            project: project?,
            issue_type,
            fields: fields?,
            states: states?,
            disclosure: disclosure?,
            allow_public,
        })
    }
}

/// `repo` or `project`, whichever the connection's kind asks for.
fn project(section: &Section<'_>, jira: Option<bool>) -> Option<String> {
    let repo = section.parsed("repo", repository);
    let key = section.parsed("project", project_key);
    match (jira, section.given("repo"), section.given("project")) {
        (Some(false), given, wrong) => {
            if wrong {
                section.mistake("project", "is for Jira: a GitHub tracker has repo = \"owner/name\"");
            } else if !given {
                section.missing("repo", "is missing: \"owner/name\"");
            }
            repo
        }
        (Some(true), wrong, given) => {
            if wrong {
                section.mistake("repo", "is for GitHub: a Jira tracker has project = \"KEY\"");
            } else if !given {
                section.missing("project", "is missing: the project's key, such as \"SEC\"");
            }
            key
        }
        (None, false, false) => {
            section.missing("repo", "give repo = \"owner/name\" (GitHub) or project = \"KEY\" (Jira)");
            None
        }
        (None, _, _) => repo.or(key),
    }
}

fn repository(text: &str) -> Result<String, String> {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 100
            && !matches!(part, "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    match text.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is no repository such as \"owner/name\"")),
    }
}

fn project_key(text: &str) -> Result<String, String> {
    let fine = text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if fine {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no project key: capital letters, digits and '_', such as \"SEC\""))
    }
}

fn fields(section: &Section<'_>, jira: Option<bool>) -> Option<Fields> {
    let default = if jira == Some(true) { DueField::Duedate } else { DueField::Block };
    let due = section.parsed_or("due", default, |text| due_field(text, jira));
    let extra = section.section("extra");
    let resolution = section.section("resolution");
    let transition = section.section("transition");
    if jira == Some(false) {
        for key in ["extra", "resolution", "transition"].into_iter().filter(|key| section.has(key)) {
            section.mistake(key, "is for Jira");
        }
    }
    let resolutions = [("done", TicketState::Done), ("dropped", TicketState::Dropped)]
        .into_iter()
        .filter_map(|(key, state)| Some((state, resolution.text(key)?)))
        .collect();
    let transitions = STATES
        .iter()
        .filter(|(key, _)| transition.has(key))
        .map(|(key, state)| (*state, values(&transition.section(key))))
        .collect();
    let extra = values(&extra);
    for section in [section, &resolution, &transition] {
        section.finish();
    }
    Some(Fields { due: due?, extra, resolution: resolutions, transition: transitions })
}

fn due_field(text: &str, jira: Option<bool>) -> Result<DueField, String> {
    let custom = text
        .strip_prefix("customfield_")
        .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    let org_field = text.strip_prefix("field:").map(str::trim).filter(|name| !name.is_empty());
    match (text, jira) {
        ("block", _) => Ok(DueField::Block),
        ("duedate", Some(true) | None) => Ok(DueField::Duedate),
        ("milestone", Some(false) | None) => Ok(DueField::Milestone),
        (field, Some(true) | None) if custom => Ok(DueField::Custom(field.to_owned())),
        (_, Some(false) | None) if org_field.is_some() => {
            Ok(DueField::OrgField(org_field.unwrap_or_default().to_owned()))
        }
        (_, Some(true)) => {
            Err(format!("{text:?} is none of \"duedate\", \"customfield_NUMBER\" and \"block\""))
        }
        (_, Some(false)) => Err(format!("{text:?} is none of \"block\", \"milestone\" and \"field:NAME\"")),
        (_, None) => Err(format!(
            "{text:?} is none of \"duedate\", \"customfield_NUMBER\" (Jira), \"milestone\", \"field:NAME\" (GitHub) and \"block\""
        )),
    }
}

const STATES: [(&str, TicketState); 5] = [
    ("open", TicketState::Open),
    ("in_progress", TicketState::InProgress),
    ("blocked", TicketState::Blocked),
    ("done", TicketState::Done),
    ("dropped", TicketState::Dropped),
];

/// The operator's own table of states.
fn states(section: &Section<'_>, jira: Option<bool>) -> Option<Vec<(StatusName, TicketState)>> {
    let mut states = Vec::new();
    let mut fine = true;
    for (key, value) in section.entries() {
        let name = match key.split_once(':') {
            Some(("label", name)) => StatusName::Label(name.to_owned()),
            Some(("resolution", name)) => StatusName::Resolution(name.to_owned()),
            _ => StatusName::Status(key.clone()),
        };
        let wrong_name = match &name {
            StatusName::Label(name) | StatusName::Resolution(name) if name.trim().is_empty() => {
                Some("names nothing after the ':'".to_owned())
            }
            StatusName::Status(name) if jira == Some(false) && !matches!(name.as_str(), "open" | "closed") => {
                Some(
                    "is no status of GitHub: write \"open\", \"closed\", \"resolution:not_planned\" or \"label:NAME\""
                        .to_owned(),
                )
            }
            StatusName::Label(_) | StatusName::Resolution(_) | StatusName::Status(_) => None,
        };
        let state = value.as_str().ok_or_else(|| "must be a text in quotes".to_owned());
        match (wrong_name, state.and_then(|text| one_of(text, &STATES))) {
            (None, Ok(state)) => states.push((name, state)),
            (Some(what), _) | (None, Err(what)) => {
                section.mistake(&key, what);
                fine = false;
            }
        }
    }
    fine.then_some(states)
}

/// A table of any values, as JSON.
fn values(section: &Section<'_>) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    for (key, value) in section.entries() {
        match json(value) {
            Some(json) => {
                values.insert(key, json);
            }
            None => section.mistake(&key, "holds a number that JSON cannot"),
        }
    }
    values
}

fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(_) => Value::from(integer(value)?),
        DeValue::Float(n) => Value::from(n.as_str().parse::<f64>().ok().filter(|n| n.is_finite())?),
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(at) => Value::from(at.to_string()),
        DeValue::Array(array) => {
            Value::from(array.iter().map(|value| json(value.get_ref())).collect::<Option<Vec<_>>>()?)
        }
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), json(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// `[[route]]`: tickets for milestones of this system, on this component if one is named, go to this tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// System.
    pub system: String,
    /// Component; none for any.
    pub component: Option<String>,
    /// Tracker.
    pub tracker: String,
}

impl Route {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let system = section.required("system");
        let component = section.text("component");
        let tracker = section.required("tracker");
        Some(Self { system: system?, component, tracker: tracker? })
    }
}
