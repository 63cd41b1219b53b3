//! Adding milestones, wording them, what they serve, what they expect, and when.

use std::collections::BTreeSet;

use poam::register::decide::{Command, NewMilestone};
use poam::register::{EvidenceKind, MilestoneNumber, MilestoneState, Status};

use super::desk::{Desk, M1, M2, add_item, add_milestone, close_out_of_boundary, day, person, set_state, v};

fn new(text: &str) -> NewMilestone {
    NewMilestone { text: text.to_owned(), serves: BTreeSet::from([v(1)]), ..NewMilestone::default() }
}

fn add(new: NewMilestone) -> Command {
    Command::AddMilestone(Box::new(new))
}

fn retext(text: &str, reason: Option<&str>) -> Command {
    Command::Retext { milestone: M1, text: text.to_owned(), reason: reason.map(str::to_owned) }
}

fn due(date: Option<&str>) -> Command {
    Command::SetDue { milestone: M1, due: date.map(day) }
}

fn serves(items: &[u32]) -> Command {
    Command::SetServes { milestone: M1, serves: items.iter().map(|n| v(*n)).collect() }
}

#[test]
fn everything_wrong_with_a_new_milestone_is_named_at_once() {
    let mut desk = Desk::open();
    desk.ok("Grace", add_item("Another"));
    desk.ok("Alan", close_out_of_boundary(2));
    let wrong = NewMilestone {
        text: "Improve logging".to_owned(),
        serves: BTreeSet::from([v(2), v(9)]),
        owner: Some("soc@example.org".to_owned()),
        depends_on: BTreeSet::from([MilestoneNumber(7)]),
        ..NewMilestone::default()
    };
    let because = desk.no("Otto", add(wrong));
    assert!(because[0].starts_with("\"Improve logging\" cannot be told done from not done"), "{because:?}");
    assert!(because[0].ends_with("; or GRC lets it pass with a reason"), "{because:?}");
    assert_eq!(
        because[1..],
        [
            "V-2 is closed",
            "there is no V-9",
            "\"soc@example.org\" is no person of the register: an owner is one [[person]], never a team or mailbox",
            "it depends on M-7, which there is not",
        ]
    );
    assert_eq!(desk.no("Otto", add(NewMilestone::default())), ["it has no text", "it serves no item"]);
}

#[test]
fn only_a_vague_verb_with_a_bare_noun_is_refused() {
    for (text, fine) in [
        ("Improve logging", false),
        ("harden servers", false),
        ("Fix it", false),
        ("Review", false),
        ("Upgrade OpenSSL to 3.5.4", true),
        ("Upgrade OpenSSL on all production hosts", true),
        ("Review: every admin account is justified", true),
        ("Rotate keys", true),
        ("Monitor \"failed logins\"", true),
    ] {
        assert_eq!(poam::register::policy::vague(text).is_none(), fine, "{text}");
    }
}

#[test]
fn grc_lets_vague_wording_pass_with_a_reason() {
    let wording =
        |reason: &str| add(NewMilestone { allow_wording: Some(reason.to_owned()), ..new("Improve logging") });
    let refused = "only grc or isso lets vague wording pass, and says why";
    assert_eq!(Desk::open().no("Otto", wording("it is what the assessor wrote")), [refused]);
    assert_eq!(Desk::open().no("Grace", wording("  ")), [refused]);
    let mut desk = Desk::open();
    desk.ok("Grace", wording("it is what the assessor wrote"));
    let last = desk.journal.last().expect("a row");
    assert!(last.body.contains("\"wording_allowed\":\"it is what the assessor wrote\""), "{}", last.body);
}

#[test]
fn a_milestone_expects_at_least_its_tickets_transition() {
    let mut desk = Desk::open();
    desk.ok("Otto", add(new("Rotate every key")));
    assert_eq!(desk.register.milestones[&M2].expects, BTreeSet::from([EvidenceKind::Transition]));
    let none = Command::SetExpects { milestone: M2, expects: BTreeSet::new() };
    assert_eq!(desk.no("Grace", none), ["it expects at least one kind of evidence"]);
    let scan = Command::SetExpects { milestone: M2, expects: BTreeSet::from([EvidenceKind::Rescan]) };
    assert_eq!(desk.kinds("Grace", scan.clone()), ["milestone.expects"]);
    assert_eq!(desk.kinds("Grace", scan), Vec::<String>::new());
}

