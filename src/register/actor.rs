//! Who acts, why, and what they may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whoever makes a change, as the journal names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A person of the register, by name.
    Person(String),
    /// An account on a tracker that no person is mapped to: connection, account id.
    Account(String, String),
    /// Somebody on a tracker that does not say who.
    Unknown(String),
    /// An API token, by name.
    Token(String),
    /// A rule, by identifier.
    Rule(String),
    /// Whoever runs commands where the store is: the operating system's user.
    Local(String),
    /// The bridge itself.
    Poam,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Account(connection, id) => write!(f, "account:{connection}:{id}"),
            Self::Unknown(connection) => write!(f, "unknown:{connection}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Rule(id) => write!(f, "rule:{id}"),
            Self::Local(user) => write!(f, "local:{user}"),
            Self::Poam => f.write_str("poam"),
        }
    }
}

impl FromStr for Actor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match (kind, rest) {
            ("poam", "") => Self::Poam,
            ("person", name) => Self::Person(name.to_owned()),
            ("account", rest) => {
                let (connection, id) =
                    rest.split_once(':').ok_or_else(|| format!("no account in {text:?}"))?;
                Self::Account(connection.to_owned(), id.to_owned())
            }
            ("unknown", connection) => Self::Unknown(connection.to_owned()),
            ("token", name) => Self::Token(name.to_owned()),
            ("rule", id) => Self::Rule(id.to_owned()),
            ("local", user) => Self::Local(user.to_owned()),
            _ => return Err(format!("{text:?} names no actor")),
        })
    }
}

impl Serialize for Actor {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Actor {
    /// How a person reads it: a name, without the kind where that is plain.
    pub fn shown(&self) -> String {
        match self {
            Self::Person(name) => name.clone(),
            Self::Account(_, id) => id.clone(),
            Self::Unknown(connection) => format!("somebody on {connection}"),
            Self::Token(name) => format!("token {name}"),
            Self::Rule(id) => format!("rule {id}"),
            Self::Local(user) => format!("{user} (local)"),
            Self::Poam => "poam-bridge".to_owned(),
        }
    }
}

/// What a person may do in a system. Guards name the roles they need; admin may do all that a role alone allows,
/// but never stands in for a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works on tickets.
    Engineer,
    /// Owns items and milestones.
    Owner,
    /// Helps an owner.
    Supporting,
    /// Validates fixes.
    Validator,
    /// Decides moves.
    Approver,
    /// Information system security officer.
    Isso,
    /// The one person who answers for the POA&M process.
    ProcessOwner,
    /// System owner.
    SystemOwner,
    /// Authorizing official.
    AuthorizingOfficial,
    /// Keeps the POA&M.
    Grc,
    /// Reads everything, changes nothing.
    Assessor,
    /// Runs the bridge.
    Admin,
}

impl Role {
    /// Every role, in the order they are shown.
    pub const ALL: [Self; 12] = [
        Self::Engineer,
        Self::Owner,
        Self::Supporting,
        Self::Validator,
        Self::Approver,
        Self::Isso,
        Self::ProcessOwner,
        Self::SystemOwner,
        Self::AuthorizingOfficial,
        Self::Grc,
        Self::Assessor,
        Self::Admin,
    ];

    /// Its name in configuration and in refusals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Engineer => "engineer",
            Self::Owner => "owner",
            Self::Supporting => "supporting",
            Self::Validator => "validator",
            Self::Approver => "approver",
            Self::Isso => "isso",
            Self::ProcessOwner => "process_owner",
            Self::SystemOwner => "system_owner",
            Self::AuthorizingOfficial => "authorizing_official",
            Self::Grc => "grc",
            Self::Assessor => "assessor",
            Self::Admin => "admin",
        }
    }
}

/// The roles of one actor in one system.
pub type Roles = BTreeSet<Role>;

/// A person whom the bridge knows. Names are unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// As shown and as owners are named.
    pub name: String,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    /// Jira `accountId` (Data Center: user name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jira: Option<String>,
    /// Their manager, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Roles per system; `*` is every system.
    #[serde(default)]
    pub roles: Vec<Grant>,
}

/// A role in a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// System id, or `*`.
    pub system: String,
    /// The role there.
    pub role: Role,
}

impl Person {
    /// What they may do in `system`.
    pub fn roles_in(&self, system: &str) -> Roles {
        self.roles
            .iter()
            .filter(|grant| grant.system == "*" || grant.system == system)
            .map(|grant| grant.role)
            .collect()
    }
}
