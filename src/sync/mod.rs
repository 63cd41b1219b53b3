//! The bridge: keeps each milestone and its ticket in step.
//!
//! Reconcile is level-triggered and is never told why: webhooks, polls, edits in the register and sweeps only mark a
//! link dirty. It observes both sides, takes the ticket's log into the register (one transaction), makes a plan as
//! data (the pure [`merge`]), writes the ticket, then the base.
//!
//! | file | what |
//! |---|---|
//! | [`engine`] | one pass over what is dirty: observe, reconcile, carry out |
//! | [`reconcile`] | one link: the log taken, both sides merged, the plan made; the base after the write |
//! | [`take`] | the ticket's log into the register: transitions, date edits, comments, attachments |
//! | [`proof`] | a transition, an attachment or a word of somebody as evidence |
//! | [`obey`] | commands of comments |
//! | [`talk`] | questions and answers in tickets |
//! | [`adopt`] | a milestone bound to a ticket that is there |
//! | [`apart`] | pure: where both sides are apart, and why |
//! | [`open`] | going live: which milestones get a ticket |
//! | [`create`] | a ticket is made exactly once |
//! | [`dry`] | what a pass would do |
//! | [`poll`], [`sweep`] | polls and webhooks, sweeps: what marks links dirty |
//! | [`failure`] | what a failure says, and when what failed is tried again |
//! | [`batch`] | a batch of which one entry cannot be read |
//! | [`lease`] | which process polls and writes a connection |
//! | [`limited`] | limits that a tracker names |
//! | [`lost`] | edits that came between our read and our write |
//! | [`prune`] | what is forgotten once it has served |
//! | [`brakes`] | what halts a tracker |
//! | [`detect`] | the full pass of drift detection |
//! | [`mapping`], [`merge`], [`commands`] | pure: what a ticket should be, the merge, the command language |

pub mod adopt;
pub mod apart;
pub mod batch;
pub mod brakes;
pub mod commands;
pub mod create;
pub mod decision;
pub mod detect;
pub mod dry;
pub mod engine;
pub mod failure;
pub mod health;
pub mod lease;
pub mod limited;
pub mod lost;
pub mod mapping;
pub mod merge;
pub mod obey;
pub mod open;
pub mod poll;
pub mod proof;
pub mod prune;
pub mod reconcile;
mod settle;
pub mod sweep;
pub mod take;
pub mod talk;
mod text;
pub mod withhold;
mod world;

pub use dry::Line;
pub use engine::{Engine, Pass};
pub use mapping::{Disclosure, Route, Tracker};
pub use world::{Kept, Kind, Limited, Settings, SyncError, SystemSettings, World};
