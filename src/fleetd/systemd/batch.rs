//! Linking and unlinking units, a batch at a time: write or remove the files, have systemd make or
//! remove its links, and reload it where it would otherwise go on with what it has in memory.
//!
//! Within a batch a unit's failure stays with that unit. The caller sees to it that there is one
//! batch at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::{StreamExt, stream};

use super::SystemdError;
use super::bus::{Bus, failed, is_named, is_no_such_unit, is_refusal};
use super::folder::Folder;
use super::observe::{self, CALLS_AT_ONCE};
use super::proxy::{self, Change, ManagerProxy, UnitInfo};
use crate::unitfile::{UnitFile, UnitName};

/// What is asked of systemd about a list of unit files.
#[derive(Debug, Clone, Copy)]
enum Verb {
    /// Make the files known as units, until the next boot.
    Link,
    /// Make the links that the `[Install]` sections ask for.
    Enable,
    /// Remove all links of these units.
    Disable,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Verb::Link => "link",
            Verb::Enable => "enable",
            Verb::Disable => "unlink",
        }
    }
}

/// See [`super::UnitManager::link`].
pub(super) async fn link(
    bus: &Bus,
    folder: &Folder,
    files: &[(UnitName, UnitFile)],
) -> Vec<(UnitName, Result<(), SystemdError>)> {
    let names: Vec<&UnitName> = files.iter().map(|(name, _)| name).collect();
    // Before anything is written: what is in memory now was read from older files.
    let (manager, loaded) = match begin(bus, &names).await {
        Ok(begun) => begun,
        Err(error) => return all_failed(Verb::Link, &names, &error),
    };
    let mut batch = Batch::new(&manager, folder);
    let mut changed = BTreeSet::new();
    let mut outdated = Vec::new();
    for (name, file) in files {
        match replace(folder, name, file) {
            Ok(Written::Same) => {}
            Ok(Written::Other { was_enabled }) => {
                changed.insert(name.as_str());
                outdated.extend(was_enabled.then_some(name));
            }
            Err(error) => _ = batch.failures.insert(name.clone(), error),
        }
        // A thousand files take long enough for others to want the thread.
        tokio::task::yield_now().await;
    }
    // The links of an old [Install] section would outlive it.
    batch.ask(Verb::Disable, &outdated).await;
    batch.ask(Verb::Link, &names).await;
    let installed = files.iter().filter(|(_, file)| file.has_section("Install"));
    batch.ask(Verb::Enable, &installed.map(|(name, _)| name).collect::<Vec<_>>()).await;

    let stale = batch.stale(&loaded, &changed).await;
    batch.reload_for(stale).await;
    batch.results(&names)
}

/// See [`super::UnitManager::unlink`].
pub(super) async fn unlink(
    bus: &Bus,
    folder: &Folder,
    names: &[UnitName],
) -> Vec<(UnitName, Result<(), SystemdError>)> {
    let names: Vec<&UnitName> = names.iter().collect();
    let (manager, loaded) = match begin(bus, &names).await {
        Ok(begun) => begun,
        Err(error) => return all_failed(Verb::Disable, &names, &error),
    };
    let mut batch = Batch::new(&manager, folder);
    batch.ask(Verb::Disable, &names).await;
    for name in &names {
        if !batch.failures.contains_key(*name)
            && let Err(error) = folder.remove(name)
        {
            batch.failures.insert((*name).clone(), error);
        }
    }
    batch.forget_failures(&loaded).await;
    batch.reload_for(BTreeSet::new()).await;
    batch.results(&names)
}

/// Has systemd link files once more that it does not find, and read everything anew. Says whether
/// that may have helped any of them.
pub(super) async fn link_again(
    manager: &ManagerProxy<'_>,
    folder: &Folder,
    names: &[UnitName],
) -> zbus::Result<bool> {
    let mut batch = Batch::new(manager, folder);
    batch.ask(Verb::Link, &names.iter().collect::<Vec<_>>()).await;
    if batch.failures.len() == names.len() {
        return Ok(false);
    }
    manager.reload().await?;
    Ok(true)
}

/// What a batch starts with: systemd, and those of the units that it has in memory.
async fn begin(
    bus: &Bus,
    names: &[&UnitName],
) -> zbus::Result<(ManagerProxy<'static>, BTreeMap<String, UnitInfo>)> {
    let manager = bus.manager().await?;
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let loaded = observe::loaded(&manager, &names).await?;
    Ok((manager, loaded))
}

