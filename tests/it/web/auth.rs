//! Who may read what: every route with every sort of token.

use axum::body::Body;
use chrono::TimeDelta;
use http::{Method, Request, StatusCode, header};
use poam::clock::Clock as _;
use poam::register::{Change, SystemId};

use super::sample::{paths, told};
use super::{Answer, Site, record};

/// A site with the sample, and tokens of every sort.
async fn site() -> Site {
    let site = told().await;
    let now = site.bed.clock.now();
    site.token("right", &["ACME"]).await;
    site.token("star", &["*"]).await;
    site.token("other", &["OTHER"]).await;
    site.token("nothing", &[]).await;
    site.token_until("forever", &["ACME"], None).await;
    site.token_until("expired", &["ACME"], Some(now)).await;
    site.token("revoked", &["ACME"]).await;
    record(site.bed.world(), SystemId::reserved(), vec![Change::TokenRevoked { name: "revoked".to_owned() }])
        .await;
    site
}

fn unauthorized(answer: &Answer, challenge: &str) {
    answer.problem(StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), challenge);
}

const NONE: &str = "Bearer realm=\"poam\"";
const BAD: &str = "Bearer realm=\"poam\", error=\"invalid_token\"";

#[tokio::test]
async fn every_route_wants_a_valid_token_of_its_system() {
    let site = site().await;
    let paths = paths(&site).await;
    assert!(paths.len() >= 12, "{paths:?}");
    for path in &paths {
        unauthorized(&site.get(path).await, NONE);
        for bad in ["wrong", "expired", "revoked", "right2", "RIGHT"] {
            unauthorized(&site.read(path, bad).await, BAD);
        }
        for good in ["right", "star", "forever"] {
            let answer = site.read(path, good).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} with {good}: {}", answer.body);
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        for elsewhere in ["other", "nothing"] {
            let answer = site.read(path, elsewhere).await;
            if path == "/api/v1/systems" {
                assert_eq!(answer.status, StatusCode::OK);
                assert!(!answer.body.contains("\"ACME\""), "{}", answer.body);
            } else {
                answer.problem(StatusCode::NOT_FOUND);
            }
        }
    }
}

#[tokio::test]
async fn a_system_out_of_reach_and_one_that_is_not_there_look_the_same() {
    let site = site().await;
    let strip = |answer: &Answer| (answer.status, answer.body.clone());
    for rest in ["", "/items", "/items/V-1", "/journal"] {
        let there = site.read(&format!("/api/v1/systems/ACME{rest}"), "other").await;
        for name in ["GONE", "acme", "%20", "_", "%5f", ".", "a%2Fb", "ACME%00"] {
            let path = format!("/api/v1/systems/{name}{rest}");
            assert_eq!(strip(&site.read(&path, "other").await), strip(&there), "{path}");
            assert_eq!(strip(&site.read(&path, "star").await), strip(&there), "{path}");
        }
    }
    let seen = site.read("/api/v1/systems", "star").await.json();
    let ids: Vec<_> = seen["data"].as_array().expect("a list").iter().map(|system| &system["id"]).collect();
    assert_eq!(ids, ["ACME", "OTHER"], "the reserved chain is no system");
}

#[tokio::test]
async fn the_reserved_chain_opens_to_no_token_not_even_one_made_for_it() {
    let site = site().await;
    site.token("reserved", &["_", "*"]).await;
    for rest in ["", "/journal", "/items"] {
        site.read(&format!("/api/v1/systems/_{rest}"), "reserved").await.problem(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_token_counts_until_the_second_it_expires() {
    let site = site().await;
    site.token("right now", &["ACME"]).await;
    assert_eq!(site.read("/api/v1/systems", "right").await.status, StatusCode::OK);
    site.bed.clock.advance(TimeDelta::days(1) - TimeDelta::microseconds(1));
    assert_eq!(site.read("/api/v1/systems", "right").await.status, StatusCode::OK);
    site.bed.clock.advance(TimeDelta::microseconds(1));
    unauthorized(&site.read("/api/v1/systems", "right").await, BAD);
    assert_eq!(site.read("/api/v1/systems", "forever").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_header_is_read_as_the_rfc_says_and_nothing_else_carries_a_token() {
    let site = site().await;
    let with = async |values: &[&str]| {
        let request = values.iter().fold(Request::get("/api/v1/systems"), |request, value| {
            request.header(header::AUTHORIZATION, *value)
        });
        site.send(request.body(Body::empty()).expect("a request")).await
    };
    assert_eq!(with(&["bearer right"]).await.status, StatusCode::OK, "schemes have no case");
    for none in
        [&["right"][..], &["Basic cmlnaHQ="], &["Bearer"], &["Bearer "], &["Bearer right", "Bearer right"]]
    {
        unauthorized(&with(none).await, NONE);
    }
    unauthorized(&site.get("/api/v1/systems?access_token=right").await, NONE);
}

#[tokio::test]
async fn all_below_the_api_needs_a_token_also_what_is_not_there_and_what_cannot_be_done() {
    let site = site().await;
    for path in
        ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/openapi.json/", "/api/v1/systems/ACME/secrets"]
    {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let request = Request::builder().method(method.clone()).uri(path).body(Body::empty());
            unauthorized(&site.send(request.expect("a request")).await, NONE);
        }
        site.read(path, "star").await.problem(StatusCode::NOT_FOUND);
    }
    let post = |token: Option<&str>| {
        let request = Request::post("/api/v1/systems/ACME/items");
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        request.body(Body::from("{}")).expect("a request")
    };
    unauthorized(&site.send(post(None)).await, NONE);
    site.send(post(Some("star"))).await.problem(StatusCode::METHOD_NOT_ALLOWED);
    // Beside the API nothing asks for one.
    site.get("/api/v10").await.problem(StatusCode::NOT_FOUND);
    site.get("/api").await.problem(StatusCode::NOT_FOUND);
    site.get("//api/v1/systems").await.problem(StatusCode::NOT_FOUND);
    site.get("/api/v1%2Fsystems").await.problem(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_description_needs_no_token() {
    let site = site().await;
    assert_eq!(site.get("/api/v1/openapi.json").await.status, StatusCode::OK);
    assert_eq!(site.read("/api/v1/openapi.json", "wrong").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_store_that_does_not_answer_lets_nobody_in_and_says_nothing_of_itself() {
    let site = site().await;
    site.bed.world().db.close().await;
    let words = site.read("/api/v1/systems", "right").await.problem(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(words, "The store does not answer. Try again later.");
    unauthorized(&site.get("/api/v1/systems").await, NONE);
}
