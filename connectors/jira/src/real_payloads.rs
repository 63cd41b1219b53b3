//! Reads what real sites sent, where those recordings are at hand.

#![allow(clippy::expect_used, reason = "tests")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::Value;

use crate::fake::FakeJira;
use crate::{Auth, Flavor, Jira, JiraConfig, ticket, wire};

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

fn load(folder: &std::path::Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name)).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

fn jira(flavor: Flavor) -> Jira {
    let url = url::Url::parse("https://acme.example").expect("an address");
    let now: crate::Now = std::sync::Arc::new(chrono::DateTime::default);
    let site = FakeJira::new(flavor, now.clone());
    let transport = connector_api::fake::RouterTransport(connector_api::fake::FakeSite::router(&site));
    let auth = Auth::Bearer(SecretString::from("t"));
    Jira::new(JiraConfig::new(url, flavor, auth), std::sync::Arc::new(transport), now)
}

#[test]
fn recorded_exchanges_are_read() {
    let Some(folder) = recordings() else { return };
    for n in 1..=3 {
        let body = load(&folder, &format!("http-get-issue-200-{n}.json"))["response"]["body"].take();
        let issue: wire::Issue = serde_json::from_value(body.clone()).expect("an issue");
        let read = jira(Flavor::Cloud).ticket(&issue).expect("a ticket");
        assert_eq!(read.reference.id, body["id"].as_str().expect("an id"));
        assert_eq!(read.reference.project, "NTEST");
        assert_eq!(read.title, body["fields"]["summary"].as_str().expect("a summary"));
        assert_eq!(read.status.name, body["fields"]["status"]["name"].as_str().expect("a status"));
        assert_eq!(read.author.map(|a| a.name).as_deref(), Some("Valentijn Scholten"));
        assert!(read.updated >= read.created);
    }
    let created = load(&folder, "http-post-issue-201-1.json")["response"]["body"].take();
    let created: wire::Created = serde_json::from_value(created).expect("what a create answers");
    assert_eq!((created.id.as_str(), created.key.as_str()), ("21255", "NTEST-3076"));
    let comment = load(&folder, "http-post-comment-201-1.json")["response"]["body"].take();
    let comment: wire::Comment = serde_json::from_value(comment).expect("a comment");
    let read = ticket::comment(&comment);
    assert_eq!(read.body, "((admin)): testing note. creating it and pushing it to JIRA");
    assert_eq!(read.last_editor.as_ref(), Some(&read.author));
    let info = load(&folder, "http-get-serverInfo-200-1.json")["response"]["body"].take();
    let info: wire::ServerInfo = serde_json::from_value(info).expect("a site");
    assert_eq!(info.deployment_type.as_deref(), Some("Cloud"));
}

#[test]
fn lists_of_real_sites_are_read() {
    let Some(folder) = recordings() else { return };
    let statuses: Vec<wire::Status> =
        serde_json::from_value(load(&folder, "rest-all_statuses.json")).expect("statuses");
    assert!(statuses.len() > 10 && statuses.iter().all(|s| s.category.is_some()));
    let transitions: wire::Transitions =
        serde_json::from_value(load(&folder, "rest-transitions.json")).expect("transitions");
    let names: Vec<&str> = transitions.transitions.iter().map(|t| t.to.name.as_str()).collect();
    assert_eq!(names, ["In Progress", "Closed"]);
}

#[test]
fn webhooks_of_real_sites_are_read() {
    let Some(folder) = recordings() else { return };
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("wh-") {
            continue;
        }
        let body = std::fs::read(entry.path()).expect("a recording");
        let hook: Value = serde_json::from_slice(&body).expect("JSON");
        let delivery = crate::webhook::read_body(&body, String::new()).expect(&name);
        assert_eq!(delivery.event, hook["webhookEvent"].as_str().expect("an event"), "{name}");
        assert_eq!(delivery.tickets.len(), 1, "{name} names its issue: {delivery:?}");
        if let Some(id) = hook["issue"]["id"].as_str() {
            assert_eq!(delivery.tickets, [id], "{name}");
            assert!(delivery.project.is_some(), "{name}");
        }
        if let Ok(items) = serde_json::from_value::<Vec<wire::Item>>(hook["changelog"]["items"].clone()) {
            let moved = items.iter().find(|item| item.field_id() == "status");
            if name.contains("resolved") || name.contains("closed") {
                let to = moved.and_then(|item| item.to_text.as_deref());
                assert!(matches!(to, Some("Done" | "Closed")), "{name}: {moved:?}");
            }
        }
        read += 1;
    }
    assert!(read >= 15, "{read} webhooks");
}
