//! Adding and editing items, under the freeze rule.

use poam::register::decide::{Command, ItemEdit};
use poam::register::{DeviationState, ItemFacts, ItemNumber, Rating, Status};

use super::desk::{Desk, add_item, add_milestone, day, facts, v};

fn add(facts: ItemFacts) -> Command {
    Command::AddItem { number: None, facts: Box::new(facts) }
}

fn edit(edit: ItemEdit) -> Command {
    Command::EditItem { item: v(1), edit: Box::new(edit) }
}

#[test]
fn everything_wrong_with_a_new_item_is_named_at_once() {
    let mut desk = Desk::empty();
    let mut wrong = facts("  ");
    wrong.owner = Some("platform-team@example.org".to_owned());
    wrong.controls =
        vec!["SI-2".to_owned(), "SI-99".to_owned(), "patching".to_owned(), "AC-2(10)".to_owned()];
    wrong.detected = Some(day("2026-11-11"));
    wrong.false_positive = DeviationState::Yes;
    assert_eq!(
        desk.no("Grace", add(wrong)),
        [
            "it has no title",
            "\"platform-team@example.org\" is no person of the register: an owner is one [[person]], never a team or mailbox",
            "there is no SI-99 in SP 800-53 Rev 5",
            "\"patching\" is no SP 800-53 control such as AC-2 or AC-2(3)",
            "AC-2(10) (Shared and Group Account Credential Change) was withdrawn from SP 800-53 Rev 5: name the control that took it in",
            "its detection date is in the future",
            "a deviation is approved after the item is there, never with it",
        ]
    );
}

#[test]
fn an_item_is_numbered_and_gets_its_deadline_by_its_rule() {
    let mut desk = Desk::empty();
    let given = ItemNumber::new("V-41").expect("a number");
    let mut critical = facts("Given");
    critical.rating = Some(Rating::Critical);
    critical.controls = vec!["si-2.6".to_owned()];
    desk.ok("Grace", Command::AddItem { number: Some(given.clone()), facts: Box::new(critical) });
    desk.ok("Grace", add_item("Next"));
    let numbers: Vec<&str> = desk.register.items.keys().map(ItemNumber::as_str).collect();
    assert_eq!(numbers, ["V-41", "V-42"]);
    let item = &desk.register.items[&given];
    assert_eq!(item.facts.controls, ["SI-2(6)"]);
    let deadline = item.deadline.as_ref().expect("a deadline");
    assert_eq!((deadline.date, deadline.rule.as_str()), (day("2026-12-01"), "legacy-rev5/critical-30"));
    assert_eq!(deadline.derivation, "30 days from detection on 2026-11-01 (critical)");
    let file = poam::register::Digest::of(super::desk::RULES.as_bytes());
    assert_eq!(deadline.file.as_ref(), Some(&file), "it names the file whose rule gave it");
    assert_eq!(item.facts.scheduled, Some(day("2026-12-01")), "scheduled completion is what the rule gives");
    let again = Command::AddItem { number: Some(given), facts: Box::new(facts("Again")) };
    assert_eq!(desk.no("Grace", again), ["there is a V-41 already"]);
}

#[test]
fn another_text_of_the_rule_file_alone_makes_no_other_deadline() {
    let mut desk = Desk::open();
    let before = desk.item(1).deadline.clone();
    desk.rules.file = Some(poam::register::Digest::of(b"the same rules, with a comment"));
    let wording = ItemEdit { comments: Some("looked at".into()), ..ItemEdit::default() };
    let edit = Command::EditItem { item: v(1), edit: Box::new(wording) };
    desk.ok("Grace", edit);
    assert_eq!(desk.item(1).deadline, before, "the date, the rule, and the text that gave them then");
}

