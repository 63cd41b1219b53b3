//! Import keeps what it finds; a newer workbook proposes, or makes a conflict.

use std::collections::{BTreeMap, BTreeSet};

use poam::register::decide::{
    Command, ImportedChange, ImportedChangeKind, ImportedItem, ImportedMilestone, ItemEdit,
};
use poam::register::{Actor, Digest, Disposition, ImportedRow, ItemNumber, MilestoneState, Rating, Status};

use proptest::prelude::*;

use super::desk::{
    Desk, M1, M2, add_item, approve, close_out_of_boundary, day, explain, facts, set_state, v,
};

/// A row of a first workbook: high, detected on 1 November, one milestone due on the 20th.
pub(crate) fn row(number: &str) -> ImportedItem {
    let mut facts = facts("OpenSSL is out of date");
    facts.scheduled = Some(day("2026-12-01"));
    ImportedItem {
        number: ItemNumber::new(number).expect("a number"),
        facts,
        previous: None,
        closed: false,
        status_date: Some(day("2026-11-09")),
        milestones: vec![ImportedMilestone {
            number: 1,
            due: Some(day("2026-11-20")),
            text: "Upgrade hosts".to_owned(),
        }],
        changes: Vec::new(),
        row: ImportedRow {
            file: Digest::of(b"first"),
            sheet: "Open POA&M Items".to_owned(),
            row: 9,
            cells: BTreeMap::from([("POAM ID".to_owned(), number.to_owned())]),
        },
    }
}

/// The same row in a newer workbook, with something else in one cell.
pub(crate) fn newer(last: &ImportedItem) -> ImportedItem {
    let mut row = last.clone();
    row.previous = Some(last.facts.clone());
    row.row.file = Digest::of(last.row.file.as_str().as_bytes());
    let seen = row.row.cells.len().to_string();
    row.row.cells.insert(format!("Cell {seen}"), "changed".to_owned());
    row
}

fn change(number: u32, kind: ImportedChangeKind, date: Option<&str>, text: &str) -> ImportedChange {
    ImportedChange { number, kind, date: date.map(day), text: text.to_owned() }
}

fn import(desk: &mut Desk, row: &ImportedItem) -> Vec<String> {
    desk.kinds("Grace", Command::Import(Box::new(row.clone())))
}

fn none() -> Vec<String> {
    Vec::new()
}

/// Field, base, ours and theirs of each conflict.
fn conflicts(desk: &Desk) -> Vec<(&str, &str, &str, &str)> {
    desk.register
        .conflicts
        .values()
        .map(|c| (c.field.as_str(), c.base.as_str(), c.ours.as_str(), c.theirs.as_str()))
        .collect()
}

#[test]
fn a_first_import_takes_the_row_as_it_is() {
    let mut desk = Desk::empty();
    let mut first = row("POAM-2025-007");
    first.facts.title = String::new();
    first.facts.controls = vec!["the CM family".to_owned()];
    first.facts.owner = None;
    first.facts.contact = "Platform team".to_owned();
    assert_eq!(import(&mut desk, &first), ["item.added", "milestone.added"]);
    let item = &desk.register.items[&first.number];
    assert_eq!((item.status, item.facts.clone()), (Status::Open, first.facts.clone()));
    assert_eq!(item.deadline.as_ref().map(|d| d.rule.as_str()), Some("legacy-rev5/high-30"));
    assert_eq!(item.status_date, Some(day("2026-11-09")));
    let m1 = desk.m1();
    assert_eq!(
        (m1.text.as_str(), m1.state, m1.owner.clone()),
        ("Upgrade hosts", MilestoneState::Planned, None)
    );
    assert_eq!(m1.imported_as, Some((first.number.clone(), 1)));
    assert!(
        !poam::register::completeness::missing(&desk.register, item).is_empty(),
        "it is open, and lacks things"
    );
}

#[test]
fn a_second_import_of_the_same_row_changes_nothing() {
    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.changes = vec![
        change(1, ImportedChangeKind::Update, Some("2026-11-25"), "vendor late"),
        change(2, ImportedChangeKind::New, Some("2026-11-28"), "Rescan hosts"),
        change(2, ImportedChangeKind::Complete, Some("2026-11-08"), "clean"),
    ];
    import(&mut desk, &first);
    desk.later(60);
    assert_eq!(import(&mut desk, &first), none());
    let mut elsewhere = first.clone();
    elsewhere.previous = Some(first.facts.clone());
    elsewhere.row.file = Digest::of(b"the same rows in another file");
    elsewhere.row.row = 40;
    assert_eq!(import(&mut desk, &elsewhere), none(), "nor does the same row of a newer workbook");
}

