//! Every case of a moved date. `M-1` is due on 20 November 2026, its deadline is 1 December.

use chrono::Duration;
use poam::register::decide::{Command, ProposedMove};
use poam::register::{Actor, MilestoneState, NoticeKind, Roles};

use super::desk::{Desk, M1, M2, approve, day, explain, kind, person, reject, set_state};

const WHY: &str = "the vendor ships late";

fn ella() -> Actor {
    person("Ella")
}

fn due(desk: &Desk) -> Option<String> {
    desk.m1().due.map(|due| due.to_string())
}

fn rule(desk: &Desk) -> Option<String> {
    let decided = desk.m1().moves.last().and_then(|m| m.decision.clone())?;
    match decided.by {
        Actor::Rule(rule) => Some(rule),
        Actor::Person(_)
        | Actor::Account(..)
        | Actor::Unknown(_)
        | Actor::Token(_)
        | Actor::Local(_)
        | Actor::Poam => None,
    }
}

#[test]
fn a_later_date_waits_for_its_reason_and_the_rule_approves_it_within_limits() {
    let mut desk = Desk::open();
    assert_eq!(desk.moved(ella(), Some("2026-11-25"), "1", None), ["move.proposed"]);
    assert_eq!(desk.moves(), [("unexplained", Some(day("2026-11-25")))]);
    assert_eq!(due(&desk).as_deref(), Some("2026-11-20"), "the register keeps its date");
    assert_eq!(desk.no("Abe", approve()), ["nobody has said why yet"]);
    assert_eq!(
        desk.no("Ella", explain("vendor late")),
        ["a rationale has at least 3 words; this has fewer: \"vendor late\""]
    );
    assert_eq!(desk.kinds("Ella", explain(WHY)), ["move.explained", "move.approved"]);
    assert_eq!(
        (due(&desk).as_deref(), rule(&desk).as_deref()),
        (Some("2026-11-25"), Some("moves/within-limits"))
    );
    assert_eq!(desk.m1().original_due, Some(day("2026-11-20")), "the original stays");
}

#[test]
fn a_reason_given_with_the_edit_counts_as_said() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.moved(ella(), Some("2026-11-25"), "1", Some(WHY)),
        ["move.proposed", "move.explained", "move.approved"]
    );
    let mut desk = Desk::open();
    assert_eq!(
        desk.moved(ella(), Some("2026-11-25"), "1", Some("- - late")),
        ["move.proposed"],
        "no three words"
    );
}

#[test]
fn past_the_deadline_an_approver_decides() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.moved(ella(), Some("2026-12-02"), "1", Some(WHY)),
        ["move.proposed", "move.explained"],
        "12 days, yet one past the deadline"
    );
    assert_eq!(desk.kinds("Abe", approve()), ["move.approved"]);
    assert_eq!((due(&desk).as_deref(), rule(&desk)), (Some("2026-12-02"), None));
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-01"), "1", Some(WHY));
    assert_eq!(due(&desk).as_deref(), Some("2026-12-01"), "the deadline itself is within it");
}

#[test]
fn days_count_in_total_from_the_last_human_approval() {
    let mut desk = Desk::empty();
    let mut low = super::desk::facts("Low");
    low.rating = Some(poam::register::Rating::Low);
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(low) });
    desk.ok("Grace", super::desk::add_milestone(&[1], Some("2026-11-20")));
    let step = |desk: &mut Desk, to: &str, entry: &str| {
        desk.later(10);
        desk.moved(ella(), Some(to), entry, Some(WHY)).last().cloned()
    };
    let approved = Some("move.approved".to_owned());
    assert_eq!(step(&mut desk, "2026-12-05", "1"), approved, "15 days");
    assert_eq!(step(&mut desk, "2026-12-20", "2"), approved, "30 days in total");
    assert_eq!(
        step(&mut desk, "2026-12-21", "3").as_deref(),
        Some("move.explained"),
        "31 in total, though one more"
    );
    // Rules do not restart the count, people do.
    desk.ok("Abe", approve());
    assert_eq!(step(&mut desk, "2027-01-20", "4"), approved, "30 days from what Abe approved");
    assert_eq!(step(&mut desk, "2027-01-21", "5").as_deref(), Some("move.explained"));
    // An earlier date approved by rule restarts nothing either.
    assert_eq!(step(&mut desk, "2026-12-28", "6"), approved);
    assert_eq!(step(&mut desk, "2027-01-21", "7").as_deref(), Some("move.explained"));
}

