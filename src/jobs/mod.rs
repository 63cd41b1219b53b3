//! What runs by itself: one runner per connection that polls, sweeps and reconciles, and the store-wide jobs. The only
//! place that waits for time.
//!
//! A runner is woken by a webhook or a change in the register, and looks at least once a second all the same.

mod runner;
mod timed;

pub use runner::{Guard, Runner, Running, Wakes, Watch};
pub use timed::{Job, Timed};
