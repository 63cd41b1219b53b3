//! `link`, `tracker`, `sync`: against fake sites, over real sockets.

use connector_api::TicketState;
use connector_api::fake::{Act, FakeSite as _};
use serde_json::{Value, json};

use super::at;
use super::sites::Sites;

/// Loopback ports differ from run to run.
fn plain(sites: &Sites, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("127.0.0.1:") {
        let digits = after.chars().take_while(char::is_ascii_digit).count();
        out.push_str(before);
        out.push_str("127.0.0.1:PORT");
        rest = &after[digits..];
    }
    out.push_str(rest);
    sites.place.steady(&out)
}

/// What a dry run must leave alone.
fn state(sites: &Sites) -> (Value, Value, usize, usize) {
    let place = &sites.place;
    let log = place.json(&["audit", "log"]);
    (log, place.json(&["link", "list"]), sites.github.tickets().len(), sites.jira.tickets().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_open_and_are_kept_in_step() {
    let sites = Sites::new().await;
    sites.plan();
    let place = &sites.place;
    let live = place.json(&["sync", "--dry-run"]);
    assert_eq!(live.as_array().map(Vec::len), Some(1), "V-1 has opened, so M-1 goes live: {live}");
    let opened = place.json(&["link", "open", "--filter", "milestone=M-1,ACME/M-2"]);
    assert_eq!(opened, json!({ "opening": ["ACME/M-2"], "waiting": [], "unrouted": [] }));
    let before = state(&sites);
    let plan = place.json(&["sync", "--dry-run"]);
    assert_eq!(at(&plan, "/0/milestone"), "ACME/M-2", "connections in the order of the configuration");
    assert!(
        at(&plan, "/1/plan").starts_with("make a ticket in SEC: \"[ACME M-1] Turn TLS 1.0 off"),
        "{plan}"
    );
    assert!(at(&plan, "/1/plan").ends_with("due 2199-03-01"), "{plan}");
    assert_eq!(state(&sites), before, "a dry run writes nothing anywhere");
    let only = place.json(&["sync", "--dry-run", "--tracker", "gh"]);
    assert_eq!(only.as_array().map(Vec::len), Some(1));

    let done = place.json(&["sync", "--tracker", "gh"]);
    assert_eq!(done.as_array().map(Vec::len), Some(1), "the tracker's connection alone");
    assert_eq!(done[0]["created"], json!(1));
    assert_eq!((sites.github.tickets().len(), sites.jira.tickets().len()), (1, 0));
    place.ok(&["sync"]);
    assert_eq!(sites.jira.tickets().len(), 1);
    let again = place.json(&["sync"]);
    assert_eq!((&again[0]["written"], &again[1]["written"]), (&json!(0), &json!(0)), "{again}");
    let links = place.json(&["link", "list"]);
    assert_eq!((at(&links, "/0/phase"), at(&links, "/0/key")), ("linked", "SEC-1"));
    assert_eq!(place.json(&["link", "list", "--tracker", "gh"]).as_array().map(Vec::len), Some(1));
    assert_eq!(place.json(&["link", "list", "--phase", "creating"]), json!([]));
    assert_eq!(place.json(&["link", "list", "--failing"]), json!([]));
    let nothing = place.ok(&["link", "open", "--filter", "owner=Ada Example"]);
    assert!(nothing.starts_with("Nothing is to be opened"), "{nothing}");
    insta::assert_snapshot!("link_list", plain(&sites, &place.ok(&["link", "list"])));
    insta::assert_snapshot!("tracker_list", plain(&sites, &place.ok(&["tracker", "list"])));
    insta::assert_snapshot!("link_show", plain(&sites, &place.ok(&["link", "show", "M-1"])));

    sites.ada_does(&sites.jira.tickets()[0].id, Act::SetDue("2199-08-01".parse().ok()));
    let before = state(&sites);
    let plan = place.json(&["sync", "--dry-run", "--tracker", "jr"]);
    assert!(plan.to_string().contains("what it tells is taken first"), "{plan}");
    assert_eq!(state(&sites), before, "a dry run writes nothing anywhere");
    place.ok(&["sync"]);
    let moves = place.json(&["move", "list"]);
    assert_eq!((at(&moves, "/0/to"), at(&moves, "/0/by")), ("2199-08-01", "person:Ada Example"));
    let shown = place.json(&["link", "show", "ACME/M-1"]);
    assert_eq!(at(&shown, "/apart/0/field"), "due");
    assert_eq!(at(&shown, "/apart/0/why"), "move 1 to that date is unexplained");
    assert_eq!(at(&shown, "/base/due/theirs"), "2199-08-01");
    let notices = place.ok(&["notice", "list"]);
    assert!(notices.contains("question") && notices.contains("no reason is recorded"), "{notices}");
    assert_eq!(place.json(&["audit", "verify", "--evidence"])["ok"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tickets_wait_for_a_second_word() {
    let sites = Sites::new().await;
    sites.plan();
    let place = &sites.place;
    for step in 0..26 {
        place.ok(&[
            "milestone",
            "add",
            "--text",
            &format!("Turn off cipher {step}"),
            "--serves",
            "V-1",
            "--due",
            "2199-03-01",
        ]);
    }
    place.ok(&["item", "add", "--title", "Of no component"]);
    place.ok(&["milestone", "add", "--text", "Show 3 scans", "--serves", "V-3"]);
    let about = place.json(&["link", "list", "--phase", "creating"]);
    assert_eq!(about.as_array().map(Vec::len), Some(25), "M-1 and 24 of those that came later, one by one");
    let opened = place.json(&["link", "open", "--filter", "item=V-1"]);
    assert_eq!(opened["waiting"].as_array().map(Vec::len), Some(2));
    assert_eq!(opened["opening"], json!([]));
    let ran = place.run(&["link", "open"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("Tickets will be made for 1: ACME/M-2."), "{}", ran.out);
    assert!(ran.out.contains("2 wait, since they are many at once; --yes opens them"), "{}", ran.out);
    assert!(ran.err.contains("No [[route]] gives a tracker to 1: ACME/M-29"), "{}", ran.err);
    let yes = place.json(&["link", "open", "--filter", "item=V-1", "--yes"]);
    assert_eq!(yes["opening"].as_array().map(Vec::len), Some(2));
    let unrouted = place.run(&["link", "open", "--filter", "milestone=M-29"]);
    assert_eq!(unrouted.code, Some(1), "nothing that was asked for could be done: {unrouted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_there_is_adopted() {
    let sites = Sites::new().await;
    sites.plan();
    let place = &sites.place;
    let key = sites.by_hand("Old ciphers on the portal");
    let id = sites.jira.tickets()[0].id.clone();
    // A date that the ticket shows is proposed; what was closed counts.
    sites.ada_does(&id, Act::SetDue("2999-05-31".parse().ok()));
    sites.ada_does(&id, Act::SetState(TicketState::Done));
    let absent = place.refused(1, &["link", "adopt", "M-1", "--ticket", "SEC-99"]);
    assert!(absent.contains("SEC has no ticket SEC-99"), "{absent}");
    let link = place.json(&["link", "adopt", "M-1", "--ticket", &key]);
    assert_eq!(
        (at(&link, "/phase"), at(&link, "/tracker"), at(&link, "/key")),
        ("linked", "jr", key.as_str())
    );
    let shown = place.json(&["milestone", "show", "M-1"]);
    assert_eq!(at(&shown, "/ticket/key"), key);
    let other = place.refused(1, &["link", "adopt", "M-2", "--ticket", &key]);
    assert!(other.contains("it is the ticket of ACME/M-1"), "{other}");
    let twice = place.refused(1, &["link", "adopt", "M-1", "--ticket", &key]);
    assert!(twice.contains("it is its ticket already"), "{twice}");
    let second = sites.by_hand("Another");
    let held = place.refused(1, &["link", "adopt", "M-1", "--ticket", &second]);
    assert!(held.contains(&format!("M-1 has the ticket {key}")), "{held}");
    let wrong = place.refused(2, &["link", "adopt", "M-1", "--ticket", &key, "--tracker", "x"]);
    assert!(wrong.contains("no [[tracker]]"), "{wrong}");

    place.ok(&["sync"]);
    let ticket = sites.jira.tickets().into_iter().find(|ticket| ticket.key == key).expect("the ticket");
    assert_eq!(ticket.title, "[ACME M-1] Old ciphers on the portal", "their words stay");
    assert_eq!(ticket.due.map(|due| due.to_string()), Some("2199-05-31".to_owned()), "their date stays");
    let moves = place.json(&["move", "list"]);
    assert_eq!(moves.as_array().map(Vec::len), Some(1), "{moves}");
    assert_eq!((at(&moves[0], "/to"), at(&moves[0], "/state")), ("2199-05-31", "unexplained"));
    assert_eq!(at(&place.json(&["milestone", "show", "M-1"]), "/state"), "done");
    assert_eq!(place.json(&["audit", "verify", "--evidence"])["ok"], json!(true));

    // One that was lost: another takes its place.
    sites.ada_does(&id, Act::Delete);
    place.ok(&["milestone", "reopen", "M-1", "--reason", "the ticket is gone"]);
    place.ok(&["sync"]);
    assert_eq!(at(&place.json(&["link", "show", "M-1"]), "/phase"), "missing");
    place.ok(&["link", "adopt", "M-1", "--ticket", &second]);
    place.ok(&["sync"]);
    assert_eq!(at(&place.json(&["link", "show", "M-1"]), "/phase"), "linked");
    assert_eq!(place.json(&["drift", "list", "--kind", "ticket-missing"]), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_github_is_adopted_by_route() {
    let sites = Sites::new().await;
    sites.plan();
    let ada = connector_api::Account { id: "ada".to_owned(), name: "ada".to_owned() };
    sites.github.open_by_hand(&ada, super::sites::REPO, "Logs", "Some words").expect("an issue");
    let place = &sites.place;
    let absent = place.refused(1, &["link", "adopt", "M-2", "--ticket", "#7"]);
    assert!(absent.contains("acme/portal has no ticket 7"), "{absent}");
    let link = place.json(&["link", "adopt", "M-2", "--ticket", "#1"]);
    assert_eq!((at(&link, "/tracker"), at(&link, "/key")), ("gh", "1"));
    place.ok(&["sync", "--tracker", "gh"]);
    assert!(sites.github.tickets()[0].title.starts_with("[ACME M-2] "));
    let named = place.refused(1, &["link", "adopt", "M-1", "--ticket", "acme/portal#1"]);
    assert!(named.contains("it is the ticket of ACME/M-2"), "{named}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_and_holds_nothing_else_up() {
    let sites = Sites::with("wrong-token").await;
    sites.plan();
    let place = &sites.place;
    place.ok(&["link", "open"]);
    let ran = place.run(&["sync"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("error: connection github: ") && ran.err.contains("credentials"), "{}", ran.err);
    assert!(!ran.err.contains("wrong-token"), "{}", ran.err);
    assert_eq!(sites.jira.tickets().len(), 1, "Jira's ticket is made all the same");
    let trackers = place.json(&["tracker", "list"]);
    assert_eq!(
        (&trackers[0]["id"], &trackers[0]["health"]["failures"]),
        (&json!("gh"), &json!(1)),
        "{trackers}"
    );
    assert_eq!(trackers[1]["health"]["failures"], json!(0));
    let why = place.refused(1, &["sync", "--dry-run"]);
    assert!(why.contains("connection github cannot be looked at") && why.contains("credentials"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_tracker_is_left_alone_until_it_may_go_on() {
    let sites = Sites::new().await;
    sites.plan();
    let place = &sites.place;
    place.ok(&["link", "open"]);
    let early = place.refused(1, &["tracker", "resume", "jr", "--reason", "all is well"]);
    assert!(early.contains("it is not halted"), "{early}");
    let unable = place.refused(1, &["tracker", "halt", "jr", "--reason", "x", "--as", "Ada Example"]);
    assert!(unable.contains("none of the roles grc, isso, admin"), "{unable}");
    let reasonless = place.refused(1, &["tracker", "halt", "jr", "--reason", " "]);
    assert!(reasonless.contains("needs a reason"), "{reasonless}");
    let halted = place.json(&[
        "tracker",
        "halt",
        "jr",
        "--reason",
        "the project is being moved",
        "--as",
        "Grace Example",
    ]);
    assert_eq!(at(&halted, "/halted"), "the project is being moved");
    let drifts = place.json(&["drift", "list", "--kind", "tracker-halted"]);
    assert_eq!(at(&drifts, "/0/subject"), "jr", "it is a stated reason at once");
    let twice = place.refused(1, &["tracker", "halt", "jr", "--reason", "x"]);
    assert!(twice.contains("halted already: the project is being moved"), "{twice}");
    let plan = place.json(&["sync", "--dry-run", "--tracker", "jr"]);
    assert_eq!(at(&plan, "/0/plan"), "nothing: it is halted (the project is being moved)");
    place.ok(&["sync"]);
    assert_eq!((sites.github.tickets().len(), sites.jira.tickets().len()), (1, 0));
    assert_eq!(place.ok(&["tracker", "resume", "jr", "--reason", "it was moved"]), "jr goes on.\n");
    assert_eq!(place.json(&["drift", "list", "--kind", "tracker-halted"]), json!([]));
    place.ok(&["sync"]);
    assert_eq!(sites.jira.tickets().len(), 1);
    let log = place.json(&["audit", "log", "--system", "_"]);
    let actors: Vec<&str> = log
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["subject"] == "tracker jr")
        .filter_map(|row| row["actor"].as_str())
        .collect();
    assert_eq!(actors, ["person:Grace Example", "local:tester"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_resolved_for_one_side() {
    let sites = Sites::new().await;
    sites.plan();
    let place = &sites.place;
    place.ok(&["link", "open"]);
    place.ok(&["sync"]);
    let id = sites.jira.tickets()[0].id.clone();
    sites.ada_does(&id, Act::Retitle("[ACME M-1] Theirs".to_owned()));
    place.ok(&["milestone", "text", "M-1", "Ours, shown by 1 scan", "--reason", "it said too little"]);
    place.ok(&["sync"]);
    let conflicts = place.json(&["conflict", "list"]);
    assert_eq!((at(&conflicts, "/0/field"), at(&conflicts, "/0/theirs")), ("title", "[ACME M-1] Theirs"));
    let table = place.ok(&["conflict", "list"]);
    assert!(table.contains("[ACME M-1] Theirs"), "{table}");
    let resolved = place.ok(&["conflict", "resolve", "1", "--keep", "register", "--reason", "as agreed"]);
    assert_eq!(resolved, "Conflict 1 is resolved: the register's value stands.\n");
    assert_eq!(place.json(&["conflict", "list"]), json!([]));
    let all = place.json(&["conflict", "list", "--all"]);
    assert_eq!(at(&all, "/0/resolved/by"), "tester (local)");
    let twice = place.refused(1, &["conflict", "resolve", "1", "--keep", "register", "--reason", "x"]);
    assert!(twice.contains("resolved already"), "{twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_milestone_added_to_a_live_item_gets_its_ticket_by_itself() {
    let sites = Sites::new().await;
    sites.plan();
    let place = &sites.place;
    let add = |serves: &str| {
        place.ok(&[
            "milestone",
            "add",
            "--text",
            "Show a scan without finding 104743",
            "--serves",
            serves,
            "--owner",
            "Ada Example",
            "--due",
            "2999-03-15",
        ]);
    };
    add("V-1");
    add("V-2");
    let links = place.json(&["link", "list"]);
    let opening: Vec<&str> =
        links.as_array().expect("links").iter().map(|link| at(link, "/milestone")).collect();
    assert_eq!(opening, ["M-1", "M-3"], "V-1 is live, V-2 is a draft: {links}");
    let drifts = place.json(&["drift", "list", "--all"]);
    let unlinked = |of: &str| {
        let all = drifts.as_array().expect("drifts").iter();
        all.filter(|drift| drift["kind"] == "unlinked" && drift["subject"] == of).count()
    };
    assert_eq!((unlinked("M-1"), unlinked("M-3")), (0, 0), "not even for a moment: {drifts}");
}
