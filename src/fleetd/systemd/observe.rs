//! Looking at units: what systemd says of those that have a file in fleet's folder, in as few calls
//! as that takes.
//!
//! Nothing here changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::bus::is_refusal;
use super::folder::{Folder, Found};
use super::proxy::{self, ManagerProxy, UnitInfo};
use super::runs::Runs;
use super::{Status, SystemdError};
use crate::model::SystemdState;
use crate::unitfile::{UnitHash, UnitName, UnitType};

/// How many calls about single units are under way at the same time. systemd answers one by one, so
/// more would only be a longer queue.
pub(super) const CALLS_AT_ONCE: usize = 16;

/// Up to so many names, systemd is asked to pick them from its units (it compares each with each);
/// for more, it is quicker to have all units sent.
const FEW: usize = 32;

/// The files in fleet's folder.
pub(super) async fn list(folder: &Arc<Folder>) -> Result<BTreeMap<UnitName, Found>, SystemdError> {
    aside(folder, Folder::list).await
}

/// The units that have a file there. None is read.
pub(super) async fn names(folder: &Arc<Folder>) -> Result<BTreeSet<UnitName>, SystemdError> {
    aside(folder, Folder::names).await
}

/// Reads the folder aside from the tasks that wait for the network.
async fn aside<T: Send + 'static>(
    folder: &Arc<Folder>,
    read: fn(&Folder) -> Result<T, SystemdError>,
) -> Result<T, SystemdError> {
    let reader = folder.clone();
    match tokio::task::spawn_blocking(move || read(&reader)).await {
        Ok(read) => read,
        Err(error) => Err(SystemdError::Folder {
            operation: "list",
            path: folder.path().to_path_buf(),
            source: error.into(),
        }),
    }
}

/// What systemd says of the units that have these files.
pub(super) async fn look(
    manager: &ManagerProxy<'_>,
    runs: &Runs,
    files: BTreeMap<UnitName, Found>,
) -> zbus::Result<BTreeMap<UnitName, Status>> {
    let infos = by_names(manager, files.keys()).await?;
    let mut infos: BTreeMap<String, UnitInfo> =
        infos.into_iter().map(|info| (info.name.clone(), info)).collect();
    let asked = files.into_iter().map(|(name, file)| {
        let hash = file.map(|file| file.hash());
        let info = infos.remove(name.as_str());
        async move {
            let status = match info {
                Some(info) => status(manager, runs, &name, hash, info).await?,
                None => Status { linked: hash, ..Status::not_found() },
            };
            Ok((name, status))
        }
    });
    stream::iter(asked).buffer_unordered(CALLS_AT_ONCE).try_collect().await
}

/// Those of the units, all of them with a file in fleet's folder, that systemd does not find.
pub(super) async fn overlooked(
    manager: &ManagerProxy<'_>,
    names: &BTreeSet<UnitName>,
) -> zbus::Result<Vec<UnitName>> {
    let infos = by_names(manager, names.iter()).await?;
    let missing = |name: &&UnitName| {
        infos.iter().any(|info| info.name == name.as_str() && info.load == "not-found")
    };
    Ok(names.iter().filter(missing).cloned().collect())
}

/// Those of the units that systemd has in its memory and would not read again.
pub(super) async fn loaded(
    manager: &ManagerProxy<'_>,
    names: &[&str],
) -> zbus::Result<BTreeMap<String, UnitInfo>> {
    let infos = match names.len() {
        0 => Vec::new(),
        1..=FEW => manager.list_units_by_patterns(&[], names).await?,
        _ => manager.list_units().await?,
    };
    let wanted: BTreeSet<&str> = names.iter().copied().collect();
    // One that others refer to, but that never had a file, is read as soon as it gets one. A running
    // one that lost its file is not: in its cgroup, systemd reads it anew only in a reload.
    let is_read = |info: &UnitInfo| info.load != "not-found" || info.active != "inactive";
    Ok(infos
        .into_iter()
        .filter(|info| wanted.contains(info.name.as_str()) && is_read(info))
        .map(|info| (info.name.clone(), info))
        .collect())
}

