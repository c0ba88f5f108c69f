//! What befalls a cluster in its life: thrown by dice before it begins, so that a life can be read, and replayed.

use std::time::Duration;

use super::sky::Sky;
use super::units;

/// How many machines there are. One more, the last host, has the id of one of them.
pub const MACHINES: usize = 4;

/// The host that claims another's id.
pub const TWIN: usize = MACHINES;

/// For how long things happen.
const TROUBLE: Duration = Duration::from_secs(90);

/// The longest pause between two of them.
const GAP_MAX: Duration = Duration::from_millis(1200);

/// The longest a trouble lasts: more than twice the time to live.
const LASTS_MAX: Duration = Duration::from_secs(25);

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A user wants a unit so, with another version of its file where one is given.
    Wish { unit: usize, version: Option<u32>, state: u8 },
    /// A user destroys a unit.
    Destroy { unit: usize },
    /// A user sets a machine's metadata, or removes that.
    Metadata { machine: usize, disk: Option<&'static str> },
    /// A unit's program ends.
    Exit { host: usize, unit: usize, status: i32 },
    /// fleetd is killed, and started again.
    Crash { host: usize, lasts: Duration },
    /// `systemctl restart fleet`.
    Restart { host: usize },
    /// `systemctl stop fleet`, and start.
    Leave { host: usize, lasts: Duration },
    /// A power cut.
    PowerCut { host: usize, lasts: Duration },
    /// The weather over a host changes.
    Weather { host: usize, sky: Sky, lasts: Duration },
    /// The store cannot be reached from anywhere.
    StoreAway { lasts: Duration },
    /// systemd's D-Bus is away.
    SystemdAway { host: usize, lasts: Duration },
    /// Somebody reloads systemd.
    DaemonReload { host: usize },
    /// A host's leases end before their time.
    LoseLeases { host: usize },
    /// Somebody removes a machine's key.
    Expel { machine: usize },
    /// The store forgets its history.
    Compact,
    /// A second machine with the id of a first one.
    Twin { of: usize, lasts: Duration },
}

/// When what happens.
pub fn write(dice: &mut fastrand::Rng) -> Vec<(Duration, Deed)> {
    let mut script = Vec::new();
    // Something to run before anything breaks.
    for unit in 0..units::COUNT {
        if dice.u32(0..10) < 7 {
            script.push((Duration::ZERO, Deed::Wish { unit, version: Some(1), state: 2 }));
        }
    }
    let mut at = Duration::from_secs(2);
    while at < TROUBLE {
        at += GAP_MAX.mul_f64(dice.f64());
        script.push((at, deed(dice)));
    }
    script
}

fn deed(dice: &mut fastrand::Rng) -> Deed {
    let lasts = LASTS_MAX.mul_f64(dice.f64().powi(2));
    let (host, unit) = (dice.usize(0..MACHINES), dice.usize(0..units::COUNT));
    match dice.u32(0..100) {
        0..30 => {
            let version = dice.bool().then(|| dice.u32(1..3));
            Deed::Wish { unit, version, state: [2, 2, 2, 1, 0][dice.usize(0..5)] }
        }
        30..35 => Deed::Destroy { unit },
        35..39 => Deed::Metadata {
            machine: host,
            disk: [Some("ssd"), Some("hdd"), None][dice.usize(0..3)],
        },
        39..44 => Deed::Exit { host, unit, status: dice.i32(0..2) },
        44..50 => Deed::Crash { host, lasts },
        50..55 => Deed::Restart { host },
        55..58 => Deed::Leave { host, lasts },
        58..62 => Deed::PowerCut { host, lasts },
        62..79 => {
            let skies = [Sky::CUT, Sky::CUT, Sky::MUTE, Sky::DEAF, Sky::SLOW, Sky::PAUSED];
            Deed::Weather { host, sky: skies[dice.usize(0..skies.len())], lasts }
        }
        79..81 => Deed::StoreAway { lasts },
        81..85 => Deed::SystemdAway { host, lasts },
        85..88 => Deed::DaemonReload { host },
        88..92 => Deed::LoseLeases { host },
        92..94 => Deed::Expel { machine: host },
        94..97 => Deed::Compact,
        _ => Deed::Twin { of: host, lasts },
    }
}
