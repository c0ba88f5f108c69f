//! `fleetctl destroy`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::lower::{LowerArgs, Verb, lower};

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
