//! Finds out about the units that `submit`, `load` and `start` name: what the cluster has of each,
//! and what is at hand besides. It must not know what the command will do with it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::source::{self, Found, Origin};
use crate::api::Unit;
use crate::api::client::StateQuery;
use crate::fleetctl::Context;
use crate::fleetctl::error::Error;
use crate::fleetctl::names::Named;
use crate::fleetctl::wait::goal;
use crate::model::TargetState;
use crate::unitfile::{UnitFile, UnitName};

/// A named unit, and the contents there are for it.
pub struct Candidate {
    /// Its name.
    pub name: UnitName,
    /// From where they come.
    pub contents: Contents,
}

/// Contents for a unit.
pub enum Contents {
    /// The cluster does not have the unit; this is what it will get.
    New(Found),
    /// The cluster has the unit.
    Stored {
        /// What it has.
        file: UnitFile,
        /// What is wanted of it.
        desired: TargetState,
        /// Whether a start would begin it again, if that was asked.
        rests: bool,
        /// Another text at hand, with the same options or others.
        other: Option<Found>,
    },
}

/// What to find out besides what the cluster has.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// The other text at hand, also of units that the cluster has.
    pub replace: bool,
    /// Whether a start would begin units again that are wanted launched.
    pub rests: bool,
}

/// Finds out about every named unit. An error of one is kept with it, so that all can be told; an
/// error of the connection ends the search.
pub async fn candidates(
    context: &Context,
    named: Named,
    search: Search,
) -> Result<Vec<Result<Candidate, Error>>, Error> {
    let client = &context.client;
    let units = try_join_all(named.keys().map(|name| client.unit(name))).await?;
    let rests = named.keys().zip(&units).map(async |(name, unit)| match unit {
        Some(unit) if search.rests => rests(context, name, unit).await,
        _ => Ok(false),
    });
    let rests = try_join_all(rests).await?;
    let wanted: Vec<Wanted> = named
        .into_iter()
        .zip(units.into_iter().zip(rests))
        .map(|((name, argument), (unit, rests))| Wanted { name, argument, unit, rests })
        .collect();

    // Only templates that can matter are asked for, and each once.
    let templates: BTreeSet<UnitName> = wanted
        .iter()
        .filter(|wanted| wanted.unit.is_none() || search.replace)
        .filter_map(|wanted| wanted.name.template())
        .collect();
    let units = try_join_all(templates.iter().map(|name| client.unit(name))).await?;
    let templates: BTreeMap<UnitName, Unit> =
        templates.into_iter().zip(units).filter_map(|(name, unit)| Some((name, unit?))).collect();
    Ok(wanted.into_iter().map(|wanted| wanted.search(&templates)).collect())
}

/// Whether a unit that is launched has come to the end of it, or one that shall be waits to be
/// placed. One whose machine vanished does not: it may run there. Global units are systemd's on
/// each machine.
async fn rests(context: &Context, name: &UnitName, unit: &Unit) -> Result<bool, Error> {
    let launched = unit.current_state == Some(TargetState::Launched);
    let homeless = unit.current_state.is_some() && unit.machine_id.is_none();
    let wanted = unit.desired_state == Some(TargetState::Launched);
    if !(launched || homeless && wanted) {
        return Ok(false);
    }
    let query = StateQuery { unit: Some(name.clone()), ..StateQuery::default() };
    let (states, waiting) = context.client.states_and_waiting(&query).await?;
    Ok(homeless && !waiting.is_empty() || states.iter().any(|state| goal::is_over(unit, state)))
}

/// A named unit before its contents were searched for.
struct Wanted {
    name: UnitName,
    argument: String,
    unit: Option<Unit>,
    rests: bool,
}

impl Wanted {
    fn search(self, templates: &BTreeMap<UnitName, Unit>) -> Result<Candidate, Error> {
        let Self { name, argument, unit, rests } = self;
        let mut found = source::on_disk(&argument, &name)?;
        if found.is_none() {
            let template = name.template().and_then(|name| templates.get_key_value(&name));
            found = match template {
                Some((template, unit)) => Some(Found {
                    file: source::stored(template, unit)?,
                    origin: Origin::Cluster(template.clone()),
                }),
                None => source::template_on_disk(&argument, &name)?,
            };
        }
        let contents = match (unit, found) {
            (Some(unit), found) => {
                let file = source::stored(&name, &unit)?;
                let other = found.filter(|found| found.file.contents() != file.contents());
                let desired = unit.desired_state.unwrap_or_default();
                Contents::Stored { file, desired, rests, other }
            }
            (None, Some(found)) => Contents::New(found),
            (None, None) => return Err(source::nowhere(&argument, &name)),
        };
        Ok(Candidate { name, contents })
    }
}
