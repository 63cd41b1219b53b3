//! `move list|why|approve|reject|propose`.

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::Subcommand;

use super::super::value::{self, Moment};
use super::super::{Ending, Session, Usage, output};
use super::{all_as_of, around_milestone, carry_out, milestone_named};
use crate::app::App;
use crate::register::decide::{self, ProposedMove};
use crate::register::view::MoveView;
use crate::register::{Milestone, MilestoneNumber, Move, MoveState, SystemId};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List moves by time.
    List {
        /// From the beginning of this day in the system's zone, or from this time on.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        since: Option<Moment>,
        /// In this state alone; may be given several times.
        #[arg(long, value_parser = value::move_state)]
        state: Vec<MoveState>,
        /// As they were at the end of this day in the system's zone.
        #[arg(long, value_name = "DATE", value_parser = value::moment)]
        as_of: Option<Moment>,
    },
    /// Say why a date moved.
    #[command(override_usage = "poam move why <MILESTONE> [N] <TEXT>")]
    Why {
        /// Whose date: M-17.
        milestone: String,
        /// Which move, if not the open one, and why it was made.
        #[arg(required = true, value_name = "TEXT")]
        words: Vec<String>,
    },
    /// Approve a move: an approver who did not make it.
    Approve {
        /// Whose date: M-17.
        milestone: String,
        /// Which move; the open one if none is named.
        number: Option<u32>,
    },
    /// Reject a move.
    #[command(override_usage = "poam move reject <MILESTONE> [N] <TEXT>")]
    Reject {
        /// Whose date: M-17.
        milestone: String,
        /// Which move, if not the open one, and why it is rejected.
        #[arg(required = true, value_name = "TEXT")]
        words: Vec<String>,
    },
    /// Propose another due date.
    Propose {
        /// Whose date: M-17.
        milestone: String,
        /// To which day.
        #[arg(value_parser = value::day)]
        to: NaiveDate,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
}

impl Command {
    /// Whether it only reads.
    fn reads(&self) -> bool {
        match self {
            Self::List { .. } => true,
            Self::Why { .. } | Self::Approve { .. } | Self::Reject { .. } | Self::Propose { .. } => false,
        }
    }
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let app = if command.reads() { session.reading().await? } else { session.app().await? };
    let (name, number, decision) = match command {
        Command::List { since, state, as_of } => return list(session, &app, since, &state, as_of).await,
        Command::Why { milestone, words } => {
            let (number, text) = numbered(&words)?;
            (milestone, number, Decision::Explain(text))
        }
        Command::Approve { milestone, number } => (milestone, number, Decision::Approve),
        Command::Reject { milestone, words } => {
            let (number, reason) = numbered(&words)?;
            (milestone, number, Decision::Reject(reason))
        }
        Command::Propose { milestone, to, why } => (milestone, None, Decision::Propose(to, why)),
    };
    let (system, milestone) = milestone_named(session, &app, &name)?;
    let before = around_milestone(&app, &system, milestone, None).await?;
    let number = number
        .or_else(|| before.milestones.get(&milestone).and_then(|m| m.open_move()).map(|moved| moved.number));
    let command = match decision {
        Decision::Explain(text) => decide::Command::Explain { milestone, number, text },
        Decision::Approve => decide::Command::Approve { milestone, number },
        Decision::Reject(reason) => decide::Command::Reject { milestone, number, reason },
        Decision::Propose(to, why) => {
            let who = session.who(&app, &system)?;
            decide::Command::Move(Box::new(ProposedMove {
                milestone,
                to: Some(to),
                by: who.actor,
                at: app.world().clock.now(),
                whence: "command propose".to_owned(),
                rationale: why,
                settles: false,
            }))
        }
    };
    let proposes = matches!(command, decide::Command::Move(_));
    let changes = carry_out(session, &app, &system, vec![command]).await?;
    let after = around_milestone(&app, &system, milestone, None).await?;
    let milestone = after.milestones.get(&milestone).context("the milestone is gone")?;
    let moved = if proposes { milestone.moves.last() } else { of_number(milestone, number) };
    match moved {
        Some(moved) if session.shared.json => output::json(&MoveView::of(milestone.number, moved))?,
        Some(moved) if !changes.is_empty() => said(&system, milestone, moved),
        Some(_) | None => output::line(format!(
            "Nothing is to be moved: {} is due on {}.",
            milestone.number,
            output::day(milestone.due)
        )),
    }
    Ok(Ending::Done)
}

