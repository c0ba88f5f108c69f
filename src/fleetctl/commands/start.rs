//! `fleetctl start`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::raise::{RaiseArgs, raise};
use crate::fleetctl::bring::transition::Verb;
use crate::fleetctl::error::{Error, ExitStatus};

/// Start units somewhere in the cluster
///
/// What the cluster does not have yet is submitted first: from a file, from its template in the
/// cluster, or from its template on disk. Waits until systemd reports each unit active, or that it
/// finished well; a unit that fails makes the exit status 1. A unit that no machine takes is
/// waited for, and the reasons are told. With --replace a file that differs replaces the stored
/// one and is started in its place.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl start hello.service
  fleetctl start --replace units/web@1.service units/web@2.service")]
pub struct StartArgs {
    #[command(flatten)]
    raise: RaiseArgs,
}

pub async fn run(context: &Context, args: &StartArgs) -> Result<ExitStatus, Error> {
    raise(context, Verb::Start, &args.raise).await
}
