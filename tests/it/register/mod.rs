//! The register by tables and laws: every guard, every transition, every case of a move and of an import, and what
//! holds whatever happens.

#![allow(clippy::expect_used, reason = "a test stops where it is wrong")]
#![allow(clippy::assigning_clones, reason = "a fixture is easier to read as a list of plain values")]

mod acts;
mod closing;
mod corrections;
mod desk;
mod import;
mod invariants;
mod items;
mod journal;
mod laws;
mod milestones;
mod moves;
mod releases;
mod roles;
mod states;
mod story;
