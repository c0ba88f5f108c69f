//! From raw options to [`Settings`]: each is read, checked, and refused in words. Pure.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hyper::Uri;

use super::file::list;
use super::{ConfigError, Loaded, OPTIONS, Settings};
use crate::fleetd::registry::{EtcdSettings, TlsFiles};
use crate::model::similar;

/// The shortest time to live of a machine: etcd counts leases in seconds and ends them on
/// half-second ticks, so that anything shorter could not be renewed twice in time.
const AGENT_TTL_MIN: Duration = Duration::from_secs(2);

/// The longest: a person wants to hear of a dead machine on the same day.
const AGENT_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings from options by name; those that are not there have their defaults.
pub fn settings(raw: &BTreeMap<String, String>) -> Result<Loaded, ConfigError> {
    let known = |name: &&String| OPTIONS.iter().any(|(option, _)| option == name);
    let mut warnings: Vec<String> = raw.keys().filter(|name| !known(name)).map(unknown).collect();
    let options = Options(raw);
    if options.boolean("disable_watches")? {
        warnings.push("disable_watches does nothing: fleet only watches, it never polls".into());
    }
    // The original's engine looked at everything each so many seconds; this one is woken.
    options.number::<f64>("engine_reconcile_interval", "a number of seconds")?;
    let settings = Settings {
        verbosity: options.number("verbosity", "a small number")?,
        etcd: options.etcd()?,
        public_ip: options.public_ip()?,
        metadata: options.metadata()?,
        agent_ttl: options.agent_ttl()?,
        token_limit: options.number::<NonZeroUsize>("token_limit", "1 or more")?.get(),
        disable_engine: options.boolean("disable_engine")?,
    };
    Ok(Loaded { settings, warnings })
}

fn unknown(name: &String) -> String {
    match similar(name, OPTIONS, |(option, _)| option) {
        Some((option, _)) => {
            format!("option {name} is not known and does nothing; did you mean {option}?")
        }
        None => format!("option {name} is not known and does nothing"),
    }
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
        let value = self.get(option).to_owned();
        ConfigError::Value { option: option.to_owned(), value, wanted: wanted.into() }
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
        if ttl > AGENT_TTL_MAX {
            let wanted = format!("is too long, the most is {}h", AGENT_TTL_MAX.as_secs() / 3600);
            return Err(self.bad("agent_ttl", wanted));
        }
        Ok(ttl)
    }

    /// Both of two options that go together, or neither.
    fn pair(
        &self,
        a: &'static str,
        b: &'static str,
    ) -> Result<Option<(String, String)>, ConfigError> {
        match (self.set(a), self.set(b)) {
            (Some(a), Some(b)) => Ok(Some((a, b))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.bad(b, format!("must be set too, since {a} is"))),
            (None, Some(_)) => Err(self.bad(a, format!("must be set too, since {b} is"))),
        }
    }

    fn etcd(&self) -> Result<EtcdSettings, ConfigError> {
        let timeout = self.number("etcd_request_timeout", "a number of seconds")?;
        let request_timeout = Duration::try_from_secs_f64(timeout)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(|| self.bad("etcd_request_timeout", "should be more than 0 seconds"))?;
        let endpoints = self.etcd_servers()?;
        let ca = self.set("etcd_cafile").map(PathBuf::from);
        let identity = self.pair("etcd_certfile", "etcd_keyfile")?;
        let encrypted = ca.is_some()
            || identity.is_some()
            || endpoints.iter().any(|server| server.starts_with("https://"));
        let identity = identity.map(|(certificate, key)| (certificate.into(), key.into()));
        Ok(EtcdSettings {
            endpoints,
            request_timeout,
            prefix: self.prefix(),
            tls: encrypted.then_some(TlsFiles { ca, identity }),
            user: self.pair("etcd_username", "etcd_password")?,
        })
    }

    /// With one slash at each end, so that no two prefixes overlap by accident.
    fn prefix(&self) -> String {
        match self.get("etcd_key_prefix").trim_matches('/') {
            "" => "/".to_owned(),
            inner => format!("/{inner}/"),
        }
    }

    fn etcd_servers(&self) -> Result<Vec<String>, ConfigError> {
        let is_url = |server: &String| {
            let uri = server.parse::<Uri>().ok();
            uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            })
        };
        if self.get("etcd_servers").contains('@') {
            return Err(ConfigError::Value {
                option: "etcd_servers".to_owned(),
                // There may be a password in it.
                value: "…".to_owned(),
                wanted: "should name no user; that is for etcd_username and etcd_password".into(),
            });
        }
        list(self.get("etcd_servers"))
            .filter(|servers| !servers.is_empty() && servers.iter().all(is_url))
            .ok_or_else(|| self.bad("etcd_servers", "should be URLs such as http://10.0.0.1:2379"))
    }

    /// An address, or a name that others can look up. A name stays one: what it means may change.
    fn public_ip(&self) -> Result<Option<String>, ConfigError> {
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let address = self.set("public_ip");
        match &address {
            Some(ip) if ip.parse::<std::net::IpAddr>().is_err() && !ip.chars().all(name) => {
                let wanted = "should be an address or a host name, without a port";
                Err(self.bad("public_ip", wanted))
            }
            _ => Ok(address),
        }
    }

    fn metadata(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        let pair = |pair: String| {
            let (key, value) = pair.split_once('=')?;
            Some((key.trim().to_owned(), value.trim().to_owned()))
                .filter(|(key, _)| !key.is_empty())
        };
        let pairs = list(self.get("metadata"));
        let pairs = pairs.and_then(|pairs| pairs.into_iter().map(pair).collect());
        pairs.ok_or_else(|| self.bad("metadata", "should be key=value,key=value"))
    }
}
