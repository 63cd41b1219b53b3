//! What reads writes nothing: on a store that may be written, on one that may not, and on one that does not fit.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use poam::store::{Db, OpenOptions};
use serde_json::json;

use super::{Place, Ran, ran, text};

/// Commands that only read, or show what would be done.
const READING: &[&[&str]] = &[
    &["item", "list"],
    &["item", "show", "V-1"],
    &["milestone", "list"],
    &["milestone", "show", "M-1"],
    &["move", "list"],
    &["drift", "list"],
    &["drift", "list", "--all"],
    &["conflict", "list"],
    &["notice", "list"],
    &["link", "list"],
    &["tracker", "list"],
    &["person", "list"],
    &["token", "list"],
    &["audit", "log"],
    &["audit", "verify", "--evidence"],
    &["rules", "apply"],
    &["sync", "--dry-run"],
];

/// Every file beneath a folder, but what SQLite keeps beside a database while it is open.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !text(&path).ends_with("-shm") {
            let bytes = std::fs::read(&path).expect("a file");
            if !(text(&path).ends_with("-wal") && bytes.is_empty()) {
                found.insert(text(&path), bytes);
            }
        }
    }
    found
}

#[test]
fn what_reads_leaves_every_file_as_it_was() {
    let place = Place::planned();
    let proof = place.file("scan.txt", b"104743 was not found");
    place.ok(&["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"]);
    // The configuration says more than was recorded: a command that writes would record it.
    let config = std::fs::read_to_string(place.path("poam.toml")).expect("the configuration");
    place.file("poam.toml", format!("{config}\n[[person]]\nname = \"New Example\"\n").as_bytes());
    let plan = place.file("plan.toml", b"[[item]]\ntitle = \"Backups are not tested\"\n");
    let before = files(&place.path("."));
    let dry = [&["plan", "apply", plan.as_str(), "--dry-run"][..]];
    for args in READING.iter().copied().chain(dry) {
        place.ok(args);
        assert_eq!(files(&place.path(".")), before, "{args:?} wrote");
    }
    let people = place.json(&["person", "list"]);
    assert_eq!(people.as_array().map(Vec::len), Some(3), "the store is read as it is");
    place.ok(&["check"]);
    let people = place.json(&["person", "list"]);
    assert_eq!(people.as_array().map(Vec::len), Some(4), "a command that writes has recorded the new one");
}

/// Runs a command as somebody who may read a place, and write nothing there.
fn as_reader(place: &Place, args: &[&str]) -> Ran {
    let mut command = place.command(args);
    let owner = std::fs::metadata(place.path("poam.db")).expect("the store").uid();
    if owner == 0 {
        // Rights do not hold back the superuser, so somebody else reads.
        command.uid(65_534).gid(65_534);
    }
    ran(&mut command)
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("other rights");
}

/// Takes the right to write away beneath a folder, or gives it back.
fn set_writable(folder: &Path, writable: bool) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            set_writable(&path, writable);
        } else {
            set_mode(&path, if writable { 0o644 } else { 0o444 });
        }
    }
    set_mode(folder, if writable { 0o755 } else { 0o555 });
}

#[test]
fn a_store_that_may_not_be_written_is_read() {
    let place = Place::planned();
    let proof = place.file("scan.txt", b"104743 was not found");
    place.ok(&["milestone", "done", "M-1", "--evidence", &proof, "--kind", "rescan"]);
    set_writable(&place.path("."), false);
    let seen: Vec<(&[&str], Ran)> = READING.iter().map(|args| (*args, as_reader(&place, args))).collect();
    let refused = as_reader(&place, &["item", "add", "--title", "Backups are not tested"]);
    set_writable(&place.path("."), true);
    for (args, ran) in seen {
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    }
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("can only be read") || refused.err.contains("cannot be opened"),
        "{refused:?}"
    );
    assert_eq!(place.json(&["item", "list"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_reading() {
    let place = Place::new();
    let said = place.refused(1, &["item", "list"]);
    assert!(said.contains("is not set up yet") && said.contains("poam check"), "{said}");
    assert!(!place.path("poam.db").exists(), "reading made a store");
    assert!(!place.path("evidence").exists(), "reading made a folder");
    place.ok(&["check"]);
    assert_eq!(place.json(&["item", "list"]), json!([]));
}

#[test]
fn a_store_of_an_older_release_is_brought_forward_by_what_writes_alone() {
    let place = Place::new();
    let url = format!("sqlite:{}", text(&place.path("poam.db")));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let db = Db::open(&url, &OpenOptions::default()).await.expect("a store");
        db.migrate_to(1).await.expect("the first schema");
        db.close().await;
    });
    let before = files(&place.path("."));
    let said = place.refused(1, &["audit", "verify"]);
    assert!(said.contains("has schema 1, and this release reads"), "{said}");
    assert_eq!(files(&place.path(".")), before, "a refused command wrote");
    place.ok(&["check"]);
    place.ok(&["audit", "verify"]);
}

#[test]
fn a_system_that_was_not_recorded_yet_is_recorded_by_what_writes() {
    let place = Place::planned();
    let config = std::fs::read_to_string(place.path("poam.toml")).expect("the configuration");
    let more = "\n[[system]]\nid = \"BETA\"\nname = \"Beta\"\nimpact = \"low\"\n";
    place.file("poam.toml", format!("{config}{more}").as_bytes());
    let said = place.refused(1, &["item", "list", "--system", "BETA"]);
    assert!(said.contains("no system BETA yet") && said.contains("poam check"), "{said}");
    place.ok(&["check"]);
    assert_eq!(place.json(&["item", "list", "--system", "BETA"]), json!([]));
}
