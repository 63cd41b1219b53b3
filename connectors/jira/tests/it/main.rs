//! The connector against the fake Jira, from outside.
//!
//! | file | what |
//! |---|---|
//! | `contract` | the suite of every connector, for both flavours and for sites that lack something |
//! | `behaviour` | what it does beyond: fallbacks, workflows, checks |
//! | `many` | many tickets at once, and how many requests that costs |
//! | `errors`, `limits` | what each answer means; who must wait, and how long |
//! | `sites` | gateways, logins, fields |
//! | `situations` | what happens to tickets in real life |
//! | `world` | the fake, its people, its clock; every exchange held to Atlassian's description |

#![allow(clippy::expect_used, clippy::print_stderr, reason = "tests; a skipped one says so")]

mod behaviour;
mod contract;
mod errors;
mod limits;
mod many;
mod sites;
mod situations;
mod world;
