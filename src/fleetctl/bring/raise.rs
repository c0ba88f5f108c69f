//! What `submit`, `load` and `start` have in common: check every unit that is named, and climb to
//! where the command goes.
//!
//! Nothing is changed before everything that was named is known to be good.

use std::fmt::Display;

use clap::Args;
use futures_util::future::try_join_all;

use super::candidates::{Candidate, Contents, Search, candidates};
use super::doubts::doubts;
use super::source::{Found, Origin, is_global};
use super::transition::{Step, Stored, Verb, step};
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::names;
use crate::fleetctl::show::tell;
use crate::fleetctl::wait::block::BlockArgs;
use crate::fleetctl::wait::goal::Goal;
use crate::fleetctl::wait::task::{Change, Task, Then};
use crate::fleetctl::wait::{self, Watch};
use crate::model::{TargetState, validate};
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

/// What will be done with a candidate.
struct Planned {
    task: Task,
    /// What to say of a file that does not count.
    ignored: Option<String>,
    /// What the cluster will get from here.
    stored: Option<Found>,
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
    // Only a start begins again what rests.
    let search = Search { replace: args.replace, rests: verb == Verb::Start };
    let candidates = candidates(context, named, search);
    let (mut watch, candidates) = tokio::try_join!(watch, candidates)?;

    let mut tasks = Vec::with_capacity(candidates.len());
    let mut stored = Vec::new();
    let mut good = true;
    for candidate in candidates {
        match candidate.and_then(|candidate| plan(verb, candidate, args)) {
            Ok(planned) => {
                planned.ignored.iter().for_each(|warning| context.ui.warn(warning));
                stored.extend(planned.stored.map(|found| (planned.task.name.clone(), found)));
                tasks.push(planned.task);
            }
            Err(error) => {
                context.ui.error(&error);
                good = false;
            }
        }
    }
    doubts(&stored).iter().for_each(|doubt| context.ui.warn(doubt));
    if !good {
        return Err(Error::Told);
    }
    if args.replace {
        // A machine that has the file of before does not have the new one.
        let seen = tasks.into_iter().map(async |task| {
            let then = wait::seen(context, &task.name, task.then).await?;
            Ok::<_, Error>(Task { then, ..task })
        });
        tasks = try_join_all(seen).await?;
    }
    wait::run(context, tasks, &mut watch, &args.block).await
}

/// Decides what to do with a candidate, or why it cannot be done.
fn plan(verb: Verb, candidate: Candidate, args: &RaiseArgs) -> Result<Planned, Error> {
    let Candidate { name, contents } = candidate;
    if name.is_template() && verb != Verb::Submit {
        let example = name.instance_of("1").map(|instance| format!(", as {instance}"));
        let (word, example) = (verb.word(), example.unwrap_or_default());
        let reason = format!("a template runs nowhere: {word} an instance{example}");
        return Err(Error::Unit { name, reason });
    }
    let Chosen { step, file, origin, had, ignored } = choose(verb, &name, contents, args.replace)?;
    let change = match step {
        Step::Keep => Change::Keep,
        Step::Want(desired) => Change::put(&name, desired, None),
        Step::Again => Change::Again,
        Step::Store(desired) => {
            validate(&name, &file).map_err(|invalid| refusal(&name, &invalid))?;
            Change::put(&name, desired, Some(&file))
        }
    };
    let follow = |goal| Then::after(&name, goal, is_global(&name, &file), &args.block);
    let then = match verb {
        // A unit that was there already keeps to what is wanted of it.
        Verb::Submit => Then::Say(tell::stands(&name, had.unwrap_or_default())),
        Verb::Load => follow(Goal::Loaded(file.hash())),
        Verb::Start => follow(Goal::Started),
    };
    let task = Task { name, change, then };
    let stored = origin.map(|origin| Found { file, origin });
    Ok(Planned { task, ignored, stored })
}

/// The step to take, and the file that counts.
struct Chosen {
    step: Step,
    file: UnitFile,
    /// Where it was found, if it is to be stored.
    origin: Option<Origin>,
    /// What was wanted of the unit, if the cluster had it.
    had: Option<TargetState>,
    /// What to say of a file that does not count.
    ignored: Option<String>,
}

fn choose(verb: Verb, name: &UnitName, contents: Contents, replace: bool) -> Result<Chosen, Error> {
    let (file, desired, rests, other) = match contents {
        Contents::New(Found { file, origin }) => {
            let step = Step::Store(verb.target());
            return Ok(Chosen { step, file, origin: Some(origin), had: None, ignored: None });
        }
        Contents::Stored { file, desired, rests, other } => (file, desired, rests, other),
    };
    // The same file is one with the same options.
    let (other, reworded): (Option<Found>, Option<Found>) = match other {
        Some(found) if found.file.hash() == file.hash() => (None, Some(found)),
        other => (other, None),
    };
    let differs = other.is_some();
    let step = step(verb, Stored { desired, differs, rests }, replace)
        .map_err(|too_far_up| refusal(name, &too_far_up))?;
    let had = Some(desired);
    Ok(match (step, other) {
        (Step::Store(_), Some(Found { file, origin })) => {
            Chosen { step, file, origin: Some(origin), had, ignored: None }
        }
        (_, Some(Found { origin, .. })) => {
            let ignored = format!(
                "{name} in the cluster differs from {origin}, which is not used: --replace \
                 replaces it"
            );
            Chosen { step, file, origin: None, had, ignored: Some(ignored) }
        }
        (_, None) => {
            let ignored = reworded.filter(|_| replace).map(|Found { origin, .. }| {
                format!(
                    "{name} in the cluster and {origin} differ only in what has no effect, such \
                     as comments: it is not replaced"
                )
            });
            Chosen { step, file, origin: None, had, ignored }
        }
    })
}

fn refusal(name: &UnitName, reason: &dyn Display) -> Error {
    Error::Unit { name: name.clone(), reason: reason.to_string() }
}
