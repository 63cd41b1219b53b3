//! All SQL: the journal, the tables that are its fold, and what is observed of the trackers, in SQLite or PostgreSQL;
//! and the evidence store.
//!
//! [`Db`] opens a store, [`Tx`] is a transaction, and every query is a method of it, in a file named after its noun.
//! One text of SQL serves both databases: each query's body is compiled once per driver. Times are given by the caller.
//!
//! A command that writes: [`Db::write`] (or [`Writer::submit`]), [`Tx::lock`] the chains it will write, [`Tx::load`]
//! what it needs, decide, [`Tx::record`], [`Tx::commit`].

mod as_of;
mod column;
mod compare;
mod connection;
mod counter;
mod db;
mod drift;
mod error;
mod evidence;
mod history;
mod item;
mod job;
mod journal;
mod link;
mod load;
mod milestone;
mod notice;
mod person;
mod proof;
mod record;
mod sending;
mod settings;
mod stream;
mod system;
mod table;
mod tx;
mod verify;
mod writer;

pub use as_of::AsOf;
pub use connection::{Cursor, Health, Pause};
pub use db::{Db, OpenOptions};
pub use error::StoreError;
pub use evidence::{EvidenceError, EvidenceStore};
pub use history::OwnWrite;
pub use item::ItemFilter;
pub use job::{Job, Lease};
pub use link::{LinkCounts, LinkFilter};
pub use load::Scope;
pub use milestone::MilestoneFilter;
pub use sending::Sending;
pub use stream::StreamHealth;
pub use tx::Tx;
pub use verify::{Seals, Verification};
pub use writer::{Seam, Writer};
