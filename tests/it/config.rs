//! What a configuration may say, and what becomes of it.

use std::path::Path;
use std::time::Duration;

use fleet::fleetd::config::{Loaded, load};

fn from_file(text: &str) -> Result<Loaded, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load(Some(file.path()), std::iter::empty()).map_err(|error| error.to_string())
}

fn from_environment(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    load(None, variables).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_those_of_fleet() {
    let Loaded { settings, warnings } = from_environment(&[]).unwrap();
    assert_eq!(settings.etcd.endpoints, ["http://127.0.0.1:2379"]);
    assert_eq!(settings.etcd.request_timeout, Duration::from_secs(1));
    assert_eq!(settings.etcd.prefix, "/_coreos.com/fleet/");
    assert_eq!(settings.agent_ttl, Duration::from_secs(30));
    assert_eq!((settings.token_limit, settings.verbosity), (100, 0));
    assert!(!settings.disable_engine && settings.metadata.is_empty());
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn values_are_bare_or_quoted_and_lists_have_two_forms() {
    for servers in
        ["http://a:1,http://b:2", r#"["http://a:1","http://b:2"]"#, "'http://a:1, http://b:2'"]
    {
        let text = format!("# a comment\netcd_servers={servers}\nagent_ttl = \"1m30s\"\n");
        let settings = from_file(&text).unwrap().settings;
        assert_eq!(settings.etcd.endpoints, ["http://a:1", "http://b:2"]);
        assert_eq!(settings.agent_ttl, Duration::from_secs(90));
    }
    let settings = from_file("metadata=\"disk=ssd,region=us-east=1\"\n").unwrap().settings;
    let metadata: Vec<_> = settings.metadata.into_iter().collect();
    assert_eq!(metadata, [("disk".into(), "ssd".into()), ("region".into(), "us-east=1".into())]);
}

#[test]
fn the_environment_wins() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "agent_ttl=5s\ntoken_limit=7\n").unwrap();
    let environment = [("FLEET_AGENT_TTL".to_owned(), "9s".to_owned())];
    let settings = load(Some(file.path()), environment.into_iter()).unwrap().settings;
    assert_eq!((settings.agent_ttl, settings.token_limit), (Duration::from_secs(9), 7));
}

#[test]
fn an_unknown_option_is_a_warning() {
    let warnings = from_file("agent_tll=5s\n").unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("agent_tll"), "{warnings:?}");
    let warnings = from_environment(&[("FLEET_DISABLE_WATCHES", "true")]).unwrap().warnings;
    assert!(warnings[0].contains("never polls"), "{warnings:?}");
}

#[test]
fn a_bad_value_says_which_and_what_it_should_be() {
    let table = [
        ("agent_ttl=soon", "agent_ttl=soon: should be a time"),
        ("agent_ttl=1s", "agent_ttl=1s: is too short"),
        ("token_limit=0", "token_limit=0: should be 1 or more"),
        ("disable_engine=maybe", "disable_engine=maybe: should be true or false"),
        ("etcd_servers=10.0.0.1:2379", "etcd_servers=10.0.0.1:2379: should be URLs"),
        ("etcd_servers=", "etcd_servers=: should be URLs"),
        ("etcd_request_timeout=0", "more than 0"),
        ("etcd_request_timeout=-1", "more than 0"),
        ("etcd_keyfile=/k", "etcd_certfile=: must be set too, since etcd_keyfile is"),
        ("metadata=ssd", "metadata=ssd: should be key=value"),
        ("verbosity=much", "verbosity=much: should be a small number"),
        ("[fleet]\nverbosity=1", "section [fleet] is not known"),
    ];
    for (text, expected) in table {
        let refused = from_file(&format!("{text}\n")).unwrap_err();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
    let missing = load(Some(Path::new("/nowhere/fleet.conf")), std::iter::empty()).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/fleet.conf"), "{missing}");
}

#[test]
fn the_password_is_never_shown() {
    let user = [("FLEET_ETCD_USERNAME", "fleet"), ("FLEET_ETCD_PASSWORD", "hush")];
    let settings = from_environment(&user).unwrap().settings;
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn the_sample_shows_every_option_with_its_default() {
    let sample = include_str!("../../dist/fleet.conf");
    let options: Vec<&str> = sample
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.split_once('=').is_some_and(|(name, _)| !name.contains(' ')))
        .collect();
    assert_eq!(options.len(), 16, "{options:?}");
    let shown = from_file(&options.join("\n")).unwrap();
    assert_eq!(shown, from_environment(&[]).unwrap());
    assert_eq!(from_file(sample).unwrap(), shown);
}
