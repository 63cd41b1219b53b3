//! One table of the configuration: its keys, its place, the tables in it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layers::{FORMS, Found};
use super::mistake::suggestion;
use super::reader::{Place, Reader};
use super::secret::Origin;

/// One table of the configuration.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// None where the file lacks it: the environment may still set its keys.
    table: Option<&'a DeTable<'a>>,
    /// As shown: `connection[jira]`.
    name: String,
    /// As known: `connection[]`.
    pub(super) schema: String,
    place: Place,
    /// Whether it stands in no array, so that the environment and flags can name its keys.
    pub(super) single: bool,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(reader: &'a Reader<'a>, table: &'a DeTable<'a>, place: Place) -> Self {
        Self {
            reader,
            table: Some(table),
            name: String::new(),
            schema: String::new(),
            place,
            single: true,
            asked: RefCell::default(),
        }
    }

    /// Whether it stands in the file.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the file has `key` here.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The folder that relative paths are relative to.
    pub(super) fn dir(&self) -> &'a Path {
        self.reader.dir
    }

    /// A text as it stands in the file, right or wrong: for what is checked across sections.
    pub(super) fn written_text(&self, key: &str) -> Option<String> {
        self.entry(key)?.get_ref().as_str().map(str::to_owned)
    }

    /// Notes a mistake about `key` (or the section, where `key` is empty), at the line where it stands.
    pub(super) fn mistake(&self, key: &str, what: impl Into<String>) {
        let entry = FORMS.iter().find_map(|form| self.entry(&format!("{key}{form}")));
        let outside = self.flag(key).or_else(|| self.variable(key)).map(|found| found.place);
        let place = outside
            .or_else(|| entry.map(|value| self.reader.place(value)))
            .unwrap_or_else(|| self.place.clone());
        self.reader.note(place, path(&self.name, key), what.into());
    }

    /// Notes that a demanded key is missing.
    pub(super) fn missing(&self, key: &str, what: impl Into<String>) {
        if self.reader.is_whole() {
            self.mistake(key, what);
        }
    }

    /// Notes a secret: where the file itself holds it, the file's permissions matter.
    pub(super) fn note_secret(&self, origin: &Origin) {
        if *origin == Origin::Inline {
            self.reader.notes.borrow_mut().inline_secret = true;
        }
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            if !asked.contains(key.get_ref().as_ref()) {
                let near = suggestion(key.get_ref(), asked.iter().map(String::as_str));
                let place = self.reader.place(key);
                self.reader.note(
                    place,
                    path(&self.name, key.get_ref()),
                    format!("no such {}{near}", if self.name.is_empty() { "section" } else { "key" }),
                );
            }
        }
    }

    /// The table `key` of this one, there or not.
    pub(super) fn section(&self, key: &str) -> Section<'a> {
        self.ask(key);
        let value = self.entry(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            let kind = shown(value.get_ref().type_str());
            self.mistake(key, format!("must be a table, not {kind}"));
        }
        Section {
            reader: self.reader,
            table,
            name: path(&self.name, key),
            schema: path(&self.schema, key),
            place: value.map_or_else(|| self.place.clone(), |value| self.reader.place(value)),
            single: self.single,
            asked: RefCell::default(),
        }
    }

    /// The tables of the array `key`, each named by its `id`, `name` or place.
    pub(super) fn sections(&self, key: &str) -> Vec<Section<'a>> {
        self.ask(key);
        let Some(value) = self.entry(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            let header = path(&self.schema, key);
            self.mistake(
                key,
                format!("must be a list of tables (each begun with [[{}]])", header.replace("[]", "")),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (n, element) in array.iter().enumerate() {
            let name = path(&self.name, key);
            let DeValue::Table(table) = element.get_ref() else {
                let what = format!("must be a table, not {}", shown(element.get_ref().type_str()));
                self.reader.note(self.reader.place(element), format!("{name}[#{}]", n + 1), what);
                continue;
            };
            let label = ["id", "name"]
                .iter()
                .find_map(|key| table.get(*key).and_then(|value| value.get_ref().as_str()))
                .filter(|label| !label.is_empty() && label.len() <= 64)
                .map_or_else(|| format!("#{}", n + 1), |label| label.escape_debug().to_string());
            sections.push(Section {
                reader: self.reader,
                table: Some(table),
                name: format!("{name}[{label}]"),
                schema: format!("{}[]", path(&self.schema, key)),
                place: self.reader.place(element),
                single: false,
                asked: RefCell::default(),
            });
        }
        sections
    }

    /// Any values by name, in the order of the file: for tables whose keys are the operator's own.
    pub(super) fn entries(&self) -> Vec<(String, &'a DeValue<'a>)> {
        let mut entries: Vec<_> = self.table.into_iter().flatten().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| {
                self.asked.borrow_mut().insert(key.get_ref().to_string());
                (key.get_ref().to_string(), value.get_ref())
            })
            .collect()
    }

    /// What the file has for `key`.
    pub(super) fn entry(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    /// Notes that this key is known.
    pub(super) fn know(&self, key: &str) {
        let path = path(&self.schema, key);
        self.reader.notes.borrow_mut().known.insert(path);
    }

    /// Notes that this key is known, and was looked at here.
    pub(super) fn ask(&self, key: &str) {
        self.know(key);
        self.take(key.to_owned());
    }

    /// Notes that this key was looked at here, and is no unknown one.
    pub(super) fn take(&self, key: String) {
        self.asked.borrow_mut().insert(key);
    }

    /// Notes a mistake about a value where it was found.
    pub(super) fn at(&self, key: &str, found: &Found<'_>, what: String) {
        self.reader.note(found.place.clone(), path(&self.name, key), what);
    }
}

/// A key's path below a prefix; either may be empty.
pub(super) fn path(prefix: &str, key: &str) -> String {
    match (prefix.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (false, true) => prefix.to_owned(),
        (false, false) => format!("{prefix}.{key}"),
    }
}

/// A kind of value with its article.
pub(super) fn shown(kind: &str) -> String {
    match kind {
        "integer" | "array" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
