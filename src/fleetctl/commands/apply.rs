//! `fleetctl apply`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use crate::api::{Outlook, Unit};
use crate::fleetctl::Context;
use crate::fleetctl::apply::{
    ApplyPlan, Deed, PlanDocument, carry_out, changes, plan, show, snapshot, summary,
};
use crate::fleetctl::bring::doubts::doubts;
use crate::fleetctl::bring::source::{Found, Origin};
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::files::{self, DefaultState, Files};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::show::output::{Form, OutputArgs};
use crate::fleetctl::show::tell;
use crate::fleetctl::wait::block::BlockArgs;
use crate::model::{Glob, TargetState};
use crate::unitfile::UnitName;

/// Make the cluster as unit files say
///
/// Creates the units that the cluster does not have, replaces those whose file differs, and wants
/// each as its file says: a comment `# fleet: state=inactive`, `loaded` or `launched` in it, else
/// --state. Templates are stored only; an instance is a file of its own, or a symbolic link to its
/// template. Of a folder the files with the name of a unit count; hidden ones and folders in it do
/// not. Nothing is changed unless every file is good.
///
/// Shows first what would change and where units would be, and asks. Then what goes, goes, and
/// what comes, comes: each unit after those that it names in MachineOf, Requires, Requisite,
/// BindsTo, Wants or After. A unit that fails keeps those from coming that cannot be without it. One
/// that is as its file says and has failed is told of, and left alone.
///
/// With --dry-run the exit status is 2 if there is something to change, and 0 if not; then the plan
/// comes as JSON or YAML, too: steps, moves of other units, and a summary of how many there are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl apply units/ --dry-run
  fleetctl apply units/ --prune='web*' --yes
  fleetctl apply web.service db.service")]
pub struct ApplyArgs {
    /// Folders of unit files, or unit files
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Destroy units of the cluster that no file names; with a glob, only those that it matches
    ///
    /// Needs a folder. Say --prune='web*' where others use the cluster, too: nothing tells whose a
    /// unit is but its name.
    #[arg(
        long,
        value_name = "GLOB",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = EVERYTHING
    )]
    prune: Vec<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    default: DefaultState,
    #[command(flatten)]
    block: BlockArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `--prune` alone matches.
const EVERYTHING: &str = "*";

/// The exit status that tells of something to change.
const CHANGES: u8 = 2;

pub async fn run(context: &Context, args: &ApplyArgs) -> Result<ExitStatus, Error> {
    let prune = args.prune.iter().map(|glob| Glob::parse(glob)).collect::<Result<Vec<_>, _>>()?;
    if args.output.output != Form::Table && !args.dry_run {
        return Err(Error::PlanOfDeeds);
    }
    let files =
        files::gather(&args.paths, args.default.state).map_err(|errors| context.all(&errors))?;
    if !prune.is_empty() && !files.folder {
        return Err(Error::PruneWithoutFolder);
    }
    let cluster = snapshot(context).await?;
    warn_of_globs(context, &prune, &cluster);
    let planned = plan(&files.wishes, &cluster, &prune);
    doubts(&stored(&planned)).iter().for_each(|doubt| context.ui.warn(doubt));
    warn_of_failed(context, &files, &planned).await?;
    if planned.is_empty() && args.output.output == Form::Table {
        context.ui.line(&summary(&planned))?;
        return Ok(ExitStatus::Done);
    }
    let (outlook, machines) = tokio::try_join!(look_ahead(context, &planned), async {
        Ok(Machines::fetch(&context.client).await?)
    })?;
    match args.output.output {
        Form::Table => context.ui.lines(&show(&planned, &outlook, &machines))?,
        Form::Json | Form::Yaml => {
            let document = PlanDocument::of(&planned, &outlook);
            context.ui.data(&args.output.render(&document, String::new)?)?;
        }
    }
    if args.dry_run {
        let same = planned.is_empty();
        return Ok(if same { ExitStatus::Done } else { ExitStatus::Tells(CHANGES) });
    }
    let cluster = if args.yes { cluster } else { ask(context, &files, &prune, &planned).await? };
    carry_out(context, &planned, &cluster, &args.block).await
}

/// The globs that match no unit of the cluster; without one, all are meant, if there are any.
fn warn_of_globs(context: &Context, prune: &[Glob], cluster: &BTreeMap<UnitName, Unit>) {
    let matches = |glob: &Glob| cluster.keys().any(|name| glob.matches(name.as_str()));
    for glob in prune.iter().filter(|glob| glob.as_str() != EVERYTHING && !matches(glob)) {
        context.ui.warn(&tell::unmatched(glob));
    }
}

/// The files that the cluster does not have yet.
fn stored(plan: &ApplyPlan) -> Vec<(UnitName, Found)> {
    let files = plan.steps().filter_map(|step| match &step.deed {
        Deed::Create(wish) | Deed::Replace { wish, .. } => {
            let origin = Origin::Disk(PathBuf::from(&wish.origin));
            Some((step.name.clone(), Found { file: wish.file.clone(), origin }))
        }
        Deed::Want { .. } | Deed::Destroy => None,
    });
    files.collect()
}

/// Units that nothing changes about, and that do not run as they shall: to start them again is for
/// somebody who knows why they failed.
async fn warn_of_failed(context: &Context, files: &Files, plan: &ApplyPlan) -> Result<(), Error> {
    let changed: BTreeSet<&UnitName> = plan.steps().map(|step| &step.name).collect();
    let runs = |name: &UnitName| {
        let wish = files.wishes.get(name).filter(|_| !changed.contains(name));
        wish.is_some_and(|wish| wish.state == TargetState::Launched)
    };
    let states = context.client.states().await?.into_iter();
    let failed = states.filter(|state| state.systemd_active_state == "failed");
    // A global unit can fail on many machines.
    let names: BTreeSet<UnitName> = failed.map(|state| state.name).filter(runs).collect();
    for name in names {
        let remedy = format!("`fleetctl restart {name}` starts it again");
        context.ui.warn(&format!("{name} is as its file says, and failed: {remedy}"));
    }
    Ok(())
}

/// Where units would be. A server that cannot tell is no reason not to go on.
async fn look_ahead(context: &Context, plan: &ApplyPlan) -> Result<Outlook, Error> {
    match context.client.plan(&changes(plan)).await {
        Ok(outlook) => Ok(outlook),
        Err(error) if matches!(error.status(), Some(404 | 405 | 413)) => {
            context.ui.warn(&format!("where units would be is not known: {error}"));
            Ok(Outlook::default())
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks whether to go on; returns the cluster as it is when the answer is yes. Who agreed to a plan
/// agreed to no other.
async fn ask(
    context: &Context,
    files: &Files,
    prune: &[Glob],
    planned: &ApplyPlan,
) -> Result<BTreeMap<UnitName, Unit>, Error> {
    if !context.ui.confirm("Go on?").await? {
        return Err(Error::Declined);
    }
    let cluster = snapshot(context).await?;
    if plan(&files.wishes, &cluster, prune) != *planned {
        return Err(Error::ChangedMeanwhile);
    }
    Ok(cluster)
}
