//! Values by kind: texts, numbers, days, paths, secrets.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use chrono::NaiveDate;
use toml::de::DeValue;

use super::layers::{Raw, read};
use super::mistake::suggestion;
use super::secret::{Origin, too_open};
use super::section::{Section, shown};

impl Section<'_> {
    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let found = self.find(key)?;
        self.text_of(key, &found)
    }

    /// A text that must be there.
    pub(super) fn required(&self, key: &str) -> Option<String> {
        self.require(key);
        self.text(key)
    }

    /// A text that `parse` makes something of, or says what is wrong with it.
    pub(super) fn parsed<T>(&self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let found = self.find(key)?;
        let text = self.text_of(key, &found)?;
        parse(&text).map_err(|what| self.at(key, &found, what)).ok()
    }

    /// The same, and it must be there.
    pub(super) fn required_parsed<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.require(key);
        self.parsed(key, parse)
    }

    /// The same, or a default where nothing was given; none where what was given is wrong.
    pub(super) fn parsed_or<T>(
        &self,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = self.parsed(key, parse);
        if self.given(key) { parsed } else { Some(default) }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        self.parsed(key, |text| one_of(text, words))
    }

    /// A whole number within `range`, or the default.
    pub(super) fn number(&self, key: &str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let range = i64::from(*range.start())..=i64::from(*range.end());
        self.integer(key, range).and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let found = self.find(key)?;
        let number = match &found.raw {
            Raw::Toml(value) => integer(value),
            Raw::Text(text) => text.trim().parse().ok(),
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.at(key, &found, format!("must be a whole number from {low} to {high}"));
        }
        number
    }

    /// Yes or no.
    pub(super) fn truth(&self, key: &str, default: bool) -> bool {
        let Some(found) = self.find(key) else { return default };
        let truth = match &found.raw {
            Raw::Toml(value) => value.as_bool(),
            Raw::Text(text) => text.trim().parse().ok(),
        };
        truth.unwrap_or_else(|| {
            self.at(key, &found, format!("must be true or false, not {}", shown(found.kind())));
            default
        })
    }

    /// A day.
    pub(super) fn date(&self, key: &str) -> Option<NaiveDate> {
        let found = self.find(key)?;
        let date = match &found.raw {
            Raw::Toml(value) => date(value),
            Raw::Text(text) => text.trim().parse().ok(),
        };
        if date.is_none() {
            self.at(key, &found, "must be a date such as 2026-12-31".to_owned());
        }
        date
    }

    /// Days.
    pub(super) fn dates(&self, key: &str) -> Vec<NaiveDate> {
        self.ask(key);
        let Some(value) = self.entry(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.mistake(key, "must be a list of dates such as [2026-12-25]");
            return Vec::new();
        };
        let mut dates = Vec::new();
        for value in array {
            match date(value.get_ref()) {
                Some(date) => dates.push(date),
                None => self.mistake(key, "holds what is no date such as 2026-12-25"),
            }
        }
        dates
    }

    /// A path; a relative one is relative to the configuration's folder. It has no `_file` or `_env` form: these keys
    /// name files themselves.
    pub(super) fn path_of(&self, key: &str) -> Option<PathBuf> {
        let found = self.find_forms(key, &[""])?;
        Some(self.dir().join(self.text_of(key, &found)?))
    }

    /// Texts: a list, or a single one.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.ask(key);
        let Some(value) = self.entry(key) else { return Vec::new() };
        let values = match value.get_ref().as_array() {
            Some(array) => array.iter().collect(),
            None => vec![value],
        };
        let mut texts = Vec::new();
        for value in values {
            match value.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => texts.push(text.to_owned()),
                Some(_) => self.mistake(key, "holds an empty text"),
                None => {
                    let kind = shown(value.get_ref().type_str());
                    self.mistake(key, format!("must be a list of texts in quotes, not {kind}"));
                }
            }
        }
        texts
    }

    /// A secret and whence it came.
    pub(super) fn secret_text(&self, key: &str) -> Option<(String, Origin)> {
        for form in ["_file", "_env"] {
            self.know(&format!("{key}{form}"));
        }
        let found = self.find(key)?;
        let text = self.text_of(key, &found)?;
        if let Origin::File(path) = &found.origin
            && let Some(what) = too_open(path)
        {
            self.at(key, &found, what);
        }
        Some((text, found.origin))
    }

    /// Secrets in one of their three forms, each a list or a single one.
    pub(super) fn secret_texts(&self, key: &str) -> Vec<(String, Origin)> {
        let (file, variable) = (format!("{key}_file"), format!("{key}_env"));
        let inline = self.texts(key).into_iter().map(|text| (text, Origin::Inline));
        let mut secrets: Vec<_> = inline.collect();
        for path in self.texts(&file) {
            let path = self.dir().join(path);
            if let Some(what) = too_open(&path) {
                self.mistake(&file, what);
            }
            match read(&path) {
                Ok(text) => secrets.push((text, Origin::File(path))),
                Err(what) => self.mistake(&file, what),
            }
        }
        for name in self.texts(&variable) {
            match self.reader.env.get(&name).cloned() {
                Some(text) => secrets.push((text, Origin::Environment(name))),
                None => self.mistake(&variable, format!("environment variable {name} is not set")),
            }
        }
        if [key, &file, &variable].into_iter().filter(|form| self.has(form)).count() > 1 {
            self.mistake(key, format!("give only one of {key}, {file} and {variable}"));
        }
        secrets
    }
}

/// One of some words, or what is wrong with it.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        format!("{text:?} is none of {}{}", names.join(", "), suggestion(text, words.iter().map(|w| w.0)))
    })
}

/// A whole number, in whatever base it was written.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A day, written as TOML's own date or as a text.
fn date(value: &DeValue<'_>) -> Option<NaiveDate> {
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    let at = value.as_datetime().filter(|at| at.time.is_none())?;
    let date = at.date?;
    NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
}
