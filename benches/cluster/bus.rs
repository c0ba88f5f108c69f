//! The peer of fleet's agent: a client of systemd that asks for starts and hears of their end, and
//! does nothing else.

use std::collections::BTreeSet;

use futures_util::future::ready;
use futures_util::{StreamExt, TryStreamExt, stream};
use zbus::{Connection, OwnedObjectPath};

/// As `systemctl start` asks for it.
const REPLACE: &str = "replace";

/// How many calls wait for their answers: half of what the bus allows one client, and more than keep
/// systemd busy, which takes one after the other.
const CALLS_MAX: usize = 64;

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: OwnedObjectPath, unit: &str, result: &str);
}

/// A connection to systemd, subscribed to its signals.
pub struct Systemd {
    manager: ManagerProxy<'static>,
}

impl Systemd {
    /// Over the system bus.
    pub async fn connect() -> zbus::Result<Systemd> {
        let manager = ManagerProxy::new(&Connection::system().await?).await?;
        manager.subscribe().await?;
        Ok(Systemd { manager })
    }

    /// Starts all of them at once and waits until each job is over.
    pub async fn start(&self, units: &[String]) -> Result<String, String> {
        self.start_all(units).await.map_err(|error| error.to_string())
    }

    async fn start_all(&self, units: &[String]) -> zbus::Result<String> {
        let mut removed = self.manager.receive_job_removed().await?;
        let asked = stream::iter(units).map(|unit| self.manager.start_unit(unit, REPLACE));
        let asked = asked.buffer_unordered(CALLS_MAX).try_for_each(|_job| ready(Ok(())));
        let ended = async {
            let mut left: BTreeSet<&str> = units.iter().map(String::as_str).collect();
            while !left.is_empty() {
                let signal = removed.next().await.ok_or(zbus::Error::InvalidReply)?;
                let job = signal.args()?;
                if left.remove(job.unit) && job.result != "done" {
                    return Err(zbus::Error::Failure(format!("{}: {}", job.unit, job.result)));
                }
            }
            Ok(())
        };
        tokio::try_join!(asked, ended)?;
        Ok(String::new())
    }
}
