//! The demo's data: a workbook, a plan and a configuration. All of it is invented; dates lie around the day on which
//! the demo runs, so that every deadline is still ahead.

#[cfg(test)]
mod tests;

use chrono::{Days, NaiveDate};
use url::Url;

use crate::exchange::fedramp_xlsx::{
    Rating, Row, SheetKind, SystemHeader, TemplateVersion, WriteError, write_minimal,
};

/// The system.
pub const SYSTEM: &str = "ACME";
/// The GitHub repository that tickets about [`EDGE`] go to.
pub const REPOSITORY: &str = "acme/portal";
/// The Jira project that all other tickets go to.
pub const PROJECT: &str = "SEC";
/// The connections, by which webhooks come in.
pub const CONNECTIONS: [&str; 2] = ["github", "jira"];
/// The component whose tickets go to GitHub.
pub const EDGE: &str = "edge-proxy";
/// The bridge's own account on each site: GitHub's login, Jira's account id and its address.
pub const BRIDGE: (&str, &str, &str) = ("poam-bridge", "557058:poam-bridge", "poam-bridge@example.com");
/// The bridge's token on both fake sites. It opens nothing else.
pub const TOKEN: &str = "demo-token";
/// What both fake sites sign webhooks with.
pub const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// Somebody in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Character {
    /// Name, the same in the register and on both sites.
    pub name: &'static str,
    /// GitHub login.
    pub github: &'static str,
    /// Jira account id.
    pub jira: &'static str,
    /// What they may do in the system.
    pub roles: &'static [&'static str],
}

/// Owns the TLS work and the access work.
pub const ADA: Character =
    Character { name: "Ada Example", github: "ada", jira: "557058:ada", roles: &["engineer", "owner"] };
/// Builds the images.
pub const LINUS: Character =
    Character { name: "Linus Example", github: "linus", jira: "557058:linus", roles: &["engineer", "owner"] };
/// GRC: approves and validates, and works on nothing that she judges.
pub const GRACE: Character = Character {
    name: "Grace Example",
    github: "grace",
    jira: "557058:grace",
    roles: &["grc", "approver", "validator"],
};
/// Everybody; the first acts on the pages unless a visitor chooses another.
pub const PEOPLE: [Character; 3] = [ADA, LINUS, GRACE];

/// The day that lies `days` after `day`, or before it where negative.
fn plus(day: NaiveDate, days: i64) -> NaiveDate {
    let step = Days::new(days.unsigned_abs());
    let moved = if days < 0 { day.checked_sub_days(step) } else { day.checked_add_days(step) };
    moved.unwrap_or(day)
}

/// A finding as the workbook states it.
struct Finding {
    sheet: SheetKind,
    id: &'static str,
    control: &'static str,
    name: &'static str,
    description: &'static str,
    detector: &'static str,
    source: &'static str,
    assets: &'static [&'static str],
    owner: Character,
    plan: &'static str,
    /// Days before today.
    detected: i64,
    rating: Rating,
    cves: &'static [&'static str],
    /// Days before today, for what is closed.
    closed: Option<i64>,
}

