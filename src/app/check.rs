//! `poam check`: every mistake in the configuration, every missing permission and every rule file that differs, at
//! once. What the configuration itself gets wrong is reported by its reader before this runs.

use serde::Serialize;

use super::App;
use super::wiring::rule_texts;
use crate::config::Config;
use crate::register::Digest;
use crate::store::Scope;
use crate::sync::{SyncError, World, brakes};

/// What a check found.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What must be put right.
    pub problems: Vec<String>,
    /// What works in a plainer way, or is worth knowing.
    pub notes: Vec<String>,
}

/// Checks everything that can be asked without changing anything.
pub async fn check(app: &App) -> Findings {
    let mut findings = Findings::default();
    store(app, &mut findings).await;
    for connection in &app.config.connections {
        let name = &connection.id;
        let trackers: Vec<_> =
            app.config.trackers.iter().filter(|tracker| tracker.connection == *name).collect();
        if connection.webhook_secrets.is_empty() {
            findings
                .notes
                .push(format!("connection {name}: no webhook secret, so changes are seen by polls alone"));
        }
        let Some(connector) = app.world().connectors.get(name) else { continue };
        let projects: Vec<_> = trackers.iter().map(|tracker| tracker.spec()).collect();
        match connector.check(&projects).await {
            Err(error) => {
                findings.problems.push(format!("connection {name}: {}", crate::sync::failure::chain(&error)));
            }
            Ok(report) => {
                let who = report.account.map_or_else(|| "nobody".to_owned(), |account| account.name);
                findings.notes.push(format!("connection {name}: {} as {who}", report.site));
                findings
                    .problems
                    .extend(report.problems.into_iter().map(|text| format!("connection {name}: {text}")));
                findings
                    .notes
                    .extend(report.notes.into_iter().map(|text| format!("connection {name}: {text}")));
                for tracker in &trackers {
                    if report.public_projects.contains(&tracker.project) && !tracker.allow_public {
                        findings.problems.push(format!(
                            "tracker {}: {} can be read by anyone; weaknesses would be told to the world. Set \
                             `allow_public = true` if that is wanted",
                            tracker.id, tracker.project
                        ));
                    }
                }
            }
        }
    }
    findings
}

async fn store(app: &App, findings: &mut Findings) {
    let read = app.world().db.read().await;
    let mut read = match read {
        Ok(read) => read,
        Err(error) => {
            findings.problems.push(crate::sync::failure::chain(&error));
            return;
        }
    };
    for system in &app.config.systems {
        match read.load(&system.id, Scope::System).await {
            Err(error) => findings.problems.push(crate::sync::failure::chain(&error)),
            Ok(register) => {
                if let Ok(texts) = rule_texts(&app.config) {
                    for (name, text) in texts {
                        let digest = Digest::of(text.as_bytes());
                        let active = register.system.rules.iter().find(|(known, _)| *known == name);
                        if active.is_some_and(|(_, active)| *active != digest) {
                            findings.notes.push(format!(
                                "{}: the file {name} differs from the rules in force; `poam rules apply` shows and \
                                 takes the change",
                                system.id
                            ));
                        }
                    }
                }
                if system.profile.process_owner.is_none() {
                    findings.notes.push(format!("{}: no `process_owner` is named", system.id));
                }
            }
        }
        if !app.config.routes.iter().any(|route| route.system == system.id.as_str()) {
            findings
                .notes
                .push(format!("{}: no [[route]] leads to a tracker, so no ticket will be opened", system.id));
        }
    }
}

/// Halts every tracker of a connection whose project anyone can read, unless `allow_public` is set: weaknesses would be
/// told to the world. Called before anything is written there.
pub async fn refuse_public(config: &Config, world: &World, connection: &str) -> Result<(), SyncError> {
    let trackers: Vec<_> = config
        .trackers
        .iter()
        .filter(|tracker| tracker.connection == connection && !tracker.allow_public)
        .collect();
    if trackers.is_empty() {
        return Ok(());
    }
    let projects: Vec<_> = trackers.iter().map(|tracker| tracker.spec()).collect();
    let report = world.connector(connection)?.check(&projects).await?;
    for tracker in trackers {
        if report.public_projects.contains(&tracker.project) {
            let reason = format!("{} can be read by anyone, and `allow_public` is not set", tracker.project);
            brakes::halt(world, &tracker.id, reason, Vec::new()).await?;
        }
    }
    Ok(())
}
