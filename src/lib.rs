//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.
//!
//! | module | what |
//! |---|---|
//! | [`register`] | pure: items, milestones, moves, evidence, changes, the journal |
//! | [`drift`] | how plan, ticket and calendar are apart |
//! | [`exchange`] | workbooks in and out |

pub mod drift;
pub mod exchange;
pub mod register;