#[test]
fn changes_of_the_first_workbook_are_history_as_it_was_decided() {
    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.changes = vec![
        change(1, ImportedChangeKind::Update, Some("2026-11-25"), "late"),
        change(1, ImportedChangeKind::Update, Some("2027-03-01"), "later"),
        change(1, ImportedChangeKind::Update, None, "still waiting"),
        change(2, ImportedChangeKind::New, Some("2026-11-28"), "Rescan hosts"),
        change(2, ImportedChangeKind::Complete, Some("2026-11-08"), "clean"),
    ];
    assert_eq!(
        import(&mut desk, &first),
        [
            "item.added",
            "milestone.added",
            "milestone.added",
            "move.proposed",
            "move.approved",
            "move.proposed",
            "move.approved",
            "milestone.state",
            "item.status",
        ]
    );
    assert_eq!((desk.m1().original_due, desk.m1().due), (Some(day("2026-11-20")), Some(day("2027-03-01"))));
    assert!(
        desk.m1()
            .moves
            .iter()
            .all(|m| m.decision.as_ref().is_some_and(|d| d.by == Actor::Rule("import/as-recorded".into())))
    );
    let m2 = &desk.register.milestones[&M2];
    assert_eq!(m2.state, MilestoneState::Done);
    // Midnight where the system is.
    assert_eq!(m2.done.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-08T05:00:00+00:00"));
    assert_eq!(desk.item(1).status, Status::InProgress, "no proof of it is held");
}

#[test]
fn a_change_to_a_milestone_that_was_never_planned_gives_one() {
    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.milestones.clear();
    first.changes = vec![
        change(3, ImportedChangeKind::Update, Some("2026-11-25"), "Upgrade of the last host"),
        change(4, ImportedChangeKind::Complete, Some("2026-11-08"), "Upgrade of the first host"),
    ];
    import(&mut desk, &first);
    let found: Vec<_> = desk
        .register
        .milestones
        .values()
        .map(|m| (m.imported_as.clone().map(|i| i.1), m.state, m.due))
        .collect();
    assert_eq!(
        found,
        [
            (Some(3), MilestoneState::Planned, Some(day("2026-11-25"))),
            (Some(4), MilestoneState::Done, Some(day("2026-11-08")))
        ]
    );
}

#[test]
fn a_closed_row_is_closed_with_everything_in_it() {
    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.closed = true;
    first.changes = vec![change(1, ImportedChangeKind::Complete, Some("2026-11-08"), "done")];
    assert_eq!(import(&mut desk, &first), ["item.added", "milestone.added"]);
    assert_eq!(
        (desk.item(1).status, desk.item(1).disposition.clone()),
        (Status::Closed, Some(Disposition::ImportedClosed))
    );
    assert_eq!(desk.m1().state, MilestoneState::Verified);
}

#[test]
fn our_numbers_go_on_above_the_imported_ones() {
    let mut desk = Desk::empty();
    import(&mut desk, &row("V-0041"));
    import(&mut desk, &row("V-7"));
    import(&mut desk, &row("2025-100"));
    desk.ok("Grace", add_item("Ours"));
    assert!(desk.register.items.contains_key(&v(42)));
}

#[test]
fn a_newer_workbook_gives_only_its_differences() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    // We plan, they write a comment and a rating that was missing before nowhere.
    desk.ok(
        "Otto",
        Command::EditItem {
            item: v(1),
            edit: Box::new(ItemEdit { plan: Some("Ours".into()), ..ItemEdit::default() }),
        },
    );
    let mut second = newer(&first);
    second.facts.comments = "seen again".to_owned();
    second.facts.components.push("web-3".to_owned());
    second.facts.adjusted = Some(Rating::Moderate);
    second.facts.risk_adjustment = poam::register::DeviationState::Yes;
    second.status_date = Some(day("2026-11-10"));
    assert_eq!(import(&mut desk, &second), ["item.facts", "item.deadline"]);
    let item = desk.item(1);
    assert_eq!((item.facts.plan.as_str(), item.facts.comments.as_str()), ("Ours", "seen again"));
    assert_eq!(item.facts.components, ["web-1", "web-2", "web-3"]);
    assert_eq!(item.deadline.as_ref().map(|d| d.rule.as_str()), Some("legacy-rev5/moderate-90"));
    assert_eq!(item.facts.scheduled, Some(day("2026-12-01")), "frozen");
    assert_eq!(item.status_date, Some(day("2026-11-10")));
    assert_eq!(item.imported.as_ref().map(|row| row.file.clone()), Some(second.row.file.clone()));
    assert_eq!(conflicts(&desk), []);
    assert_eq!(import(&mut desk, &second), none());
}

