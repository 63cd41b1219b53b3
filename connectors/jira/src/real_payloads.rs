//! Reads what real sites sent, where those recordings are at hand: each file has its line.

#![allow(clippy::expect_used, reason = "tests")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use connector_api::{
    Connector, HistoryKind, Made, Marker, NewTicket, Patch, ProjectSpec, StateChange, StatusCategory, Ticket,
    TicketRef, TicketState, Transport, TransportError,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{Auth, Flavor, Jira, JiraConfig, ticket, wire};

/// A webhook: file, event, ticket, project, and what its changelog tells.
type Hook<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, &'a [&'a str]);

const HOOKS: [Hook<'_>; 15] = [
    ("wh-cloud-comment-created", "comment_created", "10040", Some("TES"), &[]),
    ("wh-cloud-comment-deleted", "comment_deleted", "10357", Some("KT"), &[]),
    ("wh-cloud-comment-updated", "comment_updated", "10040", Some("TES"), &[]),
    (
        "wh-cloud-issue-created",
        "jira:issue_created",
        "10509",
        Some("KT"),
        &["assigned", "status none to To Do (none)", "title Lots of fields selected"],
    ),
    ("wh-cloud-issue-updated-custom-field", "jira:issue_updated", "10368", Some("TES"), &[]),
    ("wh-issue-assigned-empty-changelog", "jira:issue_updated", "10001", Some("TEST"), &[]),
    ("wh-issue-deleted", "jira:issue_deleted", "10303", Some("IDT"), &[]),
    ("wh-issue-updated-multiple", "jira:issue_updated", "10040", Some("TES"), &["assigned"]),
    (
        "wh-issue-updated-reopened",
        "jira:issue_updated",
        "10040",
        Some("TES"),
        &["status Done to To Do (none)"],
    ),
    (
        "wh-issue-updated-resolved",
        "jira:issue_updated",
        "10040",
        Some("TES"),
        &["status In Progress to Done (Done)"],
    ),
    ("wh-server-comment-created", "comment_created", "10013", None, &[]),
    (
        "wh-server-issue-updated-closed",
        "jira:issue_updated",
        "10300",
        Some("TES"),
        &["status Resolved to Closed (none)"],
    ),
    ("wh-server-issue-updated-commented", "jira:issue_updated", "10013", Some("PRJX"), &[]),
    (
        "wh-server-issue-updated-reopened",
        "jira:issue_updated",
        "10300",
        Some("TES"),
        &["status Resolved to Reopened (none)"],
    ),
    // Edits of text are left out.
    ("wh-server-old-no-event-type", "jira:issue_updated", "10040", Some("TES"), &[]),
];

/// Read by the tests below, by their names.
const EXCHANGES: [&str; 11] = [
    "http-get-createmeta-200-1",
    "http-get-issue-200-1",
    "http-get-issue-200-2",
    "http-get-issue-200-3",
    "http-get-serverInfo-200-1",
    "http-post-comment-201-1",
    "http-post-comment-201-2",
    "http-post-issue-201-1",
    "http-post-issue-201-2",
    "http-post-transitions-204-1",
    "http-put-issue-204-1",
];
const LISTS: [&str; 6] = [
    "createmeta-cloud",
    "rest-all_fields",
    "rest-all_resolutions",
    "rest-all_statuscategories",
    "rest-all_statuses",
    "rest-transitions",
];
/// Calls that this connector does not make.
const UNREAD: [&str; 1] = ["rest-remote_links"];

/// The recordings: beside the repository, or where the environment says.
fn recordings() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("POAM_SHARED_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join("trackers/jira");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no recordings of Jira at {}", folder.display());
    None
}

fn load(folder: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("what the API gives")
}

/// Answers with recordings, one after the other.
struct Replay(Mutex<VecDeque<Value>>);

#[async_trait]
impl Transport for Replay {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let next = self.0.lock().expect("lock").pop_front().expect("another recording");
        let mut answer = http::Response::builder()
            .status(u16::try_from(next["status"].as_u64().expect("a status")).expect("a status"));
        for (name, values) in next["headers"].as_object().into_iter().flatten() {
            for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
                answer = answer.header(name, value);
            }
        }
        let body = &next["body"];
        let body = if body == "" { String::new() } else { body.to_string() };
        Ok(answer.body(Bytes::from(body)).expect("an answer"))
    }
}

fn jira(flavor: Flavor, answers: impl IntoIterator<Item = Value>) -> Jira {
    let url = url::Url::parse("https://acme.example").expect("an address");
    let auth = Auth::Bearer(SecretString::from("t"));
    let config = JiraConfig { sprint_field: Some("none".to_owned()), ..JiraConfig::new(url, flavor, auth) };
    let replay = Replay(Mutex::new(answers.into_iter().collect()));
    Jira::new(config, Arc::new(replay), Arc::new(chrono::DateTime::default))
}

