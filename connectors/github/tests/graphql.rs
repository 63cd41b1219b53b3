//! Many tickets with few requests, and what only GraphQL tells.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

mod world;

use chrono::{NaiveDate, TimeDelta};
use connector_api::fake::{Act, FakeSite};
use connector_api::{
    Connector, Error, ErrorKind, Fetched, Glance, HistoryKind, LABEL, LogRequest, PollFrom, Ticket, TicketLog,
};
use connector_github::fake::GraphFault;
use connector_github::{GitHub, LABEL_STATE};
use world::{REPO, World, spec};

type Done = Result<(), Error>;

/// Tickets of several repositories that carry our label, and the requests of a poll of each.
async fn tickets(
    world: &World,
    github: &GitHub,
    repositories: usize,
    each: usize,
) -> Result<Vec<Ticket>, Error> {
    let mut all = Vec::new();
    for repository in 0..repositories {
        let name = format!("acme/repo-{repository}");
        world.add_repository(&name);
        for n in 0..each {
            let block = "<!-- poam:begin -->\n- **Due:** 2026-12-15\n<!-- poam:end -->";
            let id =
                world.site.open_by_hand(&world.human, &name, &format!("No. {n}"), block).expect("opened");
            world.site.act(&world.human, &id, Act::AddLabel(LABEL.to_owned())).expect("labelled");
        }
        world.advance(TimeDelta::minutes(5));
        let stream = github.streams(&[spec(&name)]).pop().expect("a stream");
        let since = (world.now())() - TimeDelta::days(1);
        all.extend(github.changed_since(&stream, &PollFrom::new(None, since)).await?.tickets);
    }
    Ok(all)
}

fn requests(tickets: &[Ticket]) -> Vec<LogRequest> {
    tickets.iter().map(|t| LogRequest { ticket: t.reference.clone(), since: None }).collect()
}

fn dues(log: &TicketLog) -> Vec<(Option<NaiveDate>, Option<NaiveDate>, String)> {
    let due = |entry: &connector_api::HistoryEntry| match entry.kind {
        HistoryKind::Due { from, to } => {
            Some((from, to, entry.by.as_ref().map(|by| by.id.clone()).unwrap_or_default()))
        }
        HistoryKind::Status { .. }
        | HistoryKind::Title { .. }
        | HistoryKind::Text { .. }
        | HistoryKind::Assignee { .. }
        | HistoryKind::Project { .. }
        | HistoryKind::Label { .. } => None,
    };
    log.entries.iter().filter_map(due).collect()
}

#[tokio::test]
async fn five_hundred_edits_in_fifty_repositories_take_fifty_five_requests() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 50, 10).await?;
    assert_eq!(made.len(), 500);
    let mut cursors = Vec::new();
    for n in 0..50 {
        let stream = github.streams(&[spec(&format!("acme/repo-{n}"))]).pop().expect("a stream");
        let since = (world.now())() - TimeDelta::days(1);
        let cursor = github.changed_since(&stream, &PollFrom::new(None, since)).await?.cursor;
        cursors.push((stream, cursor));
    }
    world.advance(TimeDelta::minutes(5));
    let later = NaiveDate::from_ymd_opt(2027, 1, 20);
    for ticket in &made {
        world.site.act(&world.human, &ticket.reference.id, Act::SetDue(later)).expect("edited");
    }
    world.advance(TimeDelta::minutes(5));

    let before = world.site.requests().len();
    let mut changed = Vec::new();
    for (stream, cursor) in &cursors {
        changed.extend(
            github.changed_since(stream, &PollFrom::new(Some(cursor), made[0].created)).await?.tickets,
        );
    }
    let logs = github.read_log(&requests(&changed)).await?;
    assert_eq!(world.site.requests().len() - before, 55, "a poll of each, and a hundred logs at once");
    assert_eq!(logs.len(), 500);
    let day = NaiveDate::from_ymd_opt(2026, 12, 15);
    for log in &logs {
        assert_eq!(dues(log), [(day, later, "dana".to_owned())]);
    }
    Ok(())
}

