//! A desk: a register with its journal, people who act on it, and a check of every invariant after every act.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};
use poam::register::apply::apply;
use poam::register::decide::{
    Command, Deciding, NewEvidence, NewMilestone, ProposedMove, Refusal, decide_all,
};
use poam::register::journal::{Entry, Head};
use poam::register::policy::{Calendar, Policy, RuleSet};
use poam::register::{
    Actor, Change, Digest, EvidenceKind, EvidenceOf, FindingKind, Grant, Item, ItemFacts, ItemNumber,
    Milestone, MilestoneNumber, MilestoneState, Person, Rating, Register, Role, Roles, RootCause, SystemId,
};

use super::invariants::invariants;

pub(crate) const M1: MilestoneNumber = MilestoneNumber(1);
pub(crate) const M2: MilestoneNumber = MilestoneNumber(2);

/// A day of the story, which happens around November 2026.
pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(crate) fn v(n: u32) -> ItemNumber {
    ItemNumber::ours(n)
}

pub(crate) fn person(name: &str) -> Actor {
    Actor::Person(name.to_owned())
}

/// Whoever uses the bridge: each named by what they do.
pub(crate) const PEOPLE: [(&str, Role); 12] = [
    ("Ella", Role::Engineer),
    ("Otto", Role::Owner),
    ("Sue", Role::Supporting),
    ("Vera", Role::Validator),
    ("Abe", Role::Approver),
    ("Ivan", Role::Isso),
    ("Pia", Role::ProcessOwner),
    ("Sam", Role::SystemOwner),
    ("Alan", Role::AuthorizingOfficial),
    ("Grace", Role::Grc),
    ("Asa", Role::Assessor),
    ("Ada", Role::Admin),
];

/// The rule file by which every desk decides.
pub(crate) const RULES: &str = include_str!("../../../config/rules/legacy-rev5.toml");

pub(crate) struct Desk {
    pub(crate) register: Register,
    pub(crate) journal: Vec<Entry>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) policy: Policy,
    people: BTreeMap<String, Person>,
    pub(crate) rules: RuleSet,
    calendar: Calendar,
    head: Head,
}

impl Desk {
    /// A system of which nothing is known, on 10 November 2026 at 15:00 UTC.
    pub(crate) fn empty() -> Self {
        let person = |(name, role): (&str, Role)| Person {
            name: name.to_owned(),
            email: None,
            github: Some(format!("gh-{}", name.to_lowercase())),
            jira: Some(format!("jira-{}", name.to_lowercase())),
            manager: None,
            roles: vec![Grant { system: "ACME".to_owned(), role }],
        };
        Self {
            register: Register::new(SystemId::new("ACME").expect("an id")),
            journal: Vec::new(),
            now: Utc.with_ymd_and_hms(2026, 11, 10, 15, 0, 0).single().expect("a time"),
            policy: Policy::default(),
            people: PEOPLE.into_iter().map(|one| (one.0.to_owned(), person(one))).collect(),
            rules: RuleSet {
                file: Some(Digest::of(RULES.as_bytes())),
                ..toml::from_str(RULES).expect("our rules")
            },
            calendar: Calendar { zone: chrono_tz::America::New_York, holidays: Vec::new() },
            head: Head::empty(),
        }
    }

    /// The reserved chain.
    pub(crate) fn reserved() -> Self {
        Self { register: Register::new(SystemId::reserved()), ..Self::empty() }
    }

    /// `V-1` is open (high, detected on 1 November, so its deadline is 1 December), and `M-1` serves it, due on the 20th.
    pub(crate) fn open() -> Self {
        let mut desk = Self::empty();
        desk.ok("Grace", add_item("OpenSSL is out of date"));
        desk.ok("Grace", add_milestone(&[1], Some("2026-11-20")));
        assert_eq!(desk.item(1).status.name(), "open");
        desk
    }

    /// The same as a draft: its item has no detector yet, and `M-1` no due date.
    pub(crate) fn draft() -> Self {
        let mut desk = Self::empty();
        let mut facts = facts("OpenSSL is out of date");
        facts.detector = String::new();
        desk.ok("Grace", Command::AddItem { number: None, facts: Box::new(facts) });
        desk.ok("Grace", add_milestone(&[1], None));
        assert_eq!(desk.item(1).status.name(), "draft");
        desk
    }

