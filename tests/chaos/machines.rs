//! The machines of this run: who there is, what is asked of them, what they show. Knows
//! `scripts/cluster`, `systemctl`, `journalctl` and `etcdctl`; decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::quiet::{Look, Machine, Shown};

/// Units of the load are called so; nothing else is.
pub const PREFIX: &str = "chaos-";

/// fleet's keys in etcd, as `fleet.conf` has it by default.
const KEYS: &str = "/_coreos.com/fleet/";

/// `/run/fleet` as a file system of its own: small, so that it can be filled.
const RUN_FOLDER: &str = "[Unit]\nBefore=fleet.service\n[Mount]\nWhat=tmpfs\nWhere=/run/fleet\nType=tmpfs\n\
                          Options=size=4M,mode=755\n[Install]\nWantedBy=local-fs.target\n";

const MOUNT_RUN_FOLDER: &str = "
    systemctl stop fleet.socket fleet.service
    systemctl daemon-reload
    systemctl enable --quiet --now run-fleet.mount
    systemd-tmpfiles --create fleet.conf
    systemctl start fleet.socket fleet.service";

/// A machine's id, its units as systemd has them, and what is in its `/run/fleet`.
const SHOW: &str = "
    cat /etc/machine-id
    echo ==
    systemctl show --property=Id,LoadState,ActiveState,Environment 'chaos-*'
    echo ==
    ls /run/fleet/units
    echo ==
    ls /run/fleet/launched";

/// Runs a verb of `scripts/cluster`; its output, or what went wrong.
pub fn cluster(arguments: &[&str]) -> Result<String, String> {
    let output = Cluster.verb(arguments);
    if output.code == Some(0) { Ok(output.stdout) } else { Err(output.to_string()) }
}

/// Name and address of all machines, or of all members of etcd.
pub fn all(role: &str) -> Result<BTreeMap<String, String>, String> {
    let list = cluster(&["list"])?;
    let lines = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_role = lines.filter(|columns| columns.get(1) == Some(&role));
    Ok(of_role.map(|columns| (columns[0].to_owned(), columns[2].to_owned())).collect())
}

/// Makes every machine ready for its faults.
pub fn prepare(machines: &[String]) -> Result<(), String> {
    each(machines, |machine| {
        Cluster.write(machine, "/etc/systemd/system/run-fleet.mount", RUN_FOLDER);
        cluster(&["exec", machine, "sh", "-ec", MOUNT_RUN_FOLDER])
    })?;
    Ok(())
}

/// What is where, as systemd and etcd say. All at once, so that it is one picture.
pub fn look() -> Result<Look, String> {
    let machines: Vec<String> = all("machine")?.into_keys().collect();
    let shown = each(&machines, |machine| cluster(&["exec", machine, "sh", "-c", SHOW]))?;
    let machines = shown.into_iter().map(|(name, text)| Some((name, machine(&text)?)));
    let machines = machines.collect::<Option<_>>().ok_or("a machine does not show itself")?;
    let keys = etcdctl(&["get", "--prefix", "--keys-only", KEYS])?;
    let keys = keys.lines().filter_map(|line| line.strip_prefix(KEYS)).map(str::to_owned).collect();
    Ok(Look { machines, keys })
}

/// Asks the first member of etcd.
pub fn etcdctl(arguments: &[&str]) -> Result<String, String> {
    cluster(&[&["exec", "etcd1", "etcdctl"], arguments].concat())
}

/// What a machine's journal has.
pub struct Journal {
    /// What systemd said of units, in JSON.
    pub systemd: String,
    /// All of it, for people.
    pub text: String,
}

/// Reads the journal of a machine.
pub fn journal(machine: &str) -> Result<Journal, String> {
    let fields = "--output-fields=UNIT,MESSAGE_ID,INVOCATION_ID,_SOURCE_REALTIME_TIMESTAMP";
    let read = ["exec", machine, "journalctl", "--quiet", "--no-pager"];
    let systemd = cluster(&[&read[..], &["--output=json", fields, "_PID=1"]].concat())?;
    let text = cluster(&[&read[..], &["--utc", "--output=short-precise"]].concat())?;
    Ok(Journal { systemd, text })
}

/// Lets time pass. Whoever else wakes this thread does not make it shorter.
pub fn rest(span: Duration) {
    let until = Instant::now() + span;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// Asks all at once; the first error, if one fails.
fn each(
    machines: &[String],
    ask: impl Fn(&str) -> Result<String, String> + Sync,
) -> Result<BTreeMap<String, String>, String> {
    thread::scope(|scope| {
        let ask = &ask;
        let asked: Vec<_> =
            machines.iter().map(|machine| (machine, scope.spawn(move || ask(machine)))).collect();
        let answered = asked.into_iter().map(|(machine, answer)| {
            let answer = answer.join().map_err(|_| format!("asking {machine} fell over"))?;
            Ok((machine.clone(), answer?))
        });
        answered.collect()
    })
}

/// Reads what `SHOW` printed.
fn machine(text: &str) -> Option<Machine> {
    let mut parts = text.split("==\n");
    let id = parts.next()?.trim().to_owned();
    let units = parts.next()?.split("\n\n").filter_map(shown).collect();
    let mut names = || -> Option<BTreeSet<String>> {
        let names = parts.next()?.lines().filter(|name| name.starts_with(PREFIX));
        Some(names.map(str::to_owned).collect())
    };
    Some(Machine { id, units, files: names()?, launched: names()? })
}

/// One unit of `systemctl show`, unless systemd only remembers its name.
fn shown(text: &str) -> Option<(String, Shown)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    let revision = field("Environment").strip_prefix("REVISION=").and_then(|n| n.parse().ok());
    let known = field("LoadState") != "not-found" || field("ActiveState") != "inactive";
    (known && !field("Id").is_empty())
        .then(|| (field("Id"), Shown { active: field("ActiveState"), revision }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_shows_is_read() {
        let text = "d9b0\n==\nId=chaos-a.service\nLoadState=loaded\nActiveState=active\n\
                    Environment=REVISION=3\n\nId=chaos-b.service\nLoadState=not-found\n\
                    ActiveState=inactive\nEnvironment=\n==\nchaos-a.service\n==\nchaos-a.service\n";
        let read = machine(text).expect("it reads");
        let a = Shown { active: "active".into(), revision: Some(3) };
        assert_eq!(read.id, "d9b0");
        assert_eq!(read.units, BTreeMap::from([("chaos-a.service".to_owned(), a)]));
        assert_eq!(read.files, BTreeSet::from(["chaos-a.service".to_owned()]));
        assert_eq!(read.launched, read.files);
    }
}
