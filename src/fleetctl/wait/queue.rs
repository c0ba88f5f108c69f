//! Tasks that wait for other tasks of the same command. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::task::Task;
use crate::unitfile::UnitName;

/// Units by others of the same command.
pub type Links = BTreeMap<UnitName, BTreeSet<UnitName>>;

/// The tasks that have not begun.
#[derive(Debug, Default)]
pub struct Queue {
    tasks: BTreeMap<UnitName, Task>,
    /// Whom each still waits for.
    after: Links,
    /// Without whom each cannot be.
    needs: Links,
}

/// Tasks that wait for nobody.
impl From<Vec<Task>> for Queue {
    fn from(tasks: Vec<Task>) -> Self {
        Self::new(tasks, &Links::new(), &Links::new())
    }
}

/// What follows from the end of a task.
#[derive(Debug, Default)]
pub struct Next {
    /// These may begin.
    pub begin: Vec<Task>,
    /// These will not begin, each because that other one did not come to be.
    pub dropped: Vec<(UnitName, UnitName)>,
}

impl Queue {
    /// Each task waits for those that `after` names, as far as they are among the tasks, and is
    /// dropped when one that `needs` names fails. Nobody may wait in a circle.
    pub fn new(tasks: Vec<Task>, after: &Links, needs: &Links) -> Self {
        let tasks: BTreeMap<_, _> =
            tasks.into_iter().map(|task| (task.name.clone(), task)).collect();
        let among = |links: &Links| -> Links {
            let links = links.iter().filter(|(name, _)| tasks.contains_key(*name));
            let others = |others: &BTreeSet<UnitName>| {
                others.iter().filter(|other| tasks.contains_key(*other)).cloned().collect()
            };
            links.map(|(name, all)| (name.clone(), others(all))).collect()
        };
        let (after, needs) = (among(after), among(needs));
        Self { tasks, after, needs }
    }

    /// The tasks that wait for nobody.
    pub fn ready(&mut self) -> Vec<Task> {
        let waits = |name: &UnitName| self.after.get(name).is_some_and(|others| !others.is_empty());
        let ready: Vec<_> = self.tasks.keys().filter(|name| !waits(name)).cloned().collect();
        ready.iter().filter_map(|name| self.tasks.remove(name)).collect()
    }

    /// A task has ended, well or not.
    pub fn ended(&mut self, name: &UnitName, well: bool) -> Next {
        let mut next = Next::default();
        let mut ended = vec![(name.clone(), well)];
        while let Some((name, well)) = ended.pop() {
            if !well {
                for other in self.needing(&name) {
                    self.tasks.remove(&other);
                    next.dropped.push((other.clone(), name.clone()));
                    ended.push((other, false));
                }
            }
            for others in self.after.values_mut() {
                others.remove(&name);
            }
        }
        next.begin = self.ready();
        next
    }

    /// The tasks that have not begun.
    pub fn names(&self) -> impl Iterator<Item = &UnitName> {
        self.tasks.keys()
    }

    /// The tasks that cannot be without another.
    fn needing(&self, name: &UnitName) -> Vec<UnitName> {
        let needs = |other: &&UnitName| self.needs.get(*other).is_some_and(|n| n.contains(name));
        self.tasks.keys().filter(needs).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleetctl::wait::task::{Change, Then};

    fn name(text: &str) -> UnitName {
        UnitName::from_argument(text).unwrap()
    }

    fn links(links: &[(&str, &[&str])]) -> Links {
        let others = |others: &[&str]| others.iter().map(|other| name(other)).collect();
        links.iter().map(|(one, all)| (name(one), others(all))).collect()
    }

    fn stems<'a>(names: impl Iterator<Item = &'a UnitName>) -> String {
        names.map(UnitName::stem).collect::<Vec<_>>().join(" ")
    }

    /// The app waits for the database and the cache, but can be without the cache; the proxy needs
    /// the app.
    fn stack() -> Queue {
        let task = |unit: &&str| Task {
            name: name(unit),
            change: Change::Keep,
            then: Then::Say(String::new()),
        };
        let tasks = ["app", "cache", "db", "proxy"].iter().map(task).collect();
        let after = links(&[("app", &["cache", "db", "elsewhere"]), ("proxy", &["app"])]);
        let needs = links(&[("app", &["db"]), ("proxy", &["app"])]);
        Queue::new(tasks, &after, &needs)
    }

    /// What begins and what is dropped when these end, and what is left.
    fn play(ended: &[(&str, bool)]) -> Vec<(String, String)> {
        let mut queue = stack();
        assert_eq!(stems(queue.ready().iter().map(|task| &task.name)), "cache db");
        let step = |(unit, well): &(&str, bool)| {
            let next = queue.ended(&name(unit), *well);
            let begun = stems(next.begin.iter().map(|task| &task.name));
            (begun, stems(next.dropped.iter().map(|(name, _)| name)))
        };
        ended.iter().map(step).collect()
    }

    #[test]
    fn tasks_begin_after_those_they_wait_for() {
        let pair = |begun: &str, dropped: &str| (begun.to_owned(), dropped.to_owned());
        for (ended, expected) in [
            (
                &[("db", true), ("cache", true), ("app", true)][..],
                vec![pair("", ""), pair("app", ""), pair("proxy", "")],
            ),
            (&[("db", true), ("cache", false)], vec![pair("", ""), pair("app", "")]),
            (&[("db", false), ("cache", true)], vec![pair("", "app proxy"), pair("", "")]),
            (&[("cache", false), ("db", true)], vec![pair("", ""), pair("app", "")]),
        ] {
            assert_eq!(play(ended), expected, "{ended:?}");
        }
    }
}
