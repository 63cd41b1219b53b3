//! poam-bridge holds a system's POA&M and keeps one tracker ticket per milestone in step with it, both ways.

pub mod exchange;
