//! A small world in which nothing is apart, for tests to disturb.

#![expect(clippy::expect_used, reason = "a fixture that cannot be built fails its test")]

mod dates;
mod laws;
mod quiet;
mod table;
mod tickets;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    ConnectionHealth, Context, Polls, TrackerHealth, Wanted, Wiring, detect, detect_connection,
    detect_tracker, is_detected_here, settle,
};
use crate::register::apply::apply;
use crate::register::policy::{Calendar, KevRule, Policy, Remediation, RuleSet};
use crate::register::{
    Actor, Base, Change, ClosedWithoutFix, Conflict, Deadline, Decision, DeviationState, Digest, Drift,
    DriftKind, Evidence, EvidenceKind, EvidenceOf, Impact, ImportedRow, Item, ItemFacts, ItemNumber, Link,
    LinkPhase, Milestone, MilestoneNumber, MilestoneState, Move, MoveState, Observed, Pair, Person, Rating,
    Rationale, Register, Resolution, Status, Subject, SystemId, SystemProfile, TicketName,
};

/// Noon in New York on Sunday 22 November 2026.
fn noon() -> DateTime<Utc> {
    instant("2026-11-22T17:00:00Z")
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an RFC 3339 time")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("an ISO date")
}

const M1: MilestoneNumber = MilestoneNumber(1);

/// A route for milestones without a link, and who has accounts.
#[derive(Clone)]
struct Wires {
    route: Option<&'static str>,
    accounts: BTreeSet<&'static str>,
}

impl Wiring for Wires {
    fn tracker_for<'a>(&'a self, _: &Register, _: &Milestone) -> Option<&'a str> {
        self.route
    }

    fn has_account(&self, _: &str, person: &Person) -> bool {
        self.accounts.contains(person.name.as_str())
    }
}

/// Everything that detection reads.
#[derive(Clone)]
struct World {
    register: Register,
    links: BTreeMap<MilestoneNumber, Link>,
    people: BTreeMap<String, Person>,
    halted: BTreeMap<String, String>,
    wires: Wires,
    rules: RuleSet,
    policy: Policy,
    connection: ConnectionHealth,
    tracker: TrackerHealth,
    now: DateTime<Utc>,
}

impl World {
    /// `V-1`, in progress, is served by `M-1`, in progress and linked to ticket `ACME-12`; all agree.
    fn quiet() -> Self {
        let mut register = Register::new(SystemId::new("ACME").expect("a system id"));
        register.system.profile = Some(SystemProfile {
            name: "Acme".to_owned(),
            impact: Impact::Moderate,
            timezone: chrono_tz::America::New_York,
            csp: None,
            cso: None,
            class: None,
            fedramp_id: None,
            ssp_href: None,
            certification_package_uri: None,
            submission_day: Some(25),
            process_owner: None,
            rules: Vec::new(),
        });
        let mut facts = ItemFacts::titled("TLS 1.0 enabled");
        facts.description = "The load balancers accept TLS 1.0.".to_owned();
        facts.controls = vec!["SC-8".to_owned()];
        facts.detector = "Nessus".to_owned();
        facts.detected = Some(day("2026-10-20"));
        facts.rating = Some(Rating::Moderate);
        facts.owner = Some("Ann".to_owned());
        facts.scheduled = Some(day("2027-01-18"));
        let number = ItemNumber::ours(1);
        let item = Item {
            number: number.clone(),
            place: 1,
            facts,
            status: Status::InProgress,
            disposition: None,
            status_since: instant("2026-11-10T15:00:00Z"),
            status_date: None,
            deadline: Some(Deadline {
                date: day("2027-01-18"),
                rule: "legacy-rev5/moderate-90".to_owned(),
                derivation: "90 days from detection on 2026-10-20 (moderate)".to_owned(),
                file: None,
            }),
            corrections: Vec::new(),
            imported: None,
            reviewed: Some(day("2026-11-01")),
            changed: instant("2026-11-10T15:00:00Z"),
        };
        let milestone = Milestone {
            number: M1,
            text: "TLS 1.0 is off on all load balancers, and the rescan is clean".to_owned(),
            original_text: "TLS 1.0 is off on all load balancers, and the rescan is clean".to_owned(),
            serves: BTreeSet::from([number.clone()]),
            owner: Some("Ann".to_owned()),
            expects: BTreeSet::from([EvidenceKind::Rescan, EvidenceKind::Transition]),
            depends_on: BTreeSet::new(),
            original_due: Some(day("2026-12-10")),
            due: Some(day("2026-12-10")),
            moves: Vec::new(),
            state: MilestoneState::InProgress,
            state_since: instant("2026-11-10T15:00:00Z"),
            blocked: None,
            done: None,
            evidence: Vec::new(),
            ticket: Some(TicketName {
                tracker: "acme-jira".to_owned(),
                id: "10012".to_owned(),
                key: "ACME-12".to_owned(),
                url: "https://jira.example/browse/ACME-12".to_owned(),
            }),
            ticket_title: None,
            closed_without_fix: None,
            evidence_after: None,
            imported_as: None,
            corrections: Vec::new(),
            changed: instant("2026-11-10T15:00:00Z"),
        };
        register.items.insert(number, item);
        register.milestones.insert(M1, milestone);
        register.system.last_item = 1;
        register.system.items = 1;
        register.system.last_milestone = 1;
        let people = ["Ann", "Bob"].map(|name| (name.to_owned(), person(name)));
        Self {
            register,
            links: BTreeMap::from([(M1, link())]),
            people: BTreeMap::from(people),
            halted: BTreeMap::new(),
            wires: Wires { route: Some("acme-jira"), accounts: BTreeSet::from(["Ann", "Bob"]) },
            rules: rules(),
            policy: Policy::default(),
            connection: ConnectionHealth {
                id: "jira".to_owned(),
                polls: Polls { missed: 0, succeeded: Some(instant("2026-11-22T16:59:00Z")) },
                token_expires: None,
            },
            tracker: TrackerHealth { id: "acme-jira".to_owned(), polls: Polls::default() },
            now: noon(),
        }
    }

