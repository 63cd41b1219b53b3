//! `poam bench`: what the bridge costs, counted and timed in this process, against fake trackers that answer at once
//! and limit nothing.
//!
//! | file | what |
//! |---|---|
//! | [`stage`] | a bridge between fake sites, with as many links as asked |
//! | [`sync`] | requests, time, processor and memory of polls, edits on either side, creations, sweeps |
//! | [`register`] | drift passes, pages, start, verification and memory of a large register |
//! | [`meter`] | what is measured, and how |

pub mod meter;
pub mod register;
pub mod stage;
pub mod sync;

/// Why a bench did not end.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Something that it stands on.
    #[error("the bench cannot be set up")]
    SetUp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bridge failed.
    #[error("the bridge failed")]
    Bridge(#[from] crate::sync::SyncError),
    /// What was measured is not what was asked for.
    #[error("the bench measured something else: {0}")]
    Wrong(String),
}

impl BenchError {
    /// Of whatever it stands on.
    pub fn of(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::SetUp(Box::new(error))
    }
}
