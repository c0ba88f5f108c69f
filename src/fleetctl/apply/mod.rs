//! Making the cluster as files say: what to change, what that looks like, and doing it.
//!
//! `plan`, `order`, `show`, `document` and `unified` are pure; `carry_out` acts. This room must not know where the
//! files come from.

mod carry_out;
mod document;
mod order;
mod plan;
mod show;
mod unified;

use std::collections::BTreeMap;

pub use carry_out::carry_out;
pub use document::PlanDocument;
pub use plan::{ApplyPlan, Deed, Step, plan};
pub use show::{show, summary};
pub use unified::unified;

use super::Context;
use super::error::Error;
use crate::api::{Changes, Unit};
use crate::fleetctl::wait::task;
use crate::unitfile::UnitName;

/// All units of the cluster, by name.
pub async fn snapshot(context: &Context) -> Result<BTreeMap<UnitName, Unit>, Error> {
    let units = context.client.units().await?;
    Ok(units.into_iter().filter_map(|unit| Some((unit.name.clone()?, unit))).collect())
}

/// A plan as the API is asked about it.
pub fn changes(plan: &ApplyPlan) -> Changes {
    let mut changes = Changes::default();
    for Step { name, deed } in plan.steps() {
        let (wish, file) = match deed {
            Deed::Create(wish) | Deed::Replace { wish, .. } => (wish, Some(&wish.file)),
            Deed::Want { wish, .. } => (wish, None),
            Deed::Destroy => {
                changes.destroy.push(name.clone());
                continue;
            }
        };
        // The contents say it all, and many units shall fit into one request.
        let unit = Unit { options: Vec::new(), ..task::wish(name, wish.state, file) };
        changes.units.push(unit);
    }
    changes
}