fn all_failed(
    verb: Verb,
    names: &[&UnitName],
    error: &zbus::Error,
) -> Vec<(UnitName, Result<(), SystemdError>)> {
    let failure = |name: &UnitName| failed(format!("{} {name}", verb.word()), error.clone());
    names.iter().map(|name| ((*name).clone(), Err(failure(name)))).collect()
}

/// What [`replace`] found in a file's place.
enum Written {
    Same,
    Other { was_enabled: bool },
}

/// Where a machine's administrator and its packages put unit files (systemd.unit(5), "Unit File
/// Load Path").
const OWN_UNITS: [&str; 4] = [
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A unit of the machine's own is nobody's to hide: with it would go fleetd itself, or the way in.
fn spare_the_machine_s_own(name: &UnitName) -> Result<(), SystemdError> {
    let mut files = OWN_UNITS.iter().map(|folder| Path::new(folder).join(name.as_str()));
    match files.find(|file| file.symlink_metadata().is_ok()) {
        Some(file) => Err(SystemdError::Taken { unit: name.clone(), file }),
        None => Ok(()),
    }
}

fn replace(folder: &Folder, name: &UnitName, file: &UnitFile) -> Result<Written, SystemdError> {
    spare_the_machine_s_own(name)?;
    let old = folder.read(name)?;
    if old.as_deref() == Some(file.contents()) {
        return Ok(Written::Same);
    }
    folder.write(name, file)?;
    // Of contents that we cannot read, systemd may have made sense.
    let was_enabled =
        old.is_some_and(|old| UnitFile::parse(&old).map_or(true, |old| old.has_section("Install")));
    Ok(Written::Other { was_enabled })
}

/// A batch under way.
struct Batch<'a> {
    manager: &'a ManagerProxy<'a>,
    folder: &'a Folder,
    failures: BTreeMap<UnitName, SystemdError>,
    /// The links that systemd made and removed.
    changes: Vec<Change>,
}

