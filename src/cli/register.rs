//! The register: items, milestones, moves, drifts, conflicts, notices.

mod conflict;
mod drift;
mod facts;
mod item;
mod milestone;
mod moves;
mod notice;
mod show;

use anyhow::Context as _;
use clap::Subcommand;

use super::value::Moment;
use super::{Ending, Session, Usage};
use crate::app::App;
use crate::app::act::act;
use crate::register::decide;
use crate::register::{Change, ItemNumber, MilestoneNumber, Register, SystemId};
use crate::store::{AsOf, Scope};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Items: the entries of the POA&M.
    #[command(subcommand)]
    Item(item::Command),
    /// Milestones: the steps that serve items.
    #[command(subcommand)]
    Milestone(milestone::Command),
    /// Moves: changes of due dates.
    #[command(subcommand)]
    Move(moves::Command),
    /// Drifts: how plan, ticket and calendar are apart.
    #[command(subcommand)]
    Drift(drift::Command),
    /// Conflicts: fields that both sides changed.
    #[command(subcommand)]
    Conflict(conflict::Command),
    /// Notices: what the bridge wrote into tickets.
    #[command(subcommand)]
    Notice(notice::Command),
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Item(command) => item::run(session, command).await,
        Command::Milestone(command) => milestone::run(session, command).await,
        Command::Move(command) => moves::run(session, command).await,
        Command::Drift(command) => drift::run(session, command).await,
        Command::Conflict(command) => conflict::run(session, command).await,
        Command::Notice(command) => notice::run(session, command).await,
    }
}

/// The milestone that a name such as `ACME/M-17` or `M-17` means.
pub(super) fn milestone_named(
    session: &Session,
    app: &App,
    name: &str,
) -> anyhow::Result<(SystemId, MilestoneNumber)> {
    let (system, number) = session.named(app, name)?;
    if let Some(other) = unknown_system(number) {
        return Err(Usage(other).into());
    }
    Ok((system, number.parse().map_err(Usage)?))
}

/// What is wrong with a name that begins with a system which there is not; none where it begins with none.
fn unknown_system(name: &str) -> Option<String> {
    let (system, _) = name.split_once('/')?;
    Some(format!("no [[system]] has the id {system:?}"))
}

/// The item that a name such as `ACME/V-12` or `V-12` means.
pub(super) fn item_named(session: &Session, app: &App, name: &str) -> anyhow::Result<(SystemId, ItemNumber)> {
    let (system, number) = session.named(app, name)?;
    Ok((system, ItemNumber::new(number).map_err(Usage)?))
}

/// Carries out commands as whoever acts.
async fn carry_out(
    session: &Session,
    app: &App,
    system: &SystemId,
    commands: Vec<decide::Command>,
) -> anyhow::Result<Vec<Change>> {
    let who = session.who(app, system)?;
    let (changes, _) = act(app.world(), system, &who, commands).await?;
    Ok(changes)
}

/// An item with all that belongs to it, now or at the end of a day.
async fn around_item(
    app: &App,
    system: &SystemId,
    number: &ItemNumber,
    as_of: Option<Moment>,
) -> anyhow::Result<Register> {
    let mut read = app.world().db.read().await?;
    let register = match as_of {
        None => read.load(system, Scope::item(number.clone())).await?,
        Some(moment) => {
            let what = AsOf::Items([number.clone()].into());
            let until = moment.end(&app.world().settings.system(system)?.calendar);
            read.as_of(system, &what, until).await?
        }
    };
    let when = as_of.map(|moment| format!(" as of {moment}")).unwrap_or_default();
    register.items.contains_key(number).then_some(register).with_context(|| {
        // An imported number may have a stroke of its own.
        let other = unknown_system(number.as_str()).map(|other| format!("; {other} either"));
        format!("{system} has no item {number}{when}{}", other.unwrap_or_default())
    })
}

/// A milestone with all that belongs to it, now or at the end of a day.
async fn around_milestone(
    app: &App,
    system: &SystemId,
    number: MilestoneNumber,
    as_of: Option<Moment>,
) -> anyhow::Result<Register> {
    let mut read = app.world().db.read().await?;
    let register = match as_of {
        None => read.load(system, Scope::milestone(number)).await?,
        Some(moment) => {
            let what = AsOf::Milestones([number].into());
            let until = moment.end(&app.world().settings.system(system)?.calendar);
            read.as_of(system, &what, until).await?
        }
    };
    let when = as_of.map(|moment| format!(" as of {moment}")).unwrap_or_default();
    register
        .milestones
        .contains_key(&number)
        .then_some(register)
        .with_context(|| format!("{system} has no milestone {number}{when}"))
}

/// A system as it was at the end of a day.
async fn all_as_of(app: &App, system: &SystemId, moment: Moment) -> anyhow::Result<Register> {
    let until = moment.end(&app.world().settings.system(system)?.calendar);
    let mut read = app.world().db.read().await?;
    Ok(read.as_of(system, &AsOf::All, until).await?)
}
