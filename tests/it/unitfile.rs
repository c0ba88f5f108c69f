//! Unit files: systemd's syntax, the round trip, the hash; as tables and as properties.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::path::{Path, PathBuf};

use fleet::unitfile::{
    FILE_BYTES_MAX, LINE_BYTES_MAX, OptionError, OptionFault, ParseErrorKind, UnitFile, UnitHash,
    UnitName, UnitOption,
};
use proptest::prelude::*;

fn option(section: &str, name: &str, value: &str) -> UnitOption {
    UnitOption { section: section.into(), name: name.into(), value: value.into() }
}

/// Name and value of each option of a text that has the one section `[S]`.
fn read(body: &str) -> Vec<(String, String)> {
    let file = UnitFile::parse(&format!("[S]\n{body}")).unwrap();
    file.options().iter().map(|o| (o.name.clone(), o.value.clone())).collect()
}

fn real_files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/unitfile");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        entries.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
    assert!(!files.is_empty());
    files
}

/// The laws every file that is accepted obeys.
fn check_round_trip(text: &str, file: &UnitFile) {
    assert_eq!(file.contents(), text);
    let written = UnitFile::from_options(file.options().to_vec()).unwrap();
    assert_eq!(written.options(), file.options());
    assert_eq!(written.hash(), file.hash());
    let again = UnitFile::parse(written.contents()).unwrap();
    assert_eq!(again, written);
}

#[test]
fn real_files_come_back_byte_for_byte() {
    for (path, text) in real_files() {
        let argument = path.to_str().unwrap();
        UnitName::from_argument(argument).unwrap();
        let file = UnitFile::parse(&text).unwrap_or_else(|e| panic!("{argument}: {e}"));
        check_round_trip(&text, &file);
    }
}

#[test]
fn reads_the_syntax_of_systemd() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("a=b", &[("a", "b")]),
        ("\t a \t=\t b c \t", &[("a", "b c")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a=\n\n \nb=\n", &[("a", ""), ("b", "")]),
        ("#a=b\n;a=b\n  # a=b\na=#b ;c\n", &[("a", "#b ;c")]),
        ("# a comment is not continued \\\na=b", &[("a", "b")]),
        ("a=b\\\nc=d", &[("a", "b\\\nc=d")]),
        ("a=b \\\n# skipped \\\n ; skipped\n  c", &[("a", "b \\\n  c")]),
        ("a=b\\\n\nc=d", &[("a", "b\\\n"), ("c", "d")]),
        ("a=b\\\n  \t\nc=d", &[("a", "b\\\n"), ("c", "d")]),
        ("a=b\\", &[("a", "b\\\n")]),
        ("a=b\\\n", &[("a", "b\\\n")]),
        ("a=b\\\\\nc=d", &[("a", "b\\\\"), ("c", "d")]),
        ("a=b\\\\\\\nc", &[("a", "b\\\\\\\nc")]),
        ("a=b\\ \nc=d", &[("a", "b\\ "), ("c", "d")]),
        ("a\\\n=b", &[("a", "b")]),
        ("\\\na=b", &[("a", "b")]),
        ("a=\\\nb", &[("a", "\\\nb")]),
        ("a=b\r\nc=d\\\r\ne\r\n", &[("a", "b"), ("c", "d\\\ne")]),
        ("a=b\rc=d", &[("a", "b"), ("c", "d")]),
        ("<<<<=bar", &[("<<<<", "bar")]),
    ];
    for (body, expected) in cases {
        let expected: Vec<_> =
            expected.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!(read(body), expected, "{body:?}");
    }
    let file = UnitFile::parse("\u{feff}[S]\na=b\n[ T ] \nc=d").unwrap();
    assert_eq!(file.options(), [option("S", "a", "b"), option(" T ", "c", "d")]);
}

#[test]
fn joins_continued_lines_and_resets_lists() {
    let text = "[S]\nl=a\nl=b \\\n  c\nm=x\nl=\nl=d\\\n\nl=e\\ \nm=\n[Empty]\n[S]\nl=f";
    let file = UnitFile::parse(text).unwrap();
    assert_eq!(file.get_all("S", "l"), ["d", "e\\", "f"]);
    assert_eq!(file.get("S", "l"), Some("f"));
    assert_eq!(file.get("S", "m"), None);
    assert!(file.get_all("S", "n").is_empty());
    let joined = file.section("S").nth(1);
    assert_eq!(joined, Some(("l", "b    c")));
    assert!(file.has_section("S") && !file.has_section("Empty"));
}

