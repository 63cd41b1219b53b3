//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.
//!
//! | module | what |
//! |---|---|
//! | [`app`] | the composition root: the real transport, logging |
//! | [`config`] | the configuration, typed and checked; read by [`app`] and the command line only |
//! | [`register`] | pure: items, milestones, moves, evidence, changes, the journal |
//! | [`timetable`] | when something is due again: cron expressions in a time zone |

pub mod app;
pub mod config;
pub mod register;
pub mod timetable;
