//! The command lines of ssh and its tools. Pure: settings in, arguments out.
//!
//! What `~/.ssh/config` says holds, but for what decides who is trusted (its known-hosts files, its
//! shared connections, whose keys were checked elsewhere) and what would get in the way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::destination::Destination;
use super::quote;
use crate::api::client::Endpoint;

/// The program, found as every program is.
pub const SSH: &str = "ssh";

/// What connections have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who to be there.
    pub user: String,
    /// Whom to trust.
    pub trust: Trust,
    /// How long a machine may be silent while it is being connected to.
    pub timeout: Duration,
}

/// Whose host key is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those in this file.
    Known(PathBuf),
    /// Anybody's.
    Anyone,
    /// Anybody's, which is then written to this file.
    Learn(PathBuf),
}

/// How a command on a machine uses the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// As ssh decides: one where a person asks for a shell.
    Auto,
    /// None: what the command writes comes back byte for byte.
    None,
    /// One there, whatever is here: when it goes, so does the command.
    Forced,
}

/// What is to run on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The command, for the shell there; nothing for a shell.
    pub command: Vec<String>,
    /// How it uses the terminal.
    pub terminal: Terminal,
    /// Whether the agent that holds the keys can be asked from there.
    pub forward_agent: bool,
}

/// After how long silence ssh asks whether the other side is there, as parts of the timeout, and how
/// many questions may go unanswered. Both hold for the login, too, where people are not waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    parts: u64,
    unanswered: u64,
}

/// A tunnel that is dead is given up within the timeout.
const TUNNEL: Patience = Patience { parts: 3, unanswered: 2 };

/// Whoever works on a machine would rather wait than lose a shell.
const SESSION: Patience = Patience { parts: 1, unanswered: 3 };

impl Settings {
    /// The same with another trust.
    pub fn trusting(&self, trust: Trust) -> Self {
        Self { trust, ..self.clone() }
    }

    /// A connection that serves many: the control socket for sessions and further connections, and
    /// the near end for what shall reach the far end. Says so on standard output once both are there.
    pub fn tunnel(
        &self,
        to: &Destination,
        control: &Path,
        near: &Path,
        far: &Endpoint,
    ) -> Vec<String> {
        let near = quote::forward_path(&near.to_string_lossy());
        let forward = format!("{near}:{}", far_side(far));
        let mut words = self.options();
        words.extend(self.keep_alive(TUNNEL));
        words.extend(["-N", "-T", "-M", "-S"].map(str::to_owned));
        words.push(quote::percent(&control.to_string_lossy()));
        words.extend(["-L".to_owned(), forward]);
        words.extend(options(&[
            ("ControlPersist", "no"),
            // What the configuration forwards may be in use by another connection already.
            ("ExitOnForwardFailure", "no"),
            ("ForwardAgent", "no"),
            ("ForwardX11", "no"),
            ("PermitLocalCommand", "yes"),
            ("LocalCommand", "echo"),
            // Its last words are the reason when it fails.
            ("LogLevel", "INFO"),
        ]));
        words.extend(place(to));
        words
    }

    /// A connection that learns the host key, and is refused: nobody can log in without a method.
    pub fn probe(&self, to: &Destination, tunnel: Option<(&Destination, &Path)>) -> Vec<String> {
        let mut words = self.options();
        words.extend(self.keep_alive(TUNNEL));
        words.extend(self.unshared(tunnel));
        words.extend(options(&[
            ("PreferredAuthentications", "none"),
            ("BatchMode", "yes"),
            ("LogLevel", "INFO"),
            ("ClearAllForwardings", "yes"),
            ("ForwardAgent", "no"),
            ("ForwardX11", "no"),
        ]));
        words.push("-T".to_owned());
        words.extend(place(to));
        words.push("true".to_owned());
        words
    }

    /// A command or a shell on a machine.
    pub fn session(
        &self,
        to: &Destination,
        tunnel: Option<(&Destination, &Path)>,
        session: &Session,
    ) -> Vec<String> {
        let mut words = self.options();
        words.extend(self.keep_alive(SESSION));
        words.extend(self.unshared(tunnel));
        if session.forward_agent {
            words.push("-A".to_owned());
        }
        // Otherwise it says that it stores the key that it does not store.
        if session.terminal != Terminal::Auto || self.trust == Trust::Anyone {
            words.extend(options(&[("LogLevel", "ERROR")]));
        }
        let terminal = match session.terminal {
            Terminal::Auto => None,
            Terminal::None => Some("-T"),
            Terminal::Forced => Some("-tt"),
        };
        if let Some(terminal) = terminal {
            words.extend(options(&[("ClearAllForwardings", "yes")]));
            words.push(terminal.to_owned());
        }
        words.extend(place(to));
        words.extend(session.command.iter().cloned());
        words
    }

