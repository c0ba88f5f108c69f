//! fleetd's settings: what the file and the environment may say, and what the rest of the daemon
//! sees of it. Nothing past [`Settings`] handles raw text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use configparser::ini::{Ini, IniDefault};

use super::registry::{EtcdSettings, TlsFiles};

/// Every option, with its default as the file would say it. An empty default is "not set".
const OPTIONS: &[(&str, &str)] = &[
    ("verbosity", "0"),
    ("etcd_servers", "http://127.0.0.1:2379"),
    ("etcd_request_timeout", "1.0"),
    ("etcd_cafile", ""),
    ("etcd_keyfile", ""),
    ("etcd_certfile", ""),
    ("etcd_username", ""),
    ("etcd_password", ""),
    ("etcd_key_prefix", "/_coreos.com/fleet/"),
    ("public_ip", ""),
    ("metadata", ""),
    ("agent_ttl", "30s"),
    ("engine_reconcile_interval", "2"),
    ("token_limit", "100"),
    ("disable_engine", "false"),
    ("disable_watches", "false"),
];

/// The shortest time to live of a machine: etcd counts leases in seconds and ends them on
/// half-second ticks, so that anything shorter could not be renewed twice in time.
const AGENT_TTL_MIN: Duration = Duration::from_secs(2);

/// How fleetd shall run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// 0 for information, 1 and more for debugging.
    pub verbosity: u8,
    /// The cluster's store.
    pub etcd: EtcdSettings,
    /// The address others reach this machine by; found from the routes if unset.
    pub public_ip: Option<String>,
    /// What this machine says of itself.
    pub metadata: BTreeMap<String, String>,
    /// How long this machine counts as alive after its last heartbeat.
    pub agent_ttl: Duration,
    /// The entries of one page of a list.
    pub token_limit: usize,
    /// Whether this machine never leads.
    pub disable_engine: bool,
}

/// Why fleetd will not start with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not one.
    #[error("cannot read the configuration {path}: {message}")]
    File {
        /// Which.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// An option has a value that makes no sense.
    #[error("{option}={value}: {wanted}")]
    Value {
        /// Which option.
        option: &'static str,
        /// What it says.
        value: String,
        /// What it should say.
        wanted: String,
    },
}

/// What was read: the settings, and what the person who wrote them should know.
#[derive(Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Sentences about options that are unknown or do nothing.
    pub warnings: Vec<String>,
}

/// Reads the file, if there is one, then what the environment says instead.
///
/// `environment` holds `FLEET_…` variables.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let text = file.map(read_file).transpose()?.unwrap_or_default();
    let mut raw = parse(&text).map_err(|message| ConfigError::File {
        path: file.map(|path| path.display().to_string()).unwrap_or_default(),
        message,
    })?;
    for (name, value) in environment {
        if let Some(option) = name.strip_prefix("FLEET_") {
            raw.insert(option.to_lowercase(), value);
        }
    }
    settings(raw)
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError::File {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}

/// The options in a file: INI without sections.
fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut defaults = IniDefault::default();
    // Values are URLs and lists: `:`, `#` and `;` are part of them.
    defaults.delimiters = vec!['='];
    defaults.enable_inline_comments = false;
    let section = defaults.default_section.clone();
    let mut sections = Ini::new_from_defaults(defaults).read(text.to_owned())?;
    if let Some(other) = sections.keys().find(|name| **name != section) {
        return Err(format!("section [{other}] is not known; fleet's options have no section"));
    }
    let options = sections.remove(&section).unwrap_or_default();
    Ok(options
        .into_iter()
        .map(|(name, value)| (name, unquoted(&value.unwrap_or_default())))
        .collect())
}

/// A value without the quotes around it, if it has a pair.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner =
        ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(value).to_owned()
}

fn settings(raw: BTreeMap<String, String>) -> Result<Loaded, ConfigError> {
    let known = |name: &str| OPTIONS.iter().any(|(option, _)| *option == name);
    let mut warnings: Vec<String> = raw
        .keys()
        .filter(|name| !known(name))
        .map(|name| format!("option {name} is not known and does nothing"))
        .collect();
    let options = Options(&raw);
    if options.boolean("disable_watches")? {
        warnings.push("disable_watches does nothing: fleet only watches, it never polls".into());
    }
    // The original's engine looked at everything each so many seconds; this one is woken.
    options.number::<f64>("engine_reconcile_interval", "a number of seconds")?;
    let settings = Settings {
        verbosity: options.number("verbosity", "a small number")?,
        etcd: options.etcd()?,
        public_ip: options.set("public_ip"),
        metadata: options.metadata()?,
        agent_ttl: options.agent_ttl()?,
        token_limit: options.number::<std::num::NonZeroUsize>("token_limit", "1 or more")?.get(),
        disable_engine: options.boolean("disable_engine")?,
    };
    Ok(Loaded { settings, warnings })
}

