//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.
//!
//! | module | what |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`app`] | the composition root: the only place that names GitHub or Jira |
//! | [`config`] | the configuration, typed, with every mistake reported at once |
//! | [`timetable`] | cron expressions in a time zone |
//! | [`jobs`] | what runs by itself: polls, sweeps, drift detection, seals |
//! | [`sync`] | the bridge: each milestone and its ticket in step |
//! | [`web`] | webhooks, health, metrics, and the read-only API |
//! | [`drift`] | how plan, ticket and calendar are apart |
//! | [`exchange`] | workbooks and plan files in and out |
//! | [`store`] | all SQL: the journal and its fold in SQLite or PostgreSQL, and the evidence store |
//! | [`register`] | pure: items, milestones, moves, evidence, changes, the journal |
//! | [`clock`] | the time, as an argument |

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod drift;
pub mod exchange;
pub mod jobs;
pub mod register;
pub mod store;
pub mod sync;
pub mod timetable;
pub mod web;
