//! What the arguments of a command name: files to bring in, or units of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::Context;
use super::error::Error;
use crate::api::Unit;
use crate::fleetctl::show::tell;
use crate::model::{Glob, similar};
use crate::unitfile::UnitName;

/// Units by name, each with the argument that named it.
pub type Named = BTreeMap<UnitName, String>;

/// The units that arguments name, which may be paths.
pub fn parse(arguments: &[String]) -> Result<Named, Error> {
    let mut named = Named::new();
    for argument in arguments {
        let name = UnitName::from_argument(argument)?;
        match named.get(&name) {
            Some(first) if folder(first) != folder(argument) => {
                let (first, second) = (first.clone(), argument.clone());
                return Err(Error::NamedTwice { name, first, second });
            }
            _ => drop(named.insert(name, argument.clone())),
        }
    }
    Ok(named)
}

fn folder(argument: &str) -> &str {
    argument.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The one unit of the cluster that an argument names.
pub async fn one(context: &Context, argument: &str) -> Result<(UnitName, Unit), Error> {
    let name = UnitName::from_argument(argument)?;
    match context.client.unit(&name).await? {
        Some(unit) => Ok((name, unit)),
        None => Err(unknown(context, name).await),
    }
}

/// The error of a name that the cluster does not have, with the unit that may be meant.
pub async fn unknown(context: &Context, name: UnitName) -> Error {
    // Who cannot be told what there is, is told at least what there is not.
    let units = context.client.units().await.unwrap_or_default();
    let near = similar(name.stem(), units.into_iter().filter_map(|unit| unit.name), UnitName::stem);
    Error::NoUnit { name, near }
}

/// The units of the cluster that arguments name, which may be globs; each once, in the order in
/// which they are named, and those of a glob by name. A name that the cluster does not have is an
/// error; a glob that matches nothing is a warning, as in `systemctl`.
pub async fn select(
    context: &Context,
    arguments: &[String],
) -> Result<Vec<(UnitName, Unit)>, Error> {
    let wanted = arguments.iter().map(|argument| Wanted::parse(argument));
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let named = wanted.iter().map(|wanted| async move {
        match wanted {
            Wanted::Unit(name) => context.client.unit(name).await,
            Wanted::Those(_) => Ok(None),
        }
    });
    let found = try_join_all(named).await?;
    let all = if wanted.iter().any(|wanted| matches!(wanted, Wanted::Those(_))) {
        context.client.units().await?
    } else {
        Vec::new()
    };

    let mut selected = Selected::default();
    for (wanted, unit) in wanted.into_iter().zip(found) {
        match (wanted, unit) {
            (Wanted::Unit(name), Some(unit)) => selected.add(name, unit),
            (Wanted::Unit(name), None) => return Err(unknown(context, name).await),
            (Wanted::Those(glob), _) => {
                if !selected.add_matching(&glob, &all) {
                    context.ui.warn(&tell::unmatched(&glob));
                }
            }
        }
    }
    Ok(selected.units)
}

/// What an argument names.
enum Wanted {
    Unit(UnitName),
    Those(Glob),
}

impl Wanted {
    fn parse(argument: &str) -> Result<Self, Error> {
        if Glob::is_meant(argument) {
            return Ok(Self::Those(Glob::parse(argument)?));
        }
        Ok(Self::Unit(UnitName::from_argument(argument)?))
    }
}

/// Units in the order in which they were named.
#[derive(Default)]
struct Selected {
    units: Vec<(UnitName, Unit)>,
    names: BTreeSet<UnitName>,
}

impl Selected {
    fn add(&mut self, name: UnitName, unit: Unit) {
        if self.names.insert(name.clone()) {
            self.units.push((name, unit));
        }
    }

    /// Returns whether the glob matches any.
    fn add_matching(&mut self, glob: &Glob, all: &[Unit]) -> bool {
        let mut matched = false;
        for unit in all {
            if let Some(name) = unit.name.clone().filter(|name| glob.matches(name.as_str())) {
                self.add(name, unit.clone());
                matched = true;
            }
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(arguments: &[&str]) -> Result<Vec<(String, String)>, Error> {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        Ok(parse(&arguments)?.into_iter().map(|(n, a)| (n.to_string(), a)).collect())
    }

    #[test]
    fn arguments_name_units() {
        for (argument, name) in [
            ("hello", "hello.service"),
            ("hello.socket", "hello.socket"),
            ("units/hello@1", "hello@1.service"),
            ("../units/hello.service", "hello.service"),
        ] {
            let expected = vec![(name.to_owned(), argument.to_owned())];
            assert_eq!(named(&[argument]).expect(argument), expected);
        }
    }

    #[test]
    fn one_unit_cannot_have_two_files() {
        assert_eq!(named(&["hello", "hello.service"]).expect("the same file").len(), 1);
        let error = named(&["a/hello.service", "b/hello"]).expect_err("two files");
        assert!(error.to_string().contains("a/hello.service and b/hello are both hello.service"));
    }
}
