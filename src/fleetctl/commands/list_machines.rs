//! `fleetctl list-machines`

use clap::Args;

use crate::api::Machine;
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::id_legend;
use crate::fleetctl::table::{Column, TableArgs};

/// List the machines of the cluster
///
/// Fields: machine, ip, metadata.
#[derive(Debug, Args)]
pub struct ListMachinesArgs {
    #[command(flatten)]
    table: TableArgs,
}

struct Row {
    machine: Machine,
    full: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column { name: "machine", value: |row| id_legend(&row.machine.id, row.full) },
    Column { name: "ip", value: |row| row.machine.primary_ip.clone() },
    Column { name: "metadata", value: metadata },
];

fn metadata(row: &Row) -> String {
    let pairs = row.machine.metadata.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

pub async fn run(context: &Context, args: &ListMachinesArgs) -> Result<ExitStatus, Error> {
    let columns = args.table.choose(COLUMNS, "machine,ip,metadata")?;
    let mut machines = context.client.machines().await?;
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    let row = |machine: &Machine| Row { machine: machine.clone(), full: args.table.full };
    let rows = || machines.iter().map(row).collect::<Vec<Row>>();
    let text = args.table.output.render(&machines, || args.table.render(&columns, &rows()))?;
    context.ui.data(&text)?;
    Ok(ExitStatus::Done)
}
