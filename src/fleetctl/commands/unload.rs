//! `fleetctl unload`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::lower::{LowerArgs, Verb, lower};
use crate::fleetctl::error::{Error, ExitStatus};

/// Stop units and take them off their machines
///
/// The cluster still has their files afterwards.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fleetctl unload hello.service")]
pub struct UnloadArgs {
    #[command(flatten)]
    lower: LowerArgs,
}

pub async fn run(context: &Context, args: &UnloadArgs) -> Result<ExitStatus, Error> {
    lower(context, Verb::Unload, &args.lower).await
}
