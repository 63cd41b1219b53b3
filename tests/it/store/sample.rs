//! A small system, and a builder of changes for it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use poam::register::journal::Entry;
use poam::register::{
    Actor, Base, Change, ClosedWithoutFix, Conflict, Correction, Deadline, Decision, DeviationState, Digest,
    Disposition, Drift, DriftKind, Evidence, EvidenceKind, EvidenceOf, FindingKind, Grant, Impact,
    ImportedRow, ItemFacts, ItemNumber, Link, LinkPhase, MilestoneNumber, MilestoneState, Move, MoveState,
    Notice, NoticeKind, Observed, Person, Rating, Rationale, Resolution, Role, RootCause, RuleSetFrom,
    Source, Status, Subject, SystemId, SystemProfile, TicketName,
};
use poam::store::{Db, Scope, StoreError};

pub(crate) fn acme() -> SystemId {
    SystemId::new("ACME").expect("an id")
}

/// A time, in seconds after the start.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 123_456_000).expect("a time")
}

pub(crate) fn day(offset: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 10, 1).expect("a day") + chrono::Days::new(offset)
}

pub(crate) fn v(n: u32) -> ItemNumber {
    ItemNumber::ours(n)
}

pub(crate) fn m(n: u32) -> MilestoneNumber {
    MilestoneNumber(n)
}

pub(crate) fn ann() -> Actor {
    Actor::Person("Ann Ode".to_owned())
}

pub(crate) fn profile() -> SystemProfile {
    SystemProfile {
        name: "Acme".to_owned(),
        impact: Impact::Moderate,
        timezone: chrono_tz::America::New_York,
        csp: Some("Acme Inc".to_owned()),
        cso: None,
        class: Some("C".to_owned()),
        fedramp_id: None,
        ssp_href: None,
        certification_package_uri: None,
        submission_day: Some(5),
        process_owner: Some("Ann Ode".to_owned()),
        rules: vec![RuleSetFrom { set: "legacy-rev5".to_owned(), from: day(0) }],
    }
}

/// Facts in which every field holds something.
pub(crate) fn facts(title: &str) -> ItemFacts {
    ItemFacts {
        description: "Line one\nline \"two\" \u{1f511} \\u0000".to_owned(),
        kind: FindingKind::Operating,
        source: Source::Scan,
        detector: "scanner".to_owned(),
        source_id: Some("plugin 19506".to_owned()),
        controls: vec!["AC-2".to_owned(), "SI-2(2)".to_owned()],
        components: vec!["web-1".to_owned()],
        cves: vec!["CVE-2026-0001".to_owned()],
        kev: true,
        kev_due: Some(day(20)),
        detected: Some(day(1)),
        rating: Some(Rating::High),
        adjusted: Some(Rating::Moderate),
        risk_adjustment: DeviationState::Pending,
        false_positive: DeviationState::No,
        operational_requirement: DeviationState::No,
        deviation_rationale: "because".to_owned(),
        root_cause: Some(RootCause::ThirdParty),
        risk_statement: "risk".to_owned(),
        plan: "plan".to_owned(),
        resources: "40 h".to_owned(),
        owner: Some("Ann Ode".to_owned()),
        contact: "team@example.com".to_owned(),
        supporting: vec!["platform".to_owned()],
        scheduled: Some(day(40)),
        vendor_dependency: true,
        vendor_checkin: Some(day(3)),
        vendor_product: Some("Product".to_owned()),
        documents: "doc".to_owned(),
        comments: "comment".to_owned(),
        ..ItemFacts::titled(title)
    }
}

pub(crate) fn item_added(n: u32) -> Change {
    Change::ItemAdded {
        item: v(n),
        facts: Box::new(facts(&format!("Weakness {n}"))),
        status: Status::Open,
        disposition: None,
        status_date: Some(day(2)),
        deadline: Some(Deadline {
            date: day(31),
            rule: "legacy-rev5/high-30".to_owned(),
            derivation: "30 days from detection".to_owned(),
            file: Some(Digest::of(b"rules")),
        }),
        imported: None,
    }
}

