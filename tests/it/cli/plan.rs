//! Items and milestones made, changed, worked on and closed.

use serde_json::json;

use super::{Place, at};

#[test]
fn an_item_takes_every_fact() {
    let place = Place::new();
    let item = place.json(&[
        "item",
        "add",
        "--number",
        "POAM-2026/7",
        "--title",
        "A weakness",
        "--description",
        "More of it",
        "--kind",
        "operating",
        "--source",
        "self-report",
        "--detector",
        "review",
        "--source-id",
        "R-7",
        "--controls",
        "AC-2(3),SC-8",
        "--components",
        "a,b",
        "--cves",
        "CVE-2026-12345",
        "--kev",
        "--kev-due",
        "2026-05-01",
        "--detected",
        "2026-01-05",
        "--rating",
        "high",
        "--adjusted",
        "low",
        "--risk-adjustment-pending",
        "--deviation-rationale",
        "Not reachable",
        "--root-cause",
        "third-party",
        "--risk-statement",
        "At stake",
        "--plan",
        "Patch",
        "--resources",
        "2 days",
        "--owner",
        "Ada Example",
        "--contact",
        "ops",
        "--supporting",
        "network,dba",
        "--scheduled",
        "2026-06-01",
        "--vendor-dependency",
        "--vendor-checkin",
        "2026-02-01",
        "--vendor-product",
        "Portal",
        "--documents",
        "scan.pdf",
        "--comments",
        "None yet",
    ]);
    insta::assert_snapshot!("item_add_json", place.steady_json(&item));
    let edited = place.json(&[
        "item",
        "edit",
        "POAM-2026/7",
        "--title",
        "Another",
        "--components",
        "",
        "--kind",
        "design",
        "--controls",
        "AC-3",
    ]);
    assert_eq!(at(&edited, "/title"), "Another");
    assert_eq!(edited["components"], json!([]), "an empty word takes the list away");
    assert_eq!(edited["controls"], json!(["AC-3"]));
    assert_eq!(at(&edited, "/description"), "More of it", "what was not named stays");
    let same = place.ok(&["item", "edit", "POAM-2026/7", "--title", "Another"]);
    assert!(same.contains("stands so already"), "{same}");
}

#[test]
fn a_milestone_lives_from_plan_to_done() {
    let place = Place::planned();
    let state = |name: &str| {
        let shown = place.json(&["milestone", "show", "M-1"]);
        assert_eq!(at(&shown, "/state"), name);
    };
    assert_eq!(place.ok(&["milestone", "start", "M-1"]).lines().count(), 2, "the item follows");
    state("in_progress");
    place.ok(&["milestone", "block", "M-1", "--reason", "no window for the change"]);
    state("blocked");
    place.ok(&["milestone", "unblock", "ACME/M-1"]);
    state("in_progress");
    let why = place.refused(1, &["milestone", "done", "M-1"]);
    assert!(why.contains("no evidence whose bytes are kept"), "{why}");
    let proof = place.file("scan.json", b"{}");
    let done = place.json(&["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"]);
    assert_eq!(at(&done, "/state"), "done");
    assert_eq!(at(&done, "/proofs/0/media_type"), "application/json");
    assert_eq!(at(&done, "/proofs/0/authors/0"), "local:tester");
    assert_eq!(done["proofs"][0]["size"], json!(2));
    let digest = at(&done, "/proofs/0/digest");
    let held = place.path(&format!("evidence/{}/{}/{digest}", &digest[..2], &digest[2..4]));
    assert_eq!(std::fs::read(held).ok(), Some(b"{}".to_vec()), "the bytes are kept under their digest");
    assert_eq!(at(&place.json(&["item", "show", "V-1"]), "/status"), "pending_validation");
    place.ok(&["milestone", "reopen", "M-1", "--reason", "the scan was of another host"]);
    state("in_progress");
    assert_eq!(at(&place.json(&["item", "show", "V-1"]), "/status"), "in_progress");
    place.ok(&["milestone", "drop", "M-1", "--reason", "the balancer is taken away"]);
    state("dropped");
}