#[test]
fn rules_approve_nothing_where_policy_says_so() {
    let mut desk = Desk::open();
    desk.policy.moves.approve_by_rule = false;
    assert_eq!(desk.moved(ella(), Some("2026-11-21"), "1", Some(WHY)), ["move.proposed", "move.explained"]);
    desk.ok("Abe", approve());
    let mut desk = Desk::open();
    desk.policy.moves.total_days = 4;
    assert_eq!(desk.moved(ella(), Some("2026-11-25"), "1", Some(WHY)), ["move.proposed", "move.explained"]);
}

#[test]
fn an_earlier_date_is_approved_by_rule_and_asks_nothing() {
    let mut desk = Desk::open();
    assert_eq!(desk.moved(ella(), Some("2026-11-15"), "1", None), ["move.proposed", "move.approved"]);
    assert_eq!(
        (due(&desk).as_deref(), rule(&desk).as_deref()),
        (Some("2026-11-15"), Some("moves/earlier-date"))
    );
    // Back to the original is later again, and none of the days.
    assert_eq!(desk.moved(ella(), Some("2026-11-20"), "2", None), ["move.proposed"]);
    desk.ok("Ella", explain("it was fine before"));
    assert_eq!(due(&desk).as_deref(), Some("2026-11-20"));
}

#[test]
fn a_further_edit_supersedes_and_a_return_withdraws() {
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-10"), "1", None);
    desk.later(1);
    assert_eq!(desk.moved(ella(), Some("2026-12-12"), "2", None), ["move.ended", "move.proposed"]);
    desk.later(1);
    assert_eq!(desk.moved(ella(), Some("2026-11-20"), "3", None), ["move.ended"]);
    assert_eq!(
        desk.moves(),
        [("superseded", Some(day("2026-12-10"))), ("withdrawn", Some(day("2026-12-12")))]
    );
    // Every edit of A -> B -> A -> B is there.
    desk.later(1);
    assert_eq!(desk.moved(ella(), Some("2026-12-10"), "4", None), ["move.proposed"]);
    assert_eq!(desk.moves().len(), 3);
    let old = Command::Explain { milestone: M1, number: Some(1), text: WHY.to_owned() };
    assert_eq!(desk.no("Ella", old), ["move 1 of M-1 is superseded already"]);
    let absent = Command::Approve { milestone: M1, number: Some(9) };
    assert_eq!(desk.no("Abe", absent), ["M-1 has no move 9"]);
}

#[test]
fn one_edit_is_one_move_however_often_it_is_told() {
    let mut desk = Desk::open();
    let told = ProposedMove {
        milestone: M1,
        to: Some(day("2026-12-10")),
        by: ella(),
        at: desk.now - Duration::minutes(3),
        whence: "ticket site 1001 1".to_owned(),
        rationale: Some(WHY.to_owned()),
        settles: false,
    };
    let tell = |desk: &mut Desk| {
        let command = Command::Propose(Box::new(told.clone()));
        let changes = desk.act_as(&ella(), Roles::new(), &[command]).expect("no refusal");
        changes.iter().map(kind).collect::<Vec<_>>()
    };
    assert_eq!(tell(&mut desk), ["move.proposed", "move.explained"]);
    assert_eq!(tell(&mut desk), Vec::<String>::new());
    desk.ok("Abe", reject("plan for the deadline"));
    assert_eq!(tell(&mut desk), Vec::<String>::new(), "decided, and not proposed again");
}

#[test]
fn the_same_date_once_more_may_bring_the_reason() {
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-11-25"), "1", None);
    desk.later(1);
    assert_eq!(
        desk.moved(ella(), Some("2026-11-25"), "comment-7", Some(WHY)),
        ["move.explained", "move.approved"]
    );
    assert_eq!(desk.moves().len(), 1);
}

