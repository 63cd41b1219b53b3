//! To be filled.

use super::{Ending, Session};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {}

pub(super) async fn run(_session: &Session, command: Command) -> anyhow::Result<Ending> {
    match command {}
}
