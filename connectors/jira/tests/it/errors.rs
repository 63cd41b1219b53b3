//! What each answer of a site means: kind, outcome, how long to wait and with what.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::world::{World, account, spec};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::error::LimitScope;
use connector_api::{
    Connector, Error, ErrorKind, Marker, NewTicket, Outcome, PollFrom, TicketRef, Transport, TransportError,
};
use connector_jira::Flavor;

type Canned = Result<http::Response<Bytes>, TransportError>;

/// Gives prepared answers, and keeps what was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Canned>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: http::Request<Bytes>) -> Canned {
        let line = format!("{} {}", request.method(), request.uri().path());
        self.asked.lock().expect("lock").push(line);
        let next = self.answers.lock().expect("lock").pop_front();
        next.unwrap_or_else(|| Err(TransportError::NotSent("no more answers".to_owned())))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "scripts hold failures too")]
fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Canned {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Bytes::from(body.to_owned())).expect("a response"))
}

fn script(answers: Vec<Canned>) -> Arc<Script> {
    Arc::new(Script { answers: Mutex::new(answers.into()), asked: Mutex::default() })
}

fn ticket() -> TicketRef {
    TicketRef {
        id: "10007".to_owned(),
        key: "ACME-7".to_owned(),
        project: "ACME".to_owned(),
        url: String::new(),
    }
}

/// The error of a comment, a write on one ticket, that gets this answer.
async fn of_write(given: Canned) -> Error {
    let world = World::new(Flavor::Cloud);
    world.over(script(vec![given])).comment(&ticket(), "text", "m").await.expect_err("an error")
}

/// The error of a fetch that gets this answer.
async fn of_read(given: Canned) -> Error {
    let world = World::new(Flavor::Cloud);
    world.over(script(vec![given])).fetch(&[ticket()]).await.expect_err("an error")
}

#[tokio::test]
async fn every_status_has_its_kind_and_outcome() {
    let said = r#"{"errorMessages":["It is so."],"errors":{"duedate":"Not on the screen.","labels":"Bad."}}"#;
    let all = "duedate: Not on the screen.; labels: Bad.; It is so.".to_owned();
    let down = |text: &str| ErrorKind::Unavailable(text.to_owned());
    let table = [
        (400, ErrorKind::Invalid(all.clone()), Outcome::NotDone),
        (401, ErrorKind::Auth(all.clone()), Outcome::NotDone),
        (403, ErrorKind::Forbidden(all.clone()), Outcome::NotDone),
        (404, ErrorKind::NotFound, Outcome::NotDone),
        (405, ErrorKind::Unsupported("such call"), Outcome::NotDone),
        (409, ErrorKind::Conflict, Outcome::NotDone),
        (410, ErrorKind::Invalid(all.clone()), Outcome::NotDone),
        (413, ErrorKind::Invalid(all.clone()), Outcome::NotDone),
        (422, ErrorKind::Invalid(all.clone()), Outcome::NotDone),
        (501, ErrorKind::Unsupported("such call"), Outcome::NotDone),
        (302, down("HTTP 302: it redirects elsewhere"), Outcome::Unknown),
        (500, down(&format!("HTTP 500: {said}")), Outcome::Unknown),
        (503, down(&format!("HTTP 503: {said}")), Outcome::Unknown),
    ];
    for (status, kind, outcome) in table {
        let error = of_write(answer(status, &[], said)).await;
        assert_eq!((error.kind, error.outcome), (kind, outcome), "HTTP {status}");
        assert_eq!(error.what, "comment on ACME-7");
    }
}

