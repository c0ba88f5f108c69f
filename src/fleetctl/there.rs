//! Runs a program on the machine that a unit is on: here if that is this machine, else over SSH.

use std::io::IsTerminal;

use clap::Args;

use super::Context;
use super::error::{Error, ExitStatus};
use super::machines::{Machines, local_machine};
use super::process::Program;
use super::ssh::{Destination, SSH, Session, Terminal, quote};
use crate::api::{Machine, Unit};
use crate::fleetctl::bring::source::is_global_unit;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// Which machine, and how to get there
#[derive(Debug, Args)]
pub struct ThereArgs {
    /// Look on this machine, which may be one that had the unit before; the start of its id is enough
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    /// The port of SSH on machines, unless ssh's configuration knows
    #[arg(long, value_name = "PORT")]
    ssh_port: Option<u16>,
}

/// A program, and what becomes of it.
#[derive(Debug)]
pub struct Job {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// It goes on until it is ended, and must not outlive whoever wanted it.
    pub endless: bool,
    /// Nothing comes after it.
    pub last: bool,
}

/// Runs `"$@"` so that its lines come back as they are, although it has a terminal.
const AS_IT_IS: &str = "stty -opost 2>/dev/null; exec \"$@\"";

/// A terminal that can do nothing, so that nobody writes colours to it.
const NO_COLOURS: (&str, &str) = ("TERM", "dumb");

/// Runs the job where the unit is, and returns its exit status.
pub async fn run(
    context: &Context,
    known: &Machines,
    args: &ThereArgs,
    (name, unit): (&UnitName, &Unit),
    job: &Job,
) -> Result<ExitStatus, Error> {
    let machines = match &args.machine {
        Some(given) => vec![known.find(given)?.id.clone()],
        None => unit_machines(context, name, unit).await?,
    };
    let Some(first) = machines.first() else {
        return Err(Error::Unplaced { name: name.clone() });
    };
    let here = local_machine().filter(|_| !context.ssh.is_tunnelled());
    let program = if here.is_some_and(|here| machines.contains(&here)) {
        Program::new(&job.words)
    } else {
        let to = address(known.get(first), first, args.ssh_port)?;
        let ssh = context.ssh.session(&to, &session(job), &context.ui).await?;
        let program = Program::new(&[&[SSH.to_owned()], &ssh[..]].concat()).without_input();
        match job.endless && !std::io::stdout().is_terminal() {
            true => program.with(NO_COLOURS.0, NO_COLOURS.1),
            false => program,
        }
    };
    finish(context, program, job.last).await
}

/// Runs a program, in our place if nothing else is to be done: not even a tunnel to be kept.
pub async fn finish(context: &Context, program: Program, last: bool) -> Result<ExitStatus, Error> {
    if last && !context.ssh.is_tunnelled() {
        return Err(program.replace_us());
    }
    program.run().await
}

/// Where a machine is.
pub fn address(
    machine: Option<&Machine>,
    id: &MachineId,
    port: Option<u16>,
) -> Result<Destination, Error> {
    let given = machine.map(|machine| machine.primary_ip.as_str()).unwrap_or_default();
    if given.is_empty() {
        return Err(Error::NoAddress { id: id.clone() });
    }
    Destination::of_machine(given, port)
        .map_err(|_| Error::BadAddress { id: id.clone(), given: given.to_owned() })
}

/// What ends by itself comes back byte for byte. What does not gets a terminal there, for when that
/// goes, so does the program: sshd tells nobody else that the connection is gone.
fn session(job: &Job) -> Session {
    let (words, terminal) = if job.endless {
        let shell = ["sh", "-c", AS_IT_IS, "sh"].map(str::to_owned);
        ([&shell[..], &job.words].concat(), Terminal::Forced)
    } else {
        (job.words.clone(), Terminal::None)
    };
    Session { command: vec![quote::shell(&words)], terminal, forward_agent: false }
}

/// The machine a unit is scheduled to; of a global unit, all that have it.
pub async fn unit_machines(
    context: &Context,
    name: &UnitName,
    unit: &Unit,
) -> Result<Vec<MachineId>, Error> {
    if !is_global_unit(name, unit) {
        return Ok(unit.machine_id.iter().cloned().collect());
    }
    let states = context.client.states_of(name).await?;
    Ok(states.into_iter().map(|state| state.machine_id).collect())
}
