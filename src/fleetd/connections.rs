//! The API's connections: each is served until it ends, and none is waited for for ever. It must not
//! know what is asked.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::sockets::Listener;

/// The connections that one listener serves at once; more wait in its backlog until one ends. A
/// `fleetctl` opens 64 at most, and a connection takes some ten KiB.
pub const CONNECTIONS_MAX: usize = 1000;

/// How long the head of a request may take to arrive, and how long a connection may lie idle before
/// the next. Clients open another one then, as HTTP wants it.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may read nothing of what it is sent. The kernel's buffers take what a client
/// that is merely busy leaves for a moment.
pub const READER_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request. A token of a page, the longest thing in one, has some 600 bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a client that was answered may go on sending what nobody reads. Closed at once, it would
/// find a broken connection where the answer is.
const LINGER: Duration = Duration::from_secs(2);

/// The pause after a failure to accept: the process or the machine has no file left to give, and
/// trying harder does not help.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves requests until `stop`; those under way are finished.
pub fn serve(listener: Listener, router: Router, tasks: &TaskTracker, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = tasks.clone();
    tasks.spawn(async move {
        let accepting = accept(&listener, &places, |place, io| {
            connections.spawn(attend(io, router.clone(), stop.clone(), place));
        });
        stop.run_until_cancelled(accepting).await;
    });
}

/// A connection of whatever kind.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Takes connections as long as there are places.
async fn accept(
    listener: &Listener,
    places: &Arc<Semaphore>,
    attend: impl Fn(OwnedSemaphorePermit, Box<dyn Io>),
) {
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(places).acquire_owned().await {
        let accepted: io::Result<Box<dyn Io>> = match listener {
            Listener::Unix(unix) => unix.accept().await.map(|(io, _)| Box::new(io) as Box<dyn Io>),
            Listener::Tcp(tcp) => tcp.accept().await.map(|(io, _)| Box::new(io) as Box<dyn Io>),
        };
        match accepted {
            Ok(io) => attend(place, io),
            Err(error) if was_the_client_s(&error) => {}
            Err(error) => {
                tracing::error!(%error, "accepting a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn was_the_client_s(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection. A client that goes away takes its requests with it.
async fn attend(
    io: Box<dyn Io>,
    router: Router,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    let mut io = TimeoutWriter::new(io);
    io.set_timeout(Some(READER_TIMEOUT));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_header_size(HEAD_BYTES_MAX);
    let io = TokioIo::new(Box::pin(io));
    let mut connection = http.serve_connection(io, TowerToHyperService::new(router));
    let served = poll_fn(|cx| connection.poll_without_shutdown(cx));
    let ended = match stop.run_until_cancelled(served).await {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    match ended {
        Ok(()) => {
            let parting = part(connection.into_parts().io.into_inner());
            stop.run_until_cancelled(tokio::time::timeout(LINGER, parting)).await;
        }
        Err(error) => {
            tracing::debug!(error = %super::chain::chain(&error), "a connection of the API");
        }
    }
}

/// Says that no more will be said, and reads on until the client has hung up.
async fn part(mut io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    io.shutdown().await?;
    tokio::io::copy(&mut io, &mut tokio::io::sink()).await.map(drop)
}
