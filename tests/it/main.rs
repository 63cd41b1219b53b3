//! Tests of the library from outside, in one binary so that it is linked once.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about, and lets the rest be")]
#![allow(
    clippy::format_collect,
    clippy::needless_pass_by_value,
    clippy::unused_self,
    reason = "tests are read, not tuned"
)]

mod architecture;
mod bed;
mod bench;
mod bridge;
mod cli;
mod peers;
mod register;
mod shared_data;
mod sim;
mod store;
mod story;
mod web;
mod workbook;