/// Raw options with their defaults.
struct Options<'a>(&'a BTreeMap<String, String>);

impl Options<'_> {
    fn get(&self, option: &'static str) -> &str {
        let default = OPTIONS.iter().find(|(name, _)| *name == option).map_or("", |(_, d)| d);
        self.0.get(option).map_or(default, |value| value.trim())
    }

    fn set(&self, option: &'static str) -> Option<String> {
        Some(self.get(option).to_owned()).filter(|value| !value.is_empty())
    }

    fn bad(&self, option: &'static str, wanted: impl Into<String>) -> ConfigError {
        ConfigError::Value { option, value: self.get(option).to_owned(), wanted: wanted.into() }
    }

    fn number<T: FromStr>(&self, option: &'static str, wanted: &str) -> Result<T, ConfigError> {
        self.get(option).parse().map_err(|_| self.bad(option, format!("should be {wanted}")))
    }

    fn boolean(&self, option: &'static str) -> Result<bool, ConfigError> {
        match self.get(option).to_lowercase().as_str() {
            "true" | "t" | "1" | "yes" => Ok(true),
            "false" | "f" | "0" | "no" => Ok(false),
            _ => Err(self.bad(option, "should be true or false")),
        }
    }

    fn agent_ttl(&self) -> Result<Duration, ConfigError> {
        let ttl = humantime::parse_duration(self.get("agent_ttl"))
            .map_err(|_| self.bad("agent_ttl", "should be a time such as 30s or 1m30s"))?;
        if ttl < AGENT_TTL_MIN {
            let wanted = format!("is too short, the least is {}s", AGENT_TTL_MIN.as_secs());
            return Err(self.bad("agent_ttl", wanted));
        }
        Ok(ttl)
    }

    fn etcd(&self) -> Result<EtcdSettings, ConfigError> {
        let endpoints = list(self.get("etcd_servers"));
        let is_url =
            |server: &String| server.starts_with("http://") || server.starts_with("https://");
        if endpoints.is_empty() || !endpoints.iter().all(is_url) {
            return Err(self.bad("etcd_servers", "should be URLs such as http://10.0.0.1:2379"));
        }
        let timeout = self.number("etcd_request_timeout", "a number of seconds")?;
        let request_timeout = Duration::try_from_secs_f64(timeout)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(|| self.bad("etcd_request_timeout", "should be more than 0 seconds"))?;
        let pair = |a, b| match (self.set(a), self.set(b)) {
            (Some(a), Some(b)) => Ok(Some((a, b))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.bad(b, format!("must be set too, since {a} is"))),
            (None, Some(_)) => Err(self.bad(a, format!("must be set too, since {b} is"))),
        };
        let ca = self.set("etcd_cafile").map(PathBuf::from);
        let identity = pair("etcd_certfile", "etcd_keyfile")?;
        let encrypted = ca.is_some()
            || identity.is_some()
            || endpoints.iter().any(|server| server.starts_with("https://"));
        let identity = identity.map(|(certificate, key)| (certificate.into(), key.into()));
        Ok(EtcdSettings {
            endpoints,
            request_timeout,
            prefix: format!("/{}/", self.get("etcd_key_prefix").trim_matches('/')),
            tls: encrypted.then_some(TlsFiles { ca, identity }),
            user: pair("etcd_username", "etcd_password")?,
        })
    }

    fn metadata(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        let pairs = list(self.get("metadata"));
        let pair = |pair: &String| {
            let (key, value) = pair.split_once('=')?;
            Some((key.trim().to_owned(), value.trim().to_owned()))
                .filter(|(key, _)| !key.is_empty())
        };
        pairs
            .iter()
            .map(|text| {
                pair(text).ok_or_else(|| self.bad("metadata", "should be key=value,key=value"))
            })
            .collect()
    }
}

/// A list, as `a,b` or as `["a","b"]`.
fn list(value: &str) -> Vec<String> {
    let inner = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(value);
    inner.split(',').map(unquoted).filter(|entry| !entry.is_empty()).collect()
}
