//! The register by tables and laws: every guard, every transition, every case of a move and of an import, and what
//! holds whatever happens.

#![allow(clippy::expect_used, reason = "a test stops where it is wrong")]

mod closing;
mod corrections;
mod desk;
mod import;
mod items;
mod journal;
mod laws;
mod milestones;
mod moves;
mod roles;
mod states;
