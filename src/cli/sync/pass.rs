//! `sync`.

use anyhow::Context as _;

use super::super::{Ending, Session, output};
use super::known_tracker;
use crate::app::App;
use crate::app::once::{Done, once};
use crate::sync::{detect, lease};

pub(in crate::cli) async fn run(
    session: &Session,
    dry_run: bool,
    tracker: Option<&str>,
) -> anyhow::Result<Ending> {
    let app = if dry_run { session.reading().await? } else { session.app().await? };
    if let Some(tracker) = tracker {
        known_tracker(&app, tracker)?;
    }
    let connections = connections(&app, tracker);
    if dry_run {
        return dry(session, &app, &connections, tracker).await;
    }
    let mut all = Vec::new();
    for connection in &connections {
        let bar = output::progress(0, connection);
        bar.set_style(indicatif::ProgressStyle::with_template("{spinner} {msg}: {pos} links looked at")?);
        let told = bar.clone();
        let tell = move |links| told.set_position(links);
        all.push(Box::pin(once(&app, connection, tracker, &tell)).await?);
        bar.finish_and_clear();
    }
    for system in &app.config.systems {
        detect::connections(app.world(), &system.id).await?;
    }
    lease::release(app.world()).await?;
    if session.shared.json {
        output::json(&all)?;
    } else {
        said(&all);
    }
    Ok(if all.iter().all(Done::is_fine) { Ending::Done } else { Ending::Failed })
}

/// Connections that have a tracker; only the one of the tracker that is named.
fn connections(app: &App, tracker: Option<&str>) -> Vec<String> {
    let used = |connection: &str| {
        let mut trackers = app.config.trackers.iter().filter(|held| held.connection == connection);
        match tracker {
            None => trackers.next().is_some(),
            Some(id) => trackers.any(|held| held.id == id),
        }
    };
    app.config.connections.iter().map(|held| held.id.clone()).filter(|id| used(id)).collect()
}

fn said(all: &[Done]) {
    let rows = all.iter().map(|done| {
        vec![
            done.connection.clone(),
            done.polled.to_string(),
            done.created.to_string(),
            done.written.to_string(),
            done.said.to_string(),
            (done.failed.len() + done.errors.len()).to_string(),
        ]
    });
    let headers = ["Connection", "Polled", "Made", "Written", "Commented", "Failed"];
    output::table(&headers, rows.collect(), "The configuration has no [[tracker]]: there is nothing to do.");
    for done in all {
        for error in &done.errors {
            output::note(format!("error: connection {}: {error}", done.connection));
        }
        for failed in &done.failed {
            output::note(format!("error: {failed}"));
        }
        if done.unsettled {
            output::note(format!(
                "error: connection {}: links are marked again and again; it was given up for now",
                done.connection
            ));
        }
        if let Some(next) = done.next {
            output::line(format!(
                "{}: what was put off is next due at {}.",
                done.connection,
                output::time(next)
            ));
        }
    }
}

async fn dry(
    session: &Session,
    app: &App,
    connections: &[String],
    tracker: Option<&str>,
) -> anyhow::Result<Ending> {
    let mut lines = Vec::new();
    for connection in connections {
        let planned = app.engine.of_tracker(tracker).dry_run(connection).await;
        lines.extend(planned.with_context(|| format!("connection {connection} cannot be looked at"))?);
    }
    if session.shared.json {
        output::json(&lines)?;
        return Ok(Ending::Done);
    }
    let rows = lines.iter().map(|line| {
        vec![
            output::or_dash(Some(&line.milestone)),
            line.tracker.clone(),
            output::or_dash(line.ticket.as_deref()),
            line.plan.clone(),
        ]
    });
    let headers = ["Milestone", "Tracker", "Ticket", "Would"];
    output::table(&headers, rows.collect(), "Nothing would be done.");
    Ok(Ending::Done)
}