#[test]
fn each_rating_has_its_days_and_a_kev_date_overrides_them() {
    for (rating, date) in [
        (Rating::Critical, "2026-12-01"),
        (Rating::High, "2026-12-01"),
        (Rating::Moderate, "2027-01-30"),
        (Rating::Low, "2027-04-30"),
    ] {
        let mut desk = Desk::empty();
        let mut rated = facts("X");
        rated.rating = Some(rating);
        desk.ok("Grace", add(rated.clone()));
        assert_eq!(desk.item(1).deadline.as_ref().map(|d| d.date), Some(day(date)), "{rating:?}");
        rated.kev = true;
        rated.kev_due = Some(day("2026-11-22"));
        desk.ok("Grace", add(rated));
        let kev = desk.item(2).deadline.clone().expect("a deadline");
        assert_eq!((kev.date, kev.rule.as_str()), (day("2026-11-22"), "legacy-rev5/kev-due"));
    }
    let mut desk = Desk::empty();
    let mut unrated = facts("X");
    unrated.rating = None;
    desk.ok("Grace", add(unrated));
    assert_eq!(desk.item(1).deadline, None);
}

#[test]
fn an_adjusted_rating_counts_only_when_the_adjustment_is_approved() {
    for (state, date) in [
        (DeviationState::No, "2026-12-01"),
        (DeviationState::Pending, "2026-12-01"),
        (DeviationState::Yes, "2027-01-30"),
    ] {
        let mut desk = Desk::empty();
        let mut row = super::import::row("V-1");
        row.facts = facts("X");
        row.facts.adjusted = Some(Rating::Moderate);
        row.facts.risk_adjustment = state;
        desk.ok("Grace", Command::Import(Box::new(row)));
        assert_eq!(desk.item(1).deadline.as_ref().map(|d| d.date), Some(day(date)), "{state:?}");
    }
}

#[test]
fn a_draft_opens_when_its_plan_is_complete() {
    let mut desk = Desk::empty();
    desk.ok("Grace", add_item("OpenSSL is out of date"));
    assert_eq!(desk.item(1).status, Status::Draft, "it has no milestone");
    assert_eq!(
        desk.kinds("Grace", add_milestone(&[1], None)),
        ["milestone.added"],
        "its milestone has no date"
    );
    let due = Command::SetDue { milestone: super::desk::M1, due: Some(day("2026-11-20")) };
    assert_eq!(desk.kinds("Otto", due), ["milestone.due", "item.status"]);
    assert_eq!(desk.item(1).status, Status::Open);
}

#[test]
fn in_a_draft_everything_may_change() {
    let mut desk = Desk::draft();
    desk.ok(
        "Otto",
        edit(ItemEdit {
            title: Some(" Another title ".to_owned()),
            description: Some("Another text".to_owned()),
            detected: Some(day("2026-11-03")),
            rating: Some(Rating::Moderate),
            ..ItemEdit::default()
        }),
    );
    let item = desk.item(1);
    assert_eq!(
        (item.facts.title.as_str(), item.facts.description.as_str()),
        ("Another title", "Another text")
    );
    assert_eq!(item.deadline.as_ref().map(|d| d.date), Some(day("2027-02-01")), "90 days from the 3rd");
    assert_eq!(item.facts.scheduled, Some(day("2027-02-01")), "derived, so it goes with its deadline");
    // A scheduled completion that the plan names stays.
    desk.ok("Otto", edit(ItemEdit { scheduled: Some(day("2026-12-24")), ..ItemEdit::default() }));
    desk.ok("Otto", edit(ItemEdit { rating: Some(Rating::Low), ..ItemEdit::default() }));
    assert_eq!(desk.item(1).facts.scheduled, Some(day("2026-12-24")));
    assert_eq!(
        desk.no("Otto", edit(ItemEdit { title: Some(" ".into()), ..ItemEdit::default() })),
        ["it would have no title"]
    );
}

