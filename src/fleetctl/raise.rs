//! What `submit`, `load` and `start` have in common: find each unit's contents, check them all,
//! and climb to where the command goes.
//!
//! Nothing is changed before everything that was named is known to be good.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use futures_util::future::try_join_all;

use super::Context;
use super::block::BlockArgs;
use super::error::{Error, ExitStatus};
use super::goal::Goal;
use super::names::{self, Named};
use super::source::{self, Found, is_global};
use super::task::{Change, Task, Then};
use super::tell;
use super::transition::{Step, Stored, Verb, step};
use super::wait::{self, Watch};
use crate::api::Unit;
use crate::model::{TargetState, validate, warnings};
use crate::unitfile::{UnitFile, UnitName};

/// The arguments of the commands that bring units up
#[derive(Debug, Clone, Args)]
pub struct RaiseArgs {
    /// Unit files, or names of units
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<String>,
    /// Replace a unit whose file differs from the one at hand
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub block: BlockArgs,
}

/// A named unit, and the contents there are for it.
struct Candidate {
    name: UnitName,
    contents: Contents,
}

enum Contents {
    /// The cluster does not have the unit; this is what it will get.
    New(Found),
    /// The cluster has the unit; `other` is a different file that is at hand.
    Stored {
        file: UnitFile,
        desired: TargetState,
        other: Option<Found>,
    },
}

/// What will be done with a candidate.
struct Planned {
    task: Task,
    warnings: Vec<String>,
}

/// Runs one of the commands that bring units up.
pub async fn raise(context: &Context, verb: Verb, args: &RaiseArgs) -> Result<ExitStatus, Error> {
    let named = names::parse(&args.units)?;
    let watch = async {
        match verb {
            Verb::Submit => Ok(None),
            Verb::Load | Verb::Start => Watch::open(context, &args.block).await,
        }
    };
    let candidates = candidates(context, named, args.replace);
    let (watch, candidates) = tokio::try_join!(watch, candidates)?;

    let mut tasks = Vec::with_capacity(candidates.len());
    let mut good = true;
    for candidate in candidates {
        match candidate.and_then(|candidate| plan(verb, candidate, args)) {
            Ok(planned) => {
                planned
                    .warnings
                    .iter()
                    .for_each(|warning| context.ui.warn(warning));
                tasks.push(planned.task);
            }
            Err(error) => {
                context.ui.error(&error);
                good = false;
            }
        }
    }
    if !good {
        return Err(Error::Told);
    }
    wait::run(context, tasks, watch, &args.block).await
}

/// Finds out about every named unit. An error of one is kept with it, so that all can be told; an
/// error of the connection ends the search.
async fn candidates(
    context: &Context,
    named: Named,
    replace: bool,
) -> Result<Vec<Result<Candidate, Error>>, Error> {
    let client = &context.client;
    let units = try_join_all(named.keys().map(|name| client.unit(name))).await?;
    let wanted: Vec<Wanted> = named
        .into_iter()
        .zip(units)
        .map(|((name, argument), unit)| Wanted {
            name,
            argument,
            unit,
        })
        .collect();

    // Only templates that can matter are asked for, and each once.
    let templates: BTreeSet<UnitName> = wanted
        .iter()
        .filter(|wanted| wanted.unit.is_none() || replace)
        .filter_map(|wanted| wanted.name.template())
        .collect();
    let units = try_join_all(templates.iter().map(|name| client.unit(name))).await?;
    let templates: BTreeMap<UnitName, Unit> = templates
        .into_iter()
        .zip(units)
        .filter_map(|(name, unit)| Some((name, unit?)))
        .collect();
    Ok(wanted
        .into_iter()
        .map(|wanted| wanted.search(&templates))
        .collect())
}

/// A named unit before its contents were searched for.
struct Wanted {
    name: UnitName,
    argument: String,
    unit: Option<Unit>,
}

impl Wanted {
    fn search(self, templates: &BTreeMap<UnitName, Unit>) -> Result<Candidate, Error> {
        let Self {
            name,
            argument,
            unit,
        } = self;
        let mut found = source::on_disk(&argument, &name)?;
        if found.is_none() {
            let template = name
                .template()
                .and_then(|name| templates.get_key_value(&name));
            found = match template {
                Some((template, unit)) => Some(Found {
                    file: source::stored(template, unit)?,
                    origin: format!("{template} in the cluster"),
                }),
                None => source::template_on_disk(&argument, &name)?,
            };
        }
        let contents = match (unit, found) {
            (Some(unit), found) => {
                let file = source::stored(&name, &unit)?;
                let other = found.filter(|found| found.file.hash() != file.hash());
                let desired = unit.desired_state.unwrap_or_default();
                Contents::Stored {
                    file,
                    desired,
                    other,
                }
            }
            (None, Some(found)) => Contents::New(found),
            (None, None) => return Err(source::nowhere(&argument, &name)),
        };
        Ok(Candidate { name, contents })
    }
}

/// Decides what to do with a candidate, or why it cannot be done.
fn plan(verb: Verb, candidate: Candidate, args: &RaiseArgs) -> Result<Planned, Error> {
    let Candidate { name, contents } = candidate;
    let refuse = |reason: String| Error::Unit {
        name: name.clone(),
        reason,
    };
    if name.is_template() && verb != Verb::Submit {
        let instance = name.as_str().replacen("@.", "@1.", 1);
        let word = verb.word();
        return Err(refuse(format!(
            "a template runs nowhere: {word} an instance, as {instance}"
        )));
    }
    let mut notices = Vec::new();
    let (step, file, had) = match contents {
        Contents::New(found) => (Step::Store(verb.target()), found.file, None),
        Contents::Stored {
            file,
            desired,
            other,
        } => {
            let stored = Stored {
                desired,
                differs: other.is_some(),
            };
            let step = step(verb, stored, args.replace).map_err(|e| refuse(e.to_string()))?;
            match (step, other) {
                (Step::Store(_), Some(other)) => (step, other.file, Some(desired)),
                (_, other) => {
                    notices.extend(other.map(|other| ignored(&name, &other)));
                    (step, file, Some(desired))
                }
            }
        }
    };
    let (change, global) = match step {
        Step::Keep => (Change::Keep, is_global(&name, &file)),
        Step::Want(desired) => (Change::put(&name, desired, None), is_global(&name, &file)),
        Step::Store(desired) => {
            let requirements = validate(&name, &file).map_err(|e| refuse(e.to_string()))?;
            notices.extend(
                warnings(&name, &file)
                    .iter()
                    .map(|text| format!("{name}: {text}")),
            );
            (
                Change::put(&name, desired, Some(&file)),
                requirements.global,
            )
        }
    };
    let goal = match verb {
        Verb::Submit => None,
        Verb::Load => Some(Goal::Loaded),
        Verb::Start => Some(Goal::Started),
    };
    let then = match goal {
        // A unit that was there already keeps to what is wanted of it.
        None => Then::Say(tell::stands(&name, had.unwrap_or_default())),
        Some(_) if global || args.block.no_block => {
            Then::Say(tell::triggered(&name, global, verb.word()))
        }
        Some(goal) => Then::Reach(goal, Vec::new()),
    };
    Ok(Planned {
        task: Task { name, change, then },
        warnings: notices,
    })
}

fn ignored(name: &UnitName, other: &Found) -> String {
    let origin = &other.origin;
    format!("{name} in the cluster differs from {origin}, which is not used: --replace replaces it")
}