    fn item(&mut self) -> &mut Item {
        self.register.items.get_mut(&ItemNumber::ours(1)).expect("V-1")
    }

    fn milestone(&mut self) -> &mut Milestone {
        self.register.milestones.get_mut(&M1).expect("M-1")
    }

    fn link(&mut self) -> &mut Link {
        self.links.entry(M1).or_insert_with(link)
    }

    fn add_move(&mut self, to: Option<&str>, state: MoveState) -> &mut Move {
        let milestone = self.milestone();
        let number = u32::try_from(milestone.moves.len()).expect("few moves") + 1;
        milestone.moves.push(Move {
            number,
            from: milestone.due,
            to: to.map(day),
            by: Actor::Person("Bob".to_owned()),
            at: instant("2026-11-20T15:00:00Z"),
            whence: "10201".to_owned(),
            rationale: None,
            state,
            decision: None,
            asked: None,
        });
        milestone.moves.last_mut().expect("the move just added")
    }

    fn add_evidence(&mut self, kind: EvidenceKind, observed: &str) -> &mut Evidence {
        let number = self.register.system.last_evidence + 1;
        self.register.system.last_evidence = number;
        self.milestone().evidence.push(number);
        let details = if kind == EvidenceKind::Transition {
            BTreeMap::from([("to_state".to_owned(), "done".to_owned())])
        } else {
            BTreeMap::new()
        };
        let evidence = Evidence {
            number,
            of: EvidenceOf::Milestone(M1),
            kind,
            title: "proof".to_owned(),
            digest: Some(Digest::of(b"proof")),
            size: 5,
            media_type: "text/plain".to_owned(),
            authors: vec![Actor::Person("Bob".to_owned())],
            observed: instant(observed),
            recorded: instant(observed),
            source: format!("entry {number}"),
            details,
            redacted: None,
        };
        self.register.evidence.entry(number).or_insert(evidence)
    }

    /// The milestone is done, with all evidence.
    fn finish(&mut self) {
        self.add_evidence(EvidenceKind::Transition, "2026-11-21T15:00:00Z");
        self.add_evidence(EvidenceKind::Rescan, "2026-11-21T16:00:00Z");
        self.set_state(MilestoneState::Done);
        self.link().observed.state = "done".to_owned();
    }

    fn set_state(&mut self, state: MilestoneState) {
        self.milestone().state = state;
    }

    fn close_item(&mut self) {
        let item = self.item();
        item.status = Status::Closed;
        item.disposition = Some(crate::register::Disposition::Remediated);
    }

