//! Where ssh is to go: `HOST[:PORT]` as `--tunnel` has it, or what a machine says of itself. Pure.

use std::fmt;
use std::str::FromStr;

/// Where ssh is to go. What the host's name means is ssh's business: it may be an alias of
/// `~/.ssh/config`. It comes from one of the two parsers only, for ssh may hand it to a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Name, alias or address; an IPv6 address without brackets.
    host: String,
    /// `None`: what ssh's configuration says.
    port: Option<u16>,
}

impl Destination {
    /// A machine at the address that it told the cluster, which anybody may have made up.
    pub fn of_machine(address: &str, port: Option<u16>) -> Result<Self, BadDestination> {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".:_-".contains(c);
        if address.is_empty() || address.starts_with('-') || !address.chars().all(plain) {
            return Err(BadDestination::Form);
        }
        Ok(Self { host: address.to_owned(), port })
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

/// What is wrong with a destination as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// `user@host`.
    #[error("the user does not belong here: write --tunnel {host} --ssh-username {user}")]
    User {
        /// What follows the `@`.
        host: String,
        /// What is before it.
        user: String,
    },
    /// Anything else.
    #[error("write HOST or HOST:PORT, an IPv6 address with a port as [ADDRESS]:PORT")]
    Form,
}

impl FromStr for Destination {
    type Err = BadDestination;

    fn from_str(given: &str) -> Result<Self, BadDestination> {
        if let Some((user, host)) = given.rsplit_once('@') {
            return Err(BadDestination::User { host: host.to_owned(), user: user.to_owned() });
        }
        let (host, port) = match (given.strip_prefix('['), given.matches(':').count()) {
            (Some(rest), _) => rest.split_once(']').ok_or(BadDestination::Form)?,
            // An IPv6 address alone needs no brackets.
            (None, 0 | 2..) => (given, ""),
            (None, 1) => given.split_at(given.find(':').unwrap_or(given.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port.parse().map_err(|_| BadDestination::Form)?),
            None if port.is_empty() => None,
            None => return Err(BadDestination::Form),
        };
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/[]".contains(c);
        if host.is_empty() || host.starts_with('-') || host.contains(odd) || port == Some(0) {
            return Err(BadDestination::Form);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            None => f.write_str(&self.host),
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_hosts_with_or_without_a_port() {
        for (given, host, port) in [
            ("core-1", "core-1", None),
            ("10.0.0.1:2222", "10.0.0.1", Some(2222)),
            ("fd00::1", "fd00::1", None),
            ("[fd00::1]", "fd00::1", None),
            ("[fd00::1]:22", "fd00::1", Some(22)),
        ] {
            let destination: Destination = given.parse().expect(given);
            assert_eq!((destination.host.as_str(), destination.port), (host, port), "{given}");
            assert_eq!(destination.to_string().parse(), Ok(destination), "{given}");
        }
    }

    #[test]
    fn an_address_from_the_cluster_is_no_more_than_that() {
        for address in ["172.17.8.101", "fd00::1", "core_1.example"] {
            let destination = Destination::of_machine(address, Some(22)).expect(address);
            assert_eq!((destination.host(), destination.port()), (address, Some(22)));
        }
        for address in ["", "-oProxyCommand=x", "x';touch PWNED;'", "$(x)", "a b", "a\nb", "%h"] {
            assert!(Destination::of_machine(address, None).is_err(), "{address}");
        }
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        for given in [
            "",
            ":22",
            "-oProxyCommand=x",
            "host:",
            "host:ssh",
            "host:0",
            "host:70000",
            "[fd00::1",
            "[fd00::1]22",
            "a b",
            "ssh://host",
            "core@host",
        ] {
            assert!(given.parse::<Destination>().is_err(), "{given}");
        }
        let said = "core@host:22".parse::<Destination>().expect_err("a user").to_string();
        assert!(said.contains("--tunnel host:22 --ssh-username core"), "{said}");
    }
}
