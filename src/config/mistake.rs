//! What is wrong in a configuration: where, which key, and what to do.

use std::fmt;

use serde::Serialize;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// Where the value came from: the file as it was named, `environment variable X`, or `flag x`.
    pub source: String,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
    /// The key's path: `connection[jira].url`; empty where the mistake belongs to no key.
    pub key: String,
    /// What is wrong with it, in words that say what to write instead.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Every mistake of a configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigErrors {
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => f.write_str("the configuration has a mistake:")?,
            n => write!(f, "the configuration has {n} mistakes:")?,
        }
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The one of `known` that `word` was most likely meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|key| (strsim::damerau_levenshtein(&word, &key.to_lowercase()), key))
        .filter(|(distance, key)| *distance <= 1 + key.len().max(word.len()) / 4)
        .min()
        .map(|(_, key)| key)
}

/// `; did you mean "x"?`, or nothing.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|key| format!("; did you mean {key:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{nearest, suggestion};

    #[test]
    fn a_slip_of_the_fingers_finds_its_key_and_a_foreign_word_none() {
        let known = ["listen", "public_url", "token", "token_file", "token_env"];
        assert_eq!(nearest("listn", known), Some("listen"));
        assert_eq!(nearest("Listen", known), Some("listen"));
        assert_eq!(nearest("publicurl", known), Some("public_url"));
        assert_eq!(nearest("tokenfile", known), Some("token_file"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(suggestion("tokne", known), "; did you mean \"token\"?");
        assert_eq!(suggestion("colour", known), "");
    }
}
