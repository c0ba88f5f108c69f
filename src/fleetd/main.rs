//! The fleet daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleet::fleetd::main(std::env::args_os())
}
