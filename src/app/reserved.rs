//! What people change in the reserved chain: tokens, and whether trackers are halted.

use chrono::{DateTime, Utc};
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use super::act::{ActError, Who};
use crate::register::decide::Refusal;
use crate::register::{Change, Digest, Register, Role, SystemId};
use crate::store::Scope;
use crate::sync::{SyncError, World};

/// Refuses unless whoever acts has one of the roles, or is admin.
pub fn needs(who: &Who, what: &str, roles: &[Role]) -> Result<(), Refusal> {
    if who.roles.iter().any(|role| *role == Role::Admin || roles.contains(role)) {
        return Ok(());
    }
    let names: Vec<_> = roles.iter().copied().chain([Role::Admin]).map(Role::name).collect();
    Err(Refusal::new(what, format!("{} has none of the roles {}", who.actor.shown(), names.join(", "))))
}

/// Decides on the reserved chain's state, and records what it gives.
async fn decide<D>(world: &World, who: &Who, decide: D) -> Result<(), ActError>
where
    D: FnOnce(&Register, DateTime<Utc>) -> Result<Vec<Change>, Refusal> + Clone + Send + 'static,
{
    let (clock, actor) = (world.clock.clone(), who.actor.clone());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let reserved = SystemId::reserved();
                tx.lock(std::slice::from_ref(&reserved)).await?;
                let mut register = tx.load(&reserved, Scope::All).await?;
                let changes = match decide(&register, clock.now()) {
                    Ok(changes) => changes,
                    Err(refusal) => return Ok::<_, SyncError>(Err(refusal)),
                };
                tx.record(&mut register, clock.now(), &actor, "command", &changes).await?;
                Ok(Ok(()))
            })
        })
        .await?
        .map_err(ActError::Refused)
}

/// A fresh API token: 256 random bits of the operating system.
///
/// # Errors
/// Where it has none to give.
pub fn fresh_token() -> Result<String, rand::rand_core::OsError> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(format!("poam_{}", hex::encode(bytes)))
}

/// Records an API token by its digest. It reads these systems; `*` is every one.
pub async fn add_token(
    world: &World,
    who: &Who,
    name: &str,
    token: &str,
    systems: Vec<String>,
    expires: Option<DateTime<Utc>>,
) -> Result<(), ActError> {
    let what = format!("make the token {name:?}");
    needs(who, &what, &[])?;
    let (name, digest) = (name.to_owned(), Digest::of(token.as_bytes()));
    let added = move |register: &Register, now: DateTime<Utc>| {
        let mut because = Vec::new();
        if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
            because.push(
                "its name is empty, begins or ends with a space, or holds a control character".to_owned(),
            );
        }
        if let Some(held) = register.tokens.get(&name) {
            let how = if held.revoked.is_some() { ", revoked" } else { "" };
            because.push(format!("there is one of that name already{how}: the history names tokens by it"));
        }
        if expires.is_some_and(|expires| expires <= now) {
            because.push("it would have expired already".to_owned());
        }
        if because.is_empty() {
            Ok(vec![Change::TokenAdded { name, digest, expires, systems }])
        } else {
            Err(Refusal { what, because })
        }
    };
    decide(world, who, added).await
}

/// Revokes an API token.
pub async fn revoke_token(world: &World, who: &Who, name: &str) -> Result<(), ActError> {
    let what = format!("revoke the token {name:?}");
    needs(who, &what, &[])?;
    let name = name.to_owned();
    let revoked = move |register: &Register, _: DateTime<Utc>| match register.tokens.get(&name) {
        None => Err(Refusal::new(what, "there is no such token")),
        Some(token) if token.revoked.is_some() => Err(Refusal::new(what, "it is revoked already")),
        Some(_) => Ok(vec![Change::TokenRevoked { name }]),
    };
    decide(world, who, revoked).await
}

/// Halts a tracker, or lets it go on: `on`.
pub async fn set_tracker(
    world: &World,
    who: &Who,
    tracker: &str,
    on: bool,
    reason: &str,
) -> Result<(), ActError> {
    let what = format!("{} the tracker {tracker}", if on { "resume" } else { "halt" });
    needs(who, &what, &[Role::Grc, Role::Isso])?;
    let (tracker, reason, by) = (tracker.to_owned(), reason.trim().to_owned(), who.actor.clone());
    let changed = move |register: &Register, _: DateTime<Utc>| {
        let mut because = Vec::new();
        match (register.halted.get(&tracker), on) {
            (None, true) => because.push("it is not halted".to_owned()),
            (Some(why), false) => because.push(format!("it is halted already: {why}")),
            (Some(_), true) | (None, false) => {}
        }
        if reason.is_empty() {
            because.push("it needs a reason".to_owned());
        }
        if !because.is_empty() {
            return Err(Refusal { what, because });
        }
        Ok(vec![if on {
            Change::TrackerResumed { tracker, reason, by }
        } else {
            Change::TrackerHalted { tracker, reason }
        }])
    };
    decide(world, who, changed).await
}
