//! What the connector does beyond the contract: requests counted, fallbacks, workflows, checks.

use crate::world::{ELSEWHERE, PROJECT, World, account, day, new_ticket, patch, sent_since, spec, state};
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite};
use connector_api::{Connector, ErrorKind, HistoryKind, LogRequest, Patch, PollFrom, Ticket, TicketState};
use connector_jira::Flavor;
use connector_jira::fake::Lacks;
use serde_json::json;

#[tokio::test]
async fn what_a_poll_brought_along_does_not_hide_what_came_after() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    let id = &made.reference.id;
    let stream = jira.streams(&[spec(PROJECT)]).remove(0);
    jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect("a poll");
    world.advance(TimeDelta::seconds(1));
    world.site.act(&world.human, id, Act::Comment("late".into())).expect("a comment");
    world.site.act(&world.human, id, Act::SetDue(None)).expect("an edit");
    let request = LogRequest { ticket: made.reference.clone(), since: None };
    let log = jira.read_log(std::slice::from_ref(&request)).await.expect("a log").remove(0);
    assert_eq!(log.comments.len(), 1, "a history newer than the poll makes it read the comments again");

    jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect("a poll");
    world.site.act(&world.human, id, Act::Comment("later".into())).expect("a comment");
    jira.fetch(std::slice::from_ref(&made.reference)).await.expect("a fetch");
    let log = jira.read_log(&[request]).await.expect("a log").remove(0);
    assert_eq!(log.comments.len(), 2, "so does a fetch that saw a later state");
}

#[tokio::test]
async fn a_poll_that_overlaps_repeats_nothing_and_misses_nothing() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    let stream = jira.streams(&[spec(PROJECT)]).remove(0);
    let mut cursor =
        jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect("a poll").cursor;
    for step in [1, 30, 59, 60, 61, 299, 300, 301, 4000] {
        // The edit becomes visible to searches only after the poll that it just missed.
        world.site.set_search_fresh(false);
        let title = format!("after {step}");
        world.site.act(&world.human, &made.reference.id, Act::Retitle(title.clone())).expect("an edit");
        let blind = jira
            .changed_since(&stream, &PollFrom::new(Some(&cursor), (world.now())()))
            .await
            .expect("a poll");
        assert!(blind.tickets.is_empty(), "{step}");
        world.site.set_search_fresh(true);
        world.advance(TimeDelta::seconds(step));
        let seen = jira
            .changed_since(&stream, &PollFrom::new(Some(&blind.cursor), (world.now())()))
            .await
            .expect("a poll");
        let titles: Vec<&str> = seen.tickets.iter().map(|t| t.title.as_str()).collect();
        assert_eq!(titles, [title.as_str()], "{step}");
        let again = jira
            .changed_since(&stream, &PollFrom::new(Some(&seen.cursor), (world.now())()))
            .await
            .expect("a poll");
        assert!(again.tickets.is_empty(), "{step}");
        cursor = again.cursor;
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_the_sites_misses_nothing() {
    let world = World::new(Flavor::Cloud);
    let made = crate::world::made(&world.connector(), &new_ticket(1)).await;
    let stream = world.connector().streams(&[spec(PROJECT)]).remove(0);
    let cursor = world
        .connector()
        .changed_since(&stream, &PollFrom::new(None, (world.now())()))
        .await
        .expect("a poll")
        .cursor;
    world.advance(TimeDelta::seconds(90));
    world.site.act(&world.human, &made.reference.id, Act::Retitle("Seen".into())).expect("an edit");
    world.advance(TimeDelta::hours(2));
    let late = world.now();
    let behind: connector_jira::Now = std::sync::Arc::new(move || late() - TimeDelta::hours(3));
    let jira = connector_jira::Jira::new(world.config(), world.transport(), behind);
    let seen =
        jira.changed_since(&stream, &PollFrom::new(Some(&cursor), (world.now())())).await.expect("a poll");
    assert_eq!(seen.tickets.len(), 1);
}

#[tokio::test]
async fn one_unknown_project_does_not_stop_the_others() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    crate::world::made(&jira, &new_ticket(1)).await;
    let stream = jira.streams(&[spec("GONE"), spec(PROJECT)]).remove(0);
    let seen = jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect("a poll");
    assert_eq!(seen.tickets.len(), 1);
    let stream = jira.streams(&[spec("GONE")]).remove(0);
    let error =
        jira.changed_since(&stream, &PollFrom::new(None, (world.now())())).await.expect_err("an error");
    assert!(matches!(&error.kind, ErrorKind::Invalid(said) if said.contains("GONE")), "{error}");
}

