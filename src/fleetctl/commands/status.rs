//! `fleetctl status`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::there;

/// Show what systemctl says of units on their machine
///
/// For now only of units on this machine. The exit status is systemctl's; of several units, the
/// last one that is not 0.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Names of units, or globs such as 'hello@*' over the units of the cluster
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<String>,
}

pub async fn run(context: &Context, args: &StatusArgs) -> Result<ExitStatus, Error> {
    let mut status = ExitStatus::Done;
    for (name, unit) in names::select(context, &args.units).await? {
        let command = ["systemctl", "status", "-l", name.as_str()].map(str::to_owned);
        match there::run(context, &name, &unit, &command).await? {
            ExitStatus::Done => {}
            other => status = other,
        }
    }
    Ok(status)
}