#[test]
fn what_is_told_late_is_recorded_and_changes_nothing() {
    let mut desk = Desk::open();
    desk.later(10);
    desk.moved(ella(), Some("2026-12-10"), "2", None);
    let late = ProposedMove {
        milestone: M1,
        to: Some(day("2026-12-24")),
        by: ella(),
        at: desk.now - Duration::minutes(5),
        whence: "ticket site 1001 1".to_owned(),
        rationale: Some(WHY.to_owned()),
        settles: false,
    };
    let elsewhere =
        ProposedMove { whence: "command".to_owned(), to: Some(day("2026-12-11")), ..late.clone() };
    let changes =
        desk.act_as(&ella(), Roles::new(), &[Command::Propose(Box::new(late))]).expect("no refusal");
    assert_eq!(changes.iter().map(kind).collect::<Vec<_>>(), ["move.proposed"]);
    assert_eq!(
        desk.moves(),
        [("unexplained", Some(day("2026-12-10"))), ("superseded", Some(day("2026-12-24")))]
    );
    assert_eq!(desk.m1().open_move().map(|m| m.number), Some(1));
    // Times of another place are by another clock, and order nothing.
    let changes =
        desk.act_as(&ella(), Roles::new(), &[Command::Propose(Box::new(elsewhere))]).expect("no refusal");
    assert_eq!(
        changes.iter().map(kind).collect::<Vec<_>>(),
        ["move.ended", "move.proposed", "move.explained"]
    );
}

#[test]
fn a_cleared_date_is_explainable_never_approvable() {
    let mut desk = Desk::open();
    assert_eq!(desk.moved(ella(), None, "1", None), ["move.proposed"]);
    assert_eq!(desk.kinds("Ella", explain("nobody knows when")), ["move.explained"]);
    assert_eq!(desk.no("Abe", approve()), ["a cleared date can be explained, never approved"]);
    assert_eq!(due(&desk).as_deref(), Some("2026-11-20"));
    desk.ok("Abe", reject("a milestone has a date"));
}

#[test]
fn a_refused_value_is_recorded_and_refused_as_before() {
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-10"), "1", Some(WHY));
    assert_eq!(desk.no("Abe", reject(" ")), ["a rejection says why"]);
    desk.ok("Abe", reject("plan for the deadline"));
    assert_eq!(due(&desk).as_deref(), Some("2026-11-20"));
    desk.later(1);
    let again = desk.moved(ella(), Some("2026-12-10"), "2", Some(WHY));
    assert_eq!(again, ["move.proposed", "move.explained", "move.ended"]);
    assert_eq!(rule(&desk).as_deref(), Some("moves/refused-before"));
    assert_eq!(desk.m1().open_move(), None);
    // Once the date in force is later than it, it is simply an earlier date.
    desk.later(1);
    desk.moved(ella(), Some("2026-12-20"), "3", Some(WHY));
    desk.ok("Abe", approve());
    desk.later(1);
    assert_eq!(desk.moved(ella(), Some("2026-12-10"), "4", None), ["move.proposed", "move.approved"]);
    // A cleared date that was refused is refused again.
    desk.later(1);
    desk.moved(ella(), None, "5", None);
    desk.ok("Abe", reject("a milestone has a date"));
    desk.later(1);
    desk.moved(ella(), Some("2026-12-30"), "6", None);
    desk.later(1);
    assert_eq!(desk.moved(ella(), None, "7", None), ["move.ended", "move.proposed"]);
}

#[test]
fn an_approver_is_a_person_who_did_not_ask() {
    let approve_after = |mover: Actor, explainer: &str, approver: &str| {
        let mut desk = Desk::open();
        desk.moved(mover, Some("2026-12-10"), "1", None);
        desk.ok(explainer, explain(WHY));
        desk.act(approver, approve()).map(|_| ()).map_err(|refusal| refusal.because)
    };
    let account = |id: &str| Actor::Account("github".to_owned(), id.to_owned());
    let unknown = || Actor::Unknown("github".to_owned());
    let moved = |name: &str| Err(vec![format!("{name} moved the date, and an approver is another")]);
    assert_eq!(approve_after(ella(), "Ella", "Abe"), Ok(()));
    assert_eq!(approve_after(person("Ivan"), "Ella", "Ivan"), moved("Ivan"));
    assert_eq!(approve_after(person("Ada"), "Ella", "Ada"), moved("Ada"), "nor an admin");
    // The same human under the account they had before they were mapped.
    assert_eq!(approve_after(account("GH-Ivan"), "Ella", "Ivan"), moved("Ivan"));
    assert_eq!(approve_after(account("jira-ivan"), "Ella", "Ivan"), moved("Ivan"));
    assert_eq!(approve_after(account("stranger"), "Ella", "Ivan"), Ok(()));
    // Whoever explains for another did not ask.
    assert_eq!(approve_after(ella(), "Ivan", "Ivan"), Ok(()));
    // Where nobody knows who asked, whoever explained did.
    assert_eq!(
        approve_after(unknown(), "Ivan", "Ivan"),
        Err(vec!["it is unknown who moved the date, Ivan said why, and an approver is another".to_owned()])
    );
    assert_eq!(approve_after(unknown(), "Ella", "Ivan"), Ok(()));
    for actor in
        [Actor::Poam, Actor::Rule("x".into()), Actor::Token("ci".into()), account("stranger"), unknown()]
    {
        let mut desk = Desk::open();
        desk.moved(ella(), Some("2026-12-10"), "1", Some(WHY));
        let roles = Roles::from([poam::register::Role::Approver]);
        let refusal = desk.act_as(&actor, roles, &[approve()]).expect_err("no person");
        assert_eq!(refusal.because.len(), 1);
        assert!(refusal.because[0].ends_with("is no person, and an approver is one"), "{refusal}");
    }
}

