//! `fleetctl diff`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::fleetctl::Context;
use crate::fleetctl::apply::{ApplyPlan, Deed, Step, plan, snapshot, unified};
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::files::{self, DefaultState, Wish};
use crate::fleetctl::show::output::{Form, OutputArgs};
use crate::fleetctl::ui::Line;
use crate::model::{Glob, TargetState};
use crate::unitfile::UnitName;

/// Compare unit files with the cluster
///
/// Prints how the cluster's files would have to change to be those on disk, in the form that
/// patch(1) reads, and which units only one side has or wants otherwise. What only the cluster has
/// is told where a folder is compared. Comments and blank lines make no other file.
///
/// The exit status is that of diff(1): 0 if all is the same, 1 if not, 2 if it cannot be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl diff units/
  fleetctl diff units/web.service --output json")]
pub struct DiffArgs {
    /// Folders of unit files, or unit files
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    default: DefaultState,
    #[command(flatten)]
    output: OutputArgs,
}

/// The exit status that tells of a difference.
const DIFFERENT: u8 = 1;

/// The exit status that tells of trouble.
pub const TROUBLE: u8 = 2;

pub async fn run(context: &Context, args: &DiffArgs) -> Result<ExitStatus, Error> {
    let files =
        files::gather(&args.paths, args.default.state).map_err(|errors| context.all(&errors))?;
    let everything = if files.folder { vec![Glob::parse("*")?] } else { Vec::new() };
    let plan = plan(&files.wishes, &snapshot(context).await?, &everything);
    let differences = differences(&plan);
    let same = differences.is_empty();
    match args.output.output {
        Form::Table => {
            let lines: Vec<Line> =
                differences.into_iter().flat_map(|difference| difference.lines).collect();
            context.ui.lines(&lines)?;
        }
        Form::Json | Form::Yaml => {
            context.ui.data(&args.output.render(&differences, String::new)?)?;
        }
    }
    Ok(if same { ExitStatus::Done } else { ExitStatus::Tells(DIFFERENT) })
}

/// Every step of a plan as a difference, in order of name.
fn differences(plan: &ApplyPlan) -> Vec<Difference> {
    let mut differences: Vec<Difference> = plan.steps().map(Difference::of).collect();
    differences.sort_by(|a, b| a.name.cmp(&b.name));
    differences
}

/// How a unit differs. What is the same is left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    name: UnitName,
    /// Where alone it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<Side>,
    /// Its file on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// From the cluster's file to the one on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    /// What is wanted of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    states: Option<States>,
    /// All of this for people.
    #[serde(skip)]
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Cluster,
    Disk,
}

#[derive(Debug, Serialize)]
struct States {
    cluster: TargetState,
    disk: TargetState,
}

impl Difference {
    fn of(Step { name, deed }: &Step) -> Self {
        let mut difference = Self {
            name: name.clone(),
            only: None,
            file: deed.wish().map(|wish| wish.origin.clone()),
            diff: None,
            states: None,
            lines: Vec::new(),
        };
        match deed {
            Deed::Create(wish) => {
                difference.only = Some(Side::Disk);
                difference.lines = vec![Line::plain(format!("Only on disk: {}", wish.origin))];
            }
            Deed::Destroy => {
                difference.only = Some(Side::Cluster);
                difference.lines = vec![Line::plain(format!("Only in the cluster: {name}"))];
            }
            Deed::Replace { before, from, wish } => {
                let lines = unified(before, wish, &format!("cluster/{name}"));
                let text = lines.iter().map(|line| format!("{}\n", line.text()));
                difference.diff = Some(text.collect());
                difference.lines = lines;
                difference.compare(*from, wish);
            }
            Deed::Want { from, wish } => difference.compare(*from, wish),
        }
        difference
    }

    fn compare(&mut self, cluster: TargetState, wish: &Wish) {
        let Wish { state: disk, origin, .. } = wish;
        if cluster != *disk {
            let line = format!("{}: {cluster} in the cluster, {disk} by {origin}", self.name);
            self.lines.push(Line::plain(line));
            self.states = Some(States { cluster, disk: *disk });
        }
    }
}
