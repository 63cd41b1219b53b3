//! Bytes that were removed once do not come back.

#![expect(clippy::expect_used, reason = "a bed that cannot be set up fails the test")]

use connector_api::fake::Act;
use poam::app::act::Who;
use poam::app::redact::redact;
use poam::register::{Actor, Digest, EvidenceKind, Role};

use super::TEXT;
use crate::bed::Bed;

#[tokio::test]
async fn redacted_attachment_stays_removed_when_it_is_attached_again() {
    let bed = Bed::new().await;
    let number = bed.plan(TEXT, "jira", "2026-04-01").await;
    bed.settle().await;
    let attach = |name: &str| Act::Attach { name: name.to_owned(), bytes: "a password".into() };
    bed.person_does("ada", number, attach("scan.txt")).await;
    bed.settle().await;
    let digest = Digest::of(b"a password");
    assert!(bed.world().evidence.contains(&digest).await.expect("the store"));
    let who = Who { actor: Actor::Local("operator".to_owned()), roles: [Role::Grc].into() };
    redact(bed.world(), &digest, "it shows a password", |_| Ok(who.clone())).await.expect("removed");
    bed.person_does("ada", number, attach("again.txt")).await;
    bed.settle().await;
    assert!(!bed.world().evidence.contains(&digest).await.expect("the store"), "they came back");
    let proofs: Vec<_> = bed.register().await.evidence.into_values().collect();
    let attached: Vec<_> = proofs.iter().filter(|proof| proof.kind == EvidenceKind::Document).collect();
    assert_eq!(attached.len(), 2, "{attached:?}");
    for proof in attached {
        assert_eq!(proof.digest.as_ref(), Some(&digest));
        assert_eq!(proof.redacted.as_deref(), Some("it shows a password"), "{}", proof.title);
    }
}
