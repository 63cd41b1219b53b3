//! Tests of the library from outside, in one binary so that it is linked once.

mod architecture;
mod bed;
mod bridge;
mod peers;
mod register;
mod shared_data;
mod sim;
mod store;
mod story;
mod web;
mod workbook;
