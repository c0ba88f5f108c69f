//! What to change so that the cluster is as files say. Pure: files and units in, steps out.
//!
//! "The same file" means the same options, as everywhere: a comment alone changes nothing. What the
//! machines make of their units does not count either, only what is wanted of them.

use std::collections::BTreeMap;

use super::order::{Order, order};
use crate::api::Unit;
use crate::fleetctl::bring::source;
use crate::fleetctl::files::{Wish, is_hidden};
use crate::model::{Glob, TargetState};
use crate::unitfile::{UnitFile, UnitName};

/// What to change, and what need not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ApplyPlan {
    /// Units that are brought down or destroyed, in order of name. These come first.
    pub down: Vec<Step>,
    /// Units that are created, replaced or brought up, each after those it leans on.
    pub up: Vec<Step>,
    /// Who of the latter waits for whom.
    pub order: Order,
    /// How many units are as their files say.
    pub unchanged: usize,
}

/// One unit's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The unit.
    pub name: UnitName,
    /// How it changes.
    pub deed: Deed,
}

/// How a unit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The cluster does not have it.
    Create(Wish),
    /// The cluster has another file of it.
    Replace {
        /// The text of that file.
        before: String,
        /// What was wanted of the unit until now.
        from: TargetState,
        /// What it shall be.
        wish: Wish,
    },
    /// Only another state is wanted of it.
    Want {
        /// The state until now.
        from: TargetState,
        /// What it shall be.
        wish: Wish,
    },
    /// No file names it.
    Destroy,
}

impl Deed {
    /// What the unit shall be; `None` if it shall not be at all.
    pub fn wish(&self) -> Option<&Wish> {
        match self {
            Self::Create(wish) | Self::Replace { wish, .. } | Self::Want { wish, .. } => Some(wish),
            Self::Destroy => None,
        }
    }

    /// In a word, as fleetctl's own commands are named.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Replace { .. } => "replace",
            Self::Want { from, wish } => match (from, wish.state) {
                (_, TargetState::Launched) => "start",
                (_, TargetState::Inactive) => "unload",
                (TargetState::Launched, TargetState::Loaded) => "stop",
                (_, TargetState::Loaded) => "load",
            },
            Self::Destroy => "destroy",
        }
    }

    /// Whether it takes away only.
    fn is_down(&self) -> bool {
        match self {
            Self::Create(_) | Self::Replace { .. } => false,
            Self::Want { from, wish } => wish.state < *from,
            Self::Destroy => true,
        }
    }
}

impl ApplyPlan {
    /// All steps, in the order in which they are taken.
    pub fn steps(&self) -> impl Iterator<Item = &Step> + Clone {
        self.down.iter().chain(&self.up)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.down.is_empty() && self.up.is_empty()
    }
}

/// Decides what to change. Units that no file names stay, but for those that a glob of `prune`
/// matches. No file of a folder can name a unit that begins with a dot, so these always stay.
pub fn plan(
    wishes: &BTreeMap<UnitName, Wish>,
    cluster: &BTreeMap<UnitName, Unit>,
    prune: &[Glob],
) -> ApplyPlan {
    let mut plan = ApplyPlan::default();
    let mut up = BTreeMap::new();
    for (name, wish) in wishes {
        match deed(name, wish, cluster.get(name)) {
            None => plan.unchanged += 1,
            Some(deed) if deed.is_down() => plan.down.push(Step { name: name.clone(), deed }),
            Some(deed) => drop(up.insert(name.clone(), deed)),
        }
    }
    let unnamed = cluster.keys().filter(|name| !wishes.contains_key(*name));
    let pruned = unnamed.filter(|name| {
        !is_hidden(name.as_str()) && prune.iter().any(|glob| glob.matches(name.as_str()))
    });
    plan.down.extend(pruned.map(|name| Step { name: name.clone(), deed: Deed::Destroy }));
    plan.down.sort_by(|a, b| a.name.cmp(&b.name));

    let files: BTreeMap<&UnitName, &UnitFile> = up
        .iter()
        .filter_map(|(name, deed): (&UnitName, &Deed)| Some((name, &deed.wish()?.file)))
        .collect();
    plan.order = order(&files);
    let sorted = plan.order.names.iter();
    plan.up = sorted
        .filter_map(|name| Some(Step { name: name.clone(), deed: up.remove(name)? }))
        .collect();
    plan
}

