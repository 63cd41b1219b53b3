//! What happens to a milestone that is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::Subcommand;

use super::super::super::{Session, output, value};
use super::super::{around_milestone, carry_out, milestone_named, show};
use super::{items_named, shown};
use crate::app::App;
use crate::app::act::{Who, would};
use crate::register::decide::{self, NewEvidence};
use crate::register::{
    Digest, EvidenceKind, EvidenceOf, MilestoneNumber, MilestoneState, SystemId, completeness,
};

/// What is done to a milestone that is there.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Work {
    /// Work has begun.
    Start {
        /// Which: M-17.
        milestone: String,
        /// Why; needed where its ticket was closed without a fix.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// It is done, with what proves it.
    Done {
        /// Which: M-17.
        milestone: String,
        /// A file that proves it; may be given several times.
        #[arg(long, value_name = "FILE", requires = "kind")]
        evidence: Vec<PathBuf>,
        /// What the files are: rescan, test-output, document, ...
        #[arg(long, value_parser = value::evidence_kind, requires = "evidence")]
        kind: Option<EvidenceKind>,
        /// What the files show, in one line; their names if not said.
        #[arg(long, requires = "evidence")]
        title: Option<String>,
        /// Why; needed where its ticket was closed without a fix.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// It is not to be done.
    Drop {
        /// Which: M-17.
        milestone: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// It is not done after all, or is to be done after all.
    Reopen {
        /// Which: M-17.
        milestone: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// It is held up.
    Block {
        /// Which: M-17.
        milestone: String,
        /// By what.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// It is held up no longer.
    Unblock {
        /// Which: M-17.
        milestone: String,
    },
    /// Give it an owner.
    Owner {
        /// Which: M-17.
        milestone: String,
        /// The one person who owns it.
        #[arg(required_unless_present = "none")]
        name: Option<String>,
        /// Take the owner away.
        #[arg(long, conflicts_with = "name")]
        none: bool,
    },
    /// Say which items it serves.
    Serve {
        /// Which: M-17.
        milestone: String,
        /// All the items that it serves from now on.
        #[arg(required = true)]
        items: Vec<String>,
        /// The items beside those that it serves already.
        #[arg(long, conflicts_with = "no_longer")]
        also: bool,
        /// The items that it serves no longer.
        #[arg(long)]
        no_longer: bool,
    },
    /// Set its due date while its plan is a draft, or for the first time; later a date is moved: `move propose`.
    Due {
        /// Which: M-17.
        milestone: String,
        /// The day.
        #[arg(value_parser = value::day, required_unless_present = "none")]
        date: Option<NaiveDate>,
        /// Take the date away.
        #[arg(long, conflicts_with = "date")]
        none: bool,
    },
    /// Word it anew; the original stays once an item that it serves has opened.
    Text {
        /// Which: M-17.
        milestone: String,
        /// What is to be done.
        text: String,
        /// Why; needed once an item that it serves has opened, and where vague wording is to be let pass.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Say which kinds of evidence will prove it.
    Expect {
        /// Which: M-17.
        milestone: String,
        /// All the kinds.
        #[arg(required = true, value_parser = value::evidence_kind)]
        kinds: Vec<EvidenceKind>,
    },
    /// Put a typing error in its original text or due date right.
    Correct {
        /// Which: M-17.
        milestone: String,
        /// `text` or `due`.
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
}

pub(super) async fn run(session: &Session, app: &App, command: Work) -> anyhow::Result<()> {
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
    let missing = completeness::missing_evidence(&register, held);
    if held.state == MilestoneState::Done && !missing.is_empty() {
        let kinds: Vec<&str> = missing.iter().map(|kind| kind.name()).collect();
        output::line(format!("It still lacks evidence: {}.", kinds.join(", ")));
    }
    show::opened(&system, &changes);
    Ok(())
}

/// The milestone that a command names.
fn subject(command: &Work) -> &str {
    match command {
        Work::Start { milestone, .. }
        | Work::Done { milestone, .. }
        | Work::Drop { milestone, .. }
        | Work::Reopen { milestone, .. }
        | Work::Block { milestone, .. }
        | Work::Unblock { milestone }
        | Work::Owner { milestone, .. }
        | Work::Serve { milestone, .. }
        | Work::Due { milestone, .. }
        | Work::Text { milestone, .. }
        | Work::Expect { milestone, .. }
        | Work::Correct { milestone, .. } => milestone,
    }
}

/// What the register is to decide.
async fn decided(
    session: &Session,
    app: &App,
    system: &SystemId,
    milestone: MilestoneNumber,
    command: Work,
) -> anyhow::Result<Vec<decide::Command>> {
    let state = |to, reason| vec![decide::Command::SetState { milestone, to, reason }];
    Ok(match command {
        Work::Start { reason, .. } => state(MilestoneState::InProgress, reason),
        Work::Done { evidence, kind, title, reason, .. } => {
            let who = session.who(app, system)?;
            let mut proofs = Vec::new();
            for file in &evidence {
                let kind = kind.context("say what the file is: --kind")?;
                let bytes =
                    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
                proofs.push((proof_of(app, &who, milestone, file, &bytes, kind, title.as_deref()), bytes));
            }
            let commands = |proofs: &[(NewEvidence, Vec<u8>)]| {
                let given =
                    proofs.iter().map(|(proof, _)| decide::Command::GiveEvidence(Box::new(proof.clone())));
                given.chain(state(MilestoneState::Done, reason.clone())).collect::<Vec<_>>()
            };
            // What is refused leaves no bytes behind; what is taken has them before the row that names them.
            would(app.world(), system, &who, &commands(&proofs)).await?;
            for (proof, bytes) in &mut proofs {
                proof.redacted = app.world().keep(std::mem::take(bytes).into()).await?.redacted;
            }
            commands(&proofs)
        }
        Work::Drop { reason, .. } => state(MilestoneState::Dropped, Some(reason)),
        Work::Reopen { reason, .. } => state(MilestoneState::InProgress, Some(reason)),
        Work::Block { reason, .. } => state(MilestoneState::Blocked, Some(reason)),
        Work::Unblock { .. } => {
            let begun = app.world().db.read().await?.had_begun(system, milestone).await?;
            vec![decide::Command::Unblock { milestone, begun }]
        }
        Work::Owner { name, .. } => vec![decide::Command::SetOwner { milestone, owner: name }],
        Work::Serve { items, also, no_longer, .. } => {
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
        Work::Due { date, .. } => vec![decide::Command::SetDue { milestone, due: date }],
        Work::Text { text, reason, .. } => vec![decide::Command::Retext { milestone, text, reason }],
        Work::Expect { kinds, .. } => {
            vec![decide::Command::SetExpects { milestone, expects: kinds.into_iter().collect() }]
        }
        Work::Correct { field, to, reason, approved_by, .. } => {
            vec![decide::Command::CorrectMilestone { milestone, field, to, reason, approved_by }]
        }
    })
}

/// What a file proves.
fn proof_of(
    app: &App,
    who: &Who,
    milestone: MilestoneNumber,
    file: &Path,
    bytes: &[u8],
    kind: EvidenceKind,
    title: Option<&str>,
) -> NewEvidence {
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let media_type = media_type(file, bytes).to_owned();
    let digest = Digest::of(bytes);
    NewEvidence {
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
        redacted: None,
    }
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