    /// Over the tunnel's connection: standard input and output are those of a socket there.
    pub fn fd_forward(&self, to: &Destination, control: &Path, socket: &str) -> Vec<String> {
        let mut words = self.shared(control);
        let alone = [("LogLevel", "INFO"), ("ForwardAgent", "no"), ("ForwardX11", "no")];
        words.extend(options(&alone));
        words.push("-T".to_owned());
        words.extend(place(to));
        words.push(quote::shell(&["fleetctl", "fd-forward", socket]));
        words
    }

    /// A connection of its own, through the tunnel if there is one.
    fn unshared(&self, tunnel: Option<(&Destination, &Path)>) -> Vec<String> {
        let mut words = options(&[("ControlMaster", "no"), ("ControlPath", "none")]);
        if let Some((jump, control)) = tunnel {
            let ours = |words: Vec<String>| words.into_iter().map(|word| quote::percent(&word));
            let mut proxy = vec![SSH.to_owned()];
            proxy.extend(ours(self.shared(control)));
            proxy.extend(["-W", "[%h]:%p"].map(str::to_owned));
            proxy.extend(ours(place(jump)));
            words.extend(options(&[("ProxyCommand", &quote::shell(&proxy))]));
        }
        words
    }

    /// Over the tunnel's connection. Should it be gone, a new one follows the same rules.
    fn shared(&self, control: &Path) -> Vec<String> {
        let mut words = self.options();
        words.extend(["-S".to_owned(), quote::percent(&control.to_string_lossy())]);
        words
    }

    fn keep_alive(&self, patience: Patience) -> Vec<String> {
        let interval = (seconds(self.timeout) / patience.parts).max(1);
        options(&[
            ("ServerAliveInterval", &interval.to_string()),
            ("ServerAliveCountMax", &patience.unanswered.to_string()),
        ])
    }

    /// Who to be, whom to trust, how long to wait.
    fn options(&self) -> Vec<String> {
        let (checking, file) = match &self.trust {
            Trust::Known(file) => ("yes", quote::option_path(&file.to_string_lossy())),
            Trust::Anyone => ("no", "/dev/null".to_owned()),
            Trust::Learn(file) => ("accept-new", quote::option_path(&file.to_string_lossy())),
        };
        let mut words = vec!["-l".to_owned(), self.user.clone()];
        words.extend(options(&[
            ("StrictHostKeyChecking", checking),
            ("UserKnownHostsFile", &file),
            ("GlobalKnownHostsFile", "/dev/null"),
            ("VerifyHostKeyDNS", "no"),
            ("UpdateHostKeys", "no"),
            ("CheckHostIP", "no"),
            ("HashKnownHosts", "no"),
            ("RemoteCommand", "none"),
            ("ConnectTimeout", &seconds(self.timeout).to_string()),
        ]));
        words
    }
}

/// What ssh's configuration makes of a destination, one `name value` a line.
pub fn resolve(user: &str, to: &Destination) -> Vec<String> {
    let mut words = ["-G", "-l", user].map(str::to_owned).to_vec();
    words.extend(place(to));
    words
}

/// The name under which a known-hosts file has a host (sshd(8)), from the answer to [`resolve`].
pub fn known_as(resolved: &str) -> Option<String> {
    let value = |name: &str| {
        let mut values = resolved.lines().filter_map(|line| line.split_once(' '));
        values.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    };
    if let Some(alias) = value("hostkeyalias").filter(|alias| *alias != "none") {
        return Some(alias.to_owned());
    }
    let host = value("hostname")?.to_ascii_lowercase();
    match value("port") {
        None | Some("22") => Some(host),
        Some(port) => Some(format!("[{host}]:{port}")),
    }
}

/// What `-L` has for an endpoint.
fn far_side(far: &Endpoint) -> String {
    match far {
        Endpoint::Unix(path) => quote::forward_path(&path.to_string_lossy()),
        Endpoint::Http { host, port } | Endpoint::Https { host, port } => format!("{host}:{port}"),
        Endpoint::Tunnelled(tunnel) => far_side(&tunnel.far),
    }
}

