//! A row of the journal.

use serde::Serialize;

use super::Time;
use crate::register::SystemId;
use crate::register::journal::Entry;

/// A row of the journal.
#[derive(Debug, Serialize)]
pub struct EntryView<'a> {
    /// Chain.
    pub system: &'a SystemId,
    /// From 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Time,
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub cause: &'a str,
    /// About what.
    pub subject: &'a str,
    /// The change: canonical JSON as text, byte for byte what the hash covers.
    pub body: &'a str,
    /// Hash of the row before.
    pub previous: &'a str,
    /// SHA-256 of the members before it, each followed by a line feed.
    pub hash: &'a str,
}

impl<'a> EntryView<'a> {
    /// Of a row.
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            system: &entry.system,
            number: entry.number,
            at: Time(entry.at),
            actor: &entry.actor,
            cause: &entry.cause,
            subject: &entry.subject,
            body: &entry.body,
            previous: &entry.previous,
            hash: &entry.hash,
        }
    }
}
