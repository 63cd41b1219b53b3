//! What a ticket should look like, and how one is read: tables, and that what is written reads back.

#![expect(clippy::expect_used, reason = "a fixture that cannot be made fails the test")]

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use connector_api::{Status, StatusCategory, TicketState};
use proptest::prelude::*;

use super::*;
use crate::register::{
    Actor, EvidenceKind, Impact, Milestone, MilestoneNumber, Move, MoveState, SystemProfile,
};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn at() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

fn register() -> Register {
    let mut register = Register::new(SystemId::new("ACME").expect("an id"));
    register.system.profile = Some(SystemProfile {
        name: "ACME Portal".to_owned(),
        impact: Impact::Moderate,
        timezone: chrono_tz::UTC,
        csp: None,
        cso: None,
        class: None,
        fedramp_id: None,
        ssp_href: None,
        certification_package_uri: None,
        submission_day: None,
        process_owner: None,
        rules: Vec::new(),
    });
    register
}

fn milestone(text: &str) -> Milestone {
    Milestone {
        number: MilestoneNumber(7),
        text: text.to_owned(),
        original_text: text.to_owned(),
        serves: BTreeSet::new(),
        owner: None,
        expects: BTreeSet::from([EvidenceKind::Transition]),
        depends_on: BTreeSet::new(),
        original_due: Some(day("2026-04-01")),
        due: Some(day("2026-04-01")),
        moves: Vec::new(),
        state: MilestoneState::Planned,
        state_since: at(),
        blocked: None,
        done: None,
        evidence: Vec::new(),
        ticket: None,
        ticket_title: None,
        closed_without_fix: None,
        evidence_after: None,
        corrections: Vec::new(),
        imported_as: None,
        changed: at(),
    }
}

#[test]
fn a_due_line_is_read_however_it_is_written() {
    let date = DueLine::Date(day("2026-12-15"));
    for (line, read) in [
        ("- **Due:** 2026-12-15", date.clone()),
        ("Due: 2026-12-15", date.clone()),
        ("**Due:** 2026-12-15.", date.clone()),
        ("* due:   2026-12-15  ", date.clone()),
        ("> - **Due: 2026-12-15**", date.clone()),
        ("+ `Due:` 2026-12-15", date.clone()),
        ("- **Due:** 2026-12-15 (moved by Ada)", date.clone()),
        ("- **Due:** 15 Dec 2026", date.clone()),
        ("- **Due:** 15. December 2026", date.clone()),
        ("- **Due:** Dec 15, 2026", date.clone()),
        ("- **Due:** December 15th 2026.", date),
        ("- **Due:** 12/15/2026", DueLine::Unreadable("12/15/2026".to_owned())),
        ("- **Due:** 15 Dec 26", DueLine::Unreadable("15 Dec 26".to_owned())),
        ("- **Due:** 31 Nov 2026", DueLine::Unreadable("31 Nov 2026".to_owned())),
        (
            "- **Due:** 2026-12-15 (was 2026-12-01)",
            DueLine::Unreadable("2026-12-15 (was 2026-12-01)".to_owned()),
        ),
        ("- **Due:** 2026-12-15?", DueLine::Unreadable("2026-12-15?".to_owned())),
        ("- **Due:** 0026-12-15", DueLine::Unreadable("0026-12-15".to_owned())),
        ("- **Due:** TBD", DueLine::Unreadable("TBD".to_owned())),
        ("- **Due:** none", DueLine::Cleared),
        ("- **Due:** None", DueLine::Cleared),
        ("- **Due:** -", DueLine::Cleared),
        ("- **Due:**", DueLine::Cleared),
        ("Due:", DueLine::Cleared),
        ("- **Due:** 15.12.2026", DueLine::Unreadable("15.12.2026".to_owned())),
        ("- **Due:** 2026-02-30", DueLine::Unreadable("2026-02-30".to_owned())),
        ("- **Due:** next week", DueLine::Unreadable("next week".to_owned())),
        ("- **Due:** 2026-12-15 or later", DueLine::Unreadable("2026-12-15 or later".to_owned())),
        ("- **Original due:** 2026-12-15", DueLine::Absent),
        ("- **Due date:** 2026-12-15", DueLine::Absent),
        ("It is due: 2026-12-15", DueLine::Absent),
        ("", DueLine::Absent),
    ] {
        assert_eq!(due_line(Some(line)), read, "{line:?}");
        let within = format!("**ACME M-7** is kept.\n\n{line}\n- **Action:** something");
        assert_eq!(due_line(Some(&within)), read, "{within:?}");
    }
    assert_eq!(due_line(None), DueLine::Absent);
}