#[test]
fn what_both_sides_changed_is_a_conflict_and_ours_stays() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    let edit =
        ItemEdit { plan: Some("Ours".into()), components: Some(vec!["web-9".into()]), ..ItemEdit::default() };
    desk.ok("Otto", Command::EditItem { item: v(1), edit: Box::new(edit) });
    let mut second = newer(&first);
    second.facts.plan = "Theirs".to_owned();
    second.facts.components = vec!["web-1".to_owned(), "web-3".to_owned()];
    assert_eq!(import(&mut desk, &second), ["conflict.found", "conflict.found", "item.facts"]);
    assert_eq!(
        conflicts(&desk),
        [
            ("components", "web-1\nweb-2", "web-9", "web-1\nweb-3"),
            ("plan", "Upgrade the library", "Ours", "Theirs")
        ]
    );
    assert_eq!(desk.item(1).facts.plan, "Ours");
    // The next workbook that still says so says nothing new.
    let third = newer(&second);
    assert_eq!(import(&mut desk, &third), ["item.facts"]);
}

#[test]
fn a_frozen_value_that_the_file_changes_is_a_conflict() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.facts.detected = Some(day("2026-11-05"));
    second.facts.scheduled = None;
    second.facts.rating = Some(Rating::Low);
    assert_eq!(
        import(&mut desk, &second),
        ["conflict.found", "conflict.found", "conflict.found", "item.facts"]
    );
    assert_eq!(
        conflicts(&desk),
        [
            ("detected", "2026-11-01", "2026-11-01", "2026-11-05"),
            ("rating", "high", "high", "low"),
            ("scheduled", "2026-12-01", "2026-12-01", "")
        ]
    );
    let facts = &desk.item(1).facts;
    assert_eq!(
        (facts.detected, facts.scheduled, facts.rating),
        (first.facts.detected, first.facts.scheduled, first.facts.rating)
    );
    // One that was never said is filled.
    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.facts.detected = None;
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.facts.detected = Some(day("2026-11-05"));
    assert_eq!(import(&mut desk, &second), ["item.facts", "item.deadline"]);
}

#[test]
fn a_milestone_date_that_the_file_changes_is_a_move() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.milestones[0].due = Some(day("2026-11-29"));
    assert_eq!(import(&mut desk, &second), ["item.facts", "move.proposed"]);
    let moved = desk.m1().open_move().cloned().expect("an open move");
    assert_eq!(moved.to, Some(day("2026-11-29")));
    assert_eq!(
        moved.whence,
        format!("import {} Open POA&M Items row 9", second.row.file),
        "the file is its cause"
    );
    // It says so in the next one too: told once.
    desk.later(60);
    let third = newer(&second);
    assert_eq!(import(&mut desk, &third), ["item.facts"]);
    desk.ok("Abe", super::desk::reject("plan for the original"));
    let fourth = newer(&third);
    assert_eq!(import(&mut desk, &fourth), ["item.facts"], "rejected, and not proposed again");
    // An earlier date is approved by rule.
    let mut fifth = newer(&fourth);
    fifth.milestones[0].due = Some(day("2026-11-15"));
    assert_eq!(import(&mut desk, &fifth), ["item.facts", "move.proposed", "move.approved"]);
}

#[test]
fn the_original_date_in_a_newer_file_moves_nothing_back() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    desk.moved(super::desk::person("Ella"), Some("2026-11-25"), "1", Some("the vendor ships late"));
    let second = newer(&first);
    assert_eq!(import(&mut desk, &second), ["item.facts"]);
    assert_eq!(desk.m1().due, Some(day("2026-11-25")));
}

