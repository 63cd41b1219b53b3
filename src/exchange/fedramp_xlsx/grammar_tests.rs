use proptest::prelude::*;

use super::*;

fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

fn planned(number: u32, due: Option<NaiveDate>, text: &str) -> PlannedMilestone {
    PlannedMilestone { number, due, text: text.to_owned() }
}

fn changed(number: u32, kind: ChangeKind, date: Option<NaiveDate>, text: &str) -> MilestoneChange {
    MilestoneChange { number, kind, date, text: text.to_owned() }
}

#[test]
fn a_milestone_cell_reads_as_the_template_shows_it() {
    let cell = "(1) 2014/05/23: Choose the product\n\n(2) 2014-06-12: Install it \non every host";
    let read = read_milestones(cell);
    assert_eq!(
        read.milestones,
        [
            planned(1, day(2014, 5, 23), "Choose the product"),
            planned(2, day(2014, 6, 12), "Install it\non every host"),
        ]
    );
    assert_eq!(read.notes, [""; 0]);
    assert_eq!((read.plan.as_str(), read.unparsed_milestones.as_str()), ("", ""));
}

#[test]
fn a_change_cell_reads_as_the_template_shows_it() {
    let cell = "(2) Update 2014-06-18 : late, the vendor has no fix\n\n(3) New 2014-06-13 : a second pair of eyes\n\n(1) Complete 2014/06/20: done";
    let read = read_changes(cell);
    assert_eq!(
        read.changes,
        [
            changed(2, ChangeKind::Update, day(2014, 6, 18), "late, the vendor has no fix"),
            changed(3, ChangeKind::New, day(2014, 6, 13), "a second pair of eyes"),
            changed(1, ChangeKind::Complete, day(2014, 6, 20), "done"),
        ]
    );
    assert_eq!(read.notes, [""; 0]);
}

#[test]
fn one_milestone_is_read_in_each_spelling() {
    let wanted = [planned(3, day(2024, 5, 9), "Patch the host")];
    for cell in [
        "(3) 2024-05-09: Patch the host",
        "(03) 2024-05-09 : Patch the host",
        "( 3 )2024/5/9 - Patch the host",
        "  (3) 5/9/2024: Patch the host",
        "(3) 2024.05.09 Patch the host",
        "(3) 2024-05-09 – Patch the host\r\n",
        "3) 2024-05-09: Patch the host",
        "3. 2024-05-09: Patch the host",
        "Milestone 3: 2024-05-09: Patch the host",
        "milestone 3 - 2024-05-09 Patch the host",
        "Milestones:\n(3) 2024-05-09: Patch the host",
        "Planned Milestones: (3) 2024-05-09: Patch the host",
    ] {
        let read = read_milestones(cell);
        assert_eq!(read.milestones, wanted, "{cell:?}");
        assert_eq!(read.notes, [""; 0], "{cell:?}");
    }
}

#[test]
fn one_change_is_read_in_each_spelling() {
    let wanted = [changed(2, ChangeKind::Update, day(2024, 5, 9), "waits for the vendor")];
    for cell in [
        "(2) Update 2024-05-09 : waits for the vendor",
        "(2) update 2024/05/09: waits for the vendor",
        "(02) [Updated] 5/9/2024 - waits for the vendor",
        "2) UPDATE: 2024-05-09: waits for the vendor",
        "Milestone 2 Update 2024-05-09 waits for the vendor",
        "Milestone Changes:\n(2) Update 2024-05-09 : waits for the vendor",
    ] {
        assert_eq!(read_changes(cell).changes, wanted, "{cell:?}");
    }
}

#[test]
fn what_is_odd_is_said_and_nothing_of_it_is_lost() {
    // (cell, milestones, unparsed, part of the only note)
    let table: [(&str, Vec<PlannedMilestone>, &str, &str); 7] = [
        ("(1) 2026-02-30: Patch", vec![planned(1, None, "2026-02-30: Patch")], "", "2026-02-30 is not a day"),
        ("(1) Patch", vec![planned(1, None, "Patch")], "", "(1) has no date"),
        ("(1) TBD: Patch", vec![planned(1, None, "Patch")], "", ""),
        ("(1) xxxx-xx-xx: Patch", vec![planned(1, None, "Patch")], "", ""),
        ("to be planned in May", vec![], "to be planned in May", "not of the form of a planned milestone"),
        (
            "(1) 2026-01-02: a\n(1) 2026-01-03: b",
            vec![planned(1, day(2026, 1, 2), "a"), planned(1, day(2026, 1, 3), "b")],
            "",
            "(1) is used more than once",
        ),
        (
            "2026-01-02: a\nmore of a\n\n2026-01-03 - b",
            vec![planned(1, day(2026, 1, 2), "a\nmore of a"), planned(2, day(2026, 1, 3), "b")],
            "",
            "carry no numbers",
        ),
    ];
    for (cell, milestones, unparsed, note) in table {
        let read = read_milestones(cell);
        assert_eq!(read.milestones, milestones, "{cell:?}");
        assert_eq!(read.unparsed_milestones, unparsed, "{cell:?}");
        let notes = read.notes.join("; ");
        assert!(notes.contains(note) && (note.is_empty() == notes.is_empty()), "{cell:?}: {notes}");
    }
}

