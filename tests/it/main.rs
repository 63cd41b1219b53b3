//! Tests of the library from outside, in one binary.

mod shared_data;
mod workbook;
