//! Real answers and deliveries of GitHub, where they are at hand: each must be read whole.
#![allow(clippy::expect_used, reason = "a test says what it expects")]
#![allow(clippy::print_stdout, reason = "says what was skipped")]

mod world;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use connector_api::{
    Closer, Connector, Error, ErrorKind, Fetched, HistoryKind, LogRequest, NewTicket, Outcome, PollFrom,
    StatusCategory, Stream, TicketLog, TicketRef, Transport, TransportError, WebhookError,
};
use connector_github::{GitHub, GitHubConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;
use world::{World, spec};

/// The folder of real payloads; none where it is absent.
fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("POAM_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join("trackers/github");
    if !folder.is_dir() {
        println!("skipped: no real GitHub payloads at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn read(folder: &std::path::Path, name: &str) -> Value {
    let text = std::fs::read(folder.join(name)).expect("a payload");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn real_deliveries_are_read() {
    let Some(folder) = folder() else { return };
    let github = World::new().connector();
    let secret = SecretString::from("s3");
    let mut read_ones = 0;
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names {
        let Some((event, _)) = name.strip_prefix("wh-").and_then(|rest| rest.split_once('-')) else {
            continue;
        };
        let body = std::fs::read(folder.join(&name)).expect("a payload");
        let whole: Value = serde_json::from_slice(&body).expect("JSON");
        let mac = Hmac::<Sha256>::new_from_slice(b"s3").expect("a key").chain_update(&body);
        let mut headers = HeaderMap::new();
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        headers.insert("x-hub-signature-256", HeaderValue::from_str(&signature).expect("a header"));
        headers.insert("x-github-delivery", HeaderValue::from_static("1-2-3"));
        headers.insert("x-github-event", HeaderValue::from_str(event).expect("a header"));
        let read: Result<_, WebhookError> =
            github.read_webhook(&headers, &body, std::slice::from_ref(&secret));
        let delivery = read.expect("every real delivery is read");
        let project = whole.pointer("/repository/full_name").and_then(Value::as_str);
        assert_eq!(delivery.project.as_deref(), project, "{name}");
        let issues = ["/issue", "/changes/new_issue"].into_iter().filter_map(|at| whole.pointer(at));
        let issues = issues.filter(|issue| issue.get("pull_request").is_none());
        let issues: Vec<String> = issues.filter_map(|i| Some(i.get("id")?.as_u64()?.to_string())).collect();
        assert_eq!(delivery.tickets, issues, "{name}");
        read_ones += 1;
    }
    assert!(read_ones >= 15, "the folder holds deliveries");
}

/// Gives recorded answers, in order.
struct Recorded(std::sync::Mutex<Vec<Value>>);

#[async_trait]
impl Transport for Recorded {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let mut all = self.0.lock().expect("no panic");
        let asked = request.uri().path().to_owned();
        let at = all.iter().position(|one| {
            let path = one.get("path").and_then(Value::as_str).unwrap_or_default();
            let same = path.split('?').next() == Some(asked.as_str());
            let method = one.get("method").and_then(Value::as_str).unwrap_or_default();
            same && method.eq_ignore_ascii_case(request.method().as_str())
        });
        let Some(at) = at else { return Err(TransportError::NotSent(format!("{asked} was not recorded"))) };
        let one = all.remove(at);
        let status = one.get("status").and_then(Value::as_u64).unwrap_or_default();
        let mut answer = http::Response::builder().status(u16::try_from(status).expect("a status"));
        for (name, value) in one.get("headers").and_then(Value::as_object).expect("headers") {
            answer = answer.header(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        let body = one.get("response").filter(|body| !body.is_null()).map(Value::to_string);
        Ok(answer.body(Bytes::from(body.unwrap_or_default())).expect("an answer"))
    }
}

fn connector(exchanges: Vec<Value>) -> GitHub {
    let base = url::Url::parse("https://api.github.com").expect("an address");
    let config = GitHubConfig::new(base, SecretString::from("none"));
    GitHub::new(config, Arc::new(Recorded(std::sync::Mutex::new(exchanges))), World::new().now())
}

fn recording(folder: &std::path::Path, name: &str) -> Vec<Value> {
    read(folder, name).as_array().cloned().expect("a list of exchanges")
}

/// An exchange around a real body.
fn exchange(path: &str, body: &Value) -> Value {
    json!({ "method": "get", "path": path, "status": 200, "response": body,
        "headers": { "content-type": "application/json; charset=utf-8" } })
}

#[tokio::test]
async fn recorded_pages_are_followed_to_their_end() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let github = connector(recording(&folder, "rec-paginate-issues.json"));
    let project = spec("octokit-fixture-org/paginate-issues");
    let stream = Stream { name: project.project.clone(), projects: vec![project] };
    let changed = github.changed_since(&stream, &PollFrom::new(None, chrono::DateTime::default())).await?;
    assert_eq!(changed.tickets.len(), 13, "five pages of three, the last of one");
    for ticket in &changed.tickets {
        assert_eq!(ticket.reference.project, "octokit-fixture-org/paginate-issues");
        assert_eq!(ticket.status.category, StatusCategory::Todo);
        assert!(ticket.title.starts_with("Test issue "));
        assert!(ticket.author.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn a_recorded_rename_is_followed() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let mut recorded = recording(&folder, "rec-rename-repository.json");
    recorded.insert(0, exchange("/user", &json!({ "login": "octokit-fixture-user-a" })));
    let report = connector(recorded).check(&[spec("octokit-fixture-org/rename-repository")]).await?;
    let renamed = "octokit-fixture-org/rename-repository-newname";
    assert!(report.notes.iter().any(|note| note.contains(renamed)), "{report:?}");
    Ok(())
}

#[tokio::test]
async fn real_issues_are_read_whole() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let mut scheduled = 0;
    for action in [
        "opened",
        "edited",
        "assigned",
        "labeled",
        "milestoned",
        "demilestoned",
        "reopened",
        "transferred",
        "deleted",
    ] {
        let whole = read(&folder, &format!("wh-issues-{action}.json"));
        let issue = whole.get("issue").expect("an issue");
        let text = |at: &str| issue.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let id = |at: &str| issue.pointer(at).and_then(Value::as_u64).expect("a number").to_string();
        let (number, project) = (id("/number"), "Codertocat/Hello-World");
        let path = format!("/repos/{project}/issues/{number}");
        let reference =
            TicketRef { id: id("/id"), key: number, project: project.to_owned(), url: String::new() };
        let fetched = connector(vec![exchange(&path, issue)]).fetch(std::slice::from_ref(&reference)).await?;
        if issue.get("pull_request").is_some() {
            assert_eq!(fetched, [Fetched::Missing(reference)], "{action} is of a pull request");
            continue;
        }
        let Some(Fetched::Found(ticket)) = fetched.into_iter().next() else { panic!("{action} is found") };
        assert_eq!(Some(ticket.title), text("/title"), "{action}");
        assert_eq!(ticket.description.raw.as_str().map(str::to_owned), text("/body"), "{action}");
        assert_eq!(ticket.assignee.map(|a| a.id), text("/assignee/login"), "{action}");
        let names = issue.pointer("/labels").and_then(Value::as_array).into_iter().flatten();
        assert_eq!(ticket.labels.len(), names.count(), "{action}");
        let day = text("/milestone/due_on").map(|due| due.chars().take(10).collect::<String>());
        assert_eq!(ticket.scheduled.first().map(|end| end.date.to_string()), day, "{action}");
        scheduled += ticket.scheduled.len();
    }
    assert!(scheduled > 0, "one of them has a milestone with a date");
    Ok(())
}

/// What each file is read by.
const READ_BY: [(&str, &str); 24] = [
    ("rec-add-labels-to-issue.json", "a_recorded_create_is_read"),
    ("rec-errors.json", "a_recorded_refusal_names_the_field"),
    ("rec-labels.json", "a_recorded_create_is_read"),
    ("rec-lock-issue.json", "nothing: the connector locks no issue"),
    ("rec-paginate-issues.json", "recorded_pages_are_followed_to_their_end"),
    ("rec-rename-repository.json", "a_recorded_rename_is_followed"),
    ("rec-search-issues.json", "recorded_issues_of_a_search_are_read"),
    ("wh-check_run-completed.json", "a_real_check_is_evidence_of_a_closing_commit"),
    ("wh-installation-created.json", "real_deliveries_are_read"),
    ("wh-issue_comment-created.json", "real_comments_are_read"),
    ("wh-issue_comment-deleted.json", "real_comments_are_read"),
    ("wh-issue_comment-edited.json", "real_comments_are_read"),
    ("wh-issues-assigned.json", "real_issues_are_read_whole"),
    ("wh-issues-deleted.json", "real_issues_are_read_whole"),
    ("wh-issues-demilestoned.json", "real_issues_are_read_whole"),
    ("wh-issues-edited.json", "real_issues_are_read_whole"),
    ("wh-issues-labeled.json", "real_issues_are_read_whole"),
    ("wh-issues-milestoned.json", "real_issues_are_read_whole"),
    ("wh-issues-opened.json", "real_issues_are_read_whole"),
    ("wh-issues-reopened.json", "real_issues_are_read_whole"),
    ("wh-issues-transferred.json", "real_issues_are_read_whole"),
    ("wh-ping-x.json", "real_deliveries_are_read"),
    ("wh-projects_v2_item-edited.json", "real_deliveries_are_read"),
    ("wh-pull_request-closed.json", "a_real_pull_request_that_was_not_merged_is_no_evidence"),
];

#[test]
fn each_file_has_its_line() {
    let Some(folder) = folder() else { return };
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    assert_eq!(names, READ_BY.map(|(name, _)| name.to_owned()));
}

/// An answer in place of a real one that is not at hand.
fn answer(method: &str, path: &str, status: u16, body: &Value) -> Value {
    json!({ "method": method, "path": path, "status": status, "response": body,
        "headers": { "content-type": "application/json; charset=utf-8" } })
}

#[tokio::test]
async fn a_recorded_create_is_read() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let project = "octokit-fixture-org/add-labels-to-issue";
    let mut exchanges = recording(&folder, "rec-add-labels-to-issue.json");
    let label = recording(&folder, "rec-labels.json").into_iter().find(|one| one["method"] == "post");
    let mut label = label.expect("a label is made");
    label["path"] = json!(format!("/repos/{project}/labels"));
    exchanges.push(label);
    let made = connector(exchanges).create(&NewTicket { project: spec(project), ..world::new(1) }).await?;
    assert_eq!((made.reference.key.as_str(), made.reference.project.as_str()), ("1", project));
    assert!(made.reference.url.ends_with("/octokit-fixture-org/add-labels-to-issue/issues/1"));
    assert_eq!(made.assignee, None);
    Ok(())
}

#[tokio::test]
async fn a_recorded_refusal_names_the_field() {
    let Some(folder) = folder() else { return };
    let github = connector(recording(&folder, "rec-errors.json"));
    let new = NewTicket { project: spec("octokit-fixture-org/errors"), ..world::new(1) };
    let error = github.create(&new).await.expect_err("it is refused");
    assert_eq!(error.kind, ErrorKind::Invalid("Validation Failed: color invalid".to_owned()));
    assert_eq!(error.outcome, Outcome::NotDone);
}

#[tokio::test]
async fn recorded_issues_of_a_search_are_read() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let found = recording(&folder, "rec-search-issues.json").remove(0);
    let project = spec("octokit-fixture-org/search-issues");
    let path = format!("/repos/{}/issues", project.project);
    let github = connector(vec![exchange(&path, &found["response"]["items"])]);
    let stream = Stream { name: project.project.clone(), projects: vec![project] };
    let changed = github.changed_since(&stream, &PollFrom::new(None, chrono::DateTime::default())).await?;
    assert_eq!(changed.tickets.len(), 2);
    assert!(changed.tickets.iter().any(|ticket| ticket.title.to_lowercase().contains("sesame")));
    Ok(())
}

/// The log of a real issue on a site without GraphQL, with this timeline and these comments.
async fn log_of(
    issue: &Value,
    timeline: &Value,
    comments: &Value,
    more: Vec<Value>,
) -> Result<TicketLog, Error> {
    let number = issue["number"].to_string();
    let project = "Codertocat/Hello-World";
    let path = format!("/repos/{project}/issues/{number}");
    let mut exchanges = vec![
        exchange(&path, issue),
        answer("post", "/graphql", 404, &json!({ "message": "Not Found" })),
        exchange(&format!("{path}/timeline"), timeline),
        exchange(&format!("{path}/comments"), comments),
    ];
    exchanges.extend(more);
    let id = issue["id"].to_string();
    let url = format!("https://github.com/{project}/issues/{number}");
    let ticket = TicketRef { id, key: number, project: project.to_owned(), url };
    let logs = connector(exchanges).read_log(&[LogRequest { ticket, since: None }]).await?;
    Ok(logs.into_iter().next().expect("a log"))
}

#[tokio::test]
async fn real_comments_are_read() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    for action in ["created", "edited", "deleted"] {
        let whole = read(&folder, &format!("wh-issue_comment-{action}.json"));
        let comment = &whole["comment"];
        let log = log_of(&whole["issue"], &json!([]), &json!([comment]), Vec::new()).await?;
        let [read] = log.comments.as_slice() else { panic!("{action}: {:?}", log.comments) };
        assert_eq!(read.id, comment["id"].to_string(), "{action}");
        assert_eq!(Some(read.author.id.as_str()), comment["user"]["login"].as_str(), "{action}");
        assert_eq!(Some(read.body.as_str()), comment["body"].as_str(), "{action}");
        let untouched = comment["created_at"] == comment["updated_at"];
        assert_eq!(read.last_editor.is_some(), untouched, "{action}: REST does not tell who edited");
    }
    Ok(())
}

fn closer(log: &TicketLog) -> Option<&Closer> {
    log.entries.iter().find_map(|entry| match &entry.kind {
        HistoryKind::Status { closer, .. } => closer.as_ref(),
        HistoryKind::Due { .. }
        | HistoryKind::Title { .. }
        | HistoryKind::Text { .. }
        | HistoryKind::Assignee { .. }
        | HistoryKind::Project { .. }
        | HistoryKind::Label { .. } => None,
    })
}

#[tokio::test]
async fn a_real_check_is_evidence_of_a_closing_commit() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let run = &read(&folder, "wh-check_run-completed.json")["check_run"];
    let issue = &read(&folder, "wh-issues-opened.json")["issue"];
    let sha = run["head_sha"].as_str().expect("a sha");
    let closed = json!([{ "event": "closed", "id": 1, "node_id": "CE_1", "actor": { "login": "Codertocat" },
        "created_at": "2019-05-15T15:20:33Z", "commit_id": sha, "state_reason": "completed",
        "commit_url": format!("https://api.github.com/repos/Codertocat/Hello-World/commits/{sha}") }]);
    let commit = format!("/repos/Codertocat/Hello-World/commits/{sha}");
    let author = json!({ "author": { "login": "Codertocat" }, "committer": {} });
    let more = vec![
        exchange(&commit, &author),
        exchange(&format!("{commit}/check-runs"), &json!({ "total_count": 1, "check_runs": [run] })),
    ];
    let log = log_of(issue, &closed, &json!([]), more).await?;
    let closer = closer(&log).expect("a closer");
    let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(closer.checks, [format!("{}: {}", text("name"), text("conclusion"))]);
    assert_eq!(closer.commit.as_deref(), Some(sha));
    assert_eq!(closer.authors.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["Codertocat"]);
    Ok(())
}

#[tokio::test]
async fn a_real_pull_request_that_was_not_merged_is_no_evidence() -> Result<(), Error> {
    let Some(folder) = folder() else { return Ok(()) };
    let pull = &read(&folder, "wh-pull_request-closed.json")["pull_request"];
    assert_eq!(pull["merged"], false);
    let issue = &read(&folder, "wh-issues-opened.json")["issue"];
    let number = &pull["number"];
    let at = &pull["closed_at"];
    // As it would stand there if it had been merged: the pull request itself tells that it was not.
    let source = json!({ "number": number, "title": "Fixes #1", "body": "Fixes #1",
        "repository_url": "https://api.github.com/repos/Codertocat/Hello-World", "pull_request": { "merged_at": at } });
    let timeline = json!([
        { "event": "cross-referenced", "actor": null, "created_at": at, "source": { "issue": source } },
        { "event": "closed", "id": 1, "actor": { "login": "Codertocat" }, "created_at": at, "commit_id": null,
            "commit_url": null, "state_reason": "completed" },
    ]);
    let more = vec![exchange(&format!("/repos/Codertocat/Hello-World/pulls/{number}"), pull)];
    let log = log_of(issue, &timeline, &json!([]), more).await?;
    assert_eq!(log.entries.len(), 1);
    assert_eq!(closer(&log), None);
    Ok(())
}
