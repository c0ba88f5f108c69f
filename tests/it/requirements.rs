//! `[X-Fleet]`: what it asks for, what is refused, what is warned of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use fleet::model::{Glob, MachineId, OnPartition, Requirements, relations, validate, warnings};
use fleet::unitfile::{UnitFile, UnitName};
use proptest::prelude::*;

fn unit(name: &str, x_fleet: &str) -> (UnitName, UnitFile) {
    let text = format!("[Service]\nExecStart=/bin/true\n[X-Fleet]\n{x_fleet}");
    (UnitName::parse(name).unwrap(), UnitFile::parse(&text).unwrap())
}

fn requirements(name: &str, x_fleet: &str) -> Requirements {
    let (name, file) = unit(name, x_fleet);
    validate(&name, &file).unwrap_or_else(|e| panic!("{x_fleet}: {e}"))
}

fn refusal(name: &str, x_fleet: &str) -> String {
    let (name, file) = unit(name, x_fleet);
    match validate(&name, &file) {
        Ok(accepted) => panic!("{x_fleet}: {accepted:?}"),
        Err(error) => error.to_string(),
    }
}

fn names(names: &[&str]) -> Vec<UnitName> {
    names.iter().map(|n| UnitName::parse(n).unwrap()).collect()
}

fn globs(globs: &[&str]) -> Vec<Glob> {
    globs.iter().map(|g| Glob::parse(g).unwrap()).collect()
}

#[test]
fn nothing_asked_is_nothing_required() {
    assert_eq!(requirements("a.service", ""), Requirements::default());
    assert_eq!(requirements("a.service", "Unknown=1"), Requirements::default());
    let (name, file) = unit("a.service", "[Unit]\nMachineID=m\nX-ConditionMachineOf=b.service");
    assert_eq!(validate(&name, &file), Ok(Requirements::default()));
}

#[test]
fn every_spelling_says_the_same() {
    let id = Some(MachineId::parse("m-1").unwrap());
    for key in ["MachineID", "X-ConditionMachineID", "X-ConditionMachineBootID"] {
        assert_eq!(requirements("a.service", &format!("{key}=m-1")).machine_id, id, "{key}");
        assert_eq!(requirements("a.service", &format!("{key}=\"m-1\"")).machine_id, id, "{key}");
    }
    for key in ["MachineOf", "X-ConditionMachineOf"] {
        let found = requirements("a.service", &format!("{key}=b.service")).machine_of;
        assert_eq!(found, names(&["b.service"]), "{key}");
    }
    for key in ["Conflicts", "X-Conflicts"] {
        let found = requirements("a.service", &format!("{key}=b*")).conflicts;
        assert_eq!(found, globs(&["b*"]), "{key}");
    }
    for key in ["MachineMetadata", "X-ConditionMachineMetadata"] {
        let found = requirements("a.service", &format!("{key}=a=b")).metadata;
        assert!(found["a"].contains("b"), "{key}");
    }
}

#[test]
fn the_best_spelling_of_a_machine_counts() {
    let text = "X-ConditionMachineBootID=c\nX-ConditionMachineID=b\nMachineID=a\nMachineID=d";
    let id = requirements("a.service", text).machine_id;
    assert_eq!(id.unwrap().as_str(), "a");
}

#[test]
fn lists_are_gathered_sorted_and_reset() {
    let text = "Conflicts=c* a*\nX-Conflicts=\"b*\" \"a*\"\nMachineOf=z.service y.service";
    let found = requirements("a.service", text);
    assert_eq!(found.conflicts, globs(&["a*", "b*", "c*"]));
    assert_eq!(found.machine_of, names(&["y.service", "z.service"]));
    assert_eq!(
        requirements("a.service", "X-Conflicts=a*\nConflicts=\nConflicts=b*").conflicts,
        globs(&["b*"])
    );
    assert_eq!(requirements("a.service", "Replaces=a* \\\n  b*").replaces, globs(&["a*", "b*"]));
}

