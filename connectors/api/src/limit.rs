//! What a site allows, as data. Each connector states the limits of its kind of site as a pure function from a request
//! to what it counts against; the transport below it keeps the counts.

use std::time::Duration;

/// One allowance: at most `amount` within `per`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// What it is for, unique within a connection: `content`, `PUT /issue/{issueIdOrKey}`, `ticket 10042`. A limit that
    /// the site reports names it in [`crate::error::LimitScope::Bucket`].
    pub name: String,
    /// How much may be spent within the time.
    pub amount: u32,
    /// The time.
    pub per: Duration,
}

/// What a request spends of one allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Of which.
    pub bucket: Bucket,
    /// How much.
    pub cost: u32,
}
