//! fleetd's command line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use clap_mangen::Man;

/// Run units on this machine and help to run the cluster
#[derive(Debug, Parser)]
#[command(
    name = "fleetd",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    disable_help_subcommand = true
)]
pub struct Args {
    /// Read the configuration from FILE
    ///
    /// Without this option /etc/fleet/fleet.conf is read, if it is there. Every option can also be
    /// given as FLEET_NAME in the environment, which wins.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check the configuration and end
    ///
    /// Prints the settings that would be used, without secrets, and warnings on stderr. Files that
    /// it names are read, etcd is not asked. The exit status is 1 if fleetd would not start.
    #[arg(long)]
    pub check_config: bool,

    /// Run this machine alone, without etcd
    ///
    /// The cluster's memory is a file in /var/lib/fleet. Unless systemd passes sockets or --listen
    /// is given, the API is on /run/fleet.sock.
    #[arg(long)]
    pub standalone: bool,

    /// Serve the API on ADDRESS instead of the sockets that systemd passes
    ///
    /// A path is a unix socket, HOST:PORT is TCP. May be repeated. The API lets everyone who
    /// reaches it start anything as root: think twice before using TCP.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,

    /// Print the manual page
    #[arg(long, hide = true)]
    pub man: bool,
}

/// The manual page, in the section of daemons.
pub fn manual() -> io::Result<Vec<u8>> {
    let page = Man::new(Args::command()).section("8").manual("fleet");
    let mut text = Vec::new();
    page.source(concat!("fleet ", env!("CARGO_PKG_VERSION"))).render(&mut text)?;
    Ok(text)
}

/// The original took long options with one dash, as Go programs do.
pub fn two_dashes(args: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    args.map(|arg| match arg.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => {
            format!("-{text}").into()
        }
        _ => arg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Args {
        let args = args.iter().map(OsString::from);
        Args::try_parse_from(two_dashes(args)).unwrap()
    }

    #[test]
    fn long_options_may_have_one_dash() {
        for dashes in ["-", "--"] {
            let args = parsed(&[
                "fleetd",
                &format!("{dashes}config"),
                "/x",
                &format!("{dashes}standalone"),
            ]);
            assert_eq!((args.config, args.standalone), (Some("/x".into()), true));
        }
    }

    #[test]
    fn the_version_is_told_as_fleetctl_tells_its_own() {
        for flag in ["-version", "--version"] {
            let args = ["fleetd", flag].map(OsString::from).into_iter();
            let said = Args::try_parse_from(two_dashes(args)).unwrap_err().to_string();
            assert_eq!(said, concat!("fleetd version ", env!("CARGO_PKG_VERSION"), "\n"));
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
