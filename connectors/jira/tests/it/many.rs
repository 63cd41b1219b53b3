//! Many tickets at once, and how many requests that costs: the floor that the API allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite};
use connector_api::{
    Connector, ErrorKind, Glance, LogRequest, NewTicket, Outcome, Patch, TicketRef, TicketState,
    TransportError,
};
use connector_jira::Flavor;
use connector_jira::fake::{Lacks, Refusal};

use crate::world::{
    ELSEWHERE, Meddling, PROJECT, World, day, new_ticket, patch, poll, sent_since, spec, state,
};

/// In turn in two projects.
fn tickets(count: u32) -> Vec<NewTicket> {
    let project = |n| if n % 2 == 0 { PROJECT } else { ELSEWHERE };
    (0..count).map(|n| NewTicket { project: spec(project(n)), ..new_ticket(n) }).collect()
}

/// Makes them all; gives their references.
async fn made(world: &World, count: u32) -> Vec<TicketRef> {
    let made = world.connector().create_many(&tickets(count)).await;
    made.into_iter().map(|made| made.expect("a ticket").reference).collect()
}

/// Titles by id.
fn titles(world: &World) -> BTreeMap<String, String> {
    world.site.tickets().into_iter().map(|ticket| (ticket.id, ticket.title)).collect()
}

#[tokio::test]
async fn a_thousand_creates_are_twenty_requests() {
    let world = World::unwatched(Flavor::Cloud);
    let new = tickets(1000);
    let made = world.connector().create_many(&new).await;
    assert_eq!(world.site.requests(), vec!["POST /rest/api/3/issue/bulk 201"; 20]);
    assert_eq!(made.len(), 1000);
    let titles = titles(&world);
    for (new, made) in new.iter().zip(made) {
        let made = made.expect("a ticket");
        assert_eq!(titles[&made.reference.id], new.title, "each answer is that of its own place");
        assert_eq!(made.reference.project, new.project.project);
        assert!(made.reference.key.starts_with(&new.project.project), "{}", made.reference.key);
    }
    let markers: BTreeSet<_> = world.site.tickets().into_iter().filter_map(|t| t.marker).collect();
    assert_eq!(markers.len(), 1000, "each with its own marker");
}

#[tokio::test]
async fn what_was_refused_goes_again_without_it_and_what_was_made_does_not() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(ELSEWHERE, |project| {
        project.due_field = None;
        project.unassignable.insert(world.human.id.clone());
    });
    let mut new = tickets(60);
    for new in &mut new {
        new.assignee = Some(world.human.clone());
    }
    new[7].project = spec("NOPE");
    new[59].project.issue_type = Some("Epic".to_owned());
    let made = world.connector().create_many(&new).await;
    let sent = world.site.requests();
    assert_eq!(sent, vec!["POST /rest/api/3/issue/bulk 201"; 3], "all that was refused goes together");
    let titles = titles(&world);
    for (n, made) in made.iter().enumerate() {
        match (n, made) {
            (7 | 59, Err(error)) => {
                assert_eq!(error.outcome, Outcome::NotDone);
                let ErrorKind::Invalid(said) = &error.kind else { panic!("{error}") };
                assert!(said.contains(if n == 7 { "valid project" } else { "valid issue type" }), "{said}");
            }
            (_, Ok(made)) => {
                assert_eq!(titles[&made.reference.id], new[n].title);
                let assignee = (n % 2 == 0).then(|| world.human.clone());
                assert_eq!(made.assignee, assignee, "who was refused is told");
            }
            (_, Err(error)) => panic!("{n}: {error}"),
        }
    }
    let distinct: BTreeSet<&String> = titles.values().collect();
    assert_eq!((distinct.len(), titles.len()), (58, 58), "none was made twice");
}

#[tokio::test]
async fn all_refused_is_an_answer_for_each() {
    let world = World::new(Flavor::Cloud);
    let mut new = tickets(3);
    for new in &mut new {
        new.project = spec("NOPE");
    }
    for made in world.connector().create_many(&new).await {
        let error = made.expect_err("an error");
        assert!(matches!(&error.kind, ErrorKind::Invalid(said) if said.contains("project")), "{error}");
        assert_eq!(error.outcome, Outcome::NotDone);
    }
    assert_eq!(world.site.requests(), ["POST /rest/api/3/issue/bulk 400"]);
}

