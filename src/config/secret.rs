//! Values that must not be seen.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::section::Section;

/// A secret, and where it came from (which may be shown).
#[derive(Debug, Clone)]
pub struct Secret {
    /// The secret itself; its `Debug` shows nothing of it.
    pub value: SecretString,
    /// Where it came from.
    pub origin: Origin,
}

impl Secret {
    /// Reads `x`, `x_file` or `x_env`, whichever is given.
    pub(super) fn read(section: &Section<'_>, key: &str) -> Option<Self> {
        let (text, origin) = section.secret_text(key)?;
        Some(Self::take(section, text, origin))
    }

    /// The same for a token or password, which is one line of visible characters.
    pub(super) fn read_token(section: &Section<'_>, key: &str) -> Option<Self> {
        let (text, origin) = section.secret_text(key)?;
        one_word(section, key, &text).then(|| Self::take(section, text, origin))
    }

    /// The same for a text that `check` finds nothing wrong with.
    pub(super) fn read_checked<T>(
        section: &Section<'_>,
        key: &str,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Self> {
        let (text, origin) = section.secret_text(key)?;
        check(&text).map_err(|what| section.mistake(key, what)).ok()?;
        Some(Self::take(section, text, origin))
    }

    /// A list of such.
    pub(super) fn read_tokens(section: &Section<'_>, key: &str) -> Vec<Self> {
        let texts = section.secret_texts(key).into_iter();
        texts
            .filter(|(text, _)| one_word(section, key, text))
            .map(|(text, origin)| Self::take(section, text, origin))
            .collect()
    }

    fn take(section: &Section<'_>, text: String, origin: Origin) -> Self {
        section.note_secret(&origin);
        Self { value: text.into(), origin }
    }
}

/// A token with a blank in it was pasted wrong, and would make no header.
fn one_word(section: &Section<'_>, key: &str, text: &str) -> bool {
    let fine = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if !fine {
        section.mistake(key, "holds a space, a line break or a character outside ASCII, or is empty");
    }
    fine
}

/// Where a secret came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the configuration file.
    Inline,
    /// A file of its own.
    File(PathBuf),
    /// An environment variable, by name.
    Environment(String),
    /// A flag, by key.
    Flag(String),
}

/// What is wrong with the permissions of a file that holds a secret; none where only its owner can read it.
#[cfg(unix)]
pub(super) fn too_open(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} holds a secret and is open to others than its owner (mode {mode:03o}): chmod 600 {}",
            path.display(),
            path.display()
        )
    })
}

/// Elsewhere than on Unix, files have no such permissions to look at.
#[cfg(not(unix))]
pub(super) fn too_open(_path: &Path) -> Option<String> {
    None
}
