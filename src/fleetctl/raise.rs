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
use super::source::{self, Found};
use super::tell;
use super::transition::{Step, Stored, Verb, step};
use super::wait::{self, Change, Task, Then, Watch};
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

/// A named unit, and all there is to know of it.
struct Candidate {
    name: UnitName,
    /// What the cluster has.
    stored: Option<(UnitFile, TargetState)>,
    /// What is at hand besides.
    found: Option<Found>,
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
        let stored = match unit {
            Some(unit) => {
                let desired = unit.desired_state.unwrap_or_default();
                Some((source::stored(&name, &unit)?, desired))
            }
            None if found.is_none() => return Err(source::nowhere(&argument, &name)),
            None => None,
        };
        Ok(Candidate {
            name,
            stored,
            found,
        })
    }
}

/// Decides what to do with a candidate, or why it cannot be done.
fn plan(verb: Verb, candidate: Candidate, args: &RaiseArgs) -> Result<Planned, Error> {
    let Candidate {
        name,
        stored,
        found,
    } = candidate;
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
    let differs = match (&stored, &found) {
        (Some((file, _)), Some(found)) => file.hash() != found.file.hash(),
        _ => false,
    };
    let known = stored.as_ref().map(|(_, desired)| Stored {
        desired: *desired,
        differs,
    });
    let step = step(verb, known, args.replace).map_err(|error| refuse(error.to_string()))?;
    let keeps = !matches!(step, Step::Store(_));

    let mut notices = Vec::new();
    if let (true, true, Some(found)) = (differs, keeps, &found) {
        notices.push(format!(
            "{name} in the cluster differs from {}, which is not used: --replace replaces it",
            found.origin
        ));
    }
    let file = match (stored, found) {
        (Some((file, _)), _) if keeps => file,
        (_, Some(found)) => found.file,
        (Some((file, _)), None) => file,
        (None, None) => return Err(refuse("there is no file for it".to_owned())),
    };
    let requirements = validate(&name, &file).map_err(|error| refuse(error.to_string()))?;
    if !keeps {
        notices.extend(
            warnings(&name, &file)
                .iter()
                .map(|warning| format!("{name}: {warning}")),
        );
    }
    let then = follow(verb, &name, step, known, requirements.global, args);
    let change = change(&name, step, &file);
    Ok(Planned {
        task: Task { name, change, then },
        warnings: notices,
    })
}

fn change(name: &UnitName, step: Step, file: &UnitFile) -> Change {
    let (desired, file) = match step {
        Step::Keep => return Change::Keep,
        Step::Want(desired) => (desired, None),
        Step::Store(desired) => (desired, Some(file)),
    };
    Change::Put(Box::new(Unit {
        name: Some(name.clone()),
        options: file.map(|file| file.options().to_vec()).unwrap_or_default(),
        contents: file.map(|file| file.contents().to_owned()),
        desired_state: Some(desired),
        current_state: None,
        machine_id: None,
        launch: None,
    }))
}

fn follow(
    verb: Verb,
    name: &UnitName,
    step: Step,
    stored: Option<Stored>,
    global: bool,
    args: &RaiseArgs,
) -> Then {
    let goal = match verb {
        Verb::Submit => {
            let kept = stored
                .filter(|_| step == Step::Keep)
                .map(|stored| stored.desired);
            return Then::Say(format!("Unit {name} {}", kept.unwrap_or_default()));
        }
        Verb::Load => Goal::Loaded,
        Verb::Start => Goal::Started,
    };
    if global || args.block.no_block {
        return Then::Say(tell::triggered(name, global, verb.word()));
    }
    Then::Reach(goal, Vec::new())
}