    /// Both sides agree on a due date.
    fn set_due(&mut self, due: &str) {
        let due = Some(day(due));
        self.milestone().due = due;
        self.milestone().original_due = due;
        self.link().observed.due = due;
        self.link().base.due = Some(Pair { ours: due, theirs: due });
    }

    /// A deadline that no rule is held against; the milestone is due by then.
    fn set_deadline(&mut self, date: &str) {
        self.rules.remediation.clear();
        self.item().deadline = Some(Deadline {
            date: day(date),
            rule: "test/set".to_owned(),
            derivation: "as set".to_owned(),
            file: None,
        });
        if self.milestone().due > Some(day(date)) {
            self.set_due(date);
        }
    }

    fn subjects(&self) -> BTreeSet<Subject> {
        let items = self.register.items.keys().cloned().map(Subject::Item);
        let milestones = self.register.milestones.keys().copied().map(Subject::Milestone);
        let health =
            [Subject::Connection(self.connection.id.clone()), Subject::Tracker(self.tracker.id.clone())];
        items.chain(milestones).chain(health).collect()
    }

    fn context<'a>(&'a self, calendar: &'a Calendar) -> Context<'a> {
        Context {
            now: self.now,
            calendar,
            policy: &self.policy,
            rules: Some(&self.rules),
            people: &self.people,
            links: &self.links,
            halted: &self.halted,
            wiring: &self.wires,
        }
    }

    fn wanted(&self) -> Vec<Wanted> {
        let calendar = calendar();
        let ctx = self.context(&calendar);
        let mut wanted = detect(&self.register, &self.subjects(), &ctx);
        wanted.extend(detect_connection(&self.connection, &ctx));
        wanted.extend(detect_tracker(&self.tracker, &ctx));
        wanted
    }

    /// The changes that detection asks for now.
    fn changes(&self) -> Vec<Change> {
        settle(&self.register, &self.subjects(), self.wanted(), self.now)
    }

    /// Detects, settles and applies; gives what changed.
    fn pass(&mut self) -> Vec<Change> {
        let changes = self.changes();
        for change in &changes {
            apply(&mut self.register, self.now, change).expect("a change that fits");
        }
        changes
    }

    fn open_drifts(&self) -> Vec<&Drift> {
        self.register.drifts.values().filter(|drift| drift.settled.is_none()).collect()
    }
}

fn person(name: &str) -> Person {
    Person { name: name.to_owned(), email: None, github: None, jira: None, manager: None, roles: Vec::new() }
}

/// New York, where the 26th is Thanksgiving.
fn calendar() -> Calendar {
    Calendar { zone: chrono_tz::America::New_York, holidays: vec![day("2026-11-26")] }
}

fn decision() -> Decision {
    Decision { by: Actor::Person("Cho".to_owned()), at: noon(), reason: None }
}

fn rationale() -> Rationale {
    let text = "the vendor's patch\nis late".to_owned();
    Rationale { text, by: Actor::Person("Bob".to_owned()), at: noon() }
}

fn rules() -> RuleSet {
    RuleSet {
        name: "legacy-rev5".to_owned(),
        remediation: vec![Remediation { id: "moderate-90".to_owned(), rating: Rating::Moderate, days: 90 }],
        kev: Some(KevRule { id: "kev-due".to_owned() }),
        file: None,
    }
}

fn link() -> Link {
    let due = Some(day("2026-12-10"));
    Link {
        id: "0".repeat(32),
        system: SystemId::new("ACME").expect("a system id"),
        milestone: M1,
        tracker: "acme-jira".to_owned(),
        phase: LinkPhase::Linked,
        ticket: Some("10012".to_owned()),
        key: Some("ACME-12".to_owned()),
        project: Some("ACME".to_owned()),
        url: None,
        create_sent: None,
        base: Base { due: Some(Pair { ours: due, theirs: due }), ..Base::default() },
        observed: Observed {
            at: Some(instant("2026-11-22T16:59:00Z")),
            status: "In Progress".to_owned(),
            state: "in_progress".to_owned(),
            due,
            ..Observed::default()
        },
        log_read: None,
        dirty: None,
        due_at: None,
        attempts: 0,
        error: None,
        missing_since: None,
        version: 1,
        written: None,
    }
}
