//! Every case of base, ours and theirs, field by field; and the laws of the merge.

#![expect(clippy::expect_used, reason = "a fixture that cannot be made fails the test")]

use std::collections::BTreeSet;

use chrono::NaiveDate;
use connector_api::{Account, TicketState};
use proptest::prelude::*;

use super::{Merged, Sides, merge};
use crate::register::{Base, Pair};

const PREFIX: &str = "[ACME M-1]";
/// Three values, in every combination.
const THREE: [usize; 3] = [0, 1, 2];

fn title(n: usize) -> String {
    format!("{PREFIX} text {n}")
}

fn date(n: usize) -> Option<NaiveDate> {
    [None, NaiveDate::from_ymd_opt(2026, 4, 1), NaiveDate::from_ymd_opt(2026, 5, 1)][n]
}

fn account(n: usize) -> Option<Account> {
    let account = |id: &str| Some(Account { id: id.to_owned(), name: id.to_owned() });
    [account("ada"), account("grace"), account("dan")][n].clone()
}

#[expect(clippy::unnecessary_wraps, reason = "a base is optional")]
fn both<T: Clone>(value: &T) -> Option<Pair<T>> {
    Some(Pair { ours: value.clone(), theirs: value.clone() })
}

/// A ticket in which nothing is to be done, and its base.
fn settled() -> (Sides, Base) {
    let labels = BTreeSet::from(["poam".to_owned()]);
    let id = account(0).map(|account| account.id);
    let sides = Sides {
        our_title: title(0),
        prefix: PREFIX.to_owned(),
        their_title: title(0),
        their_title_prefixed: title(0),
        our_block: "block 0".to_owned(),
        their_block: Some("block 0".to_owned()),
        our_state: TicketState::InProgress,
        their_state: TicketState::InProgress,
        wants_evidence: false,
        our_due: date(1),
        their_due: date(1),
        due_readable: true,
        due_in_field: true,
        due_apart: false,
        our_assignee: account(0),
        their_assignee: account(0),
        managed_labels: labels.clone(),
        their_labels: labels.clone(),
    };
    let base = Base {
        title: both(&title(0)),
        block: both(&Some("block 0".to_owned())),
        state: both(&"in_progress".to_owned()),
        due: both(&date(1)),
        assignee: both(&id),
        labels: both(&labels),
    };
    (sides, base)
}

/// How three values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Same,
    OnlyOurs,
    OnlyTheirs,
    BothAlike,
    BothApart,
}

fn case(base: usize, ours: usize, theirs: usize) -> Case {
    match (ours == base, theirs == base) {
        (true, true) => Case::Same,
        (false, true) => Case::OnlyOurs,
        (true, false) => Case::OnlyTheirs,
        (false, false) if ours == theirs => Case::BothAlike,
        (false, false) => Case::BothApart,
    }
}

fn cases() -> impl Iterator<Item = (usize, usize, usize, Case)> {
    THREE.into_iter().flat_map(|base| {
        THREE.into_iter().flat_map(move |ours| {
            THREE.into_iter().map(move |theirs| (base, ours, theirs, case(base, ours, theirs)))
        })
    })
}

fn winners(merged: &Merged) -> Vec<(&'static str, &'static str)> {
    merged.conflicts.iter().map(|clash| (clash.field, clash.winner)).collect()
}

#[test]
fn title_ours_goes_out_theirs_stays_and_the_loser_is_kept() {
    for (b, o, t, case) in cases() {
        let (mut sides, mut base) = settled();
        sides.our_title = title(o);
        sides.their_title = title(t);
        sides.their_title_prefixed = title(t);
        base.title = both(&title(b));
        let merged = merge(&sides, &base);
        let (sent, conflicts, noted) = match case {
            Case::Same | Case::BothAlike => (None, vec![], false),
            Case::OnlyOurs => (Some(title(o)), vec![], false),
            Case::OnlyTheirs => (None, vec![], true),
            Case::BothApart => (Some(title(o)), vec![("title", "register")], false),
        };
        assert_eq!(
            (merged.title.clone(), winners(&merged), merged.title_noted),
            (sent, conflicts, noted),
            "{b}{o}{t}"
        );
        if merged.title.is_none() {
            assert_eq!(merged.base.title, Some(Pair { ours: title(o), theirs: title(t) }), "{b}{o}{t}");
        }
    }
}

