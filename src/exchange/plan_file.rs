//! Plan files: items, milestones and which serve which, for planning in bulk. TOML or CSV. Pure.
//!
//! ```toml
//! [[item]]
//! number = "V-1"            # left out: the next V-n; named by `ref` below
//! ref = "tls"
//! title = "TLS 1.0 is enabled"
//!
//! [[milestone]]
//! text = "Disable TLS 1.0 on every load balancer; plugin 104743 is clean on the rescan"
//! serves = ["tls", "V-7"]
//! owner = "Ada Example"
//! expects = ["transition", "rescan"]
//! due = 2026-12-15
//! ```
//!
//! CSV has one milestone a row, with the columns `text, serves, owner, expects, due`; lists are separated by `;`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Deserialize;

use crate::register::decide::{Command, NewMilestone, rating};
use crate::register::{
    EvidenceKind, FindingKind, ItemFacts, ItemNumber, MilestoneNumber, RootCause, Source, SystemId,
};

/// A plan file that cannot be taken, with everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be taken: {}", .because.join("; "))]
pub struct PlanError {
    /// File name.
    pub file: String,
    /// Each mistake, with where it is.
    pub because: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    item: Vec<ItemEntry>,
    #[serde(default)]
    milestone: Vec<MilestoneEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemEntry {
    number: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    title: String,
    #[serde(default)]
    description: String,
    kind: Option<FindingKind>,
    source: Option<Source>,
    #[serde(default)]
    detector: String,
    source_id: Option<String>,
    #[serde(default)]
    controls: Vec<String>,
    #[serde(default)]
    components: Vec<String>,
    #[serde(default)]
    cves: Vec<String>,
    detected: Option<Day>,
    rating: Option<String>,
    root_cause: Option<RootCause>,
    #[serde(default)]
    risk_statement: String,
    #[serde(default)]
    plan: String,
    #[serde(default)]
    resources: String,
    owner: Option<String>,
    #[serde(default)]
    supporting: Vec<String>,
    scheduled: Option<Day>,
    #[serde(default)]
    comments: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MilestoneEntry {
    /// Names an existing milestone: its `serves` and owner are set.
    number: Option<MilestoneNumber>,
    text: Option<String>,
    serves: Vec<String>,
    owner: Option<String>,
    #[serde(default)]
    expects: Vec<String>,
    #[serde(default)]
    depends_on: Vec<MilestoneNumber>,
    due: Option<Day>,
    allow_wording: Option<String>,
}

/// A day as TOML's own date or as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Day {
    Toml(toml::value::Datetime),
    Text(String),
}

impl Day {
    fn date(&self) -> Result<NaiveDate, String> {
        let text = match self {
            Self::Toml(date) => date.to_string(),
            Self::Text(text) => text.clone(),
        };
        text.parse().map_err(|_| format!("{text:?} is no date such as 2026-12-15"))
    }
}

/// Reads a plan file as the commands that carry it out, in order. `last_item` is the highest `V-n` so far, so that
/// items without a number can be served by milestones of the same file.
pub fn commands(
    name: &str,
    text: &str,
    system: &SystemId,
    last_item: u32,
) -> Result<Vec<Command>, PlanError> {
    let failed = |because: Vec<String>| PlanError { file: name.to_owned(), because };
    let csv = std::path::Path::new(name).extension().is_some_and(|ext| ext.eq_ignore_ascii_case("csv"));
    let file = if csv { read_csv(text).map_err(failed)? } else { read_toml(text).map_err(failed)? };
    let mut because = Vec::new();
    let mut commands = Vec::new();
    let mut references: BTreeMap<String, ItemNumber> = BTreeMap::new();
    let mut next = last_item;
    for (place, entry) in file.item.iter().enumerate() {
        let at = format!("item {} ({})", place + 1, entry.title);
        match item(entry, &mut next) {
            Ok((number, facts)) => {
                if let Some(reference) = &entry.reference
                    && references.insert(reference.clone(), number.clone()).is_some()
                {
                    because.push(format!("{at}: two items have the ref {reference:?}"));
                }
                commands.push(Command::AddItem { number: Some(number), facts: Box::new(facts) });
            }
            Err(why) => because.extend(why.into_iter().map(|why| format!("{at}: {why}"))),
        }
    }
    for (place, entry) in file.milestone.iter().enumerate() {
        let at = format!("milestone {}", place + 1);
        match milestone(entry, &references, system) {
            Ok(wanted) => commands.extend(wanted),
            Err(why) => because.extend(why.into_iter().map(|why| format!("{at}: {why}"))),
        }
    }
    if commands.is_empty() && because.is_empty() {
        because.push("it names no item and no milestone".to_owned());
    }
    if because.is_empty() { Ok(commands) } else { Err(failed(because)) }
}

fn read_toml(text: &str) -> Result<File, Vec<String>> {
    toml::from_str(text).map_err(|error| vec![error.to_string()])
}

fn read_csv(text: &str) -> Result<File, Vec<String>> {
    const COLUMNS: [&str; 5] = ["text", "serves", "owner", "expects", "due"];
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| vec![error.to_string()])?.clone();
    let mut because: Vec<String> = headers
        .iter()
        .filter(|header| !COLUMNS.contains(header))
        .map(|header| format!("unknown column {header:?}; known are {}", COLUMNS.join(", ")))
        .collect();
    for needed in ["text", "serves"] {
        if !headers.iter().any(|header| header == needed) {
            because.push(format!("the column {needed:?} is missing"));
        }
    }
    if !because.is_empty() {
        return Err(because);
    }
    let mut file = File::default();
    for (place, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                because.push(format!("row {}: {error}", place + 2));
                continue;
            }
        };
        let cell = |name: &str| -> String {
            headers
                .iter()
                .position(|header| header == name)
                .and_then(|n| record.get(n))
                .unwrap_or_default()
                .to_owned()
        };
        let list = |name: &str| -> Vec<String> {
            cell(name).split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let some = |name: &str| Some(cell(name)).filter(|text| !text.is_empty());
        file.milestone.push(MilestoneEntry {
            number: None,
            text: some("text"),
            serves: list("serves"),
            owner: some("owner"),
            expects: list("expects"),
            depends_on: Vec::new(),
            due: some("due").map(Day::Text),
            allow_wording: None,
        });
    }
    if because.is_empty() { Ok(file) } else { Err(because) }
}

