//! Logs go to stderr, as text or as JSON.
//!
//! `POAM_LOG` filters them (`info` by default; `debug`; `info,poam::sync=debug`), `POAM_LOG_FORMAT=json` gives one JSON
//! object a line. Secrets never reach them: they are `SecretString` from parsing on, whose `Debug` shows nothing.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged when nothing else is asked for: the database driver logs each statement as `info`-worthy when slow.
const DEFAULT: &str = "info,sqlx=warn,sqlx::query=error";

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is wrong.
    #[error("POAM_LOG is {given:?}, which is no filter such as \"info\" or \"info,poam::sync=debug\"")]
    Filter {
        /// As given.
        given: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The format is wrong.
    #[error("POAM_LOG_FORMAT is {0:?}: write \"text\" or \"json\"")]
    Format(String),
    /// Logging was set up before.
    #[error("logging is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the process, as `env` (the process's variables) says.
///
/// # Errors
/// When a variable is wrong, or logging was set up before.
pub fn init(env: &BTreeMap<String, String>) -> Result<(), LoggingError> {
    let colour = std::io::stderr().is_terminal() && !env.contains_key("NO_COLOR");
    subscriber(env, colour, std::io::stderr)?.try_init()?;
    Ok(())
}

/// What takes the logs and writes them to `writer`.
fn subscriber<W>(
    env: &BTreeMap<String, String>,
    colour: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let given = |name: &str| env.get(name).map(String::as_str).filter(|text| !text.trim().is_empty());
    let text = given("POAM_LOG").unwrap_or(DEFAULT);
    let filter = EnvFilter::builder()
        .parse(text)
        .map_err(|source| LoggingError::Filter { given: text.to_owned(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match given("POAM_LOG_FORMAT") {
        None | Some("text") => Ok(Box::new(builder.with_ansi(colour).finish())),
        Some("json") => Ok(Box::new(builder.json().flatten_event(true).finish())),
        Some(other) => Err(LoggingError::Format(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test stops at the first surprise")]
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use secrecy::SecretString;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(env: &[(&str, &str)]) -> Result<String, LoggingError> {
        let env = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(&env, false, move || writer.clone())?;
        tracing::subscriber::with_default(subscriber, || {
            let token = SecretString::from("hidden");
            tracing::info!(link = 7, ?token, "settled");
            tracing::debug!("looked");
        });
        let bytes = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn text_at_info_unless_asked_otherwise() {
        let text = logged(&[]).expect("fine");
        assert!(text.contains("INFO") && text.contains("settled link=7"), "{text}");
        assert!(!text.contains("looked") && !text.contains("hidden"), "{text}");
        assert!(logged(&[("POAM_LOG", "debug")]).expect("fine").contains("looked"));
        assert_eq!(logged(&[("POAM_LOG", "warn")]).expect("fine"), "");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged(&[("POAM_LOG_FORMAT", "json"), ("POAM_LOG", "debug")]).expect("fine");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "settled");
        assert_eq!(lines[0]["link"], 7);
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn wrong_variables_are_named() {
        let error = logged(&[("POAM_LOG", "poam=loud")]).expect_err("no level");
        assert!(error.to_string().contains("POAM_LOG is \"poam=loud\""), "{error}");
        let error = logged(&[("POAM_LOG_FORMAT", "xml")]).expect_err("no format");
        assert!(error.to_string().contains("write \"text\" or \"json\""), "{error}");
    }
}
