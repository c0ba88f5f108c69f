//! Runs a program whose input, output and exit status are ours.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use super::error::{Error, ExitStatus};

/// What shells add to the number of the signal that ended a program.
const SIGNAL_BASE: i32 = 128;

/// A program and its arguments.
#[derive(Debug)]
pub struct Program(Command);

impl Program {
    /// The first word is the program.
    pub fn new(words: &[String]) -> Self {
        let (program, arguments) = words.split_first().map_or(("", words), |(p, a)| (p, a));
        let mut command = Command::new(program);
        command.args(arguments);
        Self(command)
    }

    /// Gives it nothing to read.
    pub fn without_input(mut self) -> Self {
        self.0.stdin(Stdio::null());
        self
    }

    /// Sets a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end.
    pub async fn run(self) -> Result<ExitStatus, Error> {
        let name = self.0.get_program().to_string_lossy().into_owned();
        let ended = tokio::process::Command::from(self.0).status().await;
        let ended = ended.map_err(|source| Error::Program { program: name, source })?;
        if ended.success() {
            return Ok(ExitStatus::Done);
        }
        let code = ended.code().or_else(|| ended.signal().map(|signal| SIGNAL_BASE + signal));
        Ok(ExitStatus::External(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    }

    /// Runs it in place of this one, which is therefore gone: whoever ends it, ends it. Returns only
    /// when it cannot be run.
    pub fn replace_us(mut self) -> Error {
        let source = self.0.exec();
        Error::Program { program: self.0.get_program().to_string_lossy().into_owned(), source }
    }
}
