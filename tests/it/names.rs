//! Names of units: what makes one valid, its parts, and names given on a command line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use fleet::unitfile::{NameErrorKind, UnitName, UnitType};
use proptest::prelude::*;

#[test]
fn names_are_those_of_systemd() {
    let cases = [
        // name, stem, prefix, instance, template
        ("foo.service", "foo", "foo", None, None),
        ("foo@.service", "foo@", "foo", None, None),
        ("foo@bar.service", "foo@bar", "foo", Some("bar"), Some("foo@.service")),
        ("foo@bar@baz.service", "foo@bar@baz", "foo", Some("bar@baz"), Some("foo@.service")),
        ("foo.1@2.socket", "foo.1@2", "foo.1", Some("2"), Some("foo.1@.socket")),
        ("dev-disk\\x2d1.mount", "dev-disk\\x2d1", "dev-disk\\x2d1", None, None),
        ("a:b_c-d.snapshot", "a:b_c-d", "a:b_c-d", None, None),
    ];
    for (text, stem, prefix, instance, template) in cases {
        let name = UnitName::parse(text).unwrap();
        assert_eq!((name.stem(), name.prefix()), (stem, prefix), "{text}");
        assert_eq!((name.instance(), name.is_instance()), (instance, instance.is_some()), "{text}");
        assert_eq!(name.template().as_ref().map(UnitName::as_str), template, "{text}");
        assert_eq!(name.is_template(), text == "foo@.service", "{text}");
    }
    let longest = format!("{}.service", "a".repeat(256 - 8));
    assert!(UnitName::parse(&longest).is_ok());
    let refused = [
        ("", NameErrorKind::Empty),
        (&format!("a{longest}"), NameErrorKind::TooLong { bytes: 257 }),
        ("foo", NameErrorKind::NoType),
        ("foo.", NameErrorKind::UnknownType),
        ("foo.network", NameErrorKind::UnknownType),
        ("foo.Service", NameErrorKind::UnknownType),
        (".service", NameErrorKind::NoPrefix),
        ("@1.service", NameErrorKind::NoPrefix),
        ("a/b.service", NameErrorKind::Character { character: '/' }),
        ("a b.service", NameErrorKind::Character { character: ' ' }),
        ("é.service", NameErrorKind::Character { character: 'é' }),
        ("a@b.mount", NameErrorKind::NoTemplates { unit_type: UnitType::Mount }),
    ];
    for (text, kind) in refused {
        assert_eq!(UnitName::parse(text).map_err(|e| e.kind), Err(kind), "{text}");
    }
}

#[test]
fn every_type_is_known_and_five_have_templates() {
    let types = "automount busname device mount path scope service slice snapshot socket swap \
                 target timer";
    let with_templates = ["path", "service", "socket", "target", "timer"];
    for unit_type in types.split(' ') {
        assert!(UnitName::parse(&format!("a.{unit_type}")).is_ok(), "{unit_type}");
        for name in [format!("a@.{unit_type}"), format!("a@1.{unit_type}")] {
            assert_eq!(
                UnitName::parse(&name).is_ok(),
                with_templates.contains(&unit_type),
                "{name}"
            );
        }
    }
    assert_eq!(types.split(' ').count(), UnitType::ALL.len());
}

#[test]
fn arguments_are_paths_or_short_names() {
    let cases = [
        ("hello", "hello.service"),
        ("hello.service", "hello.service"),
        ("./units/hello@1.socket", "hello@1.socket"),
        ("app@1", "app@1.service"),
        ("foo.bar", "foo.bar.service"),
        ("swap.swap", "swap.swap"),
    ];
    for (argument, name) in cases {
        assert_eq!(UnitName::from_argument(argument).unwrap().as_str(), name);
    }
    assert!(UnitName::from_argument("units/").is_err());
    assert!(UnitName::from_argument("").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn names_come_back(text in "[a@.:\\\\_-]{0,4}(@[a1.@]{0,2})?\\.(service|timer|mount|x)") {
        if let Ok(name) = UnitName::parse(&text) {
            prop_assert_eq!(name.to_string(), text.clone());
            prop_assert_eq!(format!("{}.{}", name.stem(), name.unit_type()), text.clone());
            let instance = name.instance().unwrap_or_default();
            let at = if name.stem().contains('@') { "@" } else { "" };
            prop_assert_eq!(format!("{}{at}{instance}", name.prefix()), name.stem());
            let json = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(serde_json::from_str::<UnitName>(&json).unwrap(), name.clone());
            prop_assert_eq!(UnitName::from_argument(&text).unwrap(), name);
        } else {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert!(serde_json::from_str::<UnitName>(&json).is_err());
        }
    }
}
