//! What a shell offers when Tab is pressed: commands, flags, files, and the cluster's own units and
//! machines.
//!
//! The shell runs `fleetctl` with [`VARIABLE`] set and the words so far. Whatever goes wrong, it
//! gets nothing and gets it soon: a Tab must not hang, nor print into the line that is written.

mod bash;

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::{EnvCompleter, Fish, Shells, Zsh};
use tokio::time::timeout;

use self::bash::Bash;
use super::Cli;
use crate::api::client::{Client, ClientError};
use crate::fleetctl::error::Error;

/// Says that a shell asks, and which.
const VARIABLE: &str = "FLEETCTL_COMPLETE";

/// How long the cluster has to tell its names: who waits for a Tab for longer, types on.
const PATIENCE: Duration = Duration::from_millis(500);

/// The commands whose units may be files, too.
const TAKES_FILES: &[&str] = &["load", "start", "submit"];

/// The shells there are completions for.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Shell {
    /// GNU Bash, 4.4 or newer
    Bash,
    /// fish
    Fish,
    /// Z shell
    Zsh,
}

/// What the shell has to run once, so that it asks from then on.
pub fn registration(shell: Shell) -> Result<String, Error> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Fish => &Fish,
        Shell::Zsh => &Zsh,
    };
    let (mut script, name) = (Vec::new(), "fleetctl");
    shell.write_registration(VARIABLE, name, name, name, &mut script).map_err(Error::Output)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Answers the shell that asks; `None` if none does.
pub fn answer() -> Option<ExitCode> {
    let here = std::env::current_dir().ok();
    let answered = CompleteEnv::with_factory(definition)
        .var(VARIABLE)
        .shells(Shells(&[&Bash, &Fish, &Zsh]))
        .try_complete(std::env::args_os(), here.as_deref());
    match answered {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        Err(_) => Some(ExitCode::FAILURE),
    }
}

/// The command line's definition, with what is offered for each value.
fn definition() -> Command {
    Cli::command().mut_subcommands(|command| {
        let files = TAKES_FILES.contains(&command.get_name());
        command.mut_args(|arg| offering(arg, files))
    })
}

fn offering(arg: Arg, files: bool) -> Arg {
    let values = arg.get_value_names().unwrap_or_default();
    match values.first().map(clap::builder::Str::as_str) {
        Some("UNIT") if files => arg.add(ArgValueCompleter::new(units_and_files)),
        Some("UNIT") => arg.add(ArgValueCompleter::new(units)),
        Some("MACHINE") => arg.add(ArgValueCompleter::new(machines)),
        Some(either) if either.starts_with("MACHINE|UNIT") => {
            arg.add(ArgValueCompleter::new(machines_and_units))
        }
        Some("DIR") => arg.value_hint(ValueHint::DirPath),
        Some("FILE") => arg.value_hint(ValueHint::FilePath),
        _ => arg,
    }
}

fn units(current: &OsStr) -> Vec<CompletionCandidate> {
    let names = ask(async |client| {
        let units = client.units().await?.into_iter();
        Ok(units.filter_map(|unit| Some(unit.name?.to_string())).collect())
    });
    beginning_with(current, names)
}

fn units_and_files(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut candidates = units(current);
    candidates.extend(PathCompleter::file().complete(current));
    candidates
}

fn machines(current: &OsStr) -> Vec<CompletionCandidate> {
    let ids = ask(async |client| {
        let machines = client.machines().await?.into_iter();
        Ok(machines.map(|machine| machine.id.to_string()).collect())
    });
    beginning_with(current, ids)
}

fn machines_and_units(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut candidates = machines(current);
    candidates.extend(units(current));
    candidates
}

fn beginning_with(current: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let fitting = names.into_iter().filter(|name| name.starts_with(current));
    fitting.map(CompletionCandidate::new).collect()
}

/// What the cluster says, if it says so in time. Nobody is asked through a tunnel: to open one takes
/// too long, and may take a question.
fn ask(question: impl AsyncFnOnce(Client) -> Result<Vec<String>, ClientError>) -> Vec<String> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Some(globals), Ok(runtime)) = (Cli::near(words), runtime) else {
        return Vec::new();
    };
    let client = Client::with_tls(globals.endpoint, globals.tls.into(), PATIENCE);
    let answer = runtime.block_on(async { timeout(PATIENCE, question(client)).await });
    answer.ok().and_then(Result::ok).unwrap_or_default()
}
