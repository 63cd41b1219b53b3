//! One milestone's whole life against trackers that others wrote. `scripts/peers` starts them and runs these tests.
//!
//! Every stage prints one line that begins `passed: `. What a peer does not know is printed as `not implemented: `, in
//! the peer's own words; where the bridge has a plainer way, the stage passes by it all the same.

#![expect(clippy::expect_used, reason = "a life that cannot begin fails the test")]

mod bridge;
mod exchange;
mod people;
mod time;

use std::sync::{Arc, Mutex};

use connector_api::{Account, ProjectSpec, Transport};
use connector_github::{GitHub, GitHubConfig};
use connector_jira::{Auth, Flavor, Jira, JiraConfig};
use http::Method;
use poam::clock::{Clock, ManualClock};
use poam::register::{EvidenceKind, MilestoneNumber, MilestoneState, MoveState, NoticeKind, Status};
use poam::sync::Kind;

use crate::bed::day;
use bridge::{Bridge, Done, Plan};
use exchange::{Notes, Noting, Person, Stop, hold, transport, variable};
use people::{OnGithub, OnJira, Shown, Tracker};
use time::{AheadClock, Time, Together};

const TEXT: &str = "Disable TLS 1.0 on every load balancer; plugin 104743 is clean on the rescan";
const TITLE: &str = "Payroll TLS hardening, all sites";
/// Found, due as planned, and due as moved: past the 90 days of a moderate weakness.
const FOUND: &str = "2026-11-10";
const DUE: &str = "2026-12-18";
const LATER: &str = "2027-03-15";

/// A life under way.
struct Life<'a> {
    bridge: &'a Bridge,
    people: &'a dyn Tracker,
    time: &'a dyn Time,
    number: MilestoneNumber,
    engineer: &'a Account,
}

/// Tells of a stage; whatever is neither right nor missing there fails the test.
fn tell(bridge: &Bridge, peer: &str, stage: &str, result: Result<(), Stop>) {
    for lacking in bridge.notes().take_lacking() {
        eprintln!("not implemented: {peer}/{stage} ({lacking})");
    }
    match result {
        Ok(()) => eprintln!("passed: {peer}/{stage}"),
        Err(Stop::Lacks(said)) => eprintln!("not implemented: {peer}/{stage} ({said})"),
        Err(Stop::Wrong(why)) => panic!("{peer}/{stage}: {why}"),
    }
}

