//! What a configuration may say, and what becomes of it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use fleet::fleetd::config::{Effect, Loaded, OPTIONS, changes, load, shown};

fn from_file(text: &str) -> Result<Loaded, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load(Some(file.path()), std::iter::empty()).map_err(|error| error.to_string())
}

fn from_environment(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
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
    let odd = "etcd_username=u\r\netcd_password = a#b;c=d%e\\f\"g \n";
    let (_, password) = from_file(odd).unwrap().settings.etcd.user.unwrap();
    assert_eq!(password, "a#b;c=d%e\\f\"g");
    let settings = from_file("metadata=\"disk=ssd,region=us-east=1\"\n").unwrap().settings;
    let metadata: Vec<_> = settings.metadata.into_iter().collect();
    assert_eq!(metadata, [("disk".into(), "ssd".into()), ("region".into(), "us-east=1".into())]);
}

#[test]
fn the_prefix_has_one_slash_at_each_end() {
    for (text, prefix) in [("mine", "/mine/"), ("//a/b//", "/a/b/"), ("", "/"), ("/", "/")] {
        let settings = from_file(&format!("etcd_key_prefix={text}\n")).unwrap().settings;
        assert_eq!(settings.etcd.prefix, prefix, "{text}");
    }
}

#[test]
fn the_environment_wins() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "agent_ttl=5s\ntoken_limit=7\n").unwrap();
    let environment = [("FLEET_AGENT_TTL".into(), "9s".into())];
    let settings = load(Some(file.path()), environment.into_iter()).unwrap().settings;
    assert_eq!((settings.agent_ttl, settings.token_limit), (Duration::from_secs(9), 7));
}

#[test]
fn an_unknown_option_is_a_warning() {
    let warnings = from_file("agent_tll=5s\ncolour=red\n").unwrap().warnings;
    assert_eq!(
        warnings,
        [
            "option agent_tll is not known and does nothing; did you mean agent_ttl?",
            "option colour is not known and does nothing"
        ]
    );
    let warnings = from_environment(&[("FLEET_DISABLE_WATCHES", "true")]).unwrap().warnings;
    assert!(warnings[0].contains("never polls"), "{warnings:?}");
}

#[test]
fn a_bad_value_says_which_and_what_it_should_be() {
    let table = [
        ("agent_ttl=soon", "agent_ttl=soon: should be a time"),
        ("agent_ttl=1s", "agent_ttl=1s: is too short"),
        ("agent_ttl=2d", "agent_ttl=2d: is too long, the most is 24h"),
        ("token_limit=0", "token_limit=0: should be 1 or more"),
        ("disable_engine=maybe", "disable_engine=maybe: should be true or false"),
        ("etcd_servers=10.0.0.1:2379", "etcd_servers=10.0.0.1:2379: should be URLs"),
        ("etcd_servers=", "etcd_servers=: should be URLs"),
        ("etcd_servers=http://", "etcd_servers=http://: should be URLs"),
        (r#"etcd_servers=["http://a:1""#, r#"etcd_servers=["http://a:1": should be URLs"#),
        ("public_ip=http://a", "public_ip=http://a: should be an address"),
        ("public_ip=10.0.0.1:22", "public_ip=10.0.0.1:22: should be an address"),
        ("metadata=\"a=b", "metadata: a quote is opened and not closed"),
        ("metadata", "metadata has no value"),
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
fn a_password_is_not_repeated() {
    let refused = from_file("etcd_servers=http://fleet:hush@a:2379\n").unwrap_err();
    assert!(refused.contains("etcd_password") && !refused.contains("hush"), "{refused}");
}

#[test]
fn a_password_that_everyone_can_read_is_a_warning() {
    let secret = "etcd_username=u\netcd_password=hush\n";
    for (text, mode, expected) in
        [(secret, 0o644, true), (secret, 0o640, false), ("token_limit=7\n", 0o644, false)]
    {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(mode)).unwrap();
        let warnings = load(Some(file.path()), std::iter::empty()).unwrap().warnings;
        let warned = warnings.iter().any(|warning| warning.contains("can read etcd_password"));
        assert_eq!(warned, expected, "{mode:o}: {warnings:?}");
    }
}

/// Settings that differ from the defaults in every option.
const ALL: &str = "verbosity=1
etcd_servers=https://a.example:2379,https://[fd00::1]:2379
etcd_request_timeout=0.5
etcd_cafile=/ca
etcd_keyfile=/key
etcd_certfile=/cert
etcd_username=fleet
etcd_password=hush
etcd_key_prefix=/mine/
public_ip=m1.example
metadata=disk=ssd,region=eu
agent_ttl=1m 30s
token_limit=7
disable_engine=true
";

#[test]
fn settings_are_shown_as_they_could_be_written_but_for_secrets() {
    let settings = from_file(ALL).unwrap().settings;
    let lines = shown(&settings).join("\n") + "\n";
    assert_eq!(lines, ALL.replace("hush", "********"));
    assert!(!format!("{settings:?}").contains("hush"));
    let none = shown(&from_file("").unwrap().settings);
    assert!(none.contains(&"etcd_password=".to_owned()), "{none:?}");
}

#[test]
fn a_change_says_when_it_takes_effect() {
    let (old, new) = (from_file("").unwrap().settings, from_file(ALL).unwrap().settings);
    assert_eq!(changes(&new, &new), []);
    let all = changes(&old, &new);
    assert_eq!(all.len(), ALL.lines().count());
    let at_once = all.iter().filter(|change| change.effect == Effect::AtOnce);
    let at_once: Vec<_> = at_once.map(|change| change.option).collect();
    assert_eq!(at_once, ["verbosity", "public_ip", "metadata", "token_limit", "disable_engine"]);
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    for line in [
        "etcd_password=********: takes effect when fleet.service is restarted",
        "metadata=disk=ssd,region=eu: in effect",
        "agent_ttl=1m 30s: takes effect when fleet.service is stopped and started",
    ] {
        assert!(words.iter().any(|said| said == line), "{line} in {words:#?}");
    }
    let other = from_file(&ALL.replace("hush", "secret")).unwrap().settings;
    assert_eq!(changes(&new, &other).len(), 1);
}

#[test]
fn every_option_can_come_from_the_environment() {
    let written = from_file(ALL).unwrap().settings;
    let variables: Vec<(String, &str)> = ALL
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (format!("FLEET_{}", name.to_uppercase()), value))
        .collect();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(n, v)| (&n[..], *v)).collect();
    assert_eq!(from_environment(&variables).unwrap().settings, written);
    let said_nothing = from_environment(&[("FLEET_AGENT_TTL", "")]).unwrap();
    assert_eq!(said_nothing, from_environment(&[]).unwrap());
}

