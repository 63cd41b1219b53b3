//! Pages of a listing and their links.

use serde_json::Value;

use super::model::Model;
use super::routes::{Reply, Request};

/// First entry and entries per page.
pub(super) fn window(request: &Request<'_>) -> (usize, usize) {
    let number = |name: &str, default: usize| {
        request.query.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default).max(1)
    };
    let per_page = number("per_page", 30).min(100);
    ((number("page", 1) - 1) * per_page, per_page)
}

pub(super) fn page(model: &Model, request: &Request<'_>, repo: u64, all: Vec<Value>) -> Reply {
    let (from, per_page) = window(request);
    let total = all.len();
    with_links(model, request, repo, all.into_iter().skip(from).take(per_page).collect(), total)
}

/// Pages link to each other by the repository's number, as GitHub's do.
pub(super) fn with_links(
    model: &Model,
    request: &Request<'_>,
    repo: u64,
    body: Vec<Value>,
    total: usize,
) -> Reply {
    let (from, per_page) = window(request);
    let (at, last) = (from / per_page + 1, total.div_ceil(per_page).max(1));
    let tail = request.path.split('/').filter(|part| !part.is_empty());
    let skipped = if request.path.starts_with("/repositories/") { 2 } else { 3 };
    let tail: String = tail.skip(skipped).flat_map(|part| ["/", part]).collect();
    let link = |page: usize, rel: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| *name != "page"));
        let query = query.append_pair("page", &page.to_string()).finish();
        format!("<{}/repositories/{repo}{tail}?{query}>; rel=\"{rel}\"", model.base)
    };
    let mut links = Vec::new();
    if at > 1 {
        links.push(link(at - 1, "prev"));
    }
    if at < last {
        links.push(link(at + 1, "next"));
        links.push(link(last, "last"));
    }
    if at > 1 {
        links.push(link(1, "first"));
    }
    let mut reply = Reply::ok(Value::Array(body));
    if !links.is_empty() {
        reply.headers.push(("link", links.join(", ")));
    }
    reply
}