pub(crate) fn milestone_added(n: u32, serves: &[u32]) -> Change {
    Change::MilestoneAdded {
        milestone: m(n),
        text: format!("Upgrade openssl to 3.0.{n}"),
        serves: serves.iter().map(|n| v(*n)).collect(),
        owner: Some("Ann Ode".to_owned()),
        expects: BTreeSet::from([EvidenceKind::Transition, EvidenceKind::Rescan]),
        depends_on: BTreeSet::new(),
        due: Some(day(30)),
        state: MilestoneState::Planned,
        imported_as: None,
        wording_allowed: None,
    }
}

pub(crate) fn state(n: u32, from: MilestoneState, to: MilestoneState) -> Change {
    let reason = Some("a reason".to_owned());
    Change::MilestoneStateChanged { milestone: m(n), from, to, at: at(1), reason, roles: BTreeSet::new() }
}

pub(crate) fn move_proposed(n: u32, number: u32, to: NaiveDate) -> Change {
    let moved = Move {
        number,
        from: Some(day(30)),
        to: Some(to),
        by: Actor::Account("jira-cloud".to_owned(), "5b10".to_owned()),
        at: at(10),
        whence: "jira-cloud 10001".to_owned(),
        rationale: None,
        state: MoveState::Unexplained,
        decision: None,
        asked: None,
    };
    Change::MoveProposed { milestone: m(n), moved }
}

pub(crate) fn explained(n: u32, number: u32) -> Change {
    let rationale = Rationale { text: "the vendor is late".to_owned(), by: ann(), at: at(11) };
    Change::MoveExplained { milestone: m(n), number, rationale }
}

pub(crate) fn decision() -> Decision {
    Decision { by: Actor::Rule("moves/earlier".to_owned()), at: at(12), reason: Some("by rule".to_owned()) }
}

pub(crate) fn approved(n: u32, number: u32) -> Change {
    let roles = BTreeSet::from([Role::Approver]);
    Change::MoveApproved { milestone: m(n), number, decision: decision(), roles }
}

pub(crate) fn evidence_added(number: u32, of: EvidenceOf, bytes: Option<&[u8]>) -> Change {
    let evidence = Evidence {
        number,
        of,
        kind: EvidenceKind::Transition,
        title: "OPS-7 to Done".to_owned(),
        digest: bytes.map(Digest::of),
        size: bytes.map_or(0, |bytes| bytes.len() as u64),
        media_type: "text/plain".to_owned(),
        authors: vec![ann(), Actor::Poam],
        observed: at(20),
        recorded: at(21),
        source: format!("jira-cloud {number}"),
        details: BTreeMap::from([("from".to_owned(), "To Do".to_owned())]),
        redacted: None,
    };
    Change::EvidenceAdded { evidence: Box::new(evidence) }
}

pub(crate) fn drift_opened(number: u32, kind: DriftKind, subject: Subject) -> Change {
    let drift = Drift {
        number,
        kind,
        subject,
        key: String::new(),
        detail: "they are apart".to_owned(),
        opened: at(30),
        settled: None,
        settled_by: None,
    };
    Change::DriftOpened { drift }
}

pub(crate) fn conflict_found(number: u32, milestone: u32) -> Change {
    // What it is about is written both ways in which conflicts say it.
    let conflict: Conflict = serde_json::from_value(serde_json::json!({
        "number": number, "milestone": milestone, "subject": {"milestone": milestone}, "field": "title",
        "base": "a", "ours": "b", "theirs": "c", "winner": "register", "at": at(31), "resolved": null,
    }))
    .expect("a conflict");
    Change::ConflictFound { conflict }
}

pub(crate) fn conflict_resolved(number: u32) -> Change {
    let resolution = Resolution {
        by: "Ann Ode".to_owned(),
        at: at(33),
        keep: "tracker".to_owned(),
        reason: "theirs is newer".to_owned(),
    };
    Change::ConflictResolved { number, resolution }
}