impl Life<'_> {
    async fn live(&self) {
        let peer = self.people.name();
        // The test's own name stands on the line before.
        eprintln!();
        let tell = |stage, result| tell(self.bridge, peer, stage, result);
        tell("check", self.bridge.check().await);
        tell("ticket-created", self.created().await);
        tell("work-started", self.started().await);
        tell("due-date-moved", self.moved().await);
        tell("question-asked", self.asked().await);
        tell("reason-given", self.explained().await);
        tell("move-approved", self.approved().await);
        tell("title-and-labels-edited", self.edited().await);
        tell("done-with-evidence", self.finished().await);
        tell("reopened", self.reopened().await);
        tell("second-pass-quiet", self.quiet().await);
        tell("journal-verified", self.bridge.verified().await.map(|_| ()));
    }

    async fn see(&self) -> Result<Shown, Stop> {
        self.people.see(&self.key().await).await
    }

    async fn key(&self) -> String {
        self.bridge.milestone(self.number).await.ticket.expect("a ticket").key
    }

    /// Time goes by, then the bridge looks, and some more before anybody does anything: two changes at the very same
    /// moment cannot be told apart by their time.
    async fn settle(&self) -> Result<Done, Stop> {
        self.time.passes().await?;
        let done = self.bridge.settle().await?;
        self.time.passes().await?;
        Ok(done)
    }

    async fn created(&self) -> Result<(), Stop> {
        let done = self.settle().await?;
        hold(done.created == 1, format!("{done:?}"))?;
        let seen = self.see().await?;
        hold(seen.title == format!("[ACME M-1] {TEXT}"), &seen.title)?;
        hold(seen.labels.contains("poam"), format!("{:?}", seen.labels))?;
        let block = seen.text.contains("is kept in step by poam-bridge") && seen.text.contains(DUE);
        hold(block && seen.text.contains("Proof expected"), &seen.text)?;
        hold(seen.due.as_deref() == Some(DUE), format!("{:?}", seen.due))?;
        hold(seen.assignee.as_ref() == Some(&self.engineer.id), format!("{:?}", seen.assignee))?;
        hold(seen.comments.is_empty(), "a ticket begins without words")
    }

    async fn started(&self) -> Result<(), Stop> {
        self.people.start_work(&self.key().await).await?;
        self.settle().await?;
        let state = self.bridge.milestone(self.number).await.state;
        hold(state == MilestoneState::InProgress, format!("{state:?}"))
    }

    async fn moved(&self) -> Result<(), Stop> {
        self.people.move_due(&self.key().await, DUE, LATER).await?;
        self.settle().await?;
        let milestone = self.bridge.milestone(self.number).await;
        hold(milestone.due == Some(day(DUE)), "the plan keeps its date")?;
        let [moved] = milestone.moves.as_slice() else {
            return Err(Stop::Wrong(format!("one edit is one move: {:?}", milestone.moves)));
        };
        hold(moved.to == Some(day(LATER)) && moved.state == MoveState::Unexplained, format!("{moved:?}"))?;
        let drifts = self.bridge.drifts(self.number).await;
        hold(drifts.contains("slip-unexplained"), format!("{drifts:?}"))?;
        let seen = self.see().await?;
        hold(seen.due.as_deref() == Some(LATER), format!("their date stays in the ticket: {:?}", seen.due))?;
        hold(seen.comments.is_empty(), "nobody is asked before edits settle")
    }

    async fn asked(&self) -> Result<(), Stop> {
        self.time.settles().await?;
        let done = self.settle().await?;
        hold(done.said == 1, format!("{done:?}"))?;
        let seen = self.see().await?;
        let [(_, question)] = seen.comments.as_slice() else {
            return Err(Stop::Wrong(format!("one question: {:?}", seen.comments)));
        };
        hold(question.contains("Why?") && question.contains(DUE) && question.contains(LATER), question)?;
        let asked = self.bridge.milestone(self.number).await.moves[0].asked;
        hold(asked.is_some(), "the register knows of its question")
    }

    async fn explained(&self) -> Result<(), Stop> {
        self.people.engineer_says(&self.key().await, "/poam why the vendor ships the fix in March").await?;
        self.settle().await?;
        let moved = self.bridge.milestone(self.number).await.moves[0].clone();
        hold(moved.state == MoveState::Explained, format!("{moved:?}"))?;
        hold(
            moved.rationale.as_ref().is_some_and(|why| why.text == "the vendor ships the fix in March"),
            format!("{:?}", moved.rationale),
        )?;
        let seen = self.see().await?;
        hold(seen.text.contains("the vendor ships the fix in March"), &seen.text)
    }

    async fn approved(&self) -> Result<(), Stop> {
        let key = self.key().await;
        self.people.engineer_says(&key, "/poam approve").await?;
        self.settle().await?;
        let moved = self.bridge.milestone(self.number).await.moves[0].clone();
        hold(moved.state == MoveState::Explained, "an engineer approves nothing")?;
        self.people.approver_says(&key, "/poam approve").await?;
        self.settle().await?;
        let milestone = self.bridge.milestone(self.number).await;
        let moved = &milestone.moves[0];
        hold(moved.state == MoveState::Approved, format!("{moved:?}"))?;
        let by = moved.decision.as_ref().map(|decision| decision.by.shown().clone());
        hold(by.as_deref() == Some("Grace Approver"), format!("{by:?}"))?;
        let dates = (milestone.due, milestone.original_due);
        hold(dates == (Some(day(LATER)), Some(day(DUE))), format!("{dates:?}"))?;
        hold(!self.bridge.drifts(self.number).await.contains("slip-unexplained"), "the slip is explained")?;
        let seen = self.see().await?;
        hold(seen.due.as_deref() == Some(LATER), format!("{:?}", seen.due))?;
        hold(seen.text.contains("Original due"), &seen.text)
    }

    /// Their title stays behind our prefix, our label comes back, theirs stays. Without our label no poll finds it.
    async fn edited(&self) -> Result<(), Stop> {
        self.people.edit(&self.key().await, TITLE, "poam", "team-payroll").await?;
        self.settle().await?;
        self.bridge.sweep().await?;
        self.settle().await?;
        let seen = self.see().await?;
        hold(seen.title == format!("[ACME M-1] {TITLE}"), &seen.title)?;
        let labels = seen.labels.contains("poam") && seen.labels.contains("team-payroll");
        hold(labels, format!("{:?}", seen.labels))?;
        let milestone = self.bridge.milestone(self.number).await;
        hold(milestone.text == TEXT, "the plan keeps its words")?;
        hold(milestone.ticket_title.as_deref() == Some(TITLE), format!("{:?}", milestone.ticket_title))
    }

    async fn finished(&self) -> Result<(), Stop> {
        self.people.finish(&self.key().await).await?;
        self.settle().await?;
        let register = self.bridge.register().await;
        let milestone = &register.milestones[&self.number];
        hold(milestone.state == MilestoneState::Done, format!("{:?}", milestone.state))?;
        let [number] = milestone.evidence.as_slice() else {
            return Err(Stop::Wrong(format!("one proof: {:?}", milestone.evidence)));
        };
        let proof = &register.evidence[number];
        hold(proof.kind == EvidenceKind::Transition, format!("{:?}", proof.kind))?;
        let authors: Vec<String> = proof.authors.iter().map(poam::register::Actor::shown).collect();
        hold(authors == ["Eva Engineer"], format!("{authors:?}"))?;
        let digest = proof.digest.as_ref().expect("a digest");
        let kept = self.bridge.world().evidence.verify(digest).await;
        hold(kept.is_ok(), format!("{kept:?}"))?;
        let statuses: Vec<Status> = register.items.values().map(|item| item.status).collect();
        hold(statuses == [Status::PendingValidation], format!("Done closes nothing: {statuses:?}"))
    }

    async fn reopened(&self) -> Result<(), Stop> {
        self.people.reopen(&self.key().await).await?;
        self.settle().await?;
        let milestone = self.bridge.milestone(self.number).await;
        hold(milestone.state == MilestoneState::InProgress, format!("{:?}", milestone.state))?;
        hold(milestone.evidence.len() == 1, "what was proved stays on record")?;
        let drifts = self.bridge.drifts(self.number).await;
        hold(drifts.contains("reopened"), format!("{drifts:?}"))
    }

    /// With nobody doing anything, nothing is written: here, there, by polls or by sweeps.
    async fn quiet(&self) -> Result<(), Stop> {
        self.settle().await?;
        let before = self.see().await?;
        let changes = self.bridge.verified().await?;
        self.bridge.notes().writes.clear();
        for _ in 0..3 {
            self.time.passes().await?;
            self.bridge.sweep().await?;
            let round = self.bridge.round().await?;
            hold(round == Done::default(), format!("{round:?}"))?;
        }
        let writes = self.bridge.notes().writes.clone();
        hold(writes.is_empty(), writes.join(", "))?;
        let after = self.see().await?;
        hold(format!("{before:?}") == format!("{after:?}"), format!("{before:?} became {after:?}"))?;
        let now = self.bridge.verified().await?;
        hold(now == changes, format!("the journal grew from {changes} to {now}"))?;
        let register = self.bridge.register().await;
        let asked = register.notices.values().filter(|notice| notice.kind == NoticeKind::Question).count();
        hold(asked == 1, format!("{asked} questions"))
    }
}

