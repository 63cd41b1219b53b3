//! `[[connection]]`: an account on a tracker site; and values that several sections share.

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use url::{Host, Url};

use super::secret::Secret;
use super::section::Section;

/// `[[connection]]`.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id, also in the path of its webhooks.
    pub id: String,
    /// Kind of site.
    pub site: Site,
    /// Base of its API (GitHub) or of the site (Jira).
    pub url: Url,
    /// How we sign in.
    pub credentials: Credentials,
    /// Certificates in PEM to trust beside those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// How it is reached.
    pub proxy: ProxyChoice,
    /// Never HTTP/2.
    pub http1_only: bool,
    /// Requests a second; none for the kind's default.
    pub requests_per_second: Option<u32>,
    /// The day on which its token expires, where the site does not tell.
    pub expires: Option<NaiveDate>,
    /// Any of these may sign its webhooks.
    pub webhook_secrets: Vec<Secret>,
}

/// Kinds of sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// github.com or GitHub Enterprise Server.
    GitHub,
    /// Jira Cloud.
    JiraCloud,
    /// Jira Data Center.
    JiraDataCenter,
}

impl Site {
    /// Whether it is a Jira.
    pub fn is_jira(self) -> bool {
        match self {
            Self::GitHub => false,
            Self::JiraCloud | Self::JiraDataCenter => true,
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::JiraCloud => "Jira Cloud",
            Self::JiraDataCenter => "Jira Data Center",
        })
    }
}

/// How we sign in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// `Authorization: Bearer`.
    Token(Secret),
    /// `Authorization: Basic`, an account's e-mail address (Data Center: user name) and its token.
    Basic {
        /// The account.
        user: String,
        /// Its token.
        token: Secret,
    },
    /// A GitHub App.
    App {
        /// Its app id or client id.
        id: String,
        /// Its private key in PEM.
        private_key: Secret,
    },
}

/// How a site is reached.
#[derive(Debug, Clone)]
pub enum ProxyChoice {
    /// As `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    Environment,
    /// Never by a proxy.
    Direct,
    /// By this proxy; its URL may hold a password.
    Through(Secret),
}

/// How much a place may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Number, action, due date, how to answer; no weakness, CVE or asset.
    Minimal,
    /// Everything.
    Full,
}

impl Disclosure {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let words = [("minimal", Self::Minimal), ("full", Self::Full)];
        section.parsed_or("disclosure", Self::Minimal, |text| super::value::one_of(text, &words))
    }
}

impl Connection {
    /// A connection; `kind` and what depends on it are read even where other keys are wrong.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let id = section.required_parsed("id", id);
        let site = site(section);
        let url = match site {
            Some(Site::GitHub) | None => section.parsed_or("url", github()?, url),
            Some(Site::JiraCloud | Site::JiraDataCenter) => section.required_parsed("url", url),
        };
        let credentials = credentials(section, site);
        let ca_file = section.path_of("ca_file");
        if let Some(path) = &ca_file
            && let Err(error) = std::fs::File::open(path)
        {
            section.mistake("ca_file", format!("cannot read {}: {error}", path.display()));
        }
        let proxy = proxy(section);
        let http1_only = section.truth("http1_only", false);
        let pace = section.number("requests_per_second", 1..=1_000, 0);
        let expires = section.date("expires");
        let webhook_secrets = Secret::read_tokens(section, "webhook_secret");
        Some(Self {
            id: id?,
            site: site?,
            url: url?,
            credentials: credentials?,
            ca_file,
            proxy,
            http1_only,
            requests_per_second: (pace > 0).then_some(pace),
            expires,
            webhook_secrets,
        })
    }

    /// `expires` as a time: noon by UTC, which falls on that day wherever the system's calendar is.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        Some(self.expires?.and_time(NaiveTime::from_hms_opt(12, 0, 0)?).and_utc())
    }
}

