//! `fleetctl cat`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::bring::source;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::show::output::OutputArgs;

/// Print a unit's file as the cluster has it, byte for byte
///
/// As JSON or YAML it is the unit's document, with what is wanted of it and where it is.
#[derive(Debug, Args)]
pub struct CatArgs {
    /// The unit
    unit: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &CatArgs) -> Result<ExitStatus, Error> {
    let (name, unit) = names::one(context, &args.unit).await?;
    let contents = match unit.contents.clone() {
        Some(contents) => contents,
        None => source::stored(&name, &unit)?.contents().to_owned(),
    };
    context.ui.data(&args.output.render(&unit, || contents)?)?;
    Ok(ExitStatus::Done)
}
