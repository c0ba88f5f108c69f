//! systemd's D-Bus interface, as far as fleet uses it: methods and properties, and the structs in
//! which systemd's tuples arrive.
//!
//! This file knows systemd's words. It must not know what fleet does with them.

use serde::Deserialize;
use zbus::{ObjectPath, OwnedObjectPath, Type};

use crate::unitfile::UnitType;

/// The bus name under which systemd answers.
pub(super) const SYSTEMD: &str = "org.freedesktop.systemd1";
/// systemd's manager object.
pub(super) const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
/// Every unit's object is below this one.
pub(super) const UNITS_PATH: &str = "/org/freedesktop/systemd1/unit";
/// The interface of the manager object.
pub(super) const MANAGER_INTERFACE: &str = "org.freedesktop.systemd1.Manager";
/// The interface that all units have, whatever their type.
pub(super) const UNIT_INTERFACE: &str = "org.freedesktop.systemd1.Unit";
/// The interface that services have besides.
pub(super) const SERVICE_INTERFACE: &str = "org.freedesktop.systemd1.Service";

/// One entry of systemd's lists of units. The fields are systemd's, in its order.
#[derive(Debug, Clone, Deserialize, Type)]
#[expect(dead_code, reason = "all that systemd sends must be named")]
pub(super) struct UnitInfo {
    pub name: String,
    pub description: String,
    pub load: String,
    pub active: String,
    pub sub: String,
    pub followed: String,
    pub path: OwnedObjectPath,
    pub job_id: u32,
    pub job_kind: String,
    pub job_path: OwnedObjectPath,
}

/// One thing that systemd changed on disk while it linked, enabled or disabled unit files.
#[derive(Debug, Clone, Deserialize, Type)]
#[expect(dead_code, reason = "all that systemd sends must be named")]
pub(super) struct Change {
    /// `symlink` or `unlink`.
    pub kind: String,
    /// The symbolic link that was made or removed.
    pub path: String,
    /// What the link points to.
    pub source: String,
}

/// The body of the signal `JobRemoved`.
#[derive(Debug, Deserialize, Type)]
#[expect(dead_code, reason = "all that systemd sends must be named")]
pub(super) struct JobRemoved {
    pub id: u32,
    pub job: OwnedObjectPath,
    pub unit: String,
    pub result: String,
}

/// systemd's manager object. `runtime` means: below `/run`, gone after a boot; `force`: replace
/// links that are in the way.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(super) trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn reload(&self) -> zbus::Result<()>;

    fn link_unit_files(
        &self,
        files: &[&str],
        runtime: bool,
        force: bool,
    ) -> zbus::Result<Vec<Change>>;
    fn enable_unit_files(
        &self,
        files: &[&str],
        runtime: bool,
        force: bool,
    ) -> zbus::Result<(bool, Vec<Change>)>;
    fn disable_unit_files(&self, names: &[&str], runtime: bool) -> zbus::Result<Vec<Change>>;

    /// systemd's version, as its packager writes it.
    #[zbus(property(emits_changed_signal = "false"))]
    fn version(&self) -> zbus::Result<String>;
    /// When systemd began, in microseconds since 1970.
    #[zbus(property(emits_changed_signal = "false"))]
    fn userspace_timestamp(&self) -> zbus::Result<u64>;
    /// How many jobs are queued or running.
    #[zbus(property(emits_changed_signal = "false"))]
    fn n_jobs(&self) -> zbus::Result<u32>;

    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    /// Sends a signal to the processes of a unit; `whom` is `all`, or one of systemd's other words.
    fn kill_unit(&self, name: &str, whom: &str, signal: i32) -> zbus::Result<()>;
    /// The object of a unit that is in systemd's memory.
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    /// The unit that a process belongs to.
    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;

    /// Units that are in systemd's memory; loads nothing.
    fn list_units(&self) -> zbus::Result<Vec<UnitInfo>>;
    /// The same, of these states (all, when empty) and these names only.
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        names: &[&str],
    ) -> zbus::Result<Vec<UnitInfo>>;
    /// These units; systemd reads the files of those that it does not have in memory.
    fn list_units_by_names(&self, names: &[&str]) -> zbus::Result<Vec<UnitInfo>>;
}

/// A unit's object. Properties are always asked for, never kept: [`unit()`] makes it.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1",
    assume_defaults = false
)]
pub(super) trait Unit {
    #[zbus(property(emits_changed_signal = "false"))]
    fn id(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn need_daemon_reload(&self) -> zbus::Result<bool>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn active_enter_timestamp(&self) -> zbus::Result<u64>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn active_exit_timestamp(&self) -> zbus::Result<u64>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn inactive_enter_timestamp(&self) -> zbus::Result<u64>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn inactive_exit_timestamp(&self) -> zbus::Result<u64>;
}

/// The part of a unit's object that is of its type. Services have all of these properties, other
/// types only some, under an interface of their own: [`of_type`] picks it.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Service",
    default_service = "org.freedesktop.systemd1",
    assume_defaults = false
)]
pub(super) trait OfType {
    #[zbus(property(emits_changed_signal = "false"))]
    fn result(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn exec_main_status(&self) -> zbus::Result<i32>;
    #[zbus(property(emits_changed_signal = "false"), name = "MainPID")]
    fn main_pid(&self) -> zbus::Result<u32>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn n_restarts(&self) -> zbus::Result<u32>;
    /// In bytes; the largest number there is where systemd does not count.
    #[zbus(property(emits_changed_signal = "false"))]
    fn memory_current(&self) -> zbus::Result<u64>;
}

/// The object at `path` as a [`UnitProxy`].
pub(super) async fn unit<'a>(
    manager: &ManagerProxy<'_>,
    path: &'a ObjectPath<'_>,
) -> zbus::Result<UnitProxy<'a>> {
    UnitProxy::builder(manager.inner().connection())
        .path(path.as_ref())
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await
}

/// The object at `path` as the unit's own type has it; `None` for types that cannot fail.
pub(super) async fn of_type<'a>(
    manager: &ManagerProxy<'_>,
    path: &'a ObjectPath<'_>,
    unit_type: UnitType,
) -> zbus::Result<Option<OfTypeProxy<'a>>> {
    let interface = match unit_type {
        UnitType::Service => SERVICE_INTERFACE,
        UnitType::Socket => "org.freedesktop.systemd1.Socket",
        UnitType::Mount => "org.freedesktop.systemd1.Mount",
        UnitType::Automount => "org.freedesktop.systemd1.Automount",
        UnitType::Swap => "org.freedesktop.systemd1.Swap",
        UnitType::Path => "org.freedesktop.systemd1.Path",
        UnitType::Timer => "org.freedesktop.systemd1.Timer",
        UnitType::Scope => "org.freedesktop.systemd1.Scope",
        _ => return Ok(None),
    };
    OfTypeProxy::builder(manager.inner().connection())
        .path(path.as_ref())
        .interface(interface)
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await
        .map(Some)
}
