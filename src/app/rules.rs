//! `poam rules apply`: a changed rule file acts only through this, which journals its digest and each new deadline.

use serde::Serialize;

use super::act::Who;
use super::reserved::needs;
use super::wiring::{App, OpenError, parse_rules, rule_texts};
use crate::drift;
use crate::register::decide::{KEEPERS, Refusal};
use crate::register::policy::{RuleSet, deadline};
use crate::register::{Change, Digest, Subject, SystemId};
use crate::store::Scope;
use crate::sync::SyncError;

/// What applying the rules does, in words.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One line each: a file that differs, a deadline that changes.
    pub lines: Vec<String>,
}

/// Why the rules were not applied.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A rule file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Whoever acts may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store.
    #[error(transparent)]
    Sync(#[from] SyncError),
}

impl From<crate::store::StoreError> for RulesError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Sync(error.into())
    }
}

/// Compares the rule files with those in force; with `yes`, puts them in force and derives every deadline again.
/// Frozen dates stay. `who` gives whoever acts, by system: who keeps the POA&M of every one.
pub async fn apply(
    app: &App,
    yes: bool,
    who: impl Fn(&SystemId) -> Result<Who, Refusal>,
) -> Result<Report, RulesError> {
    let mut report = Report::default();
    let texts = rule_texts(&app.config)?;
    let mut acting = Vec::new();
    for system in &app.config.systems {
        let who = who(&system.id)?;
        if yes {
            needs(&who, &format!("put rules in force in {}", system.id), KEEPERS)?;
        }
        acting.push((&system.id, who));
    }
    for (system, who) in acting {
        one(app, system, &who, &texts, yes, &mut report).await?;
    }
    Ok(report)
}

async fn one(
    app: &App,
    system: &SystemId,
    who: &Who,
    texts: &[(String, String)],
    yes: bool,
    report: &mut Report,
) -> Result<(), RulesError> {
    let world = app.world().clone();
    let (system, actor, texts) = (system.clone(), who.actor.clone(), texts.to_vec());
    let lines = world
        .clone()
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let now = world.clock.now();
                let mut register = tx.load(&system, Scope::All).await?;
                let mut lines = Vec::new();
                let mut changes = Vec::new();
                let mut rules = world.settings.system(&system)?.rules.clone();
                for (name, text) in &texts {
                    let digest = Digest::of(text.as_bytes());
                    let active = register.system.rules.iter().find(|(known, _)| known == name);
                    if active.is_some_and(|(_, active)| *active == digest) {
                        continue;
                    }
                    let set: RuleSet = parse_rules(name, text)?;
                    if set.name == rules.name {
                        rules = set;
                    }
                    lines.push(format!(
                        "{system}: {name} becomes {}",
                        digest.as_str().get(..12).unwrap_or_default()
                    ));
                    changes.push(Change::RulesApplied { name: name.clone(), digest });
                }
                if changes.is_empty() {
                    return Ok::<_, RulesError>(lines);
                }
                for item in register.items.values().filter(|item| item.is_open()) {
                    let derived = deadline(&rules, &item.facts);
                    if derived != item.deadline {
                        let day = |d: &Option<crate::register::Deadline>| {
                            d.as_ref().map_or_else(|| "none".to_owned(), |d| d.date.to_string())
                        };
                        lines.push(format!(
                            "{system}/{}: deadline {} becomes {}",
                            item.number,
                            day(&item.deadline),
                            day(&derived)
                        ));
                        changes.push(Change::ItemDeadline { item: item.number.clone(), deadline: derived });
                    }
                }
                if yes {
                    for (name, text) in &texts {
                        tx.put_rule_text(name, text).await?;
                    }
                    let subjects = drift::touched(&register, &changes);
                    for chunk in changes.chunks(500) {
                        tx.record(&mut register, now, &actor, "rules apply", chunk).await?;
                    }
                    let mut standing = world.settings.standing(&system)?;
                    standing.rules = &rules;
                    let about = subjects
                        .into_iter()
                        .filter(|s| matches!(s, Subject::Item(_) | Subject::Milestone(_)));
                    drift::redetect(tx, &mut register, &about.collect(), None, &standing, now).await?;
                }
                Ok(lines)
            })
        })
        .await?;
    report.lines.extend(lines);
    Ok(())
}
