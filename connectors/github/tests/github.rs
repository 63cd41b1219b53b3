//! What is GitHub's own: tags and cursors, moved and replaced things, limits, access, what closed an issue.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

mod world;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{NaiveDate, TimeDelta};
use connector_api::error::LimitScope;
use connector_api::fake::{Act, FakeSite, RouterTransport};
use connector_api::{
    Connector, Error, ErrorKind, Fetched, HistoryKind, LABEL, LogRequest, NewTicket, Outcome, Patch,
    PollFrom, Ticket, Transport, TransportError,
};
use connector_github::fake::{GraphFault, Limit, Permission};
use connector_github::{DUE_FROM_MILESTONE, GitHub, GitHubConfig, limits};
use secrecy::SecretString;
use serde_json::{Value, json};
use world::{ELSEWHERE, REPO, World, answer, new, raw, spec};

type Done = Result<(), Error>;

async fn fetch(github: &GitHub, ticket: &Ticket) -> Result<Fetched, Error> {
    let mut answers = github.fetch(std::slice::from_ref(&ticket.reference)).await?;
    Ok(answers.pop().expect("one answer"))
}

async fn found(github: &GitHub, ticket: &Ticket) -> Result<Ticket, Error> {
    match fetch(github, ticket).await? {
        Fetched::Found(ticket) => Ok(*ticket),
        other @ (Fetched::Missing(_) | Fetched::Gone(_)) => panic!("it is there: {other:?}"),
    }
}

/// Keeps the requests that pass, and may answer in the site's place.
struct Tap {
    world: World,
    seen: Mutex<Vec<http::Request<Bytes>>>,
    instead: Option<http::Response<Bytes>>,
}

impl Tap {
    fn new(world: &World, instead: Option<http::Response<Bytes>>) -> Arc<Self> {
        Arc::new(Self { world: world.clone(), seen: Mutex::new(Vec::new()), instead })
    }

    fn seen(&self) -> Vec<http::Request<Bytes>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for Tap {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        match &self.instead {
            Some(answer) => Ok(answer.clone()),
            None => RouterTransport(self.world.site.router()).send(request).await,
        }
    }
}

#[tokio::test]
async fn an_idle_poll_is_one_conditional_request_and_costs_nothing() -> Done {
    let world = World::new();
    let github = world.connector();
    for n in 0..3 {
        github.create(&new(n)).await?;
    }
    world.advance(TimeDelta::minutes(5));
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    let since = (world.now())() - TimeDelta::days(1);
    let first = github.changed_since(&stream, &PollFrom::new(None, since)).await?;
    assert_eq!(first.tickets.len(), 3);
    let mut cursor = first.cursor;
    for _ in 0..3 {
        world.advance(TimeDelta::minutes(5));
        let before = world.site.requests().len();
        let idle = github.changed_since(&stream, &PollFrom::new(Some(&cursor), since)).await?;
        assert_eq!(world.site.requests().split_off(before), ["GET /repos/{owner}/{repo}/issues 304"]);
        assert!(idle.tickets.is_empty());
        assert_eq!(idle.cursor, cursor, "the address stays the same");
        assert_eq!(idle.server_time, Some((world.now())()));
        cursor = idle.cursor;
    }
    Ok(())
}

#[tokio::test]
async fn two_edits_in_one_second_are_both_seen() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    world.advance(TimeDelta::minutes(5));
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    let act = |title: &str| world.site.act(&world.human, &made.reference.id, Act::Retitle(title.to_owned()));
    assert_eq!(act("First"), Ok(()));
    let poll = github.changed_since(&stream, &PollFrom::new(None, made.created)).await?;
    assert_eq!(poll.tickets.first().map(|t| t.title.as_str()), Some("First"));
    assert_eq!(act("Second, in the same second"), Ok(()));
    world.advance(TimeDelta::minutes(5));
    let poll = github.changed_since(&stream, &PollFrom::new(Some(&poll.cursor), made.created)).await?;
    assert_eq!(poll.tickets.first().map(|t| t.title.as_str()), Some("Second, in the same second"));
    Ok(())
}

