//! Seeds that once failed, each by the name of what they found.
