//! Every request that the connector sends and every answer that the fake gives, against GitHub's own description.
#![allow(clippy::expect_used, reason = "a test says what it expects")]
#![allow(clippy::print_stdout, reason = "says what was skipped")]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connector_api::contract::Subject;
use connector_api::fake::{Act, FakeDelivery, FakeSite, FakeTicket, RouterTransport};
use connector_api::{Account, Connector, Error, NewTicket, Patch, Transport, TransportError};
use connector_github::fake::GraphFault;
use connector_github::{GitHub, GitHubConfig};
use jsonschema::{Draft, Validator};
use secrecy::SecretString;
use serde_json::{Value, json};
use world::{REPO, World, new, spec};

/// GitHub's description of its REST interface, as JSON Schema can be asked of it.
struct Description {
    paths: Value,
    components: Value,
    built: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Description {
    /// None where it is absent.
    fn load() -> Option<Self> {
        let root = std::env::var_os("POAM_SHARED_DATA").map_or_else(
            || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
            std::path::PathBuf::from,
        );
        let file = root.join("trackers/github-openapi-slim.json");
        let Ok(text) = std::fs::read(&file) else {
            println!("skipped: no description of GitHub's API at {}", file.display());
            return None;
        };
        let mut whole: Value = serde_json::from_slice(&text).expect("JSON");
        convert(&mut whole);
        let part = |name: &str| whole.get(name).cloned().expect("a part of the description");
        Some(Self { paths: part("paths"), components: part("components"), built: Mutex::default() })
    }

    /// The operation of a request, with its name.
    fn operation(&self, method: &str, path: &str) -> Option<(String, &Value)> {
        let path = path.strip_prefix("/api/v3").unwrap_or(path);
        let asked: Vec<&str> = path.split('/').skip(1).collect();
        // A repository by its number, as redirects and pages name it.
        let asked = match asked.as_slice() {
            ["repositories", _, rest @ ..] => [&["repos", "o", "r"], rest].concat(),
            asked => asked.to_vec(),
        };
        let fits = |template: &str| {
            let parts: Vec<&str> = template.split('/').skip(1).collect();
            parts.len() == asked.len() && parts.iter().zip(&asked).all(|(t, p)| t == p || t.starts_with('{'))
        };
        // A name goes before a placeholder.
        let all = self.paths.as_object()?.iter().filter(|(template, _)| fits(template));
        let (template, methods) = all.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((format!("{method} {template}"), methods.get(method.to_lowercase())?))
    }

    /// The names of an operation's parameters.
    fn parameters(&self, operation: &Value) -> BTreeSet<String> {
        let listed = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let name = |parameter: &Value| {
            let reference = parameter.get("$ref").and_then(Value::as_str);
            let shared = reference.and_then(|at| self.components.pointer(at.strip_prefix("#/components")?));
            Some(shared.unwrap_or(parameter).get("name")?.as_str()?.to_owned())
        };
        listed.filter_map(name).collect()
    }

    /// What is wrong with a value by the schema that `name` stands for.
    fn wrong(&self, name: &str, schema: &Value, value: &Value) -> Vec<String> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = built.entry(name.to_owned()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.components });
            let validator = jsonschema::options().with_draft(Draft::Draft7).build(&whole);
            Arc::new(validator.expect("a schema"))
        });
        let short = |text: String| text.chars().take(300).collect::<String>();
        validator
            .iter_errors(value)
            .map(|error| format!("{name}: at {}: {}", error.instance_path(), short(error.to_string())))
            .collect()
    }
}

/// OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own.
fn convert(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(convert),
        Value::Object(map) => {
            map.values_mut().for_each(convert);
            if map.remove("nullable") == Some(Value::Bool(true)) {
                if let Some(values) = map.get_mut("enum").and_then(Value::as_array_mut) {
                    values.push(Value::Null);
                }
                if let Some(Value::String(kind)) = map.get("type").cloned() {
                    map.insert("type".to_owned(), json!([kind, "null"]));
                } else {
                    let inner = Value::Object(std::mem::take(map));
                    *map = serde_json::Map::from_iter([(
                        "anyOf".to_owned(),
                        json!([{ "type": "null" }, inner]),
                    )]);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Lets every exchange through, and notes what is not as described.
struct Checking {
    inner: Arc<dyn Transport>,
    description: Arc<Description>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    wrong: BTreeSet<String>,
    seen: BTreeSet<String>,
}

#[async_trait]
impl Transport for Checking {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let (method, uri, sent) =
            (request.method().to_string(), request.uri().clone(), request.body().clone());
        let answer = self.inner.send(request).await?;
        if uri.path().ends_with("/graphql") {
            return Ok(answer);
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((name, operation)) = self.description.operation(&method, uri.path()) else {
            notes.wrong.insert(format!("{method} {} is not described", uri.path()));
            return Ok(answer);
        };
        let known = self.description.parameters(operation);
        for (key, _) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(key.as_ref()) {
                notes.wrong.insert(format!("{name}: has no parameter {key}"));
            }
        }
        let content = |of: Option<&Value>| of?.pointer("/content/application~1json/schema").cloned();
        if let Some(schema) = content(operation.get("requestBody")) {
            let body = serde_json::from_slice(&sent).unwrap_or_default();
            notes.wrong.extend(self.description.wrong(&format!("{name} request"), &schema, &body));
        }
        let status = answer.status().as_u16();
        notes.seen.insert(format!("{name} {status}"));
        let described = operation.pointer(&format!("/responses/{status}"));
        match content(described) {
            Some(schema) => {
                let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                let what = format!("{name} {status}");
                notes.wrong.extend(self.description.wrong(&what, &schema, &body));
            }
            None if described.is_none() && status < 300 => {
                notes.wrong.insert(format!("{name}: {status} is not described"));
            }
            None => {}
        }
        Ok(answer)
    }
}

struct Watch {
    description: Arc<Description>,
    notes: Arc<Mutex<Notes>>,
}

impl Watch {
    fn over(&self, inner: Arc<dyn Transport>) -> Arc<dyn Transport> {
        let (description, notes) = (Arc::clone(&self.description), Arc::clone(&self.notes));
        Arc::new(Checking { inner, description, notes })
    }

    /// The contract against a site whose every exchange is checked.
    async fn contract(&self, subject: Subject) {
        let inner = Arc::clone(&subject.site);
        let over = self.over(Arc::new(RouterTransport(inner.router())));
        let site = Arc::new(Checked { inner, over });
        connector_api::contract::run(&Subject { site, ..subject }).await;
    }
}

/// A fake site whose answers are checked before they go out.
struct Checked {
    inner: Arc<dyn FakeSite>,
    over: Arc<dyn Transport>,
}

impl FakeSite for Checked {
    fn router(&self) -> axum::Router {
        let over = Arc::clone(&self.over);
        axum::Router::new().fallback(move |request: axum::extract::Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
            let answer = over.send(http::Request::from_parts(parts, body)).await.expect("an answer");
            answer.map(axum::body::Body::from)
        })
    }

    fn act(&self, by: &Account, ticket: &str, act: Act) -> Result<(), String> {
        self.inner.act(by, ticket, act)
    }

    fn open_by_hand(&self, by: &Account, project: &str, title: &str, text: &str) -> Result<String, String> {
        self.inner.open_by_hand(by, project, title, text)
    }

    fn tickets(&self) -> Vec<FakeTicket> {
        self.inner.tickets()
    }

    fn take_deliveries(&self) -> Vec<FakeDelivery> {
        self.inner.take_deliveries()
    }

    fn requests(&self) -> Vec<String> {
        self.inner.requests()
    }

    fn set_search_fresh(&self, fresh: bool) {
        self.inner.set_search_fresh(fresh);
    }
}

const HOOK: &str = "https://poam.example/webhooks/github";

#[tokio::test]
async fn what_is_sent_and_answered_is_as_github_describes_it() -> Result<(), Error> {
    let Some(description) = Description::load() else { return Ok(()) };
    let watch = Watch { description: Arc::new(description), notes: Arc::default() };
    let plain = World::new();
    plain.site.set_graph_fault(Some(GraphFault::Absent));
    watch.contract(plain.subject()).await;
    watch.contract(World::new().due_with_milestones()).await;

    // What the contract does not reach.
    let world = World::new();
    world.site.add_hook(REPO, HOOK).expect("a hook");
    let mut config = GitHubConfig::new(world::base(), SecretString::from(world::TOKEN));
    config.projects = vec![spec(REPO)];
    config.webhook_url = HOOK.parse().ok();
    let github = GitHub::new(config, watch.over(Arc::new(RouterTransport(world.site.router()))), world.now());
    let made = world::made(&github, &new(1)).await?;
    world.site.set_receiver_down(true);
    world.site.act(&world.human, &made.reference.id, Act::Retitle("Lost".to_owned())).expect("they may");
    assert_eq!(github.redeliver(made.created).await?, 1);
    world.site.add_date_field("acme", "Target date");
    let with = world::due_spec("field:Target date");
    let dated = world.due_in(&with, watch.over(Arc::new(RouterTransport(world.site.router()))));
    let due = chrono::NaiveDate::from_ymd_opt(2027, 2, 28);
    let made = world::made(&dated, &NewTicket { project: with.clone(), due, ..new(2) }).await?;
    let made =
        dated.apply(&made, &Patch { due: Some(None), project: with.clone(), ..Patch::default() }).await?;
    dated.apply(&made, &Patch { due: Some(due), project: with, ..Patch::default() }).await?;
    world.site.rename_repository(REPO, "acme/core").expect("renamed");
    github.check(&[spec(REPO)]).await?;

    let notes = watch.notes.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong: Vec<_> = notes.wrong.iter().take(40).cloned().collect();
    assert!(wrong.is_empty(), "{} exchanges are not as described:\n{}", notes.wrong.len(), wrong.join("\n"));
    for reached in [
        "POST /repos/{owner}/{repo}/issues 201",
        "PATCH /repos/{owner}/{repo}/issues/{issue_number} 200",
        "GET /repos/{owner}/{repo}/issues 200",
        "GET /repos/{owner}/{repo}/issues/{issue_number}/timeline 200",
        "GET /repos/{owner}/{repo}/issues/{issue_number} 410",
        "POST /repos/{owner}/{repo}/milestones 201",
        "POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts 202",
    ] {
        assert!(notes.seen.contains(reached), "{reached} was not met among {:?}", notes.seen);
    }
    Ok(())
}

#[test]
fn an_answer_that_is_not_as_described_is_found() {
    let Some(description) = Description::load() else { return };
    let (name, operation) = description.operation("POST", "/repos/a/b/milestones").expect("described");
    let schema = operation.pointer("/responses/201/content/application~1json/schema").expect("a schema");
    let good = json!({ "url": "https://a.example", "html_url": "https://a.example", "labels_url": "https://a.example", "id": 1, "node_id": "n", "number": 1,
        "title": "t", "description": null, "creator": null, "open_issues": 0, "closed_issues": 0, "state": "open",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "due_on": null, "closed_at": null });
    assert_eq!(description.wrong(&name, schema, &good), Vec::<String>::new(), "what may be null may be");
    for (key, bent) in [("number", json!("one")), ("state", json!("ajar")), ("title", json!(null))] {
        let mut bad = good.clone();
        bad[key] = bent;
        assert!(!description.wrong(&name, schema, &bad).is_empty(), "{key}");
    }
}