#[tokio::test]
async fn a_site_without_properties_is_asked_for_them_once() {
    let world = World::new(Flavor::Cloud);
    world.site.set_lacks(Lacks { properties: true, bulk: false });
    let jira = world.connector();
    let first = crate::world::made(&jira, &new_ticket(1)).await;
    assert_eq!(first.marker, Some(new_ticket(1).marker), "a label carries it");
    let before = world.site.requests().len();
    crate::world::made(&jira, &new_ticket(2)).await;
    let sent = sent_since(&world, before);
    assert_eq!(sent, ["POST /rest/api/3/issue 201", "GET /rest/api/3/issue/{issueIdOrKey} 200"]);
    assert_eq!(world.site.tickets().len(), 2);
    world.site.act(&world.human, &first.reference.id, Act::ReplaceText("gone".into())).expect("an edit");
    let found = jira.find_marker(&spec(PROJECT), &new_ticket(1).marker).await.expect("a search");
    assert_eq!(found.len(), 1, "whatever became of the text");
}

#[tokio::test]
async fn refused_fields_of_a_new_ticket_are_left_out_and_it_is_made_once() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.due_field = None;
        project.unassignable.insert("5b10:dana".to_owned());
    });
    let jira = world.connector();
    let mut new = new_ticket(1);
    new.assignee = Some(world.human.clone());
    let made = crate::world::made(&jira, &new).await;
    assert_eq!((made.due, &made.assignee), (None, &None));
    assert_eq!(world.site.tickets().len(), 1);

    let due = Patch { due: Some(day(2027, 1, 1)), ..patch() };
    let error = jira.apply(&made, &due).await.expect_err("an error");
    assert!(matches!(&error.kind, ErrorKind::Invalid(said) if said.contains("duedate")), "{error}");
}

#[tokio::test]
async fn a_required_field_that_is_missing_is_named_and_taken_from_the_configuration() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.fields.insert("customfield_10067".to_owned(), true);
    });
    let jira = world.connector();
    let mut new = new_ticket(1);
    let error = jira.create(&new).await.expect_err("an error");
    assert!(matches!(&error.kind, ErrorKind::Invalid(said) if said.contains("customfield_10067")), "{error}");
    new.project.extra_fields.insert("customfield_10067".to_owned(), json!("pie"));
    crate::world::made(&jira, &new).await;
    assert_eq!(world.site.tickets().len(), 1);
}

#[tokio::test]
async fn a_custom_due_field_is_written_read_and_told() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| project.due_field = Some("customfield_10042".to_owned()));
    let jira = world.connector();
    let mut new = new_ticket(1);
    new.project.due_field = Some("customfield_10042".to_owned());
    let made = crate::world::made(&jira, &new).await;
    assert_eq!(made.due, new.due);
    world.site.act(&world.human, &made.reference.id, Act::SetDue(day(2027, 1, 20))).expect("an edit");
    let request = LogRequest { ticket: made.reference.clone(), since: None };
    let log = jira.read_log(&[request]).await.expect("a log").remove(0);
    let due = HistoryKind::Due { from: new.due, to: day(2027, 1, 20) };
    assert_eq!(log.entries.iter().map(|e| &e.kind).collect::<Vec<_>>(), [&due]);
}

