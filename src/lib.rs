//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.
//!
//! | module | what |
//! |---|---|
//! | [`register`] | pure: items, milestones, moves, evidence, changes, the journal |
//! | [`sync`] | keeps a milestone and its ticket in step |
//! | [`drift`] | states in which ways plan, ticket and calendar are apart |

pub mod drift;
pub mod register;
pub mod sync;
