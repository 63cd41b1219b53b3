//! The read-only API: shapes, pages, parameters, and its description.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use http::StatusCode;
use poam::clock::Clock as _;
use poam::register::journal::GENESIS;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::sample::{paths, told};
use super::shape::Shapes;
use super::{Answer, Site};

async fn site() -> Site {
    let site = told().await;
    site.token("right", &["ACME"]).await;
    site
}

async fn json(site: &Site, path: &str) -> Value {
    let answer = site.read(&format!("/api/v1/systems/ACME{path}"), "right").await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    answer.json()
}

async fn refused(site: &Site, path: &str) -> Answer {
    let answer = site.read(&format!("/api/v1/systems/ACME{path}"), "right").await;
    answer.problem(StatusCode::BAD_REQUEST);
    answer
}

fn column(page: &Value, member: &str) -> Vec<String> {
    let rows = page["data"].as_array().expect("a page").iter();
    rows.map(|row| row[member].as_str().map_or_else(|| row[member].to_string(), str::to_owned)).collect()
}

#[tokio::test]
async fn the_shapes() {
    let site = site().await;
    insta::assert_json_snapshot!("systems", site.read("/api/v1/systems", "right").await.json());
    for (name, path) in [
        ("item", "/items/V-1"),
        ("item_closed", "/items/2024%2F7%20a"),
        ("items", "/items?limit=1"),
        ("milestone", "/milestones/M-1"),
        ("milestones", "/milestones?limit=1"),
        ("moves", "/moves"),
        ("drifts", "/drifts"),
        ("conflicts", "/conflicts"),
        ("links", "/links?limit=2"),
        ("notices", "/notices"),
    ] {
        insta::assert_json_snapshot!(name, json(&site, path).await);
    }
    insta::assert_json_snapshot!("problem", refused(&site, "/items?limit=0").await.json());
    // The first row is the bed's own; that hashes are right is shown below.
    let mut journal = json(&site, "/journal?after=1&limit=2").await;
    for row in journal["data"].as_array_mut().expect("rows") {
        for member in ["hash", "previous"] {
            let hash = row[member].as_str().expect("a hash");
            assert_eq!(hash.len(), 64);
            row[member] = format!("[{member}]").into();
        }
    }
    insta::assert_json_snapshot!("journal", journal);
    let document = site.get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths").iter();
    let parameters = |path: &Value| -> Vec<String> {
        let all = path["get"]["parameters"].as_array().into_iter().flatten();
        all.map(|one| format!("{} in {}", one["name"], one["in"]).replace('"', "")).collect()
    };
    let paths: BTreeMap<_, _> = paths.map(|(path, one)| (path, parameters(one))).collect();
    insta::assert_json_snapshot!("routes", paths);
}

#[tokio::test]
async fn every_answer_is_as_described_and_everything_described_is_answered() {
    let site = site().await;
    let document = site.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut shapes = Shapes::of(document.clone());
    let described = document["paths"].as_object().expect("paths").keys();
    let described = described.filter(|path| !path.ends_with("openapi.json"));
    for (template, path) in described.zip(paths(&site).await) {
        shapes.check_answer(template, &site.read(&path, "right").await.json());
    }
    shapes.check_answer("/api/v1/systems/{system}/items/{number}", &json(&site, "/items/2024%2F7%20a").await);
    for number in ["/milestones/M-2", "/milestones/3"] {
        let template = "/api/v1/systems/{system}/milestones/{number}";
        shapes.check_answer(template, &json(&site, number).await);
    }
    // Nothing records a review yet.
    assert_eq!(shapes.unseen(), ["Item.reviewed", "ItemDetail.reviewed"]);
    let names: Vec<_> = document["paths"].as_object().expect("paths").values().collect();
    let ids: BTreeSet<_> = names.iter().map(|path| path["get"]["operationId"].as_str()).collect();
    assert_eq!(ids.len(), names.len(), "each has a name of its own");
}