fn answer(folder: &Path, name: &str) -> Value {
    load(folder, name)["response"].take()
}

#[test]
fn every_recording_has_its_line() {
    let Some(folder) = recordings() else { return };
    let there: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".json").to_owned())
        .collect();
    let hooks = HOOKS.iter().map(|hook| hook.0);
    let named = hooks.chain(EXCHANGES).chain(LISTS).chain(UNREAD).map(str::to_owned);
    assert_eq!(named.collect::<BTreeSet<_>>(), there);
}

#[test]
fn webhooks_tell_their_ticket_its_project_and_what_changed() {
    let Some(folder) = recordings() else { return };
    for (name, event, id, project, told) in HOOKS {
        let hook = load(&folder, name);
        let delivery =
            crate::webhook::read_body(hook.to_string().as_bytes(), String::new()).expect("a delivery");
        assert_eq!(delivery.event, event, "{name}");
        assert_eq!(delivery.tickets, [id], "{name}");
        assert_eq!(delivery.project.as_deref(), project, "{name}");
        assert_eq!(history_of(&hook), told, "{name}");
        ticket_of(name, &hook["issue"]);
    }
}

/// What a webhook's changelog tells, as a history would.
fn history_of(hook: &Value) -> Vec<String> {
    let history = json!({
        "id": hook["changelog"].get("id").cloned().unwrap_or_else(|| json!("1")), "author": hook["user"],
        "created": hook["timestamp"], "items": hook["changelog"].get("items").cloned().unwrap_or_else(|| json!([])),
    });
    let flavor = if hook["user"]["accountId"].is_string() { Flavor::Cloud } else { Flavor::DataCenter };
    let entries = jira(flavor, []).entries(&[read(&history)], Some("duedate"));
    let who = hook["user"]["accountId"].as_str().or(hook["user"]["name"].as_str());
    assert!(entries.iter().all(|entry| entry.by.as_ref().map(|by| by.id.as_str()) == who));
    entries
        .into_iter()
        .map(|entry| match entry.kind {
            HistoryKind::Status { from, to, .. } => {
                let none = || "none".to_owned();
                let from = from.map_or_else(none, |from| from.name);
                format!("status {from} to {} ({})", to.name, to.resolution.unwrap_or_else(none))
            }
            HistoryKind::Title { to, .. } => format!("title {to}"),
            HistoryKind::Assignee { to } => to.map_or("unassigned", |_| "assigned").to_owned(),
            other @ (HistoryKind::Due { .. }
            | HistoryKind::Text { .. }
            | HistoryKind::Project { .. }
            | HistoryKind::Label { .. }) => format!("{other:?}"),
        })
        .collect()
}

/// A whole issue reads as its ticket; one that comes without its times says so.
fn ticket_of(name: &str, issue: &Value) {
    if issue.is_null() {
        return;
    }
    let fields = &issue["fields"];
    let read = jira(Flavor::Cloud, []).ticket(&read::<wire::Issue>(issue));
    if fields["created"].is_null() {
        assert!(read.expect_err("half an issue").contains("created"), "{name}");
        return;
    }
    let read = read.expect("a ticket");
    assert_eq!(Some(read.reference.id.as_str()), issue["id"].as_str(), "{name}");
    assert_eq!(Some(read.reference.key.as_str()), issue["key"].as_str(), "{name}");
    assert_eq!(Some(read.reference.project.as_str()), fields["project"]["key"].as_str(), "{name}");
    assert_eq!(Some(read.title.as_str()), fields["summary"].as_str(), "{name}");
    assert_eq!(Some(read.status.name.as_str()), fields["status"]["name"].as_str(), "{name}");
    let category = match fields["status"]["statusCategory"]["key"].as_str() {
        Some("done") => StatusCategory::Done,
        Some("indeterminate") => StatusCategory::InProgress,
        _ => StatusCategory::Todo,
    };
    assert_eq!(read.status.category, category, "{name}");
    assert_eq!(read.status.resolution.as_deref(), fields["resolution"]["name"].as_str(), "{name}");
    let id = |user: &Value| user["accountId"].as_str().or(user["name"].as_str()).map(str::to_owned);
    assert_eq!(read.author.map(|author| author.id), id(&fields["creator"]), "{name}");
    assert_eq!(read.assignee.map(|assignee| assignee.id), id(&fields["assignee"]), "{name}");
    assert_eq!(read.due.map(|due| due.to_string()).as_deref(), fields["duedate"].as_str(), "{name}");
    assert!(read.updated >= read.created, "{name}");
}

