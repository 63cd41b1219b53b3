//! Tests of the whole crate, in one binary so that it is linked once.
mod architecture;