#[test]
fn errors_say_where_why_and_what_to_do() {
    let long = "x".repeat(LINE_BYTES_MAX + 1);
    let cases = [
        ("a=b", 1, ParseErrorKind::NoSection),
        ("\n# c\n\na=b", 4, ParseErrorKind::NoSection),
        ("hello world", 1, ParseErrorKind::NoEquals),
        ("[S]\r\n\r\nnonsense upon stilts\r\n", 3, ParseErrorKind::NoEquals),
        ("[S]\na\\\n# c\nb", 2, ParseErrorKind::NoEquals),
        ("[S]\n = b", 2, OptionFault::NoName.into()),
        ("[S]\na\tb=c", 2, OptionFault::NameCharacter('\t').into()),
        ("[S", 1, ParseErrorKind::OpenHeader),
        ("[S] # why not", 1, ParseErrorKind::OpenHeader),
        ("[S]\n[x=y", 2, ParseErrorKind::OpenHeader),
        ("[]", 1, OptionFault::NoSection.into()),
        ("[a\"b]", 1, OptionFault::SectionCharacter('"').into()),
        ("[S]\na=\0", 2, ParseErrorKind::Nul),
        (&long, 1, OptionFault::LineTooLong { bytes: LINE_BYTES_MAX + 1 }.into()),
        (&format!("# {long}"), 1, OptionFault::LineTooLong { bytes: LINE_BYTES_MAX + 3 }.into()),
    ];
    for (text, line, kind) in cases {
        let error = UnitFile::parse(text).unwrap_err();
        assert_eq!((error.line, &error.kind), (line, &kind), "{text:?}");
        assert!(error.to_string().starts_with(&format!("line {line}: ")));
    }
    let words = UnitFile::parse("[Service]\nExecStart\n").unwrap_err().to_string();
    assert_eq!(words, "line 2: there is no \"=\"; write name=value, or # in front of a comment");
}

#[test]
fn limits_are_what_they_say() {
    let line = format!("a={}", "x".repeat(2048 - 2));
    assert!(UnitFile::parse(&format!("[S]\n{line}\r\n")).is_ok());
    let error = UnitFile::parse(&format!("[S]\n{line}x\n")).unwrap_err();
    assert_eq!((error.line, error.kind), (2, OptionFault::LineTooLong { bytes: 2049 }.into()));

    let body = "a=b\n".repeat(FILE_BYTES_MAX / 4 - 1);
    assert!(UnitFile::parse(&format!("[S]\n{body}")).is_ok());
    let huge = format!("[S]\n{}", "a=b\n".repeat(10 * FILE_BYTES_MAX));
    let error = UnitFile::parse(&huge).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::FileTooLarge { bytes: huge.len() });
    assert_eq!(error.line, FILE_BYTES_MAX / 4 + 1);

    let options = vec![option("S", "a", "b"); FILE_BYTES_MAX / 4];
    let bytes = FILE_BYTES_MAX + 4;
    assert_eq!(UnitFile::from_options(options), Err(OptionError::FileTooLarge { bytes }));
}

#[test]
fn writes_options_in_order_and_hashes_them_by_section() {
    let interleaved = vec![
        option("Unit", "Description", "Foo"),
        option("Service", "ExecStart", "/usr/bin/sleep infinity"),
        option("Unit", "BindsTo", "bar.service"),
    ];
    let file = UnitFile::from_options(interleaved).unwrap();
    let written = "[Unit]\nDescription=Foo\n\n[Service]\nExecStart=/usr/bin/sleep infinity\n\n\
                   [Unit]\nBindsTo=bar.service\n";
    assert_eq!(file.contents(), written);
    let grouped = "# fleet 1.0 writes it so\n[Unit]\nDescription= Foo\nBindsTo=bar.service\n\
                   [Service]\nExecStart=/usr/bin/sleep infinity";
    assert_eq!(UnitFile::parse(grouped).unwrap().hash(), file.hash());
    let other = UnitFile::parse(&written.replace("Foo", "Fooo")).unwrap();
    assert_ne!(other.hash(), file.hash());
}

