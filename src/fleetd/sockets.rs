//! The API's listeners: sockets that systemd passes in, or addresses of one's own.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// Who may connect to a socket that fleetd makes itself: its user and group. Whoever may, may run
/// anything as root.
const SOCKET_MODE: u32 = 0o660;

/// One listener.
#[derive(Debug)]
pub enum Listener {
    /// On this machine.
    Unix(UnixListener),
    /// For the network.
    Tcp(TcpListener),
}

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: String,
    #[source]
    source: io::Error,
}

/// The sockets that systemd passed, in order (sd_listen_fds(3)).
pub fn passed() -> Result<Vec<Listener>, ListenError> {
    let mut fds = ListenFd::from_env();
    (0..fds.len())
        .map(|index| {
            adopt(&mut fds, index).map_err(|source| ListenError {
                address: format!("socket {index} that systemd passed"),
                source,
            })
        })
        .collect()
}

fn adopt(fds: &mut ListenFd, index: usize) -> io::Result<Listener> {
    if let Ok(Some(unix)) = fds.take_unix_listener(index) {
        unix.set_nonblocking(true)?;
        return UnixListener::from_std(unix).map(Listener::Unix);
    }
    let tcp = fds.take_tcp_listener(index)?;
    let tcp = tcp.ok_or_else(|| io::Error::other("it was taken already"))?;
    tcp.set_nonblocking(true)?;
    TcpListener::from_std(tcp).map(Listener::Tcp)
}

/// Listens on an address of one's own: a path, or HOST:PORT.
pub async fn open(address: &str) -> Result<Listener, ListenError> {
    let opened = if address.contains('/') {
        open_unix(Path::new(address)).await.map(Listener::Unix)
    } else {
        TcpListener::bind(address).await.map(Listener::Tcp)
    };
    opened.map_err(|source| ListenError { address: address.to_owned(), source })
}

async fn open_unix(path: &Path) -> io::Result<UnixListener> {
    // A socket file outlives its process. One on which nobody answers is a left-over.
    match UnixStream::connect(path).await {
        Ok(_) => return Err(io::Error::other("somebody listens there already")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)?
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(SOCKET_MODE))?;
    Ok(listener)
}