#[tokio::test]
async fn a_sweep_looks_at_a_hundred_at_once() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 3, 50).await?;
    let (gone, moved) = (made[7].clone(), made[60].clone());
    world.site.act(&world.human, &gone.reference.id, Act::Delete).expect("deleted");
    world.site.act(&world.human, &moved.reference.id, Act::Move(REPO.to_owned())).expect("moved");
    let asked: Vec<_> = made.iter().map(|t| t.reference.clone()).collect();

    let before = world.site.requests().len();
    let glances = github.survey(&asked).await?;
    let sent = world.site.requests().split_off(before);
    assert_eq!(sent.iter().filter(|r| r.starts_with("POST /graphql")).count(), 2);
    assert!(sent.len() <= 7, "and those that are not there one by one: {sent:?}");
    assert_eq!(glances.len(), 150);
    assert_eq!(glances[7], Glance::Gone);
    assert!(matches!(glances[60], Glance::There { .. }), "a transferred one is followed");
    assert_eq!(glances.iter().filter(|g| matches!(g, Glance::There { .. })).count(), 149);
    let found = github.fetch(&asked).await?;
    assert_eq!(found[7], Fetched::Gone(gone.reference));
    assert!(matches!(&found[60], Fetched::Found(t) if t.reference.project == REPO));

    // A connection that has just begun knows no node ids yet: a listing brings them.
    let fresh = world.connector();
    let before = world.site.requests().len();
    let here: Vec<_> =
        asked.iter().enumerate().filter(|(n, _)| ![7, 60].contains(n)).map(|(_, r)| r.clone()).collect();
    let glances = fresh.survey(&here).await?;
    assert!(glances.iter().all(|g| matches!(g, Glance::There { updated: Some(_) })));
    assert_eq!(world.site.requests().len() - before, 3, "one listing for each repository");
    Ok(())
}

#[tokio::test]
async fn both_interfaces_show_the_same_tickets() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 5).await?;
    let id = |n: usize| made[n].reference.id.clone();
    let act = |n: usize, act| world.site.act(&world.human, &id(n), act).expect("they may");
    act(0, Act::SetState(connector_api::TicketState::Dropped));
    act(1, Act::ReplaceText(String::new()));
    act(2, Act::Assign(Some(world.us.clone())));
    act(3, Act::AddLabel("waiting".to_owned()));
    world.site.set_milestone(&id(4), "v2", NaiveDate::from_ymd_opt(2027, 7, 4)).expect("set");
    let asked: Vec<_> = made.iter().map(|t| t.reference.clone()).collect();
    let many = github.fetch(&asked).await?;
    for (reference, shown) in asked.iter().zip(many) {
        let Fetched::Found(mut one) = github.fetch(std::slice::from_ref(reference)).await?.remove(0) else {
            panic!("{reference:?} is there");
        };
        // No text and an empty one are the same to GraphQL.
        if one.description.raw == "" {
            one.description.raw = serde_json::Value::Null;
        }
        assert_eq!(shown, Fetched::Found(one));
    }
    Ok(())
}

#[tokio::test]
async fn a_question_that_is_too_much_is_halved() -> Done {
    for (fault, most) in [(GraphFault::TimesOutAbove(30), 8), (GraphFault::PartialAfter(30), 8)] {
        let world = World::new();
        let github = world.connector();
        let made = tickets(&world, &github, 1, 100).await?;
        world.site.set_graph_fault(Some(fault));
        let before = world.site.requests().len();
        let logs = github.read_log(&requests(&made)).await?;
        assert_eq!(logs.len(), 100, "{fault:?}");
        assert!(world.site.requests().len() - before <= most, "{fault:?}");
        assert!(github.capabilities().line_history, "a slow answer is no lack");
    }
    Ok(())
}

#[tokio::test]
async fn a_ticket_that_graphql_cannot_show_holds_back_no_other() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 5).await?;
    world.site.set_graph_fault(Some(GraphFault::PartialAfter(0)));
    assert!(github.read_log(&requests(&made)).await?.is_empty(), "nothing is concluded from half a log");
    let asked: Vec<_> = made.iter().map(|t| t.reference.clone()).collect();
    let found = github.fetch(&asked).await?;
    assert!(found.iter().all(|f| matches!(f, Fetched::Found(_))), "REST shows them one by one");
    Ok(())
}

#[tokio::test]
async fn spent_points_pause_the_connection_though_the_answer_is_200() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 5).await?;
    world.site.set_graph_fault(Some(GraphFault::RateLimited));
    let error = github.read_log(&requests(&made)).await.expect_err("limited");
    assert!(matches!(error.kind, ErrorKind::RateLimited { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_date_moved_there_and_back_between_polls_is_two_edits() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 2).await?;
    let (first, later) = (NaiveDate::from_ymd_opt(2026, 12, 15), NaiveDate::from_ymd_opt(2027, 1, 20));
    let act = |act| world.site.act(&world.human, &made[0].reference.id, act).expect("they may");
    act(Act::SetDue(later));
    act(Act::SetDue(first));
    act(Act::EditOutside("Words beside the block change no date.".to_owned()));
    let cut = (world.now())() + TimeDelta::minutes(1);
    world.advance(TimeDelta::minutes(2));
    // More edits than one page holds, of which the last touch the date alone.
    for n in 0..25 {
        act(Act::EditOutside(format!("Draft {n}")));
    }
    act(Act::SetDue(later));
    let human = "dana".to_owned();
    let log = github.read_log(&requests(&made[..1])).await?.pop().expect("a log");
    let all = [(first, later, human.clone()), (later, first, human.clone()), (first, later, human.clone())];
    assert_eq!(dues(&log), all);
    let request = LogRequest { ticket: made[0].reference.clone(), since: Some(cut) };
    let recent = github.read_log(&[request]).await?.pop().expect("a log");
    assert!(dues(&recent).ends_with(&[(first, later, human)]), "known against the text before: {recent:?}");
    Ok(())
}

#[tokio::test]
async fn a_long_log_is_read_to_its_end() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 2).await?;
    let act = |act| world.site.act(&world.human, &made[0].reference.id, act).expect("they may");
    for n in 0..60 {
        act(Act::Retitle(format!("Title {n}")));
        act(Act::Comment(format!("Comment {n}")));
        world.advance(TimeDelta::seconds(2));
    }
    for _ in 0..6 {
        act(Act::SetState(connector_api::TicketState::Done));
        act(Act::SetState(connector_api::TicketState::Open));
        world.advance(TimeDelta::seconds(2));
    }
    let log = github.read_log(&requests(&made)).await?.remove(0);
    assert_eq!(log.comments.len(), 60);
    assert!(log.comments.is_sorted_by_key(|c| c.created));
    world.site.set_graph_fault(Some(GraphFault::Absent));
    let plainer = world.connector().read_log(&requests(&made)).await?.remove(0);
    assert_eq!(log.entries, plainer.entries, "both interfaces tell the same, under the same ids");
    assert_eq!(log.comments, plainer.comments);
    Ok(())
}