/// The kind of a connection, even if other keys of it are wrong.
pub(super) fn kind_of(section: &Section<'_>) -> Option<Site> {
    match section.written_text("kind")?.as_str() {
        "github" => Some(Site::GitHub),
        "jira" => Some(Site::JiraCloud),
        _ => None,
    }
}

/// The kind of site, from `kind` and `flavor`.
fn site(section: &Section<'_>) -> Option<Site> {
    section.require("kind");
    let jira = section.choice("kind", &[("github", false), ("jira", true)]);
    let flavors = [("cloud", Site::JiraCloud), ("data-center", Site::JiraDataCenter)];
    let flavor = section.parsed_or("flavor", Site::JiraCloud, |text| super::value::one_of(text, &flavors));
    if jira? {
        return flavor;
    }
    if section.given("flavor") {
        section.mistake("flavor", "is for Jira; for GitHub Enterprise Server give its url");
    }
    Some(Site::GitHub)
}

fn credentials(section: &Section<'_>, site: Option<Site>) -> Option<Credentials> {
    let token = Secret::read_token(section, "token");
    let email = section.text("email");
    let app = section.text("app_id");
    let private_key = Secret::read(section, "private_key");
    let app_keys = section.given("app_id") || section.given("private_key");
    match site? {
        Site::GitHub if app_keys => {
            if section.given("token") {
                section.mistake("app_id", "give either a token or app_id with private_key_file");
            }
            if !section.given("app_id") {
                section.missing("app_id", "is missing beside private_key_file");
            }
            if !section.given("private_key") {
                section.missing("private_key_file", "is missing beside app_id");
            }
            Some(Credentials::App { id: app?, private_key: private_key? })
        }
        Site::GitHub | Site::JiraCloud | Site::JiraDataCenter if !section.given("token") => {
            section.missing("token", "is missing: give one of token, token_file and token_env");
            None
        }
        Site::GitHub => {
            if section.given("email") {
                section.mistake("email", "is for Jira");
            }
            Some(Credentials::Token(token?))
        }
        Site::JiraCloud | Site::JiraDataCenter => {
            if app_keys {
                section.mistake("app_id", "is for GitHub");
            }
            match email {
                Some(user) => Some(Credentials::Basic { user, token: token? }),
                None => Some(Credentials::Token(token?)),
            }
        }
    }
}

fn proxy(section: &Section<'_>) -> ProxyChoice {
    let Some((text, origin)) = section.secret_text("proxy") else { return ProxyChoice::Environment };
    if text == "none" {
        return ProxyChoice::Direct;
    }
    // The text may hold a password, so no message repeats it.
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if url.password().is_some() {
                section.note_secret(&origin);
            }
            ProxyChoice::Through(Secret { value: text.into(), origin })
        }
        Ok(_) | Err(_) => {
            section.mistake("proxy", "must be \"none\" or a URL such as \"http://proxy.example:3128\"");
            ProxyChoice::Environment
        }
    }
}

/// Where github.com's API is.
fn github() -> Option<Url> {
    Url::parse("https://api.github.com/").ok()
}

/// Checks an id: it names things in URLs, in commands and in the journal.
pub(super) fn id(text: &str) -> Result<String, String> {
    let fine = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if fine {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no id: 1 to 32 letters, digits, '.', '_' or '-', beginning with a letter or digit"
        ))
    }
}

/// Checks the base of a site that we send to: encrypted, unless it stays on this host.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let mut url = url_with_query(text)?;
    if url.query().is_some() {
        return Err("must end before any '?'".to_owned());
    }
    if !url.path().ends_with('/') {
        // So that joining a relative path keeps the last part of this one.
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The same for an address that is used as it is. No message repeats the text, which may hold a secret.
pub(super) fn url_with_query(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL ({error}): write \"https://host/...\""))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password: secrets have their own keys".to_owned());
    }
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err("must begin with https:// (http:// is for this host only)".to_owned()),
        scheme => return Err(format!("begins with {scheme}:, not with https://")),
    }
    if url.fragment().is_some() {
        return Err("must end before any '#'".to_owned());
    }
    Ok(url)
}