#[test]
fn an_update_in_a_newer_file_is_proposed_with_its_reason() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.changes = vec![change(1, ImportedChangeKind::Update, Some("2026-11-25"), "the vendor ships late")];
    assert_eq!(
        import(&mut desk, &second),
        ["item.facts", "move.proposed", "move.explained", "move.approved"]
    );
    // Past the deadline it waits for an approver, whatever the file says.
    let mut third = newer(&second);
    third.changes.push(change(1, ImportedChangeKind::Update, Some("2027-03-01"), "the vendor gave up"));
    assert_eq!(import(&mut desk, &third), ["item.facts", "move.proposed", "move.explained"]);
    assert_eq!(desk.no("Grace", approve()).len(), 2, "who imported it moved the date, and has no such role");
    assert_eq!(import(&mut desk, &newer(&third)), ["item.facts"], "told once");
    // One without three words of reason waits for them.
    let mut desk = Desk::empty();
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.changes = vec![change(1, ImportedChangeKind::Update, Some("2026-11-25"), "late")];
    assert_eq!(import(&mut desk, &second), ["item.facts", "move.proposed"]);
    assert_eq!(import(&mut desk, &newer(&second)), ["item.facts"], "told once");
    desk.ok("Ella", explain("the vendor ships late"));
    assert_eq!(desk.m1().due, Some(day("2026-11-25")));
}

#[test]
fn complete_is_taken_while_nothing_was_begun_here() {
    let complete = |first: &ImportedItem| {
        let mut second = newer(first);
        second.changes = vec![change(1, ImportedChangeKind::Complete, Some("2026-11-09"), "upgraded")];
        second
    };
    let first = row("V-1");
    let mut desk = Desk::empty();
    import(&mut desk, &first);
    assert_eq!(import(&mut desk, &complete(&first)), ["item.facts", "milestone.state", "item.status"]);
    assert_eq!(desk.m1().state, MilestoneState::Done);
    assert_eq!(import(&mut desk, &newer(&complete(&first))), ["item.facts"]);

    let mut desk = Desk::empty();
    import(&mut desk, &first);
    desk.ok("Ella", set_state(MilestoneState::InProgress, None));
    assert_eq!(import(&mut desk, &complete(&first)), ["item.facts", "conflict.found"]);
    assert_eq!(conflicts(&desk), [("milestone 1 state", "", "in_progress", "complete")]);
    assert_eq!(desk.m1().state, MilestoneState::InProgress);
    assert_eq!(import(&mut desk, &newer(&complete(&first))), ["item.facts"], "told once");

    let mut desk = Desk::empty();
    import(&mut desk, &first);
    desk.ok("Grace", set_state(MilestoneState::Dropped, Some("not needed")));
    assert_eq!(import(&mut desk, &complete(&first)), ["item.facts"], "what GRC dropped stays so");
}

#[test]
fn other_wording_of_a_milestone_is_a_conflict_once() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.milestones[0].text = "Upgrade all hosts".to_owned();
    second.milestones.push(ImportedMilestone { number: 2, due: None, text: "Rescan".to_owned() });
    assert_eq!(import(&mut desk, &second), ["item.facts", "conflict.found", "milestone.added"]);
    assert_eq!(
        conflicts(&desk),
        [("milestone 1 text", "Upgrade hosts", "Upgrade hosts", "Upgrade all hosts")]
    );
    assert_eq!(import(&mut desk, &newer(&second)), ["item.facts"]);
    // Worded so by us, it is no difference.
    let mut desk = Desk::empty();
    import(&mut desk, &first);
    desk.ok(
        "Grace",
        Command::Retext { milestone: M1, text: "Upgrade all hosts".into(), reason: Some("clearer".into()) },
    );
    assert_eq!(import(&mut desk, &second), ["item.facts", "milestone.added"]);
}

