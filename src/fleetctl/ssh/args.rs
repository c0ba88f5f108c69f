//! The flags about SSH, each with its `FLEETCTL_` variable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::destination::Destination;

/// How machines are reached over SSH
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "SSH options")]
pub struct SshArgs {
    /// Reach the cluster, and its machines, through this one
    ///
    /// --endpoint is then what that machine sees. HOST may be an alias of ~/.ssh/config.
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_TUNNEL",
        value_name = "HOST[:PORT]",
        hide_env_values = true
    )]
    pub tunnel: Option<Destination>,
    /// Who to be on machines
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_SSH_USERNAME",
        value_name = "USER",
        default_value = "core",
        hide_env_values = true
    )]
    pub ssh_username: String,
    /// The host keys that are trusted; no other file counts
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_KNOWN_HOSTS_FILE",
        value_name = "FILE",
        default_value = "~/.fleetctl/known_hosts",
        hide_env_values = true
    )]
    pub known_hosts_file: PathBuf,
    /// Talk to known machines only, and ask about unknown ones; =false trusts whoever answers
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_STRICT_HOST_KEY_CHECKING",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        value_parser = BoolishValueParser::new(),
        hide_possible_values = true,
        hide_env_values = true
    )]
    pub strict_host_key_checking: bool,
    /// How long a machine may be silent while SSH connects to it, in seconds
    #[arg(
        long,
        global = true,
        env = "FLEETCTL_SSH_TIMEOUT",
        value_name = "SECONDS",
        default_value = "10",
        value_parser = crate::fleetctl::cli::globals::parse_seconds,
        hide_env_values = true
    )]
    pub ssh_timeout: Duration,
}

impl SshArgs {
    /// The known-hosts file, with `~` as the shell would have it.
    pub fn known_hosts(&self) -> PathBuf {
        in_home(&self.known_hosts_file, std::env::home_dir().as_deref())
    }
}

fn in_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_folder() {
        for (given, expected) in [
            ("~/.fleetctl/known_hosts", "/home/core/.fleetctl/known_hosts"),
            ("/etc/~/hosts", "/etc/~/hosts"),
            ("hosts", "hosts"),
        ] {
            assert_eq!(in_home(given.as_ref(), Some("/home/core".as_ref())), Path::new(expected));
        }
        assert_eq!(in_home("~/x".as_ref(), None), Path::new("~/x"));
    }
}
