//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.
//!
//! | module | what |
//! |---|---|
//! | [`clock`] | the time, as an argument |
//! | [`register`] | pure: items, milestones, moves, evidence, changes, the journal |
//! | [`store`] | all SQL: the journal and its fold in SQLite or PostgreSQL, and the evidence store |
//! | [`drift`] | how plan, ticket and calendar are apart |
//! | [`exchange`] | workbooks and plan files in and out |
//! | [`sync`] | the bridge: each milestone and its ticket in step |

pub mod clock;
pub mod drift;
pub mod exchange;
pub mod register;
pub mod store;
pub mod sync;
