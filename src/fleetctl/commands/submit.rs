//! `fleetctl submit`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::raise::{RaiseArgs, raise};
use crate::fleetctl::bring::transition::Verb;
use crate::fleetctl::error::{Error, ExitStatus};

/// Store unit files in the cluster without running them
///
/// A unit that the cluster has already keeps its file, and goes on as it is. With --replace a file
/// that differs replaces the stored one, as long as the unit is inactive.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fleetctl submit hello.service web@.service")]
pub struct SubmitArgs {
    #[command(flatten)]
    raise: RaiseArgs,
}

pub async fn run(context: &Context, args: &SubmitArgs) -> Result<ExitStatus, Error> {
    raise(context, Verb::Submit, &args.raise).await
}
