//! `fleetctl why`

use clap::Args;
use futures_util::future::try_join_all;

use crate::api::{Why, WhyStatus};
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::names;
use crate::fleetctl::show::output::OutputArgs;
use crate::fleetctl::show::tell;
use crate::fleetctl::ui::printable_lines;
use crate::unitfile::UnitName;

/// Tell why units are where they are, or nowhere
///
/// Prints for each unit whether it is placed, waits for a machine or is not wanted on one, and
/// every machine that does not take it with that machine's reason.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fleetctl why hello.service")]
pub struct WhyArgs {
    /// The units
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<String>,
    /// Show ids whole
    #[arg(long, short = 'l')]
    full: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &WhyArgs) -> Result<ExitStatus, Error> {
    let names = args.units.iter().map(|unit| UnitName::from_argument(unit));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let whys = try_join_all(names.iter().map(|name| context.client.why(name)));
    let (whys, machines) = tokio::try_join!(whys, Machines::fetch(&context.client))?;
    let mut known = Vec::with_capacity(names.len());
    for (name, why) in names.into_iter().zip(whys) {
        match why {
            Some(why) => known.push(why),
            None => return Err(names::unknown(context, name).await),
        }
    }
    let text = || known.iter().map(|why| explain(why, &machines, args.full)).collect();
    context.ui.data(&args.output.render(&known, text)?)?;
    Ok(ExitStatus::Done)
}

/// A line for the unit, and one for each machine that does not take it.
fn explain(why: &Why, machines: &Machines, full: bool) -> String {
    let status = match why.status {
        WhyStatus::Inactive => "inactive".to_owned(),
        WhyStatus::Pending => "pending".to_owned(),
        WhyStatus::Unknown => "in a state newer than this fleetctl".to_owned(),
        WhyStatus::Placed => {
            let on = why.machine_ids.iter().map(|id| machines.legend(id, full));
            format!("placed on {}", on.collect::<Vec<_>>().join(", "))
        }
    };
    let refusals = tell::refusals(why, machines, full);
    printable_lines(&format!("{} is {status}: {}\n{refusals}", why.name, why.reason))
}
