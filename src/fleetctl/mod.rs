//! The client program: the command line, what its commands decide, and what they print.
//!
//! Commands ask the daemon through [`api::client`](crate::api::client) only. Decisions (`goal`,
//! `transition`, `board`) are pure; `ui` alone prints. This room must not know the daemon's.

mod block;
mod board;
mod candidates;
mod cli;
mod commands;
mod error;
mod goal;
mod lower;
mod machines;
mod names;
mod output;
mod raise;
mod source;
mod table;
mod task;
mod tell;
mod there;
mod transition;
mod ui;
mod wait;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use self::cli::{Cli, Globals};
use self::error::{Error, ExitStatus};
use self::ui::Ui;
use crate::api::client::Client;

/// What every command has at hand.
#[derive(Debug)]
struct Context {
    client: Client,
    ui: Ui,
}

/// Runs the program on the process's own arguments and environment.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    let Some(command) = cli.command else {
        return match Cli::command().print_long_help() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => Error::Output(error).exit_code(),
        };
    };
    let context = Context::new(cli.globals);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(&context, &command)),
        Err(error) => Err(Error::Runtime(error)),
    };
    outcome.map_or_else(
        |error| {
            context.ui.error(&error);
            error.exit_code()
        },
        ExitStatus::into,
    )
}

impl Context {
    fn new(globals: Globals) -> Self {
        if globals.debug {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .without_time()
                .init();
        }
        Self {
            client: Client::new(globals.endpoint, globals.request_timeout),
            ui: Ui::new(globals.debug),
        }
    }
}

/// clap's own answers: help and version, which were asked for, and mistakes, which exit with 2.
fn answer(error: &clap::Error) -> ExitCode {
    // Who closed the pipe has seen enough.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}
