//! `fleetctl list-machines`

use std::time::SystemTime;

use clap::Args;

use crate::api::client::MachineQuery;
use crate::api::{Machine, MachineStatus};
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::{id_legend, metadata_legend};
use crate::fleetctl::show::human;
use crate::fleetctl::show::list::{self, ListArgs, Listing};
use crate::fleetctl::show::table::{Change, Column, optional};
use crate::fleetctl::ui::Tone;
use crate::model::Timestamp;

/// List the machines of the cluster
///
/// Fields: machine, ip, metadata, hostname, version (of fleetd), uptime, since (in the cluster, or
/// gone), cpus, memory (used/all) and load (asked of the machines), os, systemd, docker, units
/// (scheduled there), status (alive, left or lost).
#[derive(Debug, Args)]
pub struct ListMachinesArgs {
    #[command(flatten)]
    list: ListArgs,
    /// Also list machines that left or were lost, and since when
    #[arg(long, short)]
    all: bool,
    /// Ask the machines for figures of this moment, too; the fields that need it do so themselves
    #[arg(long)]
    live: bool,
}

struct Row {
    machine: Machine,
    full: bool,
    now: Timestamp,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("machine", |row| id_legend(&row.machine.id, row.full)),
    Column::new("ip", |row| row.machine.primary_ip.clone()),
    Column::new("metadata", |row| metadata_legend(&row.machine)),
    Column::new("hostname", |row| optional(row.machine.hostname.as_ref())),
    Column::new("version", |row| optional(row.machine.version.as_ref())),
    Column::new("uptime", uptime).changing(Change::Passing),
    Column::new("since", |row| optional(row.machine.since)),
    Column::new("cpus", |row| optional(row.machine.cpus)),
    Column::new("memory", memory).changing(Change::Live),
    Column::new("load", load).changing(Change::Live),
    Column::new("os", |row| optional(row.machine.os.as_ref())),
    Column::new("systemd", |row| optional(row.machine.systemd_version.as_ref())),
    Column::new("docker", |row| optional(row.machine.docker_version.as_ref())),
    Column::new("units", |row| optional(row.machine.units)),
    Column::new("status", status).toned(status_tone),
];

/// Of a machine that is gone nobody knows whether it still runs.
fn uptime(row: &Row) -> String {
    let booted = row.machine.booted.filter(|_| is_alive(&row.machine));
    booted.map_or_else(String::new, |booted| human::span(row.now.since(booted)))
}

fn memory(row: &Row) -> String {
    let all = row.machine.memory.map(human::bytes);
    let used = row.machine.live.map(|live| human::bytes(live.memory_used));
    match (used, all) {
        (None, None) => String::new(),
        (used, all) => {
            let or_unknown = |size: Option<String>| size.unwrap_or_else(|| "-".to_owned());
            format!("{}/{}", or_unknown(used), or_unknown(all))
        }
    }
}

fn load(row: &Row) -> String {
    let load = row.machine.live.map(|live| live.load.map(|load| format!("{load:.2}")));
    load.map_or_else(String::new, |load| load.join(","))
}

fn is_alive(machine: &Machine) -> bool {
    matches!(machine.status, None | Some(MachineStatus::Alive))
}

fn status(row: &Row) -> String {
    let word = match row.machine.status {
        None | Some(MachineStatus::Alive) => "alive",
        Some(MachineStatus::Left) => "left",
        Some(MachineStatus::Lost) => "lost",
        Some(MachineStatus::Unknown) => "unknown",
    };
    word.to_owned()
}

fn status_tone(row: &Row) -> Tone {
    match row.machine.status {
        None | Some(MachineStatus::Alive) => Tone::Good,
        Some(MachineStatus::Left | MachineStatus::Unknown) => Tone::Plain,
        Some(MachineStatus::Lost) => Tone::Bad,
    }
}

pub async fn run(context: &Context, args: &ListMachinesArgs) -> Result<ExitStatus, Error> {
    let default = if args.all { "machine,ip,metadata,status,since" } else { "machine,ip,metadata" };
    let columns = args.list.choose(COLUMNS, default)?;
    let live = args.live || columns.iter().any(|column| column.change == Change::Live);
    let query = MachineQuery { all: args.all, live };
    let full = args.list.table.full;
    let look = async || {
        let mut documents = context.client.machines_with(query).await?;
        documents.sort_by(|a, b| a.id.cmp(&b.id));
        let now = SystemTime::now().into();
        let row = |machine: &Machine| Row { machine: machine.clone(), full, now };
        let rows = documents.iter().map(row).collect();
        Ok(Listing { documents, rows, notes: Vec::new() })
    };
    list::run(context, &args.list, &columns, live, look).await
}