#[tokio::test]
async fn without_a_due_field_the_block_carries_the_date() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| project.due_field = None);
    let jira = world.connector();
    let mut new = new_ticket(1);
    new.project.due_field = None;
    let made = crate::world::made(&jira, &new).await;
    world.site.act(&world.human, &made.reference.id, Act::SetDue(day(2027, 1, 20))).expect("an edit");
    let read = jira.find_marker(&new.project, &new.marker).await.expect("a search").remove(0);
    assert_eq!(read.due, None);
    assert_eq!(read.description.block.as_deref(), Some("Upgrade **openssl**.\n\n**Due:** 2027-01-20"));
}

#[tokio::test]
async fn a_version_that_ends_later_is_told() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.versions.insert("2027.1".to_owned(), day(2027, 1, 31));
    });
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    world.site.set_versions(&world.human, &made.reference.id, &["2027.1"]).expect("an edit");
    let found = jira.find_marker(&spec(PROJECT), &new_ticket(1).marker).await.expect("a search").remove(0);
    let ends: Vec<_> =
        found.scheduled.iter().map(|e| (e.kind.as_str(), e.name.as_str(), Some(e.date))).collect();
    assert_eq!(ends, [("fix version", "2027.1", day(2027, 1, 31))]);
}

async fn strict() -> (World, connector_jira::Jira, Ticket) {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.strict = true;
        project.resolution_required = true;
    });
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    (world, jira, made)
}

#[tokio::test]
async fn a_workflow_is_walked_step_by_step_and_remembered() {
    let (world, jira, made) = strict().await;
    let mut done = state(TicketState::Done, &["Done"]);
    done.comment = Some("Closed by the register.".to_owned());
    let to_done = Patch { state: Some(done), ..patch() };
    let after = jira.apply(&made, &to_done).await.expect("done");
    assert_eq!((after.status.name.as_str(), after.status.resolution.as_deref()), ("Done", Some("Done")));
    let fake = world.site.tickets().remove(0);
    assert_eq!(fake.comments.len(), 1, "the comment comes with the last step alone");

    let second = crate::world::made(&jira, &new_ticket(2)).await;
    let before = world.site.requests().len();
    jira.apply(&second, &to_done).await.expect("done");
    let sent = sent_since(&world, before);
    let reads = sent.iter().filter(|line| line.starts_with("GET") && line.contains("transitions")).count();
    assert_eq!(reads, 0, "the way is known by now: {sent:?}");

    let blocked = Patch { state: Some(state(TicketState::Blocked, &["Blocked"])), ..patch() };
    let after = jira.apply(&after, &blocked).await.expect("blocked");
    assert_eq!((after.status.name.as_str(), after.status.resolution), ("Blocked", None));
}

#[tokio::test]
async fn a_workflow_that_changed_is_asked_for_anew() {
    let (world, jira, made) = strict().await;
    let started = Patch { state: Some(state(TicketState::InProgress, &["In Progress"])), ..patch() };
    jira.apply(&made, &started).await.expect("in progress");
    world.site.set_project(PROJECT, |project| project.strict = false);
    let second = crate::world::made(&jira, &new_ticket(2)).await;
    let after = jira.apply(&second, &started).await.expect("in progress");
    assert_eq!(after.status.name, "In Progress");
}

#[tokio::test]
async fn what_is_dropped_never_reads_as_done() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    let mut change = state(TicketState::Dropped, &[]);
    change.resolution = Some("Duplicate".to_owned());
    let dropped =
        jira.apply(&made, &Patch { state: Some(change.clone()), ..patch() }).await.expect("dropped");
    assert_eq!(dropped.status.resolution.as_deref(), Some("Duplicate"));
    let done = Patch { state: Some(state(TicketState::Done, &[])), ..patch() };
    let done = jira.apply(&dropped, &done).await.expect("done");
    assert_eq!(done.status.resolution.as_deref(), Some("Done"), "from dropped to done is a change of state");
    let before = world.site.requests().len();
    let same = Patch { state: Some(state(TicketState::Done, &[])), ..patch() };
    jira.apply(&done, &same).await.expect("done");
    assert!(sent_since(&world, before).is_empty(), "what is so already is not asked for");
}

