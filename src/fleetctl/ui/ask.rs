//! Reads the answer to a question.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// No answer is longer.
const ANSWER_BYTES_MAX: usize = 1024;

/// A program that answers has its answer ready, or is about to write it.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Standard input without a buffer.
pub fn input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Reads beside all else that goes on, for as long as the limit says. A read that goes on after
/// that ends with the program.
pub async fn within(
    limit: Option<Duration>,
    read: impl FnOnce() -> io::Result<String> + Send + 'static,
) -> io::Result<String> {
    let reading = spawn_blocking(read);
    let answer = match limit {
        Some(limit) => timeout(limit, reading).await?,
        None => reading.await,
    };
    answer?
}

/// One line, and not a byte more: the rest may be for a program that comes after.
pub fn line(mut input: impl Read) -> io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < ANSWER_BYTES_MAX {
        input.read_exact(&mut byte)?;
        if byte == *b"\n" {
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        line.extend(byte);
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Whether an answer is a yes.
pub fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_pipe_is_not_waited_for_for_ever() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let limit = Some(Duration::from_millis(1));
        let error = within(limit, || line(reader)).await.expect_err("it is silent");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(writer); // ends the read, for which the runtime waits
    }

    #[test]
    fn only_yes_is_a_yes() {
        assert!(["y", "Yes\r", " y"].into_iter().all(is_yes));
        assert!(!["", "n", "yesterday", "y n"].into_iter().any(is_yes));
    }
}
