//! A ticket is made once, and a message is said once, through lost replies and crashes.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite};
use connector_api::{TicketState, Transport, TransportError};
use http::{Method, Request, Response};
use poam::register::{MilestoneState, MoveState};
use poam::sync::engine::Hot;
use tokio::sync::Notify;

use super::TEXT;
use crate::bed::{Bed, day};

/// What happens to the next request that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is done, and the answer is lost.
    Lost,
    /// The process dies before it is sent.
    DiesBefore,
    /// The process dies before the answer is taken.
    DiesAfter,
}

/// A request by method and end of the path, and its fate.
type Meant = (Method, &'static str, Fate);

#[derive(Clone, Default)]
struct Doom {
    next: Arc<Mutex<Option<Meant>>>,
    died: Arc<Notify>,
}

struct Doomed {
    inner: Arc<dyn Transport>,
    doom: Doom,
}

impl Doom {
    fn is(&self, method: Method, path: &'static str, fate: Fate) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some((method, path, fate));
    }

    fn of(&self, request: &Request<Bytes>) -> Option<Fate> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            |(method, path, _): &Meant| request.method() == method && request.uri().path().ends_with(path);
        next.take_if(|meant| fits(meant)).map(|(.., fate)| fate)
    }
}

#[async_trait]
impl Transport for Doomed {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let fate = self.doom.of(&request);
        if fate == Some(Fate::DiesBefore) {
            self.doom.died.notify_one();
            return std::future::pending().await;
        }
        let answer = self.inner.send(request).await?;
        match fate {
            None | Some(Fate::DiesBefore) => Ok(answer),
            Some(Fate::Lost) => Err(TransportError::Lost("the connection broke off".to_owned())),
            Some(Fate::DiesAfter) => {
                self.doom.died.notify_one();
                std::future::pending().await
            }
        }
    }
}

async fn doomed() -> (Bed, Doom) {
    let doom = Doom::default();
    let around = doom.clone();
    let bed = Bed::with(move |inner| Arc::new(Doomed { inner, doom: around.clone() })).await;
    (bed, doom)
}

/// A pass in which the process dies, and is started again.
async fn dies_in_a_pass(bed: &mut Bed, doom: &Doom, connection: &str) {
    let engine = bed.engine.clone();
    tokio::select! {
        result = engine.pass(connection, Hot::new()) => panic!("nothing died: {result:?}"),
        () = doom.died.notified() => {}
    }
    bed.restart().await;
}

/// Component that routes there, connection, path of a create.
const SITES: [(&str, &str, &str); 2] =
    [("portal", "github", "/repos/acme/portal/issues"), ("jira", "jira", "/rest/api/3/issue")];

#[tokio::test]
async fn reply_to_create_lost() {
    for (component, connection, path) in SITES {
        let (bed, doom) = doomed().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        doom.is(Method::POST, path, Fate::Lost);
        let pass = bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!((pass.created, pass.failed.len()), (0, 1), "{pass:?}");
        bed.limp(8, TimeDelta::seconds(40)).await;
        bed.settle().await;
        assert_eq!(bed.tickets().len(), 1, "{connection}: one ticket");
        assert_eq!(bed.ticket(number).await.title, format!("[ACME M-1] {TEXT}"));
    }
}

#[tokio::test]
async fn reply_to_create_lost_while_the_search_is_stale() {
    let (bed, doom) = doomed().await;
    bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.jira.set_search_fresh(false);
    doom.is(Method::POST, "/rest/api/3/issue", Fate::Lost);
    bed.limp(4, TimeDelta::seconds(20)).await;
    bed.jira.set_search_fresh(true);
    bed.limp(4, TimeDelta::seconds(60)).await;
    bed.settle().await;
    assert_eq!(bed.tickets().len(), 1, "within the window it is looked for, not made again");
}

#[tokio::test]
async fn create_succeeds_and_the_process_dies_before_it_is_recorded() {
    for (component, connection, path) in SITES {
        let (mut bed, doom) = doomed().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        doom.is(Method::POST, path, Fate::DiesAfter);
        dies_in_a_pass(&mut bed, &doom, connection).await;
        bed.limp(4, TimeDelta::seconds(60)).await;
        bed.settle().await;
        assert_eq!(bed.tickets().len(), 1, "{connection}: one ticket");
        assert!(bed.ticket(number).await.labels.contains("poam"));
    }
}

#[tokio::test]
async fn create_that_never_left_is_tried_again() {
    for (component, connection, path) in SITES {
        let (mut bed, doom) = doomed().await;
        bed.plan(TEXT, component, "2026-04-01").await;
        doom.is(Method::POST, path, Fate::DiesBefore);
        dies_in_a_pass(&mut bed, &doom, connection).await;
        bed.limp(6, TimeDelta::seconds(60)).await;
        bed.settle().await;
        assert_eq!(bed.tickets().len(), 1, "{connection}: one ticket");
    }
}