#[tokio::test]
async fn a_state_that_cannot_be_reached_names_what_can() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    let mut change = state(TicketState::Done, &["Done"]);
    change.resolution = Some("Celebrated".to_owned());
    let error = jira.apply(&made, &Patch { state: Some(change), ..patch() }).await.expect_err("an error");
    let ErrorKind::Invalid(said) = &error.kind else { panic!("{error}") };
    assert!(said.contains("Celebrated") && said.contains("`Blocked` to `Blocked`"), "{said}");
    assert_eq!(world.site.tickets().remove(0).status, "To Do");
}

#[tokio::test]
async fn a_moved_ticket_keeps_its_id_and_tells_its_move() {
    let world = World::new(Flavor::Cloud);
    let jira = world.connector();
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    world.site.act(&world.human, &made.reference.id, Act::Move(ELSEWHERE.to_owned())).expect("a move");
    let request = LogRequest { ticket: made.reference.clone(), since: None };
    let log = jira.read_log(&[request]).await.expect("a log").remove(0);
    let moved = HistoryKind::Project { to: ELSEWHERE.to_owned() };
    assert_eq!(log.entries.iter().map(|e| &e.kind).collect::<Vec<_>>(), [&moved]);
}

#[tokio::test]
async fn check_tells_every_problem_at_once() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.denied.extend(["EDIT_ISSUES", "ADD_COMMENTS"].map(str::to_owned));
        project.due_field = None;
        project.fields.insert("customfield_10067".to_owned(), true);
    });
    let wrong_type = connector_api::ProjectSpec { issue_type: Some("Epic".to_owned()), ..spec(ELSEWHERE) };
    let report = world.connector().check(&[spec(PROJECT), wrong_type, spec("NOPE")]).await.expect("a report");
    let wanted = ["Edit Issues", "Add Comments", "`duedate`", "customfield_10067", "`Epic`", "Project NOPE"];
    for part in wanted {
        assert!(report.problems.iter().any(|p| p.contains(part)), "{part} in {:#?}", report.problems);
    }
    assert_eq!(report.problems.len(), wanted.len(), "{:#?}", report.problems);
    assert_eq!(report.account, Some(world.us.clone()));
    assert_eq!(report.site, "Jira 1001.0.0-SNAPSHOT");

    world.site.revoke(&world.us.id);
    let error = world.connector().check(&[spec(PROJECT)]).await;
    let told = match error {
        Ok(report) => report.problems.join(" "),
        Err(error) => error.to_string(),
    };
    assert!(told.contains("credentials"), "{told}");
    let error = world.connector().account().await.expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Auth(_)), "{error}");
}

#[tokio::test]
async fn check_names_what_anyone_can_read() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(ELSEWHERE, |project| project.public = true);
    let report = world.connector().check(&[spec(PROJECT), spec(ELSEWHERE)]).await.expect("a report");
    assert_eq!(report.public_projects, [ELSEWHERE.to_owned()].into());
    assert_eq!(report.problems, Vec::<String>::new());
}

#[tokio::test]
async fn check_knows_which_jira_it_is() {
    let world = World::new(Flavor::DataCenter);
    let mut config = world.config();
    config.flavor = Flavor::Cloud;
    let jira = connector_jira::Jira::new(config, world.transport(), world.now());
    let told = match jira.check(&[]).await {
        Ok(report) => report.problems.join(" "),
        Err(error) => error.to_string(),
    };
    assert!(!told.is_empty());
    let good = world.connector().check(&[spec(PROJECT)]).await.expect("a report");
    assert_eq!(good.problems, Vec::<String>::new());
}

#[tokio::test]
async fn an_attachment_elsewhere_is_not_fetched() {
    let world = World::new(Flavor::DataCenter);
    let jira = world.connector();
    let attachment = connector_api::Attachment {
        id: "1".to_owned(),
        name: "x".to_owned(),
        media_type: String::new(),
        size: 1,
        author: Some(account("a", "A")),
        created: (world.now())(),
        url: "http://169.254.169.254/latest/meta-data".to_owned(),
    };
    let made = crate::world::made(&jira, &new_ticket(1)).await;
    let error = jira.attachment_bytes(&made.reference, &attachment, 10).await.expect_err("an error");
    assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error}");
}
