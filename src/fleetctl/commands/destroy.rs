//! `fleetctl destroy`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::lower::{LowerArgs, Verb, lower};
use crate::fleetctl::error::{Error, ExitStatus};

/// Stop units, take them off their machines and forget them
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fleetctl destroy hello.service 'web@*'")]
pub struct DestroyArgs {
    #[command(flatten)]
    lower: LowerArgs,
}

pub async fn run(context: &Context, args: &DestroyArgs) -> Result<ExitStatus, Error> {
    lower(context, Verb::Destroy, &args.lower).await
}