#[tokio::test]
async fn every_described_parameter_is_taken_and_no_other() {
    let site = site().await;
    let document = site.get("/api/v1/openapi.json").await.json();
    let described = document["paths"].as_object().expect("paths").iter();
    let described = described.filter(|(path, _)| !path.ends_with("openapi.json"));
    for ((_, item), path) in described.zip(paths(&site).await) {
        let mut all: Vec<(String, String)> = Vec::new();
        for parameter in item["get"]["parameters"].as_array().expect("parameters") {
            if parameter["in"] == "path" {
                continue;
            }
            let name = parameter["name"].as_str().expect("a name");
            let value = match (name, parameter["schema"]["type"].as_str()) {
                ("since", _) => "2026-03-01".to_owned(),
                // What `after` may hold, its list tells.
                ("after", _) => continue,
                ("item", _) => "V-1".to_owned(),
                (_, Some("array")) => {
                    let words = parameter["schema"]["items"]["enum"].as_array().expect("words");
                    words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
                }
                (_, Some("integer")) => "7".to_owned(),
                (_, Some("boolean")) => "true".to_owned(),
                _ => "text".to_owned(),
            };
            all.push((name.to_owned(), value));
        }
        let query: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = site.read(&format!("{path}?{}", query.join("&")), "right").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        let words = site.read(&format!("{path}?page=2"), "right").await.problem(StatusCode::BAD_REQUEST);
        assert!(words.contains("\"page\""), "{words}");
        for (name, value) in &all {
            let twice = site.read(&format!("{path}?{name}={value}&{name}={value}"), "right").await;
            twice.problem(StatusCode::BAD_REQUEST);
            assert_eq!(twice.json()["parameter"], *name);
        }
    }
}

