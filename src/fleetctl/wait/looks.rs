//! Which units are being looked at, and whether the answer counts.
//!
//! Pure. A look that was sent before events were missed may have seen what was before them, so its
//! answer tells nothing of what is now.

use std::collections::BTreeSet;
use std::mem;

use crate::unitfile::UnitName;

/// The looks that are on their way.
#[derive(Debug, Default)]
pub struct Looks {
    /// How often events were missed so far.
    round: u64,
    away: BTreeSet<UnitName>,
}

impl Looks {
    /// Begins a look at a unit, and returns its round; `None` if one is on its way.
    pub fn begin(&mut self, name: &UnitName) -> Option<u64> {
        self.away.insert(name.clone()).then_some(self.round)
    }

    /// Takes note of the answer to a look of this round. Returns whether it counts.
    pub fn end(&mut self, name: &UnitName, round: u64) -> bool {
        round == self.round && self.away.remove(name)
    }

    /// Events were missed: what is on its way no longer counts. Returns the units it was about.
    pub fn missed(&mut self) -> BTreeSet<UnitName> {
        self.round += 1;
        mem::take(&mut self.away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_from_before_events_were_missed_does_not_count() {
        let name = UnitName::parse("a.service").unwrap();
        let mut looks = Looks::default();
        let old = looks.begin(&name).expect("the first");
        assert_eq!(looks.begin(&name), None, "one is on its way");
        assert_eq!(looks.missed(), BTreeSet::from([name.clone()]));
        let new = looks.begin(&name).expect("the old one does not count");
        assert!(!looks.end(&name, old));
        assert_eq!(looks.begin(&name), None, "the new one is still on its way");
        assert!(looks.end(&name, new));
        assert!(looks.missed().is_empty());
    }
}