pub(crate) fn notice_queued(number: u32, milestone: u32, covers: &[(u32, u32)]) -> Change {
    let notice = Notice {
        number,
        kind: NoticeKind::Question,
        milestone: m(milestone),
        answers: String::new(),
        covers: covers.iter().map(|(milestone, number)| (m(*milestone), *number)).collect(),
        body: "Why?".to_owned(),
        queued: at(32),
    };
    Change::NoticeQueued { notice }
}

/// Changes that between them touch every table of the register.
pub(crate) fn story() -> Vec<Change> {
    let imported = ImportedRow {
        file: Digest::of(b"workbook"),
        sheet: "Open POA&M Items".to_owned(),
        row: 7,
        cells: BTreeMap::from([("POAM ID".to_owned(), "AC-77".to_owned())]),
    };
    let correction = Correction {
        field: "detected".to_owned(),
        from: "2026-10-02".to_owned(),
        to: "2026-10-01".to_owned(),
        reason: "a typing error".to_owned(),
        by: ann(),
        approved_by: Actor::Local("root".to_owned()),
        at: at(5),
    };
    let ticket = TicketName {
        tracker: "ops".to_owned(),
        id: "10007".to_owned(),
        key: "OPS-7".to_owned(),
        url: "https://example.invalid/OPS-7".to_owned(),
    };
    vec![
        Change::SystemRecorded { profile: profile() },
        Change::RulesApplied { name: "legacy-rev5.toml".to_owned(), digest: Digest::of(b"rules") },
        Change::ImportStarted { file: Digest::of(b"workbook"), name: "poam.xlsx".to_owned(), rows: 2 },
        item_added(1),
        item_added(2),
        Change::ItemAdded {
            item: ItemNumber::new("AC-77").expect("a number"),
            facts: Box::new(ItemFacts::titled("Imported")),
            status: Status::Closed,
            disposition: Some(Disposition::ImportedClosed),
            status_date: None,
            deadline: None,
            imported: Some(Box::new(imported)),
        },
        Change::ImportFinished { file: Digest::of(b"workbook") },
        Change::ItemCorrected { item: v(2), correction, facts: Box::new(facts("Corrected")) },
        Change::ItemStatus { item: v(1), to: Status::InProgress },
        milestone_added(1, &[1, 2]),
        milestone_added(2, &[1]),
        milestone_added(3, &[2]),
        Change::MilestoneServes { milestone: m(2), serves: BTreeSet::from([v(1), v(2)]) },
        Change::MilestoneServes { milestone: m(2), serves: BTreeSet::from([v(1)]) },
        Change::MilestoneTicket { milestone: m(1), ticket: Some(ticket) },
        Change::MilestoneTicketTitle { milestone: m(1), title: Some("their words".to_owned()) },
        Change::MilestoneClosedWithoutFix {
            milestone: m(3),
            closed: Some(ClosedWithoutFix {
                resolution: "Won't Do".to_owned(),
                by: "Bo".to_owned(),
                at: at(9),
            }),
        },
        Change::MilestoneEvidenceAfter { milestone: m(3), after: at(8) },
        state(1, MilestoneState::Planned, MilestoneState::InProgress),
        state(2, MilestoneState::Planned, MilestoneState::Blocked),
        move_proposed(1, 1, day(45)),
        move_proposed(2, 1, day(50)),
        notice_queued(1, 1, &[(1, 1), (2, 1)]),
        explained(1, 1),
        approved(1, 1),
        Change::MoveEnded {
            milestone: m(2),
            number: 1,
            to: MoveState::Rejected,
            decision: decision(),
            roles: BTreeSet::new(),
        },
        move_proposed(1, 2, day(60)),
        evidence_added(1, EvidenceOf::Milestone(m(1)), Some(b"proof")),
        evidence_added(2, EvidenceOf::Item(v(1)), Some(b"scan")),
        evidence_added(3, EvidenceOf::Source("poam.xlsx".to_owned()), None),
        Change::EvidenceRedacted {
            digest: Digest::of(b"scan"),
            numbers: vec![2],
            reason: "personal data".to_owned(),
        },
        drift_opened(1, DriftKind::SlipUnexplained, Subject::Milestone(m(1))),
        drift_opened(2, DriftKind::Incomplete, Subject::Item(v(2))),
        drift_opened(3, DriftKind::TrackerSilent, Subject::Tracker("ops".to_owned())),
        Change::DriftDetail { number: 2, detail: "no plan".to_owned() },
        Change::DriftSettled { number: 1, by: "rationale".to_owned() },
        conflict_found(1, 1),
        conflict_found(2, 2),
        conflict_resolved(1),
        Change::ItemDeadline { item: v(2), deadline: None },
        Change::ItemClosed {
            item: v(2),
            disposition: Disposition::DuplicateOf(v(1)),
            date: day(9),
            reason: None,
            roles: BTreeSet::from([Role::Grc]),
        },
    ]
}