/// One call for all; one for each when systemd finds fault with any of them (a template, say), of
/// which those that it does not accept are left out.
async fn by_names(
    manager: &ManagerProxy<'_>,
    names: impl Iterator<Item = &UnitName>,
) -> zbus::Result<Vec<UnitInfo>> {
    let names: Vec<&str> = names.map(UnitName::as_str).collect();
    match manager.list_units_by_names(&names).await {
        Err(error) if is_refusal(&error) => {}
        other => return other,
    }
    let asked: Vec<_> = names.into_iter().map(|name| by_name(manager, name)).collect();
    let answers: Vec<_> = stream::iter(asked).buffered(CALLS_AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

async fn by_name(manager: &ManagerProxy<'_>, name: &str) -> zbus::Result<Vec<UnitInfo>> {
    match manager.list_units_by_names(&[name]).await {
        Err(error) if is_refusal(&error) => Ok(Vec::new()),
        other => other,
    }
}

/// Adds the memory that these units use, in bytes, as systemd says it and as far as it counts it.
pub(super) async fn memory(
    manager: &ManagerProxy<'_>,
    names: &BTreeSet<UnitName>,
    found: &mut BTreeMap<UnitName, u64>,
) -> zbus::Result<()> {
    let infos = by_names(manager, names.iter()).await?;
    let running = infos.into_iter().filter(|info| info.active != "inactive");
    let asked: Vec<_> = running.map(|info| memory_of(manager, info)).collect();
    let mut answers = stream::iter(asked).buffer_unordered(CALLS_AT_ONCE);
    while let Some(answer) = answers.try_next().await? {
        found.extend(answer);
    }
    Ok(())
}

async fn memory_of(
    manager: &ManagerProxy<'_>,
    info: UnitInfo,
) -> zbus::Result<Option<(UnitName, u64)>> {
    let Ok(name) = UnitName::parse(&info.name) else { return Ok(None) };
    let Some(unit) = proxy::of_type(manager, &info.path, name.unit_type()).await? else {
        return Ok(None);
    };
    match unit.memory_current().await {
        Ok(bytes) => Ok((bytes != u64::MAX).then_some((name, bytes))),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn status(
    manager: &ManagerProxy<'_>,
    runs: &Runs,
    name: &UnitName,
    linked: Option<UnitHash>,
    info: UnitInfo,
) -> zbus::Result<Status> {
    let (result, exit_status) = match ended_badly(&info) {
        true => ending(manager, name, &info).await?,
        false => (None, None),
    };
    let run = runs.of(manager, name, &info).await?;
    Ok(Status {
        linked,
        state: SystemdState { load: info.load, active: info.active, sub: info.sub },
        job_pending: info.job_id != 0,
        result,
        exit_status,
        run,
    })
}

/// Whether systemd has something to tell about how the last run ended: it keeps that of units that
/// failed, or that it is about to restart. A unit that ended well is forgotten.
fn ended_badly(info: &UnitInfo) -> bool {
    info.active == "failed" || info.sub == "auto-restart"
}

async fn ending(
    manager: &ManagerProxy<'_>,
    name: &UnitName,
    info: &UnitInfo,
) -> zbus::Result<(Option<String>, Option<i32>)> {
    let unit_type = name.unit_type();
    let Some(outcome) = proxy::of_type(manager, &info.path, unit_type).await? else {
        return Ok((None, None));
    };
    let result = match outcome.result().await {
        Ok(result) => result,
        Err(error) if is_refusal(&error) => return Ok((None, None)),
        Err(error) => return Err(error),
    };
    if result != "exit-code" || unit_type != UnitType::Service {
        return Ok((Some(result), None));
    }
    // Zero: it was not the main process, but an ExecStartPre= or the like.
    let exit_status = outcome.exec_main_status().await.ok().filter(|status| *status != 0);
    Ok((Some(result), exit_status))
}
