//! Who runs where, as a function of everything that is stored.
//!
//! No async, no clock, no log, no I/O: the same cluster at the same moment gives the same plan, and
//! a plan that was carried out gives an empty one. First everything that still fits stays where it
//! is, then what is left is placed, so that no newcomer pushes out what runs (but for `Replaces=`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::board::{Board, Spot};
use super::compare;
use super::filter::{self, Refusal};
use super::order::targets_first;
use super::plan::{AssignReason, Plan, UnassignReason};
use super::trouble::{self, Pause};
use super::vanished::{Moment, Wait, waits};
use crate::fleetd::registry::{Cluster, Moves, StoredUnit};
use crate::model::{MachineId, Timestamp};
use crate::unitfile::UnitName;

/// Decides what each machine shall have at a moment.
pub fn schedule(cluster: &Cluster, moment: &Moment) -> Plan {
    let mut pass = Pass::on(cluster, moment);
    let units = targets_first(cluster);
    for &(name, unit) in &units {
        pass.keep(name, unit);
    }
    pass.make_way();
    pass.hand_back(&units);
    let mut queue: VecDeque<_> = units.into_iter().collect();
    while let Some((name, unit)) = queue.pop_front() {
        if unit.requirements.global {
            pass.spread(name, unit);
        } else if !pass.board.is_placed(name) {
            queue.extend(pass.place(name, unit));
        }
    }
    compare::plan(pass)
}

/// A pass under way: the board as it fills, and the reasons so far.
#[derive(Debug)]
pub struct Pass<'a> {
    /// What each machine would have.
    pub board: Board<'a>,
    /// Why a unit was put where it was not before.
    pub assigned: BTreeMap<(&'a MachineId, &'a UnitName), AssignReason>,
    /// Why a unit did not stay where it was.
    pub dropped: BTreeMap<(&'a MachineId, &'a UnitName), UnassignReason>,
    /// Units that are not placed yet, and why.
    pub paused: BTreeMap<UnitName, Pause>,
    /// Who refuses units that no machine takes, and global ones.
    pub refused: BTreeMap<UnitName, Vec<(MachineId, Refusal)>>,
    /// Machines that vanished and are waited for.
    pub waits: BTreeMap<MachineId, Wait>,
    now: Timestamp,
    /// Where each unit was before the pass.
    before: BTreeMap<&'a UnitName, Vec<&'a MachineId>>,
}

type Wanted<'a> = (&'a UnitName, &'a StoredUnit);

