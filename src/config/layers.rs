//! Where a single value is looked for: flags before environment before file, and in each as `x`, `x_file` or `x_env`.

use std::path::Path;

use toml::de::DeValue;

use super::reader::{Place, Reader};
use super::secret::Origin;
use super::section::{Section, path, shown};

/// The forms that a single value may be written in.
pub(super) const FORMS: &[&str] = &["", "_file", "_env"];

/// A value as it came: from the file, or as text from elsewhere.
pub(super) enum Raw<'a> {
    Toml(&'a DeValue<'a>),
    Text(String),
}

/// A value with what must be known of it.
pub(super) struct Found<'a> {
    pub(super) raw: Raw<'a>,
    pub(super) place: Place,
    pub(super) origin: Origin,
}

impl Found<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match &self.raw {
            Raw::Toml(value) => value.type_str(),
            Raw::Text(_) => "text",
        }
    }
}

impl<'a> Section<'a> {
    /// Whether a single value was given for `key`, in any form, in the file or outside it.
    pub(super) fn given(&self, key: &str) -> bool {
        FORMS.iter().any(|form| {
            let key = format!("{key}{form}");
            self.has(&key) || self.flag(&key).is_some() || self.variable(&key).is_some()
        })
    }

    /// Notes where a demanded single value is missing.
    pub(super) fn require(&self, key: &str) {
        if !self.given(key) {
            self.missing(key, "is missing");
        }
    }

    /// A value as text.
    pub(super) fn text_of(&self, key: &str, found: &Found<'a>) -> Option<String> {
        let text = match &found.raw {
            Raw::Toml(value) => value.as_str().map(str::to_owned),
            Raw::Text(text) => Some(text.clone()),
        };
        let Some(text) = text else {
            self.at(key, found, format!("must be a text in quotes, not {}", shown(found.kind())));
            return None;
        };
        if text.trim().is_empty() {
            self.at(key, found, "is empty".to_owned());
            return None;
        }
        Some(text)
    }

    /// A single value in any of its forms.
    pub(super) fn find(&self, key: &str) -> Option<Found<'a>> {
        self.find_forms(key, FORMS)
    }

    /// A single value: flags before environment before file; in each, one form only.
    pub(super) fn find_forms(&self, key: &str, forms: &[&str]) -> Option<Found<'a>> {
        self.ask(key);
        for form in forms {
            let key = format!("{key}{form}");
            if self.single {
                self.reader.notes.borrow_mut().settable.insert(path(&self.schema, &key));
            }
            self.take(key);
        }
        for layer in [Self::flag, Self::variable, Self::written] {
            let mut found: Vec<_> = forms
                .iter()
                .filter_map(|form| layer(self, &format!("{key}{form}")).map(|found| (*form, found)))
                .collect();
            if found.len() > 1 {
                let names: Vec<String> = found.iter().map(|(form, _)| format!("{key}{form}")).collect();
                let what = format!("give only one of {}", names.join(" and "));
                self.at(key, &found[0].1, what);
            }
            if !found.is_empty() {
                let (form, found) = found.swap_remove(0);
                return self.follow(key, form, found);
            }
        }
        None
    }

    /// What `x_file` and `x_env` point to.
    fn follow(&self, key: &str, form: &str, found: Found<'a>) -> Option<Found<'a>> {
        let key = format!("{key}{form}");
        match form {
            "_env" => {
                let name = self.text_of(&key, &found)?;
                let Some(text) = self.reader.env.get(&name) else {
                    self.at(&key, &found, format!("environment variable {name} is not set"));
                    return None;
                };
                Some(Found { raw: Raw::Text(text.clone()), origin: Origin::Environment(name), ..found })
            }
            "_file" => {
                let path = self.reader.dir.join(self.text_of(&key, &found)?);
                let text = read(&path).map_err(|what| self.at(&key, &found, what)).ok()?;
                Some(Found { raw: Raw::Text(text), origin: Origin::File(path), ..found })
            }
            _ => Some(found),
        }
    }

    /// What a flag says.
    pub(super) fn flag(&self, key: &str) -> Option<Found<'a>> {
        let path = path(&self.schema, key);
        let text = self.reader.flags.get(&path).filter(|_| self.single)?;
        let place = Place { source: format!("flag {path}"), line: None };
        Some(Found { raw: Raw::Text(text.clone()), place, origin: Origin::Flag(path) })
    }

    /// What the environment says.
    pub(super) fn variable(&self, key: &str) -> Option<Found<'a>> {
        let name = Reader::variable(&path(&self.schema, key));
        let text = self.reader.env.get(&name).filter(|_| self.single)?;
        let place = Place { source: format!("environment variable {name}"), line: None };
        Some(Found { raw: Raw::Text(text.clone()), place, origin: Origin::Environment(name) })
    }

    /// What the file says.
    fn written(&self, key: &str) -> Option<Found<'a>> {
        let value = self.entry(key)?;
        let place = self.reader.place(value);
        Some(Found { raw: Raw::Toml(value.get_ref()), place, origin: Origin::Inline })
    }
}

/// A file's text without the line break at its end.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
