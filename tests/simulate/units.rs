//! The units of a simulated cluster: a few of each kind, and which of them may have to move for one another.

use fleet::unitfile::{UnitFile, UnitName};

/// A unit's name and what is said of it beside what it runs. The second version of a file differs by a comment line that
/// counts: an environment variable.
const UNITS: &[(&str, &str)] = &[
    ("p0.service", ""),
    ("p1.service", ""),
    ("p2.service", "[X-Fleet]\n"),
    ("p3.service", ""),
    ("s-db.service", ""),
    ("s-app.service", "[X-Fleet]\nMachineOf=s-db.service\n"),
    ("c0.service", "[X-Fleet]\nConflicts=c*.service\n"),
    ("c1.service", "[X-Fleet]\nConflicts=c*.service\n"),
    ("m0.service", "[X-Fleet]\nMachineMetadata=disk=ssd\n"),
    ("i0.service", "[X-Fleet]\nMachineID=m2\n"),
    ("r-old.service", ""),
    ("r-new.service", "[X-Fleet]\nReplaces=r-old.service\n"),
    ("g0.service", "[X-Fleet]\nGlobal=true\n"),
    ("g1.service", "[X-Fleet]\nGlobal=true\nMachineMetadata=disk=ssd\n"),
    ("z0.service", "[X-Fleet]\nOnPartition=stop\n"),
    ("o0.service", ""),
    ("f0.service", ""),
];

/// How many there are.
pub const COUNT: usize = UNITS.len();

pub fn name(index: usize) -> UnitName {
    UnitName::parse(UNITS[index].0).unwrap()
}

/// One of the versions of a unit's file.
pub fn file(index: usize, version: u32) -> UnitFile {
    let (name, rest) = UNITS[index];
    let program = match &name[..1] {
        "o" => "Type=oneshot\nExecStart=/bin/true",
        "f" => "Type=oneshot\nExecStart=/bin/false",
        _ => "ExecStart=/bin/sleep infinity",
    };
    let text = format!("[Service]\n{program}\nEnvironment=VERSION={version}\n{rest}");
    UnitFile::parse(&text).unwrap()
}

pub fn is_global(name: &UnitName) -> bool {
    name.as_str().starts_with('g')
}

/// Whether it stops before its machine's lease lapses.
pub fn stops_when_cut_off(name: &UnitName) -> bool {
    name.as_str().starts_with('z')
}

/// Whether its program ends by itself.
pub fn is_oneshot(name: &UnitName) -> bool {
    name.as_str().starts_with(['o', 'f'])
}

/// Whether a change of one may be a reason to move the other: a stack, rivals, or the same.
pub fn concerns(changed: &UnitName, other: &UnitName) -> bool {
    let plain = |name: &UnitName| name.as_str().starts_with(['p', 'm', 'i', 'g', 'z', 'o', 'f']);
    changed == other || (!plain(changed) && changed.as_str()[..1] == other.as_str()[..1])
}

/// Whether it leaves its place when another unit is placed: it follows one, takes one's place, or gives way to one.
pub fn gives_way(name: &UnitName) -> bool {
    ["s-app.service", "r-new.service", "r-old.service"].contains(&name.as_str())
}

/// Whether machines' metadata decide where it may be.
pub fn minds_metadata(name: &UnitName) -> bool {
    ["m0.service", "g1.service"].contains(&name.as_str())
}
