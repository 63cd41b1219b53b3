//! What happens to tickets in real life, each under its name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite};
use connector_api::{
    Connector, ErrorKind, Fetched, HistoryKind, LogRequest, NewTicket, Patch, PollFrom, TicketState,
};
use connector_jira::{Flavor, Jira};
use secrecy::SecretString;
use serde_json::json;

use crate::world::{
    ELSEWHERE, Meddling, PROJECT, SECRET, World, day, made, new_ticket, patch, poll, spec, state, stream,
};

const FLAVORS: [Flavor; 2] = [Flavor::Cloud, Flavor::DataCenter];

#[tokio::test]
async fn the_same_status_name_in_two_projects_is_two_places() {
    for flavor in FLAVORS {
        let world = World::new(flavor);
        // Transition 11 leads to `In Progress` here, and to `To Do` there.
        world.site.set_project(PROJECT, |project| project.strict = true);
        let jira = world.connector();
        let start = |project: &str| Patch {
            state: Some(state(TicketState::InProgress, &["In Progress"])),
            project: spec(project),
            ..Patch::default()
        };
        for n in 0..4 {
            let project = if n % 2 == 0 { PROJECT } else { ELSEWHERE };
            let ticket = made(&jira, &NewTicket { project: spec(project), ..new_ticket(n) }).await;
            let after = jira.apply(&ticket, &start(project)).await.expect("in progress");
            assert_eq!(after.status.name, "In Progress", "{project}");
            let fake = world.site.tickets().into_iter().find(|t| t.id == ticket.reference.id);
            assert_eq!(fake.expect("a ticket").status, "In Progress", "{project}");
        }
        let asked = world
            .site
            .requests()
            .iter()
            .filter(|line| line.starts_with("GET") && line.contains("transitions"))
            .count();
        assert_eq!(asked, 2, "once for each project");
    }
}

#[tokio::test]
async fn a_transition_with_required_fields_is_given_them_or_says_which() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.fields.insert("customfield_10077".to_owned(), false);
        project.done_fields.insert("customfield_10077".to_owned());
        project.resolution_required = true;
    });
    let jira = world.connector();
    let ticket = made(&jira, &new_ticket(1)).await;
    let mut done = state(TicketState::Done, &["Done"]);
    let error =
        jira.apply(&ticket, &Patch { state: Some(done.clone()), ..patch() }).await.expect_err("a refusal");
    assert!(matches!(&error.kind, ErrorKind::Invalid(said) if said.contains("customfield_10077")), "{error}");
    assert_eq!(world.site.tickets().remove(0).status, "To Do");
    done.fields.insert("customfield_10077".to_owned(), json!("a clean scan"));
    let after = jira.apply(&ticket, &Patch { state: Some(done), ..patch() }).await.expect("done");
    assert_eq!((after.status.name.as_str(), after.status.resolution.as_deref()), ("Done", Some("Done")));
}

#[tokio::test]
async fn what_cannot_be_edited_while_closed_is_edited_before_and_after() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| project.locked_when_done = true);
    let jira = world.connector();
    let ticket = made(&jira, &new_ticket(1)).await;
    let with = |to, name, title: &str| Patch {
        title: Some(title.to_owned()),
        state: Some(state(to, &[name])),
        ..patch()
    };
    let closed = jira.apply(&ticket, &with(TicketState::Done, "Done", "Closed")).await.expect("closed");
    assert_eq!((closed.title.as_str(), closed.status.name.as_str()), ("Closed", "Done"));
    let open = jira.apply(&closed, &with(TicketState::Open, "To Do", "Open again")).await.expect("open");
    assert_eq!((open.title.as_str(), open.status.name.as_str()), ("Open again", "To Do"));
}

