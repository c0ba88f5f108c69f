//! Reads the answer to a question.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

/// No answer is longer.
const ANSWER_BYTES_MAX: usize = 1024;

/// One line of standard input, and not a byte more: the rest may be for a program that comes after.
pub fn line() -> io::Result<String> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
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
    use super::is_yes;

    #[test]
    fn only_yes_is_a_yes() {
        assert!(["y", "Yes\r", " y"].into_iter().all(is_yes));
        assert!(!["", "n", "yesterday", "y n"].into_iter().any(is_yes));
    }
}
