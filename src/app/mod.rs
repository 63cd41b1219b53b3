//! The composition root: what stands between the process and everything below, and the only place that names GitHub
//! or Jira.
//!
//! | file | what |
//! |---|---|
//! | [`wiring`] | the configuration made into connectors, settings and a store |
//! | `connect` | the connections made into connectors over the network |
//! | [`act`] | people's commands |
//! | [`import`] | workbooks |
//! | [`check`] | every mistake and every missing permission at once |
//! | [`setup`] | `poam init` |
//! | [`rules`] | `poam rules apply` |
//! | [`serve`] | the daemon: its parts, its start and its stop |
//! | [`seal`] | seals of chains |
//! | [`once`] | `poam sync` |
//! | [`reserved`] | tokens, and halts of trackers |
//! | [`redact`] | bytes of evidence removed |
//! | `bench` | what the bridge costs, measured against fake sites (feature `fakes`) |
//! | `demo` | fake sites, pages for visitors, the story (feature `fakes`) |
//! | [`http`] | one HTTP exchange over the network |
//! | [`limits`] | what a site allows, kept count of |
//! | [`process`] | what this process is called where several share a store |
//! | [`logging`] | where log lines go |

pub mod act;
#[cfg(feature = "fakes")]
pub mod bench;
pub mod check;
mod connect;
#[cfg(feature = "fakes")]
pub mod demo;
pub mod http;
pub mod import;
pub mod limits;
pub mod logging;
pub mod once;
pub mod process;
pub mod redact;
pub mod reserved;
pub mod rules;
pub mod seal;
pub mod serve;
pub mod setup;
pub mod wiring;

pub use wiring::{App, OpenError, Writing};
