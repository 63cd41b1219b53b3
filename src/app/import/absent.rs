//! The end of an import: which open items the file lacks, and which of those it has again. Drift, never closure.

use std::collections::BTreeSet;

use super::ImportError;
use crate::app::act::Who;
use crate::exchange::import::ImportPlan;
use crate::register::{Change, Digest, Drift, DriftKind, ItemNumber, Register, Status, Subject, SystemId};
use crate::store::{ItemFilter, Scope, StoreError, Tx};
use crate::sync::World;

/// The open drifts of items that a newer file lacked.
async fn absent_ones(tx: &mut Tx, system: &SystemId) -> Result<Vec<Drift>, StoreError> {
    let mut standing = tx.drifts(system, true).await?;
    standing.retain(|drift| drift.kind == DriftKind::AbsentFromImport);
    Ok(standing)
}

/// Those of which the item is in the file now are settled.
fn settle_present(
    register: &mut Register,
    standing: Vec<Drift>,
    present: &BTreeSet<ItemNumber>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for drift in standing {
        if matches!(&drift.subject, Subject::Item(item) if present.contains(item)) {
            let by = "the imported workbook has it again".to_owned();
            changes.push(Change::DriftSettled { number: drift.number, by });
            register.drifts.insert(drift.number, drift);
        }
    }
    changes
}

/// A file that is known whole changes nothing, but an item that was missed since is in it.
pub(super) async fn back_again(
    world: &World,
    system: &SystemId,
    who: &Who,
    file: &Digest,
    plan: &ImportPlan,
) -> Result<(), ImportError> {
    let present: BTreeSet<ItemNumber> = plan.items.iter().map(|item| item.number.clone()).collect();
    let (now, system, who, file) = (world.clock.now(), system.clone(), who.clone(), file.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                tx.lock(std::slice::from_ref(&system)).await?;
                let standing = absent_ones(tx, &system).await?;
                let mut register = tx.load(&system, Scope::System).await?;
                let changes = settle_present(&mut register, standing, &present);
                tx.record(&mut register, now, &who.actor, &format!("import {file}"), &changes).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}

/// Says which open items the newer file lacks (drift, never closure), and that all of it was taken.
pub(super) async fn finish(
    world: &World,
    system: &SystemId,
    who: &Who,
    file: &Digest,
    plan: &ImportPlan,
) -> Result<(), ImportError> {
    let present: BTreeSet<ItemNumber> = plan.items.iter().map(|item| item.number.clone()).collect();
    let (outer, system, who, file) = (world.clone(), system.clone(), who.clone(), file.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let now = outer.clock.now();
                tx.lock(std::slice::from_ref(&system)).await?;
                let open = ItemFilter {
                    statuses: Status::ALL.into_iter().filter(|status| *status != Status::Closed).collect(),
                    ..ItemFilter::default()
                };
                let open = tx.items(&system, &open, None, i32::MAX.unsigned_abs()).await?;
                let absent = open.into_iter().filter(|item| item.imported.is_some()).map(|item| item.number);
                let standing = absent_ones(tx, &system).await?;
                let mut register = tx.load(&system, Scope::System).await?;
                let mut changes = Vec::new();
                let mut number = register.system.last_drift;
                for item in absent.filter(|item| !present.contains(item)) {
                    if standing.iter().any(|drift| drift.subject == Subject::Item(item.clone())) {
                        continue;
                    }
                    number += 1;
                    changes.push(Change::DriftOpened {
                        drift: Drift {
                            number,
                            kind: DriftKind::AbsentFromImport,
                            subject: Subject::Item(item),
                            key: String::new(),
                            detail: format!(
                                "the workbook {} lacks it",
                                file.as_str().get(..12).unwrap_or_default()
                            ),
                            opened: now,
                            settled: None,
                            settled_by: None,
                        },
                    });
                }
                changes.extend(settle_present(&mut register, standing, &present));
                if let Some(import) = tx.import(&system, &file).await? {
                    register.imports.insert(file.clone(), import);
                }
                changes.push(Change::ImportFinished { file: file.clone() });
                for chunk in changes.chunks(500) {
                    tx.record(&mut register, now, &who.actor, &format!("import {file}"), chunk).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}