impl<'a> Batch<'a> {
    fn new(manager: &'a ManagerProxy<'a>, folder: &'a Folder) -> Batch<'a> {
        Batch { manager, folder, failures: BTreeMap::new(), changes: Vec::new() }
    }

    /// Asks systemd about those of the units that did not fail so far: in one call, or, when it
    /// refuses that, in one for each, so that only those fail that it refuses.
    async fn ask(&mut self, verb: Verb, names: &[&UnitName]) {
        let names: Vec<&UnitName> =
            names.iter().copied().filter(|name| !self.failures.contains_key(*name)).collect();
        if names.is_empty() {
            return;
        }
        let answers = match self.call(verb, &names).await {
            Err(error) if is_refusal(&error) && names.len() > 1 => {
                let singly = names.iter().map(|name| self.call(verb, std::slice::from_ref(name)));
                let singly: Vec<_> = singly.collect();
                let answers: Vec<_> = stream::iter(singly).buffered(CALLS_AT_ONCE).collect().await;
                names.iter().map(std::slice::from_ref).zip(answers).collect()
            }
            answer => vec![(names.as_slice(), answer)],
        };
        for (names, answer) in answers {
            match answer {
                Ok(changes) => self.changes.extend(changes),
                Err(error) => self.fail(verb.word(), names, &error),
            }
        }
    }

    async fn call(&self, verb: Verb, names: &[&UnitName]) -> zbus::Result<Vec<Change>> {
        let paths: Vec<_> = names.iter().map(|name| self.folder.path_of(name)).collect();
        let paths: Vec<&str> = paths.iter().filter_map(|path| path.to_str()).collect();
        match verb {
            Verb::Link => self.manager.link_unit_files(&paths, true, true).await,
            Verb::Enable => {
                let answer = self.manager.enable_unit_files(&paths, true, true).await;
                answer.map(|(_, changes)| changes)
            }
            Verb::Disable => {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                match self.manager.disable_unit_files(&names, true).await {
                    Err(error) if names.len() == 1 && has_no_links(&error) => Ok(Vec::new()),
                    other => other,
                }
            }
        }
    }

    fn fail(&mut self, verb: &str, names: &[&UnitName], error: &zbus::Error) {
        for name in names {
            let error = failed(format!("{verb} {name}"), error.clone());
            self.failures.entry((*name).clone()).or_insert(error);
        }
    }

    /// Those units that systemd has in memory as another file says: that was just replaced, or was
    /// replaced earlier by somebody who did not reload.
    async fn stale<'n>(
        &self,
        loaded: &'n BTreeMap<String, UnitInfo>,
        changed: &BTreeSet<&str>,
    ) -> BTreeSet<&'n str> {
        let checks: Vec<_> = loaded
            .values()
            .map(|info| async move {
                let name = info.name.as_str();
                (changed.contains(name) || self.says_stale(info).await).then_some(name)
            })
            .collect();
        let checked: Vec<_> = stream::iter(checks).buffer_unordered(CALLS_AT_ONCE).collect().await;
        checked.into_iter().flatten().collect()
    }

    async fn says_stale(&self, info: &UnitInfo) -> bool {
        let says =
            async { proxy::unit(self.manager, &info.path).await?.need_daemon_reload().await };
        // In doubt, reload: that is slow, never wrong.
        says.await.unwrap_or(true)
    }

    /// Forgets that units failed, since systemd keeps such a unit in memory with its old file.
    async fn forget_failures(&mut self, loaded: &BTreeMap<String, UnitInfo>) {
        let manager = self.manager;
        let resets: Vec<_> = loaded
            .values()
            .filter(|info| info.active == "failed")
            .map(|info| async move { (info, manager.reset_failed_unit(&info.name).await) })
            .collect();
        let answers: Vec<_> = stream::iter(resets).buffered(CALLS_AT_ONCE).collect().await;
        for (info, answer) in answers {
            if let (Ok(name), Err(error)) = (UnitName::parse(&info.name), answer)
                && !is_no_such_unit(&error)
            {
                self.fail("reset the failure of", &[&name], &error);
            }
        }
    }

    /// Reloads systemd once if units are stale, or if links came or went by which a unit of
    /// fleet's that is in memory starts another: systemd reads those links with the unit.
    async fn reload_for(&mut self, stale: BTreeSet<&str>) {
        let links: Vec<(String, String)> = self.changes.iter().filter_map(wanted_by).collect();
        let ours =
            |wanter: &&str| UnitName::parse(wanter).is_ok_and(|name| self.folder.contains(&name));
        let wanters: BTreeSet<&str> =
            links.iter().map(|(wanter, _)| wanter.as_str()).filter(ours).collect();
        let wanters: Vec<&str> = wanters.into_iter().collect();
        let loaded = observe::loaded(self.manager, &wanters).await;
        // In doubt, reload: that is slow, never wrong.
        let is_loaded = |name: &str| loaded.as_ref().map_or(true, |units| units.contains_key(name));
        let pulled_in = links.iter().filter(|(wanter, _)| is_loaded(wanter));
        let affected: BTreeSet<&str> =
            pulled_in.map(|(_, unit)| unit.as_str()).chain(stale).collect();
        if affected.is_empty() {
            return;
        }
        tracing::debug!(units = affected.len(), "reloading systemd");
        if let Err(error) = self.manager.reload().await {
            for name in affected.into_iter().filter_map(|name| UnitName::parse(name).ok()) {
                self.fail("reload systemd for", &[&name], &error);
            }
        }
    }

    fn results(mut self, names: &[&UnitName]) -> Vec<(UnitName, Result<(), SystemdError>)> {
        let mut result = |name: &UnitName| self.failures.remove(name).map_or(Ok(()), Err);
        names.iter().map(|name| ((*name).clone(), result(name))).collect()
    }
}

/// Whether systemd's answer means that there is no link of this unit that it could remove: there is
/// none left, or it is a name that systemd would not have linked in the first place.
fn has_no_links(error: &zbus::Error) -> bool {
    is_no_such_unit(error) || is_named(error, "org.freedesktop.systemd1.BadUnitSetting")
}

/// Of a link in a folder `WANTER.wants` and the like: the wanter, and the unit it pulls in.
fn wanted_by(change: &Change) -> Option<(String, String)> {
    let path = Path::new(&change.path);
    let unit = path.file_name()?.to_str()?;
    let folder = path.parent()?.file_name()?.to_str()?;
    let (wanter, kind) = folder.rsplit_once('.')?;
    ["wants", "requires", "upholds"].contains(&kind).then(|| (wanter.to_string(), unit.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanter_is_known_by_the_folder_of_the_link() {
        let wanted = |path: &str| {
            wanted_by(&Change { kind: "symlink".into(), path: path.into(), source: String::new() })
        };
        let pair = |wanter: &str, unit: &str| Some((wanter.to_string(), unit.to_string()));
        assert_eq!(
            wanted("/run/systemd/system/app.service.wants/side@2.service"),
            pair("app.service", "side@2.service")
        );
        assert_eq!(
            wanted("/run/systemd/system/app.service.requires/db.service"),
            pair("app.service", "db.service")
        );
        assert_eq!(wanted("/run/systemd/system/side@2.service"), None);
    }
}