#[tokio::test]
async fn a_long_listing_is_read_whole_and_then_left_behind() -> Done {
    let world = World::new();
    let github = world.connector();
    for n in 0..130 {
        github.create(&new(n)).await?;
        world.advance(TimeDelta::seconds(3));
    }
    world.advance(TimeDelta::minutes(5));
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    let since = (world.now())() - TimeDelta::days(1);
    let mut poll = github.changed_since(&stream, &PollFrom::new(None, since)).await?;
    assert_eq!(poll.tickets.len(), 130);
    assert!(poll.tickets.is_sorted_by_key(|t| t.updated), "oldest first");
    for requests in [2, 1, 1] {
        world.advance(TimeDelta::minutes(1));
        let before = world.site.requests().len();
        poll = github.changed_since(&stream, &PollFrom::new(Some(&poll.cursor), since)).await?;
        assert_eq!(world.site.requests().len() - before, requests);
        assert_eq!(poll.tickets.len(), 0, "what was handed over does not come again");
    }
    assert_eq!(
        world.site.requests().last().map(String::as_str),
        Some("GET /repos/{owner}/{repo}/issues 304")
    );
    Ok(())
}

#[tokio::test]
async fn a_pull_request_is_never_a_ticket() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    let number = world.site.open_pull(REPO, "dana", "Fix", "See #1").expect("a pull request");
    let marker = new(1).marker;
    let text = format!("<!-- {} -->", marker.line());
    let change = json!({ "labels": [LABEL, marker.label()], "body": text });
    let (status, _) = raw(&world, "PATCH", &format!("/repos/{REPO}/issues/{number}"), &change).await;
    assert_eq!(status, 200);
    let ids = |tickets: Vec<Ticket>| tickets.into_iter().map(|t| t.reference.id).collect::<Vec<_>>();
    let only = [made.reference.id.clone()];
    assert_eq!(ids(github.find_marker(&spec(REPO), &marker).await?), only);
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    assert_eq!(ids(github.changed_since(&stream, &PollFrom::new(None, made.created)).await?.tickets), only);
    let mut asked = made.clone();
    asked.reference.key = number.to_string();
    let (_, pull) = raw(&world, "GET", &format!("/repos/{REPO}/issues/{number}"), &Value::Null).await;
    asked.reference.id = pull.get("id").map(Value::to_string).unwrap_or_default();
    assert_eq!(fetch(&github, &asked).await?, Fetched::Missing(asked.reference));
    Ok(())
}

#[tokio::test]
async fn a_renamed_repository_is_followed_in_reads_and_writes() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    assert_eq!(world.site.rename_repository(REPO, "acme/core"), Ok(()));
    assert_eq!(found(&github, &made).await?.reference.project, "acme/core");
    let patch = Patch { title: Some("Renamed too".to_owned()), project: spec(REPO), ..Patch::default() };
    let patched = github.apply(&made, &patch).await?;
    assert_eq!((patched.title.as_str(), patched.reference.project.as_str()), ("Renamed too", "acme/core"));
    github.comment(&made.reference, "Hello", "m-1").await?;
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    let poll = github.changed_since(&stream, &PollFrom::new(None, made.created)).await?;
    assert_eq!(poll.tickets.first().map(|t| t.reference.project.as_str()), Some("acme/core"));
    let second = world::made(&github, &new(2)).await?;
    assert_eq!(second.reference.project, "acme/core");
    let report = github.check(&[spec(REPO)]).await?;
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.notes.iter().any(|n| n.contains("acme/core")), "{:?}", report.notes);
    Ok(())
}