const FINDINGS: [Finding; 8] = [
    Finding {
        sheet: SheetKind::Open,
        id: "V-1",
        control: "SC-8",
        name: "TLS 1.0 is offered on the public listener",
        description: "The edge proxy completes TLS 1.0 handshakes on port 443.",
        detector: "Network scan",
        source: "TLS-0001",
        assets: &[EDGE, "portal.acme.example:443"],
        owner: ADA,
        plan: "Move the edge proxy to a release whose lowest version is TLS 1.2.",
        detected: 25,
        rating: Rating::Moderate,
        cves: &[],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Open,
        id: "V-2",
        control: "SC-13",
        name: "Cipher suites without forward secrecy are accepted",
        description: "Five suites with static RSA key exchange are still negotiated.",
        detector: "Network scan",
        source: "TLS-0007",
        assets: &[EDGE, "portal.acme.example:443"],
        owner: ADA,
        plan: "Fixed by the same release of the edge proxy as V-1.",
        detected: 25,
        rating: Rating::Moderate,
        cves: &[],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Open,
        id: "V-3",
        control: "SC-8",
        name: "Strict transport security is not announced",
        description: "Answers of the portal carry no Strict-Transport-Security header.",
        detector: "Web scan",
        source: "WEB-0031",
        assets: &[EDGE],
        owner: ADA,
        plan: "The new release of the edge proxy sends the header by default.",
        detected: 21,
        rating: Rating::Low,
        cves: &[],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Open,
        id: "V-4",
        control: "SI-2",
        name: "Archive library in the base image overruns its buffer",
        description: "A crafted archive makes the library of the base image write beyond its buffer.",
        detector: "Image scan",
        source: "IMG-2214",
        assets: &["base-image", "worker"],
        owner: LINUS,
        plan: "Rebuild every image from the patched base.",
        detected: 8,
        rating: Rating::High,
        cves: &["CVE-1999-0001"],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Open,
        id: "V-5",
        control: "SI-2",
        name: "Name resolver in the base image can be crashed",
        description: "An oversized answer crashes the resolver library of the base image.",
        detector: "Image scan",
        source: "IMG-2218",
        assets: &["base-image", "worker"],
        owner: LINUS,
        plan: "Fixed by the same rebuild as V-4.",
        detected: 8,
        rating: Rating::Moderate,
        cves: &["CVE-1999-0002"],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Open,
        id: "V-6",
        control: "IA-2(1)",
        name: "A second factor is not enforced for administrators",
        description: "Two of nine administrators sign in to the console with a password alone.",
        detector: "Annual assessment",
        source: "AR-2.4",
        assets: &["admin-console"],
        owner: ADA,
        plan: "Enforce the second factor for the administrators' group.",
        detected: 5,
        rating: Rating::High,
        cves: &[],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Open,
        id: "V-7",
        control: "CP-2",
        name: "The contingency plan names a site that was given up",
        description: "Chapter 4 of the contingency plan still names the former recovery site.",
        detector: "Document review",
        source: "DOC-12",
        assets: &["contingency-plan"],
        owner: LINUS,
        plan: "Rewrite chapter 4 for the present recovery site and have it approved.",
        detected: 30,
        rating: Rating::Low,
        cves: &[],
        closed: None,
    },
    Finding {
        sheet: SheetKind::Closed,
        id: "V-8",
        control: "AC-2(3)",
        name: "Accounts of people who left stay enabled",
        description: "Three accounts were enabled more than 35 days after their owners had left.",
        detector: "Annual assessment",
        source: "AR-1.9",
        assets: &["directory"],
        owner: ADA,
        plan: "Disable accounts by the directory's daily job.",
        detected: 70,
        rating: Rating::Moderate,
        cves: &[],
        closed: Some(12),
    },
];

/// A workbook of template v3.0 with eight items: three that one upgrade fixes, two that one rebuild fixes, a missing
/// second factor, an outdated document, and one that is closed.
///
/// # Errors
/// [`WriteError`], where the workbook cannot be written.
pub fn workbook(today: NaiveDate) -> Result<Vec<u8>, WriteError> {
    let header = SystemHeader {
        csp: "ACME Example Corporation".to_owned(),
        system_name: "ACME Portal".to_owned(),
        impact: "Moderate".to_owned(),
        date: Some(today),
    };
    let rows: Vec<Row> = FINDINGS.iter().zip(1..).map(|(finding, row)| finding.row(row, today)).collect();
    write_minimal(TemplateVersion::V3_0, &header, &rows)
}

impl Finding {
    fn row(&self, row: u32, today: NaiveDate) -> Row {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let detected = plus(today, -self.detected);
        Row {
            controls: owned(&[self.control]),
            weakness_name: self.name.to_owned(),
            description: self.description.to_owned(),
            detector_source: self.detector.to_owned(),
            source_identifier: self.source.to_owned(),
            assets: owned(self.assets),
            point_of_contact: self.owner.name.to_owned(),
            resources: "Existing staff".to_owned(),
            remediation_plan: self.plan.to_owned(),
            original_detection: Some(detected),
            scheduled_completion: detected.checked_add_days(Days::new(self.rating.days())),
            status_date: Some(self.closed.map_or(today, |days| plus(today, -days))),
            vendor_dependency: Some(false),
            original_rating: Some(self.rating),
            cves: owned(self.cves),
            ..Row::blank(self.sheet, row, self.id)
        }
    }
}

