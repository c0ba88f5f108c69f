//! `fleetctl status`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
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
    let units = names::select(context, &args.units).await?;
    let machines = Machines::fetch(&context.client).await?;
    let mut status = ExitStatus::Done;
    for (index, (name, unit)) in units.iter().enumerate() {
        if index > 0 {
            context.ui.line("")?;
        }
        let words = ["systemctl", "status", "-l", name.as_str()].map(str::to_owned).to_vec();
        let job = Job { words, endless: false, last: false };
        match there::run(context, &machines, &args.there, (name, unit), &job).await {
            Ok(ExitStatus::Done) => {}
            Ok(other) => status = other,
            Err(error) if is_the_unit_s_own(&error) => {
                context.ui.error(&error);
                status = ExitStatus::Failed;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(status)
}

/// Whether an error is about one unit and where that is, so that others can still be shown.
fn is_the_unit_s_own(error: &Error) -> bool {
    use Error::{BadAddress, NoAddress, Ssh, Unplaced};
    matches!(error, Unplaced { .. } | NoAddress { .. } | BadAddress { .. } | Ssh(_))
}
