//! `fleetctl list-unit-files`

use clap::Args;

use crate::api::Unit;
use crate::fleetctl::Context;
use crate::fleetctl::bring::source;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::show::list::{self, ListArgs, Listing};
use crate::fleetctl::show::table::Column;
use crate::model::TargetState;
use crate::unitfile::{UnitFile, UnitName};

/// List the units that the cluster has
///
/// Fields: unit, hash, dstate (what is wanted), state (how far it is), target (its machine), desc,
/// global. `tmachine` is an older name of target.
#[derive(Debug, Args)]
pub struct ListUnitFilesArgs {
    #[command(flatten)]
    list: ListArgs,
}

struct Row {
    name: UnitName,
    /// `None` if what the cluster has is no unit file.
    file: Option<UnitFile>,
    desired: Option<TargetState>,
    current: Option<TargetState>,
    global: bool,
    /// Empty for none.
    machine: String,
    full: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("unit", |row| row.name.to_string()),
    Column::new("hash", hash),
    Column::new("dstate", |row| word(row.desired)),
    Column::new("state", |row| word(row.current.filter(|_| !row.global))),
    Column::new("target", target),
    Column::new("desc", description),
    Column::new("global", |row| row.global.to_string()),
    Column::new("tmachine", target),
];

fn hash(row: &Row) -> String {
    let hash = row.file.as_ref().map(UnitFile::hash);
    hash.map_or_else(String::new, |hash| if row.full { hash.to_string() } else { hash.short() })
}

fn word(state: Option<TargetState>) -> String {
    state.map_or_else(String::new, |state| state.to_string())
}

fn target(row: &Row) -> String {
    if row.global { "global".to_owned() } else { row.machine.clone() }
}

fn description(row: &Row) -> String {
    let text = row.file.as_ref().and_then(|file| file.get("Unit", "Description"));
    text.unwrap_or_default().to_owned()
}

pub async fn run(context: &Context, args: &ListUnitFilesArgs) -> Result<ExitStatus, Error> {
    let columns = args.list.choose(COLUMNS, "unit,hash,dstate,state,target")?;
    let full = args.list.table.full;
    let look = async || {
        let (mut documents, machines) =
            tokio::try_join!(context.client.units(), Machines::fetch(&context.client))?;
        documents.sort_by(|a, b| a.name.cmp(&b.name));
        let rows = documents.iter().filter_map(|unit| row(unit, &machines, full)).collect();
        Ok(Listing { documents, rows, notes: Vec::new() })
    };
    list::run(context, &args.list, &columns, false, look).await
}

/// `None` for a unit that the server did not name.
fn row(unit: &Unit, machines: &Machines, full: bool) -> Option<Row> {
    let name = unit.name.clone()?;
    let file = source::stored(&name, unit).ok();
    Some(Row {
        global: file.as_ref().is_some_and(|file| source::is_global(&name, file)),
        file,
        desired: unit.desired_state,
        current: unit.current_state,
        machine: unit.machine_id.as_ref().map_or_else(String::new, |id| machines.legend(id, full)),
        name,
        full,
    })
}
