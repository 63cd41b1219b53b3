//! The store, on SQLite and, where `POAM_TEST_POSTGRES_URL` says where a server is, on PostgreSQL.

#![expect(clippy::expect_used, reason = "a test that cannot set up its world ends here")]

mod evidence;
mod laws;
mod links;
mod migrations;
mod observations;
mod open;
mod queries;
mod record;
mod sample;
mod tamper;
pub(crate) mod world;
mod writer;

pub(crate) use world::{empty_postgres, options};
