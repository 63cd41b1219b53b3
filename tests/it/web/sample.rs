//! A register in which everything that the API can show is there at least once, made of plain changes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use poam::register::{
    Actor, Change, ClosedWithoutFix, Conflict, Correction, Deadline, Decision, DeviationState, Digest,
    Disposition, Drift, DriftKind, Evidence, EvidenceKind, EvidenceOf, FindingKind, Impact, ImportedRow,
    ItemFacts, ItemNumber, Link, LinkPhase, MilestoneNumber, MilestoneState, Move, MoveState, Notice,
    NoticeKind, Observed, Rating, Rationale, Resolution, Role, RootCause, RuleSetFrom, Source, Status,
    Subject, SystemId, SystemProfile, TicketName,
};
use poam::store::StoreError;

use super::{Site, record};
use crate::bed::day;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn grace() -> Actor {
    Actor::Person("Grace Example".to_owned())
}

fn ada() -> Actor {
    Actor::Person("Ada Example".to_owned())
}

/// A site whose register is the sample.
pub(super) async fn told() -> Site {
    let site = Site::new().await;
    let acme = site.bed.system.clone();
    record(site.bed.world(), acme.clone(), items()).await;
    record(site.bed.world(), acme.clone(), milestones()).await;
    record(site.bed.world(), acme, findings()).await;
    let other = SystemId::new("OTHER").expect("an id");
    let profile = SystemProfile { rules: Vec::new(), ..profile("Another system") };
    record(site.bed.world(), other, vec![Change::SystemRecorded { profile }]).await;
    links(&site).await;
    site
}

/// Every path of the description, with the sample's names in it, in order.
pub(super) async fn paths(site: &Site) -> Vec<String> {
    let document = site.get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let named = |path: &String| {
        let number = if path.contains("milestones") { "M-1" } else { "V-1" };
        path.replace("{system}", "ACME").replace("{number}", number)
    };
    paths.keys().filter(|path| !path.ends_with("openapi.json")).map(named).collect()
}

fn profile(name: &str) -> SystemProfile {
    SystemProfile {
        name: name.to_owned(),
        impact: Impact::Moderate,
        timezone: chrono_tz::America::New_York,
        csp: Some("ACME Cloud".to_owned()),
        cso: Some("Portal".to_owned()),
        class: Some("C".to_owned()),
        fedramp_id: Some("FR0000000000".to_owned()),
        ssp_href: Some("https://acme.example/ssp.json".to_owned()),
        certification_package_uri: Some("https://acme.example/package".to_owned()),
        submission_day: Some(5),
        process_owner: Some("Grace Example".to_owned()),
        rules: vec![RuleSetFrom { set: "legacy-rev5".to_owned(), from: day("2024-01-01") }],
    }
}

fn facts() -> ItemFacts {
    ItemFacts {
        title: "TLS 1.0 is offered".to_owned(),
        description: "Load balancers offer TLS 1.0.\nSee the scan.".to_owned(),
        kind: FindingKind::Vulnerability,
        source: Source::Scan,
        detector: "Nessus".to_owned(),
        source_id: Some("104743".to_owned()),
        controls: vec!["SC-8".to_owned(), "SC-8(1)".to_owned()],
        components: vec!["lb-1".to_owned(), "lb-2".to_owned()],
        cves: vec!["CVE-2011-3389".to_owned()],
        kev: true,
        kev_due: Some(day("2026-05-01")),
        detected: Some(day("2026-02-20")),
        rating: Some(Rating::High),
        adjusted: Some(Rating::Moderate),
        risk_adjustment: DeviationState::Yes,
        false_positive: DeviationState::No,
        operational_requirement: DeviationState::Pending,
        deviation_rationale: "Reachable from inside alone".to_owned(),
        root_cause: Some(RootCause::Configuration),
        risk_statement: "Traffic could be read".to_owned(),
        plan: "Turn it off".to_owned(),
        resources: "Two days".to_owned(),
        owner: Some("Ada Example".to_owned()),
        contact: "network@acme.example".to_owned(),
        supporting: vec!["Network".to_owned()],
        scheduled: Some(day("2026-04-01")),
        vendor_dependency: true,
        vendor_checkin: Some(day("2026-02-25")),
        vendor_product: Some("Balancer 9".to_owned()),
        documents: "scan.nessus".to_owned(),
        comments: "Agreed in the review".to_owned(),
    }
}

fn correction(field: &str, from: &str, to: &str) -> Correction {
    Correction {
        field: field.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        reason: "A digit was swapped".to_owned(),
        by: ada(),
        approved_by: grace(),
        at: time("2026-03-01T10:00:00Z"),
    }
}

