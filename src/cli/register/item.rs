//! `item list|show|add|edit|correct|merge|close`.

use anyhow::Context as _;
use clap::Subcommand;

use super::super::value::{self, Closing, Moment};
use super::super::{Ending, Session, Usage, output};
use super::facts::{Facts, First};
use super::{all_as_of, around_item, carry_out, item_named, show};
use crate::app::App;
use crate::register::decide::{self, ItemEdit};
use crate::register::view::{ItemDetail, ItemView};
use crate::register::{Change, Disposition, Item, ItemNumber, Status, SystemId, completeness};
use crate::store::ItemFilter;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List items in the order in which they came.
    List {
        /// In this status alone; may be given several times.
        #[arg(long, value_parser = value::status)]
        status: Vec<Status>,
        /// Of this person.
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// With this text in number or title.
        #[arg(long)]
        text: Option<String>,
        /// As they were at the end of this day in the system's zone.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        as_of: Option<Moment>,
    },
    /// Show an item with its whole chain: milestones, moves, tickets, evidence, drifts, what is missing.
    Show {
        /// Which: V-12.
        item: String,
        /// As it was at the end of this day in the system's zone.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        as_of: Option<Moment>,
    },
    /// Add an item; it opens once its plan is complete.
    Add {
        /// One line that names the weakness.
        #[arg(long)]
        title: String,
        /// Its number; the next V-n if none is named.
        #[arg(long, value_parser = ItemNumber::new)]
        number: Option<ItemNumber>,
        #[command(flatten)]
        facts: Box<Facts>,
        #[command(flatten)]
        first: Box<First>,
    },
    /// Change facts of an item that are not frozen.
    Edit {
        /// Which: V-12.
        item: String,
        /// One line that names the weakness.
        #[arg(long)]
        title: Option<String>,
        #[command(flatten)]
        facts: Box<Facts>,
    },
    /// Put a typing error in a frozen field right.
    Correct {
        /// Which: V-12.
        item: String,
        /// title, description, detected, scheduled or rating.
        #[arg(long)]
        field: String,
        /// What is to stand there.
        #[arg(long, value_name = "VALUE")]
        to: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who approved it: another person, with approver, isso or `authorizing_official`.
        #[arg(long, value_name = "NAME")]
        approved_by: String,
    },
    /// Close an item as a duplicate of another, which takes over its assets, CVEs, controls and milestones.
    Merge {
        /// The duplicate: V-12.
        item: String,
        /// What it is a duplicate of.
        #[arg(long, value_name = "ITEM")]
        into: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Close an item by a disposition, for good.
    Close {
        /// Which: V-12.
        item: String,
        /// remediated, false-positive, duplicate-of:V-2 or not-in-boundary.
        #[arg(value_name = "DISPOSITION", value_parser = value::closing)]
        how: Closing,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } => true,
            Self::Add { .. }
            | Self::Edit { .. }
            | Self::Correct { .. }
            | Self::Merge { .. }
            | Self::Close { .. } => false,
        }
    }
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    match command {
        Command::List { status, owner, text, as_of } => {
            let filter = ItemFilter { statuses: status, owner, text, ..ItemFilter::default() };
            list(session, &app, &filter, as_of).await?;
        }
        Command::Show { item, as_of } => {
            let (system, number) = item_named(session, &app, &item)?;
            shown(session, &app, &system, &number, as_of).await?;
        }
        Command::Add { title, number, facts, first } => {
            let system = session.system(&app)?;
            let facts = Box::new(facts.of_new(title, *first));
            let command = decide::Command::AddItem { number, facts };
            let changes = carry_out(session, &app, &system, vec![command]).await?;
            let added = changes.iter().find_map(|change| {
                if let Change::ItemAdded { item, .. } = change { Some(item.clone()) } else { None }
            });
            let number = added.context("no item was added")?;
            done(session, &app, &system, &number, "is added").await?;
        }
        Command::Edit { item, title, facts } => {
            let (system, number) = item_named(session, &app, &item)?;
            let edit = facts.edit(title);
            if edit == ItemEdit::default() {
                return Err(Usage(format!("say what is to change of {number}, such as --owner NAME")).into());
            }
            let command = decide::Command::EditItem { item: number.clone(), edit: Box::new(edit) };
            let changes = carry_out(session, &app, &system, vec![command]).await?;
            let how = if changes.is_empty() { "stands so already" } else { "is changed" };
            done(session, &app, &system, &number, how).await?;
        }
        Command::Correct { item, field, to, reason, approved_by } => {
            let (system, number) = item_named(session, &app, &item)?;
            let how = format!("is corrected: its {field}");
            let command =
                decide::Command::CorrectItem { item: number.clone(), field, to, reason, approved_by };
            carry_out(session, &app, &system, vec![command]).await?;
            done(session, &app, &system, &number, &how).await?;
        }
        Command::Merge { item, into, reason } => {
            let (system, number) = item_named(session, &app, &item)?;
            let (other_system, other) = item_named(session, &app, &into)?;
            if other_system != system {
                return Err(Usage(format!("{item} is of {system}, and {into} of {other_system}")).into());
            }
            close(session, &app, &system, &number, Disposition::DuplicateOf(other), reason).await?;
        }
        Command::Close { item, how, reason } => {
            let (system, number) = item_named(session, &app, &item)?;
            let disposition = match how {
                Closing::Remediated => Disposition::Remediated,
                Closing::FalsePositive => Disposition::FalsePositive,
                Closing::DuplicateOf(other) => Disposition::DuplicateOf(other),
                Closing::NotInBoundary => Disposition::NotInBoundary(reason.clone().unwrap_or_default()),
            };
            close(session, &app, &system, &number, disposition, reason).await?;
        }
    }
    Ok(Ending::Done)
}