/// What changes on either side between the create and its recording is a change of that side.
#[tokio::test]
async fn what_changes_until_the_ticket_is_bound_is_carried() {
    for (component, connection, path) in SITES {
        let (mut bed, doom) = doomed().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        doom.is(Method::POST, path, Fate::DiesAfter);
        dies_in_a_pass(&mut bed, &doom, connection).await;
        let ticket = bed.tickets().remove(0);
        let by = bed.account(connection, "grace");
        bed.clock.advance(TimeDelta::seconds(60));
        bed.site(connection).act(&by, &ticket.id, Act::SetDue(Some(day("2026-03-20")))).expect("a date");
        bed.site(connection).act(&by, &ticket.id, Act::Retitle("Renamed".to_owned())).expect("a title");
        bed.site(connection).act(&by, &ticket.id, Act::Assign(Some(by.clone()))).expect("an assignee");
        let retext = poam::register::decide::Command::Retext {
            milestone: number,
            text: "Disable TLS 1.1 too; plugin 104743 is clean on the rescan".to_owned(),
            reason: Some("wider".to_owned()),
        };
        bed.act(vec![retext]).await;
        bed.limp(4, TimeDelta::seconds(60)).await;
        bed.settle().await;
        // The date is in force once it has settled.
        bed.clock.advance(TimeDelta::seconds(400));
        bed.settle().await;
        let (milestone, ticket) = (bed.milestone(number).await, bed.ticket(number).await);
        assert_eq!(bed.tickets().len(), 1);
        assert_eq!(milestone.owner.as_deref(), Some("Grace Example"), "{connection}");
        assert_eq!(milestone.due, Some(day("2026-03-20")), "{connection}: an earlier date needs no approver");
        assert_eq!(milestone.moves.len(), 1, "{connection}: {:?}", milestone.moves);
        assert!(ticket.title.contains("TLS 1.1"), "{}", ticket.title);
        let conflicts = bed.register().await.conflicts;
        assert!(conflicts.values().any(|c| c.field == "title" && c.theirs == "Renamed"), "{conflicts:?}");
    }
}

/// Whoever replaces the text before the ticket is bound takes the hidden line with it.
#[tokio::test]
async fn text_replaced_before_the_ticket_is_bound() {
    for (component, connection, path) in SITES {
        let (mut bed, doom) = doomed().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        doom.is(Method::POST, path, Fate::DiesAfter);
        dies_in_a_pass(&mut bed, &doom, connection).await;
        let ticket = bed.tickets().remove(0);
        let by = bed.account(connection, "ada");
        bed.site(connection).act(&by, &ticket.id, Act::ReplaceText("All new.".to_owned())).expect("a text");
        bed.limp(6, TimeDelta::seconds(60)).await;
        bed.settle().await;
        assert_eq!(bed.tickets().len(), 1, "{connection}: one ticket");
        let ticket = bed.ticket(number).await;
        assert!(ticket.text.contains("All new."), "{}", ticket.text);
        assert!(ticket.block.is_some(), "the block is back");
    }
}

#[tokio::test]
async fn reply_to_a_question_lost() {
    for (component, connection, path) in SITES {
        let (bed, doom) = doomed().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        doom.is(Method::POST, "/comment", Fate::Lost);
        if path.starts_with("/repos") {
            doom.is(Method::POST, "/comments", Fate::Lost);
        }
        bed.limp(12, TimeDelta::seconds(60)).await;
        bed.settle().await;
        let comments = bed.ticket(number).await.comments;
        assert_eq!(comments.len(), 1, "{connection}: {comments:?}");
    }
}

#[tokio::test]
async fn question_that_was_never_sent_is_sent_after_a_crash() {
    for (component, connection, path) in SITES {
        let (mut bed, doom) = doomed().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        bed.person_does("ada", number, Act::SetDue(Some(day("2026-06-15")))).await;
        bed.settle().await;
        bed.clock.advance(TimeDelta::seconds(400));
        let end = if path.starts_with("/repos") { "/comments" } else { "/comment" };
        doom.is(Method::POST, end, Fate::DiesBefore);
        dies_in_a_pass(&mut bed, &doom, connection).await;
        bed.settle().await;
        let comments = bed.ticket(number).await.comments;
        assert_eq!(comments.len(), 1, "{connection}: {comments:?}");
    }
}

#[tokio::test]
async fn own_write_whose_reply_was_lost_is_no_edit_of_theirs() {
    let (bed, doom) = doomed().await;
    let number = bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.settle().await;
    let say = "/poam move 2026-04-10 the window was moved by operations";
    bed.person_does("ada", number, Act::Comment(say.to_owned())).await;
    doom.is(Method::PUT, "", Fate::Lost);
    bed.limp(4, TimeDelta::seconds(30)).await;
    bed.settle().await;
    let milestone = bed.milestone(number).await;
    assert_eq!(milestone.due, Some(day("2026-04-10")));
    assert_eq!(bed.ticket(number).await.due, Some(day("2026-04-10")));
    assert_eq!(milestone.moves.len(), 1, "our own write is no move: {:?}", milestone.moves);
    assert_eq!(milestone.moves[0].state, MoveState::Approved);
}

