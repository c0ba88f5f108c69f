//! `fleetctl version`

use clap::Args;
use serde::Serialize;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::show::output::OutputArgs;

/// Print the version of fleetctl
#[derive(Debug, Args)]
pub struct VersionArgs {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Document {
    version: &'static str,
}

pub fn run(context: &Context, args: &VersionArgs) -> Result<ExitStatus, Error> {
    let document = Document { version: env!("CARGO_PKG_VERSION") };
    let text = || format!("fleetctl version {}\n", document.version);
    context.ui.data(&args.output.render(&document, text)?)?;
    Ok(ExitStatus::Done)
}
