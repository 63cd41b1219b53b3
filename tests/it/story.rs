//! The demo's story with the real binary over real loopback sockets: each step that it narrates is in the store
//! afterwards.

#![expect(clippy::expect_used, reason = "a story that cannot be read fails the test")]

use std::path::Path;
use std::process::Command;

use poam::register::{
    Change, EvidenceKind, MilestoneNumber, MilestoneState, MoveState, NoticeKind, Register, Status, SystemId,
};
use poam::store::{Db, OpenOptions, Scope, Seals};

fn poam(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poam"));
    command.args(arguments).env_remove("POAM_CONFIG").env_remove("POAM_AS");
    command.output().expect("the binary runs")
}

async fn store(folder: &Path) -> (Register, Vec<Change>) {
    let url = format!("sqlite:{}", folder.join("poam.db").display());
    let db = Db::open(&url, &OpenOptions::default()).await.expect("the demo's store");
    let system = SystemId::new("ACME").expect("an id");
    let mut read = db.read().await.expect("a reader");
    let register = read.load(&system, Scope::All).await.expect("the register");
    let entries = read.entries(&system, 1, 10_000).await.expect("the journal");
    let changes = entries.iter().map(|entry| entry.change().expect("a change")).collect();
    let chains = read.verify_all(&Seals::default()).await.expect("a verification");
    assert!(chains.iter().all(|chain| chain.faults.is_empty()), "{chains:?}");
    (register, changes)
}

#[tokio::test]
async fn the_demo_plays_its_whole_story() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("demo");
    let played = poam(&["demo", "--script", "--dir", &dir.display().to_string()]);
    let told = String::from_utf8_lossy(&played.stdout).into_owned();
    let complained = String::from_utf8_lossy(&played.stderr).into_owned();
    assert!(played.status.success(), "{told}\n{complained}");
    for step in 1..=11 {
        assert!(told.contains(&format!("{step}. ")), "step {step} is not told:\n{told}");
    }
    assert!(!complained.contains("demo-token") && !told.contains("demo-token"), "a secret was logged");

    let (register, changes) = store(&dir).await;
    // 1 and 2: the workbook's items, one milestone that serves several of them.
    assert_eq!(register.items.len(), 8);
    let milestone = &register.milestones[&MilestoneNumber(1)];
    assert_eq!(milestone.serves.len(), 3);
    // 3: tickets in both trackers.
    let trackers: std::collections::BTreeSet<&str> =
        register.milestones.values().filter_map(|m| m.ticket.as_ref()).map(|t| t.tracker.as_str()).collect();
    assert_eq!(trackers, ["portal", "security"].into());
    // 4: work started.
    assert!(changes.iter().any(|change| matches!(
        change,
        Change::MilestoneStateChanged { milestone: MilestoneNumber(2), to: MilestoneState::InProgress, .. }
    )));
    // 5 to 8: moved without a reason, asked once, explained, approved by another; the original stays.
    let moved = milestone.moves.first().expect("a move");
    assert_eq!(moved.state, MoveState::Approved);
    assert!(moved.rationale.as_ref().is_some_and(|rationale| rationale.text.contains("vendor")));
    let questions = register.notices.values().filter(|notice| notice.kind == NoticeKind::Question).count();
    assert_eq!(questions, 1);
    assert!(moved.asked.is_some());
    let decision = moved.decision.as_ref().expect("a decision");
    assert_eq!(decision.by.shown(), "Grace Example");
    assert_eq!(milestone.due, moved.to);
    assert_eq!(milestone.original_due, moved.from);
    // 9: closed by a merged pull request, with evidence.
    assert_eq!(milestone.state, MilestoneState::Done);
    let kinds: Vec<EvidenceKind> = milestone.evidence.iter().map(|n| register.evidence[n].kind).collect();
    assert!(kinds.contains(&EvidenceKind::Transition) && kinds.contains(&EvidenceKind::PullRequestReview));
    // 10: Done closes nothing.
    assert!(register.items_of(milestone).all(|item| item.status == Status::PendingValidation));

    // 11: and the command line says the same.
    let config = dir.join("poam.toml").display().to_string();
    let verified = poam(&["--config", &config, "audit", "verify", "--evidence"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let listed = poam(&["--config", &config, "milestone", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(4));
}
