//! Import: the file is kept as source evidence, parsed whole, planned, and applied in transactions of bounded size
//! under one import. Idempotent: a crash is finished by running it again, and until then it shows as unfinished.

mod absent;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::act::{ActError, Who, deciding};
use super::reserved::needs;
use crate::drift;
use crate::exchange::fedramp_xlsx::{self, Limits, ReadError, Refused, Warning};
use crate::exchange::import::{ImportPlan, names_another, plan};
use crate::register::decide::{
    Command, Deciding, Each, ImportedItem, KEEPERS, NewEvidence, Refusal, decide, decide_each,
};
use crate::register::{
    Change, Digest, EvidenceKind, EvidenceOf, ImportedRow, ItemNumber, MilestoneNumber, Register, Subject,
    SystemId,
};
use crate::store::{ItemFilter, Scope, StoreError, Tx};
use crate::sync::{Kept, SyncError, World};
use absent::{back_again, finish};

/// Items per transaction: a few changes each, so that one stays near 500 changes.
const CHUNK: usize = 100;

/// What an import did, as scripts read it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Rows read.
    pub read: usize,
    /// Items that came to be.
    pub created: usize,
    /// Items that changed.
    pub changed: usize,
    /// Items that stayed as they were.
    pub unchanged: usize,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
    /// What was not taken.
    pub refused: Vec<Refused>,
    /// Digest of the file.
    pub file: String,
    /// What was or would be done, in words; only in a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
}

/// How a workbook is imported.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Decide all of it, and record nothing.
    pub dry_run: bool,
    /// Let a row join an item of the same number that was made here; else it is refused.
    pub join: bool,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{file} cannot be imported")]
    Unreadable {
        /// File name.
        file: String,
        /// Why.
        #[source]
        why: ReadError,
    },
    /// Recording failed.
    #[error(transparent)]
    Act(#[from] ActError),
}

impl From<Refusal> for ImportError {
    fn from(refusal: Refusal) -> Self {
        Self::Act(refusal.into())
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Act(error.into())
    }
}

/// Imports a workbook, as somebody who plans. `progress` hears how many of how many rows are done.
pub async fn import(
    world: &World,
    system: &SystemId,
    who: &Who,
    name: &str,
    bytes: bytes::Bytes,
    how: How,
    progress: &(dyn Fn(usize, usize) + Send + Sync),
) -> Result<Report, ImportError> {
    if !how.dry_run {
        needs(who, &format!("import {name} into {system}"), KEEPERS)?;
    }
    let file = Digest::of(&bytes);
    let workbook = fedramp_xlsx::read(&bytes, &Limits::default())
        .map_err(|why| ImportError::Unreadable { file: name.to_owned(), why })?;
    let (known, other): (BTreeMap<ItemNumber, Option<ImportedRow>>, _) = {
        let mut read = world.db.read().await?;
        let profile = read.load(system, Scope::System).await?.system.profile;
        let other = names_another(&workbook, system, profile.as_ref());
        let items = read.items(system, &ItemFilter::default(), None, i32::MAX.unsigned_abs()).await?;
        (items.into_iter().map(|item| (item.number, item.imported)).collect(), other)
    };
    let people: BTreeSet<String> = world.settings.people.keys().cloned().collect();
    let plan = plan(&workbook, &file, &known, &people, how.join);
    let mut report = Report {
        read: plan.read,
        warnings: other.into_iter().chain(plan.warnings.clone()).collect(),
        refused: plan.refused.clone(),
        file: file.to_string(),
        ..Report::default()
    };
    if how.dry_run {
        for chunk in plan.items.chunks(CHUNK) {
            report.add(try_out(world, system, who, chunk).await?);
        }
        tell(&plan, &known, &mut report);
        return Ok(report);
    }
    let all_same = plan.items.iter().all(|item| {
        known
            .get(&item.number)
            .and_then(Option::as_ref)
            .is_some_and(|last| last.cells == item.row.cells && last.sheet == item.row.sheet)
    });
    if all_same && !plan.items.is_empty() && finished(world, system, &file).await? {
        back_again(world, system, who, &file, &plan).await?;
        report.unchanged = plan.items.len();
        progress(plan.items.len(), plan.items.len());
        return Ok(report);
    }
    let kept = world.keep(bytes.clone()).await.map_err(ActError::Failed)?;
    begin(world, system, who, name, &kept, bytes.len() as u64, &plan).await?;
    let total = plan.items.len();
    let mut done = 0;
    for chunk in plan.items.chunks(CHUNK) {
        report.add(take(world, system, who, &file, chunk).await?);
        done += chunk.len();
        progress(done, total);
    }
    finish(world, system, who, &file, &plan).await?;
    Ok(report)
}