#[test]
fn from_open_on_what_is_frozen_changes_by_no_edit() {
    let mut desk = Desk::open();
    let because = desk.no(
        "Grace",
        edit(ItemEdit {
            owner: Some("the team".to_owned()),
            controls: Some(vec!["AC-0".to_owned()]),
            title: Some("Another".to_owned()),
            description: Some("Another".to_owned()),
            detected: Some(day("2026-11-03")),
            rating: Some(Rating::Low),
            scheduled: Some(day("2027-01-01")),
            ..ItemEdit::default()
        }),
    );
    let frozen =
        |what: &str| format!("{what} is frozen since it opened: use `item correct` for a typing error");
    assert_eq!(
        because,
        [
            "\"the team\" is no person of the register: an owner is one [[person]], never a team or mailbox"
                .to_owned(),
            "\"AC-0\" is no SP 800-53 control such as AC-2 or AC-2(3)".to_owned(),
            frozen("its title"),
            frozen("its description"),
            frozen("its detection date"),
            frozen("its original rating"),
            frozen("its scheduled completion"),
        ]
    );
    // The rest is free, and what says nothing new gives no change.
    let free = ItemEdit {
        owner: Some("Sue".to_owned()),
        plan: Some("Replace it".to_owned()),
        comments: Some("x".to_owned()),
        rating: Some(Rating::High),
        ..ItemEdit::default()
    };
    assert_eq!(desk.kinds("Grace", edit(free.clone())), ["item.facts"]);
    assert_eq!(desk.kinds("Grace", edit(free)), Vec::<String>::new());
    assert_eq!(desk.item(1).facts.owner.as_deref(), Some("Sue"));
}

#[test]
fn what_an_open_item_never_said_may_be_filled_once() {
    let mut desk = Desk::empty();
    let mut row = super::import::row("V-1");
    row.facts.detected = None;
    row.facts.scheduled = None;
    row.facts.controls = vec!["the CM family".to_owned()];
    desk.ok("Grace", Command::Import(Box::new(row)));
    assert_eq!((desk.item(1).status, desk.item(1).deadline.clone()), (Status::Open, None));
    // An edit of something else neither checks what was imported nor fills a frozen date.
    desk.ok("Grace", edit(ItemEdit { comments: Some("seen".to_owned()), ..ItemEdit::default() }));
    assert_eq!(desk.item(1).facts.scheduled, None);
    assert_eq!(
        desk.kinds("Grace", edit(ItemEdit { detected: Some(day("2026-11-02")), ..ItemEdit::default() })),
        ["item.facts", "item.deadline"]
    );
    let item = desk.item(1);
    assert_eq!(item.facts.scheduled, Some(day("2026-12-02")));
    assert_eq!(item.deadline.as_ref().map(|d| d.date), Some(day("2026-12-02")));
    let again = edit(ItemEdit { detected: Some(day("2026-11-03")), ..ItemEdit::default() });
    assert_eq!(desk.no("Grace", again).len(), 1);
}

#[test]
fn what_is_not_there_or_closed_is_not_edited() {
    let mut desk = Desk::empty();
    assert_eq!(desk.no("Grace", edit(ItemEdit::default())), ["there is no V-1"]);
    let mut desk = Desk::open();
    desk.ok("Alan", super::desk::close_out_of_boundary(1));
    assert_eq!(
        desk.no("Grace", edit(ItemEdit { comments: Some("x".into()), ..ItemEdit::default() })),
        ["it is closed"]
    );
}

#[test]
fn our_numbering_goes_on_above_plain_numbers_only() {
    for (text, ordinal) in [
        ("V-12", Some(12)),
        ("V-0012", Some(12)),
        ("V-999999999", Some(999_999_999)),
        ("V-4294967295", None),
        ("V-+5", None),
        ("V--5", None),
        ("V-", None),
        ("V-1Example", None),
        ("v-7", None),
    ] {
        assert_eq!(ItemNumber::new(text).expect("a number").ordinal(), ordinal, "{text}");
    }
}
