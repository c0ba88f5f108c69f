//! `fleetctl journal`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::names;
use crate::fleetctl::there::{self, Job, ThereArgs};
use crate::unitfile::UnitName;

/// Show what a unit logged on its machine
///
/// Over SSH, unless the machine is this one. Of a global unit: here if it is here, else on the first
/// machine that has it. The exit status is journalctl's.
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
    #[command(flatten)]
    there: ThereArgs,
}

pub async fn run(context: &Context, args: &JournalArgs) -> Result<ExitStatus, Error> {
    let (name, unit) = names::one(context, &args.unit).await?;
    let job = Job { words: command(&name, args), endless: args.follow, last: true };
    let machines = Machines::fetch(&context.client).await?;
    there::run(context, &machines, &args.there, (&name, &unit), &job).await
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