#[tokio::test]
async fn another_issue_under_the_same_number_is_not_ours() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    assert_eq!(world.site.rename_repository(REPO, "acme/old"), Ok(()));
    world.site.add_repository(REPO, true);
    for who in ["poam-bot", "dana"] {
        assert_eq!(world.site.grant(REPO, who, Permission::Admin), Ok(()));
    }
    let usurper = world.site.open_by_hand(&world.human, REPO, "Another", "Not ours").expect("opened");
    assert_eq!(fetch(&github, &made).await?, Fetched::Missing(made.reference.clone()));
    let patch = Patch { title: Some("Ours".to_owned()), project: spec(REPO), ..Patch::default() };
    let refused = github.apply(&made, &patch).await.expect_err("it is another ticket");
    assert_eq!((refused.kind, refused.outcome), (ErrorKind::Conflict, Outcome::Unknown));
    assert!(world.site.tickets().iter().any(|t| t.id == usurper));
    Ok(())
}

#[tokio::test]
async fn a_transfer_gives_a_new_id_which_is_handed_back() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    assert_eq!(world.site.act(&world.human, &made.reference.id, Act::Move(ELSEWHERE.to_owned())), Ok(()));
    let moved = found(&github, &made).await?;
    assert_eq!(moved.reference.project, ELSEWHERE);
    assert_ne!(moved.reference.id, made.reference.id);
    assert_eq!(moved.marker, made.marker);
    let request = LogRequest { ticket: moved.reference.clone(), since: None };
    let log = github.read_log(&[request]).await?.pop().expect("a log");
    assert!(log.entries.iter().any(|e| e.kind == HistoryKind::Project { to: ELSEWHERE.to_owned() }));
    Ok(())
}

#[tokio::test]
async fn limits_say_how_long_to_wait() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    let now = (world.now())();

    world.site.set_budget(Some(0));
    let error = github.fetch(std::slice::from_ref(&made.reference)).await.expect_err("no budget");
    let ErrorKind::RateLimited { until, scope, .. } = error.kind else { panic!("limited: {error:?}") };
    assert_eq!(until.timestamp() % 3_600, 0, "until the hour is over");
    assert!(until > now && until <= now + TimeDelta::hours(1));
    assert_eq!((scope, error.outcome), (LimitScope::Connection, Outcome::NotDone));
    world.site.set_budget(None);

    for (named, wait) in [(Some(17), 17), (None, 60)] {
        world.site.set_limit(Some(Limit::Secondary(named)));
        let error = github.comment(&made.reference, "Hello", "m-1").await.expect_err("limited");
        let ErrorKind::RateLimited { until, .. } = error.kind else { panic!("limited: {error:?}") };
        assert_eq!(until, now + TimeDelta::seconds(wait));
        assert_eq!(error.outcome, Outcome::NotDone, "a refused write was not done");
    }
    let body = r#"{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation."}"#;
    let tap = Tap::new(&world, Some(answer(403, &[("x-ratelimit-remaining", "4000")], body)));
    let error = world.over(tap).create(&new(2)).await.expect_err("limited");
    assert!(
        matches!(&error.kind, ErrorKind::RateLimited { scope: LimitScope::Bucket(name), .. } if name == limits::CONTENT_PER_MINUTE),
        "{error:?}"
    );
    let absurd = answer(429, &[("retry-after", "9223372036854775807")], "{}");
    let error = world.over(Tap::new(&world, Some(absurd))).account().await.expect_err("limited");
    assert!(
        matches!(error.kind, ErrorKind::RateLimited { until, .. } if until <= now + TimeDelta::hours(24))
    );
    Ok(())
}

