//! `fleetctl man`

use std::path::PathBuf;

use clap::Args;

use crate::fleetctl::Context;
use crate::fleetctl::cli::reference;
use crate::fleetctl::error::{Error, ExitStatus};

/// Write fleetctl's manual pages into a folder
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR", required_unless_present = "markdown")]
    folder: Option<PathBuf>,
    /// Print the whole reference as Markdown
    #[arg(long)]
    markdown: bool,
}

pub fn run(context: &Context, args: &ManArgs) -> Result<ExitStatus, Error> {
    if args.markdown {
        context.ui.data(&reference::markdown())?;
    }
    if let Some(folder) = &args.folder {
        reference::write_manual(folder)?;
    }
    Ok(ExitStatus::Done)
}
