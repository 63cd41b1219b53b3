#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use connector_api::error::LimitScope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::app::limits::Pause;
use crate::config::{Origin, Secret};

const CAP: u64 = 10_000;

fn options() -> Options {
    Options {
        ca_file: None,
        proxy: ProxyChoice::Direct,
        http1_only: false,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(20),
        cap: CAP,
    }
}

fn rules(now: Now) -> Rules {
    Rules { now, charges: Arc::new(|_| Vec::new()), may_write: Arc::new(|_| true) }
}

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

fn transport(options: &Options) -> HttpTransport {
    HttpTransport::new(options, rules(Arc::new(noon))).expect("a transport")
}

fn request(url: String) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).expect("a request")
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server that reads one request, writes `answer` and closes; gives back what it read.
async fn serve_bytes(answer: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut buffer = vec![0; 4096];
        let read = stream.read(&mut buffer).await.expect("a request");
        stream.write_all(answer).await.expect("written");
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    });
    (address, task)
}

#[tokio::test]
async fn an_answer_comes_whole_whatever_its_status() {
    let router = Router::new().route(
        "/echo",
        post(|headers: HeaderMap, body: Bytes| async move {
            let agent = headers.get(header::USER_AGENT).cloned().expect("an agent");
            (StatusCode::IM_A_TEAPOT, [(header::ETAG, agent)], body)
        }),
    );
    let at = serve(router).await;
    let request =
        Request::post(format!("http://{at}/echo")).body(Bytes::from_static(b"{}")).expect("a request");
    let answer = transport(&options()).send(request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.body().as_ref(), b"{}");
    assert_eq!(answer.headers()["etag"], concat!("poam-bridge/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let followed = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&followed);
    let router = Router::new()
        .route(
            "/old",
            get(|| async { (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, "/new")]).into_response() }),
        )
        .route("/new", get(move || async move { count.fetch_add(1, Ordering::SeqCst).to_string() }));
    let at = serve(router).await;
    let answer = transport(&options()).send(request(format!("http://{at}/old"))).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(answer.headers()["location"], "/new");
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_above_the_cap_is_refused_with_and_without_a_stated_length() {
    let size = usize::try_from(CAP).expect("fits");
    let stated = move |n: usize| get(move || async move { vec![b'x'; n] });
    let router = Router::new().route("/fits", stated(size)).route("/stated", stated(size + 1)).route(
        "/endless",
        get(|| async {
            let chunks =
                futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1000])));
            Body::from_stream(chunks)
        }),
    );
    let at = serve(router).await;
    let transport = transport(&options());
    let fits = transport.send(request(format!("http://{at}/fits"))).await.expect("an answer");
    assert_eq!(fits.body().len(), size);
    for path in ["stated", "endless"] {
        let error = transport.send(request(format!("http://{at}/{path}"))).await.expect_err(path);
        assert_eq!(error, TransportError::TooLarge { cap: CAP });
    }
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    drop(listener);
    let error = transport(&options()).send(request(format!("http://{at}/"))).await.expect_err("refused");
    assert!(matches!(&error, TransportError::NotSent(_)), "{error}");
    assert!(!error.may_have_arrived());
    assert!(error.to_string().contains("refused") && !error.to_string().contains("http://"), "{error}");
}

