//! What two states of an issue differ in, as items of a changelog.

use std::collections::BTreeSet;

use connector_api::Account;
use serde_json::Value;

use super::site::{Issue, Item};
use super::workflow::{resolution_id, status_id};
use crate::wiki;

pub(super) fn diff(before: &Issue, after: &Issue) -> Vec<Item> {
    let mut items = Vec::new();
    let mut plain = |id: &str, name: &str, from: Option<String>, to: Option<String>| {
        if from != to {
            items.push(Item {
                field: name.to_owned(),
                field_id: id.to_owned(),
                from: None,
                from_text: from,
                to: None,
                to_text: to,
            });
        }
    };
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    plain("summary", "summary", some(&before.summary), some(&after.summary));
    plain("description", "description", text(&before.description), text(&after.description));
    plain("labels", "labels", some(&joined(&before.labels)), some(&joined(&after.labels)));
    let ids = [
        (
            "resolution",
            before.resolution.as_deref().map(pair(resolution_id)),
            after.resolution.as_deref().map(pair(resolution_id)),
        ),
        ("status", Some(pair(status_id)(&before.status)), Some(pair(status_id)(&after.status))),
        (
            "duedate",
            before.due.map(|d| (d.to_string(), format!("{d} 00:00:00.0"))),
            after.due.map(|d| (d.to_string(), format!("{d} 00:00:00.0"))),
        ),
        ("assignee", before.assignee.as_ref().map(account), after.assignee.as_ref().map(account)),
    ];
    for (field, from, to) in ids {
        if from != to {
            items.push(item(field, field, from, to));
        }
    }
    let fields: BTreeSet<&String> = before.custom.keys().chain(after.custom.keys()).collect();
    for field in fields {
        let value = |issue: &Issue| issue.custom.get(field).filter(|v| !v.is_null()).map(shown);
        let (from, to) = (value(before), value(after));
        if from != to {
            let twice = |text: Option<String>| text.map(|text| (text.clone(), text));
            items.push(item(field, &format!("Field {field}"), twice(from), twice(to)));
        }
    }
    for version in before.versions.symmetric_difference(&after.versions) {
        let this = Some((version.clone(), version.clone()));
        let came = after.versions.contains(version);
        let (from, to) = if came { (None, this) } else { (this, None) };
        items.push(item("fixVersions", "Fix Version", from, to));
    }
    if before.key != after.key {
        let twice = |text: &String| Some((text.clone(), text.clone()));
        items.push(item("project", "project", twice(&before.project), twice(&after.project)));
        items.push(item("issuekey", "Key", twice(&before.key), twice(&after.key)));
    }
    for attachment in after.attachments.iter().skip(before.attachments.len()) {
        let this = Some((attachment.id.to_string(), attachment.name.clone()));
        items.push(item("attachment", "Attachment", None, this));
    }
    items
}

fn item(id: &str, name: &str, from: Option<(String, String)>, to: Option<(String, String)>) -> Item {
    let (from, from_text) = from.unzip();
    let (to, to_text) = to.unzip();
    Item { field: name.to_owned(), field_id: id.to_owned(), from, from_text, to, to_text }
}

fn pair(id: impl Fn(&str) -> String) -> impl Fn(&str) -> (String, String) {
    move |name| (id(name), name.to_owned())
}

fn account(account: &Account) -> (String, String) {
    (account.id.clone(), account.name.clone())
}

fn joined(labels: &BTreeSet<String>) -> String {
    labels.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Jira's changelog shows every description as wiki text.
fn text(description: &Value) -> Option<String> {
    if description.is_null() {
        return None;
    }
    let plain = description.as_str().map(str::to_owned);
    Some(plain.unwrap_or_else(|| wiki::to_wiki(&crate::adf::read_nodes(description))))
}
