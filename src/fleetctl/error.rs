//! What a command can fail with, which exit status that is, and what to advise.
//!
//! An error names what failed, on what and why; [`Error::hint`] says what to do about it. Printing
//! is [`Ui`](super::ui::Ui)'s.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use super::ssh::SshError;
use crate::api::client::ClientError;
use crate::model::{GlobError, MachineId};
use crate::unitfile::{NameError, OptionError, ParseError, UnitName};

/// How a command ended that did what it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// All of it is done.
    Done,
    /// Some of it failed, and the user was told what.
    Failed,
    /// What a program that ran in our place returned.
    External(u8),
    /// Nothing failed, and this tells what was found.
    Tells(u8),
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Done => Self::SUCCESS,
            ExitStatus::Failed => Self::FAILURE,
            ExitStatus::External(code) | ExitStatus::Tells(code) => Self::from(code),
        }
    }
}

/// Why a command could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon could not be asked, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Nothing tells of the changes that a command would wait for.
    #[error(transparent)]
    Unheard(ClientError),
    /// An argument names no unit.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An argument is no glob.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// Two arguments mean the same unit, with different files.
    #[error("{first} and {second} are both {name}: name a unit once")]
    NamedTwice {
        /// The unit.
        name: UnitName,
        /// As written first.
        first: String,
        /// As written second.
        second: String,
    },
    /// fleetctl has no such command.
    #[error("there is no command {given:?}")]
    NoCommand {
        /// As written.
        given: String,
        /// What may be meant; empty for nothing.
        near: String,
    },
    /// The cluster has no such unit.
    #[error("there is no unit {name} in the cluster")]
    NoUnit {
        /// The unit.
        name: UnitName,
        /// The unit with the most similar name, if one is similar.
        near: Option<UnitName>,
    },
    /// A unit's contents are nowhere to be found.
    #[error("there is no unit {name} in the cluster, and no file for it: looked for {looked}")]
    NoContents {
        /// The unit.
        name: UnitName,
        /// Everything that was tried.
        looked: String,
    },
    /// What was named holds no unit file.
    #[error("there is no unit file in {folders}")]
    NoFiles {
        /// As written.
        folders: String,
    },
    /// Without a folder nothing says which units there shall be.
    #[error("--prune needs a folder: only that can say which units there shall not be")]
    PruneWithoutFolder,
    /// The plan was asked for as data, and as deeds.
    #[error("--output gives a plan as data, and needs --dry-run")]
    PlanOfDeeds,
    /// Nobody can answer a question.
    #[error("there is no terminal to ask on; nothing was changed")]
    NobodyToAsk,
    /// The answer was no.
    #[error("nothing was changed")]
    Declined,
    /// The plan that was agreed to is not what would be done now.
    #[error("the cluster changed while you were asked; nothing was changed")]
    ChangedMeanwhile,
    /// Files are in the way.
    #[error("{files} would be overwritten; nothing was written")]
    Overwrites {
        /// Their paths.
        files: String,
    },
    /// A file could not be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no unit file.
    #[error("{} is not a unit file", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: ParseError,
    },
    /// The API's options of a unit make no unit file.
    #[error("what the cluster has of {name} is not a unit file")]
    Options {
        /// The unit.
        name: UnitName,
        /// Why.
        source: OptionError,
    },
    /// A unit cannot be treated as asked, as it is or as its file is.
    #[error("{name}: {reason}")]
    Unit {
        /// The unit.
        name: UnitName,
        /// In words.
        reason: String,
    },
    /// A column was asked for that the table does not have.
    #[error("unknown field {field:?}: choose from {known}")]
    UnknownField {
        /// As written.
        field: String,
        /// Those there are.
        known: String,
        /// The one that was meant, most likely.
        meant: Option<&'static str>,
    },
    /// Columns were asked for, and no table.
    #[error("--fields chooses the columns of a table; json and yaml have every field")]
    FieldsOfDocument,
    /// The data cannot be written in the form asked for.
    #[error("cannot write the data as {form}")]
    Document {
        /// The form.
        form: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A machine cannot be reached over SSH, or the API through it.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// No machine has such an id.
    #[error("there is no machine {given}; there are: {known}")]
    NoMachine {
        /// As written.
        given: String,
        /// Those there are.
        known: String,
    },
    /// Several have.
    #[error("{given} is not one machine, but {matching}")]
    ManyMachines {
        /// As written.
        given: String,
        /// Which.
        matching: String,
    },
    /// A machine that says it is where nothing can be.
    #[error("what machine {id} told the cluster is no address: {given:?}")]
    BadAddress {
        /// The machine.
        id: MachineId,
        /// What it told.
        given: String,
    },
    /// A machine that does not say where it is.
    #[error("machine {id} told the cluster no address")]
    NoAddress {
        /// The machine.
        id: MachineId,
    },
    /// An argument names a machine and a unit.
    #[error("{given} is the machine {machine}, and a unit, too")]
    MachineAndUnit {
        /// As written.
        given: String,
        /// The machine.
        machine: String,
    },
    /// An argument names neither.
    #[error("{given} is neither a unit nor a machine; the machines are: {known}")]
    NoMachineNorUnit {
        /// As written.
        given: String,
        /// The machines.
        known: String,
    },
    /// A connection between standard input and output and a socket.
    #[error("cannot connect to {}", .path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A unit was stopped to be started again, and that was refused.
    #[error("{name} is stopped, and cannot be started again")]
    LeftStopped {
        /// The unit.
        name: UnitName,
        /// Why.
        source: ClientError,
    },
    /// The unit is on no machine.
    #[error("{name} is on no machine")]
    Unplaced {
        /// The unit.
        name: UnitName,
    },
    /// A program could not be started.
    #[error("cannot run {program}")]
    Program {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The units did not get there in the attempts allowed.
    #[error("gave up after {attempts} attempts, waiting for {units}")]
    GaveUp {
        /// As many as `--block-attempts` said.
        attempts: u32,
        /// Which.
        units: String,
    },
    /// Ctrl-C.
    #[error("interrupted, while waiting for {units}; what is wanted of them stands")]
    Interrupted {
        /// Which.
        units: String,
    },
    /// Standard output cannot be written to.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// The runtime could not be set up.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    /// Everything there is to say has been said.
    #[error("failed")]
    Told,
}

/// What shells report of a program that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

impl Error {
    /// The exit status of a command that ends with this, where `failure` is the command's own.
    pub fn exit_code(&self, failure: ExitCode) -> ExitCode {
        match self {
            // Who closed the pipe has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Interrupted { .. } => ExitCode::from(EXIT_INTERRUPTED),
            _ => failure,
        }
    }

    /// Whether there is nothing (more) to tell the user.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Told => true,
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }

    /// What the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Client(error) => client_hint(error),
            Self::Unheard(_) => {
                Some("that fleetd is too old to tell of changes; --no-block does without".into())
            }
            Self::NoCommand { near, .. } => Some(match near.as_str() {
                "" => "`fleetctl help` lists the commands".into(),
                near => format!("did you mean {near}?"),
            }),
            Self::NoUnit { near: Some(near), .. } => Some(format!("did you mean {near}?")),
            Self::NoUnit { near: None, .. } => {
                Some("`fleetctl list-unit-files` shows what there is".into())
            }
            Self::UnknownField { meant, .. } => Some(format!("did you mean {}?", (*meant)?)),
            Self::Ssh(error) => error.hint(),
            Self::ManyMachines { .. } => Some("write more of the id".into()),
            Self::MachineAndUnit { given, .. } => {
                Some(format!("say which: --machine {given} or --unit {given}"))
            }
            Self::NobodyToAsk => {
                Some("--yes does not ask; --dry-run only shows what would change".into())
            }
            Self::ChangedMeanwhile => Some("run it again to see what would be done now".into()),
            Self::Overwrites { .. } => Some("--force overwrites them".into()),
            Self::LeftStopped { name, .. } => Some(format!("`fleetctl start {name}` starts it")),
            Self::Unplaced { name } => Some(format!("`fleetctl why {name}` tells the reason")),
            Self::GaveUp { .. } => Some(
                "they are still wanted: `fleetctl why UNIT` tells what a unit waits for".into(),
            ),
            _ => None,
        }
    }
}

fn client_hint(error: &ClientError) -> Option<String> {
    use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    let hint = match error {
        ClientError::Connect { source, .. } => match source.kind() {
            PermissionDenied => {
                "you are not in the group `fleet`: use sudo, or `sudo usermod -aG fleet $USER` and log in again"
            }
            NotFound | ConnectionRefused => {
                "is fleetd running there? `systemctl status fleet.socket fleet.service`; --endpoint or FLEETCTL_ENDPOINT names another place"
            }
            _ => "--endpoint or FLEETCTL_ENDPOINT names another place",
        },
        ClientError::Tls { .. } => {
            "--ca-file says whom to trust, --cert-file and --key-file say who you are"
        }
        ClientError::Timeout { .. } => {
            "is fleetd well? `journalctl -u fleet.service`; --request-timeout waits longer"
        }
        ClientError::Refused { status: 503, .. } => {
            "its log says more: `journalctl -u fleet.service` on that machine"
        }
        ClientError::Refused { status: 404, request, .. } if request.ends_with("/events") => {
            "that fleetd is too old to tell of changes"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
