//! Health, metrics, request ids, and what is written to the log.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use chrono::TimeDelta;
use http::{Request, StatusCode, header};
use poam::clock::Clock as _;
use poam::register::{Change, SystemId};
use poam::store::{Db, OpenOptions};
use poam::sync::Pass;
use poam::sync::sweep::Swept;

use super::sample::told;
use super::{Site, record, replace_store};

#[tokio::test]
async fn it_is_ready_while_its_store_answers_and_it_is_not_stopping() {
    let site = Site::new().await;
    assert_eq!(site.get("/healthz").await.body, r#"{"status":"up"}"#);
    assert_eq!(site.get("/readyz").await.body, r#"{"status":"ready"}"#);
    site.stopping.cancel();
    site.get("/readyz").await.problem(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn it_is_not_ready_before_the_store_is_migrated_nor_after_it_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("poam.db").display());
    let db = Db::open(&url, &OpenOptions::default()).await.expect("a store");
    let site = Site::with(|web| replace_store(web, db.clone())).await;
    site.get("/readyz").await.problem(StatusCode::SERVICE_UNAVAILABLE);
    db.migrate_to(1).await.expect("a schema");
    site.get("/readyz").await.problem(StatusCode::SERVICE_UNAVAILABLE);
    db.migrate().await.expect("a schema");
    assert_eq!(site.get("/readyz").await.status, StatusCode::OK);
    db.close().await;
    site.get("/readyz").await.problem(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
    let metrics = site.get("/metrics").await;
    assert_eq!(metrics.status, StatusCode::OK);
    assert!(metrics.body.contains("\npoam_store_up 0\n"), "{}", metrics.body);
}

#[tokio::test]
async fn metrics_tell_what_happened_and_how_things_are() {
    let site = told().await;
    let now = site.bed.clock.now();
    let halted = Change::TrackerHalted { tracker: "gh".to_owned(), reason: "a brake".to_owned() };
    record(site.bed.world(), SystemId::reserved(), vec![halted]).await;
    let failed = vec!["ACME/M-1: the tracker failed".to_owned()];
    let pass = Pass { links: 7, created: 2, written: 3, said: 1, failed, ..Pass::default() };
    site.metrics.passed("jira", &pass);
    site.metrics.passed("jira", &Pass { links: 1, ..Pass::default() });
    site.metrics.pass_failed("jira");
    site.metrics.polled("jira", true, now - TimeDelta::seconds(90));
    site.metrics.polled("jira", false, now);
    site.metrics.swept("jira", Swept { links: 40, only_here: 2, ..Swept::default() });
    let told = site.bed.world().writer.submit(move |tx| {
        Box::pin(async move {
            tx.record_success("github", now - TimeDelta::seconds(30), None).await?;
            tx.record_failure("github", now, "no answer").await?;
            let pause = poam::store::Pause {
                connection: "jira".to_owned(),
                scope: "content".to_owned(),
                until: now + TimeDelta::seconds(40),
                reason: "jira-burst-based".to_owned(),
            };
            tx.set_pause(&pause).await?;
            Ok::<_, poam::store::StoreError>(())
        })
    });
    told.await.expect("health is recorded");
    site.get("/nothing/here").await.problem(StatusCode::NOT_FOUND);
    site.get("/api/v1/systems/ACME").await.problem(StatusCode::UNAUTHORIZED);

    let ready = site.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert!(ready.body.contains(r#""scope":"content""#), "{}", ready.body);
    let answer = site.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let lines: Vec<&str> = answer.body.lines().collect();
    assert_eq!(lines.last(), Some(&"# EOF"));
    for line in [
        r#"poam_links_reconciled_total{connection="jira"} 8"#,
        r#"poam_tickets_created_total{connection="jira"} 2"#,
        r#"poam_tickets_written_total{connection="jira"} 3"#,
        r#"poam_comments_written_total{connection="jira"} 1"#,
        r#"poam_link_failures_total{connection="jira"} 1"#,
        r#"poam_passes_total{connection="jira",outcome="ok"} 2"#,
        r#"poam_passes_total{connection="jira",outcome="failed"} 1"#,
        r#"poam_polls_total{connection="jira",outcome="ok"} 1"#,
        r#"poam_polls_total{connection="jira",outcome="failed"} 1"#,
        r#"poam_links_swept_total{connection="jira"} 40"#,
        r#"poam_changes_only_swept_total{connection="jira"} 2"#,
        r#"poam_poll_age_seconds{connection="jira"} 90.0"#,
        r#"poam_poll_age_seconds{connection="github"} 30.0"#,
        r#"poam_connection_failures{connection="github"} 1"#,
        r#"poam_pause_seconds{connection="jira",scope="content"} 40.0"#,
        r#"poam_links{tracker="jr",phase="linked"} 1"#,
        r#"poam_links{tracker="jr",phase="waiting"} 1"#,
        r#"poam_links{tracker="jr",phase="missing"} 0"#,
        r#"poam_links_dirty{tracker="jr"} 1"#,
        r#"poam_links_failing{tracker="jr"} 1"#,
        r#"poam_tracker_halted{tracker="gh"} 1"#,
        r#"poam_drifts_open{system="ACME",kind="slip-unexplained"} 1"#,
        r#"poam_journal_rows{system="OTHER"} 1"#,
        r#"poam_journal_rows{system="_"} 1"#,
        r#"poam_http_requests_total{route="none",method="GET",status="404"} 1"#,
        r#"poam_http_requests_total{route="/api/v1/systems/{system}",method="GET",status="401"} 1"#,
        r#"poam_http_request_duration_seconds_count{route="none"} 1"#,
        "poam_store_up 1",
    ] {
        assert!(lines.contains(&line), "{line} is not among\n{}", answer.body);
    }
    assert!(!answer.body.contains(r#"kind="blocked""#), "a settled drift is not open:\n{}", answer.body);
    assert!(lines.contains(&"# UNIT poam_poll_age_seconds seconds"), "{}", answer.body);
}

#[tokio::test]
async fn each_answer_carries_the_id_of_its_request() {
    let site = Site::new().await;
    let with = async |id: Option<&str>| {
        let request = Request::get("/healthz");
        let request = match id {
            Some(id) => request.header("x-request-id", id),
            None => request,
        };
        let answer = site.send(request.body(Body::empty()).expect("a request")).await;
        answer.header("x-request-id").to_owned()
    };
    let (first, second) = (with(None).await, with(None).await);
    assert_eq!(first.len(), 32);
    assert_ne!(first, second);
    assert_eq!(with(Some("from-the-proxy_1.2")).await, "from-the-proxy_1.2");
    for odd in ["", "a b", "a\"b", &"x".repeat(65)] {
        assert_eq!(with(Some(odd)).await.len(), 32, "{odd:?} is replaced");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_holds_no_secret_no_body_and_no_query() {
    let site = told().await;
    site.token("opensesame", &["ACME"]).await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let get = |uri: &str| {
        let request = Request::get(uri).header(header::AUTHORIZATION, "Bearer opensesame");
        request.header("cookie", "session=classified").body(Body::empty()).expect("a request")
    };
    assert_eq!(site.send(get("/api/v1/systems/ACME/items?owner=classified")).await.status, StatusCode::OK);
    site.send(get("/api/v1/classified?token=classified")).await.problem(StatusCode::NOT_FOUND);
    let hook = |signature: &str| {
        let request = Request::post("/webhooks/github").header("x-hub-signature-256", signature);
        request.body(Body::from("{\"issue\": \"classified\"}")).expect("a request")
    };
    site.send(hook("sha256=c1a551f1ed")).await.problem(StatusCode::UNAUTHORIZED);
    site.send(hook("classified")).await.problem(StatusCode::UNAUTHORIZED);
    drop(logging);
    let text = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
    assert!(text.contains("web.request.serve"), "{text}");
    assert!(text.contains("/webhooks/{connection}"), "{text}");
    assert!(text.contains("none of the secrets"), "{text}");
    for secret in ["opensesame", "classified", "c1a551f1ed", "hush"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}
