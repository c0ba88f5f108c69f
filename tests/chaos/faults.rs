//! The faults, as a table: what is done, what is undone, how long it is left so, and what it may do
//! to units. Values; `strike` does it.

use std::time::Duration;

use fastrand::Rng;

use crate::records::Harm;

/// Long enough for what follows at once.
const MOMENT: Duration = Duration::from_secs(3);

/// A cut that nobody may notice.
const BLINK: Duration = Duration::from_secs(2);

/// Longer than a client of etcd needs to find out that a member is gone.
const WHILE: Duration = Duration::from_secs(6);

/// Longer than a session of 10 s lives after its last renewal.
const PAST_TTL: Duration = Duration::from_secs(14);

const A_MINUTE: Duration = Duration::from_secs(60);

/// One kind of fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// In the words of the table.
    pub name: &'static str,
    pub deed: Deed,
    pub harm: Harm,
    /// How long it is left so.
    pub hold: Duration,
}

/// What is done, and how it is undone; an empty text: nothing is left to undo.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Shell scripts on a machine.
    There(&'static str, &'static str),
    /// Verbs of `scripts/cluster` for a machine.
    Verbs(&'static str, &'static str),
    /// Verbs for more than half of the machines, as good as at once.
    ToMany(&'static str, &'static str),
    /// Verbs for the member of etcd that leads.
    ToLeader(&'static str, &'static str),
    /// Verbs for all members of etcd but the first: what is left has no quorum.
    ToMost(&'static str, &'static str),
    /// Shell scripts on a member of etcd.
    InEtcd(&'static str, &'static str),
    /// A machine's packets `in`, `out` or `both` ways are dropped.
    Block(&'static str, Whom),
    /// A new machine comes, and goes without a word.
    Visit,
}

/// Whose packets are dropped.
#[derive(Debug, Clone, Copy)]
pub enum Whom {
    Everyone,
    Etcd,
    OtherMachines,
}

use Deed::{Block, InEtcd, There, ToLeader, ToMany, ToMost, Verbs, Visit};

/// A line of the table.
const fn fault(name: &'static str, deed: Deed, harm: Harm, hold: Duration) -> Fault {
    Fault { name, deed, harm, hold }
}

/// All of them.
pub const ALL: [Fault; 23] = [
    fault("fleetd killed (-9)", There(KILL, ""), Harm::None, MOMENT),
    fault("fleet.service restarted", There("systemctl restart fleet", ""), Harm::None, MOMENT),
    fault("D-Bus restarted", There("systemctl restart dbus", ""), Harm::None, MOMENT),
    fault("systemd reloaded by hand", There("systemctl daemon-reload", ""), Harm::None, MOMENT),
    fault("/run/fleet full", There(FILL, "rm -f /run/fleet/ballast"), Harm::None, WHILE),
    fault("fleetd's clock jumps an hour", There(CLOCK_ON, CLOCK_BACK), Harm::None, WHILE),
    fault("machine cut off for a moment", Verbs("cut", "heal"), Harm::Brief, BLINK),
    fault("machine cut off past its TTL", Verbs("cut", "heal"), Harm::Apart, PAST_TTL),
    fault("most machines cut off", ToMany("cut", "heal"), Harm::Together, PAST_TTL),
    fault("machine cut from etcd only", Block("both", Whom::Etcd), Harm::Apart, PAST_TTL),
    fault("machine cut from the others", Block("both", Whom::OtherMachines), Harm::None, WHILE),
    fault("machine hears nothing", Block("in", Whom::Everyone), Harm::Apart, PAST_TTL),
    fault("machine is not heard", Block("out", Whom::Everyone), Harm::Apart, PAST_TTL),
    fault("line slow, a tenth lost", Verbs("slow", "heal"), Harm::Flaky, PAST_TTL),
    fault("machine frozen past its TTL", Verbs("pause", "resume"), Harm::Frozen, PAST_TTL),
    fault("machine rebooted", Verbs("restart", ""), Harm::Dead, MOMENT),
    fault("machine's power cut", Verbs("kill", "start"), Harm::Dead, PAST_TTL),
    fault("a machine joins, and dies", Visit, Harm::Dead, MOMENT),
    fault("etcd's leader killed", ToLeader("kill", "start"), Harm::None, WHILE),
    fault("etcd's leader frozen", ToLeader("pause", "resume"), Harm::None, WHILE),
    fault("etcd's quorum away", ToMost("kill", "start"), Harm::Storeless, A_MINUTE),
    fault("etcd full (NOSPACE)", InEtcd(FILL_ETCD, EMPTY_ETCD), Harm::None, PAST_TTL),
    fault("etcd compacted, defragmented", InEtcd(COMPACT, ""), Harm::None, MOMENT),
];

const KILL: &str = "systemctl kill --kill-who=main --signal=KILL fleet.service";

/// To the last byte.
const FILL: &str =
    "dd if=/dev/zero of=/run/fleet/ballast bs=4k 2>/dev/null; test -s /run/fleet/ballast";

/// Machines share the kernel's clock, so only fleetd sees another: its clock jumps while it runs.
const CLOCK_ON: &str = "
    folder=/run/systemd/system/fleet.service.d
    mkdir -p $folder
    echo +0 >/run/chaos-clock
    printf '[Service]\\nEnvironment=LD_PRELOAD=%s DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 %s\\n' \\
        /usr/lib/*/faketime/libfaketimeMT.so.1 FAKETIME_TIMESTAMP_FILE=/run/chaos-clock >$folder/clock.conf
    systemctl daemon-reload
    systemctl restart fleet
    echo +1h >/run/chaos-clock";

/// An hour back from now, too, before all is as it was.
const CLOCK_BACK: &str = "
    echo -1h >/run/chaos-clock
    sleep 3
    rm -rf /run/systemd/system/fleet.service.d
    systemctl daemon-reload
    systemctl restart fleet";

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

const EMPTY_ETCD: &str = "
    etcdctl del --prefix ballast/
    revision=$(etcdctl get none --write-out=json | sed 's/.*\"revision\":\\([0-9]*\\).*/\\1/')
    etcdctl compact --physical \"$revision\" && etcdctl defrag --cluster && etcdctl alarm disarm";

impl Fault {
    /// Whether it is over the moment it is done.
    pub fn is_instant(self) -> bool {
        matches!(self.deed, There(_, "") | Verbs(_, "") | InEtcd(_, ""))
    }
}

/// Every fault once, in an order that the seed fixes, and again.
pub fn deck(mut rng: Rng) -> impl Iterator<Item = Fault> {
    let mut cards = Vec::new();
    std::iter::from_fn(move || {
        if cards.is_empty() {
            cards.extend(ALL);
            rng.shuffle(&mut cards);
        }
        cards.pop()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_deck_has_every_fault_once_and_the_seed_fixes_its_order() {
        let names = |seed| -> Vec<&str> {
            deck(Rng::with_seed(seed)).take(ALL.len()).map(|fault| fault.name).collect()
        };
        let all: BTreeSet<&str> = ALL.iter().map(|fault| fault.name).collect();
        assert_eq!(names(1).into_iter().collect::<BTreeSet<_>>(), all);
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }
}
