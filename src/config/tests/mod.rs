#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

mod mistakes;
mod reference;
mod secrets;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, ConfigErrors};

const REFERENCE: &str = include_str!("../../../config/poam.toml");
/// The least that a configuration must have.
const LEAST: &str = "[[system]]\nid = \"ACME\"\nname = \"ACME\"\nimpact = \"low\"\n";

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn reference_env() -> BTreeMap<String, String> {
    pairs(&[
        ("GITHUB_TOKEN", "gh-hidden"),
        ("GITHUB_WEBHOOK_SECRET", "hook-hidden"),
        ("JIRA_TOKEN", "jira-hidden"),
        ("MAIL_PASSWORD", "mail-hidden"),
        ("SLACK_URL", "https://hooks.slack.com/services/slack-hidden"),
        ("SIEM_URL", "https://siem.example.com/in?key=siem-hidden"),
        ("SIEM_SECRET", "sign-hidden"),
        ("OIDC_SECRET", "oidc-hidden"),
    ])
}

fn parse_with(
    text: &str,
    env: &BTreeMap<String, String>,
    flags: &[(&str, &str)],
) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("etc/poam.toml"), env, &pairs(flags))
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    parse_with(text, &BTreeMap::new(), &[])
}

/// The mistakes of a text, each as one line.
fn mistakes(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// Asserts that a text has exactly one mistake, with these words in it.
#[track_caller]
fn one_mistake(text: &str, words: &str) {
    let found = mistakes(text);
    assert!(
        found.len() == 1 && found[0].contains(words),
        "wanted one with {words:?}, found {found:#?}\nin\n{text}"
    );
}