    /// `M-1` brought to a state, by the shortest way.
    pub(crate) fn with(state: MilestoneState) -> Self {
        let mut desk = Self::open();
        match state {
            MilestoneState::Planned => {}
            MilestoneState::InProgress | MilestoneState::Blocked => {
                desk.ok("Ella", set_state(state, Some("waits for the vendor")));
            }
            MilestoneState::Done => {
                desk.ok("Grace", proof(M1, "scan-1"));
                desk.ok("Grace", set_state(state, None));
            }
            MilestoneState::Dropped => desk.ok("Grace", set_state(state, Some("not needed"))),
            MilestoneState::Verified => {
                desk = Self::with(MilestoneState::Done);
                desk.ok("Alan", close_out_of_boundary(1));
            }
        }
        assert_eq!(desk.m1().state, state);
        desk
    }

    pub(crate) fn roles(&self, actor: &Actor) -> Roles {
        match actor {
            Actor::Person(name) => self.people.get(name).map(|p| p.roles_in("ACME")).unwrap_or_default(),
            Actor::Account(..)
            | Actor::Unknown(_)
            | Actor::Token(_)
            | Actor::Rule(_)
            | Actor::Local(_)
            | Actor::Poam => Roles::new(),
        }
    }

    /// Decides, writes the journal and applies, as the store does; and checks every invariant.
    pub(crate) fn act_as(
        &mut self,
        actor: &Actor,
        roles: Roles,
        commands: &[Command],
    ) -> Result<Vec<Change>, Refusal> {
        let by = Deciding {
            actor: actor.clone(),
            roles,
            now: self.now,
            calendar: &self.calendar,
            policy: &self.policy,
            rules: &self.rules,
            people: &self.people,
        };
        let changes = decide_all(&self.register, &by, commands)?;
        assert_eq!(decide_all(&self.register, &by, commands).as_ref(), Ok(&changes), "decide is no function");
        let before = self.register.clone();
        self.write(actor, &changes);
        invariants(&before, &self.register, &changes);
        Ok(changes)
    }

    /// Records a change that no command gives.
    pub(crate) fn record(&mut self, change: Change) {
        self.write(&Actor::Poam, &[change]);
    }

    fn write(&mut self, actor: &Actor, changes: &[Change]) {
        for change in changes {
            let system = self.register.system.id.clone();
            let entry =
                Entry::after(&self.head, &system, self.now, actor, "command", change).expect("an entry");
            self.head = entry.follow(&self.head).expect("a row that follows");
            assert_eq!(entry.change().expect("a change"), *change, "read back it is another");
            apply(&mut self.register, entry.at, change).expect("what was decided applies");
            self.journal.push(entry);
        }
    }

    pub(crate) fn act(&mut self, name: &str, command: Command) -> Result<Vec<Change>, Refusal> {
        let actor = person(name);
        let roles = self.roles(&actor);
        self.act_as(&actor, roles, &[command])
    }

    /// What must be allowed.
    pub(crate) fn ok(&mut self, name: &str, command: Command) {
        if let Err(refusal) = self.act(name, command) {
            panic!("{name} may not: {refusal}");
        }
    }

    /// The kinds of change that a command gives.
    pub(crate) fn kinds(&mut self, name: &str, command: Command) -> Vec<String> {
        match self.act(name, command) {
            Ok(changes) => changes.iter().map(kind).collect(),
            Err(refusal) => panic!("{name} may not: {refusal}"),
        }
    }

    /// Why a command is refused; nothing is changed by it.
    pub(crate) fn no(&mut self, name: &str, command: Command) -> Vec<String> {
        let before = self.register.clone();
        match self.act(name, command) {
            Ok(changes) => panic!("{name} may: {changes:?}"),
            Err(refusal) => {
                assert_eq!(before, self.register);
                refusal.because
            }
        }
    }

    /// Somebody on the tracker moves the date of `M-1`.
    #[allow(clippy::needless_pass_by_value, reason = "a call reads as the sentence that it says")]
    pub(crate) fn moved(
        &mut self,
        by: Actor,
        to: Option<&str>,
        entry: &str,
        why: Option<&str>,
    ) -> Vec<String> {
        let proposed = ProposedMove {
            milestone: M1,
            to: to.map(day),
            by: by.clone(),
            at: self.now,
            whence: format!("ticket site 1001 {entry}"),
            rationale: why.map(str::to_owned),
            settles: false,
        };
        let changes = self.act_as(&by, Roles::new(), &[Command::Propose(Box::new(proposed))]);
        changes.expect("no ticket's date is refused").iter().map(kind).collect()
    }