#[test]
fn hashes_and_options_travel_as_json() {
    let file = UnitFile::parse("[S]\na=b \\\n c").unwrap();
    let hash = serde_json::to_string(&file.hash()).unwrap();
    assert_eq!(hash, format!("\"{}\"", file.hash()));
    assert_eq!(serde_json::from_str::<UnitHash>(&hash).unwrap(), file.hash());
    assert!(serde_json::from_str::<UnitHash>("\"cafe\"").is_err());
    let options = serde_json::to_string(file.options()).unwrap();
    assert_eq!(options, r#"[{"section":"S","name":"a","value":"b \\\n c"}]"#);
}

#[test]
fn options_are_trimmed_or_refused() {
    let cases = [
        (option("S", " a ", "\n b \t\r\n"), Ok(option("S", "a", "b"))),
        (option("S", "a", "b \\\n c"), Ok(option("S", "a", "b \\\n c"))),
        (option("S", "a", "b\\"), Ok(option("S", "a", "b\\\n"))),
        (option("S", "a", "b\\ "), Ok(option("S", "a", "b\\ "))),
        (option("S", "a", "b\nc=d"), Err(OptionFault::LineBreak)),
        (option("S", "a", "b\\\n\nc"), Err(OptionFault::LineBreak)),
        (option("S", "a", "b\\\n #c"), Err(OptionFault::CommentInValue('#'))),
        (option("S", "a", "b\rc"), Err(OptionFault::ValueCharacter('\r'))),
        (option("S", "a", "b\0"), Err(OptionFault::ValueCharacter('\0'))),
        (option("S", "", "b"), Err(OptionFault::NoName)),
        (option("S", "a=b", "c"), Err(OptionFault::NameCharacter('='))),
        (option("S", "#a", "b"), Err(OptionFault::NameStart('#'))),
        (option("", "a", "b"), Err(OptionFault::NoSection)),
        (option("S]\n[T", "a", "b"), Err(OptionFault::SectionCharacter('\n'))),
        (option(&"S".repeat(129), "a", "b"), Err(OptionFault::SectionTooLong { bytes: 129 })),
        (
            option("S", "ab", &"x".repeat(LINE_BYTES_MAX - 2)),
            Err(OptionFault::LineTooLong { bytes: LINE_BYTES_MAX + 1 }),
        ),
    ];
    for (given, expected) in cases {
        let shown = format!("{given:?}");
        match (UnitFile::from_options(vec![given]), expected) {
            (Ok(file), Ok(option)) => assert_eq!(file.options(), [option]),
            (Err(OptionError::Fault { fault, .. }), Err(expected)) => assert_eq!(fault, expected),
            (result, expected) => panic!("{shown}: {result:?}, not {expected:?}"),
        }
    }
}

#[test]
fn time_grows_with_size_alone() {
    // Each of these takes minutes if some step looks at everything before it again.
    let fill = |piece: &str| piece.repeat((FILE_BYTES_MAX - 100) / piece.len());
    let sections: String = (0..30_000).map(|i| format!("[{i}]\na=b\n")).collect();
    for body in [
        fill("\\\n"),
        fill("a=\\\n# comment\n"),
        fill("[X-Fleet]\nConflicts=a\nGlobal=\n"),
        format!("a={}\nb=c", fill("\\\n")),
        fill("MachineOf=a.service\nMachineOf=\n"),
        fill("a=\n"),
        fill("\n\r"),
        sections,
    ] {
        if let Ok(file) = UnitFile::parse(&format!("[X-Fleet]\n{body}")) {
            let name = UnitName::parse("a.service").unwrap();
            let _ = fleet::model::validate(&name, &file);
            fleet::model::warnings(&name, &file);
            fleet::model::relations(&name, &file);
        }
    }
}

/// Text that is more often than not about to be a unit file.
fn syntax() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("[S]\n".to_owned()),
        Just("\na=".to_owned()),
        Just("\\\n".to_owned()),
        "[\\[\\]a=#; \\\\\n\r\t\"%é\u{feff}\0]",
        "[ab=\\\\ ]{0,4}\n",
    ];
    proptest::collection::vec(pieces, 0..40).prop_map(|pieces| format!("[S]\n{}", pieces.concat()))
}

fn any_option() -> impl Strategy<Value = UnitOption> {
    let word = "[\\[\\]a=#; \\\\\n\r\t\"é\u{feff}]{0,6}";
    (prop_oneof![Just("S".to_owned()), "[a-cX-]{1,2}"], "[a-b=# ]{1,3}", word)
        .prop_map(|(section, name, value)| UnitOption { section, name, value })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        if let Ok(file) = UnitFile::parse(&text) {
            check_round_trip(&text, &file);
        }
    }

    #[test]
    fn what_is_read_is_what_is_written(text in syntax()) {
        if let Ok(file) = UnitFile::parse(&text) {
            check_round_trip(&text, &file);
        }
    }

    #[test]
    fn what_is_written_is_what_is_read(options in proptest::collection::vec(any_option(), 0..6)) {
        if let Ok(file) = UnitFile::from_options(options) {
            check_round_trip(file.contents(), &file);
            let again = UnitFile::parse(file.contents()).unwrap();
            prop_assert_eq!(again.options(), file.options());
            prop_assert_eq!(again.hash(), file.hash());
        }
    }
}