#[test]
fn a_change_without_its_kind_is_an_update_and_a_change_among_milestones_is_a_change() {
    let read = read_changes("(2) 2024-05-09: slipped");
    assert_eq!(read.changes, [changed(2, ChangeKind::Update, day(2024, 5, 9), "slipped")]);
    assert_eq!(read.notes.len(), 1);

    let read = read_changes("(2) New firewall is late");
    assert_eq!(read.changes, [changed(2, ChangeKind::Update, None, "New firewall is late")]);

    let read = read_milestones("(1) 2024-05-01: a\n\n(1) Update 2024-05-09 : b\n\n(2) 2024-06-01: c");
    assert_eq!(read.milestones, [planned(1, day(2024, 5, 1), "a"), planned(2, day(2024, 6, 1), "c")]);
    assert_eq!(read.changes, [changed(1, ChangeKind::Update, day(2024, 5, 9), "b")]);
    assert_eq!(read.notes.len(), 1, "{:?}", read.notes);
}

#[test]
fn a_plan_holds_its_prose_its_milestones_and_their_changes() {
    let cell = "Move to the new platform:\n1) build it\n2) move\n\nMilestones:\n(01) 2026-05-01: Built\n\n(02) 2026-06-01: Moved\n\nChanges:\n(02) Update 2026-07-01 : the vendor is late";
    let read = read_plan(cell);
    assert_eq!(read.plan, "Move to the new platform:\n1) build it\n2) move");
    assert_eq!(read.milestones, [planned(1, day(2026, 5, 1), "Built"), planned(2, day(2026, 6, 1), "Moved")]);
    assert_eq!(read.changes, [changed(2, ChangeKind::Update, day(2026, 7, 1), "the vendor is late")]);
    assert_eq!(read.notes, [""; 0]);
    assert_eq!(write_plan(&read.plan, &read.milestones, &read.changes), cell);
}

#[test]
fn prose_alone_stays_prose() {
    for plan in [
        "Patch in the May cycle.",
        "Changes: we will rotate the keys",
        "(1) ask the vendor\n(2) patch",
        "Milestones are agreed with the vendor",
        "Detected on 2026-01-01: patched in May",
        "",
    ] {
        let read = read_plan(plan);
        assert_eq!(read.plan, plan);
        assert_eq!((read.milestones.len(), read.changes.len(), read.notes.len()), (0, 0, 0), "{plan:?}");
    }
}

#[test]
fn entries_of_the_full_form_need_no_heading_but_are_noted() {
    let read = read_plan("Patch.\n(1) 2026-05-01: staging\n(2) 2026-05-08: production");
    assert_eq!(read.plan, "Patch.");
    assert_eq!(read.milestones.len(), 2);
    assert_eq!(read.notes.len(), 1);
}

#[test]
fn text_that_looks_like_an_entry_survives_being_written() {
    let text = "As agreed:\n(9) 2026-01-01: not a milestone\nMilestones:";
    let written = write_milestones(&[planned(1, day(2026, 5, 1), text)]);
    let read = read_milestones(&written);
    assert_eq!(
        read.milestones,
        [planned(1, day(2026, 5, 1), "As agreed:\n- (9) 2026-01-01: not a milestone\n- Milestones:")]
    );
    assert_eq!(read_milestones(&write_milestones(&read.milestones)), read);

    let read = read_plan(&write_plan("Changes:\n(1) 2026-01-01: x", &[], &[]));
    assert_eq!(read.plan, "- Changes:\n- (1) 2026-01-01: x");
}

