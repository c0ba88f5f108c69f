//! Who runs where, as a function of everything that is stored.
//!
//! No async, no clock, no log, no I/O: the same cluster at the same moment gives the same plan, and
//! a plan that was carried out gives an empty one. First everything that still fits stays where it
//! is, then what is left is placed, so that no newcomer pushes out what runs (but for `Replaces=`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::board::{Board, Spot};
use super::compare;
use super::filter::{self, Refusal};
use super::ledger::Ledger;
use super::order::{Named, is_global, targets_first, wanted};
use super::plan::{AssignReason, Plan, UnassignReason};
use super::scope::Scope;
use super::trouble::{self, Pause};
use super::vanished::{Moment, Wait, waits};
use crate::fleetd::registry::{Cluster, Key, Moves, StoredUnit};
use crate::model::{MachineId, Timestamp};
use crate::unitfile::UnitName;

/// Decides what each machine shall have at a moment.
pub fn schedule(cluster: &Cluster, moment: &Moment) -> Plan {
    explain(cluster, moment, |_| false)
}

/// The same, with the reasons of machines that refuse the units that are `asked` about.
pub fn explain(cluster: &Cluster, moment: &Moment, asked: impl Fn(&UnitName) -> bool) -> Plan {
    let ledger = Ledger::of(cluster);
    let pass = Pass::over(cluster, moment, &ledger);
    Plan { refused: pass.refusals(asked), ..compare::plan(&pass) }
}

/// A pass: the board as it fills, and the reasons so far.
#[derive(Debug)]
pub struct Pass<'a> {
    /// What is looked at.
    pub scope: Scope<'a>,
    /// What each machine would have.
    pub board: Board<'a>,
    /// Why a unit was put where it was not before.
    pub assigned: BTreeMap<(&'a MachineId, &'a UnitName), AssignReason>,
    /// Why a unit did not stay where it was.
    pub dropped: BTreeMap<(&'a MachineId, &'a UnitName), UnassignReason>,
    /// Units that are not placed yet, and why.
    pub paused: BTreeMap<&'a UnitName, Pause>,
    /// Units that no machine takes.
    pub untaken: BTreeSet<&'a UnitName>,
    /// Machines that vanished and are waited for.
    pub waits: BTreeMap<MachineId, Wait>,
}

