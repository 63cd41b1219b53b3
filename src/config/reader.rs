//! What a configuration is read from, and every mistake noted on the way.
//!
//! A derived deserializer stops at the first mistake of a section and knows no layers above the file. Here each
//! [`Section`] is asked for its keys one after the other; what it was asked for is what it knows, so whatever else
//! stands in it is reported as unknown, with the nearest known key.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::mistake::{ConfigErrors, Mistake, suggestion};
use super::section::Section;

/// Prefix of environment variables that set a key: `POAM__SERVER__LISTEN` sets `server.listen`.
pub(super) const PREFIX: &str = "POAM__";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: String,
    pub(super) line: Option<usize>,
}

/// What is being read, with everything noted on the way.
pub(super) struct Reader<'a> {
    /// The file, as it is named in mistakes.
    file: String,
    /// Relative paths are relative to this folder.
    pub(super) dir: &'a Path,
    text: &'a str,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) flags: &'a BTreeMap<String, String>,
    /// Lines that are no TOML. What is missing then may stand in one of them, so nothing missing is reported.
    broken: BTreeSet<usize>,
    pub(super) notes: RefCell<Notes>,
}

/// What was noted.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) mistakes: Vec<Mistake>,
    /// Every key that was asked for: `connection[].token_env`.
    pub(super) known: BTreeSet<String>,
    /// Keys that the environment and flags may set: `server.listen`.
    pub(super) settable: BTreeSet<String>,
    /// Whether a secret stands in the file itself.
    pub(super) inline_secret: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        file: String,
        dir: &'a Path,
        text: &'a str,
        env: &'a BTreeMap<String, String>,
        flags: &'a BTreeMap<String, String>,
    ) -> Self {
        let notes = RefCell::default();
        Self { file, dir, text, env, flags, broken: BTreeSet::new(), notes }
    }

    /// Parses the text; what is no TOML is noted and the rest is read all the same.
    pub(super) fn parse(&mut self) -> Spanned<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let line = self.line(error.span().map_or(0, |span| span.start));
            if self.broken.insert(line) {
                let what = format!("no TOML: {}", error.message().trim().replace('\n', ", "));
                self.notes.borrow_mut().mistakes.push(Mistake {
                    source: self.file.clone(),
                    line: Some(line),
                    key: String::new(),
                    what,
                });
            }
        }
        table
    }

    /// The whole file as one section.
    pub(super) fn root(&'a self, table: &'a Spanned<DeTable<'a>>) -> Section<'a> {
        let place = Place { source: self.file.clone(), line: None };
        Section::root(self, table.get_ref(), place)
    }

    /// Whether the file is TOML throughout.
    pub(super) fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether a secret stands in the file itself.
    pub(super) fn holds_secret(&self) -> bool {
        self.notes.borrow().inline_secret
    }

    /// Every key that was asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.notes.borrow().known.clone()
    }

    /// Notes a mistake of the file as a whole.
    pub(super) fn file_mistake(&self, what: String) {
        let place = Place { source: self.file.clone(), line: None };
        self.note(place, String::new(), what);
    }

    /// Reports variables and flags that set no key.
    pub(super) fn finish(&self) {
        let settable = self.notes.borrow().settable.clone();
        for variable in self.env.keys().filter(|name| name.starts_with(PREFIX)) {
            let path = variable[PREFIX.len()..].to_lowercase().replace("__", ".");
            if !settable.contains(&path) || *variable != Self::variable(&path) {
                let names: Vec<String> = settable.iter().map(|path| Self::variable(path)).collect();
                let what = format!(
                    "sets no key (the environment sets single values of single sections only){}",
                    suggestion(variable, names.iter().map(String::as_str))
                );
                let source = format!("environment variable {variable}");
                self.note(Place { source, line: None }, String::new(), what);
            }
        }
        for flag in self.flags.keys().filter(|path| !settable.contains(*path)) {
            let what = format!("sets no key{}", suggestion(flag, settable.iter().map(String::as_str)));
            self.note(Place { source: format!("flag {flag}"), line: None }, String::new(), what);
        }
    }

    /// All mistakes so far, in the order of the file.
    pub(super) fn into_errors(self) -> Option<ConfigErrors> {
        let mut mistakes = self.notes.into_inner().mistakes;
        mistakes.sort_by_key(|mistake| (mistake.source != self.file, mistake.line));
        mistakes.dedup();
        (!mistakes.is_empty()).then_some(ConfigErrors { mistakes })
    }

    /// The variable that sets a key.
    pub(super) fn variable(path: &str) -> String {
        format!("{PREFIX}{}", path.to_uppercase().replace('.', "__"))
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    pub(super) fn place<T>(&self, spanned: &Spanned<T>) -> Place {
        Place { source: self.file.clone(), line: Some(self.line(spanned.span().start)) }
    }

    pub(super) fn note(&self, place: Place, key: String, what: String) {
        let about_broken_line =
            place.source == self.file && place.line.is_some_and(|line| self.broken.contains(&line));
        if !about_broken_line {
            let mistake = Mistake { source: place.source, line: place.line, key, what };
            self.notes.borrow_mut().mistakes.push(mistake);
        }
    }
}