impl Report {
    fn add(&mut self, outcome: Outcome) {
        self.created += outcome.created;
        self.changed += outcome.changed;
        self.unchanged += outcome.unchanged;
        self.refused.extend(outcome.refused);
    }
}

/// Says of each row what it would do.
fn tell(plan: &ImportPlan, known: &BTreeMap<ItemNumber, Option<ImportedRow>>, report: &mut Report) {
    let refused: BTreeSet<(&str, u32)> = report.refused.iter().map(|r| (r.sheet.as_str(), r.row)).collect();
    let taken = plan.items.iter().filter(|item| !refused.contains(&(item.row.sheet.as_str(), item.row.row)));
    for item in taken {
        let place = format!("{} row {}", item.row.sheet, item.row.row);
        match known.get(&item.number) {
            None => {
                let status = if item.closed { "closed" } else { "open" };
                report
                    .plan
                    .push(format!("add {} as {status} from {place}: {}", item.number, item.facts.title));
            }
            Some(Some(last)) if last.cells == item.row.cells && last.sheet == item.row.sheet => {}
            Some(last) => {
                let fields: Vec<&str> = last.as_ref().map_or_else(Vec::new, |last| {
                    let names: BTreeSet<&String> = last.cells.keys().chain(item.row.cells.keys()).collect();
                    names
                        .into_iter()
                        .filter(|n| last.cells.get(*n) != item.row.cells.get(*n))
                        .map(String::as_str)
                        .collect()
                });
                report.plan.push(format!("change {} from {place}: {}", item.number, fields.join(", ")));
            }
        }
    }
}

async fn finished(world: &World, system: &SystemId, file: &Digest) -> Result<bool, StoreError> {
    let mut read = world.db.read().await?;
    Ok(read.import(system, file).await?.is_some_and(|import| import.finished.is_some()))
}

/// What some rows gave.
struct Outcome {
    created: usize,
    changed: usize,
    unchanged: usize,
    refused: Vec<Refused>,
}

/// Decides some rows, each for itself: an odd one is refused by its place, and the others are taken.
fn decided(
    register: &Register,
    by: &Deciding<'_>,
    rows: &[ImportedItem],
) -> Result<(Vec<Change>, Outcome), Refusal> {
    let commands: Vec<Command> = rows.iter().cloned().map(|row| Command::Import(Box::new(row))).collect();
    let Each { changes, refused } = decide_each(register, by, &commands)?;
    let refused = refused
        .into_iter()
        .filter_map(|(place, refusal)| {
            let row = &rows.get(place)?.row;
            let reason = refusal.to_string();
            Some(Refused { sheet: row.sheet.clone(), row: row.row, column: String::new(), reason })
        })
        .collect::<Vec<_>>();
    let count = |wanted: fn(&Change) -> bool| changes.iter().filter(|change| wanted(change)).count();
    let created = count(|change| matches!(change, Change::ItemAdded { .. }));
    let changed = count(|change| matches!(change, Change::ItemFactsChanged { .. }));
    let unchanged = rows.len() - refused.len() - created - changed;
    Ok((changes, Outcome { created, changed, unchanged, refused }))
}

