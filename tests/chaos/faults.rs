//! The faults: what is done, what is undone, how long it is left so, and what it may do to units.

use std::time::Duration;

use fastrand::Rng;

use crate::machines::{all, cluster, etcdctl};
use crate::records::Harm;

/// Longer than a session lives after its last renewal.
const PAST_TTL: Duration = Duration::from_secs(14);

/// Shorter than a session that was just renewed lives, and than the two thirds of it after which a
/// fenced unit is stopped, less the third between renewals.
const BLINK: Duration = Duration::from_secs(3);

/// Fills `/run/fleet` to the last byte.
const FILL: &str =
    "dd if=/dev/zero of=/run/fleet/ballast bs=4k 2>/dev/null; test -s /run/fleet/ballast";

/// Puts more into etcd than its quota has room for, and sees that it takes no more.
const FILL_ETCD: &str = "
    for i in $(seq 20); do
        head -c 1400000 /dev/zero | tr '\\0' x | etcdctl put ballast/$i >/dev/null 2>&1 || break
    done
    etcdctl alarm list | grep NOSPACE";

/// Forgets all history, and gives the room back.
const COMPACT: &str = "
    revision=$(etcdctl get none --write-out=json | sed 's/.*\"revision\":\\([0-9]*\\).*/\\1/')
    etcdctl compact --physical \"$revision\" && etcdctl defrag --cluster";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    KillFleetd,
    RestartFleet,
    RestartDbus,
    DaemonReload,
    Pause,
    Cut,
    Blink,
    CutFromEtcd,
    CutFromOthers,
    Deaf,
    Mute,
    Slow,
    KillEtcdLeader,
    EtcdQuorumAway,
    FillRunFolder,
    FillEtcd,
    Compact,
    Reboot,
    PowerCut,
    JoinAndLeave,
}

use Fault::*;

impl Fault {
    pub const ALL: [Fault; 20] = [
        KillFleetd,
        RestartFleet,
        RestartDbus,
        DaemonReload,
        Pause,
        Cut,
        Blink,
        CutFromEtcd,
        CutFromOthers,
        Deaf,
        Mute,
        Slow,
        KillEtcdLeader,
        EtcdQuorumAway,
        FillRunFolder,
        FillEtcd,
        Compact,
        Reboot,
        PowerCut,
        JoinAndLeave,
    ];