#[test]
fn a_rule_may_reject_what_nobody_answered() {
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-10"), "1", None);
    let rule = Actor::Rule("moves/unanswered".to_owned());
    let roles = Roles::from([poam::register::Role::Approver]);
    desk.act_as(&rule, roles, &[reject("nobody said why in time")]).expect("a rule may");
    assert_eq!(desk.moves(), [("rejected", Some(day("2026-12-10")))]);
}

#[test]
fn done_and_dropped_ask_nothing() {
    for state in [MilestoneState::Done, MilestoneState::Dropped, MilestoneState::Verified] {
        let mut desk = Desk::with(state);
        assert_eq!(desk.moved(ella(), Some("2026-12-10"), "1", None), ["move.proposed"]);
        assert_eq!(desk.moves(), [("noted", Some(day("2026-12-10")))]);
        assert_eq!(due(&desk).as_deref(), Some("2026-11-20"));
    }
    // What was moved before it was done can still be decided.
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-10"), "1", Some(WHY));
    desk.ok("Ella", super::desk::proof(M1, "s"));
    desk.ok("Grace", set_state(MilestoneState::Done, None));
    desk.ok("Abe", approve());
    assert_eq!(due(&desk).as_deref(), Some("2026-12-10"));
}

#[test]
fn a_draft_has_no_frozen_date() {
    let mut desk = Desk::draft();
    assert_eq!(desk.moved(ella(), Some("2026-12-10"), "1", None), ["move.proposed", "milestone.due"]);
    assert_eq!(desk.moves(), [("noted", Some(day("2026-12-10")))]);
    assert_eq!((desk.m1().due, desk.m1().original_due), (Some(day("2026-12-10")), Some(day("2026-12-10"))));
    desk.later(1);
    desk.moved(ella(), None, "2", None);
    assert_eq!(desk.m1().due, None);
}

#[test]
fn a_date_from_the_ticket_completes_a_draft() {
    let mut desk = Desk::empty();
    desk.ok("Grace", super::desk::add_item("OpenSSL is out of date"));
    desk.ok("Grace", super::desk::add_milestone(&[1], None));
    assert_eq!(
        desk.moved(ella(), Some("2026-11-20"), "1", None),
        ["move.proposed", "milestone.due", "item.status"]
    );
}

#[test]
fn a_first_date_within_the_deadline_is_taken_by_rule() {
    let mut desk = super::milestones::undated();
    assert_eq!(desk.moved(ella(), Some("2026-11-28"), "1", None), ["move.proposed", "move.approved"]);
    assert_eq!(rule(&desk).as_deref(), Some("moves/first-date"));
    assert_eq!((desk.m1().due, desk.m1().original_due), (Some(day("2026-11-28")), Some(day("2026-11-28"))));
    desk.later(1);
    assert_eq!(desk.moved(ella(), Some("2026-11-29"), "2", None), ["move.proposed"], "frozen from then on");

    let mut desk = super::milestones::undated();
    assert_eq!(desk.moved(ella(), Some("2026-12-24"), "1", Some(WHY)), ["move.proposed", "move.explained"]);
    desk.ok("Abe", approve());
    assert_eq!((desk.m1().due, desk.m1().original_due), (Some(day("2026-12-24")), Some(day("2026-12-24"))));
    let mut desk = super::milestones::undated();
    desk.policy.moves.approve_by_rule = false;
    assert_eq!(desk.moved(ella(), Some("2026-11-28"), "1", None), ["move.proposed"]);
    assert_eq!(
        super::milestones::undated().moved(ella(), None, "1", None),
        Vec::<String>::new(),
        "it never had one"
    );
}

