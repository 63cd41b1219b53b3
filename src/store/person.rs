//! The fold of the reserved chain: persons, tokens, halted trackers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros};
use super::table::{fetch, table};
use super::{StoreError, Tx};
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

impl Tx {
    /// Every person, by name.
    pub async fn people(&mut self) -> Result<Vec<Person>, StoreError> {
        let rows = fetch!(self, PersonRow, "SELECT * FROM person ORDER BY name")?;
        Ok(rows.into_iter().map(PersonRow::person).collect())
    }

    /// A person by name.
    pub async fn person(&mut self, name: &str) -> Result<Option<Person>, StoreError> {
        let row = fetch!(self, PersonRow, "SELECT * FROM person WHERE name = $1", name)?.pop();
        Ok(row.map(PersonRow::person))
    }

    /// The person with a GitHub login, in whatever case (logins have none).
    pub async fn person_on_github(&mut self, login: &str) -> Result<Option<Person>, StoreError> {
        const SQL: &str = "SELECT * FROM person WHERE LOWER(github) = $1 ORDER BY name";
        let rows = fetch!(self, PersonRow, SQL, login.to_ascii_lowercase())?;
        Ok(rows.into_iter().next().map(PersonRow::person))
    }

    /// The person with a Jira account id (Data Center: user name).
    pub async fn person_on_jira(&mut self, account: &str) -> Result<Option<Person>, StoreError> {
        const SQL: &str = "SELECT * FROM person WHERE jira = $1 ORDER BY name";
        let rows = fetch!(self, PersonRow, SQL, account)?;
        Ok(rows.into_iter().next().map(PersonRow::person))
    }

    /// Every API token, by name; revoked and expired ones too.
    pub async fn tokens(&mut self) -> Result<Vec<Token>, StoreError> {
        let rows = fetch!(self, TokenRow, "SELECT * FROM token ORDER BY name")?;
        rows.into_iter().map(TokenRow::token).collect()
    }

    /// The API token with this digest, valid or not: the caller looks at its dates.
    pub async fn token_by_digest(&mut self, digest: &Digest) -> Result<Option<Token>, StoreError> {
        let row = fetch!(self, TokenRow, "SELECT * FROM token WHERE digest = $1", digest.as_str())?.pop();
        row.map(TokenRow::token).transpose()
    }

    /// Halted trackers with the reason, by tracker id.
    pub async fn halted(&mut self) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = fetch!(self, HaltedRow, "SELECT * FROM halted")?;
        Ok(rows.into_iter().map(|row| (row.tracker, row.reason)).collect())
    }
}