fn numbers(rows: &[ImportedItem]) -> Scope {
    Scope::Items(rows.iter().map(|row| row.number.clone()).collect())
}

/// Decides some rows as [`take`] does, and records nothing.
async fn try_out(
    world: &World,
    system: &SystemId,
    who: &Who,
    rows: &[ImportedItem],
) -> Result<Outcome, ImportError> {
    let register = world.db.read().await?.load(system, numbers(rows)).await?;
    let by = deciding(world, system, who, world.clock.now()).map_err(ActError::Refused)?;
    let (_, outcome) = decided(&register, &by, rows).map_err(ActError::Refused)?;
    Ok(outcome)
}

/// Records the file as source evidence, once, and that its import began.
async fn begin(
    world: &World,
    system: &SystemId,
    who: &Who,
    name: &str,
    kept: &Kept,
    size: u64,
    plan: &ImportPlan,
) -> Result<(), ImportError> {
    let (outer, system, who, name) = (world.clone(), system.clone(), who.clone(), name.to_owned());
    let Kept { digest: file, redacted } = kept.clone();
    let rows = u32::try_from(plan.items.len()).unwrap_or(u32::MAX);
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let world = outer;
                let now = world.clock.now();
                tx.lock(std::slice::from_ref(&system)).await?;
                if tx.import(&system, &file).await?.is_some() {
                    return Ok(());
                }
                let mut register = tx.load(&system, Scope::System).await?;
                let evidence = Command::AddEvidence(Box::new(NewEvidence {
                    of: EvidenceOf::Source(name.clone()),
                    kind: EvidenceKind::Document,
                    title: format!("imported workbook {name}"),
                    digest: Some(file.clone()),
                    size,
                    media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
                        .to_owned(),
                    authors: vec![who.actor.clone()],
                    observed: now,
                    source: format!("import {file}"),
                    details: BTreeMap::new(),
                    redacted,
                }));
                let mut changes = {
                    let by = deciding(&world, &system, &who, now)?;
                    decide(&register, &by, &evidence).unwrap_or_default()
                };
                changes.push(Change::ImportStarted { file: file.clone(), name, rows });
                tx.record(&mut register, now, &who.actor, &format!("import {file}"), &changes).await?;
                Ok::<_, ActError>(())
            })
        })
        .await?;
    Ok(())
}

/// Takes some rows in one transaction.
async fn take(
    world: &World,
    system: &SystemId,
    who: &Who,
    file: &Digest,
    rows: &[ImportedItem],
) -> Result<Outcome, ImportError> {
    let (outer, system, who, file, rows) =
        (world.clone(), system.clone(), who.clone(), file.clone(), rows.to_vec());
    let outcome = world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let world = outer;
                let now = world.clock.now();
                tx.lock(std::slice::from_ref(&system)).await?;
                let mut register = tx.load(&system, numbers(&rows)).await?;
                let (all, outcome) = {
                    let by = deciding(&world, &system, &who, now)?;
                    decided(&register, &by, &rows).map_err(ActError::Refused)?
                };
                if all.is_empty() {
                    return Ok(outcome);
                }
                let cause = format!("import {file}");
                tx.record(&mut register, now, &who.actor, &cause, &all).await?;
                let subjects = drift::touched(&register, &all);
                redetect(tx, &world, &mut register, &subjects).await?;
                let milestones: Vec<MilestoneNumber> = drift::milestones_in(&subjects).into_iter().collect();
                tx.mark_milestones(&system, &milestones, now).await?;
                Ok::<_, ActError>(outcome)
            })
        })
        .await?;
    Ok(outcome)
}

async fn redetect(
    tx: &mut Tx,
    world: &World,
    register: &mut Register,
    subjects: &BTreeSet<Subject>,
) -> Result<(), SyncError> {
    let system = register.system.id.clone();
    let standing = world.settings.standing(&system)?;
    drift::redetect(tx, register, subjects, None, &standing, world.clock.now()).await?;
    Ok(())
}