fn now_of(clock: &Arc<dyn Clock>) -> poam::app::http::Now {
    let clock = clock.clone();
    Arc::new(move || clock.now())
}

/// The bridge's transport, the people's, and what was noted of the first.
type Transports = (Arc<dyn Transport>, Arc<dyn Transport>, Arc<Mutex<Notes>>);

/// The bridge's transport, noted, and the people's.
fn transports(intercepted: bool, clock: &Arc<dyn Clock>) -> Transports {
    let notes = Arc::<Mutex<Notes>>::default();
    let noting = Noting { inner: transport(intercepted, now_of(clock)), notes: notes.clone() };
    (Arc::new(noting), transport(intercepted, now_of(clock)), notes)
}

#[tokio::test]
#[ignore = "needs emulate: run scripts/peers"]
async fn a_milestone_lives_on_emulate() {
    if std::env::var_os("POAM_PEER_GITHUB_URL").is_none() {
        eprintln!("\nskipped: github (emulate does not run here)");
        return;
    }
    let ahead = Arc::new(AheadClock::default());
    let clock: Arc<dyn Clock> = ahead.clone();
    let (ours, theirs, notes) = transports(false, &clock);
    let (base, repo) = (variable("POAM_PEER_GITHUB_URL"), variable("POAM_PEER_GITHUB_REPO"));
    let config = GitHubConfig::new(base.parse().expect("a URL"), variable("POAM_PEER_GITHUB_TOKEN").into());
    let account = |login: &str| Account { id: login.to_owned(), name: login.to_owned() };
    let (engineer, approver) = (account("eva"), account("grace"));
    let bridge = Bridge::new(Plan {
        kind: Kind::Github,
        connector: Arc::new(GitHub::new(config, ours, now_of(&clock))),
        project: ProjectSpec { project: repo.clone(), ..ProjectSpec::default() },
        clock,
        notes,
        engineer: engineer.clone(),
        approver,
    })
    .await;
    let people = OnGithub {
        repo,
        engineer: Person::bearer(&theirs, &base, &variable("POAM_PEER_GITHUB_ENGINEER_TOKEN")),
        approver: Person::bearer(&theirs, &base, &variable("POAM_PEER_GITHUB_APPROVER_TOKEN")),
    };
    let number = bridge.plan(TEXT, FOUND, DUE).await;
    Life { bridge: &bridge, people: &people, time: &*ahead, number, engineer: &engineer }.live().await;
}

