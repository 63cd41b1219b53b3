//! `milestone list|show|add|start|done|reopen|block|unblock|drop|owner|serve|due|text|expect|correct`.

mod work;

use std::collections::BTreeSet;

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::Subcommand;

use super::super::value::{self, Moment};
use super::super::{Ending, Session, Usage, output};
use super::{all_as_of, around_milestone, carry_out, item_named, milestone_named, show};
use crate::app::App;
use crate::register::decide::{self, NewMilestone};
use crate::register::view::{MilestoneDetail, MilestoneView};
use crate::register::{
    Change, EvidenceKind, ItemNumber, Milestone, MilestoneNumber, MilestoneState, SystemId,
};
use crate::store::MilestoneFilter;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List milestones.
    List {
        /// In this state alone; may be given several times.
        #[arg(long, value_parser = value::state)]
        state: Vec<MilestoneState>,
        /// That serve this item.
        #[arg(long, value_name = "ITEM")]
        item: Option<String>,
        /// Of this person.
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// Due on this day or before.
        #[arg(long, value_name = "DATE", value_parser = value::day)]
        due_by: Option<NaiveDate>,
        /// As they were at the end of this day in the system's zone.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        as_of: Option<Moment>,
    },
    /// Show a milestone with its moves, evidence, ticket and drifts.
    Show {
        /// Which: M-17.
        milestone: String,
        /// As it was at the end of this day in the system's zone.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        as_of: Option<Moment>,
    },
    /// Add a milestone to the plan of one or more items.
    Add {
        /// What is to be done, so that one can see whether it was.
        #[arg(long)]
        text: String,
        /// The items it serves; several with commas between.
        #[arg(long, required = true, value_delimiter = ',', value_name = "ITEM", visible_alias = "item")]
        serves: Vec<String>,
        /// The one person who owns it.
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// When it is due.
        #[arg(long, value_name = "DATE", value_parser = value::day)]
        due: Option<NaiveDate>,
        /// Kinds of evidence that will prove it; the ticket's transition to done if none is named.
        #[arg(long, value_delimiter = ',', value_name = "KIND", value_parser = value::evidence_kind)]
        expects: Vec<EvidenceKind>,
        /// Milestones that must be done before it.
        #[arg(long, value_delimiter = ',', value_name = "MILESTONE")]
        depends_on: Vec<MilestoneNumber>,
        /// Let vague wording pass, for this reason (grc, isso).
        #[arg(long, value_name = "REASON")]
        allow_wording: Option<String>,
    },
    #[command(flatten)]
    Work(work::Work),
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } => true,
            Self::Add { .. } | Self::Work(_) => false,
        }
    }
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    match command {
        Command::List { state, item, owner, due_by, as_of } => {
            let item = item.as_deref().map(|name| item_named(session, &app, name)).transpose()?;
            let system =
                item.as_ref().map_or_else(|| session.system(&app), |(system, _)| Ok(system.clone()))?;
            let item = item.map(|(_, item)| item);
            let filter = MilestoneFilter { states: state, item, owner, due_by };
            list(session, &app, &system, &filter, as_of).await?;
        }
        Command::Show { milestone, as_of } => {
            let (system, number) = milestone_named(session, &app, &milestone)?;
            shown(session, &app, &system, number, as_of).await?;
        }
        Command::Add { text, serves, owner, due, expects, depends_on, allow_wording } => {
            let (system, serves) = items_named(session, &app, &serves)?;
            let new = NewMilestone {
                text,
                serves,
                owner,
                expects: expects.into_iter().collect(),
                depends_on: depends_on.into_iter().collect(),
                due,
                allow_wording,
            };
            add(session, &app, &system, new).await?;
        }
        Command::Work(work) => work::run(session, &app, work).await?,
    }
    Ok(Ending::Done)
}

/// Items by their names, which are all of one system.
fn items_named(
    session: &Session,
    app: &App,
    names: &[String],
) -> anyhow::Result<(SystemId, BTreeSet<ItemNumber>)> {
    let mut of: Option<SystemId> = None;
    let mut items = BTreeSet::new();
    for name in names {
        let (system, item) = item_named(session, app, name)?;
        if let Some(of) = of.replace(system.clone())
            && of != system
        {
            return Err(Usage(format!("{name} is of {system}, and others are of {of}")).into());
        }
        items.insert(item);
    }
    match of {
        Some(system) => Ok((system, items)),
        None => Err(Usage("name an item".to_owned()).into()),
    }
}

async fn list(
    session: &Session,
    app: &App,
    system: &SystemId,
    filter: &MilestoneFilter,
    as_of: Option<Moment>,
) -> anyhow::Result<()> {
    let found: Vec<Milestone> = match as_of {
        None => app.world().db.read().await?.milestones(system, filter, None, u32::MAX).await?,
        Some(moment) => {
            let all = all_as_of(app, system, moment).await?.milestones.into_values();
            all.filter(|milestone| fits(milestone, filter)).collect()
        }
    };
    if session.shared.json {
        return output::json(&found.iter().map(MilestoneView::of).collect::<Vec<_>>());
    }
    let rows = found.iter().map(|milestone| {
        vec![
            milestone.number.to_string(),
            milestone.state.name().to_owned(),
            output::day(milestone.due),
            output::or_dash(milestone.owner.as_deref()),
            output::first_of(&milestone.serves),
            output::or_dash(milestone.ticket.as_ref().map(|ticket| ticket.key.as_str())),
            milestone.text.clone(),
        ]
    });
    let headers = ["No", "State", "Due", "Owner", "Serves", "Ticket", "What"];
    output::table(&headers, rows.collect(), "There is no such milestone.");
    Ok(())
}

/// The store's filter, on what was replayed.
fn fits(milestone: &Milestone, filter: &MilestoneFilter) -> bool {
    (filter.states.is_empty() || filter.states.contains(&milestone.state))
        && filter.item.as_ref().is_none_or(|item| milestone.serves.contains(item))
        && filter.owner.as_ref().is_none_or(|owner| milestone.owner.as_ref() == Some(owner))
        && filter.due_by.is_none_or(|day| milestone.due.is_some_and(|due| due <= day))
}

async fn shown(
    session: &Session,
    app: &App,
    system: &SystemId,
    number: MilestoneNumber,
    as_of: Option<Moment>,
) -> anyhow::Result<()> {
    let register = around_milestone(app, system, number, as_of).await?;
    let milestone = register.milestones.get(&number).context("the milestone is gone")?;
    // Links are observed, not journaled: there is none of an earlier day.
    let link = match as_of {
        None => app.world().db.read().await?.link_of(system, number).await?,
        Some(_) => None,
    };
    if session.shared.json {
        return output::json(&MilestoneDetail::of(&register, milestone, link.as_ref()));
    }
    show::milestone(&register, milestone, link.as_ref());
    Ok(())
}

async fn add(session: &Session, app: &App, system: &SystemId, new: NewMilestone) -> anyhow::Result<()> {
    let command = decide::Command::AddMilestone(Box::new(new));
    let changes = carry_out(session, app, system, vec![command]).await?;
    let added = changes.iter().find_map(|change| {
        if let Change::MilestoneAdded { milestone, .. } = change { Some(*milestone) } else { None }
    });
    let number = added.context("no milestone was added")?;
    if session.shared.json {
        return shown(session, app, system, number, None).await;
    }
    output::line(format!("{system}/{number} is added."));
    show::opened(system, &changes);
    Ok(())
}
