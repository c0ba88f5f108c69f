//! Settings in the words of the configuration: to show them, and to tell what changed. Pure.

use std::fmt;

use super::Settings;

/// What stands for a secret.
const MASK: &str = "********";

/// When a changed option takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// While fleetd runs.
    AtOnce,
    /// When fleet.service is restarted.
    Restart,
    /// When the machine leaves the cluster and joins it again: a restart keeps its session.
    Rejoin,
}

/// An option that says something else than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The option.
    pub option: &'static str,
    /// What it says now; a secret is masked.
    pub value: String,
    /// From when on that counts.
    pub effect: Effect,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { option, value, effect } = self;
        let when = match effect {
            Effect::AtOnce => "in effect",
            Effect::Restart => "takes effect when fleet.service is restarted",
            Effect::Rejoin => "takes effect when fleet.service is stopped and started",
        };
        write!(f, "{option}={value}: {when}")
    }
}

/// The settings as lines of a configuration that says them all; secrets are masked.
pub fn shown(settings: &Settings) -> Vec<String> {
    let lines = said(settings).into_iter();
    lines.map(|(option, value, _)| format!("{option}={}", masked(option, value))).collect()
}

/// What `new` says otherwise than `old`.
pub fn changes(old: &Settings, new: &Settings) -> Vec<Change> {
    let pairs = said(old).into_iter().zip(said(new));
    pairs
        .filter(|((_, before, _), (_, after, _))| before != after)
        .map(|(_, (option, value, effect))| Change { option, value: masked(option, value), effect })
        .collect()
}

fn masked(option: &str, value: String) -> String {
    if option == "etcd_password" && !value.is_empty() { MASK.to_owned() } else { value }
}

/// Each option that does something: what it says, and when a change of it takes effect.
fn said(settings: &Settings) -> Vec<(&'static str, String, Effect)> {
    use Effect::{AtOnce, Rejoin, Restart};
    let Settings { verbosity, etcd, public_ip, metadata, agent_ttl, token_limit, disable_engine } =
        settings;
    let tls = etcd.tls.clone().unwrap_or_default();
    let (certificate, key) = tls.identity.unwrap_or_default();
    let ca = tls.ca.unwrap_or_default();
    let (user, password) = etcd.user.clone().unwrap_or_default();
    let pairs: Vec<String> = metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    vec![
        ("verbosity", verbosity.to_string(), AtOnce),
        ("etcd_servers", etcd.endpoints.join(","), Restart),
        ("etcd_request_timeout", etcd.request_timeout.as_secs_f64().to_string(), Restart),
        ("etcd_cafile", ca.display().to_string(), Restart),
        ("etcd_keyfile", key.display().to_string(), Restart),
        ("etcd_certfile", certificate.display().to_string(), Restart),
        ("etcd_username", user, Restart),
        ("etcd_password", password, Restart),
        ("etcd_key_prefix", etcd.prefix.clone(), Rejoin),
        ("public_ip", public_ip.clone().unwrap_or_default(), AtOnce),
        ("metadata", pairs.join(","), AtOnce),
        ("agent_ttl", humantime::format_duration(*agent_ttl).to_string(), Rejoin),
        ("token_limit", token_limit.to_string(), AtOnce),
        ("disable_engine", disable_engine.to_string(), AtOnce),
    ]
}