/// Who a person is in Jira.
async fn who(person: &Person) -> Account {
    let me = person.call(Method::GET, "/rest/api/3/myself", None).await.expect("an account");
    let text = |key: &str| me[key].as_str().expect("a text").to_owned();
    Account { id: text("accountId"), name: text("displayName") }
}

#[tokio::test]
#[ignore = "needs minutehand: run scripts/peers"]
async fn a_milestone_lives_on_minutehand() {
    if std::env::var_os("POAM_PEER_JIRA_URL").is_none() {
        eprintln!("\nskipped: jira (minutehand does not run here)");
        return;
    }
    let standing = Arc::new(ManualClock::new("2026-11-23T09:00:00Z".parse().expect("a time")));
    let clock: Arc<dyn Clock> = standing.clone();
    let (ours, theirs, notes) = transports(true, &clock);
    // The control API is reached directly: it is no tracker.
    let world = format!(
        "{}/v1/worlds/{}",
        variable("POAM_PEER_MINUTEHAND_CONTROL"),
        variable("POAM_PEER_MINUTEHAND_WORLD")
    );
    let control = Person::bearer(&transport(false, now_of(&clock)), &world, "none");
    let state = control.call(Method::GET, "", None).await.expect("the world");
    standing.set(state["now"].as_str().and_then(|now| now.parse().ok()).expect("its time"));
    let base = variable("POAM_PEER_JIRA_URL");
    let person = |role: &str| {
        let (email, token) = (format!("POAM_PEER_JIRA_{role}_EMAIL"), format!("POAM_PEER_JIRA_{role}_TOKEN"));
        Person::basic(&theirs, &base, &variable(&email), &variable(&token))
    };
    let people = OnJira { engineer: person("ENGINEER"), approver: person("APPROVER") };
    let (engineer, approver) = (who(&people.engineer).await, who(&people.approver).await);
    let project = ProjectSpec {
        project: variable("POAM_PEER_JIRA_PROJECT"),
        issue_type: Some("Task".to_owned()),
        due_field: Some("duedate".to_owned()),
        ..ProjectSpec::default()
    };
    let auth = Auth::Basic {
        email: variable("POAM_PEER_JIRA_EMAIL"),
        token: variable("POAM_PEER_JIRA_TOKEN").into(),
    };
    let mut config = JiraConfig::new(base.parse().expect("a URL"), Flavor::Cloud, auth);
    config.projects = vec![project.clone()];
    let bridge = Bridge::new(Plan {
        kind: Kind::Jira,
        connector: Arc::new(Jira::new(config, ours, now_of(&clock))),
        project,
        clock,
        notes,
        engineer: engineer.clone(),
        approver,
    })
    .await;
    let number = bridge.plan(TEXT, FOUND, DUE).await;
    let time = Together { ours: standing, control };
    Life { bridge: &bridge, people: &people, time: &time, number, engineer: &engineer }.live().await;
}
