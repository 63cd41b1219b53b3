//! A person.

use serde::Serialize;

use crate::register::{Grant, Person};

/// A person with their accounts and roles.
#[derive(Debug, Serialize)]
pub struct PersonView<'a> {
    /// As owners are named.
    pub name: &'a str,
    /// E-mail address.
    pub email: Option<&'a str>,
    /// GitHub login.
    pub github: Option<&'a str>,
    /// Jira account id (Data Center: user name).
    pub jira: Option<&'a str>,
    /// Their manager.
    pub manager: Option<&'a str>,
    /// Roles by system; `*` is every system.
    pub roles: &'a [Grant],
}

impl<'a> PersonView<'a> {
    /// Of a person.
    pub fn of(person: &'a Person) -> Self {
        Self {
            name: &person.name,
            email: person.email.as_deref(),
            github: person.github.as_deref(),
            jira: person.jira.as_deref(),
            manager: person.manager.as_deref(),
            roles: &person.roles,
        }
    }
}
