//! `fleetctl list-units`

use std::time::SystemTime;

use clap::Args;

use crate::api::State;
use crate::api::client::StateQuery;
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::show::human;
use crate::fleetctl::show::list::{self, ListArgs, Listing};
use crate::fleetctl::show::table::{Change, Column, optional};
use crate::fleetctl::ui::Tone;
use crate::model::Timestamp;

/// List what the machines' systemd says of the units they have
///
/// Units that are on no machine because they wait, for their machine was lost again and again or
/// vanished with most others, are told on standard error.
///
/// Fields: unit, machine, load, active, sub, hash, since (when active last changed), uptime (of
/// what is active), restarts (by systemd itself), memory (asked of the machines), pid, message (what
/// failed on the machine, and when it is tried again).
#[derive(Debug, Args)]
pub struct ListUnitsArgs {
    #[command(flatten)]
    list: ListArgs,
    /// Ask the machines for figures of this moment, too; the fields that need it do so themselves
    #[arg(long)]
    live: bool,
}

struct Row {
    state: State,
    machine: String,
    full: bool,
    now: Timestamp,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("unit", |row| row.state.name.to_string()),
    Column::new("machine", |row| row.machine.clone()),
    Column::new("load", load).toned(load_tone),
    Column::new("active", active).toned(active_tone),
    Column::new("sub", sub).toned(active_tone),
    Column::new("hash", hash),
    Column::new("since", |row| optional(row.state.since)),
    Column::new("uptime", uptime).changing(Change::Passing),
    Column::new("restarts", |row| optional(row.state.restarts)),
    Column::new("memory", memory).changing(Change::Live),
    Column::new("pid", |row| optional(row.state.main_pid)),
    Column::new("message", |row| row.state.message.clone().unwrap_or_default()),
];

fn load(row: &Row) -> String {
    row.state.systemd_load_state.clone()
}

fn active(row: &Row) -> String {
    row.state.systemd_active_state.clone()
}

fn sub(row: &Row) -> String {
    row.state.systemd_sub_state.clone()
}

fn memory(row: &Row) -> String {
    row.state.live.map_or_else(String::new, |live| human::bytes(live.memory))
}

fn hash(row: &Row) -> String {
    if row.full { row.state.hash.to_string() } else { row.state.hash.short() }
}

fn uptime(row: &Row) -> String {
    let active = row.state.systemd_active_state == "active";
    let since = row.state.since.filter(|_| active);
    since.map_or_else(String::new, |since| human::span(row.now.since(since)))
}

fn load_tone(row: &Row) -> Tone {
    if row.state.systemd_load_state == "loaded" { Tone::Plain } else { Tone::Bad }
}

fn active_tone(row: &Row) -> Tone {
    match row.state.systemd_active_state.as_str() {
        "active" => Tone::Good,
        "failed" => Tone::Bad,
        "activating" | "deactivating" | "reloading" => Tone::Busy,
        _ => Tone::Plain,
    }
}

pub async fn run(context: &Context, args: &ListUnitsArgs) -> Result<ExitStatus, Error> {
    let columns = args.list.choose(COLUMNS, "unit,machine,active,sub")?;
    let live = args.live || columns.iter().any(|column| column.change == Change::Live);
    let query = StateQuery { live, ..StateQuery::default() };
    let full = args.list.table.full;
    let look = async || {
        let states = context.client.states_and_waiting(&query);
        let ((mut documents, waiting), machines) =
            tokio::try_join!(states, Machines::fetch(&context.client))?;
        documents.sort_by(|a, b| (&a.name, &a.machine_id).cmp(&(&b.name, &b.machine_id)));
        let now = SystemTime::now().into();
        let row = |state: &State| Row {
            machine: machines.legend(&state.machine_id, full),
            state: state.clone(),
            full,
            now,
        };
        let rows = documents.iter().map(row).collect();
        let notes = waiting.iter().map(|it| format!("waiting: {}: {}", it.name, it.reason));
        Ok(Listing { rows, notes: notes.collect(), documents })
    };
    list::run(context, &args.list, &columns, live, look).await
}
