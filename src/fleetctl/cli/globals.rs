//! The flags of every command, each with its `FLEETCTL_` variable. A flag beats its variable, and
//! an empty variable counts as unset.
//!
//! A flag that is on or off takes a value, too, so that it can take back what its variable says.
//! What a flag does is its reader's business.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Command, Id};

use crate::api::client::{Endpoint, TlsFiles};

/// Flags of every command, accepted before and after it
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Where fleetd's API is: unix:///path/to/socket, http://host:port or https://host:port
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_ENDPOINT",
        value_name = "URL",
        default_value = "unix:///var/run/fleet.sock",
        hide_env_values = true
    )]
    pub endpoint: Endpoint,
    /// How to reach the cluster; API, for fleetd's, is the one way there is
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_DRIVER",
        value_name = "NAME",
        default_value = "API",
        value_parser = parse_driver,
        hide_env_values = true
    )]
    pub driver: Driver,
    /// Accepted for fleet 1.0's scripts, and does nothing: fleetd knows where its keys are
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_ETCD_KEY_PREFIX",
        value_name = "PREFIX",
        hide_env_values = true
    )]
    pub etcd_key_prefix: Option<String>,
    #[command(flatten)]
    pub tls: TlsArgs,
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
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        value_parser = BoolishValueParser::new(),
        hide_default_value = true,
        hide_possible_values = true,
        hide_env_values = true
    )]
    pub debug: bool,
}

/// Who is trusted, and who we are, where the endpoint is https://
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct TlsArgs {
    /// Trust servers that these authorities (PEM) signed, in place of the system's
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_CA_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    ca_file: Option<PathBuf>,
    /// Show this certificate (PEM) to the server; needs --key-file
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_CERT_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    cert_file: Option<PathBuf>,
    /// The certificate's key (PEM); needs --cert-file
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_KEY_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    key_file: Option<PathBuf>,
}

impl From<TlsArgs> for TlsFiles {
    fn from(args: TlsArgs) -> Self {
        Self { authorities: args.ca_file, certificate: args.cert_file, key: args.key_file }
    }
}

/// A way to reach the cluster; fleet 1.0 had another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Through fleetd's API.
    Api,
}

fn parse_driver(text: &str) -> Result<Driver, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "api" => Ok(Driver::Api),
        "etcd" => {
            Err("fleetctl asks fleetd, never etcd: use API, and let --endpoint name a fleetd")
        }
        _ => Err("the one driver is API"),
    }
}

/// A positive number of seconds, such as `3` or `0.5`.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("not a positive number of seconds".to_owned()),
    }
}

/// Forgets the variables that are set to nothing, and those of flags that are given: clap would
/// refuse a bad value even of a variable that does not count.
pub fn without_idle_variables(command: Command, given: &BTreeSet<Id>) -> Command {
    let empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|arg| {
        let idle = given.contains(arg.get_id()) || arg.get_env().is_some_and(empty);
        if idle { arg.env(None) } else { arg }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_positive_numbers() {
        assert_eq!(parse_seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "soon", "0", "-1", "nan", "inf", "1e300"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