#[tokio::test]
async fn recorded_tickets_are_read_and_written() {
    let Some(folder) = recordings() else { return };
    for n in 1..=3 {
        let name = format!("http-get-issue-200-{n}");
        ticket_of(&name, &answer(&folder, &name)["body"]);
    }
    for n in 1..=2 {
        let given = answer(&folder, &format!("http-post-issue-201-{n}"));
        let (id, key) = (given["body"]["id"].clone(), given["body"]["key"].clone());
        let new = NewTicket {
            project: ProjectSpec { project: "NTEST".to_owned(), ..ProjectSpec::default() },
            title: "x".to_owned(),
            block: "x".to_owned(),
            due: None,
            assignee: None,
            labels: BTreeSet::new(),
            marker: Marker { installation: "site".to_owned(), link: "0".repeat(32) },
        };
        let Made { reference, .. } = jira(Flavor::Cloud, [given]).create(&new).await.expect("a ticket");
        assert_eq!((json!(reference.id), json!(reference.key)), (id, key));

        let recorded = load(&folder, &format!("http-post-comment-201-{n}"));
        let to = TicketRef { url: String::new(), ..reference };
        let comment = jira(Flavor::Cloud, [recorded["response"].clone()]).comment(&to, "x", "m").await;
        let comment = comment.expect("a comment");
        assert_eq!(Some(comment.body.as_str()), recorded["request"]["body"]["body"].as_str());
        assert_eq!(comment.last_editor.as_ref(), Some(&comment.author));
    }
    let issue = answer(&folder, "http-get-issue-200-3");
    let reader = jira(Flavor::Cloud, []);
    let seen: Ticket = reader.ticket(&read(&issue["body"])).expect("a ticket");
    let edit = Patch { title: Some("x".to_owned()), ..Patch::default() };
    let put = jira(Flavor::Cloud, [answer(&folder, "http-put-issue-204-1"), issue.clone()]);
    assert_eq!(
        put.apply(&seen, &edit).await.expect("an edit"),
        seen,
        "an empty answer is followed by a look"
    );

    let mut moved = issue;
    moved["body"]["fields"]["status"]["name"] = json!("Closed");
    let offered = json!({"status": 200, "body": load(&folder, "rest-transitions")});
    let go = jira(Flavor::Cloud, [offered, answer(&folder, "http-post-transitions-204-1"), moved]);
    let state = StateChange {
        to: TicketState::Done,
        names: vec!["Closed".to_owned()],
        resolution: None,
        comment: None,
        fields: BTreeMap::new(),
    };
    let closed = Patch { state: Some(state), ..Patch::default() };
    assert_eq!(go.apply(&seen, &closed).await.expect("a transition").status.name, "Closed");
}

#[test]
fn lists_of_real_sites_are_read() {
    let Some(folder) = recordings() else { return };
    let info: wire::ServerInfo = read(&answer(&folder, "http-get-serverInfo-200-1")["body"]);
    assert_eq!(info.deployment_type.as_deref(), Some("Cloud"));
    assert!(info.base_url.is_some_and(|url| url.starts_with("https://")));

    let statuses: Vec<wire::Status> = read(&load(&folder, "rest-all_statuses"));
    assert!(statuses.len() > 10 && statuses.iter().all(|s| s.category.is_some() && !s.id.is_empty()));
    let categories: Vec<wire::Category> = read(&load(&folder, "rest-all_statuscategories"));
    let categories: Vec<_> = categories.iter().map(|c| ticket::category(&c.key)).collect();
    let (todo, doing) = (StatusCategory::Todo, StatusCategory::InProgress);
    assert_eq!(categories, [todo, todo, doing, StatusCategory::Done]);
    let resolutions: Vec<wire::Named> = read(&load(&folder, "rest-all_resolutions"));
    assert!(resolutions.iter().any(|r| r.name == "Won't Fix"), "{resolutions:?}");
    let fields: Vec<wire::FieldInfo> = read(&load(&folder, "rest-all_fields"));
    assert_eq!(fields.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), ["description", "summary"]);

    let transitions: wire::Transitions = read(&load(&folder, "rest-transitions"));
    let ways: Vec<_> =
        transitions.transitions.iter().map(|t| (t.id.as_str(), t.to.name.as_str(), t.fields.len())).collect();
    assert_eq!(ways, [("2", "In Progress", 1), ("711", "Closed", 2)]);

    for screens in
        [load(&folder, "createmeta-cloud"), answer(&folder, "http-get-createmeta-200-1")["body"].take()]
    {
        for kind in screens["projects"][0]["issuetypes"].as_array().expect("types") {
            let screen: BTreeMap<String, wire::FieldMeta> = read(&kind["fields"]);
            assert!(screen["summary"].required && !screen["labels"].required, "{}", kind["name"]);
        }
    }
}

#[test]
fn half_a_ticket_is_none() {
    let issue = json!({"id": "1", "key": "ACME-1", "fields": {"summary": "x"}});
    let why = jira(Flavor::Cloud, []).ticket(&read::<wire::Issue>(&issue)).expect_err("half an issue");
    assert!(why.contains("ACME-1") && why.contains("created"), "{why}");
}
