//! The fold of the reserved chain: persons, tokens, halted trackers.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::StoreError;
use super::column::{Reading, micros};
use super::table::table;
use crate::register::{Digest, Grant, Person, Token};

table! {
    /// A person.
    PersonRow in "person" key "name" {
        name: String,
        email: Option<String>,
        github: Option<String>,
        jira: Option<String>,
        manager: Option<String>,
        roles: Json<Vec<Grant>>,
    }
}

table! {
    /// An API token.
    TokenRow in "token" key "name" {
        name: String,
        digest: String,
        added: DateTime<Utc>,
        expires: Option<DateTime<Utc>>,
        systems: Json<Vec<String>>,
        revoked: Option<DateTime<Utc>>,
    }
}

table! {
    /// A halted tracker.
    HaltedRow in "halted" key "tracker" {
        tracker: String,
        reason: String,
    }
}

impl PersonRow {
    pub(super) fn of(person: &Person) -> Self {
        Self {
            name: person.name.clone(),
            email: person.email.clone(),
            github: person.github.clone(),
            jira: person.jira.clone(),
            manager: person.manager.clone(),
            roles: Json(person.roles.clone()),
        }
    }

    pub(super) fn person(self) -> Person {
        Person {
            name: self.name,
            email: self.email,
            github: self.github,
            jira: self.jira,
            manager: self.manager,
            roles: self.roles.0,
        }
    }
}

impl TokenRow {
    pub(super) fn of(token: &Token) -> Self {
        Self {
            name: token.name.clone(),
            digest: token.digest.to_string(),
            added: micros(token.added),
            expires: token.expires.map(micros),
            systems: Json(token.systems.clone()),
            revoked: token.revoked.map(micros),
        }
    }

    pub(super) fn token(self) -> Result<Token, StoreError> {
        let read = Reading { table: "token", row: &self.name };
        Ok(Token {
            digest: read.checked("digest", Digest::new(&self.digest))?,
            name: self.name,
            added: self.added,
            expires: self.expires,
            systems: self.systems.0,
            revoked: self.revoked,
        })
    }
}
