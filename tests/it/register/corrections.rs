//! Corrections: a typing error in a frozen value.

use poam::register::decide::Command;
use poam::register::{Actor, Role, Roles};

use super::desk::{Desk, M1, close_out_of_boundary, day, explain, person, v};

fn item(field: &str, to: &str, approved_by: &str, reason: &str) -> Command {
    Command::CorrectItem {
        item: v(1),
        field: field.to_owned(),
        to: to.to_owned(),
        reason: reason.to_owned(),
        approved_by: approved_by.to_owned(),
    }
}

fn milestone(field: &str, to: &str) -> Command {
    Command::CorrectMilestone {
        milestone: M1,
        field: field.to_owned(),
        to: to.to_owned(),
        reason: "it was mistyped".to_owned(),
        approved_by: "Alan".to_owned(),
    }
}

#[test]
fn each_frozen_field_of_an_item_is_corrected_with_both_values_kept() {
    for (field, from, to, kinds) in [
        ("title", "OpenSSL is out of date", "OpenSSL 3.0 is out of date", &["item.corrected"][..]),
        ("description", "The library has a known weakness", "It has two", &["item.corrected"]),
        ("detected", "2026-11-01", "2026-11-02", &["item.corrected", "item.deadline"]),
        ("scheduled", "2026-12-01", "2026-12-02", &["item.corrected"]),
        ("rating", "high", "low", &["item.corrected", "item.deadline"]),
    ] {
        let mut desk = Desk::open();
        assert_eq!(desk.kinds("Grace", item(field, to, "Alan", "it was mistyped")), kinds, "{field}");
        let correction = desk.item(1).corrections.first().expect("a correction");
        assert_eq!((correction.from.as_str(), correction.to.as_str()), (from, to), "{field}");
        assert_eq!((&correction.by, &correction.approved_by), (&person("Grace"), &person("Alan")));
        assert_eq!(desk.no("Grace", item(field, to, "Alan", "x")), ["it stands so already"], "{field}");
    }
}

#[test]
fn everything_wrong_with_a_correction_is_named_at_once() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.no("Otto", item("detected", "2026-02-30", "nobody", " ")),
        [
            "Otto has none of the roles grc, isso",
            "\"nobody\" is no person of the register",
            "a correction says why",
            "\"2026-02-30\" is no date such as 2026-11-30",
        ]
    );
    assert_eq!(
        desk.no("Grace", item("owner", "Sue", "Grace", "x")),
        [
            "Grace has none of the roles approver, isso, authorizing_official",
            "whoever corrects does not approve",
            "\"owner\" is no frozen field: title, description, detected, scheduled, rating",
        ]
    );
    assert_eq!(desk.no("Ivan", item("title", "X", "Ivan", "x")), ["whoever corrects does not approve"]);
    assert_eq!(
        desk.no("Grace", item("rating", "severe", "Alan", "x")),
        ["\"severe\" is no rating: low, moderate, high or critical"]
    );
    assert_eq!(desk.no("Grace", item("title", " ", "Alan", "x")), ["it would have no title"]);
    assert_eq!(
        desk.no("Grace", item("detected", "2026-11-12", "Alan", "x")),
        ["its detection date would be in the future"]
    );
}

#[test]
fn an_account_does_not_approve_its_own_persons_correction() {
    let mut desk = Desk::open();
    let ivan = Actor::Account("site".to_owned(), "gh-ivan".to_owned());
    let command = item("title", "X", "Ivan", "it was mistyped");
    let refusal = desk.act_as(&ivan, Roles::from([Role::Isso]), &[command]).expect_err("the same human");
    assert_eq!(refusal.because, ["whoever corrects does not approve"]);
}

#[test]
fn nothing_of_a_draft_is_corrected_and_a_closed_item_still_is() {
    let mut desk = Desk::draft();
    assert_eq!(desk.no("Grace", item("title", "X", "Alan", "x")), ["nothing of a draft is frozen: edit it"]);
    assert_eq!(
        desk.no("Grace", milestone("text", "X")),
        ["it serves drafts alone, and nothing of it is frozen: set it anew"]
    );
    let mut desk = Desk::open();
    desk.ok("Alan", close_out_of_boundary(1));
    desk.ok("Grace", item("title", "OpenSSL 3.0", "Alan", "it was mistyped"));
}

#[test]
fn a_milestones_original_is_corrected_and_what_is_in_force_follows() {
    let mut desk = Desk::open();
    desk.ok("Grace", milestone("due", "2026-11-21"));
    assert_eq!((desk.m1().original_due, desk.m1().due), (Some(day("2026-11-21")), Some(day("2026-11-21"))));
    desk.ok("Grace", milestone("text", "OpenSSL 3.5.5 runs everywhere"));
    assert_eq!(desk.m1().original_text, "OpenSSL 3.5.5 runs everywhere");
    assert_eq!(desk.m1().text, "OpenSSL 3.5.5 runs everywhere");
    let kept: Vec<_> = desk.m1().corrections.iter().map(|c| (c.field.as_str(), c.from.as_str())).collect();
    assert_eq!(kept, [("due", "2026-11-20"), ("text", "OpenSSL 3.5.4 runs on all production hosts")]);
    assert_eq!(desk.no("Grace", milestone("due", "2026-11-21")), ["it stands so already"]);
    assert_eq!(desk.no("Grace", milestone("due", "soon")), ["\"soon\" is no date such as 2026-11-30"]);
    assert_eq!(desk.no("Grace", milestone("text", "  ")), ["it would have no text"]);
    assert_eq!(desk.no("Grace", milestone("owner", "Sue")), ["\"owner\" is no frozen field: text, due"]);
    assert_eq!(
        super::milestones::undated().no("Grace", milestone("due", "2026-11-21")),
        ["it never had a due date: set it"]
    );
}

#[test]
fn what_was_moved_or_worded_anew_stays_in_force() {
    let mut desk = Desk::open();
    desk.moved(person("Ella"), Some("2026-11-25"), "1", Some("the vendor ships late"));
    desk.ok("Grace", milestone("due", "2026-11-21"));
    assert_eq!((desk.m1().original_due, desk.m1().due), (Some(day("2026-11-21")), Some(day("2026-11-25"))));
    let reworded =
        Command::Retext { milestone: M1, text: "It runs everywhere".into(), reason: Some("clearer".into()) };
    desk.ok("Grace", reworded);
    desk.ok("Grace", milestone("text", "OpenSSL 3.5.5 runs everywhere"));
    assert_eq!(
        (desk.m1().text.as_str(), desk.m1().original_text.as_str()),
        ("It runs everywhere", "OpenSSL 3.5.5 runs everywhere")
    );
}

#[test]
fn a_move_to_the_corrected_date_moves_nothing_any_more() {
    let mut desk = Desk::open();
    desk.moved(person("Ella"), Some("2026-12-24"), "1", None);
    desk.ok("Ella", explain("the vendor ships late"));
    assert_eq!(desk.kinds("Grace", milestone("due", "2026-12-24")), ["milestone.corrected", "move.ended"]);
    assert_eq!(desk.moves(), [("withdrawn", Some(day("2026-12-24")))]);
}
