//! The composition root: what stands between the process and everything below, and the only place that names GitHub
//! or Jira.

pub mod http;
pub mod logging;
