//! Webhooks: each way in which one is answered.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use connector_api::fake::{Act, FakeDelivery, FakeSite as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use poam::register::MilestoneNumber;
use poam::store::{Db, OpenOptions};
use secrecy::SecretString;
use sha2::Sha256;

use super::{Answer, CAP, Site, replace_store};

const TEXT: &str = "Disable TLS 1.0 on every load balancer; plugin 104743 is clean on the rescan";

/// A site with a ticket on each tracker that nothing is to be done about, and the first one's milestone.
async fn settled(site: Site) -> (Site, MilestoneNumber) {
    let number = site.bed.plan(TEXT, "web", "2026-04-01").await;
    site.bed.plan(TEXT, "jira", "2026-04-01").await;
    site.bed.settle().await;
    site.bed.github.take_deliveries();
    site.bed.jira.take_deliveries();
    assert!(!dirty(&site, number).await);
    (site, number)
}

/// Somebody edits the first milestone's ticket, and GitHub tells.
async fn edited(site: &Site, number: MilestoneNumber, title: &str) -> FakeDelivery {
    site.bed.person_does("ada", number, Act::Retitle(title.to_owned())).await;
    site.bed.github.take_deliveries().pop().expect("a delivery")
}

async fn dirty(site: &Site, number: MilestoneNumber) -> bool {
    let mut read = site.bed.world().db.read().await.expect("a reader");
    let link = read.link_of(&site.bed.system, number).await.expect("a link").expect("a link");
    link.dirty.is_some()
}

async fn post(site: &Site, connection: &str, headers: &HeaderMap, body: impl Into<Body>) -> Answer {
    let mut request = Request::post(format!("/webhooks/{connection}"));
    request.headers_mut().expect("headers").extend(headers.clone());
    site.send(request.body(body.into()).expect("a request")).await
}

async fn deliver(site: &Site, connection: &str, delivery: &FakeDelivery) -> Answer {
    post(site, connection, &delivery.headers, delivery.body.clone()).await
}

/// Headers of a GitHub delivery signed with `secret`.
fn signed(secret: &str, body: &[u8]) -> HeaderMap {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key fits").chain_update(body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", HeaderValue::from_static("issues"));
    headers.insert("x-github-delivery", HeaderValue::from_static("72d3162e"));
    headers.insert("x-hub-signature-256", HeaderValue::from_str(&signature).expect("a header"));
    headers
}

async fn counted(site: &Site, connection: &str, outcome: &str) -> u64 {
    let line = format!("poam_webhooks_total{{connection=\"{connection}\",outcome=\"{outcome}\"}} ");
    let text = site.get("/metrics").await.body;
    text.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_delivery_marks_its_link_and_wakes_the_runner_and_a_repeat_does_neither() {
    let (site, number) = settled(Site::new().await).await;
    let delivery = edited(&site, number, "Another title").await;
    let answer = deliver(&site, "github", &delivery).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::ACCEPTED, ""));
    assert!(dirty(&site, number).await);
    assert_eq!(site.woken(), ["github"]);

    site.bed.settle().await;
    let ticket = site.bed.ticket(number).await;
    assert_eq!(ticket.title, "[ACME M-1] Another title", "what it hinted at was read from the ticket");
    let repeat = deliver(&site, "github", &delivery).await;
    assert_eq!(repeat.status, StatusCode::ACCEPTED);
    assert!(!dirty(&site, number).await, "it came before");
    assert_eq!(site.woken(), [""; 0]);
    assert_eq!(counted(&site, "github", "accepted").await, 1);
    assert_eq!(counted(&site, "github", "repeated").await, 1);
}

#[tokio::test]
async fn a_jira_delivery_is_taken_by_its_own_connection_alone() {
    let (site, _) = settled(Site::new().await).await;
    let number = MilestoneNumber(2);
    site.bed.person_does("ada", number, Act::Comment("Looking at it".to_owned())).await;
    let delivery = site.bed.jira.take_deliveries().pop().expect("a delivery");
    deliver(&site, "github", &delivery).await.problem(StatusCode::UNAUTHORIZED);
    assert!(!dirty(&site, number).await);
    assert_eq!(deliver(&site, "jira", &delivery).await.status, StatusCode::ACCEPTED);
    assert!(dirty(&site, number).await);
    assert_eq!(site.woken(), ["jira"]);
}