#[test]
fn title_without_its_prefix_regains_it_and_keeps_its_text() {
    let (mut sides, base) = settled();
    sides.their_title = "Renamed".to_owned();
    sides.their_title_prefixed = format!("{PREFIX} Renamed");
    let merged = merge(&sides, &base);
    assert_eq!(merged.title.as_deref(), Some("[ACME M-1] Renamed"));
    assert!(merged.title_noted && merged.conflicts.is_empty());
}

#[test]
fn title_conflict_is_kept_once_however_often_the_write_fails() {
    let (mut sides, base) = settled();
    sides.our_title = title(1);
    sides.their_title = title(2);
    sides.their_title_prefixed = title(2);
    let first = merge(&sides, &base);
    assert_eq!(first.conflicts.len(), 1);
    let again = merge(&sides, &first.base);
    assert_eq!(again.title, Some(title(1)), "it is sent again");
    assert_eq!(again.conflicts, vec![], "and is no news");
}

#[test]
fn block_is_ours_and_is_put_right() {
    for (b, o, t, _) in cases() {
        let (mut sides, mut base) = settled();
        let block = |n: usize| format!("block {n}");
        sides.our_block = block(o);
        sides.their_block = Some(block(t));
        base.block = both(&Some(block(b)));
        let merged = merge(&sides, &base);
        assert_eq!(merged.block, (o != t).then(|| block(o)), "{b}{o}{t}");
        assert_eq!(winners(&merged), vec![]);
    }
    let (mut sides, base) = settled();
    sides.their_block = None;
    assert_eq!(merge(&sides, &base).block.as_deref(), Some("block 0"), "a removed block comes back");
}

#[test]
fn block_that_the_site_writes_in_its_own_way_is_not_written_again() {
    let (mut sides, mut base) = settled();
    sides.their_block = Some("*block* 0".to_owned());
    base.block = Some(Pair { ours: Some("block 0".to_owned()), theirs: Some("*block* 0".to_owned()) });
    assert_eq!(merge(&sides, &base).block, None);
    sides.their_block = Some("block, edited".to_owned());
    assert_eq!(merge(&sides, &base).block.as_deref(), Some("block 0"));
}

#[test]
fn due_ours_goes_out_unless_a_move_names_theirs() {
    for (b, o, t, _) in cases() {
        for apart in [false, true] {
            let (mut sides, mut base) = settled();
            sides.our_due = date(o);
            sides.their_due = date(t);
            sides.due_apart = apart;
            base.due = both(&date(b));
            let merged = merge(&sides, &base);
            assert_eq!(merged.due, (o != t && !apart).then(|| date(o)), "{b}{o}{t} {apart}");
            if merged.due.is_none() {
                assert_eq!(merged.base.due, Some(Pair { ours: date(o), theirs: date(t) }), "{b}{o}{t}");
            }
            assert_eq!(winners(&merged), vec![]);
        }
    }
}

#[test]
fn due_in_the_block_is_never_sent_by_itself() {
    for (b, o, t, _) in cases() {
        let (mut sides, mut base) = settled();
        (sides.our_due, sides.their_due, sides.due_in_field) = (date(o), date(t), false);
        base.due = both(&date(b));
        let merged = merge(&sides, &base);
        assert_eq!(merged.due, None);
        assert_eq!(merged.base.due, Some(Pair { ours: date(o), theirs: date(t) }));
        sides.due_readable = false;
        assert_eq!(merge(&sides, &base).base.due, base.due, "what cannot be read is no value");
    }
}

