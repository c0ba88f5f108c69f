//! Who this machine is: its id, the address others reach it by and what else it says of itself, and
//! that only one fleetd runs.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;

use super::VERSION;
use super::config::Settings;
use super::registry::{FORMAT, MachineRecord};
use crate::model::{MachineId, MachineIdError};

/// Where every Linux machine has its id (machine-id(5)).
const MACHINE_ID: &str = "/etc/machine-id";

/// An address that routes like any on the Internet and is nobody's (RFC 5737). Nothing is sent.
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// How long the names of etcd's members may take to look up, all together. The machine would
/// rather be known by the address of its default route than join late.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Why this machine does not know who it is.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no id.
    #[error("cannot read {MACHINE_ID}; systemd-machine-id-setup makes one")]
    Unreadable(#[source] io::Error),
    /// It is not an id.
    #[error("{MACHINE_ID} holds no machine id")]
    Malformed(#[source] MachineIdError),
    /// Another fleetd runs here.
    #[error("another fleetd runs on this machine (it holds {0})")]
    Taken(PathBuf),
    /// The lock could not be tried.
    #[error("cannot lock {path}")]
    Lock {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// This machine's id.
pub fn machine_id() -> Result<MachineId, IdentityError> {
    let text = std::fs::read_to_string(MACHINE_ID).map_err(IdentityError::Unreadable)?;
    MachineId::parse(text.trim()).map_err(IdentityError::Malformed)
}

/// The address from which this machine reaches `peers` (URLs), or else the Internet: what others
/// will reach it by unless the configuration knows better. Peers on this machine say nothing.
async fn public_ip(peers: &[String]) -> IpAddr {
    let elsewhere = |peer: &SocketAddr| !peer.ip().is_loopback() && !peer.ip().is_unspecified();
    let peers = tokio::time::timeout(LOOKUP_TIMEOUT, addresses(peers)).await.unwrap_or_default();
    let towards = peers.into_iter().filter(elsewhere).chain([ANYWHERE.into()]);
    towards.filter_map(source).next().unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// What the hosts of URLs are known by; names are looked up.
async fn addresses(urls: &[String]) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for uri in urls.iter().filter_map(|url| url.parse::<Uri>().ok()) {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(ANYWHERE.1);
        all.extend(tokio::net::lookup_host((host, port)).await.into_iter().flatten());
    }
    all
}

/// The address from which packets to `peer` would go. Sends none.
fn source(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The address others reach this machine by: as the configuration says, or as it is found.
pub async fn address(settings: &Settings) -> String {
    match &settings.public_ip {
        Some(ip) => ip.clone(),
        None => public_ip(&settings.etcd.endpoints).await.to_string(),
    }
}

/// What this machine says of itself by its configuration.
pub fn record(settings: &Settings, ip: String) -> MachineRecord {
    MachineRecord {
        ip,
        metadata: settings.metadata.clone(),
        version: VERSION.to_owned(),
        format: Some(FORMAT),
        ..MachineRecord::default()
    }
}

/// Holds the machine for one fleetd; released when dropped, also by a crash.
#[derive(Debug)]
pub struct OnlyOne {
    _lock: File,
}

impl OnlyOne {
    /// Takes the lock file in `folder`.
    pub fn take(folder: &Path) -> Result<OnlyOne, IdentityError> {
        let path = folder.join("lock");
        let error = |source| IdentityError::Lock { path: path.clone(), source };
        let lock = File::create(&path).map_err(error)?;
        match lock.try_lock() {
            Ok(()) => Ok(OnlyOne { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(IdentityError::Taken(path)),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn etcd_on_this_machine_says_no_address() {
        let by_the_default_route = source(ANYWHERE.into()).unwrap_or(Ipv4Addr::LOCALHOST.into());
        for url in ["http://127.0.0.1:2379", "http://localhost:2379", "http://[::1]:2379"] {
            assert_eq!(public_ip(&[url.to_owned()]).await, by_the_default_route, "{url}");
        }
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let urls = ["http://localhost:2379", "https://10.1.2.3", "http://[fd00::1]:7"];
        let all = addresses(&urls.map(str::to_owned)).await;
        assert!(all.iter().any(|address| address.ip().is_loopback()), "{all:?}");
        assert!(all.contains(&([10, 1, 2, 3], ANYWHERE.1).into()), "{all:?}");
        assert!(all.iter().any(|address| address.port() == 7), "{all:?}");
    }
}