#[tokio::test]
async fn a_wrong_or_missing_signature_is_refused_and_leaves_nothing() {
    let (site, number) = settled(Site::new().await).await;
    let delivery = edited(&site, number, "Another title").await;
    let mut forged = delivery.clone();
    forged.headers.extend(signed("guess", &delivery.body));
    let mut unsigned = delivery.clone();
    unsigned.headers.remove("x-hub-signature-256");
    let mut altered = delivery.clone();
    altered.body = Bytes::from([delivery.body.as_ref(), b" "].concat());
    for refused in [forged, unsigned, altered] {
        deliver(&site, "github", &refused).await.problem(StatusCode::UNAUTHORIZED);
    }
    assert!(!dirty(&site, number).await);
    assert_eq!(site.woken(), [""; 0]);
    assert_eq!(counted(&site, "github", "bad_signature").await, 3);
    // None of them used up the delivery's id.
    assert_eq!(deliver(&site, "github", &delivery).await.status, StatusCode::ACCEPTED);
    assert!(dirty(&site, number).await);
}

#[tokio::test]
async fn while_a_secret_is_rotated_the_old_and_the_new_one_sign() {
    let secrets = vec![SecretString::from("new hush"), SecretString::from("hush")];
    let site = Site::with(|web| {
        web.secrets.insert("github".to_owned(), secrets);
    });
    let (site, number) = settled(site.await).await;
    let old = edited(&site, number, "Another title").await;
    assert_eq!(deliver(&site, "github", &old).await.status, StatusCode::ACCEPTED);
    site.bed.github.set_webhook_secret(Some("new hush".into()));
    let new = edited(&site, number, "A third title").await;
    assert_eq!(deliver(&site, "github", &new).await.status, StatusCode::ACCEPTED);
    assert_eq!(site.woken(), ["github", "github"]);
    site.bed.github.set_webhook_secret(Some("older hush".into()));
    let older = edited(&site, number, "A fourth title").await;
    deliver(&site, "github", &older).await.problem(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken_and_an_empty_one_is_none() {
    let site = Site::with(|web| {
        web.secrets.remove("github");
        web.secrets.insert("jira".to_owned(), vec![SecretString::from("")]);
    });
    let (site, number) = settled(site.await).await;
    let delivery = edited(&site, number, "Another title").await;
    deliver(&site, "github", &delivery).await.problem(StatusCode::UNAUTHORIZED);
    let body = br#"{"webhookEvent":"jira:issue_updated","issue":{"id":"10001","key":"ACME-1","fields":{}}}"#;
    let mut headers = signed("", body);
    let signature = headers.get("x-hub-signature-256").cloned().expect("a signature");
    headers.insert("x-hub-signature", signature);
    post(&site, "jira", &headers, body.as_slice()).await.problem(StatusCode::UNAUTHORIZED);
    assert_eq!(site.woken(), [""; 0]);
}

#[tokio::test]
async fn an_unknown_connection_is_not_found_and_makes_no_label() {
    let (site, number) = settled(Site::new().await).await;
    let delivery = edited(&site, number, "Another title").await;
    for name in ["gitlab", "github%22%7D", "GITHUB"] {
        deliver(&site, name, &delivery).await.problem(StatusCode::NOT_FOUND);
    }
    assert_eq!(counted(&site, "unknown", "unknown_connection").await, 3);
    let text = site.get("/metrics").await.body;
    assert!(!text.contains("gitlab") && !text.contains("GITHUB"), "{text}");
}

#[tokio::test]
async fn what_is_over_the_cap_is_refused_before_anything_else_is_looked_at() {
    let site = Site::new().await;
    let large = vec![b' '; usize::try_from(CAP).expect("it fits") + 1];
    // It says so itself: not even begun.
    let mut headers = signed("hush", &large);
    headers.insert("content-length", HeaderValue::from_str(&large.len().to_string()).expect("a header"));
    post(&site, "github", &headers, Body::from_stream(endless_failure()))
        .await
        .problem(StatusCode::PAYLOAD_TOO_LARGE);
    // It does not say so: read up to the cap.
    headers.remove("content-length");
    let chunks = large.chunks(8192).map(|chunk| Ok::<_, Error>(Bytes::copy_from_slice(chunk)));
    let chunked = Body::from_stream(futures::stream::iter(chunks.collect::<Vec<_>>()));
    post(&site, "github", &headers, chunked).await.problem(StatusCode::PAYLOAD_TOO_LARGE);
    // A stranger's connection and a bad signature make no difference.
    post(&site, "gitlab", &HeaderMap::new(), large.clone()).await.problem(StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(counted(&site, "github", "too_large").await, 2);
    // The cap itself is within it.
    let fits = vec![b' '; usize::try_from(CAP).expect("it fits")];
    post(&site, "github", &signed("hush", &fits), fits).await.problem(StatusCode::BAD_REQUEST);
}

/// A body that breaks off at once.
fn endless_failure() -> impl futures::Stream<Item = Result<Bytes, Error>> + Send + 'static {
    futures::stream::iter([Err(Error::from(ErrorKind::ConnectionReset))])
}

#[tokio::test]
async fn what_is_signed_yet_unreadable_or_broken_off_is_a_bad_request_that_quotes_nothing() {
    let site = Site::new().await;
    for body in [b"{\"issue\": {\"id\": \"classified\"".as_slice(), b"<html>classified</html>", b"", b"[1]"] {
        let words = post(&site, "github", &signed("hush", body), body).await.problem(StatusCode::BAD_REQUEST);
        assert!(!words.contains("classified"), "{words}");
    }
    let broken = Body::from_stream(endless_failure());
    post(&site, "github", &signed("hush", b""), broken).await.problem(StatusCode::BAD_REQUEST);
    assert_eq!(site.woken(), [""; 0]);
    assert_eq!(counted(&site, "github", "unreadable").await, 5);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_stored_is_to_be_sent_again() {
    let (site, number) = settled(Site::new().await).await;
    let delivery = edited(&site, number, "Another title").await;
    let url = format!("sqlite:{}?mode=ro", site.bed.folder().join("poam.db").display());
    let read_only = Db::open(&url, &OpenOptions { create: false, ..OpenOptions::default() }).await;
    let read_only = read_only.expect("a store that can be read");
    let full = Site::with(|web| replace_store(web, read_only.clone())).await;
    let words = deliver(&full, "github", &delivery).await.problem(StatusCode::SERVICE_UNAVAILABLE);
    assert!(!words.contains("poam.db"), "{words}");
    assert_eq!(full.woken(), [""; 0]);
    assert_eq!(counted(&full, "github", "not_stored").await, 1);
    assert!(!dirty(&site, number).await);
    // The same delivery, once the store can be written.
    assert_eq!(deliver(&site, "github", &delivery).await.status, StatusCode::ACCEPTED);
    assert!(dirty(&site, number).await);
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_next_request_is_served() {
    let site = Site::with(|web| web.wake = Arc::new(|_| panic!("classified")));
    let (site, number) = settled(site.await).await;
    let delivery = edited(&site, number, "Another title").await;
    let words = deliver(&site, "github", &delivery).await.problem(StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!words.contains("classified"), "{words}");
    assert!(dirty(&site, number).await, "it was stored before");
    assert_eq!(
        deliver(&site, "github", &delivery).await.status,
        StatusCode::ACCEPTED,
        "a repeat wakes nobody"
    );
}

#[tokio::test]
async fn webhooks_are_posted() {
    let site = Site::new().await;
    site.get("/webhooks/github").await.problem(StatusCode::METHOD_NOT_ALLOWED);
}