#[tokio::test]
async fn refusals_are_told_apart() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    let wrong = world.with_token("ghp_wrong").account().await.expect_err("bad token");
    assert_eq!(wrong.kind, ErrorKind::Auth("Bad credentials".to_owned()));
    let odd = world.with_token("line\nbreak").account().await.expect_err("no token");
    assert!(matches!(odd.kind, ErrorKind::Auth(_)));

    world.site.add_user("reader", Some("ghp_reader"));
    assert_eq!(world.site.grant(REPO, "reader", Permission::Read), Ok(()));
    let reader = world.with_token("ghp_reader");
    let patch = Patch { title: Some("Mine".to_owned()), project: spec(REPO), ..Patch::default() };
    let refused = reader.apply(&made, &patch).await.expect_err("no right");
    assert!(matches!(refused.kind, ErrorKind::Forbidden(_)), "{refused:?}");
    let refused = reader.create(&new(2)).await.expect_err("no right to make labels");
    assert!(matches!(refused.kind, ErrorKind::Forbidden(_)), "{refused:?}");
    assert_eq!(world.site.tickets().len(), 1, "and no ticket without its label is left behind");

    let stranger = NewTicket { assignee: Some(world.site.add_user("stranger", None)), ..new(3) };
    let refused = github.create(&stranger).await.expect_err("not assignable");
    let ErrorKind::Invalid(said) = refused.kind else { panic!("invalid: {refused:?}") };
    assert!(said.contains("assignees"), "it names the field: {said}");

    assert_eq!(world.site.set_repository(REPO, false, false), Ok(()));
    let refused = github.create(&new(4)).await.expect_err("issues are off");
    assert!(
        matches!(&refused.kind, ErrorKind::Invalid(said) if said.contains("switched off")),
        "{refused:?}"
    );
    for project in ["acme", "acme/", "/api", "acme/api/x", "acme/a b", "acme/..", "a?/b"] {
        let refused =
            github.create(&NewTicket { project: spec(project), ..new(5) }).await.expect_err("no name");
        assert!(matches!(refused.kind, ErrorKind::Invalid(_)), "{project}");
    }
    let page = http::Response::builder().status(404).header("content-type", "text/html");
    let page = page.body(Bytes::from_static(b"<html>not here</html>")).expect("a page");
    let error = world.over(Tap::new(&world, Some(page))).fetch(&[made.reference]).await.expect_err("a page");
    assert!(matches!(error.kind, ErrorKind::Unavailable(_)), "a proxy's 404 says nothing of a ticket");
    Ok(())
}