#[test]
fn a_plan_is_changed_while_it_may_be() {
    let place = Place::planned();
    place.ok(&[
        "milestone",
        "add",
        "--text",
        "Keep audit logs for 365 days, as shown by the oldest entry",
        "--item",
        "V-2",
        "--depends-on",
        "M-1",
        "--expects",
        "test-output,screenshot",
    ]);
    place.ok(&["milestone", "owner", "M-2", "Ada Example"]);
    place.ok(&["milestone", "due", "M-2", "2199-05-05"]);
    place.ok(&["milestone", "text", "M-2", "Keep audit logs for 400 days"]);
    place.ok(&["milestone", "expect", "M-2", "document"]);
    place.ok(&["item", "add", "--title", "Audit logs are kept on one host"]);
    place.ok(&["milestone", "serve", "M-2", "V-3", "--also"]);
    let shown = place.json(&["milestone", "show", "M-2"]);
    assert_eq!(at(&shown, "/text"), "Keep audit logs for 400 days");
    assert_eq!(at(&shown, "/owner"), "Ada Example");
    assert_eq!(at(&shown, "/due"), "2199-05-05");
    assert_eq!(shown["expects"], json!(["document"]));
    assert_eq!(shown["serves"], json!(["V-2", "V-3"]));
    assert_eq!(shown["depends_on"], json!(["M-1"]));
    place.ok(&["milestone", "serve", "M-2", "V-2", "--no-longer"]);
    assert_eq!(place.json(&["milestone", "show", "M-2"])["serves"], json!(["V-3"]));
    place.ok(&["milestone", "serve", "M-2", "ACME/V-1"]);
    assert_eq!(place.json(&["milestone", "show", "M-2"])["serves"], json!(["V-1"]));
    let frozen = place.refused(1, &["milestone", "due", "M-2", "2199-06-05"]);
    assert!(frozen.contains("frozen"), "V-1 is open: {frozen}");
    place.ok(&["milestone", "owner", "M-2", "--none"]);
    assert_eq!(place.json(&["milestone", "show", "M-2"])["owner"], json!(null));
    let same = place.ok(&["milestone", "owner", "M-2", "--none"]);
    assert_eq!(same, "ACME/M-2 stands so already.\n");
    let vague = place.refused(1, &["milestone", "add", "--text", "Improve logging", "--serves", "V-2"]);
    assert!(vague.contains("Improve"), "{vague}");
    place.ok(&[
        "milestone",
        "add",
        "--text",
        "Improve logging",
        "--serves",
        "V-2",
        "--allow-wording",
        "as the plan of 2019 has it",
    ]);
}

#[test]
fn a_date_moves_with_a_reason_and_an_approver() {
    let place = Place::planned();
    let moved = place.json(&["move", "propose", "M-1", "2199-06-01"]);
    assert_eq!(at(&moved, "/state"), "unexplained");
    assert_eq!(at(&moved, "/by"), "local:tester");
    let short = place.refused(1, &["move", "why", "M-1", "late"]);
    assert!(short.contains("words"), "{short}");
    let why = place.ok(&["move", "why", "M-1", "1", "the vendor ships late"]);
    assert!(why.contains("waits for an approver"), "{why}");
    let alone = place.refused(1, &["move", "approve", "M-1"]);
    assert!(alone.contains("tester (local) moved the date, and an approver is another"), "{alone}");
    let unable = place.refused(1, &["move", "approve", "M-1", "--as", "Ada Example"]);
    assert!(unable.contains("none of the roles approver"), "{unable}");
    let approved = place.json(&["move", "approve", "ACME/M-1", "1", "--as", "Grace Example"]);
    assert_eq!(at(&approved, "/state"), "approved");
    assert_eq!(at(&approved, "/decision/by"), "person:Grace Example");
    let shown = place.json(&["milestone", "show", "M-1"]);
    assert_eq!((at(&shown, "/due"), at(&shown, "/original_due")), ("2199-06-01", "2199-03-01"));
    place.ok(&["move", "propose", "M-1", "2199-09-01", "--why", "the vendor slipped again"]);
    let rejected = place.ok(&["move", "reject", "M-1", "no", "second", "time", "--as", "Grace Example"]);
    assert!(rejected.contains("Move 2 of ACME/M-1 (2199-06-01 -> 2199-09-01) is rejected"), "{rejected}");
    assert!(rejected.contains("no second time"), "{rejected}");
    let none = place.refused(1, &["move", "approve", "M-1", "--as", "Grace Example"]);
    assert!(none.contains("no date move of M-1 waits"), "{none}");
    let same = place.ok(&["move", "propose", "M-1", "2199-06-01"]);
    assert_eq!(same, "Nothing is to be moved: M-1 is due on 2199-06-01.\n");
}

