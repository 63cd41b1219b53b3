//! `poam rules apply`: a changed rule file acts only through this, which journals its digest and each new deadline.

use serde::Serialize;

use super::act::Who;
use super::reserved::needs;
use super::wiring::{App, OpenError, parse_rules, rule_texts};
use crate::drift;
use crate::register::decide::{KEEPERS, Refusal};
use crate::register::policy::{RuleSet, deadline};
use crate::register::{Actor, Change, Deadline, Digest, Register, Subject, SystemId};
use crate::store::Scope;
use crate::sync::{SyncError, World};

/// What applying the rules does, in words.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One line each: a file that differs, a deadline that changes.
    pub lines: Vec<String>,
}

/// Why the rules were not applied.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Whoever acts may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A rule file.
    #[error(transparent)]
    Open(#[from] OpenError),
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
/// Frozen dates stay. `who` gives whoever acts, by system; without `yes` nobody acts, and nothing is written.
pub async fn apply(
    app: &App,
    yes: bool,
    who: impl Fn(&SystemId) -> Result<Who, Refusal>,
) -> Result<Report, RulesError> {
    let texts = rule_texts(&app.config)?;
    let mut report = Report::default();
    let systems: Vec<&SystemId> = app.config.systems.iter().map(|system| &system.id).collect();
    if !yes {
        let mut read = app.world().db.read().await?;
        for system in systems {
            let register = read.load(system, Scope::All).await?;
            let rules = &app.world().settings.system(system)?.rules;
            report.lines.extend(plan(&register, &texts, rules)?.lines);
        }
        return Ok(report);
    }
    let mut acting = Vec::new();
    for system in systems {
        let who = who(system)?;
        needs(&who, &format!("put rules in force in {system}"), KEEPERS)?;
        acting.push((system, who.actor));
    }
    for (system, actor) in acting {
        report.lines.extend(put_in_force(app.world(), system, actor, &texts).await?);
    }
    Ok(report)
}

/// What the rule files change.
struct Plan {
    /// In words.
    lines: Vec<String>,
    /// Empty where every file is in force already.
    changes: Vec<Change>,
    /// By which deadlines are derived then.
    rules: RuleSet,
}

fn plan(register: &Register, texts: &[(String, String)], in_force: &RuleSet) -> Result<Plan, OpenError> {
    let system = &register.system.id;
    let mut plan = Plan { lines: Vec::new(), changes: Vec::new(), rules: in_force.clone() };
    for (name, text) in texts {
        let digest = Digest::of(text.as_bytes());
        let active = register.system.rules.iter().find(|(known, _)| known == name);
        if active.is_some_and(|(_, active)| *active == digest) {
            continue;
        }
        let set = parse_rules(name, text)?;
        if set.name == plan.rules.name {
            plan.rules = set;
        }
        let short = digest.as_str().get(..12).unwrap_or_default();
        plan.lines.push(format!("{system}: {name} becomes {short}"));
        plan.changes.push(Change::RulesApplied { name: name.clone(), digest });
    }
    if plan.changes.is_empty() {
        return Ok(plan);
    }
    for item in register.items.values().filter(|item| item.is_open()) {
        let derived = deadline(&plan.rules, &item.facts);
        if !Deadline::differ(derived.as_ref(), item.deadline.as_ref()) {
            continue;
        }
        let day = |d: &Option<Deadline>| d.as_ref().map_or_else(|| "none".to_owned(), |d| d.date.to_string());
        plan.lines.push(format!(
            "{system}/{}: deadline {} becomes {}",
            item.number,
            day(&item.deadline),
            day(&derived)
        ));
        plan.changes.push(Change::ItemDeadline { item: item.number.clone(), deadline: derived });
    }
    Ok(plan)
}

/// Gives what it did, in words.
async fn put_in_force(
    world: &World,
    system: &SystemId,
    actor: Actor,
    texts: &[(String, String)],
) -> Result<Vec<String>, RulesError> {
    let (outer, system, texts) = (world.clone(), system.clone(), texts.to_vec());
    world
        .writer
        .submit(move |tx| {
            Box::pin(async move {
                let now = outer.clock.now();
                let mut register = tx.load(&system, Scope::All).await?;
                let Plan { lines, changes, rules } =
                    plan(&register, &texts, &outer.settings.system(&system)?.rules)?;
                for (name, text) in &texts {
                    tx.put_rule_text(name, text).await?;
                }
                let subjects = drift::touched(&register, &changes);
                for chunk in changes.chunks(500) {
                    tx.record(&mut register, now, &actor, "rules apply", chunk).await?;
                }
                let mut standing = outer.settings.standing(&system)?;
                standing.rules = &rules;
                let about =
                    subjects.into_iter().filter(|s| matches!(s, Subject::Item(_) | Subject::Milestone(_)));
                drift::redetect(tx, &mut register, &about.collect(), None, &standing, now).await?;
                Ok::<_, RulesError>(lines)
            })
        })
        .await
}