impl<'a> Pass<'a> {
    fn on(cluster: &'a Cluster, moment: &Moment) -> Pass<'a> {
        let mut before: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (machine, schedule) in &cluster.schedule {
            for name in schedule.units.keys().chain(&schedule.unreadable) {
                before.entry(name).or_default().push(machine);
            }
        }
        let mut board = Board::of(cluster, moment.now);
        for (name, machines) in before.iter().filter(|(name, _)| cluster.is_unreadable(name)) {
            machines.iter().for_each(|machine| board.leave(name, machine));
        }
        Pass {
            board,
            assigned: BTreeMap::new(),
            dropped: BTreeMap::new(),
            paused: BTreeMap::new(),
            refused: BTreeMap::new(),
            waits: waits(cluster, moment),
            now: moment.now,
            before,
        }
    }

    /// Leaves a unit where it is, if that machine lives and still takes it, or is waited for.
    fn keep(&mut self, name: &'a UnitName, unit: &'a StoredUnit) {
        let before = self.before.get(name).cloned().unwrap_or_default();
        for &machine in &before {
            let Some(spot) = self.board.spots.get(machine) else {
                continue;
            };
            if !unit.requirements.global && self.board.is_placed(name) {
                self.dropped.insert((machine, name), UnassignReason::Twice);
                continue;
            }
            match filter::check(&self.board, spot, name, &unit.requirements) {
                Ok(()) => self.board.put(name, unit, machine),
                Err(refusal) => {
                    self.dropped.insert((machine, name), UnassignReason::Refused(refusal));
                }
            }
        }
        let waited_for = before.into_iter().find(|machine| self.waits.contains_key(*machine));
        // Where another machine came back with it, there is nothing to wait for.
        let homeless = !self.board.is_placed(name) && self.holder(name, unit).is_none();
        if let Some(machine) = waited_for.filter(|_| homeless) {
            self.board.wait_on(name, machine);
        }
    }

    /// Takes units away from those that replace them, where both stayed on one machine: a file can
    /// come to say `Replaces=` later.
    fn make_way(&mut self) {
        let cluster = self.board.cluster;
        let replacers = cluster.units.iter().filter(|(_, u)| !u.requirements.replaces.is_empty());
        for (name, _) in replacers {
            let homes: Vec<_> = self.board.machines_of(name).collect();
            for machine in homes {
                let spot = self.board.spots.get(machine);
                let there =
                    |victim: &&UnitName| spot.is_some_and(|s| s.units.contains_key(*victim));
                let victims: Vec<_> = self.board.replaced_by(name).filter(there).collect();
                // They are placed anew with everyone else who has no place.
                victims.into_iter().for_each(|victim| drop(self.evict(victim, machine, name)));
            }
        }
    }

    /// Gives units back to machines that were lost and came back before another one had won them:
    /// what runs there need not be stopped. Those that must be beside it are placed anew.
    fn hand_back(&mut self, units: &[Wanted<'a>]) {
        for &(name, unit) in units {
            let Some(home) = self.board.machines_of(name).next() else { continue };
            // Most are where they are held, and need no look at the machine.
            if self.board.cluster.live_holder(name) == Some(home) {
                continue;
            }
            let Some(holder) = self.holder(name, unit) else { continue };
            self.drop_from(name, home, UnassignReason::HeldBy(holder.clone()));
            for (follower, _) in self.followers(name, home) {
                let refusal = Refusal::TargetElsewhere(name.clone());
                self.drop_from(follower, home, UnassignReason::Refused(refusal));
            }
            self.assign(name, unit, holder, AssignReason::RunsThere);
        }
    }

    /// The live machine that holds a unit and takes it: it need not be stopped there.
    fn holder(&self, name: &'a UnitName, unit: &'a StoredUnit) -> Option<&'a MachineId> {
        let holder = self.board.cluster.live_holder(name).filter(|_| !unit.requirements.global)?;
        let spot = self.board.spots.get(holder)?;
        filter::check(&self.board, spot, name, &unit.requirements).is_ok().then_some(spot.id)
    }

    /// Puts a global unit on every machine that takes it.
    fn spread(&mut self, name: &'a UnitName, unit: &'a StoredUnit) {
        let here: BTreeSet<_> = self.board.machines_of(name).collect();
        let mut takers = Vec::new();
        let mut refusals = Vec::new();
        for spot in self.board.spots.values().filter(|spot| !here.contains(spot.id)) {
            match filter::check(&self.board, spot, name, &unit.requirements) {
                Ok(()) => takers.push(spot.id),
                Err(refusal) => refusals.push((spot.id.clone(), refusal)),
            }
        }
        if !refusals.is_empty() {
            self.refused.insert(name.clone(), refusals);
        }
        for machine in takers {
            self.assign(name, unit, machine, AssignReason::Everywhere);
        }
    }

    /// Puts a unit on the best machine, and says which units lost their place by it.
    fn place(&mut self, name: &'a UnitName, unit: &'a StoredUnit) -> Vec<Wanted<'a>> {
        self.refused.remove(name);
        if let Some(pause) = self.pause(name, unit) {
            self.paused.insert(name.clone(), pause);
            return Vec::new();
        }
        if let Some((machine, victims)) = self.place_to_take(name, unit) {
            let reason = AssignReason::Replaces(victims[0].clone());
            let mut homeless = Vec::new();
            for victim in victims {
                homeless.extend(self.evict(victim, machine, name));
            }
            self.assign(name, unit, machine, reason);
            return homeless;
        }
        match self.choose(name, unit) {
            Some((machine, reason)) => self.assign(name, unit, machine, reason),
            None => self.explain(name, unit),
        }
        Vec::new()
    }