/// Meddles with the answer to the second request for many.
async fn with_second_answer(
    world: &World,
    instead: impl Fn(http::Response<Bytes>) -> Result<http::Response<Bytes>, TransportError>
    + Send
    + Sync
    + 'static,
) -> Vec<connector_api::Result<connector_api::Made>> {
    let count = AtomicUsize::new(0);
    let meddle = move |path: &str, answer| {
        let second = path.ends_with("/issue/bulk") && count.fetch_add(1, Ordering::Relaxed) == 1;
        if second { instead(answer) } else { Ok(answer) }
    };
    let jira = world.over(Arc::new(Meddling { world: world.clone(), meddle }));
    jira.create_many(&tickets(150)).await
}

fn outcomes(made: &[connector_api::Result<connector_api::Made>]) -> Vec<Option<Outcome>> {
    made.iter().map(|made| made.as_ref().err().map(|error| error.outcome)).collect()
}

#[tokio::test]
async fn an_unclear_answer_leaves_those_it_was_about_unknown_and_the_rest_unsent() {
    let world = World::new(Flavor::Cloud);
    let made = with_second_answer(&world, |_| Err(TransportError::Lost("reset".to_owned()))).await;
    let mut wanted = vec![None; 50];
    wanted.extend([Some(Outcome::Unknown); 50]);
    wanted.extend([Some(Outcome::NotDone); 50]);
    assert_eq!(outcomes(&made), wanted);
    assert_eq!(
        world.site.tickets().len(),
        100,
        "the second fifty were made, and nobody knows; the third never left"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_add_up_tells_nothing() {
    let made = r#"{"id":"1","key":"ACME-1","self":"x"}"#;
    for body in [
        "{}".to_owned(),
        r#"{"issues":[],"errors":[]}"#.to_owned(),
        format!(r#"{{"issues":[{made}],"errors":[]}}"#),
        format!(r#"{{"issues":[{}],"errors":[{{"failedElementNumber":50}}]}}"#, vec![made; 49].join(",")),
        "<html>Log in</html>".to_owned(),
    ] {
        let world = World::new(Flavor::Cloud);
        let answer = body.clone();
        let made =
            with_second_answer(&world, move |given| Ok(given.map(|_| Bytes::from(answer.clone())))).await;
        assert_eq!(outcomes(&made)[50..100], [Some(Outcome::Unknown); 50], "{body}");
        assert!(made[..50].iter().all(Result::is_ok), "{body}");
    }
}

#[tokio::test]
async fn a_request_refused_as_a_whole_is_an_answer_for_each() {
    let world = World::new(Flavor::Cloud);
    let mut new = tickets(4);
    new[2].project = spec("NOPE");
    let meddle = |path: &str, answer: http::Response<Bytes>| {
        if !path.ends_with("/issue/bulk") {
            return Ok(answer);
        }
        let said = r#"{"errorMessages":["Cannot deserialize value"],"errors":{}}"#;
        let refused = http::Response::builder().status(400).body(Bytes::from(said));
        Ok(refused.expect("an answer"))
    };
    // The fake refuses all, so that nothing is made behind the meddled answer.
    let jira = world.over(Arc::new(Meddling { world: world.clone(), meddle }));
    world.site.refuse([Some(Refusal::Unnamed)]);
    let made = jira.create_many(&new).await;
    let failed: Vec<bool> = made.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, true, false], "{made:?}");
    assert_eq!(world.site.tickets().len(), 3);
}

#[tokio::test]
async fn a_limit_holds_back_all_that_was_not_sent() {
    let world = World::new(Flavor::Cloud);
    world.site.refuse([None, Some(Refusal::Cost)]);
    let made = world.connector().create_many(&tickets(150)).await;
    assert!(made[..50].iter().all(Result::is_ok));
    for made in &made[50..] {
        let error = made.as_ref().expect_err("an error");
        assert!(matches!(error.kind, ErrorKind::RateLimited { .. }), "{error}");
        assert_eq!(error.outcome, Outcome::NotDone);
    }
    assert_eq!(world.site.requests().len(), 2);
}

#[tokio::test]
async fn a_site_that_makes_them_one_by_one_is_asked_once() {
    for lacks in [Lacks { properties: false, bulk: true }, Lacks { properties: true, bulk: true }] {
        let world = World::new(Flavor::Cloud);
        world.site.set_lacks(lacks);
        let jira = world.connector();
        let made = jira.create_many(&tickets(3)).await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let before = world.site.requests().len();
        jira.create_many(&tickets(2)).await;
        assert_eq!(sent_since(&world, before), vec!["POST /rest/api/3/issue 201"; 2], "{lacks:?}");
        assert_eq!(world.site.tickets().len(), 5);
    }
    for status in [404, 413] {
        let world = World::new(Flavor::Cloud);
        let made = with_second_answer(&world, move |mut given| {
            // As a proxy that lets only small requests through; those of the answer were not made then.
            *given.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            Ok(given)
        })
        .await;
        assert!(made.iter().all(Result::is_ok));
        let singles = world.site.requests().iter().filter(|line| line.ends_with("/issue 201")).count();
        assert_eq!(singles, 100, "the second and the third fifty go one by one ({status})");
    }
}

#[tokio::test]
async fn a_site_without_properties_makes_many_with_a_label() {
    let world = World::new(Flavor::Cloud);
    world.site.set_lacks(Lacks { properties: true, bulk: false });
    let made = world.connector().create_many(&tickets(70)).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(world.site.requests().len(), 3, "one that is refused, then two");
    let fake = world.site.tickets();
    assert!(
        fake.iter().all(|ticket| ticket.labels.contains(&ticket.marker.as_ref().expect("a marker").line()))
    );
}

/// Six thousand, since a page of ids holds five.
#[tokio::test]
async fn thousands_of_tickets_cost_what_the_floor_says() {
    let world = World::unwatched(Flavor::Cloud);
    let all = made(&world, 6000).await;
    assert_eq!(world.site.requests().len(), 120, "created by fifties");
    world.advance(TimeDelta::hours(2));
    let jira = world.connector();
    let quiet = poll(&world, &jira, None).await;
    assert!(quiet.tickets.is_empty());
    let before = world.site.requests().len();
    world.advance(TimeDelta::minutes(20));
    let quiet = poll(&world, &jira, Some(&quiet.cursor)).await;
    assert_eq!(sent_since(&world, before), ["POST /rest/api/3/search/jql 200"], "an idle poll");

    for (n, ticket) in all.iter().step_by(12).enumerate() {
        let act = |act| world.site.act(&world.human, &ticket.id, act).expect("an act");
        act(Act::SetDue(day(2027, 1, 20)));
        if n % 2 == 0 {
            act(Act::Comment("Done, see the scan.".into()));
            act(Act::SetState(TicketState::Done));
        }
    }
    let before = world.site.requests().len();
    let busy = poll(&world, &jira, Some(&quiet.cursor)).await;
    assert_eq!(busy.tickets.len(), 500);
    let requests: Vec<LogRequest> =
        busy.tickets.iter().map(|t| LogRequest { ticket: t.reference.clone(), since: None }).collect();
    let logs = jira.read_log(&requests).await.expect("logs");
    let sent = sent_since(&world, before);
    let (search, log) = ("POST /rest/api/3/search/jql 200", "POST /rest/api/3/changelog/bulkfetch 200");
    assert_eq!(sent, [search, search, search, search, search, log], "with comments and closures too");
    assert_eq!(logs.iter().map(|log| log.entries.len()).sum::<usize>(), 750);
    assert_eq!(logs.iter().map(|log| log.comments.len()).sum::<usize>(), 250);

    let before = world.site.requests().len();
    let glances = jira.survey(&all).await.expect("a survey");
    assert!(glances.iter().all(|glance| matches!(glance, Glance::There { .. })));
    assert_eq!(sent_since(&world, before), ["POST /rest/api/3/search/jql 200"; 2], "all there");

    let (lost, gone) = (&all[17], &all[18]);
    let unlabel = Act::RemoveLabel("poam".to_owned());
    world.site.act(&world.human, &lost.id, unlabel).expect("an act");
    world.site.act(&world.human, &gone.id, Act::Delete).expect("an act");
    let before = world.site.requests().len();
    let glances = jira.survey(&all).await.expect("a survey");
    let bulk = "POST /rest/api/3/issue/bulkfetch 200";
    assert_eq!(sent_since(&world, before), [search, search, bulk], "those that no list names are asked for");
    assert!(matches!(glances[17], Glance::There { updated: Some(_) }), "it lost its label alone");
    assert_eq!(glances[18], Glance::Missing);
    assert_eq!(glances.iter().filter(|glance| **glance == Glance::Missing).count(), 1);
}

#[tokio::test]
async fn a_survey_is_right_on_every_kind_of_site() {
    for (flavor, bulk) in [(Flavor::Cloud, false), (Flavor::Cloud, true), (Flavor::DataCenter, false)] {
        let world = World::new(flavor);
        world.site.set_lacks(Lacks { properties: false, bulk });
        let all = made(&world, 130).await;
        world.site.act(&world.human, &all[3].id, Act::Delete).expect("an act");
        world.site.act(&world.human, &all[4].id, Act::Move(PROJECT.to_owned())).expect("a move");
        world.site.archive(&all[5].id).expect("an archive");
        for asked in [&all[..], &all[..20], &all[..1], &[]] {
            let glances = world.connector().survey(asked).await.expect("a survey");
            assert_eq!(glances.len(), asked.len());
            for (n, glance) in glances.iter().enumerate() {
                assert_eq!(*glance == Glance::Missing, n == 3, "{flavor:?} {n}: {glance:?}");
            }
        }
    }
}

#[tokio::test]
async fn many_comments_cost_one_more_request() {
    let world = World::new(Flavor::Cloud);
    let all = made(&world, 3).await;
    for n in 0..25 {
        world.site.act(&world.human, &all[1].id, Act::Comment(format!("Number {n}."))).expect("a comment");
    }
    let jira = world.connector();
    let seen = poll(&world, &jira, None).await;
    assert_eq!(seen.tickets.len(), 3);
    let requests: Vec<LogRequest> =
        all.iter().map(|ticket| LogRequest { ticket: ticket.clone(), since: None }).collect();
    let before = world.site.requests().len();
    let logs = jira.read_log(&requests).await.expect("logs");
    let sent = sent_since(&world, before);
    let comments = "GET /rest/api/3/issue/{issueIdOrKey}/comment 200";
    assert_eq!(sent, ["POST /rest/api/3/changelog/bulkfetch 200", comments]);
    assert_eq!(logs.iter().map(|log| log.comments.len()).collect::<Vec<_>>(), [0, 25, 0]);
}

#[tokio::test]
async fn answers_too_large_to_read_are_asked_for_in_parts() {
    let world = World::new(Flavor::Cloud);
    let all = made(&world, 40).await;
    for ticket in &all {
        for n in 0..5 {
            world.site.act(&world.human, &ticket.id, Act::Retitle(format!("Edit {n}"))).expect("an edit");
        }
    }
    // About three tickets, or two histories of five edits.
    let cap = 8_000;
    let meddle = move |_: &str, answer: http::Response<Bytes>| {
        if answer.body().len() > cap { Err(TransportError::TooLarge { cap: cap as u64 }) } else { Ok(answer) }
    };
    let jira = world.over(Arc::new(Meddling { world: world.clone(), meddle }));
    let seen = poll(&world, &jira, None).await;
    assert_eq!(seen.tickets.len(), 40);
    assert_eq!(jira.fetch(&all).await.expect("tickets").len(), 40);
    let requests: Vec<LogRequest> =
        all.iter().map(|ticket| LogRequest { ticket: ticket.clone(), since: None }).collect();
    let logs = jira.read_log(&requests).await.expect("logs");
    assert!(logs.len() == 40 && logs.iter().all(|log| log.entries.len() == 5));
}

#[tokio::test]
async fn a_push_is_one_request_and_a_transition_one_more() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| project.resolution_required = true);
    let jira = world.connector();
    let fields = Patch {
        title: Some("Another title".to_owned()),
        due: Some(day(2027, 2, 28)),
        assignee: Some(Some(world.human.clone())),
        add_labels: ["compliance".to_owned()].into(),
        ..patch()
    };
    let mut done = state(TicketState::Done, &["Done"]);
    done.comment = Some("Closed by the register.".to_owned());
    done.resolution = Some("Done".to_owned());
    let closing = Patch { state: Some(done), ..fields.clone() };
    let opening = Patch { state: Some(state(TicketState::Open, &["To Do"])), ..fields.clone() };
    let (put, post) =
        ("PUT /rest/api/3/issue/{issueIdOrKey} 200", "POST /rest/api/3/issue/{issueIdOrKey}/transitions 204");
    let read = "GET /rest/api/3/issue/{issueIdOrKey} 200";
    for round in 0..3 {
        let made = crate::world::made(&jira, &new_ticket(round)).await;
        let before = world.site.requests().len();
        let after = jira.apply(&made, &fields).await.expect("an edit");
        assert_eq!(sent_since(&world, before), [put]);
        let before = world.site.requests().len();
        let closed = jira.apply(&after, &closing).await.expect("closed");
        assert_eq!(closed.status.resolution.as_deref(), Some("Done"));
        let first = round == 0;
        let sent = sent_since(&world, before);
        // The way is asked for once; a move is looked at afterwards, as no answer shows it.
        assert_eq!(sent.len(), if first { 4 } else { 3 }, "{sent:?}");
        assert!(sent.ends_with(&[post.to_owned(), read.to_owned()]) && sent[0] == put, "{sent:?}");
        let before = world.site.requests().len();
        let open = jira.apply(&closed, &opening).await.expect("open");
        assert_eq!(open.status.name, "To Do");
        let sent = sent_since(&world, before);
        assert!(sent.ends_with(&[post.to_owned(), put.to_owned()]), "{sent:?}");
        assert_eq!(sent.len(), if first { 3 } else { 2 }, "{sent:?}");
    }
    let comments: usize = world.site.tickets().iter().map(|ticket| ticket.comments.len()).sum();
    assert_eq!(comments, 3);
}
