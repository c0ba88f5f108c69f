//! No `[X-Fleet]` section, under no kind of name, makes the model panic or take long.
#![no_main]

use fleet::model::{relations, validate, warnings};
use fleet::unitfile::{UnitFile, UnitName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(file) = UnitFile::parse(&format!("[X-Fleet]\n{text}")) else { return };
    for name in ["a.service", "a@.service", "a@1.service"] {
        let name = UnitName::parse(name).expect("it is a valid name");
        if let Ok(requirements) = validate(&name, &file) {
            for peer in &requirements.machine_of {
                assert!(!requirements.conflicts.iter().any(|glob| glob.matches(peer.as_str())));
            }
        }
        warnings(&name, &file);
        relations(&name, &file);
    }
});
