//! The suite that every connector passes against its fake.
//!
//! Each check makes its own tickets, says in its assertion what the bridge relies on, and leaves the site to the
//! next one. Nothing here knows which tracker it talks to; what differs is asked of
//! [`Connector::capabilities`] or given in the [`Subject`].

mod broken;
mod logs;
mod many;
mod reads;
mod writes;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{NaiveDate, TimeDelta};
use secrecy::SecretString;

use crate::fake::{Act, FakeSite, FakeTicket, Now, RouterTransport};
use crate::{
    Account, Connector, Fetched, LABEL, Marker, NewTicket, Patch, ProjectSpec, StateChange, Ticket,
    TicketRef, TicketState, Transport,
};

/// Builds the connector under test over a transport, writing as [`Subject::us`].
pub type Connect = dyn Fn(Arc<dyn Transport>) -> Arc<dyn Connector> + Send + Sync;

/// What is under test, and where.
pub struct Subject {
    /// Builds the connector.
    pub connect: Box<Connect>,
    /// The fake it talks to.
    pub site: Arc<dyn FakeSite>,
    /// A project in which `us` and `human` may do everything.
    pub project: ProjectSpec,
    /// A second one, for tickets that move.
    pub elsewhere: ProjectSpec,
    /// Whom the connector writes as.
    pub us: Account,
    /// An engineer.
    pub human: Account,
    /// With which the fake signs its webhooks.
    pub secret: SecretString,
    /// For each state, the names that the configuration would give it.
    pub states: Vec<(TicketState, Vec<String>)>,
    /// The clock that the fake and the connector run by.
    pub now: Now,
    /// Moves that clock on.
    pub advance: Box<dyn Fn(TimeDelta) + Send + Sync>,
}

/// Runs the whole suite.
///
/// # Panics
/// When a check fails: the message says which promise is broken.
pub async fn run(subject: &Subject) {
    reads::account_and_check(subject).await;
    reads::create_carries_everything(subject).await;
    reads::marker_finds_exactly_its_ticket(subject).await;
    reads::poll_sees_edits_and_then_is_quiet(subject).await;
    reads::missing_is_missing(subject).await;
    reads::key_finds_what_people_mean(subject).await;
    reads::moved_is_followed(subject).await;
    reads::webhooks(subject).await;
    writes::each_field_reads_back(subject).await;
    writes::each_state_reads_back(subject).await;
    writes::one_patch_one_request(subject).await;
    writes::empty_patch_sends_nothing(subject).await;
    writes::text_outside_the_block_survives(subject).await;
    many::each_of_many_has_its_own_answer(subject).await;
    logs::history_tells_what_happened(subject).await;
    logs::comments_tell_author_and_editor(subject).await;
    logs::attachments_where_there_are_any(subject).await;
    broken::answers_that_are_none(subject).await;
    reads::paging_reaches_the_last(subject).await;
}

impl Subject {
    fn connector(&self) -> Arc<dyn Connector> {
        (self.connect)(Arc::new(RouterTransport(self.site.router())))
    }

    /// Whether tickets of the project have their due date in a field.
    fn due_in_field(&self) -> bool {
        self.connector().capabilities().due_field && self.project.due_field.is_some()
    }

    fn later(&self) {
        (self.advance)(TimeDelta::seconds(7));
    }

    fn act(&self, by: &Account, ticket: &Ticket, act: Act) {
        self.later();
        must("a person's act in the fake", self.site.act(by, &ticket.reference.id, act));
        self.later();
    }

    fn fake_ticket(&self, id: &str) -> FakeTicket {
        let Some(found) = self.site.tickets().into_iter().find(|t| t.id == id) else {
            panic!("the fake has no ticket {id}");
        };
        found
    }

    fn new_ticket(&self, title: &str) -> NewTicket {
        NewTicket {
            project: self.project.clone(),
            title: title.to_owned(),
            block: BLOCK.to_owned(),
            due: Some(day(2026, 12, 15)),
            assignee: Some(self.human.clone()),
            labels: BTreeSet::from(["security".to_owned()]),
            marker: marker(),
        }
    }

    async fn create(&self, title: &str) -> Ticket {
        let made = must("create", self.connector().create(&self.new_ticket(title)).await);
        let ticket = self.fetch(&made.reference).await;
        self.later();
        ticket
    }

    async fn fetch(&self, reference: &TicketRef) -> Ticket {
        let mut answer =
            must("fetch", self.connector().fetch(std::slice::from_ref(reference)).await).into_iter();
        match answer.next() {
            Some(Fetched::Found(ticket)) => *ticket,
            other => panic!("fetch of {} must find it, and gave {other:?}", reference.key),
        }
    }

    fn patch(&self) -> Patch {
        Patch { project: self.project.clone(), ..Patch::default() }
    }

    fn state_change(&self, to: TicketState) -> StateChange {
        let names = self.states.iter().find(|(state, _)| *state == to).map(|(_, names)| names.clone());
        StateChange {
            to,
            names: names.unwrap_or_default(),
            resolution: None,
            comment: None,
            fields: std::collections::BTreeMap::default(),
        }
    }
}

/// A block with all that a block may hold.
const BLOCK: &str = "Upgrade **openssl** on the edge hosts.\n\n- Proof expected: a clean scan\n- Answer as in [the guide](https://poam.example/guide)\n\n**Due:** 2026-12-15";

/// Another one.
const OTHER_BLOCK: &str = "Upgrade **openssl** everywhere.\n\n**Due:** 2027-01-20\n\nApproved.";

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// A marker that no other check uses.
fn marker() -> Marker {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    Marker { installation: "contract-0a1b".to_owned(), link: format!("{n:012x}{n:020x}") }
}

fn must<T, E: Display>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

/// What is to be the same however a ticket was read.
fn assert_same(ours: &Ticket, read: &Ticket, how: &str) {
    assert_eq!(ours.reference, read.reference, "{how}: the reference differs");
    assert_eq!(ours.title, read.title, "{how}: the title differs");
    assert_eq!(ours.description.block, read.description.block, "{how}: the block differs");
    assert_eq!(ours.description.outside, read.description.outside, "{how}: the text outside differs");
    assert_eq!(ours.status, read.status, "{how}: the status differs");
    assert_eq!(ours.due, read.due, "{how}: the due date differs");
    assert_eq!(ours.assignee, read.assignee, "{how}: the assignee differs");
    assert_eq!(ours.labels, read.labels, "{how}: the labels differ");
    assert_eq!(ours.marker, read.marker, "{how}: the marker differs");
}

fn is_ours(ticket: &Ticket) -> bool {
    ticket.labels.contains(LABEL)
}