#[test]
fn metadata_are_pairs() {
    let text = "MachineMetadata=\"region=us-east\" \"region=us-west\" 'disk=ssd'\n\
                MachineMetadata=region=eu\nMachineMetadata=zone=far east";
    let metadata = requirements("a.service", text).metadata;
    let found: Vec<(&str, Vec<&str>)> = metadata
        .iter()
        .map(|(key, values)| (key.as_str(), values.iter().map(String::as_str).collect()))
        .collect();
    let regions = vec!["eu", "us-east", "us-west"];
    assert_eq!(found, [("disk", vec!["ssd"]), ("region", regions), ("zone", vec!["far east"])]);
    for pair in ["a", "=b", "a=", "a=b=c", "a=b c=d", "\"a=b\" c", "\"a=b"] {
        let words = refusal("a.service", &format!("MachineMetadata={pair}"));
        assert!(words.starts_with("[X-Fleet] MachineMetadata="), "{words}");
    }
}

#[test]
fn global_is_a_boolean() {
    for (value, expected) in
        [("true", true), ("Yes", true), ("1", true), ("on", true), ("no", false)]
    {
        assert_eq!(requirements("a.service", &format!("Global={value}")).global, expected);
    }
    assert!(!requirements("a.service", "Global=true\nGlobal=false").global);
    assert!(!requirements("a.service", "Global=true\nGlobal=").global);
    assert_eq!(
        refusal("a.service", "Global=maybe"),
        "[X-Fleet] Global=maybe: it is neither true nor false; write one of these"
    );
}

#[test]
fn on_partition_is_keep_or_stop() {
    let cases = [
        ("", OnPartition::Keep),
        ("OnPartition=keep", OnPartition::Keep),
        ("OnPartition=stop", OnPartition::Stop),
        ("OnPartition=stop\nOnPartition=keep", OnPartition::Keep),
        ("OnPartition=stop\nOnPartition=", OnPartition::Keep),
        ("Global=true\nOnPartition=stop", OnPartition::Stop),
    ];
    for (text, expected) in cases {
        assert_eq!(requirements("a.service", text).on_partition, expected, "{text:?}");
    }
    assert_eq!(
        refusal("a.service", "OnPartition=Stop"),
        "[X-Fleet] OnPartition=Stop: it is neither keep nor stop; write one of these"
    );
}

#[test]
fn specifiers_are_expanded() {
    let found = requirements("app@7.service", "MachineOf=db@%i.service\nConflicts=%p@*.service %n");
    assert_eq!(found.machine_of, names(&["db@7.service"]));
    assert_eq!(found.conflicts, globs(&["app@*.service", "app@7.service"]));
    assert_eq!(requirements("m-1.service", "MachineID=%N").machine_id.unwrap().as_str(), "m-1");
}

#[test]
fn templates_are_judged_as_far_as_all_instances_agree() {
    let text = "MachineOf=db@%i.service\nMachineMetadata=%i=yes\nConflicts=%p@*.service";
    let found = requirements("app@.service", text);
    assert!(found.machine_of.is_empty() && found.metadata.is_empty());
    assert_eq!(found.conflicts, globs(&["app@*.service"]));
    refusal("app@.service", "MachineOf=db");
    refusal("app@.service", "MachineID=%i\nConflicts=%p@*.service");
    refusal("app@.service", "MachineOf=db@%i.service\nGlobal=true");
    let (instance, file) = unit("app@7.service", "MachineOf=%i");
    assert!(validate(&instance, &file).is_err());
}

