//! `fleetctl stop`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::lower::{LowerArgs, Verb, lower};
use crate::fleetctl::error::{Error, ExitStatus};

/// Stop units, and keep them on their machines
///
/// Waits until nothing of them runs. Units that were never loaded stay as they are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl stop hello.service
  fleetctl stop --block-attempts=20 'web@*'")]
pub struct StopArgs {
    #[command(flatten)]
    lower: LowerArgs,
}

pub async fn run(context: &Context, args: &StopArgs) -> Result<ExitStatus, Error> {
    lower(context, Verb::Stop, &args.lower).await
}
