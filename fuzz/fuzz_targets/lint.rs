//! No text makes the linter panic or take long, what is refused is found, and a repair changes no
//! meaning.
#![no_main]

use fleet::model::fix::fix;
use fleet::model::lint::{Peers, Subject, lint};
use fleet::model::{Requirements, validate};
use fleet::unitfile::lint::Severity;
use fleet::unitfile::{UnitFile, UnitName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let fixed = fix(text).text;
    assert_eq!(fix(&fixed).text, fixed);
    for name in ["a.service", "a@.service", "a@1.service"] {
        let name = UnitName::parse(name).expect("it is a valid name");
        let subject = Subject::read(name.clone(), text);
        let mut peers = Peers::default();
        peers.insert(name.clone(), subject.peer(&name));
        let findings = lint(&subject, &peers);
        let told = findings.iter().any(|finding| finding.rule.severity == Severity::Error);
        let Ok(file) = UnitFile::parse(text) else {
            assert!(told);
            continue;
        };
        assert!(told || validate(&name, &file).is_ok());
        let fixed = UnitFile::parse(&fixed).expect("a repair leaves a unit file one");
        assert_eq!(Requirements::of(&name, &fixed).ok(), Requirements::of(&name, &file).ok());
    }
});