/// Words that the grammar lives on, so that random text hits its corners.
fn soup() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("(1) ".to_owned()),
        Just("(02)".to_owned()),
        Just("3) ".to_owned()),
        Just("Milestone 4: ".to_owned()),
        Just("2026-05-01".to_owned()),
        Just("2026/2/30".to_owned()),
        Just("5/9/2026 ".to_owned()),
        Just("TBD".to_owned()),
        Just("New ".to_owned()),
        Just("[Update] ".to_owned()),
        Just(" Complete".to_owned()),
        Just(": ".to_owned()),
        Just(" - ".to_owned()),
        Just("Milestones:".to_owned()),
        Just("Changes:\n".to_owned()),
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\r\n".to_owned()),
        Just(" ".to_owned()),
        Just("patch é".to_owned()),
        "[ -~]{0,6}",
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

/// A text in the shape that the writer leaves it in.
fn settled(section: Section, placed: Placed) -> impl Strategy<Value = String> {
    soup().prop_map(move |text| settle(&text, section, placed))
}

fn some_day() -> impl Strategy<Value = Option<NaiveDate>> {
    prop_oneof![
        Just(None),
        (1990_i32..2200, 1_u32..366).prop_map(|(year, day)| NaiveDate::from_yo_opt(year, day)),
    ]
}

fn milestones() -> impl Strategy<Value = Vec<PlannedMilestone>> {
    let one = (0_u32..2000, some_day(), settled(Section::Milestones, Placed::AfterItsDate))
        .prop_map(|(number, due, text)| PlannedMilestone { number, due, text });
    prop::collection::vec(one, 0..4)
}

fn changes() -> impl Strategy<Value = Vec<MilestoneChange>> {
    let kind = prop_oneof![Just(ChangeKind::New), Just(ChangeKind::Update), Just(ChangeKind::Complete)];
    let one = (0_u32..2000, kind, some_day(), settled(Section::Changes, Placed::AfterItsDate))
        .prop_map(|(number, kind, date, text)| MilestoneChange { number, kind, date, text });
    prop::collection::vec(one, 0..4)
}

fn quiet(mut sections: Sections) -> Sections {
    sections.notes.clear();
    sections
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn written_milestones_read_back_the_same(milestones in milestones()) {
        let read = read_milestones(&write_milestones(&milestones));
        prop_assert_eq!(&read.milestones, &milestones);
        prop_assert_eq!(read.changes, []);
        prop_assert_eq!(read.unparsed_milestones, "");
    }

    #[test]
    fn written_changes_read_back_the_same(changes in changes()) {
        let read = read_changes(&write_changes(&changes));
        prop_assert_eq!(&read.changes, &changes);
        prop_assert_eq!(read.milestones, []);
        prop_assert_eq!(read.unparsed_changes, "");
    }

    #[test]
    fn a_written_plan_reads_back_the_same(
        plan in settled(Section::Plan, Placed::OnItsOwnLine),
        milestones in milestones(),
        changes in changes(),
    ) {
        let read = read_plan(&write_plan(&plan, &milestones, &changes));
        prop_assert_eq!(read.plan, plan);
        prop_assert_eq!(read.milestones, milestones);
        prop_assert_eq!(read.changes, changes);
    }

    /// Whatever stands in a cell, what was understood of it survives being written and read again.
    #[test]
    fn reading_is_stable(cell in soup()) {
        let read = quiet(read_plan(&cell));
        prop_assert_eq!(&quiet(read_plan(&write_sections(&read))), &read);

        let read = read_milestones(&cell);
        let again = read_milestones(&write_cell(&read.unparsed_milestones, &write_milestones(&read.milestones)));
        prop_assert_eq!(again.milestones, read.milestones);
        prop_assert_eq!(again.unparsed_milestones, read.unparsed_milestones);
    }

    /// Letters and digits of a cell are found again in what it was read as.
    #[test]
    fn no_word_is_lost(cell in "[a-z(): \n\\-]{0,60}") {
        let read = read_plan(&cell);
        let mut kept = read.plan.clone();
        for text in [&read.unparsed_milestones, &read.unparsed_changes] {
            kept.push_str(text);
        }
        for text in read.milestones.iter().map(|m| &m.text).chain(read.changes.iter().map(|c| &c.text)) {
            kept.push_str(text);
        }
        let words = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        prop_assert_eq!(words(&kept), words(&cell));
    }

    #[test]
    fn settling_settles(text in soup()) {
        for section in [Section::Plan, Section::Milestones, Section::Changes] {
            for placed in [Placed::OnItsOwnLine, Placed::AfterItsDate] {
                let once = settle(&text, section, placed);
                prop_assert_eq!(&settle(&once, section, placed), &once);
            }
        }
    }
}