#[tokio::test]
async fn the_token_goes_to_the_site_alone_and_is_marked_secret() -> Done {
    let world = World::new();
    for place in ["https://evil.example/repos/acme/api/issues/1", "http://github.fake:81/x", ""] {
        let tap = Tap::new(&world, Some(answer(301, &[("location", place)], "{}")));
        let github = world.over(Arc::clone(&tap) as Arc<dyn Transport>);
        let error = github.account().await.expect_err("not followed");
        assert!(matches!(error.kind, ErrorKind::Unavailable(_)), "{error:?}");
        let seen = tap.seen();
        assert!(seen.iter().all(|r| r.uri().host() == Some("github.fake") && r.uri().port().is_none()));
        assert!(seen.len() <= 5, "and it ends");
        for request in &seen {
            let token = request.headers().get("authorization").expect("a token");
            assert!(token.is_sensitive());
            assert!(!format!("{request:?}").contains(world::TOKEN));
        }
    }
    let next = "<https://evil.example/issues?page=2>; rel=\"next\"";
    let tap = Tap::new(&world, Some(answer(200, &[("link", next)], "[]")));
    let github = world.over(Arc::clone(&tap) as Arc<dyn Transport>);
    let error = github.find_marker(&spec(REPO), &new(1).marker).await.expect_err("not followed");
    assert!(matches!(error.kind, ErrorKind::Unavailable(_)));
    assert_eq!(tap.seen().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_closed_an_issue_is_evidence_and_a_mere_mention_is_not() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    world.site.add_user("erin", None);
    assert_eq!(world.site.grant(REPO, "erin", Permission::Write), Ok(()));
    let body = format!("Bumps the library.\n\nFixes #{}", made.reference.key);
    let pull = world.site.open_pull(REPO, "erin", "Upgrade openssl", &body).expect("a pull request");
    let sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
    let act = |act| world.site.act(&world.human, &made.reference.id, act);
    assert_eq!(act(Act::CloseByPullRequest(pull, sha.to_owned())), Ok(()));

    let mention =
        world.site.open_pull(REPO, "erin", "Docs", &format!("See #{}", made.reference.key)).expect("one");
    world.advance(TimeDelta::minutes(10));
    assert_eq!(act(Act::SetState(connector_api::TicketState::Open)), Ok(()));
    world.advance(TimeDelta::minutes(10));
    assert_eq!(act(Act::SetState(connector_api::TicketState::Done)), Ok(()));
    assert_eq!(act(Act::CloseByPullRequest(mention, "f".repeat(40))), Ok(()));

    let request = LogRequest { ticket: made.reference.clone(), since: None };
    let whole = github.read_log(std::slice::from_ref(&request)).await?.pop().expect("a log");
    world.site.set_graph_fault(Some(GraphFault::Absent));
    let plainer = world.connector().read_log(&[request]).await?.pop().expect("a log");
    assert_eq!(whole.entries, plainer.entries, "both interfaces tell the same, under the same ids");

    let closers: Vec<_> = whole
        .entries
        .into_iter()
        .filter_map(|e| {
            let HistoryKind::Status { to, closer, .. } = e.kind else { return None };
            (to.name == "closed").then_some(closer)
        })
        .collect();
    assert_eq!(closers.len(), 2);
    let closer = closers.first().cloned().flatten().expect("a closer");
    assert_eq!(closer.merge_sha.as_deref(), Some(sha));
    assert!(closer.pull_request.is_some_and(|url| url.ends_with(&format!("/acme/api/pull/{pull}"))));
    let authors: Vec<_> = closer.authors.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(authors, ["erin", "dana"], "who wrote it and who merged it");
    assert_eq!(closer.checks, ["test: success"]);
    assert_eq!(
        closers.get(1),
        Some(&None),
        "closed by hand while a pull request that mentions it was merged"
    );
    Ok(())
}

#[tokio::test]
async fn a_milestone_is_a_scheduled_end_and_a_due_date_only_where_configured() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    for day in [NaiveDate::from_ymd_opt(2027, 1, 20), NaiveDate::from_ymd_opt(2027, 7, 4)] {
        assert_eq!(world.site.set_milestone(&made.reference.id, "v2", day), Ok(()));
        let seen = found(&github, &made).await?;
        assert_eq!(seen.scheduled.iter().map(|e| Some(e.date)).collect::<Vec<_>>(), [day], "the very day");
        assert_eq!(seen.due, None);
    }
    let mut with = spec(REPO);
    with.due_field = Some(DUE_FROM_MILESTONE.to_owned());
    let by_spec = github.find_marker(&with, &new(1).marker).await?.pop().expect("found");
    assert_eq!(by_spec.due, NaiveDate::from_ymd_opt(2027, 7, 4));

    let base = url::Url::parse("http://github.fake").expect("an address");
    let mut config = GitHubConfig::new(base, SecretString::from(world::TOKEN));
    config.projects.push(with.clone());
    let configured = GitHub::new(config, Arc::new(RouterTransport(world.site.router())), world.now());
    let seen = found(&configured, &made).await?;
    assert_eq!(seen.due, by_spec.due);
    let due = NaiveDate::from_ymd_opt(2028, 1, 1);
    let patch = Patch { due: Some(due), project: with.clone(), ..Patch::default() };
    let other = world::made(&configured, &NewTicket { project: with, ..new(2) }).await?;
    for ticket in [&seen, &other] {
        assert_eq!(configured.apply(ticket, &patch).await?.due, due);
    }
    let posts =
        world.site.requests().into_iter().filter(|r| r.starts_with("POST") && r.contains("/milestones"));
    assert_eq!(posts.count(), 1, "one milestone for a day, whoever is due then");
    Ok(())
}

