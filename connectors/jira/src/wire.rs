//! Jira's JSON, as much of it as is read. Fields that are not named here may come and go.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An issue, with whatever fields were asked for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Issue {
    pub(crate) id: String,
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) fields: Fields,
    #[serde(default)]
    pub(crate) properties: HashMap<String, Value>,
    /// Data Center puts the history into the issue itself.
    pub(crate) changelog: Option<EmbeddedLog>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fields {
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) summary: String,
    pub(crate) description: Value,
    pub(crate) status: Option<Status>,
    pub(crate) resolution: Option<Named>,
    pub(crate) assignee: Option<User>,
    pub(crate) reporter: Option<User>,
    pub(crate) creator: Option<User>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) labels: Vec<String>,
    pub(crate) project: Option<Project>,
    pub(crate) issuetype: Option<Named>,
    #[serde(rename = "fixVersions", deserialize_with = "null_is_default")]
    pub(crate) fix_versions: Vec<Version>,
    pub(crate) created: Option<Time>,
    pub(crate) updated: Option<Time>,
    pub(crate) comment: Option<Comments>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) attachment: Vec<Attachment>,
    /// Custom fields, and `duedate`, by id.
    #[serde(flatten)]
    pub(crate) others: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "statusCategory")]
    pub(crate) category: Option<Category>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Category {
    pub(crate) key: String,
}

/// A resolution, an issue type: something with a name.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Project {
    pub(crate) key: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) account_id: Option<String>,
    /// Data Center: the user name.
    pub(crate) name: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) time_zone: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) release_date: Option<String>,
    #[serde(default)]
    pub(crate) released: bool,
}

/// A page of comments, also as the `comment` field of an issue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Comments {
    pub(crate) comments: Vec<Comment>,
    pub(crate) total: Option<usize>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comment {
    pub(crate) id: String,
    pub(crate) author: Option<User>,
    pub(crate) update_author: Option<User>,
    #[serde(default)]
    pub(crate) body: Value,
    pub(crate) created: Time,
    pub(crate) updated: Option<Time>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) mime_type: String,
    #[serde(default)]
    pub(crate) size: u64,
    pub(crate) author: Option<User>,
    pub(crate) created: Time,
    #[serde(default)]
    pub(crate) content: String,
}

/// A page of a search, old or new.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchPage<T> {
    pub(crate) issues: Vec<T>,
    pub(crate) is_last: Option<bool>,
    pub(crate) next_page_token: Option<String>,
    pub(crate) total: Option<usize>,
}

/// An issue property.
#[derive(Debug, Deserialize)]
pub(crate) struct Property {
    #[serde(default)]
    pub(crate) value: Value,
}

/// An issue of which nothing but its id was asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: String,
}

/// What a search lists.
pub(crate) trait Identified {
    fn id(&self) -> &str;
}

impl Identified for Issue {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Listed {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkIssues {
    pub(crate) issues: Vec<Issue>,
    #[serde(default)]
    pub(crate) issue_errors: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    pub(crate) id: String,
    pub(crate) key: String,
}

/// What became of many issues at once.
#[derive(Debug, Deserialize)]
pub(crate) struct CreatedMany {
    /// Those that were made, in the order in which they were asked for.
    pub(crate) issues: Vec<Created>,
    pub(crate) errors: Vec<CreateError>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CreateError {
    #[serde(default)]
    pub(crate) status: u16,
    /// Which of the request, from 0.
    #[serde(rename = "failedElementNumber")]
    pub(crate) at: usize,
    #[serde(default, rename = "elementErrors")]
    pub(crate) said: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkLogs {
    pub(crate) issue_change_logs: Vec<IssueLog>,
    pub(crate) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssueLog {
    pub(crate) issue_id: String,
    pub(crate) change_histories: Vec<History>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EmbeddedLog {
    pub(crate) histories: Vec<History>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogPage {
    pub(crate) values: Vec<History>,
    pub(crate) total: Option<usize>,
    pub(crate) is_last: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct History {
    pub(crate) id: String,
    pub(crate) author: Option<User>,
    pub(crate) created: Time,
    #[serde(default)]
    pub(crate) items: Vec<Item>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    #[serde(default)]
    pub(crate) field: String,
    pub(crate) field_id: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) from_string: Option<String>,
    pub(crate) to: Option<String>,
    /// The key is Jira's own, whatever it means elsewhere.
    #[serde(rename = "toString")]
    pub(crate) to_text: Option<String>,
}

impl Item {
    /// The field's id; old Data Center names the field alone.
    pub(crate) fn field_id(&self) -> &str {
        self.field_id.as_deref().unwrap_or(&self.field)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Transitions {
    #[serde(default)]
    pub(crate) transitions: Vec<Transition>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Transition {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) to: Status,
    /// Open from every status.
    #[serde(default, rename = "isGlobal")]
    pub(crate) is_global: bool,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, FieldMeta>,
}

/// What a screen says of a field.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldMeta {
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) has_default_value: bool,
    pub(crate) name: Option<String>,
    pub(crate) field_id: Option<String>,
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) allowed_values: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypesPage {
    /// Data Center calls it `values`.
    #[serde(alias = "values", default)]
    pub(crate) issue_types: Vec<Named>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FieldsPage {
    #[serde(alias = "values", default)]
    pub(crate) fields: Vec<FieldMeta>,
    pub(crate) total: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Permissions {
    pub(crate) permissions: BTreeMap<String, Permission>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Permission {
    #[serde(default)]
    pub(crate) have_permission: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(crate) struct ServerInfo {
    pub(crate) server_title: String,
    pub(crate) version: String,
    pub(crate) deployment_type: Option<String>,
    /// Where people open the site.
    pub(crate) base_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FieldInfo {
    pub(crate) id: String,
    pub(crate) schema: Option<FieldSchema>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FieldSchema {
    pub(crate) custom: Option<String>,
}

/// A webhook's body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hook {
    pub(crate) webhook_event: Option<String>,
    pub(crate) issue: Option<HookIssue>,
    pub(crate) comment: Option<HookComment>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HookIssue {
    pub(crate) id: Value,
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) fields: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HookComment {
    #[serde(rename = "self")]
    pub(crate) address: Option<String>,
}

/// A time as Jira writes it: `2019-06-01T12:42:30.000+0000`, or milliseconds (in bulk changelogs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl Time {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let read = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z");
        read.or_else(|_| DateTime::parse_from_rfc3339(text)).ok().map(|at| Self(at.to_utc()))
    }

    fn from_number(number: i64) -> Option<Self> {
        // Seconds would be in the year 5138 and later: anything above is milliseconds.
        let millis = if number.abs() >= 100_000_000_000 { number } else { number.checked_mul(1000)? };
        DateTime::from_timestamp_millis(millis).map(Self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = || value.as_i64().and_then(Self::from_number);
        let read = value.as_str().map_or_else(number, Self::parse);
        read.ok_or_else(|| serde::de::Error::custom(format!("{value} is not a time")))
    }
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
