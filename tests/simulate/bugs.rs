//! Bugs that daemons of this kind have had, put into fleetd from outside: a condition left out of what it asks of the
//! store, an answer that it gets wrong. Each must break a law, or the laws see nothing.

use fleet::fleetd::registry::{Compare, Op, Txn};

use super::life::play;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A unit is run without asking whether another machine holds it.
    HolderNotAsked,
    /// The engine writes without asking whether it still leads.
    LeaderNotAsked,
    /// A watch begins when it is opened, not where the read before it ended.
    WatchFromNow,
    /// What a machine holds and reports does not go with its session.
    NoLease,
    /// A unit that is not scheduled is stopped, also before the engine knows of the machine's new life.
    AbsenceIsStop,
    /// fleetd takes what it asked of systemd for what is so.
    BelievesWhatItAsked,
    /// A fleetd that was restarted does not know what it started.
    ForgetsLaunches,
    /// A machine that lost the store stops its units.
    StopsWhenCutOff,
    /// A machine that leaves ends its session before its units have stopped.
    RevokesFirst,
}

impl Bug {
    /// Each, and a life that it does not live through; after a change of fleetd it may be another one.
    const ALL: [(Bug, u64); 9] = [
        (Bug::HolderNotAsked, 1),
        (Bug::LeaderNotAsked, 15),
        (Bug::WatchFromNow, 37),
        (Bug::NoLease, 1),
        (Bug::AbsenceIsStop, 110),
        (Bug::BelievesWhatItAsked, 1),
        (Bug::ForgetsLaunches, 1),
        (Bug::StopsWhenCutOff, 1),
        (Bug::RevokesFirst, 1),
    ];

    /// A transaction as a fleetd with this bug would write it.
    pub fn write(self, mut txn: Txn) -> Txn {
        txn.when.retain(|compare| !self.leaves_out(compare));
        for op in txn.then.iter_mut().chain(&mut txn.otherwise) {
            match op {
                Op::Nested(nested) => *nested = self.write(std::mem::take(nested)),
                Op::Put { key, lease, .. } if self == Bug::NoLease => {
                    let hangs = key.starts_with("holder/") || key.starts_with("state/");
                    *lease = lease.filter(|_| !hangs);
                }
                _ => {}
            }
        }
        txn
    }

    fn leaves_out(self, compare: &Compare) -> bool {
        match (self, compare) {
            (Bug::HolderNotAsked, Compare::Absent(key)) => key.starts_with("holder/"),
            (Bug::LeaderNotAsked, Compare::Created(key, _)) => key == "engine/leader",
            _ => false,
        }
    }
}

/// So many lives at most are played until a bug shows.
const LIVES_MAX: u64 = 200;

#[test]
fn every_bug_breaks_a_law() {
    for (bug, seed) in Bug::ALL {
        let caught = std::iter::once(seed).chain(1..=LIVES_MAX).find_map(|seed| {
            let ended = play(seed, Some(bug));
            ended.broken.clone().map(|law| (seed, law))
        });
        let (seed, law) =
            caught.unwrap_or_else(|| panic!("{bug:?} lived through {LIVES_MAX} lives"));
        println!("{bug:?}: seed {seed}: {law}");
    }
}
