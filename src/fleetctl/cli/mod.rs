//! The command line: the global flags, and the list of commands.
//!
//! What a command does, and its own flags, are in its file under [`commands`](super::commands).

pub mod arguments;
pub mod complete;
pub mod globals;
pub mod reference;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::arguments::Ready;
use self::globals::{Globals, without_idle_variables};
use super::commands::{
    apply, cat, completions, destroy, diff, events, export, fd_forward, journal, list_machines,
    list_unit_files, list_units, load, man, restart, ssh, start, status, stop, submit, unload,
    verify, version, why,
};
use super::ssh::SshArgs;

/// Tell a cluster of machines which systemd units to run
#[derive(Debug, Parser)]
#[command(
    name = "fleetctl",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    infer_subcommands = true,
    args_override_self = true,
    max_term_width = 100,
)]
pub struct Cli {
    #[command(flatten)]
    pub(super) globals: Globals,
    #[command(flatten)]
    pub(super) ssh: SshArgs,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

impl Cli {
    /// Reads arguments, the program's name first, and the environment.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut tree = Self::command();
        tree.build();
        let Ready { arguments, given } = arguments::ready(&tree, arguments);
        let mut tree = without_idle_variables(Self::command(), &given);
        let mut matches = tree.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut tree))
    }

    /// Where the API is, by the flags among words which need not be a whole command line; `None` if
    /// that cannot be told, or it is behind a tunnel.
    pub fn near(words: impl IntoIterator<Item = OsString>) -> Option<Globals> {
        let tree = without_idle_variables(Self::command(), &BTreeSet::new());
        let matches = tree.ignore_errors(true).try_get_matches_from(words).ok()?;
        let ssh = SshArgs::from_arg_matches(&matches).ok()?;
        Globals::from_arg_matches(&matches).ok().filter(|_| ssh.tunnel.is_none())
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Apply(apply::ApplyArgs),
    Cat(cat::CatArgs),
    Completions(completions::CompletionsArgs),
    Destroy(destroy::DestroyArgs),
    Diff(diff::DiffArgs),
    Events(events::EventsArgs),
    Export(export::ExportArgs),
    FdForward(fd_forward::FdForwardArgs),
    Journal(journal::JournalArgs),
    ListMachines(list_machines::ListMachinesArgs),
    ListUnitFiles(list_unit_files::ListUnitFilesArgs),
    ListUnits(list_units::ListUnitsArgs),
    Load(load::LoadArgs),
    #[command(hide = true)]
    Man(man::ManArgs),
    Restart(restart::RestartArgs),
    Ssh(ssh::SshCommandArgs),
    Start(start::StartArgs),
    Status(status::StatusArgs),
    Stop(stop::StopArgs),
    Submit(submit::SubmitArgs),
    Unload(unload::UnloadArgs),
    Verify(verify::VerifyArgs),
    Version(version::VersionArgs),
    Why(why::WhyArgs),
}

impl Command {
    /// Whether it needs nobody but this machine, and so no tunnel.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Completions(_) | Self::FdForward(_) | Self::Man(_) | Self::Version(_) => true,
            Self::Verify(args) => args.offline,
            _ => false,
        }
    }

    /// The exit status when it fails, unless the error has one of its own.
    pub(super) fn failure_code(&self) -> ExitCode {
        match self {
            Self::Diff(_) => ExitCode::from(diff::TROUBLE),
            _ => ExitCode::FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