/// The host last, after which nothing can be taken for an option.
fn place(to: &Destination) -> Vec<String> {
    let port = to.port().into_iter().flat_map(|port| ["-p".to_owned(), port.to_string()]);
    port.chain(["--".to_owned(), to.host().to_owned()]).collect()
}

fn options(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")]).collect()
}

/// ssh knows whole seconds only.
fn seconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(trust: Trust, timeout: Duration) -> Settings {
        Settings { user: "core".to_owned(), trust, timeout }
    }

    fn to(text: &str) -> Destination {
        text.parse().expect(text)
    }

    fn has(words: &[String], option: &str) -> bool {
        words.windows(2).any(|pair| pair[0] == "-o" && pair[1] == option)
    }

    #[test]
    fn a_tunnel_leads_to_any_kind_of_endpoint() {
        let settings = settings(Trust::Anyone, Duration::from_secs(10));
        for (far, side) in [
            ("unix:///var/run/fleet.sock", "/var/run/fleet.sock"),
            ("unix:///run/a:b%.sock", r"/run/a\:b%%.sock"),
            ("http://127.0.0.1:49153", "127.0.0.1:49153"),
            ("https://[fd00::1]", "[fd00::1]:443"),
        ] {
            let far = far.parse().expect(far);
            let words =
                settings.tunnel(&to("core-1"), "/t/ssh".as_ref(), "/t/fleet".as_ref(), &far);
            let at = words.iter().position(|word| word == "-L").expect("it forwards");
            assert_eq!(words[at + 1], format!("/t/fleet:{side}"));
            assert_eq!(words[words.len() - 2..], ["--", "core-1"]);
        }
    }

    #[test]
    fn silence_is_bounded_in_whole_seconds() {
        for (timeout, connect, interval) in [(10.0, 10, 3), (0.2, 1, 1), (2.5, 3, 1)] {
            let settings = settings(Trust::Anyone, Duration::from_secs_f64(timeout));
            let words = settings.probe(&to("core-1"), None);
            assert!(has(&words, &format!("ConnectTimeout={connect}")), "{words:?}");
            assert!(has(&words, &format!("ServerAliveInterval={interval}")), "{words:?}");
        }
    }

    #[test]
    fn trust_is_this_file_and_no_other() {
        for (trust, checking, file) in [
            (Trust::Known("/a b/hosts".into()), "yes", "\"/a b/hosts\""),
            (Trust::Learn("/t/key".into()), "accept-new", "/t/key"),
            (Trust::Anyone, "no", "/dev/null"),
        ] {
            let words = settings(trust, Duration::from_secs(10)).probe(&to("core-1"), None);
            assert!(has(&words, &format!("StrictHostKeyChecking={checking}")), "{words:?}");
            assert!(has(&words, &format!("UserKnownHostsFile={file}")), "{words:?}");
            assert!(has(&words, "GlobalKnownHostsFile=/dev/null"), "{words:?}");
            assert!(has(&words, "ControlPath=none"), "{words:?}");
        }
    }

    #[test]
    fn a_machine_behind_the_tunnel_is_reached_over_its_connection() {
        let settings = settings(Trust::Known("/100%/hosts".into()), Duration::from_secs(10));
        let session =
            Session { command: Vec::new(), terminal: Terminal::Auto, forward_agent: false };
        let jump = to("core-1:2222");
        let words = settings.session(&to("10.0.0.2"), Some((&jump, "/t/ssh".as_ref())), &session);
        let proxy = words.iter().find(|word| word.starts_with("ProxyCommand=")).expect("a proxy");
        // Read twice, by the outer ssh and by its own.
        assert!(proxy.contains(" 'UserKnownHostsFile=/100%%%%/hosts' "), "{proxy}");
        assert!(proxy.ends_with(" -S /t/ssh -W '[%h]:%p' -p 2222 -- core-1"), "{proxy}");
    }

    #[test]
    fn hosts_are_known_as_sshd_8_says() {
        for (resolved, name) in [
            ("host a\nhostname Core-1.Example\nport 22\n", "core-1.example"),
            ("hostname 10.0.0.1\nport 2222\n", "[10.0.0.1]:2222"),
            ("hostname a\nport 2222\nhostkeyalias web\n", "web"),
        ] {
            assert_eq!(known_as(resolved).as_deref(), Some(name));
        }
        assert_eq!(known_as("Bad configuration option: x\n"), None);
    }
}