/// How one unit changes; `None` if it is as its file says.
fn deed(name: &UnitName, wish: &Wish, unit: Option<&Unit>) -> Option<Deed> {
    let Some(unit) = unit else {
        return Some(Deed::Create(wish.clone()));
    };
    let from = unit.desired_state.unwrap_or_default();
    // What the cluster has and nobody can read is another file.
    let stored = source::stored(name, unit).ok();
    if stored.as_ref().is_none_or(|file| file.hash() != wish.file.hash()) {
        let before = stored.map(|file| file.contents().to_owned()).unwrap_or_default();
        return Some(Deed::Replace { before, from, wish: wish.clone() });
    }
    (from != wish.state).then(|| Deed::Want { from, wish: wish.clone() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use TargetState::{Inactive, Launched, Loaded};

    fn name(number: u8) -> UnitName {
        UnitName::parse(&format!("u{number}.service")).unwrap()
    }

    fn file(command: u8, after: u8) -> UnitFile {
        let text = format!("[Unit]\nAfter=u{after}.service\n[Service]\nExecStart=/bin/{command}\n");
        UnitFile::parse(&text).unwrap()
    }

    fn wish(file: UnitFile, state: TargetState) -> Wish {
        Wish { file, state, origin: "units/u.service".to_owned() }
    }

    fn stored(wish: &Wish) -> Unit {
        Unit {
            name: None,
            options: wish.file.options().to_vec(),
            contents: Some(wish.file.contents().to_owned()),
            desired_state: Some(wish.state),
            current_state: None,
            machine_id: None,
            launch: None,
        }
    }

    #[test]
    fn every_unit_changes_as_it_must() {
        let (a, b) = (file(1, 9), file(2, 9));
        let comment = UnitFile::parse(&format!("# why\n{}", a.contents())).unwrap();
        for (before, after, word, down) in [
            (None, Some((&a, Launched)), "create", false),
            (None, Some((&a, Inactive)), "create", false),
            (Some((&a, Launched)), Some((&b, Launched)), "replace", false),
            (Some((&a, Launched)), Some((&b, Inactive)), "replace", false),
            (Some((&a, Inactive)), Some((&a, Loaded)), "load", false),
            (Some((&a, Inactive)), Some((&a, Launched)), "start", false),
            (Some((&a, Loaded)), Some((&a, Launched)), "start", false),
            (Some((&a, Launched)), Some((&a, Loaded)), "stop", true),
            (Some((&a, Launched)), Some((&a, Inactive)), "unload", true),
            (Some((&a, Loaded)), Some((&a, Inactive)), "unload", true),
            (Some((&a, Launched)), Some((&comment, Launched)), "", false),
            (Some((&a, Launched)), None, "destroy", true),
        ] {
            let of = |side: Option<(&UnitFile, TargetState)>| {
                side.map(|(file, state)| (name(0), wish(file.clone(), state)))
            };
            let cluster = of(before).map(|(name, wish)| (name, stored(&wish)));
            let everything = [Glob::parse("*").unwrap()];
            let plan =
                plan(&of(after).into_iter().collect(), &cluster.into_iter().collect(), &everything);
            let words: Vec<&str> = plan.steps().map(|step| step.deed.word()).collect();
            assert_eq!(words.join(" "), word, "{before:?} {after:?}");
            assert_eq!(!plan.down.is_empty(), down, "{before:?} {after:?}");
            assert_eq!(plan.unchanged, usize::from(word.is_empty()), "{before:?} {after:?}");
        }
    }

    #[test]
    fn only_what_a_glob_matches_is_pruned() {
        let unit = stored(&wish(file(1, 9), Launched));
        let names = ["a.service", "b.service", ".b.service"].map(|n| UnitName::parse(n).unwrap());
        let cluster = names.map(|name| (name, unit.clone())).into_iter().collect();
        for (globs, pruned) in [
            (&[][..], ""),
            (&["b*"][..], "b.service"),
            (&["c*"], ""),
            (&["*"], "a.service b.service"),
            (&["?.service", "b*"], "a.service b.service"),
        ] {
            let globs: Vec<Glob> = globs.iter().map(|glob| Glob::parse(glob).unwrap()).collect();
            let plan = plan(&BTreeMap::new(), &cluster, &globs);
            let names: Vec<&str> = plan.steps().map(|step| step.name.as_str()).collect();
            assert_eq!(names.join(" "), pruned, "{globs:?}");
        }
    }

    /// The cluster once a plan is carried out.
    fn carried_out(
        mut cluster: BTreeMap<UnitName, Unit>,
        plan: &ApplyPlan,
    ) -> BTreeMap<UnitName, Unit> {
        for Step { name, deed } in plan.steps() {
            match deed {
                Deed::Create(wish) | Deed::Replace { wish, .. } => {
                    cluster.insert(name.clone(), stored(wish));
                }
                Deed::Want { wish, .. } => {
                    let unit = cluster.get_mut(name).unwrap();
                    unit.desired_state = Some(wish.state);
                }
                Deed::Destroy => drop(cluster.remove(name)),
            }
        }
        cluster
    }

    fn wishes() -> impl Strategy<Value = BTreeMap<UnitName, Wish>> {
        let state = prop_oneof![Just(Inactive), Just(Loaded), Just(Launched)];
        let one = (0..6u8, 0..3u8, 0..6u8, state).prop_map(|(unit, command, after, state)| {
            (name(unit), wish(file(command, after), state))
        });
        prop::collection::vec(one, 0..8).prop_map(|all| all.into_iter().collect())
    }

    proptest! {
        /// A plan that is carried out leaves nothing to do, names each unit once, and lets nobody
        /// come up before whom it waits for.
        #[test]
        fn plans_reach_what_files_say(wanted in wishes(), there in wishes(), prune in any::<bool>()) {
            let cluster: BTreeMap<_, _> = there.iter().map(|(n, w)| (n.clone(), stored(w))).collect();
            let globs: Vec<Glob> = prune.then(|| Glob::parse("*").unwrap()).into_iter().collect();
            let first = plan(&wanted, &cluster, &globs);

            let names: BTreeSet<&UnitName> = first.steps().map(|step| &step.name).collect();
            prop_assert_eq!(names.len(), first.steps().count());
            for (at, step) in first.up.iter().enumerate() {
                let before: BTreeSet<_> = first.up[..at].iter().map(|step| &step.name).collect();
                let waits = &first.order.after[&step.name];
                prop_assert!(waits.iter().all(|other| before.contains(other)), "{:?}", first.order);
            }

            let after = carried_out(cluster, &first);
            let second = plan(&wanted, &after, &globs);
            prop_assert!(second.is_empty(), "{:?}", second);
            prop_assert_eq!(second.unchanged, wanted.len());
            prop_assert!(!prune || after.len() == wanted.len());
        }
    }
}
