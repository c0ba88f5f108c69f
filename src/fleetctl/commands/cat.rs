//! `fleetctl cat`

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::source;
use crate::unitfile::UnitName;

/// Print a unit's file as the cluster has it, byte for byte
#[derive(Debug, Args)]
pub struct CatArgs {
    /// The unit
    unit: String,
}

pub async fn run(context: &Context, args: &CatArgs) -> Result<ExitStatus, Error> {
    let name = UnitName::from_argument(&args.unit)?;
    let unit = context.client.unit(&name).await?;
    let unit = unit.ok_or_else(|| Error::NoUnit { name: name.clone() })?;
    match &unit.contents {
        Some(contents) => context.ui.data(contents)?,
        None => context.ui.data(source::stored(&name, &unit)?.contents())?,
    }
    Ok(ExitStatus::Done)
}