async fn close(
    session: &Session,
    app: &App,
    system: &SystemId,
    number: &ItemNumber,
    disposition: Disposition,
    reason: Option<String>,
) -> anyhow::Result<()> {
    let how = format!("is closed as {}", disposition.name());
    let command = decide::Command::CloseItem { item: number.clone(), disposition, reason };
    carry_out(session, app, system, vec![command]).await?;
    done(session, app, system, number, &how).await
}

/// Says what became of an item.
async fn done(
    session: &Session,
    app: &App,
    system: &SystemId,
    number: &ItemNumber,
    how: &str,
) -> anyhow::Result<()> {
    if session.shared.json {
        return shown(session, app, system, number, None).await;
    }
    let register = around_item(app, system, number, None).await?;
    let item = register.items.get(number).context("the item is gone")?;
    output::line(format!("{system}/{number} {how}."));
    match item.status {
        Status::Draft => {
            let missing = completeness::missing(&register, item);
            output::line(format!("It is a draft; to open it needs: {}.", missing.join(", ")));
        }
        Status::Open | Status::InProgress | Status::PendingValidation => {
            let deadline = item.deadline.as_ref().map(|deadline| deadline.date);
            output::line(format!(
                "It is {}, with the deadline {}.",
                item.status.name(),
                output::day(deadline)
            ));
        }
        Status::Closed => {}
    }
    Ok(())
}

async fn list(
    session: &Session,
    app: &App,
    filter: &ItemFilter,
    as_of: Option<Moment>,
) -> anyhow::Result<()> {
    let system = session.system(app)?;
    let found: Vec<Item> = match as_of {
        None => app.world().db.read().await?.items(&system, filter, None, u32::MAX).await?,
        Some(moment) => {
            let all = all_as_of(app, &system, moment).await?.items.into_values();
            let mut items: Vec<Item> = all.filter(|item| fits(item, filter)).collect();
            items.sort_by_key(|item| item.place);
            items
        }
    };
    if session.shared.json {
        return output::json(&found.iter().map(ItemView::of).collect::<Vec<_>>());
    }
    let rows = found.iter().map(|item| {
        vec![
            item.number.to_string(),
            item.status.name().to_owned(),
            item.facts.effective_rating().map_or_else(|| "-".to_owned(), |rating| rating.name().to_owned()),
            output::day(item.deadline.as_ref().map(|deadline| deadline.date)),
            output::or_dash(item.facts.owner.as_deref()),
            item.facts.title.clone(),
        ]
    });
    let headers = ["No", "Status", "Rating", "Deadline", "Owner", "Weakness"];
    output::table(&headers, rows.collect(), "There is no such item.");
    Ok(())
}

/// The store's filter, on what was replayed.
fn fits(item: &Item, filter: &ItemFilter) -> bool {
    let holds = |text: &str| {
        let text = text.to_ascii_lowercase();
        item.number.as_str().to_ascii_lowercase().contains(&text)
            || item.facts.title.to_ascii_lowercase().contains(&text)
    };
    (filter.statuses.is_empty() || filter.statuses.contains(&item.status))
        && filter.owner.as_ref().is_none_or(|owner| item.facts.owner.as_ref() == Some(owner))
        && filter.text.as_deref().is_none_or(holds)
}

async fn shown(
    session: &Session,
    app: &App,
    system: &SystemId,
    number: &ItemNumber,
    as_of: Option<Moment>,
) -> anyhow::Result<()> {
    let register = around_item(app, system, number, as_of).await?;
    let item = register.items.get(number).context("the item is gone")?;
    if session.shared.json {
        return output::json(&ItemDetail::of(&register, item));
    }
    // Links are observed, not journaled: there is none of an earlier day.
    let links = match as_of {
        None => {
            let milestones = register.milestones_of(number).map(|milestone| milestone.number).collect();
            app.world().db.read().await?.links_of(system, &milestones).await?
        }
        Some(_) => Vec::new(),
    };
    let who = session.who(app, system)?;
    let settings = &app.world().settings;
    let mut by = settings.deciding(system, who.actor, app.world().clock.now())?;
    by.roles = who.roles;
    show::item(&register, item, &links, &by);
    Ok(())
}