fn item(entry: &ItemEntry, next: &mut u32) -> Result<(ItemNumber, ItemFacts), Vec<String>> {
    let mut because = Vec::new();
    let number = match &entry.number {
        Some(number) => ItemNumber::new(number).map_err(|why| because.push(why)).ok(),
        None => {
            *next += 1;
            Some(ItemNumber::ours(*next))
        }
    };
    if let Some(n) = number.as_ref().and_then(ItemNumber::ordinal) {
        *next = (*next).max(n);
    }
    let mut day =
        |day: &Option<Day>| day.as_ref().and_then(|day| day.date().map_err(|why| because.push(why)).ok());
    let (detected, scheduled) = (day(&entry.detected), day(&entry.scheduled));
    let rating = entry.rating.as_deref().and_then(|text| rating(text).map_err(|why| because.push(why)).ok());
    let Some(number) = number.filter(|_| because.is_empty()) else { return Err(because) };
    let facts = ItemFacts {
        description: entry.description.clone(),
        kind: entry.kind.unwrap_or(FindingKind::Vulnerability),
        source: entry.source.unwrap_or(Source::SelfReport),
        detector: entry.detector.clone(),
        source_id: entry.source_id.clone(),
        controls: entry.controls.clone(),
        components: entry.components.clone(),
        cves: entry.cves.clone(),
        detected,
        rating,
        root_cause: entry.root_cause,
        risk_statement: entry.risk_statement.clone(),
        plan: entry.plan.clone(),
        resources: entry.resources.clone(),
        owner: entry.owner.clone(),
        supporting: entry.supporting.clone(),
        scheduled,
        comments: entry.comments.clone(),
        ..ItemFacts::titled(&entry.title)
    };
    Ok((number, facts))
}

fn milestone(
    entry: &MilestoneEntry,
    references: &BTreeMap<String, ItemNumber>,
    system: &SystemId,
) -> Result<Vec<Command>, Vec<String>> {
    let mut because = Vec::new();
    let mut serves = BTreeSet::new();
    for name in &entry.serves {
        let plain = name.strip_prefix(&format!("{system}/")).unwrap_or(name);
        match references.get(plain).cloned().map_or_else(|| ItemNumber::new(plain), Ok) {
            Ok(number) => {
                serves.insert(number);
            }
            Err(why) => because.push(why),
        }
    }
    let mut expects = BTreeSet::new();
    for name in &entry.expects {
        match EvidenceKind::parse(name) {
            Ok(kind) => {
                expects.insert(kind);
            }
            Err(why) => because.push(why),
        }
    }
    let due = entry.due.as_ref().and_then(|day| day.date().map_err(|why| because.push(why)).ok());
    if entry.number.is_none() && entry.text.is_none() {
        because.push("it has neither a text nor the number of a milestone that is there".to_owned());
    }
    if entry.number.is_some() && (entry.text.is_some() || entry.due.is_some() || !entry.expects.is_empty()) {
        because.push(
            "with a number it may only set `serves` and `owner`: dates move by `milestone move`".to_owned(),
        );
    }
    if !because.is_empty() {
        return Err(because);
    }
    if let Some(number) = entry.number {
        let mut commands = vec![Command::SetServes { milestone: number, serves }];
        if entry.owner.is_some() {
            commands.push(Command::SetOwner { milestone: number, owner: entry.owner.clone() });
        }
        return Ok(commands);
    }
    Ok(vec![Command::AddMilestone(Box::new(NewMilestone {
        text: entry.text.clone().unwrap_or_default(),
        serves,
        owner: entry.owner.clone(),
        expects,
        depends_on: entry.depends_on.iter().copied().collect(),
        due,
        allow_wording: entry.allow_wording.clone(),
    }))])
}

/// What a command of a plan file does, for a dry run.
pub fn in_words(command: &Command) -> String {
    let list =
        |serves: &BTreeSet<ItemNumber>| serves.iter().map(ItemNumber::as_str).collect::<Vec<_>>().join(", ");
    #[expect(clippy::wildcard_enum_match_arm, reason = "a plan file gives no other command")]
    match command {
        Command::AddItem { number, facts } => {
            let number = number.as_ref().map_or_else(|| "the next number".to_owned(), ToString::to_string);
            format!("add item {number}: {}", facts.title)
        }
        Command::AddMilestone(new) => {
            let due = new.due.map_or_else(|| "no date".to_owned(), |due| due.to_string());
            format!("add milestone due {due} for {}: {}", list(&new.serves), new.text)
        }
        Command::SetServes { milestone, serves } => format!("{milestone} serves {}", list(serves)),
        Command::SetOwner { milestone, owner } => {
            format!("{milestone} is owned by {}", owner.as_deref().unwrap_or("nobody"))
        }
        other => format!("{other:?}"),
    }
}
