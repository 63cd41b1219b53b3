//! An API token.

use serde::Serialize;

use super::Time;
use crate::register::Token;

/// An API token, without its digest.
#[derive(Debug, Serialize)]
pub struct TokenView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Systems it may read; `*` is every system.
    pub systems: &'a [String],
    /// When it was made.
    pub added: Time,
    /// Until when it is valid.
    pub expires: Option<Time>,
    /// When it was revoked.
    pub revoked: Option<Time>,
}

impl<'a> TokenView<'a> {
    /// Of a token.
    pub fn of(token: &'a Token) -> Self {
        Self {
            name: &token.name,
            systems: &token.systems,
            added: Time(token.added),
            expires: token.expires.map(Time),
            revoked: token.revoked.map(Time),
        }
    }
}
