//! Which units come before which, by what their files say of each other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleetctl::wait::queue::Links;
use crate::model::{needs, relations};
use crate::unitfile::{UnitFile, UnitName};

/// An order in which units can come up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// All of them, each after those it waits for; in order of name where that leaves a choice.
    pub names: Vec<UnitName>,
    /// Whom each waits for. Nobody waits in a circle: units of one come up together.
    pub after: Links,
    /// Without whom each cannot be: those it waits for, but for mere `After=` and `Wants=`.
    pub needs: Links,
}

/// Orders units by `MachineOf=`, `Requires=`, `Requisite=`, `BindsTo=`, `Wants=` and `After=`, as
/// far as these name units among them.
pub fn order(files: &BTreeMap<&UnitName, &UnitFile>) -> Order {
    let among = |named: BTreeSet<UnitName>| -> BTreeSet<UnitName> {
        named.into_iter().filter(|other| files.contains_key(other)).collect()
    };
    let links = |of: fn(&UnitName, &UnitFile) -> BTreeSet<UnitName>| -> Links {
        files.iter().map(|(name, file)| ((*name).clone(), among(of(name, file)))).collect()
    };
    let after = without_circles(links(relations));
    let mut needs = links(needs);
    for (name, others) in &mut needs {
        others.retain(|other| after[name].contains(other));
    }
    Order { names: sorted(&after), after, needs }
}

/// Cuts the links among units of one circle.
fn without_circles(all: Links) -> Links {
    let orderly: BTreeSet<UnitName> = sorted(&all).into_iter().collect();
    let mut cut = all.clone();
    // What is left is in a circle or waits for one.
    for (name, others) in cut.iter_mut().filter(|(name, _)| !orderly.contains(*name)) {
        others.retain(|other| orderly.contains(other) || !reaches(&all, other, name));
    }
    cut
}

/// Each unit after those it waits for; in order of name where that leaves a choice. Without units
/// that are in a circle, and those that wait for one.
fn sorted(after: &Links) -> Vec<UnitName> {
    let mut waiting: BTreeMap<&UnitName, usize> = BTreeMap::new();
    let mut behind: BTreeMap<&UnitName, Vec<&UnitName>> = BTreeMap::new();
    for (name, others) in after {
        waiting.insert(name, others.len());
        others.iter().for_each(|other| behind.entry(other).or_default().push(name));
    }
    let free = waiting.iter().filter(|(_, others)| **others == 0);
    let mut free: BTreeSet<&UnitName> = free.map(|(name, _)| *name).collect();
    let mut sorted = Vec::with_capacity(after.len());
    while let Some(name) = free.pop_first() {
        sorted.push(name.clone());
        for follower in behind.remove(name).unwrap_or_default() {
            if let Some(others) = waiting.get_mut(follower) {
                *others -= 1;
                if *others == 0 {
                    free.insert(follower);
                }
            }
        }
    }
    sorted
}

/// Whether `goal` can be reached from `start` in one step or more.
fn reaches(links: &Links, start: &UnitName, goal: &UnitName) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(name) = waiting.pop() {
        for other in links.get(name).into_iter().flatten() {
            if other == goal {
                return true;
            }
            if seen.insert(other) {
                waiting.push(other);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of units whose files have these `[Unit]` lines, and `name < others` for all who
    /// wait.
    fn ordered(units: &[(&str, &str)]) -> (String, String) {
        let unit = |(name, lines): &(&str, &str)| {
            let text = format!("[Unit]\n{lines}\n[Service]\nExecStart=/bin/true\n");
            (UnitName::from_argument(name).unwrap(), UnitFile::parse(&text).unwrap())
        };
        let units: BTreeMap<UnitName, UnitFile> = units.iter().map(unit).collect();
        let order = order(&units.iter().collect());
        let stems = |names: &mut dyn Iterator<Item = &UnitName>| {
            names.map(UnitName::stem).collect::<Vec<_>>().join(" ")
        };
        let waits = order.after.iter().filter(|(_, others)| !others.is_empty());
        let waits =
            waits.map(|(name, others)| format!("{} < {}", stems(&mut others.iter()), name.stem()));
        (stems(&mut order.names.iter()), waits.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn units_come_after_those_they_lean_on() {
        for (units, names, waits) in [
            (&[("b", ""), ("a", "")][..], "a b", ""),
            (&[("a", "After=b.service"), ("b", "")], "b a", "b < a"),
            (&[("a", "Requires=c.service"), ("b", ""), ("c", "")], "b c a", "c < a"),
            (&[("a", "[X-Fleet]\nMachineOf=b.service"), ("b", "")], "b a", "b < a"),
            (&[("a", "After=x.service a.service")], "a", ""),
            (
                &[("a", "BindsTo=b.service"), ("b", "Wants=c.service"), ("c", "")],
                "c b a",
                "b < a, c < b",
            ),
        ] {
            assert_eq!(ordered(units), (names.to_owned(), waits.to_owned()), "{units:?}");
        }
    }

    #[test]
    fn nobody_waits_in_a_circle() {
        let circle = [
            ("a", "After=b.service"),
            ("b", "After=c.service"),
            ("c", "After=a.service d.service"),
            ("d", ""),
            ("e", "After=a.service"),
        ];
        let expected = ("a b d c e".to_owned(), "d < c, a < e".to_owned());
        assert_eq!(ordered(&circle), expected);
    }

    #[test]
    fn mere_order_is_no_need() {
        let text = "[Unit]\nAfter=b.service c.service\nRequires=c.service\n";
        let (a, b, c) = ("a.service", "b.service", "c.service");
        let name = |text: &str| UnitName::parse(text).unwrap();
        let units = BTreeMap::from([
            (name(a), UnitFile::parse(text).unwrap()),
            (name(b), UnitFile::parse("[Unit]\nWants=c.service").unwrap()),
            (name(c), UnitFile::parse("[Unit]\nDescription=c").unwrap()),
        ]);
        let order = order(&units.iter().collect());
        assert_eq!(order.needs[&name(a)], BTreeSet::from([name(c)]));
        assert_eq!(order.after[&name(a)], BTreeSet::from([name(b), name(c)]));
        assert!(order.needs[&name(b)].is_empty());
    }
}
