//! Does what a plan says, and waits for it: first what goes, then what comes, each unit after those
//! it leans on.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::plan::{ApplyPlan, Deed, Step};
use super::show::counts;
use crate::api::Unit;
use crate::fleetctl::Context;
use crate::fleetctl::bring::lower;
use crate::fleetctl::bring::source::is_global;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::files::Wish;
use crate::fleetctl::show::tell;
use crate::fleetctl::wait::block::BlockArgs;
use crate::fleetctl::wait::goal::Goal;
use crate::fleetctl::wait::queue::Queue;
use crate::fleetctl::wait::task::{Change, Task, Then};
use crate::fleetctl::wait::{self, Watch};
use crate::model::TargetState;
use crate::unitfile::{UnitFile, UnitName};

/// Makes the changes. `cluster` is what the plan was made on. A unit that fails keeps those from
/// coming that need it; the others come all the same.
pub async fn carry_out(
    context: &Context,
    plan: &ApplyPlan,
    cluster: &BTreeMap<UnitName, Unit>,
    block: &BlockArgs,
) -> Result<ExitStatus, Error> {
    let down = carry(context, plan, &plan.down, cluster, block).await.inspect_err(|_| {
        let left = counts(plan.up.iter());
        if !left.is_empty() {
            context.ui.note(&format!("not begun: {left}"));
        }
    })?;
    let up = carry(context, plan, &plan.up, cluster, block).await?;
    Ok(if down == ExitStatus::Done { up } else { down })
}

async fn carry(
    context: &Context,
    plan: &ApplyPlan,
    steps: &[Step],
    cluster: &BTreeMap<UnitName, Unit>,
    block: &BlockArgs,
) -> Result<ExitStatus, Error> {
    if steps.is_empty() {
        return Ok(ExitStatus::Done);
    }
    // Before the states are asked for: what changes from now on is told by it.
    let mut watch = Watch::open(context, block).await?;
    let tasks = steps.iter().map(|step| task(context, step, cluster.get(&step.name), block));
    let tasks = try_join_all(tasks).await?;
    let queue = Queue::new(tasks, &plan.order.after, &plan.order.needs);
    wait::run(context, queue, &mut watch, block).await
}

/// What to do for one step.
async fn task(
    context: &Context,
    Step { name, deed }: &Step,
    unit: Option<&Unit>,
    block: &BlockArgs,
) -> Result<Task, Error> {
    let lower = |verb| async move {
        let unit = unit.ok_or_else(|| Error::NoUnit { name: name.clone(), near: None })?;
        lower::task(context, verb, name, unit, block).await
    };
    match deed {
        Deed::Destroy => lower(lower::Verb::Destroy).await,
        Deed::Want { from, wish } if wish.state < *from => match wish.state {
            TargetState::Inactive => lower(lower::Verb::Unload).await,
            TargetState::Loaded | TargetState::Launched => lower(lower::Verb::Stop).await,
        },
        Deed::Want { wish, .. } => raise(context, name, wish, None, block).await,
        Deed::Create(wish) | Deed::Replace { wish, .. } => {
            raise(context, name, wish, Some(&wish.file), block).await
        }
    }
}

/// A unit is stored, or wanted more.
async fn raise(
    context: &Context,
    name: &UnitName,
    wish: &Wish,
    file: Option<&UnitFile>,
    block: &BlockArgs,
) -> Result<Task, Error> {
    let then = match followed(name, wish, block) {
        // What runs is started anew, and that has a number of its own.
        then if wish.state == TargetState::Launched => then,
        then => wait::seen(context, name, then).await?,
    };
    let then = match then {
        Then::Reach(Goal::Unloaded, states) if states.is_empty() => stored(name),
        then => then,
    };
    Ok(Task { name: name.clone(), change: Change::put(name, wish.state, file), then })
}

/// What follows once a unit is stored or wanted more.
fn followed(name: &UnitName, wish: &Wish, block: &BlockArgs) -> Then {
    let global = is_global(name, &wish.file);
    let goal = match wish.state {
        TargetState::Inactive if global || block.no_block => return stored(name),
        TargetState::Inactive => Goal::Unloaded,
        TargetState::Loaded => Goal::Loaded(wish.file.hash()),
        TargetState::Launched => Goal::Started,
    };
    Then::after(name, goal, global, block)
}

/// A unit is wanted nowhere, and is nowhere.
fn stored(name: &UnitName) -> Then {
    Then::Say(tell::stands(name, TargetState::Inactive))
}
