//! Who this machine is: its id, the address others reach it by, and that only one fleetd runs.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use crate::model::{MachineId, MachineIdError};

/// Where every Linux machine has its id (machine-id(5)).
const MACHINE_ID: &str = "/etc/machine-id";

/// An address that routes like any on the Internet and is nobody's (RFC 5737). Nothing is sent.
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

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

/// The address from which this machine reaches `peers` (URLs), as far as they say an address, or
/// else the Internet: what others will reach it by unless the configuration knows better. Names
/// are not looked up, since that can take long, and this is asked before anything else runs.
pub fn public_ip(peers: &[String]) -> IpAddr {
    let peers = peers.iter().filter_map(|url| {
        let authority = url.split_once("://").map_or(&url[..], |(_, rest)| rest);
        authority.split('/').next()?.parse::<SocketAddr>().ok()
    });
    let towards = peers.filter(|peer| !peer.ip().is_loopback()).chain([ANYWHERE.into()]);
    let mut found = towards.filter_map(|peer| {
        let any: IpAddr = if peer.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(peer).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    });
    found.next().unwrap_or(Ipv4Addr::LOCALHOST.into())
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
