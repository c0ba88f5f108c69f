//! fleetd's settings: what the file and the environment may say, and what the rest of the daemon
//! sees of it. Nothing past [`Settings`] handles raw text.
//!
//! `file` reads text, `options` makes settings of it, `shown` tells them again and what a change of
//! them means. This room knows what options are called; it must not know what is done with them.

mod file;
mod options;
mod shown;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use shown::{Change, Effect, changes, shown};

use super::registry::EtcdSettings;

/// Every option, with its default as the file would say it. An empty default is "not set".
pub const OPTIONS: &[(&str, &str)] = &[
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

/// Where the configuration is, if there is one and nobody says otherwise.
const DEFAULT_FILE: &str = "/etc/fleet/fleet.conf";

/// How fleetd shall run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// 0 for information, 1 and more for debugging.
    pub verbosity: u8,
    /// The cluster's store.
    pub etcd: EtcdSettings,
    /// The address others reach this machine by, or its name; found from the routes if unset.
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

/// Why fleetd will not run with these settings.
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
        option: String,
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

/// Where this fleetd's configuration comes from: the same each time it is read.
#[derive(Debug)]
pub struct Source {
    /// The file that was given or found; it has to be there from then on.
    file: Option<PathBuf>,
    default: PathBuf,
}

impl Source {
    /// The file that was given, or else `/etc/fleet/fleet.conf` if it is there.
    pub fn new(given: Option<PathBuf>) -> Source {
        Source { file: given, default: DEFAULT_FILE.into() }
    }

    /// Reads it as it is now, with this process's environment.
    pub fn load(&mut self) -> Result<Loaded, ConfigError> {
        let there = self.file.is_some()
            || self.default.try_exists().map_err(|error| {
                let path = self.default.display().to_string();
                ConfigError::File { path, message: error.to_string() }
            })?;
        let file = there.then(|| self.file.as_ref().unwrap_or(&self.default).clone());
        let loaded = load(file.as_deref(), std::env::vars_os())?;
        self.file = file;
        Ok(loaded)
    }
}

/// Reads the file, if there is one, then what the environment says instead.
///
/// Of `environment`, `FLEET_…` variables count. One that is empty says nothing, as in fleet 1.0.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let mut raw = file.map(file::read).transpose()?.unwrap_or_default();
    let open = file.filter(|file| raw.contains_key("etcd_password") && file::is_open(file));
    for (name, value) in environment {
        let name = name.into_string().unwrap_or_default();
        let Some(option) = name.strip_prefix("FLEET_").map(str::to_lowercase) else { continue };
        let value = value.into_string().map_err(|_| ConfigError::Value {
            option: name.clone(),
            // It may be a secret.
            value: "…".to_owned(),
            wanted: "should be UTF-8".to_owned(),
        })?;
        if !value.trim().is_empty() {
            raw.insert(option, value);
        }
    }
    let mut loaded = options::settings(&raw)?;
    loaded.warnings.extend(open.map(|file| {
        let file = file.display();
        format!("everyone on this machine can read etcd_password in {file}: chmod o-r {file}")
    }));
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_there_has_to_stay() {
        let folder = tempfile::tempdir().unwrap();
        let default = folder.path().join("fleet.conf");
        let mut source = Source { file: None, default: default.clone() };
        source.load().unwrap();
        std::fs::write(&default, "token_limit=7\n").unwrap();
        assert_eq!(source.load().unwrap().settings.token_limit, 7);
        std::fs::remove_file(&default).unwrap();
        let refused = source.load().unwrap_err().to_string();
        assert!(refused.contains(&*default.to_string_lossy()), "{refused}");
    }
}
