//! `drift list`, `drift show`.

use anyhow::Context as _;
use clap::Subcommand;

use super::super::value::{self, Moment};
use super::super::{Ending, Session, output};
use super::all_as_of;
use crate::register::policy::Calendar;
use crate::register::view::DriftView;
use crate::register::{Drift, DriftKind, ItemNumber, Subject, SystemId};
use crate::store::Tx;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List drifts: those open, oldest first.
    List {
        /// Settled ones too.
        #[arg(long)]
        all: bool,
        /// Of this kind alone; may be given several times.
        #[arg(long, value_name = "KIND", value_parser = DriftKind::parse)]
        kind: Vec<DriftKind>,
        /// As they were at the end of this day in the system's zone.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        as_of: Option<Moment>,
    },
    /// Show one drift.
    Show {
        /// Its number, as `drift list` shows it.
        number: u32,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = session.reading().await?;
    let system = session.system(&app)?;
    let mut read = app.world().db.read().await?;
    match command {
        Command::List { all, kind, as_of } => {
            let mut found: Vec<Drift> = match as_of {
                None => read.drifts(&system, !all).await?,
                Some(moment) => all_as_of(&app, &system, moment).await?.drifts.into_values().collect(),
            };
            found.retain(|drift| {
                (all || drift.settled.is_none()) && (kind.is_empty() || kind.contains(&drift.kind))
            });
            let calendar = &app.world().settings.system(&system)?.calendar;
            list(session, &found, all, calendar)?;
        }
        Command::Show { number } => {
            let found = read.drifts(&system, false).await?.into_iter().find(|drift| drift.number == number);
            let drift = found.with_context(|| format!("{system} has no drift {number}"))?;
            if session.shared.json {
                output::json(&DriftView::of(&drift))?;
            } else {
                show(&mut read, &system, &drift).await?;
            }
        }
    }
    Ok(Ending::Done)
}

fn list(session: &Session, found: &[Drift], all: bool, calendar: &Calendar) -> anyhow::Result<()> {
    if session.shared.json {
        return output::json(&found.iter().map(DriftView::of).collect::<Vec<_>>());
    }
    let rows = found.iter().map(|drift| {
        let mut row = vec![
            drift.number.to_string(),
            drift.kind.name().to_owned(),
            drift.subject.to_string(),
            calendar.day(drift.opened).to_string(),
            drift.detail.clone(),
        ];
        if all {
            row.push(output::day(drift.settled.map(|at| calendar.day(at))));
        }
        row
    });
    let mut headers = vec!["No", "Kind", "About", "Opened", "What"];
    if all {
        headers.push("Settled");
    }
    let nothing = if all { "There never was a drift." } else { "No drift is open." };
    output::table(&headers, rows.collect(), nothing);
    Ok(())
}

async fn show(read: &mut Tx, system: &SystemId, drift: &Drift) -> anyhow::Result<()> {
    output::line(format!("Drift {} of {system}: {}", drift.number, drift.kind.name()));
    let about = match &drift.subject {
        Subject::Milestone(number) => read.milestone(system, *number).await?.map(|m| m.text),
        Subject::Item(number) => title(read, system, number).await?,
        Subject::Tracker(_) | Subject::Connection(_) | Subject::System => None,
    };
    let link = match &drift.subject {
        Subject::Milestone(number) => read.link_of(system, *number).await?,
        Subject::Item(_) | Subject::Tracker(_) | Subject::Connection(_) | Subject::System => None,
    };
    let settled = match (drift.settled, &drift.settled_by) {
        (None, _) => "not yet".to_owned(),
        (Some(at), Some(by)) => format!("{}, by {by}", output::time(at)),
        (Some(at), None) => output::time(at),
    };
    output::facts(vec![
        ("Meaning", drift.kind.meaning().to_owned()),
        (
            "About",
            about.map_or_else(|| drift.subject.to_string(), |text| format!("{}: {text}", drift.subject)),
        ),
        ("What", drift.detail.clone()),
        ("Ticket", link.and_then(|link| link.url).unwrap_or_default()),
        ("Opened", output::time(drift.opened)),
        ("Settled", settled),
    ]);
    Ok(())
}

async fn title(read: &mut Tx, system: &SystemId, number: &ItemNumber) -> anyhow::Result<Option<String>> {
    Ok(read.item(system, number).await?.map(|item| item.facts.title))
}
