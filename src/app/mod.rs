//! The composition root: what stands between the process and everything below, and the only place that names GitHub
//! or Jira.
//!
//! | file | what |
//! |---|---|
//! | [`wiring`] | the configuration made into connectors, settings and a store |
//! | [`act`] | people's commands |
//! | [`import`] | workbooks |
//! | [`check`] | every mistake and every missing permission at once |
//! | [`serve`] | the daemon: its parts, its start and its stop |
//! | [`seal`] | seals of chains |
//! | [`http`] | one HTTP exchange over the network |
//! | [`logging`] | where log lines go |

pub mod act;
pub mod check;
pub mod http;
pub mod import;
pub mod logging;
pub mod seal;
pub mod serve;
pub mod wiring;

pub use wiring::{App, OpenError, Writing};
