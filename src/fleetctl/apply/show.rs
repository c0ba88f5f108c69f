//! What a plan looks like. Pure.

use super::plan::{ApplyPlan, Deed, Step};
use super::unified::unified;
use crate::api::{Move, Outlook, Why, WhyStatus};
use crate::fleetctl::machines::Machines;
use crate::fleetctl::show::tell;
use crate::fleetctl::ui::{Line, Sign};

/// Stands before every line that belongs to the one above.
const INDENT: &str = "    ";

/// A line for each step, with where the unit would be and how its file changes; what would become
/// of other units; and how many steps of each kind there are.
pub fn show(plan: &ApplyPlan, outlook: &Outlook, machines: &Machines) -> Vec<Line> {
    let mut lines = Vec::new();
    for step in plan.steps() {
        let why = outlook.units.iter().find(|why| why.name == step.name);
        lines.extend(step_lines(step, why, machines));
    }
    for moved in &outlook.moves {
        lines.push(Line::plain(format!("  {}", move_words(moved, machines))));
    }
    lines.push(Line::plain(summary(plan)));
    lines
}

fn step_lines(step: &Step, why: Option<&Why>, machines: &Machines) -> Vec<Line> {
    let Step { name, deed } = step;
    let (mark, sign) = match deed {
        Deed::Create(_) => ('+', Sign::Added),
        Deed::Replace { .. } | Deed::Want { .. } => ('~', Sign::Changed),
        Deed::Destroy => ('-', Sign::Removed),
    };
    let state = match deed {
        Deed::Create(wish) | Deed::Replace { wish, .. } => format!(", {}", wish.state),
        Deed::Want { .. } | Deed::Destroy => String::new(),
    };
    let place = why.map(|why| place(why, machines)).unwrap_or_default();
    let mut lines = vec![Line::new(sign, format!("{mark} {name}: {}{state}{place}", deed.word()))];
    if let Some(why) = why.filter(|why| why.status == WhyStatus::Pending) {
        let refusals = tell::refusals(why, machines, false);
        lines.extend(refusals.lines().map(|line| Line::plain(format!("  {line}"))));
    }
    if let Deed::Replace { before, wish, .. } = deed {
        let diff = unified(before, wish, &format!("cluster/{name}"));
        lines.extend(diff.into_iter().map(|line| line.indented(INDENT)));
    }
    lines
}

/// Where a unit would be.
fn place(why: &Why, machines: &Machines) -> String {
    match (why.status, &why.machine_ids[..]) {
        (WhyStatus::Inactive, _) => String::new(),
        (WhyStatus::Placed, [one]) => format!(", on {}", machines.legend(one, false)),
        (WhyStatus::Placed, several) => format!(", on {} machines", several.len()),
        (WhyStatus::Unknown, _) => format!(", {}", why.reason),
        (WhyStatus::Pending, _) => format!(", would wait: {}", why.reason),
    }
}

fn move_words(moved: &Move, machines: &Machines) -> String {
    let Move { name, from, to, reason } = moved;
    let from = from.as_ref().map(|id| machines.legend(id, false));
    let to = to.as_ref().map(|id| machines.legend(id, false));
    let way = match (from, to) {
        (Some(from), Some(to)) => format!("move from {from} to {to}"),
        (Some(from), None) => format!("leave {from}"),
        (None, Some(to)) => format!("come to {to}"),
        (None, None) => "stay nowhere".to_owned(),
    };
    format!("{name} would {way}: {reason}")
}

/// The words of [`Deed::word`], in the order in which a summary names them.
const WORDS: [&str; 7] = ["destroy", "unload", "stop", "create", "replace", "load", "start"];

/// `2 to create, 1 to replace, 3 unchanged`
pub fn summary(plan: &ApplyPlan) -> String {
    let changes = counts(plan.steps());
    match plan.unchanged {
        0 if !changes.is_empty() => changes,
        unchanged if changes.is_empty() => format!("{unchanged} unchanged"),
        unchanged => format!("{changes}, {unchanged} unchanged"),
    }
}

/// `2 to create, 1 to replace`
pub fn counts<'p>(steps: impl Iterator<Item = &'p Step> + Clone) -> String {
    let count = |word: &str| steps.clone().filter(|step| step.deed.word() == word).count();
    let counts = WORDS.map(|word| (count(word), word)).into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, word)| format!("{count} to {word}")).collect();
    counts.join(", ")
}
