//! Seals: a chain's head signed with a key outside the store, and put where this host cannot rewrite it.

use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;

use crate::register::seal::{Seal, SealFault, sign};
use crate::register::{Actor, SystemId};
use crate::store::{EvidenceError, Scope, StoreError};
use crate::sync::World;

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No key is configured.
    #[error("no key to seal with: set `[seal] key_file` (openssl genpkey -algorithm ed25519 -out FILE)")]
    NoKey,
    /// The key cannot be read.
    #[error("the key {file} cannot be read: {reason}")]
    Key {
        /// File.
        file: String,
        /// Why.
        reason: String,
    },
    /// There is nothing to seal.
    #[error(transparent)]
    Fault(#[from] SealFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The evidence store failed.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

/// Reads the Ed25519 key of a PEM file.
pub fn key(file: Option<&Path>) -> Result<SigningKey, SealError> {
    let file = file.ok_or(SealError::NoKey)?;
    let failed = |reason: String| SealError::Key { file: file.display().to_string(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    SigningKey::from_pkcs8_pem(&text).map_err(|error| failed(error.to_string()))
}

/// Seals a system's chain: the seal is kept in the evidence store, and then recorded in the chain. It covers the rows up to
/// the head that was signed, whatever came meanwhile.
pub async fn seal(world: &World, system: &SystemId, key: &SigningKey) -> Result<Seal, SealError> {
    let head = world.db.read().await?.head(system).await?;
    let seal = sign(system, &head, key)?;
    world.evidence.put(seal.bytes()).await?;
    let (system, change, clock) = (system.clone(), seal.change(), world.clock.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let mut register = tx.load(&system, Scope::System).await?;
                tx.record(&mut register, clock.now(), &Actor::Poam, "seal", &[change]).await
            })
        })
        .await?;
    Ok(seal)
}

/// Seals every chain that has a row.
pub async fn seal_all(
    world: &World,
    chains: Vec<SystemId>,
    key: &SigningKey,
) -> Result<Vec<Seal>, SealError> {
    let mut seals = Vec::new();
    for chain in chains {
        match seal(world, &chain, key).await {
            Ok(sealed) => seals.push(sealed),
            Err(SealError::Fault(SealFault::Empty(_))) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seals)
}
