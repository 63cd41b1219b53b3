//! Situations: labels and who may make them, due dates in fields, pages that shift, locked conversations.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

mod world;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{NaiveDate, TimeDelta};
use connector_api::fake::{Act, FakeSite, RouterTransport};
use connector_api::{
    Connector, Error, ErrorKind, Fetched, LABEL, NewTicket, Outcome, Patch, PollFrom, Transport,
    TransportError,
};
use connector_github::fake::Permission;
use serde_json::{Value, json};
use world::{REPO, World, answer, new, raw, spec};

type Done = Result<(), Error>;

#[tokio::test]
async fn a_due_date_may_be_a_field_of_the_organization() -> Done {
    let world = World::new();
    let with = world::due_spec("field:target date");
    let github = world.due_in(&with, Arc::new(RouterTransport(world.site.router())));
    let day = |d| NaiveDate::from_ymd_opt(2027, 2, d);
    let due = NewTicket { project: with.clone(), due: day(28), ..new(1) };
    let refused = github.create(&due).await.expect_err("there is no such field");
    assert!(matches!(&refused.kind, ErrorKind::Invalid(said) if said.contains("target date")), "{refused}");
    assert_eq!((refused.outcome, world.site.tickets().len()), (Outcome::NotDone, 0));

    world.site.add_date_field("acme", "Target date");
    let made = world::made(&github, &due).await?;
    assert_eq!(made.due, day(28));
    assert_eq!(world.site.tickets()[0].due, day(28), "the very day");
    let other = world::made(&github, &NewTicket { project: with.clone(), ..new(2) }).await?;
    let many = github.fetch(&[made.reference.clone(), other.reference.clone()]).await?;
    assert!(matches!(&many[0], Fetched::Found(t) if t.due == day(28)), "also many at once");
    let patch = |due| Patch { due: Some(due), project: with.clone(), ..Patch::default() };
    let before = world.site.requests().len();
    let moved = Patch { title: Some("And a title".to_owned()), ..patch(day(1)) };
    let moved = github.apply(&made, &moved).await?;
    assert_eq!((moved.due, moved.title.as_str()), (day(1), "And a title"));
    assert_eq!(world.site.requests().len() - before, 2, "the field, and all else");
    let cleared = github.apply(&moved, &patch(None)).await?;
    assert_eq!(cleared.due, None);
    github.apply(&moved, &patch(None)).await?;
    world.advance(TimeDelta::minutes(5));
    let stream = github.streams(&[with]).pop().expect("a stream");
    let poll = github.changed_since(&stream, &PollFrom::new(None, made.created)).await?;
    assert!(poll.tickets.iter().all(|t| t.due.is_none()));
    Ok(())
}

#[tokio::test]
async fn a_listing_whose_pages_shift_while_it_is_read_loses_nothing() -> Done {
    let world = World::new();
    let github = world.connector();
    for n in 0..150 {
        github.create(&new(n)).await?;
        world.advance(TimeDelta::seconds(3));
    }
    world.advance(TimeDelta::minutes(5));
    // The oldest is edited between the pages, so that it leaves the second and would stand on the first.
    let oldest = world.site.tickets().remove(0);
    let shifting =
        Arc::new(Shifting { world: world.clone(), ticket: oldest.id.clone(), once: Mutex::new(true) });
    let github = world.over(shifting);
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    let since = (world.now())() - TimeDelta::days(1);
    let mut seen = std::collections::BTreeMap::new();
    let mut cursor = None;
    for _ in 0..4 {
        let poll = github.changed_since(&stream, &PollFrom::new(cursor.as_deref(), since)).await?;
        seen.extend(poll.tickets.into_iter().map(|t| (t.reference.id.clone(), t.title)));
        cursor = Some(poll.cursor);
        world.advance(TimeDelta::minutes(1));
    }
    assert_eq!(seen.len(), 150);
    assert_eq!(seen.get(&oldest.id).map(String::as_str), Some("Edited between two pages"));
    Ok(())
}

/// Somebody edits a ticket after the first page was read.
struct Shifting {
    world: World,
    ticket: String,
    once: Mutex<bool>,
}

#[async_trait]
impl Transport for Shifting {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let answer = RouterTransport(self.world.site.router()).send(request).await?;
        if std::mem::take(&mut *self.once.lock().unwrap_or_else(PoisonError::into_inner)) {
            let edit = Act::Retitle("Edited between two pages".to_owned());
            self.world.site.act(&self.world.human, &self.ticket, edit).expect("they may");
        }
        Ok(answer)
    }
}

