//! Texts: unit files, configurations, and the event stream as a client reads it.

use fleet::api::client::sse::Parser;
use fleet::fleetd::config;
use fleet::model::fix::fix;
use fleet::model::lint::{self, Peers, Subject};
use fleet::model::{Requirements, relations, validate, warnings};
use fleet::unitfile::lint::Severity;
use fleet::unitfile::{UnitFile, UnitName};

/// One of each kind of name.
fn names() -> impl Iterator<Item = UnitName> {
    let names = ["a.service", "a@.service", "a@1.service"];
    names.into_iter().map(|name| UnitName::parse(name).unwrap())
}

/// Whatever is read as a unit file comes back byte for byte, and its options can be written and
/// read again.
pub fn unit_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(file) = UnitFile::parse(text) else { return };
    assert_eq!(file.contents(), text);
    let written = UnitFile::from_options(file.options().to_vec()).unwrap();
    assert_eq!(written.options(), file.options());
    assert_eq!(written.hash(), file.hash());
    assert_eq!(UnitFile::parse(written.contents()).as_ref(), Ok(&written));
}

/// No `[X-Fleet]` section, under no kind of name, makes the model panic or take long.
pub fn x_fleet(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(file) = UnitFile::parse(&format!("[X-Fleet]\n{text}")) else { return };
    for name in names() {
        if let Ok(requirements) = validate(&name, &file) {
            for peer in &requirements.machine_of {
                assert!(!requirements.conflicts.iter().any(|glob| glob.matches(peer.as_str())));
            }
        }
        warnings(&name, &file);
        relations(&name, &file);
    }
}

/// No text makes the linter panic or take long, what is refused is found, and a repair changes no
/// meaning.
pub fn lint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let fixed = fix(text).text;
    assert_eq!(fix(&fixed).text, fixed);
    for name in names() {
        let subject = Subject::read(name.clone(), text);
        let mut peers = Peers::default();
        peers.insert(name.clone(), subject.peer(&name));
        let findings = lint::lint(&subject, &peers);
        let told = findings.iter().any(|finding| finding.rule.severity == Severity::Error);
        let Ok(file) = UnitFile::parse(text) else {
            assert!(told);
            continue;
        };
        assert!(told || validate(&name, &file).is_ok());
        let fixed = UnitFile::parse(&fixed).unwrap();
        assert_eq!(Requirements::of(&name, &fixed).ok(), Requirements::of(&name, &file).ok());
    }
}

/// A configuration is read, or refused in words; what is read and shown reads the same again.
pub fn config(bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let read = |text: &[u8]| {
        std::fs::write(file.path(), text).unwrap();
        config::load(Some(file.path()), std::iter::empty())
    };
    match read(bytes) {
        Ok(loaded) => {
            let shown = config::shown(&loaded.settings);
            assert!(shown.iter().all(|line| !line.is_empty()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A stream of events is the same however it is cut, and no message of it is larger than allowed.
pub fn events(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let whole = Parser::default().push(stream);
    let mut parser = Parser::default();
    let mut parts = Ok(Vec::new());
    for chunk in stream.chunks(usize::from(*cut) + 1) {
        match (parser.push(chunk), &mut parts) {
            (Ok(messages), Ok(all)) => all.extend(messages),
            (Err(error), _) => {
                parts = Err(error);
                break;
            }
            (Ok(_), Err(_)) => {}
        }
    }
    assert_eq!(whole, parts);
}
