//! What the arguments of a command name: files to bring in, or units of the cluster.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::Context;
use super::error::Error;
use crate::api::Unit;
use crate::model::{Glob, similar};
use crate::unitfile::UnitName;

/// What makes an argument a pattern: none of these can be in a name.
const GLOB_CHARACTERS: [char; 3] = ['*', '?', '['];

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

/// The units of the cluster that arguments name, which may be globs. A name that the cluster does
/// not have is an error; a glob that matches nothing is a warning, as in `systemctl`.
pub async fn select(
    context: &Context,
    arguments: &[String],
) -> Result<BTreeMap<UnitName, Unit>, Error> {
    let (globs, plain): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.contains(GLOB_CHARACTERS));
    let globs = globs.into_iter().map(|text| Glob::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let names = plain.into_iter().map(|argument| UnitName::from_argument(argument));
    let names = names.collect::<Result<Vec<_>, _>>()?;

    let mut selected = BTreeMap::new();
    let found = try_join_all(names.iter().map(|name| context.client.unit(name))).await?;
    for (name, unit) in names.into_iter().zip(found) {
        match unit {
            Some(unit) => drop(selected.insert(name, unit)),
            None => return Err(unknown(context, name).await),
        }
    }
    if globs.is_empty() {
        return Ok(selected);
    }
    let units = context.client.units().await?;
    for glob in globs {
        let mut matched = false;
        for unit in &units {
            let Some(name) = unit.name.as_ref().filter(|name| glob.matches(name.as_str())) else {
                continue;
            };
            matched = true;
            selected.insert(name.clone(), unit.clone());
        }
        if !matched {
            context.ui.warn(&format!("no unit matches {}", glob.as_str()));
        }
    }
    Ok(selected)
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