#[tokio::test]
async fn more_than_one_page_of_matches_is_read() -> Done {
    let world = World::new();
    let github = world.connector();
    let mut marker = new(7).marker;
    for n in 0..105 {
        // Clones carry the label of the one they were made from, and another's marker in the text, but for the last.
        marker.installation = if n == 104 { "inst-1".to_owned() } else { format!("other-{n}") };
        github.create(&NewTicket { marker: marker.clone(), ..new(7) }).await?;
        world.advance(TimeDelta::seconds(1));
    }
    let found = github.find_marker(&spec(REPO), &marker).await?;
    assert_eq!(found.len(), 1, "the one on the second page");
    Ok(())
}

#[tokio::test]
async fn a_server_that_wants_its_labels_made_first_gets_them() -> Done {
    let world = World::new();
    let picky = Arc::new(Picky(world.clone()));
    let github = world.over(picky);
    let made = world::made(&github, &new(1)).await?;
    assert!(made.labels.contains(&new(1).marker.label()));
    let patch = Patch { add_labels: ["waiting".to_owned()].into(), project: spec(REPO), ..Patch::default() };
    assert!(github.apply(&made, &patch).await?.labels.contains("waiting"));
    let before = world.site.requests().len();
    github.create(&new(2)).await?;
    let sent = world.site.requests().split_off(before);
    let posts: Vec<_> = sent.iter().filter(|request| request.starts_with("POST")).collect();
    assert_eq!(posts.len(), 2, "it is remembered: the label, then the ticket: {posts:?}");
    assert_eq!(world.site.tickets().len(), 2);
    Ok(())
}

/// A server that answers 501 to a label that is not there yet.
struct Picky(World);

#[async_trait]
impl Transport for Picky {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let issue = request.uri().path().contains("/issues");
        let (_, known) =
            raw(&self.0, "GET", &format!("/repos/{REPO}/labels?per_page=100"), &Value::Null).await;
        let known: Vec<&str> =
            known.as_array().into_iter().flatten().filter_map(|l| l["name"].as_str()).collect();
        let mut named = body["labels"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if issue && named.any(|name| !known.contains(&name)) {
            return Ok(answer(501, &[], r#"{"message":"a label that is not defined"}"#));
        }
        RouterTransport(self.0.site.router()).send(request).await
    }
}

#[tokio::test]
async fn who_may_not_make_labels_makes_no_ticket() -> Done {
    let world = World::new();
    world.site.add_user("triager", Some("ghp_triager"));
    assert_eq!(world.site.grant(REPO, "triager", Permission::Triage), Ok(()));
    let refused = world.with_token("ghp_triager").create(&new(1)).await.expect_err("no right");
    assert!(matches!(refused.kind, ErrorKind::Forbidden(_)));
    assert_eq!(refused.outcome, Outcome::NotDone);
    assert!(world.site.tickets().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_locked_issue_is_written_and_a_refused_comment_is_said() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    world.site.lock_issue(&made.reference.id, true).expect("locked");
    let patch = Patch { title: Some("Still ours".to_owned()), project: spec(REPO), ..Patch::default() };
    assert_eq!(github.apply(&made, &patch).await?.title, "Still ours");
    github.comment(&made.reference, "Who may write may comment", "m-1").await?;
    world.site.grant(REPO, "poam-bot", Permission::Read).expect("granted");
    let refused = github.comment(&made.reference, "Hello", "m-2").await.expect_err("it is locked");
    assert!(matches!(&refused.kind, ErrorKind::Forbidden(said) if said.contains("locked")), "{refused}");
    assert_eq!(refused.outcome, Outcome::NotDone);
    Ok(())
}

#[tokio::test]
async fn labels_are_made_once_and_known_ones_are_left_alone() -> Done {
    let world = World::new();
    let github = world.connector();
    let (status, _) = raw(&world, "POST", "/repos/acme/api/labels", &json!({ "name": "POAM" })).await;
    assert_eq!(status, 201);
    let made = world::made(&github, &new(1)).await?;
    assert!(made.labels.contains(LABEL), "a label that differs by case alone is ours: {:?}", made.labels);
    let add = Patch { add_labels: [LABEL.to_uppercase()].into(), project: spec(REPO), ..Patch::default() };
    let before = world.site.requests().len();
    github.apply(&made, &add).await?;
    assert_eq!(world.site.requests().len(), before, "and is not asked for again");
    github.create(&new(2)).await?;
    let sent = world.site.requests().split_off(before);
    assert_eq!(sent, ["POST /repos/{owner}/{repo}/issues 201"], "GitHub makes the marker's label by itself");
    Ok(())
}
