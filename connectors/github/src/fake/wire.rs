//! Requests in, answers out: who asks, and the headers that every answer has.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use sha2::{Digest, Sha256};

use super::model::{Model, Permission};
use super::routes::{Answer, Reply, Request, in_repository};
use super::view;
use super::{apps, graph, limits};
use crate::lock;

/// What a personal token may ask in an hour.
const HOURLY: u32 = 5_000;

pub(super) fn router(model: Arc<Mutex<Model>>) -> Router {
    Router::new().fallback(answer).with_state(model)
}

async fn answer(
    State(model): State<Arc<Mutex<Model>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut model = lock(&model);
    let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path()).to_owned();
    let reply = enter(&mut model, &method, &path, &uri, &headers, &body).unwrap_or_else(|refused| refused);
    finish(&mut model, &method, &path, &headers, reply)
}

/// Who asks, and whether they may ask now.
fn enter(
    model: &mut Model,
    method: &Method,
    path: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::USER_AGENT).is_none_or(str::is_empty) {
        return Err(Reply::problem(
            403,
            "Request forbidden by administrative rules. A User-Agent is required.",
        ));
    }
    let Some(token) = text(header::AUTHORIZATION) else {
        return Err(Reply::problem(401, "Requires authentication"));
    };
    let token = token.strip_prefix("Bearer ").or_else(|| token.strip_prefix("token ")).unwrap_or(token);
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if let (["app", rest @ ..], true) = (segments.as_slice(), apps::is_signed(token)) {
        return apps::answer(model, method, rest, token);
    }
    let Some(login) = model.tokens.get(token).cloned() else {
        return Err(Reply::problem(401, "Bad credentials"));
    };
    if let Some(installed) = model.installed.get(token) {
        if installed.until <= model.time() {
            return Err(Reply::problem(401, "Bad credentials"));
        }
        // Nobody else's repositories, and no person's own pages.
        if !matches!(segments.as_slice(), ["repos", owner, ..] if owner.eq_ignore_ascii_case(&installed.owner))
            && !matches!(segments.as_slice(), [.., "graphql"] | ["repositories", ..])
        {
            return Err(Reply::not_found());
        }
    }
    limits::admit(model, method, path)?;
    let query =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let request = Request { method, path, query, body, login: &login };
    match segments.as_slice() {
        ["graphql"] | ["api", "graphql"] if method == Method::POST => graph::answer(model, &login, body),
        ["user"] if method == Method::GET => Ok(Reply::ok(view::me(model, &login))),
        ["orgs", owner, "issue-fields"] if method == Method::GET => Ok(Reply::ok(view::fields(model, owner))),
        ["repos", owner, name, rest @ ..] => {
            let Some((repo, current)) = model.named(&format!("{owner}/{name}")) else {
                return Err(Reply::not_found());
            };
            if !model.may(repo, &login, Permission::Read) {
                return Err(Reply::not_found());
            }
            if !current {
                let rest: String = rest.iter().flat_map(|part| ["/", part]).collect();
                let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
                let to = format!("{}/repositories/{repo}{rest}{query}", model.base);
                return Ok(Reply::moved(&to, method));
            }
            in_repository(model, &request, repo, rest)
        }
        ["repositories", id, rest @ ..] => match id.parse() {
            Ok(repo) if model.may(repo, &login, Permission::Read) => {
                in_repository(model, &request, repo, rest)
            }
            _ => Err(Reply::not_found()),
        },
        _ => Err(Reply::not_found()),
    }
}

/// Adds the headers of every answer, tags what can be tagged, counts, and writes the request down.
fn finish(model: &mut Model, method: &Method, path: &str, asked: &HeaderMap, reply: Reply) -> Response<Body> {
    let mut body = reply.body.to_string();
    let mut status = reply.status;
    let mut headers = reply.headers;
    if *method == Method::GET && status == 200 {
        let tag = format!("W/\"{}\"", hex::encode(Sha256::digest(body.as_bytes())));
        let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        if known == Some(tag.as_str()) {
            status = 304;
            body.clear();
        }
        headers.push(("etag", tag));
    }
    if status != 304 {
        model.budget = model.budget.map(|left| left.saturating_sub(1));
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    }
    let left = model.budget.unwrap_or(HOURLY);
    headers.extend([
        ("date", model.time().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("x-ratelimit-limit", HOURLY.to_string()),
        ("x-ratelimit-remaining", left.to_string()),
        ("x-ratelimit-used", HOURLY.saturating_sub(left).to_string()),
        ("x-ratelimit-reset", model.budget_reset().timestamp().to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
        ("x-oauth-scopes", "repo".to_owned()),
        ("x-github-media-type", "github.v3; format=json".to_owned()),
    ]);
    if let Some(end) = model.token_end {
        let end = end.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        headers.push((crate::request::EXPIRY, end));
    }
    model.requests.push(format!("{method} {} {status}", template(path)));
    let mut answer = Response::builder().status(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    answer.body(Body::from(body)).unwrap_or_default()
}

/// A path with names in the place of values, as in GitHub's documentation.
fn template(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (head, rest) = match segments.as_slice() {
        ["repos", _, _, rest @ ..] => ("/repos/{owner}/{repo}", rest),
        ["repositories", _, rest @ ..] => ("/repositories/{id}", rest),
        rest => ("", rest),
    };
    let mut out = head.to_owned();
    for (at, part) in rest.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| rest.get(at)).copied();
        let named = match (before, *part) {
            (_, "comments" | "timeline" | "reactions" | "check-runs" | "labels" | "issues") => part,
            (Some("issues"), _) => "{issue_number}",
            (Some("comments"), _) => "{comment_id}",
            (Some("pulls"), _) => "{pull_number}",
            (Some("commits"), _) => "{ref}",
            (Some("labels"), _) => "{name}",
            (_, "deliveries" | "attempts") => part,
            (Some("hooks"), _) => "{hook_id}",
            (Some("deliveries"), _) => "{delivery_id}",
            (Some("installations"), _) => "{installation_id}",
            _ => part,
        };
        out.push('/');
        out.push_str(named);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn a_template_names_what_varies() {
        for (path, named) in [
            ("/user", "/user"),
            ("/repos/a/b/issues", "/repos/{owner}/{repo}/issues"),
            ("/repos/a/b/issues/7/timeline", "/repos/{owner}/{repo}/issues/{issue_number}/timeline"),
            (
                "/repos/a/b/issues/comments/9/reactions",
                "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
            ),
            ("/repositories/3/issues/7", "/repositories/{id}/issues/{issue_number}"),
            ("/repos/a/b/commits/abc/check-runs", "/repos/{owner}/{repo}/commits/{ref}/check-runs"),
        ] {
            assert_eq!(template(path), named);
        }
    }
}
