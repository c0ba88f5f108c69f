//! `fleetctl version`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};

/// Print the version of fleetctl
#[derive(Debug, Args)]
pub struct VersionArgs {}

pub fn run(context: &Context, _args: &VersionArgs) -> Result<ExitStatus, Error> {
    context.ui.line(concat!("fleetctl version ", env!("CARGO_PKG_VERSION")))?;
    Ok(ExitStatus::Done)
}
