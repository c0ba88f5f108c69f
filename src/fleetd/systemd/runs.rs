//! What systemd tells of a unit's run beside its state: since when, as which process, how often
//! restarted. It comes with the signals that say that the unit changed, so that knowing it costs no
//! call; only of units that ran before anybody listened it has to be asked.
//!
//! This file knows systemd's properties. It must not know what they are good for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zbus::Variant;
use zbus::message::Message;

use super::Run;
use super::bus::is_refusal;
use super::proxy::{self, ManagerProxy, SERVICE_INTERFACE, UNIT_INTERFACE, UnitInfo};
use crate::model::Timestamp;
use crate::unitfile::{UnitName, UnitType};

/// When a unit's active state changed last, in each of the ways it can, in systemd's microseconds
/// since 1970. Zero: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Moments {
    active_enter: u64,
    active_exit: u64,
    inactive_enter: u64,
    inactive_exit: u64,
}

impl Moments {
    /// When the unit got into this active state, as `systemctl status` tells it.
    fn since(self, active: &str) -> Option<Timestamp> {
        let micros = match active {
            "active" | "reloading" | "refreshing" => self.active_enter,
            "inactive" | "failed" => self.inactive_enter,
            "activating" => self.inactive_exit,
            _ => self.active_exit,
        };
        (micros > 0).then(|| Timestamp::from_unix_secs(micros / 1_000_000))
    }
}

/// What is known of one unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    /// `None` until systemd said so: it speaks of the service first, then of the unit.
    moments: Option<Moments>,
    main_pid: u32,
    restarts: Option<u32>,
}

impl Known {
    /// `None`: not all of it is known.
    fn run(self, unit_type: UnitType, active: &str) -> Option<Run> {
        if unit_type == UnitType::Service && self.restarts.is_none() {
            return None;
        }
        Some(Run {
            since: self.moments?.since(active),
            main_pid: (self.main_pid > 0).then_some(self.main_pid),
            restarts: self.restarts,
        })
    }
}

/// What is known of every unit that is not inactive.
#[derive(Debug, Default)]
pub(super) struct Runs {
    known: Mutex<BTreeMap<UnitName, Known>>,
}

