//! `fleetctl list-units`

use clap::Args;

use crate::api::State;
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::table::{Column, TableArgs};

/// List what the machines' systemd says of the units they have
///
/// Fields: unit, machine, load, active, sub, hash.
#[derive(Debug, Args)]
pub struct ListUnitsArgs {
    #[command(flatten)]
    table: TableArgs,
}

struct Row {
    state: State,
    machine: String,
    full: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column { name: "unit", value: |row| row.state.name.to_string() },
    Column { name: "machine", value: |row| row.machine.clone() },
    Column { name: "load", value: |row| row.state.systemd_load_state.clone() },
    Column { name: "active", value: |row| row.state.systemd_active_state.clone() },
    Column { name: "sub", value: |row| row.state.systemd_sub_state.clone() },
    Column { name: "hash", value: hash },
];

fn hash(row: &Row) -> String {
    if row.full { row.state.hash.to_string() } else { row.state.hash.short() }
}

pub async fn run(context: &Context, args: &ListUnitsArgs) -> Result<ExitStatus, Error> {
    let columns = args.table.choose(COLUMNS, "unit,machine,active,sub")?;
    let (mut states, machines) =
        tokio::try_join!(context.client.states(), Machines::fetch(&context.client))?;
    states.sort_by(|a, b| (&a.name, &a.machine_id).cmp(&(&b.name, &b.machine_id)));
    let full = args.table.full;
    let row = |state: &State| Row {
        machine: machines.legend(&state.machine_id, full),
        state: state.clone(),
        full,
    };
    let rows = || states.iter().map(row).collect::<Vec<Row>>();
    let text = args.table.output.render(&states, || args.table.render(&columns, &rows()))?;
    context.ui.data(&text)?;
    Ok(ExitStatus::Done)
}