#[test]
fn assignee_theirs_wins_and_ours_goes_out_where_only_we_changed_it() {
    for (b, o, t, case) in cases() {
        let (mut sides, mut base) = settled();
        sides.our_assignee = account(o);
        sides.their_assignee = account(t);
        base.assignee = both(&account(b).map(|account| account.id));
        let merged = merge(&sides, &base);
        let (sent, taken, conflicts) = match case {
            Case::Same | Case::BothAlike => (None, false, vec![]),
            Case::OnlyOurs => (Some(account(o)), false, vec![]),
            Case::OnlyTheirs => (None, true, vec![]),
            Case::BothApart => (None, true, vec![("assignee", "tracker")]),
        };
        assert_eq!(
            (merged.assignee.clone(), merged.take_assignee, winners(&merged)),
            (sent, taken, conflicts),
            "{b}{o}{t}"
        );
    }
}

#[test]
fn assignee_that_is_taken_away_with_the_closing_comes_back_with_the_reopening() {
    let (mut sides, base) = settled();
    (sides.our_state, sides.their_state, sides.their_assignee) = (TicketState::Done, TicketState::Done, None);
    let closed = merge(&sides, &base);
    assert_eq!((closed.assignee.clone(), closed.take_assignee), (None, false), "the owner stays named");
    (sides.our_state, sides.their_state) = (TicketState::InProgress, TicketState::InProgress);
    assert_eq!(merge(&sides, &closed.base).assignee, Some(account(0)));
}

#[test]
fn assignee_of_nobody_is_taken_while_work_goes_on() {
    let (mut sides, base) = settled();
    sides.their_assignee = None;
    let merged = merge(&sides, &base);
    assert_eq!((merged.assignee, merged.take_assignee), (None, true));
}

/// Base, ours, theirs, and what is sent: `P` in progress, `D` done, `X` dropped.
const STATES: &str = "
    PPP-  PPDP  PPXP  PDP D  PDD-  PDX-  PXP X  PXD X  PXX-
    DPP-  DPD P DPXP  DDP-  DDD-  DDX-  DXP X  DXD X  DXX-
    XPP-  XPDP  XPX P XDP-  XDD-  XDX D XXP-  XXD-  XXX-";

#[test]
fn state_theirs_stands_and_what_was_decided_after_it_goes_out() {
    let letters: Vec<char> = STATES.chars().filter(|c| !c.is_whitespace()).collect();
    let state = |letter: char| match letter {
        'P' => TicketState::InProgress,
        'D' => TicketState::Done,
        _ => TicketState::Dropped,
    };
    let rows: Vec<&[char]> = letters.chunks(4).collect();
    assert_eq!(rows.len(), 27);
    for row in rows {
        let (mut sides, mut base) = settled();
        let [b, o, t, sent] = row else { panic!("{row:?}") };
        (sides.our_state, sides.their_state) = (state(*o), state(*t));
        base.state = both(&super::name(state(*b)));
        let merged = merge(&sides, &base);
        let sent = (*sent != '-').then(|| state(*sent));
        assert_eq!(merged.state, sent, "{b}{o}{t}");
        if sent.is_none() {
            let now = Pair { ours: super::name(state(*o)), theirs: super::name(state(*t)) };
            assert_eq!(merged.base.state, Some(now), "{b}{o}{t}");
        }
    }
}

#[test]
fn state_done_that_wants_newer_evidence_is_answered_and_not_undone() {
    let (mut sides, base) = settled();
    (sides.their_state, sides.wants_evidence) = (TicketState::Done, true);
    assert_eq!(merge(&sides, &base).state, None);
}

#[test]
fn states_of_open_work_are_not_told_apart() {
    let open = [TicketState::Open, TicketState::InProgress, TicketState::Blocked];
    for (ours, theirs) in open.iter().flat_map(|ours| open.iter().map(move |theirs| (*ours, *theirs))) {
        let (mut sides, base) = settled();
        (sides.our_state, sides.their_state) = (ours, theirs);
        assert_eq!(merge(&sides, &base).state, None, "{ours:?} {theirs:?}");
    }
}