impl<'a> Pass<'a> {
    /// Looks at what is open by the books; everything else stays as it is.
    pub fn over(cluster: &'a Cluster, moment: &Moment, ledger: &'a Ledger) -> Pass<'a> {
        let scope = ledger.scope(cluster);
        let board = Board::of(cluster, moment.now, ledger, &scope.machines);
        let units = targets_first(cluster, scope.units());
        let mut pass = Pass {
            scope,
            board,
            assigned: BTreeMap::new(),
            dropped: BTreeMap::new(),
            paused: BTreeMap::new(),
            untaken: BTreeSet::new(),
            waits: waits(cluster, moment),
        };
        pass.leave_unreadable();
        units.iter().for_each(|&(name, unit)| pass.keep(name, unit));
        pass.make_way();
        pass.hand_back(&units);
        pass.place_all(units);
        pass
    }

    /// Leaves units where they are of which nobody knows what is wanted.
    fn leave_unreadable(&mut self) {
        let cluster = self.board.cluster;
        for key in cluster.foreign.keys() {
            if let Key::Unit(name) = key {
                cluster.homes_of(name).for_each(|machine| self.board.leave(name, machine));
            }
        }
    }

    /// Places what has no place.
    fn place_all(&mut self, units: Vec<Named<'a>>) {
        let mut queue: VecDeque<_> = units.into();
        while let Some((name, unit)) = queue.pop_front() {
            if unit.requirements.global {
                self.spread(name, unit);
            } else if !self.board.is_placed(name) {
                queue.extend(self.place(name, unit));
            }
        }
    }

    /// Leaves a unit where it is, if that machine lives and still takes it, or is waited for.
    fn keep(&mut self, name: &'a UnitName, unit: &'a StoredUnit) {
        let cluster = self.board.cluster;
        for machine in cluster.homes_of(name).filter(|home| self.scope.machines.contains(home)) {
            let Some(spot) = self.board.spot(machine) else {
                continue;
            };
            if !unit.requirements.global && self.board.is_placed(name) {
                self.dropped.insert((machine, name), UnassignReason::Twice);
                continue;
            }
            match filter::check(&self.board, &spot, name, &unit.requirements) {
                Ok(()) => self.board.put(name, unit, machine),
                Err(refusal) => {
                    self.dropped.insert((machine, name), UnassignReason::Refused(refusal));
                }
            }
        }
        let waited_for = cluster.homes_of(name).find(|home| self.waits.contains_key(*home));
        // Where another machine came back with it, there is nothing to wait for.
        let homeless = !self.board.is_placed(name) && self.holder(name, unit).is_none();
        if let Some(machine) = waited_for.filter(|_| homeless) {
            self.board.wait_on(name, machine);
        }
    }

    /// Takes units away from those that replace them, where both stayed on one machine: a file can
    /// come to say `Replaces=` later.
    fn make_way(&mut self) {
        for name in self.board.replacers() {
            let homes: Vec<_> = self.board.machines_of(name).collect();
            for machine in homes {
                let there = |victim: &&UnitName| {
                    self.board.spot(machine).is_some_and(|spot| spot.has(victim))
                };
                let victims: Vec<_> = self.board.replaced_by(name).filter(there).collect();
                // They are placed anew with everyone else who has no place.
                for victim in victims {
                    drop(self.make_room(victim, machine, name));
                }
            }
        }
    }

    /// Gives units back to machines that were lost and came back before another one had won them:
    /// what runs there need not be stopped. Those that must be beside it are placed anew.
    fn hand_back(&mut self, units: &[Named<'a>]) {
        for &(name, unit) in units {
            let Some(home) = self.board.machines_of(name).next() else { continue };
            // Most are where they are held, and need no look at the machine.
            if self.board.cluster.live_holder(name) == Some(home) {
                continue;
            }
            let Some(holder) = self.holder(name, unit) else { continue };
            let reason = UnassignReason::HeldBy(holder.clone());
            drop(self.evict(name, home, reason, Refusal::TargetElsewhere));
            self.assign(name, unit, holder, AssignReason::RunsThere);
        }
    }

    /// The live machine that holds a unit and takes it: it need not be stopped there.
    fn holder(&self, name: &'a UnitName, unit: &'a StoredUnit) -> Option<&'a MachineId> {
        let holder = self.board.cluster.live_holder(name).filter(|_| !unit.requirements.global)?;
        let spot = self.board.spot(holder)?;
        filter::check(&self.board, &spot, name, &unit.requirements).is_ok().then_some(spot.id)
    }

    /// Puts a global unit on every machine that takes it.
    fn spread(&mut self, name: &'a UnitName, unit: &'a StoredUnit) {
        let spots = self.scope.machines.iter().filter_map(|machine| self.board.spot(machine));
        let takes = |spot: &Spot<'_, 'a>| {
            !spot.has(name) && filter::check(&self.board, spot, name, &unit.requirements).is_ok()
        };
        let takers: Vec<_> = spots.filter(takes).map(|spot| spot.id).collect();
        for machine in takers {
            self.assign(name, unit, machine, AssignReason::Everywhere);
        }
    }

    /// Puts a unit on the best machine, and says which units lost their place by it.
    fn place(&mut self, name: &'a UnitName, unit: &'a StoredUnit) -> Vec<Named<'a>> {
        if let Some(pause) = self.pause(name, unit) {
            self.paused.insert(name, pause);
            return Vec::new();
        }
        if let Some((machine, victims)) = self.place_to_take(name, unit) {
            let reason = AssignReason::Replaces(victims[0].clone());
            let mut homeless = Vec::new();
            for victim in victims {
                homeless.extend(self.make_room(victim, machine, name));
            }
            self.assign(name, unit, machine, reason);
            return homeless;
        }
        match self.choose(name, unit) {
            Some((machine, reason)) => self.assign(name, unit, machine, reason),
            None => drop(self.untaken.insert(name)),
        }
        Vec::new()
    }

    /// The machine that takes the unit: where it runs already, else the least loaded one.
    fn choose(
        &self,
        name: &'a UnitName,
        unit: &'a StoredUnit,
    ) -> Option<(&'a MachineId, AssignReason)> {
        let takes = |spot: &Spot<'_, 'a>| {
            filter::check(&self.board, spot, name, &unit.requirements).is_ok()
        };
        if let Some(holder) = self.holder(name, unit) {
            return Some((holder, AssignReason::RunsThere));
        }
        if let Some(id) = &unit.requirements.machine_id {
            let spot = self.board.spot(id).filter(takes)?;
            return Some((spot.id, AssignReason::Pinned));
        }
        if let Some(target) = unit.requirements.machine_of.first() {
            let mut spots = self.board.machines_of(target).filter_map(|id| self.board.spot(id));
            let spot = spots.find(takes)?;
            return Some((spot.id, AssignReason::Beside(target.clone())));
        }
        let takes = |spot: &Spot<'_, 'a>| {
            filter::check_newcomer(&self.board, spot, name, &unit.requirements).is_ok()
        };
        let untaken = self.scope.is_untaken(name);
        let some = untaken.then(|| self.board.changed_by_load()).into_iter().flatten();
        let all = (!untaken).then(|| self.board.by_load()).into_iter().flatten();
        let mut takers = some.chain(all).filter(takes);
        let failures = trouble::failures(self.board.cluster, name, self.board.now);
        if failures.is_empty() {
            let spot = takers.next()?;
            return Some((spot.id, AssignReason::LeastLoaded { units: spot.load() }));
        }
        let times = |spot: &Spot<'_, 'a>| failures.get(spot.id).copied().unwrap_or_default();
        let spot = takers.min_by_key(|spot| times(spot))?;
        let reason = match times(&spot) {
            0 => AssignReason::LeastLoadedUnfailed { units: spot.load() },
            times => AssignReason::FailedLeast { times },
        };
        Some((spot.id, reason))
    }

    /// How long a unit is not placed because it had to move too often. Where it runs it can stay.
    fn pause(&self, name: &UnitName, unit: &StoredUnit) -> Option<Pause> {
        let moves = match self.lost_home(name) {
            Some(_) => Some(self.one_more_move(name, unit)),
            None => trouble::moves(self.board.cluster, name, unit, self.board.now),
        };
        let pause = Pause::after(moves?, self.board.now)?;
        self.holder(name, unit).is_none().then_some(pause)
    }

    /// The lost machine from which a unit has to move: the first, should there be two.
    fn lost_home(&self, name: &UnitName) -> Option<&'a MachineId> {
        let cluster = self.board.cluster;
        cluster.homes_of(name).find(|machine| trouble::is_lost(cluster, machine))
    }

    fn one_more_move(&self, name: &UnitName, unit: &StoredUnit) -> Moves {
        let before = trouble::moves(self.board.cluster, name, unit, self.board.now);
        trouble::one_more_move(before, unit, self.board.now)
    }

    /// How often a unit had to move, with the move from this machine, if that is one because it was
    /// lost.
    pub fn move_from(&self, machine: &MachineId, name: &UnitName) -> Option<Moves> {
        let unit = self.board.cluster.units.get(name)?;
        let counts = !unit.requirements.global && self.lost_home(name) == Some(machine);
        counts.then(|| self.one_more_move(name, unit))
    }

    /// When time alone will change what is decided: the next pause is over.
    pub fn due(&self) -> Option<Timestamp> {
        let troubled = self.board.cluster.machine_troubles.keys();
        let machines =
            troubled.filter_map(|machine| self.board.spot(machine)?.pause(self.board.now));
        machines.chain(self.paused.values().copied()).map(|pause| pause.until).min()
    }

    /// For a unit with `Replaces=`: the least loaded machine that has units it replaces and takes
    /// it once they are gone, with those units.
    fn place_to_take(
        &mut self,
        name: &'a UnitName,
        unit: &'a StoredUnit,
    ) -> Option<(&'a MachineId, Vec<&'a UnitName>)> {
        let mut victims: BTreeMap<&MachineId, Vec<&UnitName>> = BTreeMap::new();
        for victim in self.board.replaced_by(name) {
            for machine in self.board.machines_of(victim) {
                victims.entry(machine).or_default().push(victim);
            }
        }
        let mut machines: Vec<_> = victims.into_iter().collect();
        machines.sort_by_key(|(id, _)| (self.board.spot(id).map(|spot| spot.load()), *id));
        let cluster = self.board.cluster;
        machines.into_iter().find(|(machine, victims)| {
            let there: Vec<_> =
                victims.iter().filter_map(|v| cluster.units.get_key_value(*v)).collect();
            there.iter().for_each(|(victim, _)| self.board.take(victim, machine));
            let fits = self.board.spot(machine).is_some_and(|spot| {
                filter::check(&self.board, &spot, name, &unit.requirements).is_ok()
            });
            there.into_iter().for_each(|(victim, unit)| self.board.put(victim, unit, machine));
            fits
        })
    }

    /// Takes a unit off a machine for another one.
    fn make_room(
        &mut self,
        victim: &'a UnitName,
        machine: &'a MachineId,
        by: &'a UnitName,
    ) -> Vec<Named<'a>> {
        let reason = UnassignReason::ReplacedBy(by.clone());
        self.evict(victim, machine, reason, Refusal::TargetNowhere)
    }

    /// Takes a unit off a machine, and with it those that must be beside it: they are refused from
    /// now on. Returns all that lost their place.
    fn evict(
        &mut self,
        victim: &'a UnitName,
        machine: &'a MachineId,
        reason: UnassignReason,
        refused: fn(UnitName) -> Refusal,
    ) -> Vec<Named<'a>> {
        let Some((victim, unit)) = self.board.cluster.units.get_key_value(victim) else {
            return Vec::new();
        };
        self.drop_from(victim, machine, reason);
        let mut homeless = vec![(victim, unit)];
        let mut gone = vec![victim];
        while let Some(target) = gone.pop() {
            for (follower, unit) in self.followers(target, machine) {
                let reason = UnassignReason::Refused(refused(target.clone()));
                self.drop_from(follower, machine, reason);
                homeless.push((follower, unit));
                gone.push(follower);
            }
        }
        homeless
    }

    fn followers(&self, target: &UnitName, machine: &MachineId) -> Vec<Named<'a>> {
        let Some(spot) = self.board.spot(machine) else {
            return Vec::new();
        };
        let units = spot.units().filter_map(|name| self.board.cluster.units.get_key_value(name));
        units.filter(|(_, unit)| unit.requirements.machine_of.contains(target)).collect()
    }

    fn drop_from(&mut self, name: &'a UnitName, machine: &'a MachineId, reason: UnassignReason) {
        self.board.take(name, machine);
        self.assigned.remove(&(machine, name));
        self.dropped.insert((machine, name), reason);
    }

    fn assign(
        &mut self,
        name: &'a UnitName,
        unit: &'a StoredUnit,
        machine: &'a MachineId,
        reason: AssignReason,
    ) {
        self.board.put(name, unit, machine);
        // What drove it away is gone, within this very pass: it has not moved at all.
        if self.dropped.remove(&(machine, name)).is_none() {
            self.assigned.insert((machine, name), reason);
        }
    }

    /// Units that were looked at and are not just where they shall be: without a place, or held by
    /// another machine than theirs, be it one that is about to join.
    pub fn unsettled(&self) -> impl Iterator<Item = &'a UnitName> {
        let holders = &self.board.cluster.holders;
        let settled = |(name, unit): &Named<'a>| match self.board.machines_of(name).next() {
            None => false,
            Some(_) if unit.requirements.global => true,
            Some(home) => holders.get(*name).is_none_or(|holder| holder.machine == *home),
        };
        let named = self.scope.units().filter(|(name, unit)| wanted(name, unit));
        named.filter(move |named| !settled(named)).map(|(name, _)| name)
    }

    /// Live machines that were looked at and not told yet that their schedule is complete.
    pub fn incomplete(&self) -> impl Iterator<Item = &'a MachineId> {
        let cluster = self.board.cluster;
        let incomplete = |machine: &&MachineId| {
            let schedule = cluster.schedule.get(*machine);
            cluster.machines.get(*machine).is_some_and(|it| !compare::is_complete(schedule, it))
        };
        self.scope.machines.iter().copied().filter(incomplete)
    }

    /// Why each machine refuses a unit that none takes, and who refuses a global one.
    fn refusals(
        &self,
        asked: impl Fn(&UnitName) -> bool,
    ) -> BTreeMap<UnitName, Vec<(MachineId, Refusal)>> {
        let named = self.scope.units().filter(|(name, _)| asked(name));
        let refused = named.filter_map(|(name, unit)| {
            let untaken = self.untaken.contains(name);
            let refusals = (untaken || is_global(name, unit)).then(|| self.refusals_of(name, unit));
            Some((name.clone(), refusals.filter(|refusals| untaken || !refusals.is_empty())?))
        });
        refused.collect()
    }

    fn refusals_of(&self, name: &UnitName, unit: &StoredUnit) -> Vec<(MachineId, Refusal)> {
        let others = self.board.spots().filter(|spot| !spot.has(name));
        let refusal = |spot: Spot<'_, 'a>| {
            let wants = &unit.requirements;
            let refusal = filter::check_newcomer(&self.board, &spot, name, wants).err()?;
            Some((spot.id.clone(), refusal))
        };
        others.filter_map(refusal).collect()
    }
}
