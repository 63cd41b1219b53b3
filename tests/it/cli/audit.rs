//! `audit verify|log|seal`, `redact`.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::{Value, json};
use sqlx::Connection as _;

use poam::register::Digest;

use super::{Place, at, text};

/// A place with a key to seal with.
fn sealing() -> Place {
    let place = Place::with("[seal]\nkey_file = \"seal.pem\"\n");
    let key = SigningKey::from_bytes(&[7; 32]).to_pkcs8_pem(LineEnding::LF).expect("a key");
    place.file("seal.pem", key.as_bytes());
    place.close("seal.pem");
    place
}

/// Changes the store behind the program's back.
fn tamper(place: &Place, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let url = format!("sqlite:{}", text(&place.path("poam.db")));
        let mut store = sqlx::SqliteConnection::connect(&url).await.expect("the store");
        let done = sqlx::query(sql).execute(&mut store).await.expect("the statement");
        assert!(done.rows_affected() > 0, "{sql} changes nothing");
    });
}

#[test]
fn a_whole_history_is_found_whole() {
    let place = sealing();
    place.plan();
    let proof = place.file("scan.txt", b"not found");
    place.ok(&["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"]);
    let seal = place.json(&["audit", "seal", "--system", "ACME"]);
    let kept = place.file("acme.json", seal.to_string().as_bytes());
    let seals = place.json(&["audit", "seal"]);
    assert_eq!(seals.as_array().map(Vec::len), Some(2), "every chain");
    let all = place.file("all.json", seals.to_string().as_bytes());
    let report = place.json(&["audit", "verify", "--evidence", "--seal", &kept, "--seal", &all]);
    assert_eq!(report["ok"], json!(true));
    assert_eq!(
        report["evidence"],
        json!({ "checked": 1, "redacted": 0, "seals": 3, "unnamed": [], "faults": [] }),
        "a proof and three seals"
    );
    let acme = &report["systems"][0];
    assert_eq!(acme["sealed_upto"], seals[0]["upto"]);
    assert_eq!(acme["keys"], json!([at(&seal, "/key")]));
    assert_eq!(place.json(&["audit", "verify"])["evidence"], json!(null));
    let shown = place.ok(&["audit", "verify", "--evidence"]);
    insta::assert_snapshot!("audit_verify", place.steady(&shown));
    place.ok(&["audit", "verify", "--key", at(&seal, "/key")]);
    let foreign = place.run(&["audit", "verify", "--key", &"0".repeat(64)]);
    assert_eq!(foreign.code, Some(1), "{foreign:?}");
    assert!(foreign.out.contains("is by a key that is not trusted"), "{}", foreign.out);
    let other = place.refused(2, &["audit", "verify", "--system", "_", "--seal", &kept]);
    assert!(other.contains("a seal is of ACME"), "{other}");
    let broken = place.file("broken.json", b"{\"system\": 1}");
    let broken = place.refused(1, &["audit", "verify", "--seal", &broken]);
    assert!(broken.contains("broken.json is no seal"), "{broken}");
}

#[test]
fn the_files_of_seals_are_known_and_so_is_what_nothing_names() {
    let place = sealing();
    place.plan();
    place.ok(&["audit", "seal"]);
    let files = |place: &Place| -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![place.path("evidence")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    };
    let seals = files(&place);
    assert_eq!(seals.len(), 2, "a seal of each chain");

    // What a crash leaves between the bytes and their row is no fault, and is told.
    let digest = Digest::of(b"left behind");
    let folder = place.path("evidence").join(&digest.as_str()[..2]).join(&digest.as_str()[2..4]);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(digest.as_str()), b"left behind").expect("a file");
    let report = place.json(&["audit", "verify", "--evidence"]);
    assert_eq!((&report["ok"], &report["evidence"]["unnamed"]), (&json!(true), &json!([digest])));
    let one = place.json(&["audit", "verify", "--evidence", "--system", "ACME"]);
    assert_eq!(one["evidence"]["unnamed"], json!(null), "what other chains name is not known");

    std::fs::write(&seals[0], b"another seal").expect("a file");
    std::fs::remove_file(&seals[1]).expect("a file");
    let ran = place.run(&["audit", "verify", "--evidence"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.out.contains("the seal of ACME up to row") && ran.out.contains("the seal of _ up to row"),
        "{ran:?}"
    );
    assert!(ran.out.contains("was changed") && ran.out.contains("is in the evidence store"), "{ran:?}");
}