#[test]
fn a_typing_error_is_corrected_with_an_approver() {
    let place = Place::planned();
    let alone = place.refused(
        1,
        &[
            "item",
            "correct",
            "V-1",
            "--field",
            "detected",
            "--to",
            "2026-01-06",
            "--reason",
            "the scan's date",
            "--approved-by",
            "Vera Example",
        ],
    );
    assert!(alone.contains("Vera Example has none of the roles approver"), "{alone}");
    let item = place.json(&[
        "item",
        "correct",
        "V-1",
        "--field",
        "detected",
        "--to",
        "2026-01-06",
        "--reason",
        "the scan's date",
        "--approved-by",
        "Grace Example",
    ]);
    assert_eq!(at(&item, "/detected"), "2026-01-06");
    assert_eq!(at(&item, "/corrections/0/from"), "2026-01-05");
    assert_eq!(at(&item, "/deadline/date"), "2026-04-06");
    let milestone = place.json(&[
        "milestone",
        "correct",
        "M-1",
        "--field",
        "due",
        "--to",
        "2199-03-02",
        "--reason",
        "typed wrongly",
        "--approved-by",
        "Grace Example",
    ]);
    assert_eq!(at(&milestone, "/original_due"), "2199-03-02");
    let wrong = place.refused(
        1,
        &[
            "item",
            "correct",
            "V-1",
            "--field",
            "detected",
            "--to",
            "2026-02-30",
            "--reason",
            "x",
            "--approved-by",
            "Grace Example",
        ],
    );
    assert!(wrong.contains("2026-02-30"), "{wrong}");
}

#[test]
fn items_are_closed_by_a_disposition() {
    let place = Place::planned();
    let all = place.refused(1, &["item", "close", "V-1", "remediated"]);
    for missing in ["pending_validation", "validation evidence", "residual risk", "portal, balancer"] {
        assert!(all.contains(missing), "{missing} in {all}");
    }
    let reasonless = place.refused(1, &["item", "close", "V-2", "not-in-boundary"]);
    assert!(reasonless.contains("needs a reason"), "{reasonless}");
    let closed = place.json(&[
        "item",
        "close",
        "V-2",
        "not-in-boundary",
        "--reason",
        "sold last year",
        "--as",
        "Grace Example",
    ]);
    assert_eq!(at(&closed, "/disposition"), "not-in-boundary");
    assert_eq!(at(&closed, "/disposition_detail"), "sold last year");
    let twice = place.refused(1, &["item", "close", "V-2", "false-positive"]);
    assert!(twice.contains("closed already"), "{twice}");
    place.ok(&[
        "item",
        "add",
        "--title",
        "TLS 1.0 again",
        "--component",
        "spare",
        "--detected",
        "2026-03-05",
        "--rating",
        "moderate",
    ]);
    let later = place.refused(1, &["item", "merge", "V-1", "--into", "V-3"]);
    assert!(later.contains("merge the other way round"), "{later}");
    let merged = place.json(&["item", "merge", "ACME/V-3", "--into", "V-1", "--reason", "the same finding"]);
    assert_eq!(at(&merged, "/disposition_detail"), "V-1");
    assert_eq!(place.json(&["item", "show", "V-1"])["components"], json!(["portal", "balancer", "spare"]));
}
