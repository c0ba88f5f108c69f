//! Runs a program on the machine that a unit is on. For now that has to be this one.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::Context;
use super::error::{Error, ExitStatus};
use super::machines::{Machines, local_machine};
use super::source::{self, is_global};
use crate::api::Unit;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// What shells add to the number of the signal that ended a program.
const SIGNAL_BASE: i32 = 128;

/// Runs the command where the unit is, on this terminal, and returns its exit status.
pub async fn run(
    context: &Context,
    name: &UnitName,
    unit: &Unit,
    command: &[String],
) -> Result<ExitStatus, Error> {
    let machines = unit_machines(context, name, unit).await?;
    let Some(first) = machines.first() else {
        return Err(Error::Unplaced { name: name.clone() });
    };
    if !local_machine().is_some_and(|local| machines.contains(&local)) {
        let known = Machines::fetch(&context.client).await?;
        return Err(Error::Elsewhere {
            name: name.clone(),
            machine: known.legend(first, false),
            command: command.join(" "),
        });
    }
    let Some((program, arguments)) = command.split_first() else {
        return Ok(ExitStatus::Done);
    };
    let ended = Command::new(program).args(arguments).status();
    let ended = ended.map_err(|source| Error::Program { program: program.clone(), source })?;
    if ended.success() {
        return Ok(ExitStatus::Done);
    }
    let code = ended.code().or_else(|| ended.signal().map(|signal| SIGNAL_BASE + signal));
    Ok(ExitStatus::External(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The machine a unit is scheduled to; of a global unit, all that have it.
async fn unit_machines(
    context: &Context,
    name: &UnitName,
    unit: &Unit,
) -> Result<Vec<MachineId>, Error> {
    if !source::stored(name, unit).is_ok_and(|file| is_global(name, &file)) {
        return Ok(unit.machine_id.iter().cloned().collect());
    }
    let states = context.client.states_of(name).await?;
    Ok(states.into_iter().map(|state| state.machine_id).collect())
}