#[test]
fn the_sample_shows_every_option_with_its_default() {
    let sample = include_str!("../../dist/fleet.conf");
    let options: Vec<(&str, &str)> = sample
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once('='))
        .filter(|(name, _)| !name.contains(' '))
        .collect();
    let names = |options: &[(&'static str, &'static str)]| -> Vec<&'static str> {
        options.iter().map(|(name, _)| *name).collect()
    };
    assert_eq!(names(&options), names(OPTIONS));
    let text: Vec<String> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let shown = from_file(&text.join("\n")).unwrap();
    assert_eq!(shown, from_environment(&[]).unwrap());
    assert_eq!(from_file(sample).unwrap(), shown);
}

/// What `fleetd --check-config` makes of a file.
fn check(text: &str, standalone: bool) -> (Option<i32>, String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let fleetd = Command::new(env!("CARGO_BIN_EXE_fleetd"))
        .arg("--check-config")
        .arg("-config")
        .arg(file.path())
        .args(standalone.then_some("--standalone"))
        .env_clear()
        .output();
    let Output { status, stdout, stderr } = fleetd.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_configuration_can_be_checked() {
    let (code, shown, said) = check("agent_tll=5s\netcd_username=u\netcd_password=hush\n", false);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("did you mean agent_ttl?"), "{said}");
    assert!(shown.contains("etcd_username=u\netcd_password=********\n"), "{shown}");
    assert_eq!(check(&shown.replace("********", "hush"), false).1, shown);

    let not_pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(not_pem.path(), "prose").unwrap();
    let prose = format!("etcd_cafile={}", not_pem.path().display());
    for (text, words) in [
        ("agent_ttl=soon", "agent_ttl=soon: should be a time"),
        ("etcd_cafile=/nowhere/ca.pem", "cannot read /nowhere/ca.pem: No such file"),
        (&prose, "is no PEM file"),
    ] {
        let (code, shown, said) = check(text, false);
        assert_eq!((code, shown.as_str()), (Some(1), ""), "{text}");
        assert!(said.contains(words), "{text}: {said}");
    }
    let alone = check(&prose, true);
    assert_eq!(alone.0, Some(0), "without etcd its files are not needed: {alone:?}");
}
