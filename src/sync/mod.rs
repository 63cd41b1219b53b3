//! Keeps a milestone and its ticket in step.

pub mod commands;
