//! The journal: one hash chain per system.
//!
//! A row's hash is the SHA-256 of its columns before it (system, number, time, actor, cause, subject, body,
//! previous hash), each followed by a line feed; none of them holds one. So a single row can be checked with
//! `printf '%s\n' ... | sha256sum`.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Actor, Change, Digest, SystemId};

/// The previous hash of a chain's first row.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One row of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Chain.
    pub system: SystemId,
    /// From 1, without gaps.
    pub number: u64,
    /// UTC, in microseconds; never before the previous row's.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Why: `command`, `ticket CONNECTION ID ENTRY`, `import DIGEST`, `schedule`.
    pub cause: String,
    /// About what.
    pub subject: String,
    /// The change: canonical JSON (RFC 8785).
    pub body: String,
    /// Hash of the row before.
    pub previous: String,
    /// Hash of this row.
    pub hash: String,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of its last row; 0 before the first.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// Its time.
    pub at: Option<DateTime<Utc>>,
}

impl Head {
    /// Of a chain without rows.
    pub fn empty() -> Self {
        Self { number: 0, hash: GENESIS.to_owned(), at: None }
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its number does not follow.
    #[error(
        "row {number} of {system} stands where row {expected} should: a row was removed, added or swapped"
    )]
    Number {
        /// Chain.
        system: SystemId,
        /// Found.
        number: u64,
        /// Wanted.
        expected: u64,
    },
    /// It does not name the hash of the row before.
    #[error(
        "row {number} of {system} does not follow the row before it: its `previous` is not that row's hash"
    )]
    Previous {
        /// Chain.
        system: SystemId,
        /// Row.
        number: u64,
    },
    /// Its hash is not that of its columns.
    #[error("row {number} of {system} was changed: its hash does not fit its columns")]
    Hash {
        /// Chain.
        system: SystemId,
        /// Row.
        number: u64,
    },
    /// It is older than the row before.
    #[error("row {number} of {system} is dated before the row before it")]
    Time {
        /// Chain.
        system: SystemId,
        /// Row.
        number: u64,
    },
}

/// The time as the journal writes it: `2026-11-22T15:04:05.000123Z`.
pub fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl Entry {
    /// The row that follows `head`. A clock that went back is held at the row before; what is finer than a microsecond
    /// is cut off. Its change is applied at the row's time, [`Entry::at`], so that a replay makes the same state.
    pub fn after(
        head: &Head,
        system: &SystemId,
        at: DateTime<Utc>,
        actor: &Actor,
        cause: &str,
        change: &Change,
    ) -> Result<Self, super::change::UnknownChange> {
        let clean =
            |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
        let at = at.trunc_subsecs(6);
        let mut entry = Self {
            system: system.clone(),
            number: head.number + 1,
            at: head.at.map_or(at, |last| last.max(at)),
            actor: clean(&actor.to_string()),
            cause: clean(cause),
            subject: clean(&change.subject()),
            body: canonical(&change.to_value()?),
            previous: head.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry.digest();
        Ok(entry)
    }

    /// The hash that its columns give.
    pub fn digest(&self) -> String {
        let number = self.number.to_string();
        let at = written(self.at);
        let mut hasher = Sha256::new();
        for column in [
            self.system.as_str(),
            &number,
            &at,
            &self.actor,
            &self.cause,
            &self.subject,
            &self.body,
            &self.previous,
        ] {
            hasher.update(column.as_bytes());
            hasher.update(b"\n");
        }
        hex::encode(hasher.finalize())
    }

    /// Checks that it follows `head`, and gives the head it makes.
    pub fn follow(&self, head: &Head) -> Result<Head, Fault> {
        let system = || self.system.clone();
        if self.number != head.number + 1 {
            return Err(Fault::Number { system: system(), number: self.number, expected: head.number + 1 });
        }
        if self.digest() != self.hash {
            return Err(Fault::Hash { system: system(), number: self.number });
        }
        if self.previous != head.hash {
            return Err(Fault::Previous { system: system(), number: self.number });
        }
        if head.at.is_some_and(|last| self.at < last) {
            return Err(Fault::Time { system: system(), number: self.number });
        }
        Ok(self.head())
    }

    /// The head that it makes.
    pub fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash.clone(), at: Some(self.at) }
    }

    /// The change in it.
    pub fn change(&self) -> Result<Change, super::change::UnknownChange> {
        Change::from_body(&self.body)
    }

    /// Its hash as a digest.
    pub fn hash_digest(&self) -> Result<Digest, String> {
        Digest::new(&self.hash)
    }
}

/// Canonical JSON (RFC 8785) of a value without floats: keys sorted by UTF-16 code units, no blanks.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (n, key) in keys.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(&members[key], out);
            }
            out.push('}');
        }
    }
}
