//! `token add|list|revoke`.

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;

use super::super::{Ending, Session, output, value};
use crate::app::App;
use crate::app::reserved::{add_token, fresh_token, revoke_token};
use crate::register::policy::Calendar;
use crate::register::view::TokenView;
use crate::register::{SystemId, Token};

/// What opens every system.
const EVERY: &str = "*";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a token that reads a system (--system ID), or every one (--system '*'). It is shown this once.
    Add {
        /// What it is called.
        name: String,
        /// Its last day: in the system's zone; in UTC where it reads every system.
        #[arg(long, value_name = "DATE", value_parser = value::day)]
        expires: Option<NaiveDate>,
    },
    /// List tokens, revoked and expired ones too; never the tokens themselves.
    List,
    /// Revoke a token: it opens nothing any more.
    Revoke {
        /// What it is called.
        name: String,
    },
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List => true,
            Self::Add { .. } | Self::Revoke { .. } => false,
        }
    }
}

pub(in crate::cli) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    let who = session.who(&app, &SystemId::reserved())?;
    match command {
        Command::Add { name, expires } => {
            let (systems, calendar) = scope(session, &app)?;
            let expires = expires.and_then(|day| day.succ_opt()).map(|next| calendar.start_of(next));
            let token = fresh_token().context("the system gives no random bytes")?;
            add_token(app.world(), &who, &name, &token, systems, expires).await?;
            added(session, &app, &name, &token).await?;
        }
        Command::List => list(session, &app).await?,
        Command::Revoke { name } => {
            revoke_token(app.world(), &who, &name).await?;
            if session.shared.json {
                output::json(&held(&app, &name).await?.as_ref().map(TokenView::of))?;
            } else {
                output::line(format!("The token {name} is revoked."));
            }
        }
    }
    Ok(Ending::Done)
}

/// Which systems a token is to read, and the calendar of its last day.
fn scope(session: &Session, app: &App) -> anyhow::Result<(Vec<String>, Calendar)> {
    if session.shared.system.as_deref() == Some(EVERY) {
        return Ok((vec![EVERY.to_owned()], Calendar { zone: chrono_tz::UTC, holidays: Vec::new() }));
    }
    let system = session.system(app)?;
    let calendar = app.world().settings.system(&system)?.calendar.clone();
    Ok((vec![system.to_string()], calendar))
}

async fn held(app: &App, name: &str) -> anyhow::Result<Option<Token>> {
    let tokens = app.world().db.read().await?.tokens().await?;
    Ok(tokens.into_iter().find(|token| token.name == name))
}

/// A token as it is shown once.
#[derive(serde::Serialize)]
struct Fresh<'a> {
    #[serde(flatten)]
    view: TokenView<'a>,
    token: &'a str,
}

async fn added(session: &Session, app: &App, name: &str, token: &str) -> anyhow::Result<()> {
    let held = held(app, name).await?.context("the token is gone")?;
    if session.shared.json {
        return output::json(&Fresh { view: TokenView::of(&held), token });
    }
    output::line(token);
    let until = held.expires.map(|at| format!(" until {}", output::time(at))).unwrap_or_default();
    output::note(format!(
        "This is the token {name}: it reads {}{until}. Keep it now: it is stored as a digest, and never shown again.",
        if held.systems == [EVERY] { "every system".to_owned() } else { held.systems.join(", ") }
    ));
    Ok(())
}

async fn list(session: &Session, app: &App) -> anyhow::Result<()> {
    let tokens = app.world().db.read().await?.tokens().await?;
    if session.shared.json {
        return output::json(&tokens.iter().map(TokenView::of).collect::<Vec<_>>());
    }
    let now = app.world().clock.now();
    let rows = tokens.iter().map(|token| {
        vec![
            token.name.clone(),
            token.systems.join(", "),
            output::time(token.added),
            token.expires.map_or_else(|| "never".to_owned(), output::time),
            standing(token, now),
        ]
    });
    output::table(&["Name", "Reads", "Added", "Expires", "Standing"], rows.collect(), "There is no token.");
    Ok(())
}

fn standing(token: &Token, now: DateTime<Utc>) -> String {
    match (token.revoked, token.expires) {
        (Some(at), _) => format!("revoked {}", output::time(at)),
        (None, Some(expires)) if expires <= now => "expired".to_owned(),
        (None, _) => "valid".to_owned(),
    }
}