#[tokio::test]
async fn broken_answers_leave_a_write_unknown_and_a_read_undone() {
    let broken = || {
        vec![
            answer(200, &[("content-type", "text/html")], "<html>Log in</html>"),
            answer(201, &[], r#"{"id":"1","autho"#),
            answer(201, &[], ""),
            answer(502, &[], "<html>Bad gateway</html>"),
            Err(TransportError::Lost("reset".to_owned())),
        ]
    };
    for given in broken() {
        let error = of_write(given).await;
        assert!(matches!(error.kind, ErrorKind::Unavailable(_)), "{error}");
        assert_eq!(error.outcome, Outcome::Unknown, "{error}");
    }
    for given in broken() {
        let error = of_read(given).await;
        assert!(matches!(error.kind, ErrorKind::Unavailable(_)), "{error}");
        assert_eq!(error.outcome, Outcome::NotDone, "{error}");
    }
    let unsent = of_write(Err(TransportError::NotSent("refused".to_owned()))).await;
    assert_eq!(unsent.outcome, Outcome::NotDone);
    let large = of_read(Err(TransportError::TooLarge { cap: 5 })).await;
    assert_eq!(large.kind, ErrorKind::TooLarge { cap: 5 });
}

#[tokio::test]
async fn limits_say_who_must_wait_and_how_long() {
    let now = (World::new(Flavor::Cloud).now())();
    let endpoint = || LimitScope::Bucket("POST /issue/{issueIdOrKey}/comment".to_owned());
    let of_ticket = || LimitScope::Bucket("ticket 10007".to_owned());
    let at = |minutes: i64| (now + TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%MZ").to_string();
    let rounded = |minutes: i64| {
        let at = now + TimeDelta::minutes(minutes);
        at - TimeDelta::seconds(at.timestamp() % 60)
    };
    let later = |seconds: i64| now + TimeDelta::seconds(seconds);
    let table: Vec<(Vec<(&str, String)>, LimitScope, _)> = vec![
        (
            vec![("ratelimit-reason", "jira-burst-based".into()), ("retry-after", "7".into())],
            endpoint(),
            later(7),
        ),
        (vec![("ratelimit-reason", "jira-burst-based".into())], endpoint(), later(5)),
        (
            vec![("ratelimit-reason", "jira-per-issue-on-write".into()), ("retry-after", "2".into())],
            of_ticket(),
            later(2),
        ),
        (
            vec![("ratelimit-reason", "jira-quota-tenant-based".into()), ("retry-after", "1847".into())],
            LimitScope::Connection,
            later(1847),
        ),
        (
            vec![("ratelimit-reason", "jira-cost-based".into()), ("x-ratelimit-reset", at(30))],
            LimitScope::Connection,
            rounded(30),
        ),
        (vec![("ratelimit-reason", "something-new".into())], LimitScope::Connection, later(60)),
        (vec![], LimitScope::Connection, later(60)),
        (vec![("retry-after", "9223372036854775807".into())], LimitScope::Connection, later(3600)),
        (vec![("retry-after", "0".into())], LimitScope::Connection, later(1)),
        (vec![("x-ratelimit-reset", "2001-01-01T00:00:00Z".into())], LimitScope::Connection, later(1)),
    ];
    for (headers, scope, until) in table {
        let pairs: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let error = of_write(answer(429, &pairs, "slow down")).await;
        assert_eq!(error.outcome, Outcome::NotDone, "a refused write was not done");
        let ErrorKind::RateLimited { until: told, scope: who, .. } = error.kind else {
            panic!("{headers:?} is a limit")
        };
        assert_eq!((who, told), (scope, until), "{headers:?}");
    }
}

#[tokio::test]
async fn an_answer_to_somebody_else_is_no_answer() {
    let page = r#"{"issues":[],"isLast":true,"total":0}"#;
    for (flavor, header, value) in [
        (Flavor::DataCenter, "x-ausername", "anonymous"),
        (Flavor::Cloud, "x-seraph-loginreason", "AUTHENTICATED_FAILED"),
        (Flavor::Cloud, "x-seraph-loginreason", "AUTHENTICATION_DENIED"),
    ] {
        let world = World::new(flavor);
        let jira = world.over(script(vec![answer(200, &[(header, value)], page)]));
        let stream = jira.streams(&[spec("ACME")]).remove(0);
        let error =
            jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect_err("an error");
        assert!(matches!(error.kind, ErrorKind::Auth(_)), "{header}: {error}");
    }
    let world = World::new(Flavor::Cloud);
    let me = r#"{"accountId":"712020:b0t","displayName":"Bridge"}"#;
    let own = answer(200, &[("x-aaccountid", "712020%3Ab0t")], page);
    let other = answer(200, &[("x-aaccountid", "712020%3Asomebody")], page);
    let jira = world.over(script(vec![answer(200, &[], me), own, other]));
    assert_eq!(jira.account().await.expect("us"), account("712020:b0t", "Bridge"));
    let stream = jira.streams(&[spec("ACME")]).remove(0);
    jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect("a poll as ourselves");
    let error =
        jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Auth(_)), "{error}");
}

#[tokio::test]
async fn nobody_logged_in_is_no_account() {
    let world = World::new(Flavor::Cloud);
    let error = world.over(script(vec![answer(200, &[], "{}")])).account().await.expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Auth(_)), "{error}");
}

fn new_ticket() -> NewTicket {
    NewTicket {
        project: spec("ACME"),
        title: "A\nB\u{7}".to_owned(),
        block: "Do **it**.".to_owned(),
        due: chrono::NaiveDate::from_ymd_opt(2026, 12, 15),
        assignee: Some(account("5b10:dana", "Dana")),
        labels: ["security".to_owned()].into(),
        marker: Marker {
            installation: "site".to_owned(),
            link: "00112233445566778899aabbccddeeff".to_owned(),
        },
    }
}

#[tokio::test]
async fn a_ticket_that_was_made_is_named_by_the_answer_alone() {
    let world = World::new(Flavor::Cloud);
    let script = script(vec![answer(201, &[], r#"{"id":"10009","key":"ACME-9","self":"x"}"#)]);
    let jira = world.over(Arc::clone(&script) as Arc<dyn Transport>);
    let new = new_ticket();
    let made = jira.create(&new).await.expect("it was made");
    assert_eq!((made.reference.id.as_str(), made.reference.key.as_str()), ("10009", "ACME-9"));
    assert_eq!(made.assignee, new.assignee);
    let asked = script.asked.lock().expect("lock").clone();
    assert_eq!(asked, ["POST /rest/api/3/issue"], "nothing that may fail comes after it");
}

#[tokio::test]
async fn a_create_is_never_sent_again_after_an_unclear_answer() {
    let world = World::new(Flavor::Cloud);
    for given in [
        answer(500, &[], r#"{"errorMessages":["properties"]}"#),
        answer(200, &[], "<html>properties</html>"),
        Err(TransportError::Lost("reset".to_owned())),
        answer(409, &[], r#"{"errors":{"duedate":"x"}}"#),
    ] {
        let script = script(vec![given]);
        let jira = world.over(Arc::clone(&script) as Arc<dyn Transport>);
        jira.create(&new_ticket()).await.expect_err("an error");
        assert_eq!(script.asked.lock().expect("lock").len(), 1);
    }
}
