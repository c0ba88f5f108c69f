//! What `fleetctl verify` finds: every file and folder in `tests/data/lint`, with what is found in
//! it kept in the `.out` file beside it; and what holds of all texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fleet::model::fix::fix;
use fleet::model::lint::{Peers, Subject, lint, rules};
use fleet::model::{Requirements, validate};
use fleet::unitfile::lint::Severity;
use fleet::unitfile::{Draft, UnitFile, UnitName};
use proptest::prelude::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `fleetctl verify` where no daemon is asked.
fn verify(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetctl"));
    command.current_dir(folder).args(["verify", "--offline"]).args(arguments).output().unwrap()
}

/// What is to be looked at, each with its golden file.
fn cases() -> Vec<(String, PathBuf)> {
    let folder = root().join("tests/data/lint");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".out")).collect();
    names.sort();
    assert!(!names.is_empty());
    names.into_iter().map(|name| (name.clone(), folder.join(format!("{name}.out")))).collect()
}

#[test]
fn every_mistake_is_found_where_it_is() {
    let renew = std::env::var_os("RENEW").is_some();
    for (name, golden) in cases() {
        let output = verify(golden.parent().unwrap(), &[&name]);
        let found = String::from_utf8(output.stdout).unwrap();
        if renew {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert!(found == expected, "{name}: if this is right, run the test with RENEW=1\n{found}");
        let failed = found.contains(": error: ");
        assert_eq!(output.status.code(), Some(i32::from(failed)), "{name}: {found}");
    }
}

#[test]
fn every_rule_has_a_case() {
    let found: BTreeSet<String> = cases()
        .iter()
        .flat_map(|(_, golden)| {
            let golden = fs::read_to_string(golden).unwrap();
            let names =
                golden.lines().filter_map(|line| line.rsplit_once('[')?.1.strip_suffix(']'));
            names.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let known: Vec<String> = rules().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(found, known.iter().cloned().collect());
    assert_eq!(found.len(), known.len(), "two rules of one name");
}

#[test]
fn our_own_units_are_good() {
    let output = verify(root(), &["units", "--strict"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn time_grows_with_size_alone() {
    // Each of these takes minutes if some rule looks at everything before it again.
    let fill = |piece: &str| piece.repeat(200_000 / piece.len());
    let numbered = |begin: &str, end: &str| -> String {
        (0..200_000 / (begin.len() + end.len() + 5)).map(|i| format!("{begin}{i}{end}")).collect()
    };
    for text in [
        fill("nonsense\n") + &fill("a=b\n"),
        fill("[X-Fleet]\nConflicts=a\nGlobal=\n"),
        "[X-Fleet]\n".to_owned() + &numbered("Conflicts=", "\n") + &fill("Global=\n"),
        "[Unit]\n".to_owned() + &numbered("x", "=1\ny=\n"),
        "[Unit]\n".to_owned() + &numbered("After=u", ".service\n"),
        "[Unit]\n".to_owned() + &numbered("Requires=u", ".service a.service\n"),
        "[Service]\nExecStart=docker run \\\n".to_owned() + &numbered("--link a", " \\\n"),
        "[Service]\nExecStart=docker run ".to_owned() + &fill("%i \\\n"),
    ] {
        check("a.service", &text).unwrap();
    }
}

/// Text in which more often than not something is nearly right.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\n\\[(Unit|Service|X-Fleet|X-fleet|Install)\\]\n",
        "(X-)?(Condition)?(Machine(Of|ID|BootID|Metadata)|Conflicts|Global|Replaces)=",
        "\n(Requires|After|ExecStart|ExecStopPost|Type|Restart)=",
        "(docker|/opt/bin/docker-run.sh) (run )?(--name |--link |-d)?",
        "(a|b)(@(1|%i)?)?\\.service",
        "(\\\\\n|\r\n|\n|[ \t])",
        "[\\[\\]a=#;*%\"'\\\\é\u{feff}\0-]",
        "[0-9a-f]{32}",
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

const NAMES: [&str; 4] = ["a.service", "a@.service", "a@1.service", "a.timer"];

/// What a file asks for under every kind of name.
fn meaning(text: &str) -> Option<Vec<Option<Requirements>>> {
    let file = UnitFile::parse(text).ok()?;
    let requirements = |name: &&str| Requirements::of(&name.parse().unwrap(), &file).ok();
    Some(NAMES.iter().map(requirements).collect())
}

fn check_all(text: &str) -> Result<(), TestCaseError> {
    NAMES.iter().try_for_each(|name| check(name, text))
}

/// Looks at a text as the file of a unit.
fn check(name: &str, text: &str) -> Result<(), TestCaseError> {
    let name: UnitName = name.parse().unwrap();
    let subject = Subject::read(name.clone(), text);
    let mut peers = Peers::default();
    peers.insert(name.clone(), subject.peer(&name));
    let findings = lint(&subject, &peers);
    for finding in &findings {
        let place = finding.place;
        let line = subject.draft.line(place.line).chars().count();
        prop_assert!(place.column <= line.max(1) + 1, "{:?}", finding);
        prop_assert!(!finding.reason.is_empty());
    }
    let refused = match UnitFile::parse(text) {
        Ok(file) => validate(&name, &file).is_err(),
        Err(_) => true,
    };
    let told = findings.iter().any(|finding| finding.rule.severity == Severity::Error);
    prop_assert!(told || !refused, "{} refuses {:?}", name, text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_what_is_refused_is_an_error(text in text()) {
        check_all(&text)?;
    }

    #[test]
    fn no_random_text_panics(text in any::<String>()) {
        check_all(&text)?;
    }

    #[test]
    fn a_draft_has_the_options_of_the_file(text in text()) {
        let draft = Draft::read(&text);
        match UnitFile::parse(&text) {
            Ok(file) => {
                let options: Vec<_> = draft.sections().iter().flat_map(|s| &s.entries).collect();
                prop_assert!(options.iter().map(|entry| &entry.option).eq(file.options()));
                // A name may be made of two lines.
                for entry in options.iter().filter(|entry| !entry.option.name.contains(' ')) {
                    prop_assert_eq!(&text[entry.key.clone()], &entry.option.name);
                }
                prop_assert_eq!(draft.faults().count(), 0);
            }
            Err(error) => prop_assert_eq!(draft.faults().next().unwrap().0.line, error.line),
        }
    }

    #[test]
    fn fixing_changes_no_meaning_and_is_done_once(text in text()) {
        let fixed = fix(&text);
        prop_assert_eq!(&fix(&fixed.text).text, &fixed.text);
        prop_assert_eq!(meaning(&fixed.text), meaning(&text));
    }
}