#[tokio::test]
async fn a_workflow_that_changed_shows_when_fields_are_written_with_the_state() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| project.strict = true);
    let jira = world.connector();
    let started = Patch {
        title: Some("Under way".to_owned()),
        state: Some(state(TicketState::InProgress, &["In Progress"])),
        ..patch()
    };
    jira.apply(&made(&jira, &new_ticket(1)).await, &started).await.expect("in progress");
    world.site.set_project(PROJECT, |project| project.strict = false);
    let after = jira.apply(&made(&jira, &new_ticket(2)).await, &started).await.expect("in progress");
    assert_eq!((after.status.name.as_str(), after.title.as_str()), ("In Progress", "Under way"));
    assert!(world.site.tickets().iter().all(|ticket| ticket.status == "In Progress"));
}

#[tokio::test]
async fn no_due_date_shifts_across_time_zones() {
    let days = [(2026, 3, 29), (2026, 10, 25), (2026, 12, 31), (2027, 1, 1), (2028, 2, 29)];
    for flavor in FLAVORS {
        for field in ["duedate", "customfield_10042"] {
            let world = World::new(flavor);
            world.site.set_project(PROJECT, |project| project.due_field = Some(field.to_owned()));
            let jira = world.connector();
            let mut new = new_ticket(1);
            new.project.due_field = Some(field.to_owned());
            let mut ticket = made(&jira, &new).await;
            // Every hour of a day, so that any zone would be caught at a day's end.
            for (n, (year, month, date)) in days.into_iter().cycle().take(24).enumerate() {
                world.advance(TimeDelta::hours(1));
                let due = day(year, month, date);
                let patch = Patch { due: Some(due), project: new.project.clone(), ..Patch::default() };
                ticket = jira.apply(&ticket, &patch).await.expect("an edit");
                assert_eq!(ticket.due, due, "{flavor:?} {field} at hour {n}");
                let fake = world.site.tickets().remove(0);
                assert_eq!(fake.due, due, "{flavor:?} {field} at hour {n}");
            }
            let request = LogRequest { ticket: ticket.reference.clone(), since: None };
            let log = jira.read_log(&[request]).await.expect("a log").remove(0);
            let mut from = new.due;
            let wanted: Vec<HistoryKind> = days
                .into_iter()
                .cycle()
                .take(24)
                .map(|(y, m, d)| HistoryKind::Due {
                    from: std::mem::replace(&mut from, day(y, m, d)),
                    to: day(y, m, d),
                })
                .collect();
            let told: Vec<HistoryKind> = log.entries.into_iter().map(|entry| entry.kind).collect();
            assert_eq!(told, wanted, "{flavor:?} {field}");
        }
    }
}

#[tokio::test]
async fn a_webhook_comes_before_a_search_shows_its_ticket() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    made(&jira, &new_ticket(1)).await;
    world.site.take_deliveries();
    world.site.set_search_fresh(false);
    let new = jira.create(&new_ticket(2)).await.expect("a ticket");
    let delivery = world.site.take_deliveries().remove(0);
    let secret = SecretString::from(SECRET);
    let hint = jira.read_webhook(&delivery.headers, &delivery.body, &[secret]).expect("a delivery");
    assert_eq!(hint.tickets, [new.reference.id.as_str()]);
    assert_eq!(poll(&world, &jira, None).await.tickets.len(), 1, "a search does not show it yet");
    let read = jira.fetch(std::slice::from_ref(&new.reference)).await.expect("tickets").remove(0);
    assert!(matches!(read, Fetched::Found(_)), "yet it can be read: {read:?}");

    let written = [new.reference.id.clone(), "no number".to_owned()];
    let from = PollFrom { written: &written, ..PollFrom::new(None, (world.now())() - TimeDelta::hours(1)) };
    let seen = jira.changed_since(&stream(&jira), &from).await.expect("a poll");
    assert_eq!(seen.tickets.len(), 2, "and a search that is told of our own writes shows it");
}

