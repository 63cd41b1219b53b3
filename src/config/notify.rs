//! `[ladder] [mail] [[channel]] [oidc]`: whom the bridge tells, how, and how people sign in.

use chrono::NaiveTime;
use url::Url;

use super::people;
use super::secret::Secret;
use super::section::Section;
use super::site::{self, Disclosure};
use super::value::one_of;
use crate::register::DriftKind;

/// `[ladder]`: the steps that stand in for those that ship with the program; none for those that ship.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder {
    /// When steps that honour it wait, in the system's zone.
    pub quiet: Option<QuietHours>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// From one time of day to another, past midnight where the second is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// First minute.
    pub from: NaiveTime,
    /// First minute after.
    pub to: NaiveTime,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its id, which its notices carry.
    pub id: String,
    /// Systems that it is for; empty for all.
    pub systems: Vec<String>,
    /// What it is relative to.
    pub when: When,
    /// Whether its days are business days.
    pub business_days: bool,
    /// Whether it waits for the end of quiet hours.
    pub quiet: bool,
    /// Who is told.
    pub to: Vec<Audience>,
    /// By what.
    pub by: Vec<StepChannel>,
    /// Whether it is taken at all.
    pub enabled: bool,
}

/// What a step is relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Days after the due date in force; before it where negative.
    Due(i32),
    /// Days after the opening of a drift of one of these kinds; of any kind where empty.
    Drift(i32, Vec<DriftKind>),
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The owner.
    Owner,
    /// Supporting teams.
    SupportingTeam,
    /// The owner's manager.
    Manager,
    /// Information system security officer.
    Isso,
    /// System owner.
    SystemOwner,
    /// Authorizing official.
    AuthorizingOfficial,
}

/// By what a step tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepChannel {
    /// A comment in the ticket.
    Ticket,
    /// E-mail.
    Mail,
    /// A `[[channel]]`, by id.
    Channel(String),
}

const AUDIENCES: [(&str, Audience); 6] = [
    ("owner", Audience::Owner),
    ("supporting_team", Audience::SupportingTeam),
    ("manager", Audience::Manager),
    ("isso", Audience::Isso),
    ("system_owner", Audience::SystemOwner),
    ("authorizing_official", Audience::AuthorizingOfficial),
];

impl Ladder {
    /// The ladder, with the sections of its steps, which know where they stand.
    pub(super) fn read<'a>(section: &Section<'a>) -> (Self, Vec<Section<'a>>) {
        let quiet = quiet_hours(&section.section("quiet_hours"));
        let elements = section.sections("step");
        let mut steps: Vec<Step> = Vec::new();
        for element in &elements {
            if let Some(step) = step(element) {
                if steps.iter().any(|other| other.id == step.id) {
                    element.mistake("id", format!("{:?} is another step's id", step.id));
                }
                steps.push(step);
            }
            element.finish();
        }
        section.finish();
        (Self { quiet, steps }, elements)
    }
}

fn quiet_hours(section: &Section<'_>) -> Option<QuietHours> {
    let time = |text: &str| {
        NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| format!("{text:?} is no time such as \"20:00\""))
    };
    let (from, to) = (section.parsed("from", time), section.parsed("to", time));
    if section.is_present() {
        section.require("from");
        section.require("to");
    }
    section.finish();
    Some(QuietHours { from: from?, to: to? })
}

fn step(section: &Section<'_>) -> Option<Step> {
    let id = section.required_parsed("id", site::id);
    let due = section.integer("due", -3_650..=3_650);
    let drift = section.integer("drift", 0..=3_650);
    let mut kinds = Vec::new();
    for name in section.texts("kinds") {
        let names = DriftKind::ALL.iter().map(|kind| kind.name());
        match DriftKind::ALL.iter().find(|kind| kind.name() == name) {
            Some(kind) => kinds.push(*kind),
            None => section.mistake(
                "kinds",
                format!("{name:?} is no kind of drift{}", super::mistake::suggestion(&name, names)),
            ),
        }
    }
    let when = match (section.given("due"), section.given("drift")) {
        (true, false) => {
            if section.has("kinds") {
                section.mistake("kinds", "is for steps that count from a drift");
            }
            due.and_then(|days| i32::try_from(days).ok()).map(When::Due)
        }
        (false, true) => drift.and_then(|days| i32::try_from(days).ok()).map(|days| When::Drift(days, kinds)),
        (true, true) => {
            section.mistake("drift", "give either due or drift: what the step's days count from");
            None
        }
        (false, false) => {
            section.missing("due", "give due (days from the due date) or drift (days from its opening)");
            None
        }
    };
    let mut to = Vec::new();
    for name in section.texts("to") {
        match one_of(&name, &AUDIENCES) {
            Ok(audience) => to.push(audience),
            Err(what) => section.mistake("to", what),
        }
    }
    let by: Vec<StepChannel> = section
        .texts("by")
        .into_iter()
        .map(|name| match name.as_str() {
            "ticket" => StepChannel::Ticket,
            "mail" => StepChannel::Mail,
            _ => StepChannel::Channel(name),
        })
        .collect();
    for key in ["to", "by"].into_iter().filter(|key| !section.has(key)) {
        section.missing(key, "is missing");
    }
    Some(Step {
        systems: section.texts("systems"),
        business_days: section.truth("business_days", false),
        quiet: section.truth("quiet", false),
        enabled: section.truth("enabled", true),
        id: id?,
        when: when?,
        to,
        by,
    })
}