    /// The machine that takes the unit: where it runs already, else the least loaded one.
    fn choose(
        &self,
        name: &'a UnitName,
        unit: &'a StoredUnit,
    ) -> Option<(&'a MachineId, AssignReason)> {
        let takes =
            |spot: &&Spot<'_>| filter::check(&self.board, spot, name, &unit.requirements).is_ok();
        if let Some(holder) = self.holder(name, unit) {
            return Some((holder, AssignReason::RunsThere));
        }
        if let Some(id) = &unit.requirements.machine_id {
            let spot = self.board.spots.get(id).filter(takes)?;
            return Some((spot.id, AssignReason::Pinned));
        }
        if let Some(target) = unit.requirements.machine_of.first() {
            let mut spots =
                self.board.machines_of(target).filter_map(|id| self.board.spots.get(id));
            let spot = spots.find(takes)?;
            return Some((spot.id, AssignReason::Beside(target.clone())));
        }
        let takes = |spot: &&Spot<'_>| {
            filter::check_newcomer(&self.board, spot, name, &unit.requirements).is_ok()
        };
        let mut takers = self.board.by_load().filter(takes);
        let failures = trouble::failures(self.board.cluster, name, self.now);
        if failures.is_empty() {
            let spot = takers.next()?;
            return Some((spot.id, AssignReason::LeastLoaded { units: spot.units.len() }));
        }
        let times = |spot: &Spot<'_>| failures.get(spot.id).copied().unwrap_or_default();
        let spot = takers.min_by_key(|spot| times(spot))?;
        let reason = match times(spot) {
            0 => AssignReason::LeastLoadedUnfailed { units: spot.units.len() },
            times => AssignReason::FailedLeast { times },
        };
        Some((spot.id, reason))
    }

    /// How long a unit is not placed because it had to move too often. Where it runs it can stay.
    fn pause(&self, name: &UnitName, unit: &StoredUnit) -> Option<Pause> {
        let moves = match self.lost_home(name) {
            Some(_) => Some(self.one_more_move(name, unit)),
            None => trouble::moves(self.board.cluster, name, unit, self.now),
        };
        let pause = Pause::after(moves?, self.now)?;
        self.holder(name, unit).is_none().then_some(pause)
    }

    /// The lost machine from which a unit has to move: the first, should there be two.
    fn lost_home(&self, name: &UnitName) -> Option<&'a MachineId> {
        let homes = self.before.get(name)?;
        homes.iter().copied().find(|machine| trouble::is_lost(self.board.cluster, machine))
    }

    fn one_more_move(&self, name: &UnitName, unit: &StoredUnit) -> Moves {
        let before = trouble::moves(self.board.cluster, name, unit, self.now);
        trouble::one_more_move(before, unit, self.now)
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
        let machines = self.board.spots.values().filter_map(|spot| spot.pause);
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
        machines.sort_by_key(|(id, _)| (self.board.spots.get(*id).map(|s| s.units.len()), *id));
        let cluster = self.board.cluster;
        machines.into_iter().find(|(machine, victims)| {
            let there: Vec<_> =
                victims.iter().filter_map(|v| cluster.units.get_key_value(*v)).collect();
            there.iter().for_each(|(victim, _)| self.board.take(victim, machine));
            let spot = self.board.spots.get(*machine);
            let fits = spot.is_some_and(|spot| {
                filter::check(&self.board, spot, name, &unit.requirements).is_ok()
            });
            there.into_iter().for_each(|(victim, unit)| self.board.put(victim, unit, machine));
            fits
        })
    }

    /// Takes a unit off a machine for another, and with it those that must be beside it. Returns
    /// all that lost their place.
    fn evict(
        &mut self,
        victim: &'a UnitName,
        machine: &'a MachineId,
        by: &'a UnitName,
    ) -> Vec<Wanted<'a>> {
        let Some((victim, unit)) = self.board.cluster.units.get_key_value(victim) else {
            return Vec::new();
        };
        self.drop_from(victim, machine, UnassignReason::ReplacedBy(by.clone()));
        let mut homeless = vec![(victim, unit)];
        let mut gone = vec![victim];
        while let Some(target) = gone.pop() {
            for (follower, unit) in self.followers(target, machine) {
                let refusal = Refusal::TargetNowhere(target.clone());
                self.drop_from(follower, machine, UnassignReason::Refused(refusal));
                homeless.push((follower, unit));
                gone.push(follower);
            }
        }
        homeless
    }

    fn followers(&self, target: &UnitName, machine: &MachineId) -> Vec<Wanted<'a>> {
        let Some(spot) = self.board.spots.get(machine) else {
            return Vec::new();
        };
        let follows = spot.units.iter().filter(|(_, wants)| wants.machine_of.contains(target));
        let units = &self.board.cluster.units;
        follows.filter_map(|(name, _)| units.get_key_value(*name)).collect()
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

    /// Notes every machine's refusal of a unit that none takes.
    fn explain(&mut self, name: &UnitName, unit: &StoredUnit) {
        let refusals = self.board.spots.values().filter_map(|spot| {
            let wants = &unit.requirements;
            let refusal = filter::check_newcomer(&self.board, spot, name, wants).err()?;
            Some((spot.id.clone(), refusal))
        });
        let refusals = refusals.collect();
        self.refused.insert(name.clone(), refusals);
    }
}
