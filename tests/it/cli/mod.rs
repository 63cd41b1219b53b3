//! The command line, by running the real program on a store of its own.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up fails")]

mod audit;
mod files;
mod import;
mod people;
mod plan;
mod read_only;
mod reading;
mod refusals;
mod sites;
mod sync;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The binary.
const POAM: &str = env!("CARGO_BIN_EXE_poam");

/// One system, three people.
const CONFIG: &str = r#"
[store]
url = "sqlite:poam.db"

[evidence]
url = "evidence"

[[system]]
id = "ACME"
name = "ACME Portal"
impact = "moderate"

[[person]]
name = "Ada Example"
email = "ada@example.com"
github = "ada"
jira = "557058:ada"
manager = "Grace Example"
roles = [{ system = "ACME", role = "owner" }, { system = "ACME", role = "engineer" }]

[[person]]
name = "Grace Example"
github = "grace"
roles = [{ system = "*", role = "approver" }, { system = "*", role = "grc" }]

[[person]]
name = "Vera Example"
roles = [{ system = "ACME", role = "assessor" }]
"#;

/// A folder with a configuration, in which commands run.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more configuration.
    pub(crate) fn with(more: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        place.file("poam.toml", format!("{CONFIG}\n{more}").as_bytes());
        place.close("poam.toml");
        place
    }

    /// Closes a file to all but its owner.
    pub(crate) fn close(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let closed = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path(name), closed).expect("a closed file");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path as text.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        text(&path)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    /// A command that can be run as it is, or after more is said of it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(POAM);
        command.args(args).current_dir(self.folder.path());
        command.env_clear().env("USER", "tester").env("PATH", "/usr/bin:/bin");
        command
    }

    /// Runs what must succeed; gives what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?} fails: {ran:?}");
        ran.out
    }

    /// Runs what must succeed with `--json`.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.ok(&args)).expect("JSON")
    }

    /// Runs what must end with this code, print nothing, and say why; gives what it said.
    pub(crate) fn refused(&self, code: i32, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert_eq!(ran.out, "", "{args:?} prints though it is refused");
        assert_ne!(ran.err, "", "{args:?} does not say why it is refused");
        assert!(!ran.err.contains("panicked"), "{args:?}: {}", ran.err);
        ran.err
    }

    /// Text in which what differs from run to run is made the same: times, digests, ids, and the days on which
    /// anything was recorded here.
    pub(crate) fn steady(&self, text: &str) -> String {
        let log = self.json(&["audit", "log", "--system", "ACME"]);
        let mut text = steady(text);
        for row in log.as_array().expect("rows") {
            text = text.replace(at(row, "/at").get(..10).expect("a day"), "####-##-##");
        }
        text
    }

    /// The same for JSON.
    pub(crate) fn steady_json(&self, value: &Value) -> String {
        self.steady(&serde_json::to_string_pretty(value).expect("JSON"))
    }

    /// An open item with one milestone, and a draft.
    pub(crate) fn planned() -> Self {
        let place = Self::new();
        place.plan();
        place
    }

    /// `V-1`, open, with `M-1`; `V-2`, a draft.
    pub(crate) fn plan(&self) {
        self.ok(&[
            "item",
            "add",
            "--title",
            "TLS 1.0 is offered",
            "--description",
            "The portal takes TLS 1.0.",
            "--controls",
            "sc-8,AC-17(2)",
            "--detector",
            "nessus",
            "--source",
            "scan",
            "--source-id",
            "104743",
            "--detected",
            "2026-01-05",
            "--rating",
            "moderate",
            "--owner",
            "Ada Example",
            "--component",
            "portal,balancer",
            "--cve",
            "cve-2011-3389",
            "--plan",
            "Turn TLS 1.0 off",
        ]);
        self.ok(&[
            "milestone",
            "add",
            "--text",
            "Turn TLS 1.0 off and show a scan without finding 104743",
            "--serves",
            "V-1",
            "--owner",
            "Ada Example",
            "--due",
            "2199-03-01",
            "--expects",
            "rescan",
        ]);
        self.ok(&["item", "add", "--title", "Audit logs are kept for 30 days"]);
    }
}

/// Runs a command to its end.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let done = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The same for times, digests and ids alone. No width changes.
fn steady(text: &str) -> String {
    let mut out: Vec<char> = text.chars().collect();
    for begin in 0..out.len() {
        for shape in ["0000-00-00 00:00:00Z", "0000-00-00T00:00:00.000000Z"] {
            blot(&mut out, begin, shape, |c| c.is_ascii_digit());
        }
        blot(&mut out, begin, &"0".repeat(64), |c| c.is_ascii_hexdigit());
        blot(&mut out, begin, &"0".repeat(32), |c| c.is_ascii_hexdigit());
    }
    out.into_iter().collect()
}

/// Blots what has a shape, in which `0` stands for any digit.
fn blot(out: &mut [char], begin: usize, shape: &str, digit: impl Fn(char) -> bool) {
    let Some(part) = out.get_mut(begin..begin + shape.chars().count()) else { return };
    let fits =
        part.iter().zip(shape.chars()).all(|(c, shape)| if shape == '0' { digit(*c) } else { *c == shape });
    if fits {
        for (c, shape) in part.iter_mut().zip(shape.chars()) {
            if shape == '0' {
                *c = '#';
            }
        }
    }
}

/// A member as text.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}"))
}

#[test]
fn what_differs_from_run_to_run_is_blotted() {
    assert_eq!(steady("on 2026-03-02 09:00:01Z by x"), "on ####-##-## ##:##:##Z by x");
    assert_eq!(steady("due 2026-03-02"), "due 2026-03-02");
    assert_eq!(steady(&format!("sha {}.", "a1".repeat(32))), format!("sha {}.", "#".repeat(64)));
}
