//! What etcd's and the client library's errors mean to fleet. Pure.

use std::error::Error as _;
use std::time::Duration;

use etcd_client::Error;
use tonic::{Code, ConnectError, Status};

use super::super::store::StoreError;

/// Why a question to etcd got no good answer.
#[derive(Debug)]
pub(super) enum AskError {
    /// The library's or etcd's error.
    Answered {
        /// The error.
        error: Error,
        /// What a person can do about it.
        advice: Option<&'static str>,
    },
    /// No answer within this time.
    Late(Duration),
}

impl AskError {
    /// The error of `operation`, in the store's own kinds.
    pub(super) fn of(self, operation: impl Into<String>) -> StoreError {
        match self {
            AskError::Answered { error, advice } => advised(operation, &error, advice),
            AskError::Late(waited) => {
                StoreError::unavailable(operation, format!("no answer within {waited:?}"))
            }
        }
    }

    /// Whether etcd answered that a lease is not known.
    pub(super) fn is_lease_gone(&self) -> bool {
        match self {
            AskError::Answered { error: Error::GRpcStatus(status), .. } => {
                status.message() == "etcdserver: requested lease not found"
            }
            // The library's own words for a renewal that etcd answered with "no time left".
            AskError::Answered { error: Error::LeaseKeepAliveError(_), .. } => true,
            _ => false,
        }
    }

    /// Whether etcd answered that history is gone already.
    pub(super) fn is_compacted(&self) -> bool {
        matches!(self, AskError::Answered { error: Error::GRpcStatus(status), .. }
            if status.message() == "etcdserver: mvcc: required revision has been compacted")
    }
}

/// The error of `operation`, in the store's own kinds.
pub(super) fn translate(operation: impl Into<String>, error: &Error) -> StoreError {
    advised(operation, error, None)
}

fn advised(
    operation: impl Into<String>,
    error: &Error,
    advice: Option<&'static str>,
) -> StoreError {
    let words = match advice {
        Some(advice) => format!("{}; {advice}", words(error)),
        None => words(error),
    };
    if is_unavailable(error) {
        StoreError::unavailable(operation, words)
    } else {
        StoreError::refused(operation, words)
    }
}

/// Whether asking again, perhaps another member, may help.
pub(super) fn is_unavailable(error: &Error) -> bool {
    let status = match error {
        Error::GRpcStatus(status) => status,
        Error::InvalidArgs(_)
        | Error::InvalidUri(_)
        | Error::InvalidMetadataValue(_)
        | Error::LeaseKeepAliveError(_) => {
            return false;
        }
        _ => return true,
    };
    match status.code() {
        // "too many requests" is passing; "database space exceeded" waits for an operator.
        Code::ResourceExhausted => status.message().contains("too many requests"),
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => false,
        _ => true,
    }
}

/// Whether the request certainly did nothing, so that asking another member is safe even for a
/// transaction.
pub(super) fn did_nothing(error: &Error) -> bool {
    let Error::GRpcStatus(status) = error else {
        return false;
    };
    // A member without a leader turns requests away at the door (we require one).
    never_sent(status) || status.message() == "etcdserver: no leader"
}

fn never_sent(status: &Status) -> bool {
    causes(status).any(|cause| cause.is::<ConnectError>())
}

/// One line for people: etcd's words, or the library's and the cause at the bottom.
pub(super) fn words(error: &Error) -> String {
    let Error::GRpcStatus(status) = error else {
        return error.to_string();
    };
    let message = status.message().to_owned();
    match causes(status).last().map(ToString::to_string) {
        Some(cause) if !message.contains(&cause) => format!("{message}: {cause}"),
        _ => message,
    }
}

fn causes(status: &Status) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = status.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