#[test]
fn wording_is_the_plans_own_until_it_opens_and_beside_the_original_later() {
    let mut desk = Desk::draft();
    desk.ok("Otto", retext(" Every host runs OpenSSL 3.5.4 ", None));
    assert_eq!(desk.m1().original_text, "Every host runs OpenSSL 3.5.4");
    assert!(desk.no("Otto", retext("Fix hosts", None))[0].starts_with("\"Fix hosts\" cannot be told"));
    assert_eq!(desk.no("Otto", retext("", None)), ["it has no text"]);

    let mut desk = Desk::open();
    let original = desk.m1().original_text.clone();
    assert_eq!(
        desk.no("Otto", retext("Every host runs OpenSSL 3.5.5", None)),
        [
            "Otto has none of the roles grc, isso",
            "its text is frozen since what it serves opened: other wording needs a reason"
        ]
    );
    let fine = retext("Every host runs OpenSSL 3.5.5", Some("3.5.4 is withdrawn"));
    assert_eq!(desk.kinds("Grace", fine.clone()), ["milestone.text"]);
    assert_eq!(desk.kinds("Grace", fine), Vec::<String>::new());
    assert_eq!(
        (desk.m1().text.as_str(), &desk.m1().original_text),
        ("Every host runs OpenSSL 3.5.5", &original)
    );
    let mut desk = Desk::with(MilestoneState::Done);
    assert_eq!(desk.no("Grace", retext("Something else altogether", Some("x"))), ["it is done"]);
}

#[test]
fn a_due_date_is_set_in_a_draft_or_for_the_first_time_and_else_moved() {
    let mut desk = Desk::draft();
    desk.ok("Grace", add_item("Another"));
    assert_eq!(desk.kinds("Otto", due(Some("2026-11-20"))), ["milestone.due"]);
    assert_eq!(desk.kinds("Otto", due(Some("2026-11-20"))), Vec::<String>::new());
    assert_eq!(desk.kinds("Otto", due(Some("2026-11-22"))), ["milestone.due"]);
    assert_eq!(desk.kinds("Otto", due(None)), ["milestone.due"]);
    assert_eq!((desk.m1().due, desk.m1().original_due), (None, None));

    let mut desk = Desk::open();
    let frozen = "it is frozen since what it serves opened: move it, with a reason";
    assert_eq!(desk.no("Grace", due(Some("2026-11-22"))), [frozen]);
    assert_eq!(desk.no("Grace", due(None)), [frozen]);

    // A milestone of an open item that never had a date.
    let mut desk = undated();
    assert_eq!(desk.kinds("Otto", due(Some("2026-11-22"))), ["milestone.due"]);
    assert_eq!(desk.m1().original_due, Some(day("2026-11-22")));
    assert_eq!(desk.no("Otto", due(Some("2026-11-23"))), [frozen]);
    let mut desk = undated();
    desk.ok("Grace", set_state(MilestoneState::Dropped, Some("not needed")));
    assert_eq!(desk.no("Otto", due(Some("2026-11-22"))), ["it is dropped"]);
}

/// `V-1` is open by import, and its milestone has no date.
pub(crate) fn undated() -> Desk {
    let mut desk = Desk::empty();
    let mut row = super::import::row("V-1");
    row.milestones[0].due = None;
    desk.ok("Grace", Command::Import(Box::new(row)));
    desk
}

#[test]
fn what_an_approver_rejected_is_not_set_past_them() {
    let mut desk = undated();
    // Later than the deadline, so it waits for an approver, though it is a first date.
    assert_eq!(desk.moved(person("Ella"), Some("2026-12-24"), "1", None), ["move.proposed"]);
    assert_eq!(desk.no("Otto", due(Some("2026-12-24"))), ["move 1 of it waits: approve or reject that"]);
    desk.ok("Abe", super::desk::reject("that is past the deadline"));
    assert_eq!(desk.no("Otto", due(Some("2026-12-24"))), ["that date was rejected"]);
    desk.ok("Otto", due(Some("2026-11-30")));
}

#[test]
fn a_milestone_that_serves_what_is_open_stays_with_it() {
    let mut desk = Desk::open();
    desk.ok("Grace", add_item("Another"));
    desk.ok("Grace", add_item("A third"));
    assert_eq!(desk.kinds("Otto", serves(&[1, 2])), ["milestone.serves", "item.status"], "V-2 opens by it");
    assert_eq!(desk.kinds("Otto", serves(&[1, 2])), Vec::<String>::new());
    assert_eq!(
        desk.no("Otto", serves(&[3])),
        [
            "V-1 is past draft, and a milestone that serves it stays",
            "V-2 is past draft, and a milestone that serves it stays"
        ]
    );
    assert_eq!(
        desk.no("Otto", serves(&[])).first().map(String::as_str),
        Some("it would serve no item; drop it instead")
    );
    assert_eq!(desk.no("Otto", serves(&[1, 2, 9])), ["there is no V-9"]);
    desk.ok("Alan", close_out_of_boundary(3));
    assert_eq!(desk.no("Otto", serves(&[1, 2, 3])), ["V-3 is closed"]);
    // A draft may leave.
    let mut desk = Desk::draft();
    let mut bare = super::desk::facts("Another");
    bare.detector = String::new();
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(bare) });
    desk.ok("Otto", serves(&[2]));
    assert_eq!(desk.m1().serves, BTreeSet::from([v(2)]));
    let mut desk = Desk::with(MilestoneState::Dropped);
    desk.ok("Grace", add_item("Another"));
    assert_eq!(
        desk.no("Otto", serves(&[1, 2])),
        ["it is dropped: what it would serve needs a milestone of its own"]
    );
}