#[test]
fn contradictions_are_refused() {
    let exclusive = [
        ("MachineID=m", "MachineOf=b.service"),
        ("MachineID=m", "Conflicts=b*"),
        ("MachineID=m", "Global=true"),
        ("MachineID=m", "Replaces=b*"),
        ("Global=true", "MachineOf=b.service"),
        ("Global=true", "Replaces=b*"),
        ("Conflicts=b*", "Replaces=c*"),
        ("X-ConditionMachineBootID=m", "X-Conflicts=b*"),
    ];
    for (first, second) in exclusive {
        let words = refusal("a.service", &format!("{second}\n{first}"));
        assert!(words.contains(" cannot be used with "), "{words}");
    }
    for key in ["Conflicts", "Replaces"] {
        let words = refusal("a.service", &format!("MachineOf=b.service c.service\n{key}=c*"));
        let begins = format!("[X-Fleet] MachineOf=c.service can never hold, for {key}=c* matches");
        assert!(words.starts_with(&begins), "{words}");
    }
    for allowed in [
        "Global=true\nConflicts=b*",
        "Global=true\nMachineMetadata=a=b",
        "MachineID=m\nMachineMetadata=a=b",
        "MachineID=m\nGlobal=no",
        "MachineID=m\nConflicts=",
        "MachineOf=b.service\nConflicts=c*",
        "Conflicts=a.service",
    ] {
        requirements("a.service", allowed);
    }
}

#[test]
fn refusals_say_what_and_why() {
    let name = UnitName::parse("a.service").unwrap();
    let empty = validate(&name, &UnitFile::parse("# nothing\n[Service]\n").unwrap());
    assert!(empty.unwrap_err().to_string().contains("no options"));
    assert_eq!(
        refusal("a.service", "MachineOf=mongo"),
        "[X-Fleet] MachineOf=mongo: invalid unit name \"mongo\": it has no type; append one, such \
         as .service"
    );
    assert!(refusal("a.service", "Conflicts=[a").contains("never closed"));
    assert!(refusal("a.service", "MachineID=a/b").contains("invalid machine id \"a/b\""));
    let long = format!("Replaces={}", "%n".repeat(257));
    assert!(refusal("a.service", &long).contains("more than 512 bytes"));
    let many = (0..101).map(|i| format!("Conflicts={i}\n")).collect::<String>();
    assert!(refusal("a.service", &many).contains("more than 100 values"));
}

#[test]
fn doubtful_keys_are_warned_of() {
    let text = "MachineOff=b.service\nconflicts=a\nMachineID=b\nX-ConditionMachineID=c";
    let (name, file) = unit("a.service", text);
    let words: Vec<String> = warnings(&name, &file).iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "[X-Fleet] MachineOff is not known and has no effect; did you mean MachineOf?",
            "[X-Fleet] conflicts is not known and has no effect; did you mean Conflicts?",
            "[X-Fleet] MachineID=c has no effect, for MachineID=b is given too",
        ]
    );
    let (name, file) = unit("a.service", "MachineID=b\nX-ConditionMachineBootID=b");
    assert!(warnings(&name, &file).is_empty());
}

#[test]
fn relations_are_the_units_a_start_looks_for() {
    let name = UnitName::parse("app@7.service").unwrap();
    let text = "[Unit]\nRequires=a.service b.socket\nBindsTo=c.service\nWants=old.service\nWants=\n\
                Wants=db@%i.service %H.service tpl@.service\nAfter=\"d.service\" %n nonsense\n\
                Requisite=e.target\nBefore=f.service\nPartOf=g.service\n\
                [X-Fleet]\nX-ConditionMachineOf=h.service\n";
    let found: Vec<String> =
        relations(&name, &UnitFile::parse(text).unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "a.service",
            "b.socket",
            "c.service",
            "d.service",
            "db@7.service",
            "e.target",
            "h.service"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_section_panics(
        text in "((MachineID|MachineOf|MachineMetadata|Conflicts|Global|Replaces|X)=[a=\"'%i@*\\[ .]{0,9}(a\\.service)?\n){0,6}",
    ) {
        for name in ["a.service", "a@.service", "a@1.service"] {
            let (name, file) = unit(name, &text);
            if let Ok(found) = validate(&name, &file) {
                prop_assert_eq!(Requirements::of(&name, &file), Ok(found));
            }
            warnings(&name, &file);
            relations(&name, &file);
        }
    }
}
