//! `audit log`.

use clap::Args;

use super::super::register::{item_named, milestone_named};
use super::super::{Ending, Session, output};
use crate::register::SystemId;
use crate::register::journal::Entry;
use crate::register::view::EntryView;
use crate::store::Tx;

/// Rows that a person is shown if they do not say how many.
const SHOWN: u64 = 50;
/// Rows read at once.
const PAGE: u32 = 1_000;

#[derive(Debug, Args)]
pub(in crate::cli) struct Log {
    /// Rows about this item alone.
    #[arg(long, value_name = "ITEM", conflicts_with = "milestone")]
    item: Option<String>,
    /// Rows about this milestone alone.
    #[arg(long, value_name = "MILESTONE")]
    milestone: Option<String>,
    /// At most the last so many rows; without it, 50 for a person and all as JSON.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub(in crate::cli) async fn run(session: &Session, wanted: Log) -> anyhow::Result<Ending> {
    let app = session.reading().await?;
    let (system, subject) = match (&wanted.item, &wanted.milestone) {
        (Some(item), _) => {
            let (system, item) = item_named(session, &app, item)?;
            (system, Some(item.to_string()))
        }
        (None, Some(milestone)) => {
            let (system, milestone) = milestone_named(session, &app, milestone)?;
            (system, Some(milestone.to_string()))
        }
        (None, None) => (session.chain(&app)?, None),
    };
    let limit = wanted.limit.or((!session.shared.json).then_some(SHOWN));
    let mut read = app.world().db.read().await?;
    match subject {
        Some(subject) => {
            let mut entries = read.entries_of(&system, &[subject]).await?;
            let all = entries.len();
            let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
            entries.drain(..all.saturating_sub(limit));
            if session.shared.json {
                output::json(&entries.iter().map(EntryView::of).collect::<Vec<_>>())?;
            } else {
                table(&entries);
                more(entries.len(), all);
            }
        }
        None => whole(session, &mut read, &system, limit).await?,
    }
    Ok(Ending::Done)
}

/// The end of a chain, page by page.
async fn whole(
    session: &Session,
    read: &mut Tx,
    system: &SystemId,
    limit: Option<u64>,
) -> anyhow::Result<()> {
    let last = read.head(system).await?.number;
    let mut from = limit.map_or(1, |limit| (last + 1).saturating_sub(limit).max(1));
    let first = from;
    let mut array = session.shared.json.then(output::Array::begin);
    let mut shown = Vec::new();
    while from <= last {
        let page = read.entries(system, from, PAGE).await?;
        let Some(end) = page.last() else { break };
        from = end.number + 1;
        match &mut array {
            Some(array) => page.iter().try_for_each(|entry| array.push(&EntryView::of(entry)))?,
            None => shown.extend(page),
        }
    }
    if let Some(array) = array {
        array.end();
    } else {
        table(&shown);
        let all = usize::try_from(last).unwrap_or(usize::MAX);
        more(shown.len(), if first > 1 { all } else { shown.len() });
    }
    Ok(())
}

fn table(entries: &[Entry]) {
    let rows = entries.iter().map(|entry| {
        vec![
            entry.number.to_string(),
            output::time(entry.at),
            entry.actor.clone(),
            entry.subject.clone(),
            kind(entry),
            entry.cause.clone(),
        ]
    });
    output::table(&["Row", "When", "Who", "About", "What", "Cause"], rows.collect(), "There is no such row.");
}

/// The kind of change that a row's body names.
fn kind(entry: &Entry) -> String {
    let body: Result<serde_json::Value, _> = serde_json::from_str(&entry.body);
    let kind = body.ok().and_then(|body| Some(body.get("kind")?.as_str()?.to_owned()));
    kind.unwrap_or_else(|| "(unreadable)".to_owned())
}

fn more(shown: usize, all: usize) {
    if shown < all {
        output::note(format!("The last {shown} of {all} rows; --limit shows more, --json the whole bodies."));
    }
}
