//! Edits that come between our read and our write. Neither API locks a ticket, and a text is written as a whole, so
//! such an edit is overwritten. What each write was made upon is recorded with it: the ticket's history then tells
//! whether the write replaced anything else. What it replaced is kept in a conflict, and a text is written back where
//! the history gives it in the form in which it is written.

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{HistoryEntry, HistoryKind, Ticket};

use super::SyncError;
use super::merge::{Clash, Merged};
use super::reconcile::keep_loser;
use super::take::Taking;
use crate::register::Digest;

/// The field of a write of the title: its value is the title that it replaces.
const TITLE: &str = "title";
/// The field of a write of the text: its value names the text that it replaces.
const TEXT: &str = "text";
/// How far a ticket's `updated` may lie before the history entry of the same edit.
const SAME_EDIT: TimeDelta = TimeDelta::seconds(1);

/// Records what the title and the text are written upon.
pub async fn note(taking: &mut Taking<'_>, ticket: &Ticket, merged: &Merged) -> Result<(), SyncError> {
    if merged.title.is_some() {
        let seen = ticket.title.trim();
        taking.tx.record_own_write(&taking.link.id, TITLE, seen, taking.now).await?;
    }
    if merged.block.is_some() {
        let seen = match ticket.description.raw.as_str() {
            Some(text) => digest(text),
            None => ticket.updated.to_rfc3339(),
        };
        taking.tx.record_own_write(&taking.link.id, TEXT, &seen, taking.now).await?;
    }
    Ok(())
}

/// Our own entry about the title: what it replaced is what we saw, or an edit that is lost.
pub async fn title(taking: &mut Taking<'_>, from: &str, to: &str) -> Result<(), SyncError> {
    let upon = noted(taking, TITLE).await?;
    let Some(last) = upon.last() else { return Ok(()) };
    if taking.tx.match_own_write(&taking.link.id, TITLE, from.trim()).await? {
        return Ok(());
    }
    for value in &upon {
        taking.tx.match_own_write(&taking.link.id, TITLE, value).await?;
    }
    let clash = Clash {
        field: "title",
        base: last.clone(),
        ours: to.to_owned(),
        theirs: from.to_owned(),
        winner: "register",
    };
    keep_loser(taking, &clash).await
}

/// The same about the text. `texts` is all that the log tells of it, oldest first.
pub async fn text(
    taking: &mut Taking<'_>,
    ticket: &Ticket,
    entry: &HistoryEntry,
    from: &str,
    texts: &[HistoryEntry],
) -> Result<(), SyncError> {
    let upon = noted(taking, TEXT).await?;
    if upon.is_empty() || taking.tx.match_own_write(&taking.link.id, TEXT, &digest(from)).await? {
        return Ok(());
    }
    let restores = ticket.description.raw.is_string();
    let mut lost = restores;
    for value in &upon {
        match value.parse::<DateTime<Utc>>() {
            // What we saw when we wrote this is the last look before it; an older one led to no entry.
            Ok(seen) if seen <= entry.at => lost = between(taking, seen, entry, texts),
            Ok(_) => continue,
            Err(_) => {}
        }
        taking.tx.match_own_write(&taking.link.id, TEXT, value).await?;
    }
    if !lost {
        return Ok(());
    }
    let is_last = texts.last().is_some_and(|last| last.id == entry.id);
    if restores && is_last {
        taking.link.observed.lost_text = Some(from.to_owned());
    }
    let clash = Clash {
        field: "description",
        base: String::new(),
        ours: "the managed block, with the text around it as it was before".to_owned(),
        theirs: from.to_owned(),
        winner: if restores && is_last { "tracker" } else { "register" },
    };
    keep_loser(taking, &clash).await
}

/// Whether somebody edited the text after we saw it and before our entry.
fn between(taking: &Taking<'_>, seen: DateTime<Utc>, ours: &HistoryEntry, texts: &[HistoryEntry]) -> bool {
    texts.iter().take_while(|entry| entry.id != ours.id).any(|entry| {
        let by_us = entry.by.as_ref().is_some_and(|account| account.id == taking.us.id);
        !by_us && entry.at > seen + SAME_EDIT
    })
}

/// The entries of a log that are about the text, oldest first.
pub fn texts(entries: &[HistoryEntry]) -> Vec<HistoryEntry> {
    let about = |entry: &&HistoryEntry| matches!(entry.kind, HistoryKind::Text { .. });
    let mut texts: Vec<HistoryEntry> = entries.iter().filter(about).cloned().collect();
    texts.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    texts
}

/// What our writes of a field were made upon, as far as no entry was matched with them.
async fn noted(taking: &mut Taking<'_>, field: &str) -> Result<Vec<String>, SyncError> {
    let writes = taking.tx.own_writes(&taking.link.id).await?;
    Ok(writes.into_iter().filter(|write| write.field == field).map(|write| write.value).collect())
}

/// A text, whatever its line ends.
fn digest(text: &str) -> String {
    Digest::of(text.replace("\r\n", "\n").trim().as_bytes()).to_string()
}
