//! Redaction: the bytes of a proof are removed; its digest, and who removed it and why, stay.

use std::collections::BTreeMap;

use super::act::{ActError, Who};
use super::reserved::needs;
use crate::register::decide::Refusal;
use crate::register::{Change, Digest, Role, SystemId};
use crate::store::Scope;
use crate::sync::{SyncError, World};

/// What a redaction did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Redacted {
    /// Of the bytes.
    pub digest: Digest,
    /// The evidence that names them, by system.
    pub evidence: BTreeMap<String, Vec<u32>>,
}

/// Records the redaction in every system that names the bytes, in one transaction, and then removes them. Done again,
/// it removes what a crash left. `who` gives whoever acts, by system.
pub async fn redact(
    world: &World,
    digest: &Digest,
    reason: &str,
    who: impl Fn(&SystemId) -> Result<Who, Refusal>,
) -> Result<Redacted, ActError> {
    let what = format!("remove the bytes of {digest}");
    let named = world.db.read().await?.evidence_with(digest).await?;
    if named.is_empty() {
        return Err(Refusal::new(what, "no evidence of any system names them").into());
    }
    if reason.trim().is_empty() {
        return Err(Refusal::new(what, "it needs a reason").into());
    }
    let systems: Vec<SystemId> = {
        let mut systems: Vec<SystemId> = named.iter().map(|(system, _)| system.clone()).collect();
        systems.dedup();
        systems
    };
    let mut acting = Vec::new();
    for system in systems {
        let who = who(&system)?;
        needs(&who, &format!("{what} in {system}"), &[Role::Grc, Role::Isso])?;
        acting.push((system, who));
    }
    let (wanted, reason, now) = (digest.clone(), reason.trim().to_owned(), world.clock.now());
    let evidence = world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let systems: Vec<SystemId> = acting.iter().map(|(system, _)| system.clone()).collect();
                tx.lock(&systems).await?;
                // What came to name them since then counts too, where it is of these systems.
                let named = tx.evidence_with(&wanted).await?;
                let mut all = BTreeMap::new();
                for (system, who) in &acting {
                    let mut register = tx.load(system, Scope::System).await?;
                    let mut numbers = Vec::new();
                    for (_, evidence) in named.iter().filter(|(of, _)| of == system) {
                        if evidence.redacted.is_none() {
                            numbers.push(evidence.number);
                        }
                        register.evidence.insert(evidence.number, evidence.clone());
                    }
                    let held: Vec<u32> = register.evidence.keys().copied().collect();
                    all.insert(system.to_string(), held);
                    if numbers.is_empty() {
                        continue;
                    }
                    let (digest, reason) = (wanted.clone(), reason.clone());
                    let change = Change::EvidenceRedacted { digest, numbers, reason };
                    tx.record(&mut register, now, &who.actor, "command", &[change]).await?;
                }
                Ok::<_, SyncError>(all)
            })
        })
        .await?;
    world.evidence.remove(digest).await.map_err(SyncError::from)?;
    Ok(Redacted { digest: digest.clone(), evidence })
}