/// The plan file: four milestones, the first of which serves three items. Each is due before the deadlines of what it
/// serves; the first by so much that its date can move by more than 30 days and still be.
pub fn plan(today: NaiveDate) -> String {
    let ada = ADA.name;
    let linus = LINUS.name;
    let [tls, image, factor, document] = [20, 12, 16, 45].map(|days| plus(today, days));
    format!(
        r#"# One upgrade fixes three findings: one milestone, one ticket.
[[milestone]]
text = "Edge proxy 4.2 runs in production: port 443 refuses TLS 1.1, and every answer announces strict transport security"
serves = ["V-1", "V-2", "V-3"]
owner = "{ada}"
expects = ["transition", "pull-request-review"]
due = {tls}

[[milestone]]
text = "Every image is rebuilt from base image 12.8, and the image scan shows neither IMG-2214 nor IMG-2218"
serves = ["V-4", "V-5"]
owner = "{linus}"
expects = ["transition"]
due = {image}

[[milestone]]
text = "The console refuses all 9 administrators a session without a second factor"
serves = ["V-6"]
owner = "{ada}"
expects = ["transition", "screenshot"]
due = {factor}

[[milestone]]
text = "Chapter 4 of the contingency plan names the present recovery site, and the plan is approved as version 3.1"
serves = ["V-7"]
owner = "{linus}"
expects = ["transition", "document"]
due = {document}
"#
    )
}

/// The configuration that the demo runs by. It holds the fakes' tokens, so the file must be its owner's alone.
/// `listen` is the port on loopback where the bridge is reached.
pub fn config(github_url: &Url, jira_url: &Url, listen: u16) -> String {
    let [github, jira] = CONNECTIONS;
    let (_, _, bridge_email) = BRIDGE;
    let people: String = PEOPLE.iter().map(Character::section).collect();
    format!(
        r#"[server]
listen = "127.0.0.1:{listen}"
public_url = "http://127.0.0.1:{listen}"

[store]
url = "sqlite:poam.db"

[evidence]
url = "evidence"

[schedule]
# Six fields: the first counts seconds.
poll = "*/2 * * * * *"
detect = "*/5 * * * * *"

[moves]
# Usually five minutes. Here a visitor is watching.
settle_seconds = 1

[[system]]
id = "{SYSTEM}"
name = "ACME Portal"
impact = "moderate"

{people}
[[connection]]
id = "{github}"
kind = "github"
url = "{github_url}"
token = "{TOKEN}"
webhook_secret = "{WEBHOOK_SECRET}"
proxy = "none"
requests_per_second = 500

[[connection]]
id = "{jira}"
kind = "jira"
url = "{jira_url}"
email = "{bridge_email}"
token = "{TOKEN}"
webhook_secret = "{WEBHOOK_SECRET}"
proxy = "none"
requests_per_second = 500

[[tracker]]
id = "portal"
connection = "{github}"
repo = "{REPOSITORY}"

[tracker.states]
"label:in-progress" = "in_progress"
"label:blocked" = "blocked"

[[tracker]]
id = "security"
connection = "{jira}"
project = "{PROJECT}"
issue_type = "Task"
disclosure = "full"

[[route]]
system = "{SYSTEM}"
component = "{EDGE}"
tracker = "portal"

[[route]]
system = "{SYSTEM}"
tracker = "security"
"#
    )
}

impl Character {
    fn section(&self) -> String {
        let Self { name, github, jira, roles } = self;
        let roles: Vec<String> =
            roles.iter().map(|role| format!("{{ system = \"{SYSTEM}\", role = \"{role}\" }}")).collect();
        format!(
            "[[person]]\nname = \"{name}\"\nemail = \"{github}@example.com\"\ngithub = \"{github}\"\njira = \"{jira}\"\n\
             roles = [{}]\n\n",
            roles.join(", ")
        )
    }
}
