//! What happens to a milestone that is there.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

use super::super::super::{Session, output};
use super::super::{around_milestone, carry_out, milestone_named, show};
use super::{Command, items_named, shown};
use crate::app::App;
use crate::app::act::Who;
use crate::register::decide::{self, NewEvidence};
use crate::register::{EvidenceKind, EvidenceOf, MilestoneNumber, MilestoneState, SystemId};

pub(super) async fn run(session: &Session, app: &App, command: Command) -> anyhow::Result<()> {
    let name = subject(&command).to_owned();
    let (system, milestone) = milestone_named(session, app, &name)?;
    let commands = decided(session, app, &system, milestone, command).await?;
    let changes = carry_out(session, app, &system, commands).await?;
    if session.shared.json {
        return shown(session, app, &system, milestone, None).await;
    }
    if changes.is_empty() {
        output::line(format!("{system}/{milestone} stands so already."));
        return Ok(());
    }
    let register = around_milestone(app, &system, milestone, None).await?;
    let held = register.milestones.get(&milestone).context("the milestone is gone")?;
    output::line(format!(
        "{system}/{milestone} is {}, due {}, owned by {}.",
        held.state.name(),
        output::day(held.due),
        held.owner.as_deref().unwrap_or("nobody")
    ));
    let missing = decide::missing_evidence(&register, held);
    if held.state == MilestoneState::Done && !missing.is_empty() {
        let kinds: Vec<&str> = missing.iter().map(|kind| kind.name()).collect();
        output::line(format!("It still lacks evidence: {}.", kinds.join(", ")));
    }
    show::opened(&system, &changes);
    Ok(())
}

/// The milestone that a command names.
fn subject(command: &Command) -> &str {
    match command {
        Command::List { .. } | Command::Add { .. } => "",
        Command::Show { milestone, .. }
        | Command::Start { milestone, .. }
        | Command::Done { milestone, .. }
        | Command::Drop { milestone, .. }
        | Command::Reopen { milestone, .. }
        | Command::Block { milestone, .. }
        | Command::Unblock { milestone }
        | Command::Owner { milestone, .. }
        | Command::Serve { milestone, .. }
        | Command::Due { milestone, .. }
        | Command::Text { milestone, .. }
        | Command::Expect { milestone, .. }
        | Command::Correct { milestone, .. } => milestone,
    }
}

/// What the register is to decide.
async fn decided(
    session: &Session,
    app: &App,
    system: &SystemId,
    milestone: MilestoneNumber,
    command: Command,
) -> anyhow::Result<Vec<decide::Command>> {
    let state = |to, reason| vec![decide::Command::SetState { milestone, to, reason }];
    Ok(match command {
        Command::List { .. } | Command::Add { .. } | Command::Show { .. } => Vec::new(),
        Command::Start { reason, .. } => state(MilestoneState::InProgress, reason),
        Command::Done { evidence, kind, title, reason, .. } => {
            let who = session.who(app, system)?;
            let mut commands = Vec::new();
            for file in &evidence {
                let kind = kind.context("say what the file is: --kind")?;
                let proof = keep(app, &who, milestone, file, kind, title.as_deref()).await?;
                commands.push(decide::Command::AddEvidence(Box::new(proof)));
            }
            commands.extend(state(MilestoneState::Done, reason));
            commands
        }
        Command::Drop { reason, .. } => state(MilestoneState::Dropped, Some(reason)),
        Command::Reopen { reason, .. } => state(MilestoneState::InProgress, Some(reason)),
        Command::Block { reason, .. } => state(MilestoneState::Blocked, Some(reason)),
        Command::Unblock { .. } => state(MilestoneState::InProgress, Some("unblocked".to_owned())),
        Command::Owner { name, .. } => vec![decide::Command::SetOwner { milestone, owner: name }],
        Command::Serve { items, also, no_longer, .. } => {
            let (_, named) = items_named(session, app, &items)?;
            let register = around_milestone(app, system, milestone, None).await?;
            let held = register.milestones.get(&milestone).map(|m| m.serves.clone()).unwrap_or_default();
            let serves = match (also, no_longer) {
                (true, _) => &held | &named,
                (false, true) => &held - &named,
                (false, false) => named,
            };
            vec![decide::Command::SetServes { milestone, serves }]
        }
        Command::Due { date, .. } => vec![decide::Command::SetDue { milestone, due: date }],
        Command::Text { text, reason, .. } => vec![decide::Command::Retext { milestone, text, reason }],
        Command::Expect { kinds, .. } => {
            vec![decide::Command::SetExpects { milestone, expects: kinds.into_iter().collect() }]
        }
        Command::Correct { field, to, reason, approved_by, .. } => {
            vec![decide::Command::CorrectMilestone { milestone, field, to, reason, approved_by }]
        }
    })
}

/// Puts a file's bytes into the evidence store: before the row that names them.
async fn keep(
    app: &App,
    who: &Who,
    milestone: MilestoneNumber,
    file: &Path,
    kind: EvidenceKind,
    title: Option<&str>,
) -> anyhow::Result<NewEvidence> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let media_type = media_type(file, &bytes).to_owned();
    let digest = app.world().evidence.put(bytes).await?;
    Ok(NewEvidence {
        of: EvidenceOf::Milestone(milestone),
        kind,
        title: title.map_or_else(|| format!("File {name}"), str::to_owned),
        size,
        media_type,
        authors: vec![who.actor.clone()],
        observed: app.world().clock.now(),
        // The same bytes prove the same thing once.
        source: format!("command evidence {digest}"),
        details: BTreeMap::from([("file".to_owned(), name)]),
        digest: Some(digest),
    })
}

/// What a file is, by its name; text where it reads as such.
fn media_type(file: &Path, bytes: &[u8]) -> &'static str {
    let extension = file.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("html" | "htm") => "text/html",
        Some("csv") => "text/csv",
        Some("zip") => "application/zip",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some(_) | None if std::str::from_utf8(bytes).is_ok() => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}
