//! What is logged while a seed runs holds no secret.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Everything that must not be seen: tokens, the secret of webhooks, and how a password is sent.
fn secrets() -> Vec<String> {
    let basic = base64::engine::general_purpose::STANDARD.encode("bot@example.org:bot-token");
    vec!["bot-token".to_owned(), "hush".to_owned(), basic, "Bearer ".to_owned()]
}

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

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The log of this thread, for as long as it is kept.
pub(crate) struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Log {
    pub(crate) fn keep() -> Self {
        let lines = Lines::default();
        let ours = ["poam", "connector_api", "connector_github", "connector_jira"];
        let targets = ours.into_iter().map(|target| (target, LevelFilter::TRACE));
        let subscriber = tracing_subscriber::registry()
            .with(Targets::new().with_default(LevelFilter::WARN).with_targets(targets))
            .with(
                tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(lines.clone()),
            );
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Lines that hold a secret.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let secrets = secrets();
        let shown = |line: &&str| secrets.iter().any(|secret| line.contains(secret));
        text.lines().filter(shown).map(|line| format!("a secret is logged: {line}")).collect()
    }
}

#[test]
fn a_secret_in_the_log_is_seen() {
    let log = Log::keep();
    tracing::info!("quiet");
    assert_eq!(log.secrets(), Vec::<String>::new());
    tracing::debug!(target: "connector_jira", token = "bot-token", "sent");
    assert_eq!(log.secrets().len(), 1);
}
