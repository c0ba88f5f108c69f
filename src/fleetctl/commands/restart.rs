//! `fleetctl restart`

use std::collections::BTreeSet;

use clap::Args;

use crate::api::Unit;
use crate::fleetctl::Context;
use crate::fleetctl::bring::source::is_global_unit;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::show::tell;
use crate::fleetctl::wait::block::BlockArgs;
use crate::fleetctl::wait::goal::Goal;
use crate::fleetctl::wait::task::{Change, Task, Then, wish};
use crate::fleetctl::wait::{self, Watch};
use crate::model::{Glob, TargetState};
use crate::unitfile::UnitName;

/// Stop units and start them again, one after another
///
/// Each unit is waited for before the next one is stopped, in the order in which they are named; a
/// start that fails ends the row, and the units after it go on undisturbed. A unit that is loaded
/// but not started is started. A unit that is on no machine is refused, and globs pass it over.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl restart web.service
  fleetctl restart db.service 'web@*'")]
pub struct RestartArgs {
    /// Names of units, or globs such as 'hello@*' over the units of the cluster
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<String>,
    #[command(flatten)]
    block: BlockArgs,
}

pub async fn run(context: &Context, args: &RestartArgs) -> Result<ExitStatus, Error> {
    let units = units(context, &args.units).await?;
    if units.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let mut watch = Watch::open(context, &args.block).await?;
    let mut left = units.iter();
    while let Some(name) = left.next() {
        let outcome = restart(context, name, &mut watch, &args.block).await;
        if matches!(outcome, Ok(ExitStatus::Done)) {
            continue;
        }
        let names: Vec<&str> = left.map(UnitName::as_str).collect();
        if !names.is_empty() {
            context.ui.note(&format!("not restarted: {}", names.join(", ")));
        }
        return outcome;
    }
    Ok(ExitStatus::Done)
}

/// The units to restart; each is on a machine.
async fn units(context: &Context, arguments: &[String]) -> Result<Vec<UnitName>, Error> {
    let named = arguments.iter().filter(|argument| !Glob::is_meant(argument));
    let named = named.map(|argument| UnitName::from_argument(argument));
    let named = named.collect::<Result<BTreeSet<_>, _>>()?;
    let mut units = names::select(context, arguments).await?;
    if let Some((name, _)) =
        units.iter().find(|(name, unit)| is_inactive(unit) && named.contains(name))
    {
        return Err(nothing_to_restart(name));
    }
    units.retain(|(_, unit)| !is_inactive(unit));
    if units.is_empty() {
        context.ui.warn("there is nothing to restart: none of these units is on a machine");
    }
    Ok(units.into_iter().map(|(name, _)| name).collect())
}

fn is_inactive(unit: &Unit) -> bool {
    unit.desired_state.unwrap_or_default() == TargetState::Inactive
}

fn nothing_to_restart(name: &UnitName) -> Error {
    let reason = if name.is_template() {
        let instances = format!("{}@*.{}", name.prefix(), name.unit_type());
        format!("a template runs nowhere: restart its instances, as '{instances}'")
    } else {
        format!("it is inactive, so there is nothing to restart: `fleetctl start {name}`")
    };
    Error::Unit { name: name.clone(), reason }
}

/// Restarts one unit, as it is at its turn. That it be started is wanted at once, not only when it
/// has stopped: whatever becomes of this program in between, the unit comes up again.
async fn restart(
    context: &Context,
    name: &UnitName,
    watch: &mut Option<Watch>,
    block: &BlockArgs,
) -> Result<ExitStatus, Error> {
    let unit = context.client.unit(name).await?;
    let unit = unit.ok_or_else(|| Error::NoUnit { name: name.clone(), near: None })?;
    if is_inactive(&unit) {
        return Err(nothing_to_restart(name));
    }
    let global = is_global_unit(name, &unit);
    let then = Then::after(name, Goal::Started, global, block);
    let runs = unit.desired_state == Some(TargetState::Launched);
    if runs {
        context.client.put(name, &wish(name, TargetState::Loaded, None)).await?;
        if matches!(then, Then::Say(_)) {
            // The first of fleet 1.0's two lines.
            context.ui.line(&tell::triggered(name, global, "stop"))?;
        }
    }
    let started = context.client.put(name, &wish(name, TargetState::Launched, None)).await;
    let started = started.map_err(|source| match runs {
        true => Error::LeftStopped { name: name.clone(), source },
        false => source.into(),
    })?;
    // What the stream told before, as that it shall stop, does not count.
    let change = Change::Made(started.revision);
    let task = Task { name: name.clone(), change, then };
    wait::run(context, vec![task], watch, block).await
}
