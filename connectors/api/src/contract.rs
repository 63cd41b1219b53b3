//! The suite that every connector passes against its fake.