#[test]
fn a_refused_done_leaves_no_bytes_behind() {
    let place = Place::planned();
    let proof = place.file("scan.txt", b"104743 was not found");
    let done = ["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"];
    place.refused(1, &[&done[..], &["--as", "Vera Example"]].concat());
    place.refused(1, &["milestone", "done", "M-9", "--evidence", &proof, "--kind", "rescan"]);
    let report = place.json(&["audit", "verify", "--evidence"]);
    assert_eq!(report["evidence"]["unnamed"], json!([]));
    place.ok(&done);
    let report = place.json(&["audit", "verify", "--evidence"]);
    assert_eq!((&report["evidence"]["checked"], &report["evidence"]["unnamed"]), (&json!(1), &json!([])));
}

#[test]
fn an_assessor_changes_nothing() {
    let place = sealing();
    place.plan();
    let proof = place.file("scan.txt", b"104743 was not found");
    let rules = std::fs::read_to_string("config/rules/legacy-rev5.toml").expect("our rules");
    std::fs::create_dir(place.path("rules")).expect("a folder");
    place.file("rules/legacy-rev5.toml", format!("{rules}\n# Looked at.\n").as_bytes());
    let config = std::fs::read_to_string(place.path("poam.toml")).expect("the configuration");
    place.file("poam.toml", format!("{config}\n[rules]\ndir = \"rules\"\n").as_bytes());
    let before = place.json(&["audit", "log"]);
    for args in [
        &["move", "propose", "M-1", "2999-06-01", "--why", "the vendor ships late"][..],
        &["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"],
        &["milestone", "block", "M-1", "--reason", "waits"],
        &["item", "add", "--title", "X"],
        &["import", "poam.toml"],
        &["rules", "apply", "--yes"],
        &["audit", "seal"],
        &["link", "open", "--filter", "all"],
    ] {
        let said = place.refused(1, &[args, &["--as", "Vera Example"]].concat());
        assert!(said.contains("Vera Example has none of the roles"), "{args:?}: {said}");
    }
    assert_eq!(place.json(&["audit", "log"]), before);
    place.ok(&["rules", "apply", "--yes", "--as", "Grace Example"]);
    let log = place.json(&["audit", "log"]);
    let applied: Vec<&Value> =
        log.as_array().expect("rows").iter().filter(|row| row["cause"] == "rules apply").collect();
    assert_eq!(applied.len(), 1, "a comment in the rule file changes no deadline: {log}");
    assert_eq!(at(applied[0], "/actor"), "person:Grace Example");
}

#[test]
fn what_was_changed_is_found_and_named() {
    type Tampering = (&'static str, &'static str);
    const CASES: [Tampering; 4] = [
        (
            "UPDATE journal SET body = replace(body, 'moderate', 'low') WHERE number = 3 AND system = 'ACME'",
            "row 3 of ACME was changed",
        ),
        (
            "DELETE FROM journal WHERE number = 4 AND system = 'ACME'",
            "row 5 of ACME stands where row 4 should",
        ),
        ("UPDATE item SET owner = 'Grace Example' WHERE number = 'V-1'", "V-1"),
        ("UPDATE milestone SET due = '2199-12-31' WHERE number = 1", "due"),
    ];
    for (sql, says) in CASES {
        let place = Place::planned();
        tamper(&place, sql);
        let ran = place.run(&["audit", "verify"]);
        assert_eq!(ran.code, Some(1), "{sql}: {ran:?}");
        assert!(ran.out.contains(says), "{sql} should say {says:?}: {}", ran.out);
        assert!(ran.out.ends_with("The history is NOT whole.\n"), "{}", ran.out);
        let report: Value =
            serde_json::from_str(&place.run(&["audit", "verify", "--json"]).out).expect("JSON");
        assert_eq!(report["ok"], json!(false));
        assert_ne!(report["systems"][0]["faults"], json!([]));
    }
}

#[test]
fn a_cut_tail_is_found_by_a_seal_that_was_kept() {
    let place = sealing();
    place.plan();
    let kept =
        place.file("kept.json", place.json(&["audit", "seal", "--system", "ACME"]).to_string().as_bytes());
    tamper(&place, "DELETE FROM journal WHERE system = 'ACME' AND number > 2");
    tamper(
        &place,
        "UPDATE chain SET number = 2, hash = (SELECT hash FROM journal WHERE system = 'ACME' AND number = 2), \
         at = (SELECT at FROM journal WHERE system = 'ACME' AND number = 2) WHERE system = 'ACME'",
    );
    let ran = place.run(&["audit", "verify", "--seal", &kept]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("its tail was cut"), "{}", ran.out);
}