enum Decision {
    Explain(String),
    Approve,
    Reject(String),
    Propose(NaiveDate, Option<String>),
}

fn of_number(milestone: &Milestone, number: Option<u32>) -> Option<&Move> {
    milestone.moves.iter().find(|moved| Some(moved.number) == number)
}

/// A number before the text names the move.
fn numbered(words: &[String]) -> Result<(Option<u32>, String), Usage> {
    let number = match words {
        [first, _, ..] => first.parse().ok(),
        [only] if only.parse::<u32>().is_ok() => {
            return Err(Usage(format!("say why after the number {only} of the move")));
        }
        _ => None,
    };
    let text = words.get(usize::from(number.is_some())..).unwrap_or_default().join(" ");
    Ok((number, text))
}

fn said(system: &SystemId, milestone: &Milestone, moved: &Move) {
    let dates = format!("{} -> {}", output::day(moved.from), output::day(moved.to));
    let number = milestone.number;
    output::line(format!("Move {} of {system}/{number} ({dates}) is {}.", moved.number, next(moved)));
    if let Some(decision) = &moved.decision {
        let reason = decision.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        output::line(format!("Decided by {}{reason}.", decision.by.shown()));
    }
    output::line(format!("{number} is due on {}.", output::day(milestone.due)));
}

/// Where a move stands, and what it waits for.
pub(super) fn next(moved: &Move) -> String {
    let name = moved.state.name();
    match moved.state {
        MoveState::Unexplained => format!("{name}: it waits for a reason"),
        MoveState::Explained if moved.to.is_none() => {
            format!("{name}; a cleared date can be explained, yet never approved")
        }
        MoveState::Explained => format!("{name}: it waits for an approver"),
        MoveState::Approved
        | MoveState::Rejected
        | MoveState::Superseded
        | MoveState::Withdrawn
        | MoveState::Noted => name.to_owned(),
    }
}

async fn list(
    session: &Session,
    app: &App,
    since: Option<Moment>,
    states: &[MoveState],
    as_of: Option<Moment>,
) -> anyhow::Result<Ending> {
    let system = session.system(app)?;
    let calendar = &app.world().settings.system(&system)?.calendar;
    let since = since.map(|moment| moment.start(calendar));
    let mut found: Vec<(MilestoneNumber, Move)> = match as_of {
        None => app.world().db.read().await?.moves(&system, since).await?,
        Some(moment) => {
            let register = all_as_of(app, &system, moment).await?;
            let of = |held: Milestone| held.moves.into_iter().map(move |moved| (held.number, moved));
            let all = register.milestones.into_values().flat_map(of);
            let mut all: Vec<_> =
                all.filter(|(_, moved)| since.is_none_or(|since| moved.at >= since)).collect();
            all.sort_by_key(|(number, moved)| (moved.at, *number, moved.number));
            all
        }
    };
    found.retain(|(_, moved)| states.is_empty() || states.contains(&moved.state));
    if session.shared.json {
        output::json(&found.iter().map(|(number, moved)| MoveView::of(*number, moved)).collect::<Vec<_>>())?;
        return Ok(Ending::Done);
    }
    let rows = found.iter().map(|(number, moved)| {
        vec![
            number.to_string(),
            moved.number.to_string(),
            output::day(moved.from),
            output::day(moved.to),
            moved.state.name().to_owned(),
            moved.by.shown(),
            calendar.day(moved.at).to_string(),
            output::or_dash(moved.rationale.as_ref().map(|why| why.text.as_str())),
        ]
    });
    let headers = ["Of", "No", "From", "To", "State", "By", "Moved", "Why"];
    output::table(&headers, rows.collect(), "No date moved.");
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<(Option<u32>, String), String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        numbered(&words).map_err(|usage| usage.to_string())
    }

    #[test]
    fn a_number_before_the_text_names_the_move() {
        assert_eq!(read(&["the vendor is late"]), Ok((None, "the vendor is late".to_owned())));
        assert_eq!(read(&["2", "the vendor is late"]), Ok((Some(2), "the vendor is late".to_owned())));
        assert_eq!(read(&["the", "vendor", "is", "late"]), Ok((None, "the vendor is late".to_owned())));
        assert_eq!(read(&["3 weeks of testing"]), Ok((None, "3 weeks of testing".to_owned())));
        assert_eq!(read(&["2"]), Err("say why after the number 2 of the move".to_owned()));
    }
}
