//! People and API tokens.

mod token;

use clap::Subcommand;

use super::{Ending, Session, output};
use crate::register::view::PersonView;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// People, as the configuration names them.
    #[command(subcommand)]
    Person(Person),
    /// Tokens of the API.
    #[command(subcommand)]
    Token(token::Command),
}

#[derive(Debug, Subcommand)]
pub(super) enum Person {
    /// List people with their accounts and roles.
    List,
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Person(Person::List) => list(session).await,
        Command::Token(command) => token::run(session, command).await,
    }
}

async fn list(session: &Session) -> anyhow::Result<Ending> {
    let app = session.reading().await?;
    let people = app.world().db.read().await?.people().await?;
    if session.shared.json {
        output::json(&people.iter().map(PersonView::of).collect::<Vec<_>>())?;
        return Ok(Ending::Done);
    }
    let rows = people.iter().map(|person| {
        let roles: Vec<String> =
            person.roles.iter().map(|grant| format!("{} in {}", grant.role.name(), grant.system)).collect();
        vec![
            person.name.clone(),
            output::or_dash(person.email.as_deref()),
            output::or_dash(person.github.as_deref()),
            output::or_dash(person.jira.as_deref()),
            output::or_dash(person.manager.as_deref()),
            output::or_dash(Some(&roles.join(", "))),
        ]
    });
    let headers = ["Name", "E-mail", "GitHub", "Jira", "Manager", "Roles"];
    output::table(&headers, rows.collect(), "The configuration has no [[person]].");
    Ok(Ending::Done)
}
