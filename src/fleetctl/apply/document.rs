//! A plan as a document, for programs. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::{ApplyPlan, Deed, Step};
use super::unified::unified;
use crate::api::{Move, Outlook, Refusal, Why};
use crate::fleetctl::ui::Line;
use crate::model::{MachineId, TargetState};
use crate::unitfile::UnitName;

/// What would be done, and what would come of it.
#[derive(Debug, Serialize)]
pub struct PlanDocument<'p> {
    /// In the order in which they would be taken.
    steps: Vec<StepDocument<'p>>,
    /// What would become of other units.
    moves: &'p [Move],
    /// How many steps there are of each kind, and `unchanged`.
    summary: BTreeMap<&'static str, usize>,
}

/// One unit's change. What is not known is left out.
#[derive(Debug, Serialize)]
struct StepDocument<'p> {
    name: &'p UnitName,
    /// `create`, `replace`, `start`, `load`, `stop`, `unload` or `destroy`.
    action: &'static str,
    /// What would be wanted of it; of nothing that goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<TargetState>,
    /// From the cluster's file to the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    /// Where it would be.
    #[serde(rename = "machineIDs", skip_serializing_if = "<[MachineId]>::is_empty")]
    machine_ids: &'p [MachineId],
    /// Why it would be there, or nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'p str>,
    /// Who would not take it.
    #[serde(skip_serializing_if = "<[Refusal]>::is_empty")]
    refusals: &'p [Refusal],
}

impl<'p> PlanDocument<'p> {
    /// The plan, with where its units would be.
    pub fn of(plan: &'p ApplyPlan, outlook: &'p Outlook) -> Self {
        let why = |step: &Step| outlook.units.iter().find(|why| why.name == step.name);
        let steps = plan.steps().map(|step| StepDocument::of(step, why(step))).collect();
        let mut summary = BTreeMap::from([("unchanged", plan.unchanged)]);
        for step in plan.steps() {
            *summary.entry(step.deed.word()).or_default() += 1;
        }
        Self { steps, moves: &outlook.moves, summary }
    }
}

impl<'p> StepDocument<'p> {
    fn of(Step { name, deed }: &'p Step, why: Option<&'p Why>) -> Self {
        let diff = match deed {
            Deed::Replace { before, wish, .. } => {
                let lines = unified(before, wish, &format!("cluster/{name}"));
                Some(lines.iter().map(Line::text).flat_map(|line| [line, "\n"]).collect())
            }
            Deed::Create(_) | Deed::Want { .. } | Deed::Destroy => None,
        };
        Self {
            name,
            action: deed.word(),
            state: deed.wish().map(|wish| wish.state),
            diff,
            machine_ids: why.map(|why| &why.machine_ids[..]).unwrap_or_default(),
            reason: why.map(|why| why.reason.as_str()),
            refusals: why.map(|why| &why.refusals[..]).unwrap_or_default(),
        }
    }
}