impl Runs {
    /// Notes what a `PropertiesChanged` of this unit says. `false`: it speaks of what is of the
    /// unit's type only, and what it says of the unit as such follows (systemd keeps this order).
    pub(super) fn note(&self, unit: &UnitName, message: &Message) -> bool {
        let body = message.body();
        let read = body.deserialize::<(&str, HashMap<&str, Variant<'_>>, Vec<&str>)>();
        // What does not read is a reason to look.
        let Ok((interface, properties, _)) = read else { return true };
        self.note_properties(unit, interface, &Properties(properties));
        interface == UNIT_INTERFACE
    }

    fn note_properties(&self, unit: &UnitName, interface: &str, told: &Properties<'_>) {
        let mut known = self.lock();
        match interface {
            SERVICE_INTERFACE => {
                let known = known.entry(unit.clone()).or_default();
                known.main_pid = told.u32("MainPID").unwrap_or(known.main_pid);
                known.restarts = told.u32("NRestarts").or(known.restarts);
            }
            UNIT_INTERFACE if told.word("ActiveState") == Some("inactive") => {
                known.remove(unit);
            }
            UNIT_INTERFACE => known.entry(unit.clone()).or_default().moments = told.moments(),
            _ => {}
        }
    }

    /// Signals may have been missed: nothing is known any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// What is known of a unit that systemd has just described so; asked of systemd where no signal
    /// told it. While a job runs, its end will.
    pub(super) async fn of(
        &self,
        manager: &ManagerProxy<'_>,
        name: &UnitName,
        info: &UnitInfo,
    ) -> zbus::Result<Run> {
        if info.active == "inactive" {
            return Ok(Run::default());
        }
        let known = self.lock().get(name).copied();
        if let Some(run) = known.and_then(|known| known.run(name.unit_type(), &info.active)) {
            return Ok(run);
        }
        if info.job_id != 0 {
            return Ok(Run::default());
        }
        let asked = match ask(manager, name.unit_type(), info).await {
            Err(error) if is_refusal(&error) => Known::default(),
            other => other?,
        };
        self.lock().insert(name.clone(), asked);
        Ok(asked.run(name.unit_type(), &info.active).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<UnitName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What systemd answers about a unit.
async fn ask(
    manager: &ManagerProxy<'_>,
    unit_type: UnitType,
    info: &UnitInfo,
) -> zbus::Result<Known> {
    let unit = proxy::unit(manager, &info.path).await?;
    let moments = Some(Moments {
        active_enter: unit.active_enter_timestamp().await?,
        active_exit: unit.active_exit_timestamp().await?,
        inactive_enter: unit.inactive_enter_timestamp().await?,
        inactive_exit: unit.inactive_exit_timestamp().await?,
    });
    if unit_type != UnitType::Service {
        return Ok(Known { moments, ..Known::default() });
    }
    let Some(service) = proxy::of_type(manager, &info.path, unit_type).await? else {
        return Ok(Known { moments, ..Known::default() });
    };
    let main_pid = service.main_pid().await?;
    Ok(Known { moments, main_pid, restarts: Some(service.n_restarts().await?) })
}

/// Properties by name, as a signal carries them.
struct Properties<'a>(HashMap<&'a str, Variant<'a>>);

impl Properties<'_> {
    fn u32(&self, name: &str) -> Option<u32> {
        match self.0.get(name)? {
            Variant::U32(number) => Some(*number),
            _ => None,
        }
    }

    fn u64(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Variant::U64(number) => Some(*number),
            _ => None,
        }
    }

    fn word(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Variant::Str(word) => Some(word.as_str()),
            _ => None,
        }
    }

    fn moments(&self) -> Option<Moments> {
        Some(Moments {
            active_enter: self.u64("ActiveEnterTimestamp")?,
            active_exit: self.u64("ActiveExitTimestamp")?,
            inactive_enter: self.u64("InactiveEnterTimestamp")?,
            inactive_exit: self.u64("InactiveExitTimestamp")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENTS: Moments = Moments {
        active_enter: 30_500_000,
        active_exit: 40_000_000,
        inactive_enter: 10_000_000,
        inactive_exit: 20_000_000,
    };

    #[test]
    fn each_state_began_at_its_own_moment() {
        let table = [
            ("active", 30),
            ("reloading", 30),
            ("failed", 10),
            ("activating", 20),
            ("deactivating", 40),
        ];
        for (active, secs) in table {
            assert_eq!(MOMENTS.since(active), Some(Timestamp::from_unix_secs(secs)), "{active}");
        }
        assert_eq!(Moments::default().since("active"), None);
    }

    fn told<'a>(properties: impl IntoIterator<Item = (&'a str, Variant<'a>)>) -> Properties<'a> {
        Properties(properties.into_iter().collect())
    }

    fn unit_told(active: &'static str) -> Properties<'static> {
        told([
            ("ActiveState", Variant::from(active)),
            ("ActiveEnterTimestamp", Variant::from(MOMENTS.active_enter)),
            ("ActiveExitTimestamp", Variant::from(MOMENTS.active_exit)),
            ("InactiveEnterTimestamp", Variant::from(MOMENTS.inactive_enter)),
            ("InactiveExitTimestamp", Variant::from(MOMENTS.inactive_exit)),
        ])
    }

    #[test]
    fn signals_add_up_to_a_run_that_ends_with_the_unit() {
        let (runs, unit) = (Runs::default(), UnitName::parse("a.service").unwrap());
        let run =
            || runs.lock().get(&unit).and_then(|known| known.run(UnitType::Service, "active"));
        let service = told([("MainPID", Variant::from(7u32)), ("NRestarts", Variant::from(2u32))]);
        runs.note_properties(&unit, SERVICE_INTERFACE, &service);
        assert_eq!(run(), None, "half of it");
        runs.note_properties(&unit, UNIT_INTERFACE, &unit_told("active"));
        let since = Some(Timestamp::from_unix_secs(30));
        assert_eq!(run(), Some(Run { since, main_pid: Some(7), restarts: Some(2) }));
        runs.note_properties(&unit, "org.freedesktop.systemd1.Timer", &told([]));
        runs.note_properties(&unit, UNIT_INTERFACE, &unit_told("inactive"));
        assert_eq!(run(), None);
    }
}