#[test]
fn several_due_lines_are_one_where_they_say_the_same() {
    let twice = "- **Due:** 2026-12-15\n- **Due:** 2026-12-15";
    assert_eq!(due_line(Some(twice)), DueLine::Date(day("2026-12-15")));
    let apart = "Due: 2026-12-15\ntext\nDue: 2026-12-16\nDue: 2026-12-15";
    let DueLine::Several(lines) = due_line(Some(apart)) else { panic!("{:?}", due_line(Some(apart))) };
    assert_eq!(lines, ["2026-12-15", "2026-12-16", "2026-12-15"]);
}

#[test]
fn a_title_is_one_line_within_the_limit_counted_in_characters() {
    let prefix = prefix(&register().system.id, &milestone(""));
    assert_eq!(prefix, "[ACME M-7]");
    assert_eq!(title(&prefix, "a\tb\n c\u{7}"), "[ACME M-7] a b c");
    assert_eq!(title(&prefix, "  "), "[ACME M-7]");
    let room = TITLE_MAX - prefix.chars().count() - 1;
    for letter in ["x", "ß", "漢", "🔒"] {
        let fits = letter.repeat(room);
        assert_eq!(title(&prefix, &fits), format!("{prefix} {fits}"), "{letter}");
        let cut = title(&prefix, &letter.repeat(room + 1));
        assert_eq!(cut.chars().count(), TITLE_MAX, "{letter}");
        assert!(cut.ends_with('…'), "{cut}");
        assert_eq!(title(&prefix, title_text(&prefix, &cut)), cut, "what was cut stays as it is");
    }
}

#[test]
fn a_titles_text_is_what_stands_after_our_prefix() {
    for (whole, text) in [
        ("[ACME M-7] text", "text"),
        ("  [ACME M-7]   text ", "text"),
        ("[ACME M-7]", ""),
        ("text", "text"),
        ("Re: [ACME M-7] text", "Re: [ACME M-7] text"),
        ("[ACME M-8] text", "[ACME M-8] text"),
    ] {
        assert_eq!(title_text("[ACME M-7]", whole), text, "{whole:?}");
    }
}

fn status(name: &str, category: StatusCategory, resolution: Option<&str>) -> Status {
    Status { name: name.to_owned(), category, resolution: resolution.map(str::to_owned) }
}

#[test]
fn a_state_is_read_by_category_and_resolution() {
    use StatusCategory::{Done, InProgress, Todo};
    use TicketState as Reads;
    for (name, category, resolution, label, reads) in [
        ("To Do", Todo, None, "", Reads::Open),
        ("Backlog", Todo, None, "", Reads::Open),
        ("open", Todo, None, "", Reads::Open),
        ("open", Todo, Some("reopened"), "", Reads::Open),
        ("open", Todo, None, "In Progress", Reads::InProgress),
        ("open", Todo, None, "in-progress", Reads::InProgress),
        ("open", Todo, None, "BLOCKED", Reads::Blocked),
        ("In Review", InProgress, None, "", Reads::InProgress),
        ("On Hold", InProgress, None, "", Reads::Blocked),
        ("Impeded", Todo, None, "", Reads::Blocked),
        ("In Progress", InProgress, None, "blocked", Reads::Blocked),
        ("Done", Done, None, "", Reads::Done),
        ("Closed", Done, Some("Fixed"), "", Reads::Done),
        ("Resolved", Done, Some("Done"), "blocked", Reads::Done),
        ("closed", Done, Some("completed"), "", Reads::Done),
        ("closed", Done, Some("not_planned"), "", Reads::Dropped),
        ("closed", Done, Some("duplicate"), "", Reads::Dropped),
        ("Done", Done, Some("Won't Do"), "", Reads::Dropped),
        ("Done", Done, Some("Won\u{2019}t Fix"), "", Reads::Dropped),
        ("Done", Done, Some("CANNOT REPRODUCE"), "", Reads::Dropped),
        ("Done", Done, Some("Declined"), "", Reads::Dropped),
        ("To Do", Todo, Some("Won't Do"), "", Reads::Open),
    ] {
        let labels: BTreeSet<String> = [label.to_owned()].into_iter().filter(|l| !l.is_empty()).collect();
        let read = read_state(&[], &status(name, category, resolution), &labels);
        assert_eq!(read, reads, "{name} {category:?} {resolution:?} {label}");
    }
}

#[test]
fn a_trackers_own_table_comes_first_in_its_order() {
    let states = [
        (Name::Label("poam-done".to_owned()), TicketState::Done),
        (Name::Status("Rollout".to_owned()), TicketState::Blocked),
        (Name::Resolution("Obsolete".to_owned()), TicketState::Done),
        (Name::Status("Rollout done".to_owned()), TicketState::Done),
    ];
    let none = BTreeSet::new();
    let labelled = BTreeSet::from(["POAM-done".to_owned()]);
    let rollout = status("rollout", StatusCategory::InProgress, None);
    assert_eq!(read_state(&states, &rollout, &none), TicketState::Blocked);
    assert_eq!(read_state(&states, &rollout, &labelled), TicketState::Done);
    let obsolete = status("Done", StatusCategory::Done, Some("obsolete"));
    assert_eq!(read_state(&states, &obsolete, &none), TicketState::Done);
    assert_eq!(names_of(&states, TicketState::Done), ["label:poam-done", "Rollout done"]);
    assert_eq!(names_of(&states, TicketState::Open), Vec::<String>::new());
}

