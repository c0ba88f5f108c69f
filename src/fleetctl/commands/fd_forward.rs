//! `fleetctl fd-forward`

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use clap::Args;

use crate::fleetctl::error::{Error, ExitStatus};

/// As much as a pipe holds.
const BUFFER_BYTES: usize = 64 << 10; // 64 KiB

/// Connect standard input and output to a unix socket
///
/// fleetctl --tunnel runs this on a machine whose SSH server forbids to forward sockets.
#[derive(Debug, Args)]
pub struct FdForwardArgs {
    /// The socket
    socket: PathBuf,
}

/// Ends when the socket's other side is done, or nobody reads what it says. That nobody writes to
/// it any more is passed on, and is not the end.
pub fn run(args: &FdForwardArgs) -> Result<ExitStatus, Error> {
    let socket = |source| Error::Socket { path: args.socket.clone(), source };
    let mut from = UnixStream::connect(&args.socket).map_err(socket)?;
    let mut to = from.try_clone().map_err(socket)?;
    let mut input = unbuffered(io::stdin().as_fd()).map_err(socket)?;
    let mut output = unbuffered(io::stdout().as_fd()).map_err(Error::Output)?;
    // Not joined: standard input may stay open for longer than anybody is interested in it.
    std::thread::spawn(move || {
        // That the socket is closed is for the other direction to tell.
        let _ = pump(&mut input, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    pump(&mut from, &mut output).map_err(Error::Output)?;
    Ok(ExitStatus::Done)
}

/// Passes on what is there as soon as it is there. `io::copy` may leave that to the kernel, which
/// may wait for more.
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn unbuffered(stream: BorrowedFd<'_>) -> io::Result<File> {
    stream.try_clone_to_owned().map(File::from)
}
