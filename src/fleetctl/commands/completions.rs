//! `fleetctl completions`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::cli::complete::{self, Shell};
use crate::fleetctl::error::{Error, ExitStatus};

/// Print the script that teaches a shell to complete fleetctl's command lines
///
/// Commands, flags, files, and the names of the cluster's units and machines.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(fleetctl completions bash)
  fleetctl completions zsh > \"${fpath[1]}/_fleetctl\"
  fleetctl completions fish > ~/.config/fish/completions/fleetctl.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub fn run(context: &Context, args: &CompletionsArgs) -> Result<ExitStatus, Error> {
    context.ui.data(&complete::registration(args.shell)?)?;
    Ok(ExitStatus::Done)
}
