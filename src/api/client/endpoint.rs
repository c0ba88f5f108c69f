//! Where the API is: a unix socket, HTTP or HTTPS, and how to open a connection to it.
//!
//! This file knows sockets and hyper's handshake. It must not know requests.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::tls::Tls;

/// HTTP's own port, for an `http://host` without one.
const HTTP_PORT: u16 = 80;

/// The same for `https://host`.
const HTTPS_PORT: u16 = 443;

/// As many connections are open at once: enough to keep a daemon that commits in batches busy, few
/// enough for its listening socket's backlog.
pub const CONNECTIONS_MAX: usize = 64;

/// The ways to reach the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///var/run/fleet.sock`
    Unix(PathBuf),
    /// `http://host:port`; an IPv6 address keeps its brackets, as the `Host:` header wants them.
    Http {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `https://host:port`, otherwise the same.
    Https {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// One of the others, through a tunnel.
    Tunnelled(Box<Tunnelled>),
}

/// An endpoint that only another machine can reach, and a socket on this one that leads there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnelled {
    /// The endpoint as that machine sees it.
    pub far: Endpoint,
    /// The unix socket on this machine.
    pub near: PathBuf,
    /// That machine, for messages.
    pub through: String,
    /// As many connections fit through the tunnel at once.
    pub connections_max: usize,
}

/// What is wrong with an endpoint as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// None of the known ways.
    #[error(
        "{given:?} is not an endpoint: write unix:///path/to/socket, http://host:port or \
         https://host:port"
    )]
    Scheme {
        /// As written.
        given: String,
    },
    /// A unix socket needs a path from the root.
    #[error("{given:?} names no absolute path, as unix:///var/run/fleet.sock does")]
    Path {
        /// As written.
        given: String,
    },
    /// What follows `http://` or `https://` is not `host` or `host:port`.
    #[error("{given:?} does not have the form http://host:port")]
    Address {
        /// As written.
        given: String,
    },
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(given: &str) -> Result<Self, BadEndpoint> {
        let named = || given.to_owned();
        if let Some(path) = given.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            let absolute = path.is_absolute();
            return if absolute {
                Ok(Self::Unix(path))
            } else {
                Err(BadEndpoint::Path { given: named() })
            };
        }
        let (secure, address) =
            match (given.strip_prefix("http://"), given.strip_prefix("https://")) {
                (Some(address), _) => (false, address),
                (_, Some(address)) => (true, address),
                (None, None) => return Err(BadEndpoint::Scheme { given: named() }),
            };
        let address = address.strip_suffix('/').unwrap_or(address);
        let (host, port) =
            parse_address(address).ok_or_else(|| BadEndpoint::Address { given: named() })?;
        Ok(if secure {
            Self::Https { host, port: port.unwrap_or(HTTPS_PORT) }
        } else {
            Self::Http { host, port: port.unwrap_or(HTTP_PORT) }
        })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn parse_address(address: &str) -> Option<(String, Option<u16>)> {
    // The colons of a bracketed IPv6 address do not separate a port.
    let bracket = address.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match address[bracket..].rfind(':') {
        Some(at) => (&address[..bracket + at], Some(address[bracket + at + 1..].parse().ok()?)),
        None => (address, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let clean = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    let clean = clean && (bracketed || !host.contains([':', '[', ']']));
    clean.then(|| (host.to_owned(), port))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Http { host, port } => write!(f, "http://{host}:{port}"),
            Self::Https { host, port } => write!(f, "https://{host}:{port}"),
            Self::Tunnelled(tunnel) => write!(f, "{} through {}", tunnel.far, tunnel.through),
        }
    }
}

impl Endpoint {
    /// The `Host:` header of requests to it.
    pub(super) fn host_header(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Http { host, port } | Self::Https { host, port } => format!("{host}:{port}"),
            Self::Tunnelled(tunnel) => tunnel.far.host_header(),
        }
    }

    /// As many requests may be in flight at once, each on a connection of its own.
    pub(super) fn connections_max(&self) -> usize {
        match self {
            Self::Unix(_) | Self::Http { .. } | Self::Https { .. } => CONNECTIONS_MAX,
            Self::Tunnelled(tunnel) => tunnel.connections_max.min(CONNECTIONS_MAX),
        }
    }

    /// Opens one connection; it closes when the returned sender and its answers are dropped.
    pub(super) async fn connect(&self, tls: &Tls) -> io::Result<SendRequest<Full<Bytes>>> {
        match self {
            Self::Unix(path) => handshake(UnixStream::connect(path).await?).await,
            Self::Http { host, port } => handshake(dial(bare(host), *port).await?).await,
            Self::Https { host, port } => {
                let stream = dial(bare(host), *port).await?;
                handshake(tls.secure(bare(host), stream).await?).await
            }
            Self::Tunnelled(tunnel) => {
                let stream = UnixStream::connect(&tunnel.near).await?;
                match &tunnel.far {
                    Self::Https { host, .. } => {
                        handshake(tls.secure(bare(host), stream).await?).await
                    }
                    _ => handshake(stream).await,
                }
            }
        }
    }
}

/// An IPv6 address without its brackets; anything else as it is.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn handshake<S>(stream: S) -> io::Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // The connection's failure reaches the request that is on it; nobody else needs to hear of it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_they_are_shown() {
        for (given, shown) in [
            ("unix:///var/run/fleet.sock", "unix:///var/run/fleet.sock"),
            ("http://10.0.0.1:49153", "http://10.0.0.1:49153"),
            ("http://core-1", "http://core-1:80"),
            ("http://core-1:8080/", "http://core-1:8080"),
            ("http://[fd00::1]:49153", "http://[fd00::1]:49153"),
            ("http://[fd00::1]", "http://[fd00::1]:80"),
            ("https://core-1", "https://core-1:443"),
            ("https://[fd00::1]:8443/", "https://[fd00::1]:8443"),
        ] {
            let endpoint: Endpoint = given.parse().expect(given);
            assert_eq!(endpoint.to_string(), shown);
        }
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused() {
        for given in [
            "",
            "/var/run/fleet.sock",
            "unix://",
            "unix://fleet.sock",
            "https://",
            "ftp://core-1",
            "http://",
            "http://:80",
            "http://core-1:http",
            "http://core-1:99999",
            "http://core-1/fleet",
            "http://user@core-1",
            "http://fd00::1",
        ] {
            assert!(given.parse::<Endpoint>().is_err(), "{given}");
        }
    }
}