#[test]
fn a_question_marks_what_it_asks_about() {
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-10"), "1", None);
    let ask = |covers| Command::Say {
        milestone: M1,
        kind: NoticeKind::Question,
        answers: String::new(),
        covers,
        body: "Why did the date move?".to_owned(),
    };
    let changed = desk.m1().changed;
    desk.later(5);
    assert_eq!(desk.kinds("Asa", ask(vec![(M1, 1)])), ["notice.queued"]);
    assert_eq!(desk.m1().changed, changed, "to be asked is no progress");
    assert_eq!(desk.m1().moves.first().and_then(|m| m.asked), Some(1));
    assert_eq!(desk.no("Asa", ask(vec![(M1, 7)])), ["a change does not fit the state: no move 7 of M-1"]);
    let nowhere = Command::Say {
        milestone: M2,
        kind: NoticeKind::Answer,
        answers: String::new(),
        covers: Vec::new(),
        body: String::new(),
    };
    assert_eq!(desk.no("Asa", nowhere), ["there is no M-2"]);
}

#[test]
fn the_same_reason_by_the_same_person_is_said_once() {
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-10"), "1", None);
    assert_eq!(desk.kinds("Ella", explain(WHY)), ["move.explained"]);
    assert_eq!(desk.kinds("Ella", explain(WHY)), Vec::<String>::new());
    assert_eq!(
        desk.kinds("Ella", explain("the vendor ships in December")),
        ["move.explained"],
        "another is taken"
    );
    // Once more after it was approved by rule is no mistake either.
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-11-25"), "1", Some(WHY));
    let again = Command::Explain { milestone: M1, number: Some(1), text: WHY.to_owned() };
    assert_eq!(desk.kinds("Ella", again), Vec::<String>::new());
    assert_eq!(desk.no("Ella", explain(WHY)), ["no date move of M-1 waits for anything"]);
    assert_eq!(desk.no("Abe", Command::Approve { milestone: M2, number: None }), ["there is no M-2"]);
}

/// Silence takes a move back only where that is configured, and only past the time of grace.
#[test]
fn silence_takes_a_move_back_past_the_time_of_grace() {
    let back = |desk: &Desk| Command::SetBack { milestone: M1, number: 1, asked: desk.now };
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-12-15"), "1", None);
    let asked = back(&desk);
    desk.later(30 * 24 * 60);
    assert_eq!(desk.no("Ella", asked.clone()), ["`[moves] set_back` is not set"]);
    desk.policy.moves.set_back = true;
    let late = back(&desk);
    let because = desk.no("Ella", late.clone());
    assert!(because[0].starts_with("a reason is expected by "), "{because:?}");
    assert_eq!(desk.kinds("Ella", asked.clone()), ["move.ended"]);
    assert_eq!(desk.moves(), [("withdrawn", Some(day("2026-12-15")))]);
    assert_eq!(rule(&desk).as_deref(), Some("moves/unanswered"));
    assert_eq!(desk.kinds("Ella", asked), Vec::<String>::new(), "once");

    let mut desk = Desk::open();
    desk.policy.moves.set_back = true;
    desk.moved(ella(), Some("2026-12-15"), "1", Some(WHY));
    let asked = back(&desk);
    desk.later(30 * 24 * 60);
    assert_eq!(desk.kinds("Ella", asked), Vec::<String>::new(), "who answered waits for an approver");
    assert_eq!(desk.moves(), [("explained", Some(day("2026-12-15")))]);
}

/// An edit found in a ticket, made now.
fn edited(desk: &mut Desk, to: &str, entry: &str, why: Option<&str>) -> Vec<String> {
    let edit = ProposedMove {
        milestone: M1,
        to: Some(day(to)),
        by: ella(),
        at: desk.now,
        whence: format!("ticket site 1001 {entry}"),
        rationale: why.map(str::to_owned),
        settles: true,
    };
    let changes = desk.act_as(&ella(), Roles::new(), &[Command::Propose(Box::new(edit))]);
    changes.expect("no ticket's date is refused").iter().map(kind).collect()
}

