//! Errors as the wire carries them.

use serde::{Deserialize, Serialize};

/// fleet 1.0's sentence for "the daemon cannot reach etcd, or was refused by the cluster"; scripts
/// look for it.
pub const STORE_AWAY: &str = "fleet server unable to communicate with etcd";

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The HTTP status.
    pub code: u16,
    /// In words.
    pub message: String,
}
