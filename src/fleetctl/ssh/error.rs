//! What can go wrong on the way to a machine, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::quote;

/// Why a machine cannot be reached over SSH.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// A program of OpenSSH, or the shell, could not be run.
    #[error("cannot run {program}")]
    Program {
        /// The program.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// ssh said why it could not get there.
    #[error("cannot reach {host} over SSH{}", because(.words))]
    Unreachable {
        /// Where to.
        host: String,
        /// ssh's last words.
        words: String,
    },
    /// Nobody knows this machine, and the user does not vouch for it.
    #[error("the host key of {host} is not known, and was not accepted")]
    Unknown {
        /// Where to.
        host: String,
        /// Where it would have been stored.
        file: PathBuf,
    },
    /// Another machine answers, or this one has a new key.
    #[error(
        "the host key of {host} is not the one in {}: somebody may be listening in, or the machine is a new one",
        .file.display()
    )]
    Changed {
        /// Where to.
        host: String,
        /// The host as the file names it.
        known_as: String,
        /// The known hosts.
        file: PathBuf,
    },
    /// The connection was there, and broke.
    #[error("lost the SSH connection to {host}{}", because(.words))]
    Lost {
        /// Where to.
        host: String,
        /// ssh's last words.
        words: String,
    },
    /// The machine is reached, the API there is not.
    #[error("{host} is reached over SSH, but not {far} from there{}", because(.words))]
    NoApi {
        /// The machine.
        host: String,
        /// The endpoint.
        far: String,
        /// What was said.
        words: String,
    },
    /// A file or folder of ours.
    #[error("cannot use {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn because(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

impl SshError {
    /// What the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Program { program, .. } => Some(format!("fleetctl needs {program} (OpenSSH)")),
            Self::Unreachable { words, .. } if words.contains("Permission denied") => Some(
                "--ssh-username says who to be there; your keys are ssh's: `ssh-add -l`, ~/.ssh/config"
                    .to_owned(),
            ),
            Self::Unreachable { words, .. } if words.contains("timed out") => {
                Some("--ssh-timeout waits longer".to_owned())
            }
            Self::Unreachable { .. } => {
                Some("`ssh -v` to the same host and user tells more".to_owned())
            }
            Self::Unknown { .. } => Some(
                "answer yes, or --strict-host-key-checking=false trusts whoever answers".to_owned(),
            ),
            Self::Changed { known_as, file, .. } => Some(format!(
                "if you know why, forget the old key: {}",
                quote::shell(&["ssh-keygen", "-R", known_as, "-f", &file.to_string_lossy()])
            )),
            Self::NoApi { .. } => Some(
                "is fleetd running there, and may that user use its socket (group `fleet`)?".to_owned(),
            ),
            Self::Lost { .. } | Self::File { .. } => None,
        }
    }
}
