//! What can go wrong between a client and the API.
//!
//! Each error names the request; how to word it for people, and what to advise, is the reader's.

use std::io;
use std::time::Duration;

use super::{Endpoint, TlsError};

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody could be reached.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// Where to.
        endpoint: Endpoint,
        /// Why not.
        source: io::Error,
    },
    /// There can be no TLS to it with these files.
    #[error("cannot make a secure connection to {endpoint}")]
    Tls {
        /// Where to.
        endpoint: Endpoint,
        /// Why not.
        source: TlsError,
    },
    /// The connection broke before the answer was complete.
    #[error("{request} to {endpoint} broke off")]
    Broken {
        /// Method and path.
        request: String,
        /// Where to.
        endpoint: Endpoint,
        /// How.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time; whether a change was made is not known.
    #[error("{request} to {endpoint} got no answer within {} s", .limit.as_secs_f64())]
    Timeout {
        /// Method and path.
        request: String,
        /// Where to.
        endpoint: Endpoint,
        /// How long it waited.
        limit: Duration,
    },
    /// The server said no.
    #[error("{message} ({request}: {status})")]
    Refused {
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The server said something this client does not understand.
    #[error("{request}: the answer is not what version 1 of the API says")]
    Answer {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClientError {
    /// Whether nobody answered, so that what lies between may be the reason.
    pub fn is_about_the_way(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Broken { .. } | Self::Timeout { .. })
    }

    /// The HTTP status, where the server gave one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}
