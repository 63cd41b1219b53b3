//! Tests of the library from outside, in one binary so that it is linked once.

mod store;