#[test]
fn moved_to_the_closed_sheet_closes_and_nothing_opens_again() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    desk.ok("Ella", set_state(MilestoneState::InProgress, None));
    let mut second = newer(&first);
    second.closed = true;
    second.row.sheet = "Closed POA&M Items".to_owned();
    second.status_date = Some(day("2026-11-08"));
    assert_eq!(import(&mut desk, &second), ["item.facts", "item.closed", "milestone.state"]);
    let item = desk.item(1);
    assert_eq!((item.status, item.status_date), (Status::Closed, Some(day("2026-11-08"))));
    assert_eq!(item.disposition, Some(Disposition::ImportedClosed));
    assert_eq!(desk.m1().state, MilestoneState::Verified);
    assert_eq!(import(&mut desk, &second), none());

    let mut third = newer(&second);
    third.closed = false;
    third.row.sheet = "Open POA&M Items".to_owned();
    third.milestones.push(ImportedMilestone { number: 2, due: None, text: "Once more".to_owned() });
    assert_eq!(import(&mut desk, &third), ["item.facts", "conflict.found"]);
    assert_eq!(conflicts(&desk), [("status", "closed", "closed", "open")]);
    assert_eq!(desk.item(1).status, Status::Closed);
    assert_eq!(import(&mut desk, &newer(&third)), ["item.facts"], "told once");
    assert_eq!(desk.register.milestones.len(), 1);
}

#[test]
fn a_milestone_that_serves_another_open_item_goes_on() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    desk.ok("Grace", add_item("Another"));
    desk.ok("Grace", Command::SetServes { milestone: M1, serves: BTreeSet::from([v(1), v(2)]) });
    let mut second = newer(&first);
    second.closed = true;
    assert_eq!(import(&mut desk, &second), ["item.facts", "item.closed"]);
    assert_eq!(desk.m1().state, MilestoneState::Planned);
}

#[test]
fn an_item_of_ours_takes_from_a_workbook_only_what_it_lacks() {
    let mut desk = Desk::open();
    let mut theirs = row("V-1");
    theirs.facts.title = "Their title".to_owned();
    theirs.facts.plan = String::new();
    theirs.facts.comments = "from the workbook".to_owned();
    assert_eq!(import(&mut desk, &theirs), ["conflict.found", "item.facts", "milestone.added"]);
    let facts = &desk.item(1).facts;
    assert_eq!(
        (facts.title.as_str(), facts.plan.as_str()),
        ("OpenSSL is out of date", "Upgrade the library")
    );
    assert_eq!(facts.comments, "from the workbook");
    assert_eq!(conflicts(&desk), [("title", "", "OpenSSL is out of date", "Their title")]);
}

#[test]
fn a_closed_item_of_ours_is_not_opened_by_an_import() {
    let mut desk = Desk::open();
    desk.ok("Alan", close_out_of_boundary(1));
    assert_eq!(import(&mut desk, &row("V-1")), ["item.facts", "conflict.found"]);
    assert_eq!(desk.item(1).status, Status::Closed);
}

/// A cell whose entries contradict each other: what was decided fits the register all the same.
#[test]
fn odd_entries_of_a_cell_are_taken_one_after_another() {
    let planned = |number: u32, due: &str, text: &str| ImportedMilestone {
        number,
        due: Some(day(due)),
        text: text.to_owned(),
    };
    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.changes = vec![
        change(1, ImportedChangeKind::Update, Some("2026-11-25"), "later"),
        change(1, ImportedChangeKind::New, Some("2026-12-24"), "again"),
    ];
    import(&mut desk, &first);
    assert_eq!(
        desk.moves(),
        [("approved", Some(day("2026-11-25"))), ("unexplained", Some(day("2026-12-24")))],
        "nobody has said why it is planned once more"
    );
    assert_eq!(import(&mut desk, &newer(&first)), ["item.facts"], "told once");

    let mut desk = Desk::empty();
    let mut first = row("V-1");
    first.milestones.push(planned(1, "2026-12-24", "Upgrade hosts again"));
    first.changes = vec![change(1, ImportedChangeKind::Update, Some("2026-12-30"), "later")];
    import(&mut desk, &first);
    assert_eq!(
        desk.moves(),
        [("superseded", Some(day("2026-12-24"))), ("approved", Some(day("2026-12-30")))]
    );
    assert_eq!(desk.m1().due, Some(day("2026-12-30")));
}

