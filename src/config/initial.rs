//! The file that `poam init` writes.

use crate::register::{Impact, SystemId};

/// A configuration for one system, with everything near it: one `SQLite` file and one folder of evidence beside the
/// configuration, reachable from this host only, no tracker yet.
pub fn initial(system: &SystemId, name: &str, impact: Impact, port: u16) -> String {
    let id = toml::Value::from(system.as_str());
    let name = toml::Value::from(name);
    let impact = match impact {
        Impact::Low => "low",
        Impact::Moderate => "moderate",
        Impact::High => "high",
    };
    format!(
        r#"# poam-bridge. `poam check` says what is wrong or missing here; config/poam.toml of the project shows every key.
# Relative paths are relative to this file. A secret may stand here (then: chmod 600), in a file of its own
# (`token_file`), or in an environment variable (`token_env`).

[server]
listen = "127.0.0.1:{port}"
# Where people and trackers reach it from outside, for links and webhooks:
#public_url = "https://poam.example.com"

[store]
url = "sqlite:poam.db"

[evidence]
url = "evidence"

[[system]]
id = {id}
name = {name}
impact = "{impact}"
# Days are counted in this zone:
timezone = "UTC"

# --- Next: the people, and where the engineers work. Take away the '#' and put in your own. ---

# Whoever owns, approves or validates; `github` and `jira` are their accounts there.
#[[person]]
#name = "Dana Reyes"
#email = "dana.reyes@example.com"
#github = "dreyes"
#roles = [{{ system = {id}, role = "owner" }}]

# An account on a tracker site that the bridge works as.
#[[connection]]
#id = "github"
#kind = "github"
#token_env = "GITHUB_TOKEN"

# One repository (or Jira project) on it.
#[[tracker]]
#id = "platform"
#connection = "github"
#repo = "example/platform"

# Which milestones get their tickets there; the first route that fits counts.
#[[route]]
#system = {id}
#tracker = "platform"
"#
    )
}
