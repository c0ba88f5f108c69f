//! Containers that depend on those of other units, or get in their way.

use super::Container;
use super::run::Join;
use crate::model::lint::references::{self, Reference};
use crate::model::lint::{Peers, Subject};
use crate::unitfile::lint::{Finding, Rule};
use crate::unitfile::{Place, UnitName};

pub(super) const ELSEWHERE: Rule = Rule::warning("container-elsewhere");
pub(super) const SAME: Rule = Rule::warning("same-container");
pub(super) const START: Rule = Rule::warning("container-order");

pub(super) fn lint(
    subject: &Subject,
    peers: &Peers,
    container: &Container,
    findings: &mut Vec<Finding>,
) {
    let Container { entry, at, run } = container;
    let references = references::all(subject);
    for join in &run.joins {
        let place = subject.draft.place_in(entry, &join.at);
        findings.extend(joined(subject, peers, &references, join, place));
    }
    if let Some(name) = &run.name {
        let place = subject.draft.place_in(entry, at);
        findings.extend(same(&subject.name, peers, name, place));
    }
}

/// A container that has to be on this machine and running.
fn joined(
    subject: &Subject,
    peers: &Peers,
    references: &[Reference],
    join: &Join,
    place: Place,
) -> Option<Finding> {
    let Join { option, container, .. } = join;
    let find =
        |rule, reason: String, advice: String| Some(Finding::new(rule, place, reason, advice));
    let owners = || peers.iter().filter(|(_, peer)| peer.containers.contains(container));
    let owner = owners().map(|(name, _)| name);
    let Some(owner) = owner.max_by_key(|name| peers.together(&subject.name, name)) else {
        // One that is not known may run it.
        let known = references.iter().all(|reference| peers.knows(&reference.name));
        let with = references.iter().any(|reference| reference.option == references::MACHINE_OF);
        if !known && with {
            return None;
        }
        let reason = format!("nothing says that container {container} is on this unit's machine");
        let advice = "add MachineOf= its unit to [X-Fleet]".to_owned();
        return find(ELSEWHERE, reason, advice);
    };
    if *owner == subject.name {
        return None;
    }
    if !peers.together(&subject.name, owner) {
        let reason = format!(
            "container {container} is {owner}'s, which nothing keeps on this unit's machine"
        );
        return find(ELSEWHERE, reason, format!("add MachineOf={owner} to [X-Fleet]"));
    }
    let waits = references.iter().any(|r| r.option == "After" && r.name == *owner);
    let reason = format!("{option} needs container {container}, and the unit does not wait for it");
    if waits { None } else { find(START, reason, format!("add After={owner} to [Unit]")) }
}

/// Two units, or two instances, that want one name on one machine.
fn same(name: &UnitName, peers: &Peers, container: &str, place: Place) -> Option<Finding> {
    // The first by name has it; the others are told.
    let others = peers.iter().filter(|(other, _)| *other < name);
    let mut others = others.filter(|(_, peer)| peer.containers.contains(container));
    if let Some((other, _)) = others.find(|(other, _)| !peers.apart(name, other)) {
        let reason = format!("{other} runs a container named {container} too");
        let advice = format!("give it another name, or keep them apart by Conflicts={other}");
        return Some(Finding::new(SAME, place, reason, advice));
    }
    let shared = peers.get(name).is_some_and(|peer| peer.shared.contains(container));
    if !shared || peers.apart(name, &name.instance_of("1")?) {
        return None;
    }
    let reason = format!("every instance runs a container named {container}");
    let advice = format!("name it {container}-%i, or keep them apart by Conflicts=%p@*.service");
    Some(Finding::new(SAME, place, reason, advice))
}
