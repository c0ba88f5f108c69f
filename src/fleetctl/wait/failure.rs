//! A start that failed, in systemd's words. Pure; must not know how it was learnt.

use std::fmt;

use crate::model::MachineId;

/// What systemd says of a start that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailure {
    /// Where.
    pub machine: MachineId,
    /// How the start's job ended.
    pub job: String,
    /// systemd's `Result`, where it tells more than that it failed.
    pub result: Option<String>,
    /// The main process's exit status.
    pub exit_status: Option<i32>,
    /// systemd's words, where it refused the unit.
    pub message: Option<String>,
    /// The unit's last lines in the journal; `None` while they are not known.
    pub log: Option<Vec<String>>,
}

impl StartFailure {
    /// Whether the unit ran, and what it said may still come.
    pub fn lacks_log(&self) -> bool {
        let ran = matches!(self.job.as_str(), "done" | "failed" | "timeout");
        ran && self.message.is_none() && self.log.is_none()
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            return write!(f, "systemd refuses it: {message}");
        }
        match self.job.as_str() {
            "done" | "failed" => f.write_str("it failed")?,
            "timeout" => f.write_str("its start timed out")?,
            "canceled" => f.write_str("its start was canceled")?,
            "dependency" => f.write_str("a unit that it depends on failed")?,
            other => write!(f, "its start ended as {other:?}")?,
        }
        let result = self.result.as_deref().filter(|result| *result != "success");
        match (result, self.exit_status) {
            (Some(result), Some(status)) => write!(f, " (result {result}, status {status})"),
            (Some(result), None) => write!(f, " (result {result})"),
            (None, Some(status)) if status != 0 => write!(f, " (status {status})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_ran_and_failed_may_have_said_something() {
        for (job, message, log, lacks) in [
            ("failed", None, None, true),
            ("timeout", None, None, true),
            ("failed", None, Some(Vec::new()), false),
            ("failed", Some("no such file".to_owned()), None, false),
            ("dependency", None, None, false),
            ("canceled", None, None, false),
        ] {
            let start = StartFailure {
                machine: MachineId::parse("m1").unwrap(),
                job: job.to_owned(),
                result: None,
                exit_status: None,
                message,
                log,
            };
            assert_eq!(start.lacks_log(), lacks, "{start:?}");
        }
    }

    #[test]
    fn failures_are_told_in_words() {
        for (job, result, status, expected) in [
            ("failed", Some("exit-code"), Some(3), "it failed (result exit-code, status 3)"),
            ("failed", Some("signal"), None, "it failed (result signal)"),
            ("done", Some("success"), Some(0), "it failed"),
            ("timeout", Some("timeout"), None, "its start timed out (result timeout)"),
            ("dependency", None, None, "a unit that it depends on failed"),
            ("assert", None, None, "its start ended as \"assert\""),
        ] {
            let (job, result) = (job.to_owned(), result.map(str::to_owned));
            let start = StartFailure {
                machine: MachineId::parse("m1").unwrap(),
                job,
                result,
                exit_status: status,
                message: None,
                log: None,
            };
            assert_eq!(start.to_string(), expected);
            let message = Some("bad file".to_owned());
            let refused = StartFailure { message, ..start };
            assert_eq!(refused.to_string(), "systemd refuses it: bad file");
        }
    }
}