#[tokio::test]
async fn a_new_ticket_among_many_does_not_make_their_whole_logs_be_read() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 20).await?;
    for ticket in &made {
        for n in 0..60 {
            let title = Act::Retitle(format!("Title {n}"));
            world.site.act(&world.human, &ticket.reference.id, title).expect("they may");
        }
    }
    world.advance(TimeDelta::minutes(5));
    let since = Some((world.now())());
    let mut wanted: Vec<_> = made.iter().map(|t| LogRequest { ticket: t.reference.clone(), since }).collect();
    wanted[0].since = None;
    let before = world.site.requests().len();
    let logs = github.read_log(&wanted).await?;
    assert_eq!(logs.len(), 20);
    assert!(logs[0].entries.len() >= 60, "of the new one all");
    assert_eq!(
        world.site.requests().len() - before,
        3,
        "two pages of the new one, and all the others at once"
    );
    Ok(())
}

#[tokio::test]
async fn a_comment_edited_by_another_tells_whom() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 2).await?;
    let id = &made[0].reference.id;
    world.site.act(&world.human, id, Act::Comment("/poam why x y z".to_owned())).expect("they may");
    let comments = world.site.tickets().into_iter().find(|t| t.id == *id).expect("the ticket").comments;
    world.advance(TimeDelta::minutes(1));
    let edit = Act::EditComment(comments[0].id.clone(), "/poam approve".to_owned());
    world.site.act(&world.us, id, edit).expect("they may");
    let log = github.read_log(&requests(&made)).await?.remove(0);
    assert_eq!(log.comments[0].author.id, "dana");
    assert_eq!(log.comments[0].last_editor.as_ref().map(|a| a.id.as_str()), Some("poam-bot"));
    Ok(())
}

#[tokio::test]
async fn a_site_without_graphql_is_asked_once_and_remembered() -> Done {
    for fault in [GraphFault::Absent, GraphFault::UnknownField] {
        let world = World::new();
        let github = world.connector();
        let made = tickets(&world, &github, 1, 5).await?;
        world.site.set_graph_fault(Some(fault));
        assert!(github.capabilities().line_history, "nobody has asked yet");
        assert_eq!(github.read_log(&requests(&made)).await?.len(), 5);
        assert!(!github.capabilities().line_history, "each observed date counts from now on");
        github.read_log(&requests(&made)).await?;
        let asked: Vec<_> = made.iter().map(|t| t.reference.clone()).collect();
        let before = world.site.requests().len();
        assert!(github.fetch(&asked).await?.iter().all(|f| matches!(f, Fetched::Found(_))));
        assert_eq!(world.site.requests().len() - before, 1, "a listing takes the place of five questions");
        let questions = world.site.requests().into_iter().filter(|r| r.starts_with("POST /graphql"));
        assert_eq!(questions.count(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_labelled_state_is_no_event_of_the_status() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = tickets(&world, &github, 1, 2).await?;
    let patch = connector_api::Patch {
        state: Some(connector_api::StateChange {
            to: connector_api::TicketState::InProgress,
            names: vec![format!("{LABEL_STATE}in-progress")],
            resolution: None,
            comment: None,
            fields: std::collections::BTreeMap::new(),
        }),
        project: spec("acme/repo-0"),
        ..connector_api::Patch::default()
    };
    github.apply(&made[0], &patch).await?;
    let log = github.read_log(&requests(&made)).await?.remove(0);
    assert!(!log.entries.iter().any(|e| matches!(e.kind, HistoryKind::Status { .. })));
    Ok(())
}
