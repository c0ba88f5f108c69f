//! `fleetctl load`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::raise::{RaiseArgs, raise};
use crate::fleetctl::bring::transition::Verb;
use crate::fleetctl::error::{Error, ExitStatus};

/// Put units on machines without starting them
///
/// What the cluster does not have yet is submitted first: from a file, from its template in the
/// cluster, or from its template on disk. A unit that was started is stopped. With --replace a
/// file that differs replaces the stored one, unless the unit was started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl load hello.service
  fleetctl load web@1 web@2")]
pub struct LoadArgs {
    #[command(flatten)]
    raise: RaiseArgs,
}

pub async fn run(context: &Context, args: &LoadArgs) -> Result<ExitStatus, Error> {
    raise(context, Verb::Load, &args.raise).await
}
