//! fleet on the machines of the cluster, as tests use it: a clean start, commands, and what the
//! cluster says of its units.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cluster::{Cluster, Output, wait_for};

/// How long the cluster gets for anything: a lost machine's lease (3 s), its detection and the
/// boot of a machine are far below it, also on two busy cores.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The machines that each test starts with.
const MACHINES: [&str; 3] = ["m1", "m2", "m3"];

/// A cluster of three machines without a unit.
pub struct Fleet {
    /// Name to machine id.
    ids: BTreeMap<String, String>,
    /// The machines that are up.
    up: BTreeSet<String>,
}

/// One line of `list-units`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub unit: String,
    pub machine: String,
    pub active: String,
    pub sub: String,
}

impl Fleet {
    /// Whatever the test before left, three machines are up and no unit is there.
    pub fn fresh() -> Fleet {
        let running = Cluster.running();
        for name in MACHINES.iter().filter(|name| !running.contains(**name)) {
            Cluster.does("start", name);
        }
        let id = |name: &str| {
            wait_for(PATIENCE, "a machine that answers", || {
                let output = Cluster.exec(name, &["cat", "/etc/machine-id"]);
                if output.code == Some(0) {
                    Ok(output.stdout.trim().to_owned())
                } else {
                    Err(output.to_string())
                }
            })
        };
        let ids = MACHINES.iter().map(|name| (name.to_string(), id(name))).collect();
        let up = MACHINES.iter().map(ToString::to_string).collect();
        let fleet = Fleet { ids, up };
        fleet.until_machines(MACHINES.len());
        fleet.destroy_everything();
        fleet.forgive();
        fleet
    }

    /// Machines that other tests killed again and again take new units at once.
    fn forgive(&self) {
        let troubles = "/_coreos.com/fleet/trouble/";
        Cluster.exec("etcd1", &["etcdctl", "del", "--prefix", troubles]).success();
    }

    fn destroy_everything(&self) {
        let listed = self.ctl(&["list-unit-files", "--no-legend", "--fields=unit"]).success();
        let units: Vec<&str> =
            listed.lines().map(str::trim).filter(|unit| !unit.is_empty()).collect();
        if !units.is_empty() {
            self.ctl(&[&["destroy"], &units[..]].concat()).success();
        }
        self.until("no units", |units| units.is_empty());
    }

    /// Runs fleetctl on the first machine that is up.
    pub fn ctl(&self, args: &[&str]) -> Output {
        self.ctl_on(self.a_machine(), args)
    }

    /// Runs fleetctl on a machine.
    pub fn ctl_on(&self, machine: &str, args: &[&str]) -> Output {
        Cluster.exec(machine, &[&["fleetctl"], args].concat())
    }

    /// Puts a unit file where `ctl` finds it; returns its path.
    pub fn file(&self, name: &str, contents: &str) -> String {
        let path = format!("/root/units/{name}");
        Cluster.write(self.a_machine(), &path, contents);
        path
    }

    /// Writes a unit file and starts it.
    pub fn start(&self, name: &str, contents: &str) {
        let path = self.file(name, contents);
        self.ctl(&["start", &path]).success();
    }

    /// A machine that is up.
    pub fn a_machine(&self) -> &str {
        self.up.first().expect("a machine is up")
    }

    /// A machine's name by its id.
    pub fn name_of(&self, id: &str) -> &str {
        let found = self.ids.iter().find(|(_, known)| *known == id);
        found.map(|(name, _)| name.as_str()).unwrap_or_else(|| panic!("whose id is {id}?"))
    }

    /// A machine's id by its name.
    pub fn id_of(&self, name: &str) -> &str {
        &self.ids[name]
    }

    /// Cuts a machine's power.
    pub fn kill(&mut self, name: &str) {
        Cluster.does("kill", name);
        self.up.remove(name);
    }

    /// Gives it power again, and waits until it has joined.
    pub fn boot(&mut self, name: &str) {
        Cluster.does("start", name);
        self.up.insert(name.to_owned());
        self.until_machines(self.up.len());
    }

    /// The machines that are up.
    pub fn up(&self) -> &BTreeSet<String> {
        &self.up
    }

    /// Waits until the cluster has so many machines.
    pub fn until_machines(&self, count: usize) {
        wait_for(PATIENCE, &format!("{count} machines"), || {
            let listed = self.ctl(&["list-machines", "--no-legend"]);
            let found = listed.stdout.lines().count();
            if listed.code == Some(0) && found == count { Ok(()) } else { Err(listed.to_string()) }
        });
    }

    /// What every machine says of its units; machines by name.
    pub fn units(&self) -> Result<Vec<Listed>, String> {
        let fields = "--fields=unit,machine,active,sub";
        let listed = self.ctl(&["list-units", "--full", "--no-legend", fields]);
        if listed.code != Some(0) {
            return Err(listed.to_string());
        }
        let line = |line: &str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let id = columns[1].split('/').next().unwrap_or_default();
            Listed {
                unit: columns[0].to_owned(),
                machine: self.name_of(id).to_owned(),
                active: columns[2].to_owned(),
                sub: columns[3].to_owned(),
            }
        };
        Ok(listed.stdout.lines().map(line).collect())
    }

    /// Waits until what the machines say is as it should be.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(&[Listed]) -> bool) -> Vec<Listed> {
        wait_for(PATIENCE, what, || {
            let units = self.units()?;
            if holds(&units) { Ok(units) } else { Err(format!("{units:#?}")) }
        })
    }

    /// Waits until a unit is active on exactly one machine; which.
    #[track_caller]
    pub fn until_active(&self, unit: &str) -> String {
        let units = self.until(&format!("{unit} to be active"), |units| {
            let on: Vec<_> = units.iter().filter(|listed| listed.unit == unit).collect();
            matches!(on[..], [one] if one.active == "active")
        });
        let one = units.into_iter().find(|listed| listed.unit == unit);
        one.expect("it was there").machine
    }

    /// One property of a unit in a machine's systemd.
    pub fn property(&self, machine: &str, unit: &str, property: &str) -> String {
        let show = ["systemctl", "show", "--value", "--property", property, unit];
        Cluster.exec(machine, &show).success().trim().to_owned()
    }
}
