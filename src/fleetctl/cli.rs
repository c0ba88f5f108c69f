//! The command line: global flags, each with its `FLEETCTL_` variable, and the list of commands.
//!
//! What a command does, and its own flags, are in its file under [`commands`](super::commands).

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

use super::commands::{
    cat, destroy, journal, list_machines, list_unit_files, list_units, load, start, status, stop,
    submit, unload, version, why,
};
use crate::api::client::Endpoint;

/// Tell a cluster of machines which systemd units to run
#[derive(Debug, Parser)]
#[command(
    name = "fleetctl",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    infer_subcommands = true,
    max_term_width = 100,
)]
pub struct Cli {
    #[command(flatten)]
    pub(super) globals: Globals,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Flags of every command, accepted before and after it
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Where fleetd's API is: unix:///path/to/socket or http://host:port
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_ENDPOINT",
        value_name = "URL",
        default_value = "unix:///var/run/fleet.sock",
        hide_env_values = true
    )]
    pub endpoint: Endpoint,
    /// How long to wait for the answer to one request, in seconds
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value = "3",
        value_parser = parse_seconds,
        hide_env_values = true
    )]
    pub request_timeout: Duration,
    /// Tell on standard error what is asked of fleetd
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_DEBUG",
        value_parser = FalseyValueParser::new(),
        hide_env_values = true
    )]
    pub debug: bool,
}

/// A positive number of seconds, such as `3` or `0.5`.
fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("not a positive number of seconds".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Cat(cat::CatArgs),
    Destroy(destroy::DestroyArgs),
    Journal(journal::JournalArgs),
    ListMachines(list_machines::ListMachinesArgs),
    ListUnitFiles(list_unit_files::ListUnitFilesArgs),
    ListUnits(list_units::ListUnitsArgs),
    Load(load::LoadArgs),
    Start(start::StartArgs),
    Status(status::StatusArgs),
    Stop(stop::StopArgs),
    Submit(submit::SubmitArgs),
    Unload(unload::UnloadArgs),
    Version(version::VersionArgs),
    Why(why::WhyArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds_are_positive_numbers() {
        assert_eq!(parse_seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "soon", "0", "-1", "nan", "inf", "1e300"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