#[tokio::test]
async fn our_last_writes_are_named_on_every_page() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let new: Vec<NewTicket> = (0..260).map(new_ticket).collect();
    let old = jira.create_many(&new[..200]).await;
    assert!(old.iter().all(Result::is_ok));
    world.site.set_search_fresh(false);
    let made = jira.create_many(&new[200..]).await;
    let written: Vec<String> =
        made.into_iter().map(|made| made.expect("a ticket").reference.id).rev().collect();
    let from = PollFrom { written: &written, ..PollFrom::new(None, (world.now())() - TimeDelta::hours(1)) };
    // The fake refuses a page that is asked for with another list, or with more than fifty.
    let seen = jira.changed_since(&stream(&jira), &from).await.expect("a poll");
    let seen: BTreeSet<String> = seen.tickets.into_iter().map(|t| t.reference.id).collect();
    assert_eq!(seen.len(), 250);
    assert!(written[..50].iter().all(|id| seen.contains(id)), "the newest fifty of sixty");
}

#[tokio::test]
async fn archived_is_not_deleted() {
    for flavor in FLAVORS {
        let world = World::new(flavor);
        let jira = world.connector();
        let (kept, lost) = (made(&jira, &new_ticket(1)).await, made(&jira, &new_ticket(2)).await);
        world.site.archive(&kept.reference.id).expect("an archive");
        world.site.act(&world.human, &lost.reference.id, Act::Delete).expect("a deletion");
        let both = [kept.reference.clone(), lost.reference.clone()];
        let read = jira.fetch(&both).await.expect("answers");
        assert!(matches!(&read[0], Fetched::Found(_)), "{flavor:?}: {read:?}");
        assert_eq!(read[1], Fetched::Missing(lost.reference), "{flavor:?}");
        let edit = Patch { title: Some("Late".to_owned()), ..patch() };
        let error = jira.apply(&kept, &edit).await.expect_err("a refusal");
        assert!(matches!(&error.kind, ErrorKind::Invalid(said) if said.contains("archived")), "{error}");
    }
}

#[tokio::test]
async fn a_moved_issue_has_a_new_key_and_the_same_id() {
    for flavor in FLAVORS {
        let world = World::new(flavor);
        let jira = world.connector();
        let ticket = made(&jira, &new_ticket(1)).await;
        let id = &ticket.reference.id;
        world.site.act(&world.human, id, Act::Move(ELSEWHERE.to_owned())).expect("a move");
        let found = jira.find_marker(&spec(PROJECT), &new_ticket(1).marker).await.expect("a search");
        assert_eq!(found.len(), 1, "its marker finds it where it is now");
        assert_eq!((&found[0].reference.id, found[0].reference.project.as_str()), (id, ELSEWHERE));
        assert!(found[0].reference.url.ends_with(&format!("/browse/{}", found[0].reference.key)));
        let by_old_key = jira.ticket_by_key(&spec(PROJECT), &ticket.reference.key).await.expect("an answer");
        assert_eq!(
            by_old_key.map(|t| t.reference),
            Some(found[0].reference.clone()),
            "its old key names it still"
        );
        let edit = Patch { title: Some("Moved".to_owned()), ..patch() };
        assert_eq!(jira.apply(&ticket, &edit).await.expect("an edit").reference.project, ELSEWHERE);
    }
}

#[tokio::test]
async fn a_clone_carries_the_marker_and_ours_comes_first() {
    for flavor in FLAVORS {
        let world = World::new(flavor);
        let jira = world.connector();
        let ticket = made(&jira, &new_ticket(1)).await;
        // More than a page of them.
        for _ in 0..120 {
            world.site.clone_issue(&world.human, &ticket.reference.id).expect("a clone");
        }
        let found = jira.find_marker(&spec(PROJECT), &new_ticket(1).marker).await.expect("a search");
        assert_eq!(found.len(), 121, "{flavor:?}: every one that carries it, on every page");
        assert_eq!(found[0].reference.id, ticket.reference.id, "oldest first");
        let author = |at: usize| found[at].author.as_ref().map(|author| author.id.clone());
        assert_eq!((author(0), author(1)), (Some(world.us.id.clone()), Some(world.human.id.clone())));
    }
}

#[tokio::test]
async fn a_label_that_was_taken_off_does_not_hide_the_marker() {
    let world = World::new(Flavor::DataCenter);
    let jira = world.connector();
    let ticket = made(&jira, &new_ticket(1)).await;
    let marker = new_ticket(1).marker;
    world.site.act(&world.human, &ticket.reference.id, Act::RemoveLabel(marker.line())).expect("an edit");
    let found = jira.find_marker(&spec(PROJECT), &marker).await.expect("a search");
    assert_eq!(found.len(), 1, "the property tells it as well");
}

