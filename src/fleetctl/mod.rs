//! The client program: the command line, what its commands decide, and what they print.
//!
//! A command's way: `cli` reads the line, a file in `commands` has the verb, `bring` finds what
//! is named and decides the steps, `wait` carries them out and follows them, `show` finds the
//! words, and `ui` alone prints. The daemon is asked through
//! [`api::client`](crate::api::client) only; this room must not know the daemon's.

mod apply;
mod bring;
mod cli;
mod commands;
mod error;
mod files;
mod machines;
mod names;
mod process;
mod show;
mod ssh;
mod there;
mod ui;
mod verify;
mod wait;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ErrorKind};

use self::cli::globals::Globals;
use self::cli::{Cli, Command};
use self::error::{Error, ExitStatus};
use self::ssh::{Ssh, SshArgs};
use self::ui::Ui;
use crate::api::client::{Client, Endpoint};
use crate::model::similar;

/// What every command has at hand.
#[derive(Debug)]
struct Context {
    client: Client,
    ssh: Ssh,
    ui: Ui,
}

/// Runs the program on the process's own arguments and environment.
pub fn main() -> ExitCode {
    if let Some(answered) = cli::complete::answer() {
        return answered;
    }
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    let Some(command) = cli.command else {
        return match Cli::command().print_long_help() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => Error::Output(error).exit_code(ExitCode::FAILURE),
        };
    };
    let mut context = Context::new(&cli.globals, &cli.ssh);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(context.run(&cli.globals, &cli.ssh, &command));
            // Not even an answer that nobody waits for any more is waited for.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Error::Runtime(error)),
    };
    outcome.map_or_else(
        |error| {
            context.ui.error(&error);
            error.exit_code(command.failure_code())
        },
        ExitStatus::into,
    )
}

impl Context {
    fn new(globals: &Globals, ssh: &SshArgs) -> Self {
        if globals.debug {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .without_time()
                .init();
        }
        let ui = Ui::new(globals.debug);
        if globals.etcd_key_prefix.is_some() {
            ui.warn("--etcd-key-prefix does nothing: fleetd knows where its keys are");
        }
        Self { client: client(globals, globals.endpoint.clone()), ssh: Ssh::new(ssh), ui }
    }

    /// Tells all of several errors; what is left of them is that the command failed.
    fn all(&self, errors: &[Error]) -> Error {
        errors.iter().for_each(|error| self.ui.error(error));
        Error::Told
    }

    /// Runs a command, through a tunnel if there is to be one.
    async fn run(
        &mut self,
        globals: &Globals,
        ssh: &SshArgs,
        command: &Command,
    ) -> Result<ExitStatus, Error> {
        if let Some(to) = ssh.tunnel.as_ref().filter(|_| !command.is_local()) {
            let endpoint = self.ssh.open(to, &globals.endpoint, &self.ui).await?;
            self.client = client(globals, endpoint);
        }
        let outcome = tokio::select! {
            outcome = commands::run(self, command) => outcome,
            lost = self.ssh.lost() => Err(lost.into()),
        };
        let outcome = match outcome {
            Err(Error::Client(error)) if error.is_about_the_way() => {
                Err(self.ssh.reason(&error).await.map_or(Error::Client(error), Error::from))
            }
            outcome => outcome,
        };
        self.ssh.close().await;
        outcome
    }
}

fn client(globals: &Globals, endpoint: Endpoint) -> Client {
    Client::with_tls(endpoint, globals.tls.clone().into(), globals.request_timeout)
}

/// What shells and clap return for a command line that is not understood.
const EXIT_USAGE: u8 = 2;

/// clap's own answers: help and version, which were asked for, and mistakes.
fn answer(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::InvalidSubcommand => Ui::new(false).error(&no_command(error)),
        // Who closed the pipe has seen enough.
        _ => drop(error.print()),
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_USAGE),
    }
}

/// The command that there is not, and those that it may be short for, or else the most similar one.
fn no_command(error: &clap::Error) -> Error {
    let given = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    let given = given.unwrap_or_default();
    let known = Cli::command();
    let shown = || known.get_subcommands().filter(|command| !command.is_hide_set());
    let names = || shown().map(clap::Command::get_name);
    let short = |name: &&str| !given.is_empty() && name.starts_with(&given);
    let mut near: Vec<&str> = names().filter(short).collect();
    if near.is_empty() {
        near.extend(similar(&given, names(), |name| name));
    }
    Error::NoCommand { near: near.join(" or "), given }
}