fn items() -> Vec<Change> {
    let number = ItemNumber::ours;
    let imported = ImportedRow {
        file: Digest::of(b"workbook"),
        sheet: "Open POA&M Items".to_owned(),
        row: 6,
        cells: BTreeMap::from([("weakness name".to_owned(), "TLS 1.0 is offered".to_owned())]),
    };
    let mut changes = vec![
        Change::SystemRecorded { profile: profile("ACME Portal") },
        Change::RulesApplied { name: "legacy-rev5.toml".to_owned(), digest: Digest::of(b"rules") },
        Change::ItemAdded {
            item: number(1),
            facts: Box::new(facts()),
            status: Status::InProgress,
            disposition: None,
            status_date: Some(day("2026-02-21")),
            deadline: Some(Deadline {
                date: day("2026-05-01"),
                rule: "legacy-rev5/kev".to_owned(),
                derivation: "CISA's due date 2026-05-01 for a known exploited vulnerability".to_owned(),
                file: Some(Digest::of(b"rules")),
            }),
            imported: Some(Box::new(imported)),
        },
        Change::ItemCorrected {
            item: number(1),
            correction: correction("detected", "2026-02-02", "2026-02-20"),
            facts: Box::new(facts()),
        },
    ];
    for n in 2..=5 {
        changes.push(Change::ItemAdded {
            item: number(n),
            facts: Box::new(ItemFacts {
                owner: Some("Grace Example".to_owned()).filter(|_| n == 3),
                ..ItemFacts::titled(format!("Weakness {n}"))
            }),
            status: Status::Draft,
            disposition: None,
            status_date: None,
            deadline: None,
            imported: None,
        });
    }
    changes.push(Change::ItemAdded {
        item: ItemNumber::new("2024/7 a").expect("a number"),
        facts: Box::new(ItemFacts::titled("Imported under a number of its own")),
        status: Status::Closed,
        disposition: Some(Disposition::DuplicateOf(number(1))),
        status_date: Some(day("2026-01-31")),
        deadline: None,
        imported: None,
    });
    changes
}

fn milestones() -> Vec<Change> {
    let milestone = MilestoneNumber(1);
    let (proposed, decided) = (time("2026-03-01T12:00:00Z"), time("2026-03-01T15:30:00.000001Z"));
    let moved = |number, from: &str, to: Option<&str>, asked| Change::MoveProposed {
        milestone,
        moved: Move {
            number,
            from: Some(day(from)),
            to: to.map(day),
            by: Actor::Account("jira".to_owned(), "557058:x".to_owned()),
            at: proposed + chrono::TimeDelta::hours(i64::from(number)),
            whence: format!("ticket jira 10001 {number}"),
            rationale: None,
            state: MoveState::Unexplained,
            decision: None,
            asked,
        },
    };
    let added = |n, text: &str| Change::MilestoneAdded {
        milestone: MilestoneNumber(n),
        text: text.to_owned(),
        serves: BTreeSet::from([ItemNumber::ours(1), ItemNumber::ours(2)]),
        owner: Some("Ada Example".to_owned()),
        expects: BTreeSet::from([EvidenceKind::Transition, EvidenceKind::Rescan]),
        depends_on: if n == 1 { BTreeSet::new() } else { BTreeSet::from([milestone]) },
        due: Some(day("2026-04-01")),
        state: MilestoneState::Planned,
        imported_as: (n == 1).then(|| (ItemNumber::ours(1), 3)),
        wording_allowed: None,
    };
    let to = |n, from, to, reason: Option<&str>| Change::MilestoneStateChanged {
        milestone: MilestoneNumber(n),
        from,
        to,
        at: decided,
        reason: reason.map(str::to_owned),
        roles: BTreeSet::new(),
    };
    let decision = || Decision { by: grace(), at: decided, reason: Some("The vendor is late".to_owned()) };
    vec![
        added(1, "Disable TLS 1.0 on every load balancer; plugin 104743 is clean"),
        added(2, "Rescan all load balancers"),
        added(3, "Tell the users of the portal by 2026-03-31"),
        Change::MilestoneCorrected {
            milestone,
            correction: correction("due", "2026-04-10", "2026-04-01"),
            text: None,
            due: Some(day("2026-04-01")),
        },
        Change::MilestoneTicket {
            milestone,
            ticket: Some(TicketName {
                tracker: "jr".to_owned(),
                id: "10001".to_owned(),
                key: "ACME-1".to_owned(),
                url: "http://jira.test/browse/ACME-1".to_owned(),
            }),
        },
        Change::MilestoneTicketTitle { milestone, title: Some("No more TLS 1.0".to_owned()) },
        moved(1, "2026-04-01", Some("2026-04-15"), None),
        Change::MoveExplained {
            milestone,
            number: 1,
            rationale: Rationale {
                text: "the vendor ships later".to_owned(),
                by: ada(),
                at: time("2026-03-01T13:00:00Z"),
            },
        },
        Change::MoveApproved {
            milestone,
            number: 1,
            decision: decision(),
            roles: BTreeSet::from([Role::Approver]),
        },
        moved(2, "2026-04-15", None, Some(1)),
        to(2, MilestoneState::Planned, MilestoneState::Blocked, Some("waits for the change window")),
        to(3, MilestoneState::Planned, MilestoneState::Done, None),
        Change::MilestoneClosedWithoutFix {
            milestone,
            closed: Some(ClosedWithoutFix {
                resolution: "Won't Do".to_owned(),
                by: "Ada Example".to_owned(),
                at: decided,
            }),
        },
        Change::MilestoneEvidenceAfter { milestone, after: decided },
    ]
}