#[tokio::test]
async fn no_answer_in_time_is_lost() {
    let at = serve(Router::new().route("/", get(std::future::pending::<String>))).await;
    let options = Options { timeout: Duration::from_millis(100), ..options() };
    let error = transport(&options).send(request(format!("http://{at}/"))).await.expect_err("no answer");
    assert!(matches!(&error, TransportError::Lost(what) if what.contains("timed out")), "{error}");
    assert!(error.may_have_arrived());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_lost() {
    for answer in [
        b"".as_slice(),
        b"HTTP/1.1 200 OK\r\nconte".as_slice(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n".as_slice(),
        b"no HTTP at all\r\n\r\n".as_slice(),
    ] {
        let (at, task) = serve_bytes(answer).await;
        let error =
            transport(&options()).send(request(format!("http://{at}/"))).await.expect_err("broken off");
        assert!(matches!(&error, TransportError::Lost(_)), "{error}");
        task.await.expect("served");
    }
}

#[tokio::test]
async fn a_paused_connection_answers_at_once_and_sends_nothing() {
    let seen = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&seen);
    let at = serve(Router::new().route(
        "/",
        get(move || async move {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    ))
    .await;
    let minutes = Arc::new(AtomicU32::new(0));
    let clock = Arc::clone(&minutes);
    let now = move || noon() + chrono::Duration::minutes(clock.load(Ordering::SeqCst).into());
    let transport = HttpTransport::new(&options(), rules(Arc::new(now))).expect("a transport");
    let (soon, late) = (noon() + chrono::Duration::minutes(1), noon() + chrono::Duration::minutes(5));

    let pause = |until, reason: &str| {
        transport.limits().pause(&LimitScope::Connection, Pause { until, reason: reason.to_owned() });
    };
    pause(late, "jira-quota-tenant-based");
    pause(soon, "retry-after");
    let error = transport.send(request(format!("http://{at}/"))).await.expect_err("paused");
    assert_eq!(
        error,
        TransportError::Paused {
            until: late,
            reason: "jira-quota-tenant-based".to_owned(),
            scope: LimitScope::Connection
        }
    );
    assert!(!error.may_have_arrived());
    assert_eq!(seen.load(Ordering::SeqCst), 0);

    minutes.store(5, Ordering::SeqCst);
    assert!(transport.send(request(format!("http://{at}/"))).await.is_ok());
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url() {
    let (at, task) = serve_bytes(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let url = format!("http://user:word@{at}");
    let proxy = ProxyChoice::Through(Secret { value: url.into(), origin: Origin::Inline });
    let options = Options { proxy, ..options() };
    let answer =
        transport(&options).send(request("http://tracker.invalid/path".to_owned())).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let asked = task.await.expect("served").to_lowercase();
    assert!(asked.starts_with("get http://tracker.invalid/path http/1.1\r\n"), "{asked}");
    assert!(asked.contains("proxy-authorization: basic "), "{asked}");
}

#[test]
fn wrong_certificates_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ca.pem");
    let make =
        || HttpTransport::new(&Options { ca_file: Some(path.clone()), ..options() }, rules(Arc::new(noon)));
    assert!(matches!(make(), Err(HttpError::CaFile { .. })));
    std::fs::write(&path, "no certificate").expect("written");
    assert!(matches!(make(), Err(HttpError::NoCertificate { .. })));
}

#[test]
fn what_reads_is_told_from_what_writes() {
    for (method, path, wanted) in [
        (Method::GET, "/repos/o/r/issues", true),
        (Method::POST, "/graphql", true),
        (Method::POST, "/rest/api/3/issue/bulkfetch", true),
        (Method::POST, "/rest/api/3/changelog/bulkfetch", true),
        (Method::POST, "/rest/api/3/search/jql", true),
        (Method::POST, "/rest/api/3/issue/bulk", false),
        (Method::POST, "/repos/o/r/issues", false),
        (Method::PATCH, "/repos/o/r/issues/1", false),
        (Method::DELETE, "/repos/o/r/issues/1/labels/x", false),
    ] {
        let request = Request::builder().method(method.clone()).uri(format!("https://tracker.test{path}"));
        assert_eq!(reads(&request.body(Bytes::new()).expect("a request")), wanted, "{method} {path}");
    }
}

/// A write that could arrive after another process took the connection over does not leave.
#[tokio::test]
async fn a_write_needs_the_lease_to_outlast_it() {
    let at = serve(Router::new().route("/", get(|| async { "read" }).post(|| async { "written" }))).await;
    let rules =
        Rules { may_write: Arc::new(|longest| longest < Duration::from_secs(20)), ..rules(Arc::new(noon)) };
    let write = || Request::post(format!("http://{at}/")).body(Bytes::new()).expect("a request");
    let transport = HttpTransport::new(&options(), rules.clone()).expect("a transport");
    assert!(transport.send(request(format!("http://{at}/"))).await.is_ok(), "reads are free");
    let error = transport.send(write()).await.expect_err("too late");
    assert!(matches!(&error, TransportError::NotSent(_)), "{error}");
    let quick = Options { timeout: Duration::from_secs(19), ..options() };
    let transport = HttpTransport::new(&quick, rules).expect("a transport");
    assert!(transport.send(write()).await.is_ok());
}