#[test]
fn a_newer_workbook_that_says_our_date_again_withdraws_its_move() {
    let mut desk = Desk::empty();
    let first = row("V-1");
    import(&mut desk, &first);
    let dated = |last: &ImportedItem, due: &str| {
        let mut next = newer(last);
        next.milestones[0].due = Some(day(due));
        next
    };
    let second = dated(&first, "2026-11-29");
    import(&mut desk, &second);
    let third = dated(&second, "2026-11-30");
    assert_eq!(import(&mut desk, &third), ["item.facts", "move.ended", "move.proposed"]);
    let fourth = dated(&third, "2026-11-20");
    assert_eq!(import(&mut desk, &fourth), ["item.facts", "move.ended"]);
    assert_eq!(
        desk.moves(),
        [("superseded", Some(day("2026-11-29"))), ("withdrawn", Some(day("2026-11-30")))]
    );
    let by = desk.m1().moves[1].decision.as_ref().map(|decision| decision.by.clone());
    assert_eq!(by, Some(Actor::Rule("import/date-again".into())));
    // Taken back, it may be said anew.
    let fifth = dated(&fourth, "2026-11-30");
    assert_eq!(import(&mut desk, &fifth), ["item.facts", "move.proposed"]);

    // A move that people made in the meantime is none of the workbook's.
    let mut desk = Desk::empty();
    import(&mut desk, &first);
    desk.moved(super::desk::person("Ella"), Some("2026-12-10"), "1", None);
    assert_eq!(import(&mut desk, &newer(&first)), ["item.facts"]);
    assert!(desk.m1().open_move().is_some());

    // An update that moves it keeps the planned date beside it.
    let mut desk = Desk::empty();
    import(&mut desk, &first);
    let mut second = newer(&first);
    second.changes = vec![change(1, ImportedChangeKind::Update, Some("2026-12-10"), "late")];
    import(&mut desk, &second);
    let third = newer(&second);
    assert_eq!(import(&mut desk, &third), ["item.facts"]);
    assert!(desk.m1().open_move().is_some(), "the file still says so");
    let mut fourth = newer(&third);
    fourth.changes.push(change(1, ImportedChangeKind::Update, Some("2026-11-20"), "in time after all"));
    assert_eq!(import(&mut desk, &fourth), ["item.facts", "move.ended"]);
    assert_eq!(import(&mut desk, &newer(&fourth)), ["item.facts"], "and it stays so");
}

fn any_date() -> impl Strategy<Value = Option<chrono::NaiveDate>> {
    prop_oneof![
        Just(None),
        (1u32..60).prop_map(|n| day("2026-11-01").checked_add_days(chrono::Days::new(n.into())))
    ]
}

fn any_kind() -> impl Strategy<Value = ImportedChangeKind> {
    prop_oneof![
        Just(ImportedChangeKind::New),
        Just(ImportedChangeKind::Update),
        Just(ImportedChangeKind::Complete)
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![Just(""), Just("late"), Just("the vendor ships late")].prop_map(str::to_owned)
}

prop_compose! {
    /// What the two cells of a row say, odd or not, and on which sheet it stands.
    fn any_row()(
        milestones in prop::collection::vec((1u32..4, any_date(), any_text()), 0..5),
        changes in prop::collection::vec((1u32..4, any_kind(), any_date(), any_text()), 0..6),
        closed in prop::bool::weighted(0.1),
    ) -> ImportedItem {
        let mut row = row("V-1");
        row.milestones = milestones
            .into_iter()
            .map(|(number, due, text)| ImportedMilestone { number, due, text })
            .collect();
        row.changes = changes
            .into_iter()
            .map(|(number, kind, date, text)| ImportedChange { number, kind, date, text })
            .collect();
        row.closed = closed;
        row
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever the cells of one workbook after another say, a row is taken, and people move dates between.
    #[test]
    fn no_cell_of_milestones_is_refused(
        rows in prop::collection::vec((any_row(), any_date()), 1..5),
    ) {
        let mut desk = Desk::empty();
        let mut last: Option<ImportedItem> = None;
        for (place, (said, moved)) in rows.into_iter().enumerate() {
            let next = match &last {
                None => said,
                Some(last) => {
                    let mut next = newer(last);
                    (next.milestones, next.changes) = (said.milestones, said.changes);
                    next.closed = said.closed;
                    next
                }
            };
            // Panics where it is refused, and checks every invariant.
            import(&mut desk, &next);
            prop_assert_eq!(import(&mut desk, &next), none());
            desk.later(10);
            if desk.register.milestones.contains_key(&M1) {
                let to = moved.map(|date| date.to_string());
                desk.moved(super::desk::person("Ella"), to.as_deref(), &place.to_string(), None);
            }
            last = Some(next);
        }
    }
}