fn findings() -> Vec<Change> {
    let at = time("2026-03-02T08:00:00Z");
    let about = |number| Subject::Milestone(MilestoneNumber(number));
    let evidence = |number, of: EvidenceOf, bytes: &[u8]| Change::EvidenceAdded {
        evidence: Box::new(Evidence {
            number,
            of,
            kind: EvidenceKind::Transition,
            title: "ACME-1 went from In Progress to Done".to_owned(),
            digest: Some(Digest::of(bytes)),
            size: bytes.len() as u64,
            media_type: "application/json".to_owned(),
            authors: vec![ada()],
            observed: at,
            recorded: at,
            source: format!("ticket jira 10001 {number}"),
            details: BTreeMap::from([("to".to_owned(), "Done".to_owned())]),
            redacted: None,
        }),
    };
    let drift = |number, kind, subject, key: &str| Change::DriftOpened {
        drift: Drift {
            number,
            kind,
            subject,
            key: key.to_owned(),
            detail: "the due date went from 2026-04-15 to none".to_owned(),
            opened: at,
            settled: None,
            settled_by: None,
        },
    };
    let conflict = |number, subject, field: &str| Change::ConflictFound {
        conflict: Conflict {
            number,
            subject,
            field: field.to_owned(),
            base: "Old".to_owned(),
            ours: "Ours".to_owned(),
            theirs: "Theirs".to_owned(),
            winner: "register".to_owned(),
            at,
            resolved: None,
        },
    };
    let resolution = Resolution {
        by: "Grace Example".to_owned(),
        at,
        keep: "register".to_owned(),
        reason: "Ours is right".to_owned(),
    };
    vec![
        evidence(1, EvidenceOf::Milestone(MilestoneNumber(1)), b"{}"),
        evidence(2, EvidenceOf::Item(ItemNumber::ours(1)), b"{ }"),
        Change::EvidenceRedacted {
            digest: Digest::of(b"{ }"),
            numbers: vec![2],
            reason: "It held a name".to_owned(),
        },
        drift(1, DriftKind::SlipUnexplained, about(1), "2"),
        drift(2, DriftKind::Blocked, about(2), ""),
        drift(3, DriftKind::Incomplete, Subject::Item(ItemNumber::ours(1)), ""),
        drift(4, DriftKind::TrackerHalted, Subject::Tracker("gh".to_owned()), ""),
        Change::DriftSettled { number: 2, by: "unblocked".to_owned() },
        conflict(1, about(1), "title"),
        conflict(2, Subject::Item(ItemNumber::ours(1)), "title"),
        Change::ConflictResolved { number: 2, resolution },
        Change::NoticeQueued {
            notice: Notice {
                number: 1,
                kind: NoticeKind::Question,
                milestone: MilestoneNumber(1),
                answers: String::new(),
                covers: vec![(MilestoneNumber(1), 2)],
                body: "Why did the date move?".to_owned(),
                queued: at,
            },
        },
    ]
}

async fn links(site: &Site) {
    let at = time("2026-03-02T08:30:00Z");
    let link = |n: u32, phase| Link {
        id: format!("{n:032x}"),
        system: site.bed.system.clone(),
        milestone: MilestoneNumber(n),
        tracker: "jr".to_owned(),
        phase,
        ticket: None,
        key: None,
        project: None,
        url: None,
        create_sent: None,
        base: poam::register::Base::default(),
        observed: Observed::default(),
        log_read: None,
        dirty: None,
        due_at: None,
        attempts: 0,
        error: None,
        missing_since: None,
        version: 0,
        written: None,
    };
    let bound = Link {
        ticket: Some("10001".to_owned()),
        key: Some("ACME-1".to_owned()),
        project: Some("ACME".to_owned()),
        url: Some("http://jira.test/browse/ACME-1".to_owned()),
        observed: Observed {
            lost_text: None,
            braked: false,
            let_through: false,
            at: Some(at),
            updated: Some(at),
            title: "[ACME M-1] No more TLS 1.0".to_owned(),
            status: "Won't Do".to_owned(),
            state: "dropped".to_owned(),
            due: Some(day("2026-04-15")),
            due_unreadable: Some("the line says 2026-02-30".to_owned()),
            assignee: Some("557058:ada".to_owned()),
            assignee_person: Some("Ada Example".to_owned()),
            scheduled: Some(("sprint Sprint 9".to_owned(), day("2026-04-20"))),
            duplicates: vec!["ACME-9".to_owned()],
            moved_away: Some("ELSE".to_owned()),
            labels_restored: 1,
        },
        log_read: Some(at),
        dirty: Some(at),
        due_at: Some(at),
        attempts: 2,
        error: Some("the tracker failed".to_owned()),
        missing_since: Some(at),
        ..link(1, LinkPhase::Linked)
    };
    let links = [bound, link(2, LinkPhase::Waiting), link(3, LinkPhase::Creating)];
    let added = site.bed.world().writer.submit(move |tx| {
        Box::pin(async move {
            tx.insert_links(&links).await?;
            Ok::<_, StoreError>(())
        })
    });
    added.await.expect("links are added");
}
