//! The connection to systemd over the system bus: made when it is needed, made again when it died,
//! every call on it bounded in time; and D-Bus errors turned into [`SystemdError`].
//!
//! This file knows D-Bus. It must not know what fleet asks of systemd.

use std::time::Duration;

use tokio::sync::Mutex;
use zbus::{DBusError, connection, fdo, proxy::CacheProperties};

use super::proxy::ManagerProxy;
use super::{NO_SUCH_UNIT, SystemdError};

/// How long systemd may take to answer one call. While it reloads it answers nobody, and that takes
/// a second for a thousand running units on a small machine: this is ten times the worst we expect.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long making a connection may take: an exchange of a few lines with the bus on this machine,
/// which the bus may have to be started for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The connection, if there is one.
#[derive(Debug, Default)]
pub(super) struct Bus {
    manager: Mutex<Option<ManagerProxy<'static>>>,
}

impl Bus {
    /// systemd's manager object, on the connection there is or on a new one.
    pub(super) async fn manager(&self) -> zbus::Result<ManagerProxy<'static>> {
        // The wait for others who are connecting counts, too.
        tokio::time::timeout(CONNECT_TIMEOUT, self.alive()).await.unwrap_or_else(|_| {
            let late = std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no connection to the system bus within {CONNECT_TIMEOUT:?}"),
            );
            Err(zbus::Error::from(late))
        })
    }

    async fn alive(&self) -> zbus::Result<ManagerProxy<'static>> {
        let mut held = self.manager.lock().await;
        if let Some(manager) = held.as_ref()
            && !manager.inner().connection().is_closed()
        {
            return Ok(manager.clone());
        }
        let connection = connection::Builder::system().method_timeout(CALL_TIMEOUT).build().await?;
        let manager = ManagerProxy::builder(&connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        *held = Some(manager.clone());
        Ok(manager)
    }
}

/// Whether systemd itself answered, and with an error. Anything else is trouble on the way to it.
pub(super) fn is_refusal(error: &zbus::Error) -> bool {
    refusal(error).is_some()
}

/// Whether systemd answered with the error of this name.
pub(super) fn is_named(error: &zbus::Error, wanted: &str) -> bool {
    refusal(error).is_some_and(|(name, _)| name == wanted)
}

/// Whether systemd's error says that there is no such unit, loaded or on disk.
pub(super) fn is_no_such_unit(error: &zbus::Error) -> bool {
    is_named(error, NO_SUCH_UNIT)
}

/// `error` in fleet's words: `operation` is what was asked, with the unit.
pub(super) fn failed(operation: String, error: zbus::Error) -> SystemdError {
    match refusal(&error) {
        Some((name, message)) => SystemdError::Refused { operation, name, message },
        None => SystemdError::Unreachable { operation, source: Box::new(error) },
    }
}

/// Name and message of an error that systemd answered with.
fn refusal(error: &zbus::Error) -> Option<(String, String)> {
    match error {
        zbus::Error::MethodError(name, message, _) => {
            Some((name.to_string(), message.clone().unwrap_or_default()))
        }
        zbus::Error::FDO(error) if !from_the_bus(error) => {
            Some((error.name().to_string(), error.description().unwrap_or_default().to_string()))
        }
        _ => None,
    }
}

/// Whether it is the bus that speaks, saying that systemd is not there (or cannot be made to, since
/// nobody can start systemd but the kernel): it happens for a moment when dbus-daemon was restarted
/// and systemd has not come back to it.
fn from_the_bus(error: &fdo::Error) -> bool {
    let name = error.name();
    let Some(word) = name.strip_prefix("org.freedesktop.DBus.Error.") else {
        return true;
    };
    let words = ["ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "NoServer"];
    let late = ["Timeout", "TimedOut"];
    words.contains(&word) || late.contains(&word) || word.starts_with("Spawn.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_a_refusal_and_what_the_bus_says_is_not() {
        let denied: zbus::Error = fdo::Error::AccessDenied("not you".into()).into();
        assert!(is_refusal(&denied));
        let error = failed("start a.service".into(), denied);
        assert_eq!(error.to_string(), "start a.service: systemd refused: not you");

        let gone: zbus::Error = fdo::Error::NameHasNoOwner("nobody".into()).into();
        assert!(!is_refusal(&gone));
        let error = failed("start a.service".into(), gone);
        assert_eq!(error.to_string(), "start a.service: systemd cannot be reached over D-Bus");
    }
}