#[test]
fn changed_and_lost_evidence_is_found() {
    let place = Place::planned();
    let proof = place.file("scan.txt", b"not found");
    let done = place.json(&["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"]);
    let digest = at(&done, "/proofs/0/digest");
    let held = place.path(&format!("evidence/{}/{}/{digest}", &digest[..2], &digest[2..4]));
    std::fs::write(&held, b"found").expect("the bytes are changed");
    let ran = place.run(&["audit", "verify", "--evidence"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("ACME evidence 1 (File scan.txt)"), "{}", ran.out);
    assert!(ran.out.contains("was changed"), "{}", ran.out);
    assert_eq!(place.run(&["audit", "verify"]).code, Some(0), "the chain itself is whole");
    std::fs::remove_file(&held).expect("the bytes are lost");
    let ran = place.run(&["audit", "verify", "--evidence"]);
    assert!(ran.out.contains("no evidence with digest"), "{}", ran.out);
}

#[test]
fn redaction_removes_bytes_and_keeps_the_digest() {
    let place = Place::with("[[system]]\nid = \"BETA\"\nname = \"Beta\"\nimpact = \"low\"\n");
    let proof = place.file("scan.txt", b"a password");
    for system in ["ACME", "BETA"] {
        place.ok(&["item", "add", "--title", "A weakness", "--system", system]);
        place.ok(&["milestone", "add", "--text", "Show 3 scans", "--serves", &format!("{system}/V-1")]);
        place.ok(&["milestone", "done", &format!("{system}/M-1"), "--evidence", &proof, "--kind", "rescan"]);
    }
    let done = place.json(&["milestone", "show", "ACME/M-1"]);
    let digest = at(&done, "/proofs/0/digest").to_owned();
    let unable = place.refused(1, &["redact", &digest, "--reason", "a password", "--as", "Ada Example"]);
    assert!(unable.contains("none of the roles grc, isso, admin"), "{unable}");
    let reasonless = place.refused(1, &["redact", &digest, "--reason", " "]);
    assert!(reasonless.contains("needs a reason"), "{reasonless}");
    let redacted = place.json(&["redact", &digest, "--reason", "a password", "--as", "Grace Example"]);
    assert_eq!(redacted["evidence"], json!({ "ACME": [1], "BETA": [1] }), "every system that names it");
    assert!(!place.path(&format!("evidence/{}/{}/{digest}", &digest[..2], &digest[2..4])).exists());
    let shown = place.json(&["milestone", "show", "BETA/M-1"]);
    assert_eq!(at(&shown, "/proofs/0/redacted"), "a password");
    assert_eq!(at(&shown, "/proofs/0/digest"), digest);
    let report = place.json(&["audit", "verify", "--evidence"]);
    assert_eq!(
        report["evidence"],
        json!({ "checked": 0, "redacted": 1, "seals": 0, "unnamed": [], "faults": [] })
    );
    let log = place.json(&["audit", "log", "--system", "ACME"]);
    let last = log.as_array().and_then(|log| log.last()).expect("a row");
    assert_eq!(at(last, "/actor"), "person:Grace Example");
    let before = log.as_array().map(Vec::len);
    place.ok(&["redact", &digest, "--reason", "once more"]);
    assert_eq!(
        place.json(&["audit", "log", "--system", "ACME"]).as_array().map(Vec::len),
        before,
        "once is enough"
    );
    place.ok(&["milestone", "add", "--text", "Show 4 scans", "--serves", "ACME/V-1"]);
    place.ok(&["milestone", "done", "ACME/M-2", "--evidence", &proof, "--kind", "rescan"]);
    let report = place.json(&["audit", "verify", "--evidence"]);
    assert_eq!(report["evidence"]["faults"], json!([]), "given again, they do not come back");
    let unknown = place.refused(1, &["redact", &"0".repeat(64), "--reason", "x"]);
    assert!(unknown.contains("no evidence of any system names them"), "{unknown}");
}

#[test]
fn the_log_shows_who_did_what() {
    let place = Place::planned();
    let log = place.json(&["audit", "log"]);
    let rows = log.as_array().expect("rows");
    let numbers: Vec<u64> = rows.iter().filter_map(|row| row["number"].as_u64()).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>(), "all of it, without gaps");
    assert_eq!(rows[1]["previous"], rows[0]["hash"]);
    let last = place.json(&["audit", "log", "--limit", "2"]);
    assert_eq!(last.as_array().map(Vec::as_slice), rows.get(rows.len() - 2..));
    let of_item = place.json(&["audit", "log", "--item", "V-1"]);
    assert!(of_item.as_array().expect("rows").iter().all(|row| row["subject"] == "V-1"), "{of_item}");
    let of_milestone = place.json(&["audit", "log", "--milestone", "ACME/M-1", "--limit", "1"]);
    assert_eq!(of_milestone.as_array().map(Vec::len), Some(1));
    let people = place.json(&["audit", "log", "--system", "_"]);
    assert_eq!(people[0]["subject"], "person Ada Example");
    let ran = place.run(&["audit", "log", "--limit", "2"]);
    assert!(ran.err.contains(&format!("The last 2 of {} rows", rows.len())), "{}", ran.err);
    insta::assert_snapshot!("audit_log", place.steady(&place.ok(&["audit", "log"])));
}