/// What the reserved chain tells.
pub(crate) fn reserved_story() -> Vec<Change> {
    let person = |name: &str, github: &str| Person {
        name: name.to_owned(),
        email: Some(format!("{github}@example.com")),
        github: Some(github.to_owned()),
        jira: Some(format!("5b10-{github}")),
        manager: None,
        roles: vec![Grant { system: "*".to_owned(), role: Role::Grc }],
    };
    vec![
        Change::PersonRecorded { person: person("Ann Ode", "AnnOde") },
        Change::PersonRecorded { person: person("Bo", "bo") },
        Change::PersonRemoved { name: "Bo".to_owned() },
        Change::TokenAdded {
            name: "dashboard".to_owned(),
            digest: Digest::of(b"token"),
            expires: Some(at(10_000)),
            systems: vec!["*".to_owned()],
        },
        Change::TokenAdded {
            name: "old".to_owned(),
            digest: Digest::of(b"old token"),
            expires: None,
            systems: vec!["ACME".to_owned()],
        },
        Change::TokenRevoked { name: "old".to_owned() },
        Change::TrackerHalted { tracker: "ops".to_owned(), reason: "30 links missing".to_owned() },
        Change::TrackerHalted { tracker: "web".to_owned(), reason: "an empty listing".to_owned() },
        Change::TrackerResumed { tracker: "web".to_owned(), reason: "looked at".to_owned(), by: ann() },
    ]
}

/// Records changes in a transaction of their own.
pub(crate) async fn record(
    db: &Db,
    system: &SystemId,
    scope: Scope,
    time: DateTime<Utc>,
    changes: &[Change],
) -> Result<Vec<Entry>, StoreError> {
    let mut tx = db.write().await?;
    let mut register = tx.load(system, scope).await?;
    let entries = tx.record(&mut register, time, &ann(), "command", changes).await?;
    tx.commit().await?;
    Ok(entries)
}

/// Records the whole story, one change a second, each in a transaction that loads everything.
pub(crate) async fn tell(db: &Db) {
    for (second, change) in story().into_iter().enumerate() {
        let time = at(i64::try_from(second).expect("a small number"));
        record(db, &acme(), Scope::All, time, &[change]).await.expect("a change");
    }
    record(db, &SystemId::reserved(), Scope::System, at(100), &reserved_story()).await.expect("changes");
}

pub(crate) fn link(n: u32, tracker: &str) -> Link {
    Link {
        id: format!("{n:032x}"),
        system: acme(),
        milestone: m(n),
        tracker: tracker.to_owned(),
        phase: LinkPhase::Linked,
        ticket: Some(format!("1000{n}")),
        key: Some(format!("OPS-{n}")),
        project: Some("OPS".to_owned()),
        url: None,
        create_sent: Some(at(1)),
        base: Base::default(),
        observed: Observed { title: "A title".to_owned(), due: Some(day(4)), ..Observed::default() },
        log_read: None,
        dirty: None,
        due_at: None,
        attempts: 0,
        error: None,
        missing_since: None,
        version: 0,
        written: None,
    }
}

/// A store with milestones to link.
pub(crate) async fn milestones(db: &Db, count: u32) {
    let mut changes = vec![item_added(1)];
    changes.extend((1..=count).map(|n| milestone_added(n, &[1])));
    record(db, &acme(), Scope::System, at(0), &changes).await.expect("changes");
}

/// A time span in seconds.
pub(crate) fn seconds(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}
