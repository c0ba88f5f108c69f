//! `fleetctl ssh`

use clap::Args;

use crate::api::Unit;
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::names;
use crate::fleetctl::process::Program;
use crate::fleetctl::ssh::{Destination, SSH, Session, Terminal};
use crate::fleetctl::there;
use crate::unitfile::UnitName;

/// Open a shell, or run a command, on a machine or where a unit is
///
/// The exit status is the command's. All after the machine or unit belongs to the command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl ssh 113f16a7
  fleetctl ssh hello.service journalctl --boot --unit hello
  fleetctl --tunnel 10.0.0.1 ssh --machine 113f16a7 uptime")]
pub struct SshCommandArgs {
    /// Let the machine ask this one's agent for keys
    #[arg(long, short = 'A')]
    forward_agent: bool,
    /// The machine; the start of its id is enough
    #[arg(long, short = 'm', value_name = "MACHINE", conflicts_with = "unit")]
    machine: Option<String>,
    /// The machine that has this unit
    #[arg(long, short = 'u', value_name = "UNIT")]
    unit: Option<String>,
    /// The port of SSH on machines, unless ssh's configuration knows
    #[arg(long, value_name = "PORT")]
    ssh_port: Option<u16>,
    /// A machine or a unit, unless a flag names it; then the command
    #[arg(
        value_name = "MACHINE|UNIT] [COMMAND",
        required_unless_present_any = ["machine", "unit"],
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

pub async fn run(context: &Context, args: &SshCommandArgs) -> Result<ExitStatus, Error> {
    let mut words = args.words.as_slice();
    let machines = Machines::fetch(&context.client).await?;
    let to = match (&args.machine, &args.unit) {
        (Some(machine), _) => machine_address(&machines, machine, args.ssh_port)?,
        (None, Some(unit)) => {
            let (name, unit) = names::one(context, unit).await?;
            unit_address(context, &machines, &name, &unit, args.ssh_port).await?
        }
        (None, None) => {
            let Some((given, rest)) = words.split_first() else {
                return Ok(ExitStatus::Done);
            };
            words = rest;
            either_address(context, &machines, given, args.ssh_port).await?
        }
    };
    if words.first().is_some_and(|word| word == "--") {
        words = &words[1..];
    }
    let session = Session {
        command: words.to_vec(),
        terminal: Terminal::Auto,
        forward_agent: args.forward_agent,
    };
    let ssh = context.ssh.session(&to, &session, &context.ui).await?;
    there::finish(context, Program::new(&[&[SSH.to_owned()], &ssh[..]].concat()), true).await
}

fn machine_address(
    machines: &Machines,
    given: &str,
    port: Option<u16>,
) -> Result<Destination, Error> {
    let machine = machines.find(given)?;
    there::address(Some(machine), &machine.id, port)
}

async fn unit_address(
    context: &Context,
    machines: &Machines,
    name: &UnitName,
    unit: &Unit,
    port: Option<u16>,
) -> Result<Destination, Error> {
    let on = there::unit_machines(context, name, unit).await?;
    let id = on.first().ok_or_else(|| Error::Unplaced { name: name.clone() })?;
    there::address(machines.get(id), id, port)
}

/// Where a machine or a unit is, whichever it is.
async fn either_address(
    context: &Context,
    machines: &Machines,
    given: &str,
    port: Option<u16>,
) -> Result<Destination, Error> {
    // The start of an id may be no name of a unit.
    let unit = match UnitName::from_argument(given) {
        Ok(name) => context.client.unit(&name).await?.map(|unit| (name, unit)),
        Err(_) => None,
    };
    match (unit, machines.matching(given).first()) {
        (None, None) => {
            Err(Error::NoMachineNorUnit { given: given.to_owned(), known: machines.all() })
        }
        (None, Some(_)) => machine_address(machines, given, port),
        (Some((name, unit)), None) => unit_address(context, machines, &name, &unit, port).await,
        (Some(_), Some(machine)) => {
            let machine = machines.legend(&machine.id, false);
            Err(Error::MachineAndUnit { given: given.to_owned(), machine })
        }
    }
}
