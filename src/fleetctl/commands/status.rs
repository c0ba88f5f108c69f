//! `fleetctl status`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::there::{self, Job, ThereArgs};

/// Show what systemctl says of units on their machines
///
/// Over SSH, unless the machine is this one. Of a global unit: here if it is here, else on the first
/// machine that has it. The exit status is systemctl's; of several units, the last that is not 0.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Names of units, or globs such as 'hello@*' over the units of the cluster
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<String>,
    #[command(flatten)]
    there: ThereArgs,
}

pub async fn run(context: &Context, args: &StatusArgs) -> Result<ExitStatus, Error> {
    let mut status = ExitStatus::Done;
    for (index, (name, unit)) in names::select(context, &args.units).await?.iter().enumerate() {
        if index > 0 {
            context.ui.line("")?;
        }
        let words = ["systemctl", "status", "-l", name.as_str()].map(str::to_owned).to_vec();
        let job = Job { words, endless: false, last: false };
        match there::run(context, &args.there, name, unit, &job).await? {
            ExitStatus::Done => {}
            other => status = other,
        }
    }
    Ok(status)
}