fn settle(desk: &mut Desk) -> Vec<String> {
    let command = Command::SettleMove { milestone: M1 };
    let changes = desk.act_as(&Actor::Poam, Roles::new(), &[command]).expect("no refusal");
    changes.iter().map(kind).collect()
}

#[test]
fn a_date_that_is_past_is_approved_by_no_rule() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.moved(ella(), Some("2025-11-25"), "1", Some("the year is wrong")),
        ["move.proposed", "move.explained"]
    );
    assert_eq!(due(&desk).as_deref(), Some("2026-11-20"));
    desk.later(1);
    assert_eq!(desk.moved(ella(), Some("2026-11-09"), "2", None), ["move.ended", "move.proposed"]);
    desk.later(1);
    let today = desk.moved(ella(), Some("2026-11-10"), "3", None);
    assert_eq!(today, ["move.ended", "move.proposed", "move.approved"], "today can be met");
}

#[test]
fn the_reason_of_a_move_is_kept_whatever_rule_decides_it() {
    let why =
        |desk: &Desk| desk.m1().moves.last().and_then(|m| m.rationale.as_ref()).map(|why| why.text.clone());
    let mut desk = Desk::open();
    desk.moved(ella(), Some("2026-11-15"), "1", Some(WHY));
    assert_eq!((rule(&desk).as_deref(), why(&desk).as_deref()), (Some("moves/earlier-date"), Some(WHY)));
    desk.moved(ella(), Some("2026-12-10"), "2", Some(WHY));
    desk.ok("Abe", reject("too late"));
    desk.later(1);
    desk.moved(ella(), Some("2026-12-10"), "3", Some("we ask once more"));
    assert_eq!(rule(&desk).as_deref(), Some("moves/refused-before"));
    assert_eq!(why(&desk).as_deref(), Some("we ask once more"));
    let mut desk = Desk::with(MilestoneState::Done);
    desk.moved(ella(), Some("2026-12-10"), "1", Some(WHY));
    assert_eq!(desk.moves(), [("noted", Some(day("2026-12-10")))]);
    assert_eq!(why(&desk).as_deref(), Some(WHY), "of one that is over");
    let mut desk = Desk::draft();
    desk.moved(ella(), Some("2026-12-10"), "1", Some(WHY));
    assert_eq!(why(&desk).as_deref(), Some(WHY), "of a draft");
}

#[test]
fn a_rule_approves_an_edit_only_once_it_has_settled() {
    let mut desk = Desk::open();
    assert_eq!(edited(&mut desk, "2026-11-12", "1", None), ["move.proposed"]);
    desk.later(4);
    assert_eq!(settle(&mut desk), Vec::<String>::new());
    // A wrong year, typed and put right at once, leaves no trace in the plan.
    assert_eq!(edited(&mut desk, "2026-11-20", "2", None), ["move.ended"]);
    desk.later(60);
    assert_eq!(settle(&mut desk), Vec::<String>::new());
    assert_eq!(desk.moves(), [("withdrawn", Some(day("2026-11-12")))]);

    assert_eq!(edited(&mut desk, "2026-11-12", "3", None), ["move.proposed"]);
    desk.later(5);
    assert_eq!(settle(&mut desk), ["move.approved"]);
    assert_eq!(rule(&desk).as_deref(), Some("moves/earlier-date"));
    // So does one that came with its reason; said as a command it needs no time.
    assert_eq!(edited(&mut desk, "2026-11-25", "4", Some(WHY)), ["move.proposed", "move.explained"]);
    desk.later(5);
    assert_eq!(settle(&mut desk), ["move.approved"]);
    assert_eq!(edited(&mut desk, "2026-11-26", "5", None), ["move.proposed"]);
    assert_eq!(desk.kinds("Ella", explain(WHY)), ["move.explained", "move.approved"]);
    // One that was found when it was old has settled.
    let old = ProposedMove {
        milestone: M1,
        to: Some(day("2026-11-21")),
        by: ella(),
        at: desk.now - Duration::minutes(5),
        whence: "ticket site 2002 6".to_owned(),
        rationale: None,
        settles: true,
    };
    let changes = desk.act_as(&ella(), Roles::new(), &[Command::Propose(Box::new(old))]).expect("no refusal");
    assert_eq!(changes.iter().map(kind).collect::<Vec<_>>(), ["move.proposed", "move.approved"]);
}