#[test]
fn labels_of_ours_are_put_back_and_others_left_alone() {
    let (mut sides, base) = settled();
    sides.their_labels = BTreeSet::from(["team-a".to_owned()]);
    assert_eq!(merge(&sides, &base).labels, BTreeSet::from(["poam".to_owned()]));
    sides.their_labels.insert("poam".to_owned());
    assert!(merge(&sides, &base).is_settled());
}

fn any_state() -> impl Strategy<Value = TicketState> {
    prop_oneof![
        Just(TicketState::Open),
        Just(TicketState::InProgress),
        Just(TicketState::Blocked),
        Just(TicketState::Done),
        Just(TicketState::Dropped),
    ]
}

prop_compose! {
    /// Sides that differ in anything.
    fn any_sides()(
        titles in (0..3_usize, 0..4_usize),
        blocks in (0..3_usize, 0..4_usize),
        states in (any_state(), any_state()),
        dues in (0..3_usize, 0..3_usize),
        flags in any::<[bool; 5]>(),
        assignees in (0..4_usize, 0..4_usize),
    ) -> Sides {
        let bare = titles.1 == 3;
        let nobody = |n: usize| if n == 3 { None } else { account(n) };
        Sides {
            our_title: title(titles.0),
            their_title: if bare { "bare".to_owned() } else { title(titles.1) },
            their_title_prefixed: if bare { format!("{PREFIX} bare") } else { title(titles.1) },
            our_block: format!("block {}", blocks.0),
            their_block: (blocks.1 < 3).then(|| format!("block {}", blocks.1)),
            our_state: states.0,
            their_state: states.1,
            our_due: date(dues.0),
            their_due: date(dues.1),
            due_in_field: flags[0],
            due_readable: flags[0] || flags[1],
            due_apart: flags[2] && dues.0 != dues.1,
            wants_evidence: flags[3],
            our_assignee: nobody(assignees.0),
            their_assignee: nobody(assignees.1),
            their_labels: if flags[4] { BTreeSet::from(["poam".to_owned()]) } else { BTreeSet::new() },
            ..settled().0
        }
    }
}

/// Both sides as they are, taken for reconciled.
fn base_of(sides: &Sides) -> Base {
    let id = |account: &Option<Account>| account.as_ref().map(|account| account.id.clone());
    Base {
        title: Some(Pair { ours: sides.our_title.clone(), theirs: sides.their_title.clone() }),
        block: Some(Pair { ours: Some(sides.our_block.clone()), theirs: sides.their_block.clone() }),
        state: Some(Pair { ours: super::name(sides.our_state), theirs: super::name(sides.their_state) }),
        due: Some(Pair { ours: sides.our_due, theirs: sides.their_due }),
        assignee: Some(Pair { ours: id(&sides.our_assignee), theirs: id(&sides.their_assignee) }),
        labels: None,
    }
}

/// The ticket after the write, with the base that follows from it.
fn written(sides: &Sides, merged: &Merged) -> (Sides, Base) {
    let (mut after, mut base) = (sides.clone(), merged.base.clone());
    if let Some(sent) = &merged.title {
        after.their_title.clone_from(sent);
        after.their_title_prefixed.clone_from(sent);
        let ours = sides.our_title.clone();
        base.title = Some(Pair { ours, theirs: sent.clone() });
    }
    if let Some(sent) = &merged.block {
        after.their_block = Some(sent.clone());
        base.block = both(&Some(sent.clone()));
    }
    if let Some(sent) = merged.state {
        after.their_state = sent;
        base.state = Some(Pair { ours: super::name(sides.our_state), theirs: super::name(sent) });
    }
    if let Some(sent) = merged.due {
        after.their_due = sent;
        base.due = Some(Pair { ours: sides.our_due, theirs: sent });
    }
    if let Some(sent) = &merged.assignee {
        after.their_assignee.clone_from(sent);
        let id = sent.as_ref().map(|account| account.id.clone());
        base.assignee = both(&id);
    }
    after.their_labels.extend(merged.labels.iter().cloned());
    // What is taken from the ticket is ours by then.
    if merged.take_assignee {
        after.our_assignee.clone_from(&after.their_assignee);
    }
    (after, base)
}

