//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.
//!
//! | module | what |
//! |---|---|
//! | [`clock`] | the time, as an argument |
//! | [`register`] | pure: items, milestones, moves, evidence, changes, the journal |
//! | [`store`] | all SQL: the journal and its fold in SQLite or PostgreSQL, and the evidence store |

pub mod clock;
pub mod register;
pub mod store;
