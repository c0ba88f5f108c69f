//! What `stop`, `unload` and `destroy` have in common: find the units in the cluster, and bring
//! them down to where the command goes.

use clap::Args;
use futures_util::future::try_join_all;

use super::source::is_global_unit;
use crate::api::Unit;
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::show::tell;
use crate::fleetctl::wait::block::BlockArgs;
use crate::fleetctl::wait::goal::Goal;
use crate::fleetctl::wait::task::{Change, Task, Then};
use crate::fleetctl::wait::{self, Watch};
use crate::model::TargetState;
use crate::unitfile::UnitName;

/// The arguments of the commands that bring units down
#[derive(Debug, Clone, Args)]
pub struct LowerArgs {
    /// Names of units, or globs such as 'hello@*' over the units of the cluster
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<String>,
    #[command(flatten)]
    pub block: BlockArgs,
}

/// The commands that bring units down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Still on its machine, not running.
    Stop,
    /// On no machine.
    Unload,
    /// No longer known.
    Destroy,
}

/// Runs one of the commands that bring units down.
pub async fn lower(context: &Context, verb: Verb, args: &LowerArgs) -> Result<ExitStatus, Error> {
    let watch = Watch::open(context, &args.block);
    let selected = names::select(context, &args.units);
    let (mut watch, selected) = tokio::try_join!(watch, selected)?;
    // The states are asked for when the stream is open: what changes from now on is told by it.
    let tasks = selected.iter().map(|(name, unit)| task(context, verb, name, unit, &args.block));
    let tasks = try_join_all(tasks).await?;
    wait::run(context, tasks, &mut watch, &args.block).await
}

/// What to do with one unit, as it is now.
pub async fn task(
    context: &Context,
    verb: Verb,
    name: &UnitName,
    unit: &Unit,
    block: &BlockArgs,
) -> Result<Task, Error> {
    let then = wait::seen(context, name, then(verb, name, unit, block)).await?;
    Ok(Task { change: change(verb, name, unit), name: name.clone(), then })
}

/// The change a unit needs. What is on no machine has nothing to stop, and stopping it must not
/// load it.
fn change(verb: Verb, name: &UnitName, unit: &Unit) -> Change {
    let desired = unit.desired_state.unwrap_or_default();
    let wanted = match verb {
        Verb::Destroy => return Change::Destroy,
        Verb::Stop => desired.min(TargetState::Loaded),
        Verb::Unload => TargetState::Inactive,
    };
    if desired == wanted {
        return Change::Keep;
    }
    Change::put(name, wanted, None)
}

fn then(verb: Verb, name: &UnitName, unit: &Unit, block: &BlockArgs) -> Then {
    let inactive = unit.desired_state.unwrap_or_default() == TargetState::Inactive;
    let goal = match verb {
        Verb::Stop if inactive => return Then::Say(tell::stands(name, TargetState::Inactive)),
        Verb::Stop => Goal::Stopped,
        Verb::Unload => Goal::Unloaded,
        Verb::Destroy => Goal::Destroyed,
    };
    Then::after(name, goal, is_global_unit(name, unit), block)
}