proptest! {
    /// Equal in, no writes.
    #[test]
    fn equal_sides_need_no_write(sides in any_sides(), base in any_sides()) {
        let mut sides = sides;
        sides.their_title.clone_from(&sides.our_title);
        sides.their_title_prefixed.clone_from(&sides.our_title);
        sides.their_block = Some(sides.our_block.clone());
        sides.their_state = sides.our_state;
        sides.their_due = sides.our_due;
        sides.due_apart = false;
        sides.their_assignee.clone_from(&sides.our_assignee);
        sides.their_labels.clone_from(&sides.managed_labels);
        let merged = merge(&sides, &base_of(&base));
        prop_assert!(merged.is_settled(), "{merged:?}");
        prop_assert!(merged.conflicts.is_empty());
    }

    /// What was written needs no second write, whatever the base was: no loop.
    #[test]
    fn a_write_settles(sides in any_sides(), base in any_sides()) {
        let merged = merge(&sides, &base_of(&base));
        let (after, base) = written(&sides, &merged);
        let again = merge(&after, &base);
        prop_assert!(again.is_settled(), "{after:?}\n{base:?}\n{again:?}");
        prop_assert!(again.conflicts.is_empty());
        let third = merge(&after, &again.base);
        prop_assert_eq!(third.base, again.base, "the base is a fixpoint");
    }

    /// The same once more decides the same, and has no new loser to keep.
    #[test]
    fn merging_twice_is_merging_once(sides in any_sides(), base in any_sides()) {
        let once = merge(&sides, &base_of(&base));
        let mut twice = merge(&sides, &once.base);
        prop_assert!(twice.conflicts.is_empty(), "{twice:?}");
        twice.conflicts.clone_from(&once.conflicts);
        twice.take_assignee = once.take_assignee;
        prop_assert_eq!(twice, once);
    }

    /// What only we changed arrives there, what only they changed is not undone.
    #[test]
    fn a_one_sided_edit_survives(before in any_sides(), edit in any_sides(), ours in any::<bool>()) {
        let start = merge(&before, &base_of(&before));
        let (calm, base) = written(&before, &start);
        let mut sides = calm.clone();
        if ours {
            sides.our_title = edit.our_title;
            sides.our_assignee.clone_from(&edit.our_assignee);
            let (after, _) = written(&sides, &merge(&sides, &base));
            if sides.our_title != calm.our_title {
                prop_assert_eq!(&after.their_title, &sides.our_title);
            }
            let moved = sides.our_assignee != calm.our_assignee && calm.our_assignee == calm.their_assignee;
            if moved && sides.our_assignee.is_some() && !super::over(sides.our_state) {
                prop_assert_eq!(&after.their_assignee, &sides.our_assignee);
            }
        } else {
            sides.their_title = edit.their_title;
            sides.their_title_prefixed = edit.their_title_prefixed;
            sides.their_assignee = edit.their_assignee;
            let merged = merge(&sides, &base);
            let (after, _) = written(&sides, &merged);
            prop_assert_eq!(&after.their_title, &sides.their_title_prefixed);
            if sides.their_assignee != calm.their_assignee && !super::over(sides.our_state) {
                prop_assert_eq!(&after.their_assignee, &sides.their_assignee);
            }
            prop_assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
        }
    }
}

#[test]
fn dates_of_the_tables_are_dates() {
    date(1).expect("a date");
    date(2).expect("a date");
}
