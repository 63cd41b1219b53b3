//! A webhook delivery, verified and read as a hint where to look.

/// A verified delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Unique per delivery and the same when it is sent again: the key for dropping repeats.
    pub id: String,
    /// The event's name, as the site calls it.
    pub event: String,
    /// The project or repository it is about, where it says.
    pub project: Option<String>,
    /// Immutable ids of the tickets that it is about.
    pub tickets: Vec<String>,
}

/// Why a delivery is not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WebhookError {
    /// No signature, or one that none of the secrets gives.
    #[error("the signature is missing or does not fit any configured secret")]
    Signature,
    /// Signed, yet not readable.
    #[error("the delivery cannot be read: {0}")]
    Unreadable(String),
}