#[tokio::test]
async fn cloned_ticket_carries_the_marker() {
    for (component, connection, _) in SITES {
        let bed = Bed::new().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        let ticket = bed.ticket(number).await;
        let (site, by) = (bed.site(connection), bed.account(connection, "ada"));
        bed.clock.advance(TimeDelta::seconds(60));
        let title = format!("CLONE - {}", ticket.title);
        let clone = site.open_by_hand(&by, &ticket.project, &title, &ticket.text).expect("a clone");
        for label in &ticket.labels {
            site.act(&by, &clone, Act::AddLabel(label.clone())).expect("a label");
        }
        site.act(&by, &clone, Act::SetState(TicketState::Done)).expect("closed");
        bed.settle().await;
        assert_eq!(bed.milestone(number).await.ticket.map(|t| t.id), Some(ticket.id), "{connection}");
        assert_eq!(bed.milestone(number).await.state, MilestoneState::Planned, "the clone says nothing");
        let there = site.tickets().into_iter().find(|t| t.id == clone).expect("the clone");
        assert_eq!(there.title, title, "{connection}: the clone is left alone");
        // On Jira the marker is a property, which a clone by hand does not carry.
        if connection == "github" {
            assert!(bed.drifts(number).await.contains(&"duplicate-marker".to_owned()));
        }
    }
}

#[tokio::test]
async fn webhook_doubled_does_nothing() {
    for (component, connection, _) in SITES {
        let bed = Bed::new().await;
        let number = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        drop(bed.site(connection).take_deliveries());
        bed.person_does("ada", number, Act::SetState(TicketState::InProgress)).await;
        let delivery = bed.site(connection).take_deliveries().pop().expect("a delivery");
        let connector = bed.world().connectors[connection].clone();
        let read = || connector.read_webhook(&delivery.headers, &delivery.body, &["hush".into()]);
        assert!(bed.engine.deliver(connection, read().expect("signed")).await.expect("stored"), "new");
        bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!(bed.milestone(number).await.state, MilestoneState::InProgress, "{connection}");
        let before = bed.site(connection).requests().len();
        assert!(!bed.engine.deliver(connection, read().expect("signed")).await.expect("stored"), "a repeat");
        bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!(bed.site(connection).requests().len(), before, "{connection}: nothing is asked");
    }
}

/// What a ticket is made with is what the register says: it is asked for only once something changes.
#[tokio::test]
async fn ticket_just_made_costs_no_further_request() {
    for (component, connection, _) in SITES {
        let bed = Bed::new().await;
        for _ in 0..3 {
            bed.plan(TEXT, component, "2026-04-01").await;
        }
        let pass = bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!((pass.created, pass.more), (3, false), "{connection}");
        let asked = bed.site(connection).requests().len();
        let pass = bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!((pass.links, bed.site(connection).requests().len()), (0, asked), "{connection}");
        bed.settle().await;
        let drifts = bed.register().await.drifts;
        assert!(drifts.values().all(|drift| drift.settled.is_some()), "{connection}: {drifts:?}");
    }
}

/// What people did to tickets goes before tickets that are made in bulk.
#[tokio::test]
async fn backfill_does_not_starve_live_work() {
    for (component, connection, _) in SITES {
        let bed = Bed::new().await;
        let live = bed.plan(TEXT, component, "2026-04-01").await;
        bed.settle().await;
        for _ in 0..52 {
            bed.plan(TEXT, component, "2026-04-01").await;
        }
        bed.person_does("ada", live, Act::SetState(TicketState::InProgress)).await;
        let before = bed.site(connection).requests().len();
        let polled = bed.engine.poll(connection).await.expect("a poll");
        let pass = bed.engine.pass(connection, polled.hot).await.expect("a pass");
        assert_eq!(bed.milestone(live).await.state, MilestoneState::InProgress, "{connection}");
        assert_eq!((pass.created, pass.more), (50, true), "{connection}: the rest is for the next pass");
        let lines = bed.site(connection).requests().split_off(before);
        let creates = |line: &String| {
            let path = line.strip_prefix("POST ").unwrap_or_default();
            ["/issues 201", "/issue 201", "/issue/bulk 201"].iter().any(|end| path.ends_with(end))
        };
        let made = lines.iter().position(creates);
        assert!(made.is_some_and(|made| made > 0), "{connection}: {lines:?}");
        let pass = bed.engine.pass(connection, Hot::new()).await.expect("a pass");
        assert_eq!((pass.created, pass.more), (2, false), "{connection}");
    }
}
