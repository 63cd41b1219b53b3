//! A story in which every kind of change happens.

use std::path::Path;

use chrono::{DateTime, Duration, TimeZone, Utc};
use poam::register::decide::Command;
use poam::register::{
    Actor, Change, ClosedWithoutFix, Conflict, Digest, Drift, DriftKind, Evidence, EvidenceKind, EvidenceOf,
    Grant, Impact, MilestoneState, Person, Register, Resolution, Role, RuleSetFrom, Subject, SystemProfile,
    TicketName,
};

use super::desk::{
    Desk, M1, add_item, add_milestone, approve, close_out_of_boundary, day, explain, person, proof, reject,
    set_state, v,
};

pub(crate) fn at(minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 10, 14, minute, 0).single().expect("a time") + Duration::microseconds(123)
}

/// A desk whose journal holds every kind of change at least once; and the reserved chain beside it.
#[expect(clippy::too_many_lines, reason = "one story")]
pub(crate) fn story() -> (Desk, Desk) {
    let mut desk = Desk::empty();
    desk.later(-30);
    let file = Digest::of(b"workbook");
    desk.record(Change::SystemRecorded { profile: profile() });
    desk.record(Change::RulesApplied { name: "legacy-rev5.toml".into(), digest: Digest::of(b"rules") });
    desk.record(Change::ImportStarted { file: file.clone(), name: "poam.xlsx".into(), rows: 1 });
    let mut row = super::import::row("POAM-7");
    row.facts.title = "Häßliche \"Zeichen\" \u{1f600}\u{7}\n".to_owned();
    desk.ok("Grace", Command::Import(Box::new(row.clone())));
    desk.record(Change::ImportFinished { file });
    let mut second = super::import::newer(&row);
    second.facts.detected = Some(day("2026-11-05"));
    second.facts.adjusted = Some(poam::register::Rating::Low);
    second.facts.risk_adjustment = poam::register::DeviationState::Yes;
    desk.ok("Grace", Command::Import(Box::new(second)));
    desk.ok(
        "Grace",
        Command::ResolveConflict { number: 1, keep: "register".into(), reason: "as reported".into() },
    );
    desk.later(30);

    let mut item = super::desk::facts("OpenSSL is out of date");
    item.detector = String::new();
    desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(item) });
    desk.ok("Grace", add_milestone(&[1], None));
    let m2 = super::desk::M2;
    desk.ok("Grace", Command::SetDue { milestone: m2, due: Some(day("2026-11-20")) });
    desk.ok(
        "Grace",
        Command::Retext { milestone: m2, text: "OpenSSL 3.5.4 runs everywhere".into(), reason: None },
    );
    let edit = poam::register::decide::ItemEdit { detector: Some("Nessus".into()), ..Default::default() };
    desk.ok("Grace", Command::EditItem { item: v(1), edit: Box::new(edit) });
    desk.ok("Grace", add_item("The same on another host"));
    desk.ok("Grace", Command::SetServes { milestone: m2, serves: [v(1), v(2)].into() });
    desk.ok("Grace", Command::SetExpects { milestone: m2, expects: [EvidenceKind::Rescan].into() });
    desk.ok("Ella", Command::SetOwner { milestone: m2, owner: Some("Sue".into()) });
    for (field, to) in [("due", "2026-11-21"), ("text", "OpenSSL 3.5.5 runs everywhere")] {
        desk.ok(
            "Grace",
            Command::CorrectMilestone {
                milestone: m2,
                field: field.into(),
                to: to.into(),
                reason: "it was mistyped".into(),
                approved_by: "Alan".into(),
            },
        );
    }
    let correct = Command::CorrectItem {
        item: v(1),
        field: "detected".into(),
        to: "2026-11-02".into(),
        reason: "it was mistyped".into(),
        approved_by: "Alan".into(),
    };
    desk.ok("Grace", correct);
    let ticket = TicketName {
        tracker: "web".into(),
        id: "1001".into(),
        key: "WEB-7".into(),
        url: "https://jira.example/browse/WEB-7".into(),
    };
    desk.ok("Ella", Command::Ticket { milestone: M1, ticket: Some(ticket) });
    desk.ok("Ella", Command::TicketTitle { milestone: M1, title: Some("Patch it".into()) });
    desk.ok("Ella", set_state(MilestoneState::Blocked, Some("waits for the vendor")));
    desk.ok("Ella", super::states::goes(M1, poam::register::decide::TicketReads::Dropped, at(40), "3"));
    desk.ok("Grace", set_state(MilestoneState::InProgress, Some("it is to be fixed")));

    desk.moved(person("Ella"), Some("2027-06-10"), "4", None);
    desk.record(Change::DriftOpened {
        drift: Drift {
            number: 1,
            kind: DriftKind::SlipUnexplained,
            subject: Subject::Milestone(M1),
            key: "1".into(),
            detail: "2026-11-20 became 2027-06-10".into(),
            opened: desk.now,
            settled: None,
            settled_by: None,
        },
    });
    desk.record(Change::DriftDetail { number: 1, detail: "still unexplained".into() });
    desk.ok(
        "Grace",
        Command::Say {
            milestone: M1,
            kind: poam::register::NoticeKind::Question,
            answers: String::new(),
            covers: vec![(M1, 1)],
            body: "Why did the date move?".into(),
        },
    );
    desk.ok("Ella", explain("the vendor ships late"));
    desk.record(Change::DriftSettled { number: 1, by: "a rationale".into() });
    desk.ok("Abe", reject("plan for the deadline"));
    desk.later(1);
    desk.moved(person("Ella"), Some("2027-06-01"), "5", Some("the vendor ships late"));
    desk.ok("Abe", approve());
    desk.ok("Ella", proof(M1, "scan-1"));
    desk.record(Change::EvidenceAdded { evidence: Box::new(source_evidence()) });
    desk.record(Change::EvidenceRedacted {
        digest: Digest::of(b"scan-1"),
        numbers: vec![1],
        reason: "it held a password".into(),
    });
    desk.record(Change::MilestoneEvidenceAfter { milestone: M1, after: desk.now });
    desk.record(Change::ConflictFound { conflict: label_conflict() });
    desk.record(Change::ConflictResolved {
        number: 2,
        resolution: Resolution {
            by: "Grace".into(),
            at: desk.now,
            keep: "tracker".into(),
            reason: "theirs is right".into(),
        },
    });
    desk.ok("Alan", close_out_of_boundary(1));
    let last = desk.journal.last().expect("a row").clone();
    desk.record(Change::JournalSealed {
        upto: last.number,
        hash: last.hash_digest().expect("a digest"),
        key: "0a".repeat(32),
        signature: "0b".repeat(64),
    });

    let mut reserved = Desk::reserved();
    let ana = Person {
        name: "Ana".into(),
        email: Some("ana@example.org".into()),
        github: None,
        jira: Some("5b10a2844c20165700ede21g".into()),
        manager: Some("Grace".into()),
        roles: vec![Grant { system: "*".into(), role: Role::Engineer }],
    };
    reserved.record(Change::PersonRecorded { person: ana });
    reserved.record(Change::PersonRemoved { name: "Ana".into() });
    let token = Digest::of(b"token");
    reserved.record(Change::TokenAdded {
        name: "ci".into(),
        digest: token,
        expires: Some(at(59)),
        systems: vec!["ACME".into()],
    });
    reserved.record(Change::TokenRevoked { name: "ci".into() });
    reserved
        .record(Change::TrackerHalted { tracker: "web".into(), reason: "40 of 100 tickets are gone".into() });
    reserved.record(Change::TrackerResumed {
        tracker: "web".into(),
        reason: "the project was moved".into(),
        by: Actor::Local("root".into()),
    });
    (desk, reserved)
}

