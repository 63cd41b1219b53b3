//! What every request goes through: an id, a span without secrets, counts, a time limit, and the guard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use super::Web;
use super::auth::guard;
use super::error::{PROBLEM, Problem};

/// A request that takes longer is answered 503. GitHub gives up on a webhook after 10 s.
const LIMIT: Duration = Duration::from_secs(9);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around all routes; each goes around those named before it.
pub(super) fn around(router: Router<Arc<Web>>, web: &Arc<Web>) -> Router<Arc<Web>> {
    let secret =
        [header::AUTHORIZATION, header::COOKIE].into_iter().chain(SIGNATURES.map(HeaderName::from_static));
    router
        .layer(from_fn_with_state(web.clone(), guard))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LIMIT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(web.clone(), observe))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, Ids(web.world.ids.clone())))
        .layer(axum::middleware::from_fn(keep_plain_id))
        .layer(SetSensitiveRequestHeadersLayer::new(secret))
}

/// Headers that sign a webhook.
const SIGNATURES: [&str; 3] = ["x-hub-signature", "x-hub-signature-256", "x-atlassian-webhook-signature"];

/// Fresh ids from the generator that was passed in.
#[derive(Clone)]
struct Ids(Arc<dyn Fn() -> String + Send + Sync>);

impl MakeRequestId for Ids {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&(self.0)()).ok().map(RequestId::new)
    }
}

/// A proxy's id is kept where it is short and plain, since it goes into the log.
async fn keep_plain_id(mut request: Request, next: Next) -> Response {
    let plain = |id: &HeaderValue| {
        (1..=64).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if !request.headers().get(&REQUEST_ID).is_some_and(plain) {
        request.headers_mut().remove(&REQUEST_ID);
    }
    next.run(request).await
}

/// The span of a request. The route stands for the path, which whoever asks could fill with anything.
fn span<B>(request: &http::Request<B>) -> tracing::Span {
    let id = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("web.request.serve", id, method = method(request), route = route(request))
}

/// Methods by name; a bounded set, since it makes labels.
fn method<B>(request: &http::Request<B>) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The route that a request takes, as written in the program.
fn route<B>(request: &http::Request<B>) -> &str {
    request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str)
}

/// Counts and times requests; gives every refusal the same form; lets nobody keep an answer.
async fn observe(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (method, route) = (method(&request), route(&request).to_owned());
    let mut response = next.run(request).await;
    let status = response.status();
    let form = response.headers().get(header::CONTENT_TYPE);
    if (status.is_client_error() || status.is_server_error()) && form.is_none_or(|form| form != PROBLEM) {
        response = Problem::plain(status).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    web.metrics.request(&route, method, status.as_u16(), begun.elapsed());
    response
}

/// What a panic was about goes to the log, by the panic hook; the answer tells nothing of it.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request ended in a panic");
    Problem::plain(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