    pub(crate) fn item(&self, n: u32) -> &Item {
        self.register.items.get(&v(n)).expect("the item")
    }

    pub(crate) fn m1(&self) -> &Milestone {
        self.register.milestones.get(&M1).expect("M-1")
    }

    /// State and due date of each move of `M-1`.
    pub(crate) fn moves(&self) -> Vec<(&'static str, Option<NaiveDate>)> {
        self.m1().moves.iter().map(|m| (m.state.name(), m.to)).collect()
    }

    pub(crate) fn later(&mut self, minutes: i64) {
        self.now += Duration::minutes(minutes);
    }
}

/// A change's name in the journal.
pub(crate) fn kind(change: &Change) -> String {
    let value = change.to_value().expect("a body");
    value.get("kind").and_then(|kind| kind.as_str()).expect("a kind").to_owned()
}

/// Facts that lack nothing.
pub(crate) fn facts(title: &str) -> ItemFacts {
    let mut facts = ItemFacts::titled(title);
    facts.description = "The library has a known weakness".to_owned();
    facts.kind = FindingKind::Vulnerability;
    facts.detector = "Nessus".to_owned();
    facts.source_id = Some("12345".to_owned());
    facts.controls = vec!["SI-2".to_owned()];
    facts.components = vec!["web-1".to_owned(), "web-2".to_owned()];
    facts.cves = vec!["CVE-2026-1234".to_owned()];
    facts.detected = Some(day("2026-11-01"));
    facts.rating = Some(Rating::High);
    facts.root_cause = Some(RootCause::Process);
    facts.risk_statement = "Traffic can be read".to_owned();
    facts.plan = "Upgrade the library".to_owned();
    facts.resources = "8 hours".to_owned();
    facts.owner = Some("Otto".to_owned());
    facts
}

pub(crate) fn add_item(title: &str) -> Command {
    Command::AddItem { number: None, facts: Box::new(facts(title)) }
}

pub(crate) fn add_milestone(serves: &[u32], due: Option<&str>) -> Command {
    Command::AddMilestone(Box::new(NewMilestone {
        text: "OpenSSL 3.5.4 runs on all production hosts".to_owned(),
        serves: serves.iter().map(|n| v(*n)).collect(),
        owner: Some("Otto".to_owned()),
        expects: BTreeSet::from([EvidenceKind::Transition, EvidenceKind::Rescan]),
        due: due.map(day),
        ..NewMilestone::default()
    }))
}

pub(crate) fn set_state(to: MilestoneState, reason: Option<&str>) -> Command {
    Command::SetState { milestone: M1, to, reason: reason.map(str::to_owned) }
}

/// A rescan whose bytes are kept.
pub(crate) fn new_proof(milestone: MilestoneNumber, source: &str) -> NewEvidence {
    NewEvidence {
        of: EvidenceOf::Milestone(milestone),
        kind: EvidenceKind::Rescan,
        title: "Rescan of all hosts".to_owned(),
        digest: Some(Digest::of(source.as_bytes())),
        size: 120,
        media_type: "text/csv".to_owned(),
        authors: vec![person("Ella")],
        observed: Utc.with_ymd_and_hms(2026, 11, 10, 12, 0, 0).single().expect("a time"),
        source: source.to_owned(),
        details: BTreeMap::new(),
        redacted: None,
    }
}

pub(crate) fn proof(milestone: MilestoneNumber, source: &str) -> Command {
    Command::AddEvidence(Box::new(new_proof(milestone, source)))
}

pub(crate) fn close_out_of_boundary(n: u32) -> Command {
    let disposition = poam::register::Disposition::NotInBoundary("The hosts left the boundary".to_owned());
    Command::CloseItem { item: v(n), disposition, reason: None }
}

pub(crate) fn explain(text: &str) -> Command {
    Command::Explain { milestone: M1, number: None, text: text.to_owned() }
}

pub(crate) fn approve() -> Command {
    Command::Approve { milestone: M1, number: None }
}

pub(crate) fn reject(reason: &str) -> Command {
    Command::Reject { milestone: M1, number: None, reason: reason.to_owned() }
}