#[tokio::test]
async fn what_a_parameter_cannot_be_is_named() {
    let site = site().await;
    for (path, parameter) in [
        ("/items?status=opened", "status"),
        ("/items?status=open,", "status"),
        ("/items?status=", "status"),
        ("/items?limit=0", "limit"),
        ("/items?limit=1001", "limit"),
        ("/items?limit=-1", "limit"),
        ("/items?limit=many", "limit"),
        ("/items?after=V-1", "after"),
        ("/milestones?state=open", "state"),
        ("/milestones?item=%0a", "item"),
        ("/milestones?after=last", "after"),
        ("/moves?since=yesterday", "since"),
        ("/moves?since=2026-02-30", "since"),
        ("/moves?after=2026-03-01", "after"),
        ("/drifts?open=yes", "open"),
        ("/drifts?after=x", "after"),
        ("/links?phase=gone", "phase"),
        ("/journal?after=-1", "after"),
    ] {
        let answer = refused(&site, path).await;
        assert_eq!(answer.json()["parameter"], parameter, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let site = site().await;
    for path in
        ["/items/V-99", "/items/v-1", "/items/%20", "/milestones/M-99", "/milestones/x", "/milestones/0"]
    {
        let answer = site.read(&format!("/api/v1/systems/ACME{path}"), "right").await;
        answer.problem(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn filters_choose() {
    let site = site().await;
    let numbers = async |path: &str| column(&json(&site, path).await, "number");
    assert_eq!(numbers("/items?status=closed,in_progress").await, ["V-1", "2024/7 a"]);
    assert_eq!(numbers("/items?status=pending_validation").await, [""; 0]);
    assert_eq!(numbers("/items?owner=Grace+Example").await, ["V-3"]);
    assert_eq!(numbers("/items?text=tls").await, ["V-1"]);
    assert_eq!(numbers("/milestones?state=blocked").await, ["M-2"]);
    assert_eq!(numbers("/milestones?item=V-3").await, [""; 0]);
    assert_eq!(numbers("/drifts?open=true").await, ["1", "3", "4"]);
    assert_eq!(numbers("/drifts?open=false").await, ["1", "2", "3", "4"]);
    assert_eq!(numbers("/conflicts?open=true").await, ["1"]);
    assert_eq!(numbers("/moves?since=2026-03-01T14:00:00Z").await, ["2"]);
    assert_eq!(numbers("/moves?since=2026-03-01T15:00:00%2B01:00").await, ["2"]);
    let links = async |path: &str| column(&json(&site, path).await, "milestone");
    assert_eq!(links("/links?phase=waiting,creating").await, ["M-2", "M-3"]);
    assert_eq!(links("/links?failing=true").await, ["M-1"]);
    assert_eq!(links("/links?tracker=gh").await, [""; 0]);
}

#[tokio::test]
async fn a_day_begins_in_the_zone_of_the_system() {
    let site = site().await;
    // The moves were made at 13:00 and 14:00 UTC on the first, which is the first in New York; midnight there is 05:00.
    assert_eq!(column(&json(&site, "/moves?since=2026-03-01").await, "number"), ["1", "2"]);
    assert_eq!(column(&json(&site, "/moves?since=2026-03-02").await, "number"), [""; 0]);
    assert_eq!(column(&json(&site, "/moves?since=2026-03-01T05:00:00Z").await, "number"), ["1", "2"]);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repeat() {
    let site = site().await;
    for (list, member) in [
        ("items", "number"),
        ("milestones", "number"),
        ("moves", "at"),
        ("drifts", "number"),
        ("conflicts", "number"),
        ("links", "milestone"),
        ("notices", "number"),
        ("journal", "number"),
    ] {
        let whole = json(&site, &format!("/{list}?limit=1000")).await;
        assert_eq!(whole["next"], Value::Null, "{list}");
        let all = column(&whole, member);
        assert!(!all.is_empty(), "{list}");
        for limit in 1..=all.len() {
            let (mut rows_seen, mut after, mut count) = (Vec::new(), String::new(), 0);
            loop {
                let page = json(&site, &format!("/{list}?limit={limit}{after}")).await;
                let rows = column(&page, member);
                assert!(!rows.is_empty() && rows.len() <= limit, "{list} by {limit}");
                rows_seen.extend(rows);
                count += 1;
                let Some(next) = page["next"].as_str() else { break };
                after = format!(
                    "&after={}",
                    url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()
                );
            }
            assert_eq!(rows_seen, all, "{list} by {limit}");
            assert_eq!(count, all.len().div_ceil(limit), "{list} by {limit}: no empty page at the end");
        }
    }
}

#[tokio::test]
async fn a_page_is_not_shifted_by_what_comes_between() {
    let site = site().await;
    let first = json(&site, "/items?limit=3").await;
    site.bed.clock.advance(TimeDelta::hours(1));
    let added = poam::register::Change::ItemStatus {
        item: poam::register::ItemNumber::ours(2),
        to: poam::register::Status::Open,
    };
    site.bed.record(vec![added]).await;
    let next = first["next"].as_str().expect("another page");
    let second = json(&site, &format!("/items?limit=3&after={next}")).await;
    assert_eq!(column(&second, "number"), ["V-4", "V-5", "2024/7 a"]);
}

#[tokio::test]
async fn the_journal_can_be_verified_from_what_the_api_gives() {
    let site = site().await;
    let rows = json(&site, "/journal?limit=1000").await;
    let mut previous = GENESIS.to_owned();
    let rows = rows["data"].as_array().expect("rows");
    assert!(rows.len() > 30, "{}", rows.len());
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row["number"], n + 1);
        assert_eq!(row["previous"], previous);
        let mut text = String::new();
        for member in ["system", "number", "at", "actor", "cause", "subject", "body", "previous"] {
            let value = &row[member];
            text += &value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push('\n');
        }
        assert_eq!(row["hash"], hex::encode(Sha256::digest(text.as_bytes())), "row {}", n + 1);
        previous = row["hash"].as_str().expect("a hash").to_owned();
    }
}

#[tokio::test]
async fn a_live_bridge_answers_as_described() {
    let site = Site::new().await;
    site.token("right", &["ACME"]).await;
    let number = site.bed.plan("Rotate 14 keys; the old ones are refused", "jira", "2026-04-01").await;
    site.bed.settle().await;
    let due = connector_api::fake::Act::SetDue(Some(crate::bed::day("2026-06-15")));
    site.bed.person_does("ada", number, due).await;
    site.bed.settle().await;
    site.bed.clock.advance(TimeDelta::seconds(400));
    site.bed.settle().await;
    let document = site.get("/api/v1/openapi.json").await.json();
    let mut shapes = Shapes::of(document.clone());
    let described = document["paths"].as_object().expect("paths").keys();
    let described = described.filter(|path| !path.ends_with("openapi.json"));
    for (template, path) in described.zip(paths(&site).await) {
        shapes.check_answer(template, &site.read(&path, "right").await.json());
    }
    let milestone = json(&site, "/milestones/M-1").await;
    assert_eq!(milestone["moves"][0]["state"], "unexplained");
    assert_eq!(milestone["link"]["observed"]["due"], "2026-06-15");
    let kinds: Vec<_> = milestone["drifts"].as_array().expect("drifts").iter().map(|d| &d["kind"]).collect();
    assert!(kinds.contains(&&Value::from("slip-unexplained")), "{kinds:?}");
    assert!(site.bed.clock.now() > crate::bed::start());
}