/// `[mail]`.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The server to hand mail to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// Who signs in there; none where nobody has to.
    pub login: Option<(String, Secret)>,
    /// Whom mail is from.
    pub from: String,
    /// Where answers go; to `from`, if none.
    pub reply_to: Option<String>,
    /// How much mail tells.
    pub disclosure: Disclosure,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte (port 465).
    Implicit,
    /// By STARTTLS, or not at all sent (port 587).
    Starttls,
    /// Not; on this host only.
    None,
}

impl Mail {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let host = section.text("host");
        let words =
            [("implicit", MailTls::Implicit), ("starttls", MailTls::Starttls), ("none", MailTls::None)];
        let tls = section.parsed_or("tls", MailTls::Starttls, |text| one_of(text, &words));
        let port = match tls {
            Some(MailTls::Implicit) => 465,
            Some(MailTls::Starttls | MailTls::None) | None => 587,
        };
        let port = section.number("port", 1..=65_535, port);
        let user = section.text("user");
        let password = Secret::read(section, "password");
        let from = section.parsed("from", people::email);
        let reply_to = section.parsed("reply_to", people::email);
        let disclosure = Disclosure::read(section);
        section.finish();
        if !section.is_present() && !section.given("host") {
            return None;
        }
        for key in ["host", "from"] {
            section.require(key);
        }
        if section.given("user") != section.given("password") {
            section
                .missing("user", "give both user and password (or password_file, password_env), or neither");
        }
        let host = host?;
        if tls == Some(MailTls::None) && !matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1") {
            section.mistake("tls", "\"none\" is for a server on this host only");
        }
        Some(Self {
            host,
            port: u16::try_from(port).ok()?,
            tls: tls?,
            login: user.zip(password),
            from: from?,
            reply_to,
            disclosure: disclosure?,
        })
    }
}

/// `[[channel]]`: a chat or a program that is told.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Kind.
    pub kind: ChannelKind,
    /// Where it is posted to; whoever knows it can post, so it is a secret.
    pub url: Secret,
    /// How much it is told.
    pub disclosure: Disclosure,
}

/// Kinds of channels.
#[derive(Debug, Clone)]
pub enum ChannelKind {
    /// Slack's incoming webhook.
    Slack,
    /// A Microsoft Teams workflow.
    Teams,
    /// JSON to any program, signed.
    Webhook {
        /// Signs it.
        secret: Secret,
    },
}

impl Channel {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let id = section.required_parsed("id", |text| match text {
            "ticket" | "mail" => Err(format!("{text:?} has its own meaning in a ladder's step")),
            _ => site::id(text),
        });
        section.require("kind");
        let kind = section.choice("kind", &[("slack", 0_u8), ("teams", 1), ("webhook", 2)]);
        section.require("url");
        let url = Secret::read_checked(section, "url", site::url_with_query);
        let secret = Secret::read_token(section, "secret");
        let kind = match kind {
            Some(2) => {
                if !section.given("secret") {
                    section.missing(
                        "secret",
                        "is missing: what signs the messages (or secret_file, secret_env)",
                    );
                }
                secret.map(|secret| ChannelKind::Webhook { secret })
            }
            Some(kind) => {
                if section.given("secret") {
                    section.mistake("secret", "is for webhooks");
                }
                Some(if kind == 0 { ChannelKind::Slack } else { ChannelKind::Teams })
            }
            None => None,
        };
        let disclosure = Disclosure::read(section);
        Some(Self { id: id?, kind: kind?, url: url?, disclosure: disclosure? })
    }
}

/// `[oidc]`: how people sign in to the pages.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// The identity provider; its discovery document lies below.
    pub issuer: Url,
    /// What it knows us as.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Secret,
    /// The claim that names a person's e-mail address, which finds the `[[person]]`.
    pub email_claim: String,
}

impl Oidc {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let issuer = section.parsed("issuer", site::url);
        let client_id = section.text("client_id");
        let client_secret = Secret::read(section, "client_secret");
        let email_claim = section.text("email_claim").unwrap_or_else(|| "email".to_owned());
        section.finish();
        if !section.is_present() && !section.given("issuer") {
            return None;
        }
        for key in ["issuer", "client_id", "client_secret"] {
            section.require(key);
        }
        Some(Self { issuer: issuer?, client_id: client_id?, client_secret: client_secret?, email_claim })
    }
}