    /// In the words of the table.
    pub fn name(self) -> &'static str {
        match self {
            KillFleetd => "fleetd killed (-9)",
            RestartFleet => "fleet.service restarted",
            RestartDbus => "D-Bus restarted",
            DaemonReload => "systemd reloaded by hand",
            Pause => "machine frozen past its TTL",
            Cut => "machine cut off past its TTL",
            Blink => "machine cut off for a moment",
            CutFromEtcd => "machine cut from etcd only",
            CutFromOthers => "machine cut from the others",
            Deaf => "machine hears nothing",
            Mute => "machine is not heard",
            Slow => "line slow, a tenth lost",
            KillEtcdLeader => "etcd's leader killed",
            EtcdQuorumAway => "etcd's quorum away",
            FillRunFolder => "/run/fleet full",
            FillEtcd => "etcd full (NOSPACE)",
            Compact => "etcd compacted, defragmented",
            Reboot => "machine rebooted",
            PowerCut => "machine's power cut",
            JoinAndLeave => "a machine joins, and dies",
        }
    }

    pub fn harm(self) -> Harm {
        match self {
            KillFleetd | RestartFleet | RestartDbus | DaemonReload | Blink | CutFromOthers
            | KillEtcdLeader | FillRunFolder | FillEtcd | Compact => Harm::None,
            Cut | CutFromEtcd | Deaf | Mute => Harm::Apart,
            Slow => Harm::Flaky,
            Pause => Harm::Frozen,
            Reboot | PowerCut | JoinAndLeave => Harm::Dead,
            EtcdQuorumAway => Harm::Storeless,
        }
    }

    /// How long it is left so.
    pub fn hold(self) -> Duration {
        match self {
            KillFleetd | RestartFleet | RestartDbus | DaemonReload | Compact | Reboot
            | JoinAndLeave => BLINK,
            Blink => BLINK,
            FillRunFolder | KillEtcdLeader | CutFromOthers => Duration::from_secs(6),
            Pause | Cut | CutFromEtcd | Deaf | Mute | Slow | FillEtcd | PowerCut => PAST_TTL,
            EtcdQuorumAway => Duration::from_secs(30),
        }
    }

    /// Whether all is over the moment it is done, so that recovery counts from there.
    pub fn is_instant(self) -> bool {
        matches!(self, KillFleetd | RestartFleet | RestartDbus | DaemonReload | Compact | Reboot)
    }

    /// Does it to `machine`, or to whom it must be done; returns to whom.
    pub fn strike(self, machine: &str) -> Result<String, String> {
        let there = |command: &str| cluster(&["exec", machine, "sh", "-c", command]);
        let verb = |verb: &str| cluster(&[verb, machine]);
        match self {
            KillFleetd => there("systemctl kill --kill-who=main --signal=KILL fleet.service"),
            RestartFleet => there("systemctl restart fleet.service"),
            RestartDbus => there("systemctl restart dbus.service"),
            DaemonReload => there("systemctl daemon-reload"),
            Pause => verb("pause"),
            Cut | Blink => verb("cut"),
            CutFromEtcd => block(machine, "both", all("etcd")?.into_keys().collect()),
            CutFromOthers => {
                let others = all("machine")?.into_keys().filter(|other| other != machine);
                block(machine, "both", others.collect())
            }
            Deaf => block(machine, "in", Vec::new()),
            Mute => block(machine, "out", Vec::new()),
            Slow => verb("slow"),
            FillRunFolder => there(FILL),
            Reboot => verb("restart"),
            PowerCut => verb("kill"),
            KillEtcdLeader => {
                let leader = etcd_leader()?;
                cluster(&["kill", &leader])?;
                return Ok(leader);
            }
            EtcdQuorumAway => cluster(&["kill", "etcd2"]).and_then(|_| cluster(&["kill", "etcd3"])),
            FillEtcd => in_etcd(FILL_ETCD),
            Compact => in_etcd(COMPACT),
            JoinAndLeave => return cluster(&["add"]).map(|name| name.trim().to_owned()),
        }?;
        Ok(machine.to_owned())
    }

    /// Undoes it; does no harm where it was not done.
    pub fn undo(self, victim: &str) -> Result<(), String> {
        match self {
            KillFleetd | RestartFleet | RestartDbus | DaemonReload | Compact | Reboot => {
                return Ok(());
            }
            Pause => cluster(&["resume", victim]),
            Cut | Blink | CutFromEtcd | CutFromOthers | Deaf | Mute | Slow => {
                cluster(&["heal", victim])
            }
            KillEtcdLeader | PowerCut => cluster(&["start", victim]),
            EtcdQuorumAway => {
                cluster(&["start", "etcd2"]).and_then(|_| cluster(&["start", "etcd3"]))
            }
            FillRunFolder => cluster(&["exec", victim, "rm", "-f", "/run/fleet/ballast"]),
            FillEtcd => {
                in_etcd(&format!("etcdctl del --prefix ballast/; {COMPACT}; etcdctl alarm disarm"))
            }
            JoinAndLeave => cluster(&["remove", victim]),
        }?;
        Ok(())
    }
}

/// Every fault once, in an order that the seed fixes, and again.
pub fn deck(mut rng: Rng) -> impl Iterator<Item = Fault> {
    let mut cards = Vec::new();
    std::iter::from_fn(move || {
        if cards.is_empty() {
            cards.extend(Fault::ALL);
            rng.shuffle(&mut cards);
        }
        cards.pop()
    })
}

fn block(machine: &str, way: &str, others: Vec<String>) -> Result<String, String> {
    let mut arguments = vec!["block", machine, way];
    arguments.extend(others.iter().map(String::as_str));
    cluster(&arguments)
}

fn etcd_leader() -> Result<String, String> {
    let members = all("etcd")?;
    let status = etcdctl(&["endpoint", "status", "--cluster"])?;
    // Columns: endpoint, id, version, size, whether it leads, …
    let leads = |line: &&str| line.split(", ").nth(4) == Some("true");
    let line = status.lines().find(leads).ok_or_else(|| format!("etcd has no leader: {status}"))?;
    let leader = members.iter().find(|(_, ip)| line.contains(&format!("//{ip}:")));
    leader.map(|(name, _)| name.clone()).ok_or_else(|| format!("who is {line}?"))
}

fn in_etcd(script: &str) -> Result<String, String> {
    cluster(&["exec", "etcd1", "sh", "-c", script])
}
