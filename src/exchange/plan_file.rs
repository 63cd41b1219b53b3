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

/// The entries of a file, each with where it stands.
#[derive(Debug, Default)]
struct File {
    item: Vec<(String, ItemEntry)>,
    milestone: Vec<(String, MilestoneEntry)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    item: Vec<toml::Spanned<toml::Table>>,
    #[serde(default)]
    milestone: Vec<toml::Spanned<toml::Table>>,
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
    number: Option<Name>,
    text: Option<String>,
    serves: Vec<String>,
    owner: Option<String>,
    #[serde(default)]
    expects: Vec<String>,
    #[serde(default)]
    depends_on: Vec<Name>,
    due: Option<Day>,
    allow_wording: Option<String>,
}

/// A milestone as 9 or as "M-9".
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a milestone is named as 9 or \"M-9\"")]
enum Name {
    Number(MilestoneNumber),
    Text(String),
}

impl Name {
    fn number(&self) -> Result<MilestoneNumber, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => text.trim().parse(),
        }
    }
}

/// A day as TOML's own date or as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a day is written as 2026-12-15")]
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

/// A command of a plan file, and where it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// `item V-7`, `milestone 3 ("Upgrade ...")`.
    pub place: String,
    /// What is to be done.
    pub command: Command,
}

/// Reads a plan file as the commands that carry it out, in order. `last_item` is the highest `V-n` so far, so that
/// items without a number can be served by milestones of the same file.
pub fn commands(
    name: &str,
    text: &str,
    system: &SystemId,
    last_item: u32,
) -> Result<Vec<Planned>, PlanError> {
    let csv = std::path::Path::new(name).extension().is_some_and(|ext| ext.eq_ignore_ascii_case("csv"));
    let (file, mut because) = if csv { read_csv(text) } else { read_toml(text) };
    let mut planned = Vec::new();
    let mut references: BTreeMap<String, ItemNumber> = BTreeMap::new();
    let mut next = last_item;
    for (place, entry) in &file.item {
        match item(entry, &mut next) {
            Ok((number, facts)) => {
                if let Some(reference) = &entry.reference
                    && references.insert(reference.clone(), number.clone()).is_some()
                {
                    because.push(format!("{place}: two items have the ref {reference:?}"));
                }
                let command = Command::AddItem { number: Some(number), facts: Box::new(facts) };
                planned.push(Planned { place: place.clone(), command });
            }
            Err(why) => because.extend(why.into_iter().map(|why| format!("{place}: {why}"))),
        }
    }
    for (place, entry) in &file.milestone {
        match milestone(entry, &references, system) {
            Ok(wanted) => {
                planned.extend(wanted.into_iter().map(|command| Planned { place: place.clone(), command }));
            }
            Err(why) => because.extend(why.into_iter().map(|why| format!("{place}: {why}"))),
        }
    }
    if planned.is_empty() && because.is_empty() {
        because.push("it names no item and no milestone".to_owned());
    }
    if because.is_empty() { Ok(planned) } else { Err(PlanError { file: name.to_owned(), because }) }
}

/// What a file holds, entry by entry with its place, and what is wrong with the rest.
type Entries = (File, Vec<String>);

/// Each entry is read for itself, so that a mistake in one hides none in another.
fn read_toml(text: &str) -> Entries {
    let tables: Tables = match toml::from_str(text) {
        Ok(tables) => tables,
        Err(error) => return (File::default(), vec![error.to_string().trim_end().to_owned()]),
    };
    let mut because = Vec::new();
    let item = each(tables.item, "item", text, &mut because);
    let milestone = each(tables.milestone, "milestone", text, &mut because);
    (File { item, milestone }, because)
}

fn each<T: serde::de::DeserializeOwned>(
    entries: Vec<toml::Spanned<toml::Table>>,
    kind: &str,
    text: &str,
    because: &mut Vec<String>,
) -> Vec<(String, T)> {
    let mut read = Vec::new();
    for (n, entry) in entries.into_iter().enumerate() {
        let line = text.get(..entry.span().start).map_or(0, |before| before.lines().count()) + 1;
        let table = entry.into_inner();
        let said = |key: &str| table.get(key).and_then(toml::Value::as_str);
        let place = match (kind, said("number")) {
            ("item", Some(number)) => format!("item {number}"),
            _ => place(kind, n + 1, said("title").or_else(|| said("text"))),
        };
        match table.try_into() {
            Ok(entry) => read.push((place, entry)),
            Err(error) => {
                because.push(format!(
                    "{place}, line {line}: {}",
                    error.to_string().trim_end().replace('\n', " ")
                ));
            }
        }
    }
    read
}

/// Where an entry stands: its kind, its number among those, and how its text begins.
fn place(kind: &str, number: usize, text: Option<&str>) -> String {
    const SHOWN: usize = 40;
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return format!("{kind} {number}");
    };
    let more = if text.chars().count() > SHOWN { "..." } else { "" };
    let begins: String = text.chars().take(SHOWN).collect();
    format!("{kind} {number} ({:?})", format!("{}{more}", begins.trim_end()))
}

fn read_csv(text: &str) -> Entries {
    const COLUMNS: [&str; 5] = ["text", "serves", "owner", "expects", "due"];
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return (File::default(), vec![error.to_string()]),
    };
    let mut because: Vec<String> = headers
        .iter()
        .filter(|header| !COLUMNS.contains(header))
        .map(|header| format!("unknown column {header:?}; known are {}", COLUMNS.join(", ")))
        .collect();
    for column in COLUMNS {
        match headers.iter().filter(|header| *header == column).count() {
            0 if matches!(column, "text" | "serves") => {
                because.push(format!("the column {column:?} is missing"));
            }
            0 | 1 => {}
            more => because.push(format!("{more} columns are called {column:?}")),
        }
    }
    if !because.is_empty() {
        return (File::default(), because);
    }
    let mut file = File::default();
    for (n, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                because.push(format!("row {}: {error}", n + 2));
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
        let entry = MilestoneEntry {
            number: None,
            text: some("text"),
            serves: list("serves"),
            owner: some("owner"),
            expects: list("expects"),
            depends_on: Vec::new(),
            due: some("due").map(Day::Text),
            allow_wording: None,
        };
        file.milestone.push((place("row", n + 2, entry.text.as_deref()), entry));
    }
    (file, because)
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
    let mut named = |name: &Name| name.number().map_err(|why| because.push(why)).ok();
    let number = entry.number.as_ref().and_then(&mut named);
    let depends_on: BTreeSet<MilestoneNumber> = entry.depends_on.iter().filter_map(named).collect();
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
    if let Some(number) = number {
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
        depends_on,
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