#[test]
fn an_owner_is_one_person() {
    let mut desk = Desk::open();
    let set = |owner: Option<&str>| Command::SetOwner { milestone: M1, owner: owner.map(str::to_owned) };
    assert_eq!(desk.kinds("Ella", set(Some("Sue"))), ["milestone.owner"]);
    assert_eq!(desk.kinds("Ella", set(Some("Sue"))), Vec::<String>::new());
    assert_eq!(
        desk.no("Ella", set(Some("platform team"))),
        [
            "\"platform team\" is no person of the register: an owner is one [[person]], never a team or mailbox"
        ]
    );
    assert_eq!(desk.kinds("Ella", set(None)), ["milestone.owner"]);
}

#[test]
fn an_owner_completes_a_plan() {
    let mut desk = Desk::empty();
    desk.ok("Grace", add_item("OpenSSL is out of date"));
    desk.ok("Grace", add(NewMilestone { due: Some(day("2026-11-20")), ..new("Rotate every key") }));
    assert_eq!(desk.item(1).status, Status::Draft);
    let set = Command::SetOwner { milestone: M1, owner: Some("Sue".to_owned()) };
    assert_eq!(desk.kinds("Otto", set), ["milestone.owner", "item.status"]);
}

#[test]
fn the_deadline_of_a_milestone_is_the_earliest_of_its_open_items() {
    let mut desk = Desk::open();
    let mut earlier = super::desk::facts("Known to be exploited");
    earlier.kev = true;
    earlier.kev_due = Some(day("2026-11-24"));
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(earlier) });
    desk.ok("Grace", serves(&[1, 2]));
    let date = |desk: &Desk| desk.register.deadline_of(desk.m1()).map(|d| d.date);
    assert_eq!(date(&desk), Some(day("2026-11-24")));
    desk.ok("Alan", close_out_of_boundary(2));
    assert_eq!(date(&desk), Some(day("2026-12-01")), "a closed item has no say any more");
}

#[test]
fn names_of_the_ticket_are_noted_once() {
    use poam::register::TicketName;
    let mut desk = Desk::open();
    let ticket = TicketName {
        tracker: "web".into(),
        id: "1001".into(),
        key: "WEB-7".into(),
        url: "https://jira.example/browse/WEB-7".into(),
    };
    let named = Command::Ticket { milestone: M1, ticket: Some(ticket) };
    assert_eq!(desk.kinds("Ella", named.clone()), ["milestone.ticket"]);
    assert_eq!(desk.kinds("Ella", named), Vec::<String>::new());
    let title = Command::TicketTitle { milestone: M1, title: Some("Patch it".into()) };
    assert_eq!(desk.kinds("Ella", title.clone()), ["milestone.ticket_title"]);
    assert_eq!(desk.kinds("Ella", title), Vec::<String>::new());
    for absent in
        [Command::Ticket { milestone: M2, ticket: None }, Command::TicketTitle { milestone: M2, title: None }]
    {
        assert_eq!(desk.no("Ella", absent), ["there is no M-2"]);
    }
}

#[test]
fn commands_are_decided_all_or_none() {
    let mut desk = Desk::open();
    let before = desk.register.clone();
    let grace = person("Grace");
    let roles = desk.roles(&grace);
    let both = [add_milestone(&[1], Some("2026-11-25")), add_milestone(&[9], None)];
    let refusal = desk.act_as(&grace, roles.clone(), &both).expect_err("the second is wrong");
    assert_eq!(refusal.because, ["there is no V-9"]);
    assert_eq!(before, desk.register);
    let both = [
        add_milestone(&[1], Some("2026-11-25")),
        Command::SetDue { milestone: M2, due: Some(day("2026-11-25")) },
    ];
    desk.act_as(&grace, roles, &both).expect("the second sees the first");
}

/// Found by the law over random acts.
#[test]
fn a_milestone_is_not_left_with_closed_items_alone() {
    let mut desk = Desk::empty();
    desk.ok("Grace", add_item("Another"));
    let mut bare = super::desk::facts("A draft");
    bare.detector = String::new();
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(bare) });
    desk.ok("Grace", add_milestone(&[1, 2], Some("2026-11-20")));
    desk.ok("Alan", close_out_of_boundary(1));
    assert_eq!(desk.no("Otto", serves(&[1])), ["it would serve closed items alone; drop it instead"]);
}

/// Found by the law over random acts.
#[test]
fn a_draft_opens_when_what_held_it_up_leaves() {
    let mut desk = Desk::empty();
    desk.ok("Grace", add_item("One"));
    desk.ok("Grace", add_item("Two"));
    desk.ok("Grace", add_milestone(&[1], None));
    desk.ok("Grace", add_milestone(&[1], Some("2026-11-20")));
    assert_eq!(desk.item(1).status, Status::Draft, "M-1 has no date");
    assert_eq!(desk.kinds("Otto", serves(&[2])), ["milestone.serves", "item.status"]);
    assert_eq!((desk.item(1).status, desk.item(2).status), (Status::Open, Status::Draft));
}