fn profile() -> SystemProfile {
    SystemProfile {
        name: "Acme".into(),
        impact: Impact::Moderate,
        timezone: chrono_tz::America::New_York,
        csp: Some("Acme Cloud".into()),
        cso: None,
        class: None,
        fedramp_id: Some("FR1234567".into()),
        ssp_href: None,
        certification_package_uri: None,
        submission_day: Some(15),
        process_owner: Some("Pia".into()),
        rules: vec![RuleSetFrom { set: "legacy-rev5".into(), from: day("2026-01-01") }],
    }
}

pub(crate) fn source_evidence() -> Evidence {
    Evidence {
        number: 2,
        of: EvidenceOf::Source("poam.xlsx".into()),
        kind: EvidenceKind::Document,
        title: "The workbook as it was imported".into(),
        digest: Some(Digest::of(b"workbook")),
        size: 8,
        media_type: "application/octet-stream".into(),
        authors: Vec::new(),
        observed: at(1),
        recorded: at(2),
        source: "import".into(),
        details: [("url".to_owned(), "https://example.org/poam.xlsx".to_owned())].into(),
        redacted: None,
    }
}

fn label_conflict() -> Conflict {
    Conflict {
        number: 2,
        subject: Subject::Milestone(M1),
        field: "title".into(),
        base: "Patch".into(),
        ours: "Patch hosts".into(),
        theirs: "Patch it".into(),
        winner: "register".into(),
        at: at(41),
        resolved: None,
    }
}

/// What the story of every release ends with.
pub(crate) fn told(register: &Register, file: &Path) {
    let items: Vec<(&str, &str)> =
        register.items.values().map(|item| (item.number.as_str(), item.status.name())).collect();
    assert_eq!(items, [("POAM-7", "in_progress"), ("V-1", "closed"), ("V-2", "open")], "{}", file.display());
    let m1 = &register.milestones[&M1];
    assert_eq!((m1.original_due, m1.due), (Some(day("2026-11-20")), Some(day("2027-06-01"))));
    let moves: Vec<&str> = m1.moves.iter().map(|m| m.state.name()).collect();
    assert_eq!(moves, ["rejected", "approved"]);
    assert_eq!(m1.moves[0].asked, Some(1));
    assert_eq!(m1.closed_without_fix, None::<ClosedWithoutFix>);
    let m2 = &register.milestones[&super::desk::M2];
    assert_eq!((m2.original_due, m2.corrections.len()), (Some(day("2026-11-21")), 2));
    assert_eq!(register.evidence[&1].redacted.as_deref(), Some("it held a password"));
    assert_eq!(register.items[&v(1)].corrections.len(), 1);
}

#[test]
fn a_story_ends_as_it_is_told() {
    let (desk, reserved) = story();
    told(&desk.register, Path::new("the story"));
    assert!(reserved.register.tokens["ci"].revoked.is_some());
}