#[tokio::test]
async fn the_text_that_people_read_holds_no_marker() {
    for flavor in FLAVORS {
        let world = World::new(flavor);
        made(&world.connector(), &new_ticket(1)).await;
        let fake = world.site.tickets().remove(0);
        assert!(!fake.text.contains(&new_ticket(1).marker.line()), "{flavor:?}: {}", fake.text);
        assert_eq!(fake.marker, Some(new_ticket(1).marker), "{flavor:?}");
    }
}

/// A connector whose first page of a search is followed by something that people do.
fn after_first_page(world: &World, then: impl Fn(&World) + Send + Sync + 'static) -> Jira {
    let done = AtomicBool::new(false);
    let own = world.clone();
    let meddle = move |path: &str, answer: http::Response<Bytes>| {
        if path.contains("/search") && !done.swap(true, Ordering::Relaxed) {
            then(&own);
        }
        Ok(answer)
    };
    world.over(Arc::new(Meddling { world: world.clone(), meddle }))
}

#[tokio::test]
async fn a_list_that_shifts_while_it_is_read_hides_nothing() {
    for flavor in FLAVORS {
        let world = World::new(flavor);
        let new: Vec<NewTicket> = (0..250).map(new_ticket).collect();
        let made = world.connector().create_many(&new).await;
        let ids: BTreeSet<String> =
            made.into_iter().map(|made| made.expect("a ticket").reference.id).collect();
        // Half an hour later, so that the overlap of the next poll would not bring back what this one skips.
        world.advance(TimeDelta::minutes(30));
        let first = ids.first().cloned().expect("a ticket");
        let jira = after_first_page(&world, move |world| {
            let act = Act::Retitle("Edited between two pages".to_owned());
            world.site.act(&world.human, &first, act).expect("an edit");
        });
        let seen = poll(&world, &jira, None).await;
        let seen: BTreeSet<String> = seen.tickets.into_iter().map(|ticket| ticket.reference.id).collect();
        assert_eq!(seen, ids, "{flavor:?}");
    }
}

#[tokio::test]
async fn a_list_whose_place_is_forgotten_concludes_nothing() {
    let world = World::new(Flavor::Cloud);
    let new: Vec<NewTicket> = (0..150).map(new_ticket).collect();
    assert!(world.connector().create_many(&new).await.iter().all(Result::is_ok));
    let jira = after_first_page(&world, |world| world.site.forget_pages());
    let from = PollFrom::new(None, (world.now())() - TimeDelta::hours(1));
    let error = jira.changed_since(&stream(&jira), &from).await.expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Unavailable(_)), "soon again, not for people to mend: {error}");
    assert_eq!(poll(&world, &jira, None).await.tickets.len(), 150, "the next one begins anew");
}

#[tokio::test]
async fn a_clock_minutes_off_ours_misses_nothing() {
    for minutes in [-47, -7, 7, 47] {
        let world = World::new(Flavor::Cloud);
        let ticket = made(&world.connector(), &new_ticket(1)).await;
        let (theirs, off) = (world.now(), TimeDelta::minutes(minutes));
        let ours: connector_jira::Now = Arc::new(move || theirs() + off);
        let jira = Jira::new(world.config(), world.transport(), ours);
        let mut cursor = poll(&world, &jira, None).await.cursor;
        for round in 0..3 {
            world.advance(TimeDelta::minutes(9));
            let title = format!("Round {round}");
            world.site.act(&world.human, &ticket.reference.id, Act::Retitle(title.clone())).expect("an edit");
            let seen = poll(&world, &jira, Some(&cursor)).await;
            let titles: Vec<_> = seen.tickets.iter().map(|ticket| ticket.title.clone()).collect();
            assert_eq!(titles, [title], "{minutes} minutes");
            cursor = seen.cursor;
        }
    }
}
