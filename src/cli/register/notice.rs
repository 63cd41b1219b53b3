//! `notice list`.

use clap::Subcommand;

use super::super::value::name_of;
use super::super::{Ending, Session, output};
use crate::register::view::NoticeView;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List what the bridge wrote into tickets, or is about to.
    List,
}

pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Ending> {
    let Command::List = command;
    let app = session.reading().await?;
    let system = session.system(&app)?;
    let mut read = app.world().db.read().await?;
    let found = read.notices(&system, None, u32::MAX).await?;
    if session.shared.json {
        output::json(&found.iter().map(NoticeView::of).collect::<Vec<_>>())?;
        return Ok(Ending::Done);
    }
    let mut rows = Vec::with_capacity(found.len());
    for notice in &found {
        let sent = match read.sending(&system, notice.number).await? {
            Some(sending) if sending.comment_id.is_some() => "yes".to_owned(),
            Some(sending) => {
                sending.error.map_or_else(|| "waits".to_owned(), |error| format!("failed: {error}"))
            }
            None => "-".to_owned(),
        };
        rows.push(vec![
            notice.number.to_string(),
            name_of(&notice.kind),
            notice.milestone.to_string(),
            output::time(notice.queued),
            sent,
            notice.body.clone(),
        ]);
    }
    output::table(&["No", "Kind", "To", "Written", "Sent", "Text"], rows, "Nothing was written yet.");
    Ok(Ending::Done)
}
