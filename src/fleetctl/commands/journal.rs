//! `fleetctl journal`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::there;
use crate::unitfile::UnitName;

/// Show what a unit logged on its machine
///
/// For now only of a unit on this machine. The exit status is journalctl's.
#[derive(Debug, Args)]
pub struct JournalArgs {
    /// The unit
    unit: String,
    /// Go on showing what it logs
    #[arg(long, short = 'f')]
    follow: bool,
    /// Show this many of its last lines
    #[arg(long, value_name = "N", default_value_t = 10)]
    lines: u32,
    /// The form of the lines, one of journalctl's
    #[arg(long, value_name = "FORM", default_value = "short")]
    output: String,
    /// Read the journal as root
    #[arg(long)]
    sudo: bool,
}

pub async fn run(context: &Context, args: &JournalArgs) -> Result<ExitStatus, Error> {
    let (name, unit) = names::one(context, &args.unit).await?;
    there::run(context, &name, &unit, &command(&name, args)).await
}

fn command(name: &UnitName, args: &JournalArgs) -> Vec<String> {
    let mut command: Vec<String> = Vec::new();
    if args.sudo {
        command.push("sudo".to_owned());
    }
    command.extend(["journalctl", "--no-pager", "--unit", name.as_str()].map(str::to_owned));
    command.push(format!("--lines={}", args.lines));
    command.push(format!("--output={}", args.output));
    if args.follow {
        command.push("--follow".to_owned());
    }
    command
}