#[test]
fn every_state_of_a_milestone_reads_back_as_its_name() {
    for state in MilestoneState::ALL {
        let there = ticket_state(state);
        assert_eq!(
            there == TicketState::Done,
            matches!(state, MilestoneState::Done | MilestoneState::Verified)
        );
        assert_eq!(there == TicketState::Dropped, state == MilestoneState::Dropped);
        assert!(!state_name(there).is_empty());
    }
}

fn moved(state: MoveState) -> Move {
    Move {
        number: 1,
        from: Some(day("2026-04-01")),
        to: Some(day("2026-05-01")),
        by: Actor::Unknown("github".to_owned()),
        at: at(),
        whence: "ticket github 1 due".to_owned(),
        rationale: None,
        state,
        decision: None,
        asked: None,
    }
}

#[test]
fn a_block_shows_what_is_open_and_tells_nothing_of_the_weakness() {
    let register = register();
    let mut milestone = milestone("Disable TLS 1.0");
    milestone.moves.push(moved(MoveState::Unexplained));
    let shown = Shown { due: Some(day("2026-05-01")), in_field: false };
    let text = block(&register, &milestone, Disclosure::Minimal, shown);
    assert!(text.contains("- **Due:** 2026-05-01"), "{text}");
    assert!(text.contains("2026-04-01 to 2026-05-01 waits for a reason"), "{text}");
    milestone.moves[0].state = MoveState::Rejected;
    assert!(!block(&register, &milestone, Disclosure::Minimal, shown).contains("waits"));
}

/// What a workbook's cell holds at most fits into a ticket many times over, and nobody is called by it.
#[test]
fn a_block_of_the_longest_texts_fits_and_calls_nobody() {
    let long = |begin: &str| format!("{begin} {}", "x".repeat(32_700));
    let mut register = register();
    for item in register.items.values_mut() {
        item.facts.title = long("@everyone");
        item.facts.components = vec![long("@org/team"); 9];
    }
    let mut milestone = milestone(&long("[~ada]"));
    milestone.blocked = Some(long("\u{202e}@ops"));
    let shown = Shown { due: None, in_field: false };
    let text = block(&register, &milestone, Disclosure::Full, shown);
    assert!(text.chars().count() < 16_000, "{}", text.chars().count());
    assert!(text.contains("\u{2026} (cut)"), "{text}");
    for calls in ["@everyone", "@org", "@ops", "[~ada", "\u{202e}"] {
        assert!(!text.contains(calls), "{calls} in {text}");
    }
    milestone.text = "\u{2067}ask @ops".to_owned();
    assert!(our_title(&register, &milestone).ends_with("] ask @\u{200b}ops"));
}

/// Texts that try to be more than a text.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("x\n- **Due:** 2020-01-01".to_owned()),
        Just("Due: 2020-01-01".to_owned()),
        Just("x\r\nDue: none\r\n\r\n/poam approve".to_owned()),
        Just("**bold** <!-- poam:end --> > quote".to_owned()),
    ]
}

proptest! {
    /// Whatever people write, the block has one due line, and it is ours.
    #[test]
    fn a_block_reads_back_its_due_date(
        text in hostile(),
        blocked in proptest::option::of(hostile()),
        day in proptest::option::of(0..400_u64),
    ) {
        let first = "2026-01-01".parse::<NaiveDate>().expect("a date");
        let due = day.and_then(|days| first.checked_add_days(chrono::Days::new(days)));
        let mut milestone = milestone(&text);
        milestone.blocked = blocked;
        let text = block(&register(), &milestone, Disclosure::Full, Shown { due, in_field: false });
        let read = due_line(Some(&text));
        prop_assert_eq!(read, due.map_or(DueLine::Cleared, DueLine::Date), "{}", text);
    }

    /// A title never breaks the limit or the line, keeps its prefix, and is stable.
    #[test]
    fn a_title_is_stable(text in hostile()) {
        let whole = title("[ACME M-7]", &text);
        prop_assert!(whole.chars().count() <= TITLE_MAX);
        prop_assert!(whole.starts_with("[ACME M-7]"));
        prop_assert!(!whole.chars().any(char::is_control));
        prop_assert_eq!(title("[ACME M-7]", title_text("[ACME M-7]", &whole)), whole);
    }

    /// Reading a due line never panics, and reads what is no line of ours as absent.
    #[test]
    fn any_text_can_be_read(text in any::<String>()) {
        let read = due_line(Some(&text));
        prop_assert!(text.to_lowercase().contains("due") || read == DueLine::Absent);
    }
}
