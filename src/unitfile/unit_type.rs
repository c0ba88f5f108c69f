//! The types of systemd unit, which are also the last part of every unit's name.
//! Knows words only, not what a type does.

use std::fmt;

/// A type of systemd unit (systemd.unit(5), and the two old ones fleet 1.0 accepts: `busname` and
/// `snapshot`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitType {
    /// `.automount`
    Automount,
    /// `.busname`, gone since systemd 237
    Busname,
    /// `.device`
    Device,
    /// `.mount`
    Mount,
    /// `.path`
    Path,
    /// `.scope`
    Scope,
    /// `.service`
    Service,
    /// `.slice`
    Slice,
    /// `.snapshot`, gone since systemd 228
    Snapshot,
    /// `.socket`
    Socket,
    /// `.swap`
    Swap,
    /// `.target`
    Target,
    /// `.timer`
    Timer,
}

impl UnitType {
    /// Every type, in alphabetical order.
    pub const ALL: [UnitType; 13] = [
        UnitType::Automount,
        UnitType::Busname,
        UnitType::Device,
        UnitType::Mount,
        UnitType::Path,
        UnitType::Scope,
        UnitType::Service,
        UnitType::Slice,
        UnitType::Snapshot,
        UnitType::Socket,
        UnitType::Swap,
        UnitType::Target,
        UnitType::Timer,
    ];

    /// The word after the last dot of a name.
    pub fn as_str(self) -> &'static str {
        match self {
            UnitType::Automount => "automount",
            UnitType::Busname => "busname",
            UnitType::Device => "device",
            UnitType::Mount => "mount",
            UnitType::Path => "path",
            UnitType::Scope => "scope",
            UnitType::Service => "service",
            UnitType::Slice => "slice",
            UnitType::Snapshot => "snapshot",
            UnitType::Socket => "socket",
            UnitType::Swap => "swap",
            UnitType::Target => "target",
            UnitType::Timer => "timer",
        }
    }

    /// The type with this word, if there is one.
    pub fn from_word(word: &str) -> Option<UnitType> {
        UnitType::ALL.into_iter().find(|t| t.as_str() == word)
    }

    /// Whether units of this type may be templates and instances (systemd's `unit_type_may_template`).
    pub fn may_template(self) -> bool {
        matches!(
            self,
            UnitType::Path
                | UnitType::Service
                | UnitType::Socket
                | UnitType::Target
                | UnitType::Timer
        )
    }
}

impl fmt::Display for UnitType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