#[tokio::test]
async fn check_names_everything_that_is_missing_at_once() -> Done {
    let world = World::new();
    world.site.add_user("reader", Some("ghp_reader"));
    assert_eq!(world.site.grant(REPO, "reader", Permission::Triage), Ok(()));
    assert_eq!(world.site.set_repository(REPO, true, false), Ok(()));
    world.site.add_repository("acme/open", false);
    let projects = [spec(REPO), spec(ELSEWHERE), spec("acme/open"), spec("nonsense")];
    let report = world.with_token("ghp_reader").check(&projects).await?;
    assert_eq!(report.account.map(|a| a.id).as_deref(), Some("reader"));
    let all = report.problems.join("\n");
    for said in [
        "archived",
        "switched off",
        "triage role",
        "acme/web is not there",
        "read access in acme/open",
        "nonsense",
    ] {
        assert!(all.contains(said), "`{said}` is missing from:\n{all}");
    }
    assert_eq!(report.problems.len(), 6, "{all}");
    assert_eq!(report.public_projects.into_iter().collect::<Vec<_>>(), ["acme/open"]);
    Ok(())
}

/// A server whose timeline leaves out why an issue was closed.
struct WithoutReasons(World);

#[async_trait]
impl Transport for WithoutReasons {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let timeline = request.uri().path().ends_with("/timeline");
        let answer = RouterTransport(self.0.site.router()).send(request).await?;
        if !timeline {
            return Ok(answer);
        }
        Ok(answer.map(|body| {
            let mut entries: Vec<Value> = serde_json::from_slice(&body).expect("a timeline");
            for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
                entry.remove("state_reason");
            }
            Bytes::from(Value::from(entries).to_string())
        }))
    }
}

#[tokio::test]
async fn a_closing_without_a_reason_is_never_taken_for_done() -> Done {
    let world = World::new();
    let github = world.over(Arc::new(WithoutReasons(world.clone())));
    let made = world::made(&github, &new(1)).await?;
    let act = |state| world.site.act(&world.human, &made.reference.id, Act::SetState(state));
    assert_eq!(act(connector_api::TicketState::Dropped), Ok(()));
    let request = LogRequest { ticket: made.reference.clone(), since: None };
    let log = github.read_log(&[request]).await?.pop().expect("a log");
    let reasons: Vec<_> = log
        .entries
        .into_iter()
        .filter_map(|e| match e.kind {
            HistoryKind::Status { to, .. } => to.resolution,
            HistoryKind::Due { .. }
            | HistoryKind::Title { .. }
            | HistoryKind::Text { .. }
            | HistoryKind::Assignee { .. }
            | HistoryKind::Project { .. }
            | HistoryKind::Label { .. } => None,
        })
        .collect();
    assert_eq!(reasons, ["not_planned"]);
    Ok(())
}

#[tokio::test]
async fn a_comment_that_is_gone_has_no_reactions_rather_than_a_failure_for_ever() -> Done {
    let world = World::new();
    let github = world.connector();
    let ticket = world::made(&github, &new(1)).await?;
    let id = &ticket.reference.id;
    world.site.act(&world.human, id, Act::Comment("/poam why it is late".to_owned())).expect("they may");
    let comments = world.site.tickets().into_iter().find(|t| t.id == *id).expect("the ticket").comments;
    let comment = comments.first().expect("a comment").id.clone();
    github.react(&ticket.reference, &comment).await?;

    world.site.act(&world.human, id, Act::DeleteComment(comment.clone())).expect("they may");
    let error = github.react(&ticket.reference, &comment).await.expect_err("it is gone");
    assert!(matches!(error.kind, ErrorKind::Unsupported(_)), "{error}");
    assert_eq!(error.outcome, Outcome::NotDone);
    Ok(())
}
