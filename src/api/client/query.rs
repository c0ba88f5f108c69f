//! What a list shall hold, as the query of its address.

use super::escape;
use crate::model::MachineId;
use crate::unitfile::UnitName;

/// Which machines to list, and what of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MachineQuery {
    /// Also those that left or were lost.
    pub all: bool,
    /// With how they are now: each is asked, and has a second to answer.
    pub live: bool,
}

/// Which states to list, and what of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateQuery {
    /// Only of this machine.
    pub machine: Option<MachineId>,
    /// Only of this unit.
    pub unit: Option<UnitName>,
    /// With the memory that units use now: each machine is asked, and has a second to answer.
    pub live: bool,
}

impl MachineQuery {
    pub(super) fn resource(self) -> String {
        let all = self.all.then(|| "all=true".to_owned());
        let live = self.live.then(|| "live=true".to_owned());
        resource("machines", [all, live])
    }
}

impl StateQuery {
    pub(super) fn resource(&self) -> String {
        let machine = self.machine.as_ref().map(|id| format!("machineID={}", escape(id.as_str())));
        let unit = self.unit.as_ref().map(|name| format!("unitName={}", escape(name.as_str())));
        let live = self.live.then(|| "live=true".to_owned());
        resource("state", [machine, unit, live])
    }
}

fn resource<const N: usize>(list: &str, parts: [Option<String>; N]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { list.to_owned() } else { format!("{list}?{}", parts.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_in_the_address() {
        let machines = |all, live| MachineQuery { all, live }.resource();
        assert_eq!(machines(false, false), "machines");
        assert_eq!(machines(true, true), "machines?all=true&live=true");
        let unit = Some(UnitName::parse("a\\x2d@1.service").unwrap());
        let state = StateQuery { unit, live: true, ..StateQuery::default() };
        assert_eq!(state.resource(), "state?unitName=a%5Cx2d@1.service&live=true");
        assert_eq!(StateQuery::default().resource(), "state");
    }
}
